"""A range read off a plot, brought into a space's laws: the start of a refinement."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

from engine.errors import InvalidSpace
from engine.laws import Law
from engine.spaces import AnyNetSpace, RegNetSpace

STAGE_COLUMN = re.compile(r"(d|w|b|g|groups)_([1-8])")
STAGE_LAWS = {"d": "depths", "w": "widths", "b": "bottleneck_ratios", "g": "group_widths", "groups": "groups"}
SHARED = {"bottleneck_ratio": "bottleneck_ratios", "group_width": "group_widths"}


def narrowed(space: AnyNetSpace | RegNetSpace, asked: str) -> AnyNetSpace | RegNetSpace:
    """The space with one parameter narrowed; ``asked`` is such as ``w_m:2.26:2.55``.

    What makes no sense for this space leaves it as it is: the form shows what came of it.
    """
    column, _, limits = asked.partition(":")
    try:
        low, high = (float(bound) for bound in limits.split(":"))
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            return space
        return _with_range(space, column, low, high)
    except (ValueError, InvalidSpace):
        return space


def _with_range(space: AnyNetSpace | RegNetSpace, column: str, low: float, high: float) -> AnyNetSpace | RegNetSpace:
    if isinstance(space, RegNetSpace):
        law = getattr(space, column, None)
        return replace(space, **_change(column, _narrow(law, low, high))) if isinstance(law, Law) else space
    stage = STAGE_COLUMN.fullmatch(column)
    name = STAGE_LAWS[stage[1]] if stage else SHARED.get(column, "")
    laws: tuple[Law, ...] = getattr(space, name, ())
    if not laws:
        return space
    wanted = [int(stage[2]) - 1] if stage else range(len(laws))
    changed = tuple(_narrow(law, low, high) if k in wanted else law for k, law in enumerate(laws))
    return replace(space, **_change(name, changed))


def _change(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def _narrow(law: Law, low: float, high: float) -> Law:
    """The same kind of law on the values from low to high; as it is where none lies there."""
    kept = law.values[(law.values >= low) & (law.values <= high)]
    if not len(kept):
        return law
    if law.kind == "choice":
        weights = dict(zip(law.listed, law.weights or (1.0,) * len(law.listed), strict=True))
        listed = tuple(value for value in law.listed if value in set(kept.tolist()))
        return Law(kind="choice", listed=listed, weights=tuple(weights[v] for v in listed) if law.weights else ())
    return replace(law, low=kept[0].item(), high=kept[-1].item())
