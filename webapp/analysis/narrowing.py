"""Restrictions read off a plot or suggested, brought into a space's laws and rules: the start of a refinement.

In an address each is such as ``w_m:2.26:2.55``, ``depth::20`` (an open end) or ``widths_non_decreasing`` (a rule).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from engine.errors import InvalidSpace
from engine.spaces import AnyNetSpace, RegNetSpace
from engine.spaces.checks import RULES
from engine.spaces.laws import Law
from webapp.wording import plain

STAGE_COLUMN = re.compile(r"(d|w|b|g|groups)_([1-8])")
STAGE_LAWS = {"d": "depths", "w": "widths", "b": "bottleneck_ratios", "g": "group_widths", "groups": "groups"}
SHARED = {"bottleneck_ratio": "bottleneck_ratios", "group_width": "group_widths"}


def restriction(column: str, low: float | None, high: float | None) -> str:
    """A range as it stands in an address."""
    return ":".join([column, *("" if bound is None else plain(bound) for bound in (low, high))])


def restricted(space: AnyNetSpace | RegNetSpace, asked: Iterable[str]) -> AnyNetSpace | RegNetSpace:
    """The space with every restriction of an address, one after the other."""
    for one in asked:
        space = narrowed(space, one)
    return space


def narrowed(space: AnyNetSpace | RegNetSpace, asked: str) -> AnyNetSpace | RegNetSpace:
    """The space with one restriction.

    What makes no sense for this space leaves it as it is: the form shows what came of it.
    """
    column, _, limits = asked.partition(":")
    try:
        if not limits:
            return _with_rule(space, column)
        low, high = (_bound(text, default) for text, default in zip(limits.split(":"), (-1, 1), strict=True))
        return _with_range(space, column, low, high) if low <= high else space
    except (ValueError, InvalidSpace):
        return space


def narrows(space: AnyNetSpace | RegNetSpace, asked: Iterable[str]) -> bool:
    """Whether restrictions leave out some of the values that the laws and rules of the space give together."""
    return _values(restricted(space, asked)) < _values(space)


def _values(space: AnyNetSpace | RegNetSpace) -> int:
    return math.prod(sequence.count() for sequence in space.sequences.values())


def _bound(text: str, sign: int) -> float:
    """A bound, infinite where that end is open."""
    if not text:
        return sign * math.inf
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _with_rule(space: AnyNetSpace | RegNetSpace, rule: str) -> AnyNetSpace | RegNetSpace:
    if not isinstance(space, AnyNetSpace) or rule not in RULES or rule in space.rules:
        return space
    return replace(space, rules=(*space.rules, rule))


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
    """The same kind of law on the values from low to high; as it is where none or all lie there."""
    kept = law.values[(law.values >= low) & (law.values <= high)]
    if len(kept) in (0, len(law.values)):
        return law
    if law.kind == "choice":
        weights = dict(zip(law.listed, law.weights or (1.0,) * len(law.listed), strict=True))
        listed = tuple(value for value in law.listed if value in set(kept.tolist()))
        return Law(kind="choice", listed=listed, weights=tuple(weights[v] for v in listed) if law.weights else ())
    return replace(law, low=kept[0].item(), high=kept[-1].item())
