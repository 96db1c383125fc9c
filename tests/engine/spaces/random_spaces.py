"""Random pairs of small spaces that have much in common: the second often holds the first, and often does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from engine.designs import Trunk
from engine.errors import InvalidSpace
from engine.spaces import RULES, AnyNetSpace, RegNetSpace, Space
from engine.spaces.laws import Law, choice, log_uniform, normal, power_of_two, uniform

TRUNK = Trunk(stem="cifar", stem_width=16)


def random_pair(seed: int) -> tuple[Space, Space]:
    """A child and a parent, each of either family; half of the parents are the child with a few things changed."""
    generator = np.random.default_rng(seed)
    child = random_space(generator)
    return child, random_space(generator, alike=child if generator.random() < 0.5 else None)


def random_space(generator: np.random.Generator, alike: Space | None = None) -> Space:
    """A space of random laws, rules and limits, or one like another with up to two fields changed."""
    while True:
        try:
            if alike is None:
                return _any_space(generator)
            other = _space_of(type(alike), generator)
            names = generator.choice(sorted(set(vars(other)) & CHANGED), size=2)
            return replace(alike, **{name: getattr(other, name) for name in names})
        except InvalidSpace:
            continue


CHANGED = {
    *("depths", "widths", "bottleneck_ratios", "rules"),
    *("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width", "tie", "stages"),
    *("stage_width_limit", "stage_depth_limit", "params_limit", "acts_limit"),
}


def _any_space(generator: np.random.Generator) -> Space:
    return _space_of(AnyNetSpace if generator.random() < 0.4 else RegNetSpace, generator)


def _space_of(kind: type[Space], generator: np.random.Generator) -> Space:
    return _anynet(generator) if kind is AnyNetSpace else _regnet(generator)


def _anynet(generator: np.random.Generator) -> AnyNetSpace:
    stages = int(generator.integers(1, 5))
    count = stages if generator.random() < 0.3 else 1
    groups = "groups" if generator.random() < 0.2 else "group_widths"
    rules = [rule for rule in RULES if generator.random() < 0.3 and (groups, rule) != ("groups", "shared_group_width")]
    laws: dict[str, Any] = {
        "depths": tuple(_whole(generator, 1, 12) for _ in range(count)),
        "widths": tuple(_whole(generator, 1, 12, step=8) for _ in range(count)),
        "bottleneck_ratios": (_some(generator, [0.5, 1, 2, 4]),),
        groups: (_some(generator, [1, 2, 4, 8]),),
    }
    return AnyNetSpace(stages=stages, trunk=TRUNK, rules=tuple(rules), **laws)


def _regnet(generator: np.random.Generator) -> RegNetSpace:
    low = int(generator.integers(1, 4))
    limits: dict[str, Any] = {
        "stage_width_limit": int(generator.integers(4, 40)) * 8,
        "stage_depth_limit": int(generator.integers(2, 14)),
        "params_limit": (float(generator.integers(0, 4)), float(generator.integers(1, 9))),
        "acts_limit": float(generator.integers(2, 30)),
    }
    return RegNetSpace(
        stages=(low, low + int(generator.integers(0, 3))),
        trunk=TRUNK,
        depth=_whole(generator, 1, 16),
        w_0=_whole(generator, 1, 8, step=8),
        w_a=_whole(generator, 1, 12, step=4),
        w_m=_some(generator, [1.25, 1.5, 1.75, 2, 2.25, 2.5, 3]),
        bottleneck_ratio=_some(generator, [1, 2]),
        group_width=_some(generator, [1, 2, 4, 8]),
        tie="w_0_equals_w_a" if generator.random() < 0.15 else "",
        **{name: value for name, value in limits.items() if generator.random() < 0.2},
    )


def _whole(generator: np.random.Generator, low: int, high: int, *, step: int = 1) -> Law:
    first, last = sorted(int(end) for end in generator.integers(low, high + 1, size=2))
    kind = generator.choice([uniform, log_uniform, normal, _choice])
    law: Law = kind(low=first * step, high=last * step, step=step)
    return law


def _choice(*, low: int, high: int, step: int) -> Law:
    """Every other value, in no order."""
    return choice([*range(low, high + 1, 2 * step)][::-1])


def _some(generator: np.random.Generator, values: list[float]) -> Law:
    if values[:2] == [1, 2] and generator.random() < 0.3:
        return power_of_two(low=1, high=values[-1])
    return choice(generator.choice(values, size=generator.integers(1, len(values) + 1), replace=False).tolist())
