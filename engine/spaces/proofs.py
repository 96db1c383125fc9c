"""Whether a design lies in a space, and whether one space provably lies in another, rule by rule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.designs.complexity import complexity
from engine.designs.design import AnyNetDesign, RegNetDesign
from engine.designs.stages import WIDTH_QUANTUM
from engine.spaces.checks import RULES
from engine.spaces.laws import Law

if TYPE_CHECKING:  # spaces asks its questions here
    from engine.designs.design import Design
    from engine.spaces.space import AnyNetSpace, RegNetSpace, Space

TRUNK = ("stem", "stem_width", "block", "se_ratio", "head_width")
LETTERS = {"depths": "d", "widths": "w", "bottleneck_ratios": "b", "group_widths": "g", "groups": "groups"}


@dataclass(frozen=True)
class Part:
    """One parameter or rule of an answer: its name, whether it holds, and in a sentence why or why not."""

    name: str
    holds: bool
    reason: str


@dataclass(frozen=True)
class Answer:
    """Yes or no, as the truth value of the object, with one part for each parameter and rule looked at."""

    parts: tuple[Part, ...]

    def __bool__(self) -> bool:
        return all(part.holds for part in self.parts)

    @property
    def reason(self) -> str:
        """The first reason why not; empty where the answer is yes."""
        return next((part.reason for part in self.parts if not part.holds), "")


def contains_anynet(space: AnyNetSpace, design: Design) -> Answer:
    """Whether the design lies in the space; a RegNet design is asked by the stages it generates."""
    stages = design.as_generated() if isinstance(design, RegNetDesign) else design
    parts = [*_trunk_parts(space, stages)]
    parts.append(_equal_part("stages", len(stages.stage_depths), space.stages))
    if not parts[-1].holds:
        return Answer(tuple(parts))
    parts.append(_equal_part("stage_strides", stages.stage_strides, space.stage_strides))
    for name, one in space.sequences.items():
        values = drawn_values(space, stages, name)
        for number, (law, value) in enumerate(zip(one.laws, values, strict=True), start=1):
            parts.append(_value_part(f"{LETTERS[name]}_{number}", law, value))
    for rule in space.rules:
        name, _, sentence = RULES[rule]
        values = drawn_values(space, stages, name)
        holds = space.sequences[name].related(values)
        shown = ", ".join(f"{value:g}" for value in values)
        parts.append(Part(rule, holds, f"{sentence.capitalize()}: {'' if holds else 'not '}so for {shown}."))
    return Answer(tuple(parts))


def contains_regnet(
    space: RegNetSpace, design: Design, *, resolution: int, in_channels: int, num_classes: int
) -> Answer:
    """Whether the design lies in the space; only a RegNet design can."""
    if isinstance(design, AnyNetDesign):
        reason = "A RegNet space holds designs given by depth, w_0, w_a and w_m, not stage by stage."
        return Answer((Part("kind", False, reason),))
    parts = [*_trunk_parts(space, design), _equal_part("stage_stride", design.stage_stride, space.stage_stride)]
    for name in ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width"):
        parts.append(_value_part(name, getattr(space, name), getattr(design, name)))
    if space.tie:
        tied = design.w_0 == design.w_a
        parts.append(Part(space.tie, tied, f"w_0 = {design.w_0} and w_a = {design.w_a:g}."))
    stages = design.as_generated()
    low, high = space.stages
    count = len(stages.stage_depths)
    parts.append(Part("stages", low <= count <= high, f"{count} stages, where {_range(low, high)} are allowed."))
    for name, limit, values in (
        ("stage_width_limit", space.stage_width_limit, stages.stage_widths),
        ("stage_depth_limit", space.stage_depth_limit, stages.stage_depths),
    ):
        if limit is not None:
            parts.append(Part(name, max(values) <= limit, f"{max(values)}, where at most {limit} is allowed."))
    if space.params_limit is not None or space.acts_limit is not None:
        cost = complexity(design, resolution=resolution, in_channels=in_channels, num_classes=num_classes)
        for name, value, most in complexity_limits(space, cost.flops, cost.params, cost.acts):
            parts.append(Part(name, bool(value < most), f"{value:,}, where less than {most:,.0f} is allowed."))
    return Answer(tuple(parts))


def complexity_limits(space: RegNetSpace, flops: Any, params: Any, acts: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each limit of the space as its name, the values it is about, and what they must stay below."""
    if space.params_limit is not None:
        constant, slope = space.params_limit
        yield "params_limit", params, 1e6 * (constant + slope * flops / 1e9)
    if space.acts_limit is not None:
        yield "acts_limit", acts, 1e6 * space.acts_limit * np.sqrt(flops / 1e9)


