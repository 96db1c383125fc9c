"""Checks of what a space is made of; each returns the value as the type it should have, or raises `InvalidSpace`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.checks import LARGEST_WHOLE, brief, finite_number, positive_number, sequence, whole_number
from engine.designs.parameters import LARGEST_RATIO, LARGEST_STRIDE, MOST_STAGES, no_whole_inverse
from engine.designs.stages import LARGEST_REGNET_DEPTH, WIDTH_QUANTUM
from engine.designs.trunk import Trunk
from engine.errors import InvalidSpace
from engine.spaces.laws import Law
from engine.spaces.regnet_counts import counting_work
from engine.spaces.sequences import Relation

# Name of the rule: the parameter it is about, the relation it demands, and its words.
RULES: dict[str, tuple[str, Relation, str]] = {
    "shared_bottleneck_ratio": ("bottleneck_ratios", "equal", "one b for all stages"),
    "shared_group_width": ("group_widths", "equal", "one g for all stages"),
    "widths_non_decreasing": ("widths", "non_decreasing", "widths non-decreasing"),
    "depths_non_decreasing": ("depths", "non_decreasing", "depths non-decreasing"),
}
TIES = ("", "w_0_equals_w_a")
# About 30 times the work for the authors' ranges, which takes 0.05 s.
MOST_COUNTING_WORK = 10**8


def laws_of_stages(name: str, laws: object, stages: int) -> tuple[Law, ...]:
    """One checked law for each stage, from one law for all or a sequence of laws."""
    listed = (laws,) if isinstance(laws, Law) else sequence(laws, parameter=name, error=InvalidSpace)
    if len(listed) == 1:
        listed = listed * stages
    if len(listed) != stages:
        raise InvalidSpace(
            f"{name} must have one law, or one for each of the {stages} stages, got {len(listed)}.",
            parameter=name,
            value=laws,
        )
    return tuple(checked_law(name, law) for law in listed)


def checked_law(name: str, law: object) -> Law:
    """The law, whose values must all be possible values of the parameter."""
    if not isinstance(law, Law):
        raise InvalidSpace(f"{name} must be a law, got {brief(law)}.", parameter=name, value=law)
    values = law.values
    if name in ("w_a", "w_m"):
        below, demand = (values < 0, "at least 0") if name == "w_a" else (values <= 1, "above 1")
    elif name in ("bottleneck_ratio", "bottleneck_ratios"):
        below = (values * LARGEST_RATIO < 1) | (values > LARGEST_RATIO) | no_whole_inverse(values)
        demand = f"1 to {LARGEST_RATIO}, or below 1 with a whole inverse"
    elif name == "w_0":
        below, demand = (values < 1) | (values % WIDTH_QUANTUM != 0), f"a positive multiple of {WIDTH_QUANTUM}"
    else:
        high = LARGEST_REGNET_DEPTH if name == "depth" else LARGEST_WHOLE
        below, demand = (values < 1) | (values > high) | (values != np.rint(values)), "a whole number of at least 1"
    if below.any():
        value = values[below][0]
        raise InvalidSpace(f"{name} must be {demand}, but its law gives {value:g}.", parameter=name, value=value.item())
    return law


def law_from_json(name: str, data: object) -> Law:
    """The law of a parameter from its JSON; an error names both, such as ``widths.low``."""
    try:
        return Law.from_json(data)
    except InvalidSpace as error:
        raise InvalidSpace(f"{name}: {error}", parameter=f"{name}.{error.parameter}", value=error.value) from error


def check_without_bottleneck(trunk: Trunk, laws: Mapping[str, tuple[Law, ...]]) -> None:
    """Refuse laws of ratios and groups that give more than 1, for blocks without a bottleneck."""
    for name, listed in laws.items():
        for law in listed:
            ends = (law.values[0], law.values[-1])
            trunk.check_without_bottleneck(name, ends, given=law.describe(), error=InvalidSpace)


def check_countable(depth: Law, w_0: Law, w_m: Law, stages: int) -> None:
    """Refuse laws so fine that counting the valid RegNets would take minutes."""
    work = counting_work(deepest=int(depth.values[-1]), w_0=len(w_0.values), w_m=len(w_m.values), stages=stages)
    if work > MOST_COUNTING_WORK:
        raise InvalidSpace(
            f"w_m has {len(w_m.values):,} values and w_0 {len(w_0.values):,}: with depths up to {depth.values[-1]:,} "
            f"that is too fine to be counted. Take larger steps.",
            parameter="w_m",
            value=len(w_m.values),
        )


def strides(name: str, values: object, stages: int) -> tuple[int, ...]:
    """One stride for each stage; an empty sequence means 2 everywhere."""
    listed = sequence(values, parameter=name, error=InvalidSpace) or (2,) * stages
    if len(listed) != stages:
        raise InvalidSpace(
            f"{name} must have one entry for each of the {stages} stages, got {len(listed)}.",
            parameter=name,
            value=values,
        )
    return tuple(whole_number(value, parameter=name, error=InvalidSpace, high=LARGEST_STRIDE) for value in listed)


def rules(values: object, *, by_number: bool) -> tuple[str, ...]:
    """The names of the rules in the order of `RULES`, each once."""
    given = sequence(values, parameter="rules", error=InvalidSpace)
    for value in given:
        if not isinstance(value, str) or value not in RULES:
            raise InvalidSpace(
                f"rules must be among {', '.join(RULES)}, got {brief(value)}.", parameter="rules", value=value
            )
    if by_number and "shared_group_width" in given:
        raise InvalidSpace(
            "The rule shared_group_width needs group_widths, but the space gives groups by their number.",
            parameter="rules",
            value="shared_group_width",
        )
    return tuple(rule for rule in RULES if rule in given)


def stage_range(values: object) -> tuple[int, int]:
    """The fewest and the most stages; one number means both."""
    given = (values, values) if isinstance(values, int) else sequence(values, parameter="stages", error=InvalidSpace)
    if len(given) != 2:
        raise InvalidSpace(
            f"stages must be the fewest and the most stages, got {brief(values)}.",
            parameter="stages",
            value=values,
        )
    low, high = (whole_number(value, parameter="stages", error=InvalidSpace, high=MOST_STAGES) for value in given)
    if low > high:
        raise InvalidSpace(f"stages must not fall from {low} to {high}.", parameter="stages", value=values)
    return low, high


def whole_or_none(name: str, value: object) -> int | None:
    """The value as a positive int, or None."""
    return None if value is None else whole_number(value, parameter=name, error=InvalidSpace)


def params_limit(value: object) -> tuple[float, float] | None:
    """The two coefficients of the limit, or None."""
    if value is None:
        return None
    given = sequence(value, parameter="params_limit", error=InvalidSpace)
    if len(given) != 2:
        raise InvalidSpace(
            f"params_limit must be two numbers a and b, for params < a + b * F million; got {brief(value)}.",
            parameter="params_limit",
            value=value,
        )
    constant, slope = (finite_number(number, parameter="params_limit", error=InvalidSpace) for number in given)
    for number in (constant, slope):
        if number < 0:
            raise InvalidSpace(
                f"params_limit must be at least 0, got {number:g}.", parameter="params_limit", value=number
            )
    return constant, slope


def acts_limit(value: object) -> float | None:
    """The coefficient of the limit, or None."""
    return None if value is None else positive_number(value, parameter="acts_limit", error=InvalidSpace)