def drawn_values(space: Space, design: Design, name: str) -> Sequence[float]:
    """The values of a design that belong to one entry of ``space.sequences``."""
    if isinstance(design, RegNetDesign):
        return (design.w_0, design.w_a) if name == "w" else (getattr(design, name),)
    if name in ("depths", "widths"):
        return design.stage_depths if name == "depths" else design.stage_widths
    if name == "bottleneck_ratios" or getattr(design, name):
        values: Sequence[float] = getattr(design, name)
        return values
    # Groups given the other way round: what group compatibility makes of them.
    adjusted = design.to_anynet()
    if name == "group_widths":
        return adjusted.group_widths
    return [inner // width for inner, width in zip(adjusted.inner_widths, adjusted.group_widths, strict=True)]


def prove_subset(child: Space, parent: Space) -> Answer:
    """Whether every design of the child provably lies in the parent."""
    return Answer(tuple(_subset_parts(child, parent)))


def _subset_parts(child: Any, parent: Any) -> Iterator[Part]:
    if child.kind == "anynet" and parent.kind == "regnet":
        yield Part("kind", False, "A space of stages given one by one can't be shown to lie in a RegNet space.")
        return
    yield from _trunk_parts(parent, child)
    if parent.kind == "regnet":
        yield from _regnet_in_regnet(child, parent)
        return
    stages = _equal_part("stages", _stage_count(child), parent.stages)
    yield stages
    if stages.holds:
        yield from (_anynet_in_anynet if child.kind == "anynet" else _regnet_in_anynet)(child, parent)


def _stage_count(space: Any) -> Any:
    if space.kind == "anynet":
        return space.stages
    low, high = space.stages
    return low if low == high else space.stages


def _anynet_in_anynet(child: AnyNetSpace, parent: AnyNetSpace) -> Iterator[Part]:
    yield _equal_part("stage_strides", child.stage_strides, parent.stage_strides)
    for name, outer in parent.sequences.items():
        inner = child.sequences.get(name)
        if inner is None:
            other = "groups by their number" if child.groups else "groups by their width"
            yield Part(name, False, f"The space gives {other}, the parent the other way round.")
            continue
        for number, (support, law) in enumerate(zip(inner.supports(), outer.laws, strict=True), start=1):
            yield _support_part(f"{LETTERS[name]}_{number}", support, law)
    for rule in parent.rules:
        name, relation, sentence = RULES[rule]
        inner = child.sequences.get(name)
        yield _rule_part(rule, inner is not None and inner.implies(relation), sentence)


def _regnet_in_anynet(child: RegNetSpace, parent: AnyNetSpace) -> Iterator[Part]:
    stages = parent.stages
    yield _equal_part("stage_strides", (child.stage_stride,) * stages, parent.stage_strides)
    deepest = int(child.depth.values[-1]) - (stages - 1)
    most_blocks = min(deepest, child.stage_depth_limit or deepest)
    for number, law in enumerate(parent.depths, start=1):
        yield _range_part(f"d_{number}", 1, most_blocks, 1, law)
    narrowest = int(child.sequences["w"].supports()[0][0])
    for number, law in enumerate(parent.widths, start=1):
        high = _widest(child, number, stages)
        yield _range_part(f"w_{number}", narrowest + WIDTH_QUANTUM * (number - 1), high, WIDTH_QUANTUM, law)
    for number, law in enumerate(parent.bottleneck_ratios, start=1):
        yield _support_part(f"b_{number}", child.bottleneck_ratio.values, law)
    if parent.groups:
        yield Part("groups", False, "The space gives groups by their width, the parent by their number.")
    for number, law in enumerate(parent.group_widths, start=1):
        yield _support_part(f"g_{number}", child.group_width.values, law)
    for rule in parent.rules:
        holds = rule != "depths_non_decreasing" or stages == 1
        yield _rule_part(rule, holds, RULES[rule][2])


def _regnet_in_regnet(child: RegNetSpace, parent: RegNetSpace) -> Iterator[Part]:
    yield _equal_part("stage_stride", child.stage_stride, parent.stage_stride)
    initial, slope = child.sequences["w"].supports()
    supports = {"w_0": initial, "w_a": slope}
    for name in ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width"):
        yield _support_part(name, supports.get(name, getattr(child, name).values), getattr(parent, name))
    low, high = child.stages
    inside = parent.stages[0] <= low and high <= parent.stages[1]
    yield Part("stages", inside, f"{_range(low, high)} stages, the parent allows {_range(*parent.stages)}.")
    if parent.tie:
        holds = child.sequences["w"].implies("equal")
        yield Part(parent.tie, holds, f"w_0 and w_a are {'' if holds else 'not '}always equal.")
    deepest = int(child.depth.values[-1]) - (low - 1)
    for name, reached in (("stage_width_limit", _widest(child, high, high)), ("stage_depth_limit", deepest)):
        allowed, own = getattr(parent, name), getattr(child, name)
        if allowed is not None:
            most = min(reached, own or reached)
            yield Part(name, most <= allowed, f"{name} is {allowed} in the parent, here up to {most} is possible.")
    for name in ("params_limit", "acts_limit"):
        allowed, own = getattr(parent, name), getattr(child, name)
        if allowed is not None:
            holds = own is not None and bool(np.all(np.asarray(own) <= np.asarray(allowed)))
            yield Part(name, holds, f"{name} is {_shown(allowed)} in the parent, here {_shown(own)}.")


def _widest(space: RegNetSpace, number: int, stages: int) -> int:
    """A bound of the width of one stage of RegNets with so many stages."""
    initial, slope = (float(support[-1]) for support in space.sequences["w"].supports())
    if number == 1:
        bound = initial
    else:
        multiplier = float(space.w_m.values[-1])
        linear = (initial + slope * float(space.depth.values[-1] - 1)) * math.sqrt(multiplier)
        with np.errstate(over="ignore"):
            bound = min(linear, initial * float(np.power(multiplier, number - 1)))
    # Half a quantum of rounding, and the last bits of the bound itself.
    widest = int((bound * (1 + 1e-9) + WIDTH_QUANTUM / 2) // WIDTH_QUANTUM) * WIDTH_QUANTUM
    limit = space.stage_width_limit
    return (
        widest
        if limit is None
        else min(widest, limit // WIDTH_QUANTUM * WIDTH_QUANTUM - WIDTH_QUANTUM * (stages - number))
    )


def _trunk_parts(space: Any, other: Any) -> Iterator[Part]:
    for name in TRUNK:
        yield _equal_part(name, getattr(other, name), getattr(space, name))


def _equal_part(name: str, value: Any, wanted: Any) -> Part:
    if value == wanted:
        return Part(name, True, f"{name} is {_shown(value)}.")
    return Part(name, False, f"{name} is {_shown(value)}, not {_shown(wanted)}.")


def _value_part(name: str, law: Law, value: float) -> Part:
    if law.position(value) is None:
        return Part(name, False, f"{name} = {value:g} is not a value of {law.describe()}.")
    return Part(name, True, f"{name} = {value:g} is a value of {law.describe()}.")


def _support_part(name: str, support: NDArray[Any], law: Law) -> Part:
    missing = support[~np.isin(support, law.values)]
    if not len(missing):
        return Part(name, True, f"{name} stays within {law.describe()}.")
    beyond = missing[-1] if missing[-1] > law.values[-1] else missing[0]
    return Part(name, False, f"{name} can be {beyond:g}, which is not a value of {law.describe()} in the parent.")


def _range_part(name: str, low: int, high: int, step: int, law: Law) -> Part:
    if high > law.values[-1]:
        return Part(name, False, f"{name} can be up to {high}, above {law.describe()} in the parent.")
    return _support_part(name, np.arange(low, high + 1, step), law)


def _rule_part(rule: str, holds: bool, sentence: str) -> Part:
    return Part(rule, holds, f"{sentence.capitalize()}: {'always so.' if holds else 'not implied.'}")


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(entry) for entry in value)
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
