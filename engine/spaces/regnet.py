"""Spaces of designs given by RegNet's parameters (docs/method.md, section 4; [DNDS] section 3.3)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from engine.checks import JsonObject, one_of, set_fields
from engine.designs import AnyNetDesign, Design
from engine.designs.complexity import Number, complexity
from engine.designs.parameters import values_from_json, values_to_json
from engine.designs.stages import WIDTH_QUANTUM
from engine.designs.trunk import Trunk, check_trunk
from engine.errors import InvalidSpace
from engine.spaces import checks as space_checks
from engine.spaces.answers import NOT_BY_STAGES, Answer, Part, equal_part, range_words, trunk_parts, value_part
from engine.spaces.base import ONE, BaseSpace
from engine.spaces.checks import TIES
from engine.spaces.laws import Law
from engine.spaces.regnet_counts import count_generations
from engine.spaces.sequences import LawSequence

REGNET_LAWS = ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width")


@dataclass(frozen=True, kw_only=True)
class RegNetSpace(BaseSpace):
    """Networks whose widths a quantised linear function of the block gives ([DNDS] section 3.3).

    The law of the space is that of independent parameters, conditioned on the tie, on a valid generation (a stage for
    each level, all of different widths, their number in ``stages``) and on the limits.

    Parameters
    ----------
    stages : tuple of int
        The fewest and the most stages.
    trunk : Trunk
        Stem, block and head, the same for all designs.
    depth, w_0, w_a, w_m, bottleneck_ratio, group_width : Law
        The laws of RegNet's parameters.
    stage_stride : int
        Stride of each stage.
    tie : {"", "w_0_equals_w_a"}
        Whether w_a must equal w_0.
    stage_width_limit, stage_depth_limit : int, optional
        The widest stage and the most blocks of a stage, as generated.
    params_limit : tuple of float, optional
        (a, b) for params < a + b * F million, F the flops in 1e9 under the regime ([DNDS] section 5: 3, 5.5).
    acts_limit : float, optional
        c for acts < c * sqrt(F) million ([DNDS] section 5: 6.5).

    Raises
    ------
    InvalidSpace
        Naming the parameter and the value.
    """

    kind: ClassVar[str] = "regnet"

    stages: tuple[int, int] = (4, 4)
    trunk: Trunk = field(default_factory=Trunk)
    depth: Law
    w_0: Law
    w_a: Law
    w_m: Law
    bottleneck_ratio: Law = ONE
    group_width: Law = ONE
    stage_stride: int = 2
    tie: str = ""
    stage_width_limit: int | None = None
    stage_depth_limit: int | None = None
    params_limit: tuple[float, float] | None = None
    acts_limit: float | None = None

    def __post_init__(self) -> None:
        check_trunk(self.trunk, InvalidSpace)
        set_fields(
            self,
            stages=space_checks.stage_range(self.stages),
            **{name: space_checks.checked_law(name, getattr(self, name)) for name in REGNET_LAWS},
            stage_stride=space_checks.strides("stage_stride", (self.stage_stride,), 1)[0],
            tie=one_of(self.tie, TIES, parameter="tie", error=InvalidSpace),
            stage_width_limit=space_checks.whole_or_none("stage_width_limit", self.stage_width_limit),
            stage_depth_limit=space_checks.whole_or_none("stage_depth_limit", self.stage_depth_limit),
            params_limit=space_checks.params_limit(self.params_limit),
            acts_limit=space_checks.acts_limit(self.acts_limit),
        )
        space_checks.check_without_bottleneck(
            self.trunk, {name: (getattr(self, name),) for name in ("bottleneck_ratio", "group_width")}
        )
        space_checks.check_countable(self.depth, self.w_0, self.w_m, self.stages[1])
        if self.tie and not self.sequences["w"].is_possible:
            raise InvalidSpace("No value of w_0 is one of w_a, so the tie can't hold.", parameter="tie", value=self.tie)

    @cached_property
    def sequences(self) -> dict[str, LawSequence]:
        """The law of each parameter; "w" holds w_0 and w_a, which the tie makes equal."""
        return {
            "depth": LawSequence((self.depth,)),
            "w": LawSequence((self.w_0, self.w_a), "equal" if self.tie else "free"),
            "w_m": LawSequence((self.w_m,)),
            "bottleneck_ratio": LawSequence((self.bottleneck_ratio,)),
            "group_width": LawSequence((self.group_width,)),
        }

    def size(self) -> int:
        """How many parameter vectors give a valid generation within the stage limits, exactly.

        Limits of params and acts depend on the regime and are not counted here.
        """
        generations = count_generations(
            depths=self.depth.values,
            pairs=self.sequences["w"],
            w_m=self.w_m.values,
            stages=self.stages,
            stage_width_limit=self.stage_width_limit,
            stage_depth_limit=self.stage_depth_limit,
        )
        return generations * len(self.bottleneck_ratio.values) * len(self.group_width.values)

    def contains(
        self, design: Design, *, resolution: int = 224, in_channels: int = 3, num_classes: int = 1000
    ) -> Answer:
        """Whether the design lies in the space; falsy with a reason where it doesn't.

        The image and the classes matter only where the space limits params or acts.
        """
        if isinstance(design, AnyNetDesign):
            return Answer((NOT_BY_STAGES,))
        parts = [*trunk_parts(design.trunk, self.trunk)]
        parts.append(equal_part("stage_stride", design.stage_stride, self.stage_stride))
        parts += [value_part(name, getattr(self, name), getattr(design, name)) for name in REGNET_LAWS]
        if self.tie:
            tied = design.w_0 == design.w_a
            parts.append(Part(self.tie, tied, f"w_0 = {design.w_0} and w_a = {design.w_a:g}, where both are equal."))
        parts += self._stage_parts(design.as_generated())
        if self.params_limit is not None or self.acts_limit is not None:
            cost = complexity(design, resolution=resolution, in_channels=in_channels, num_classes=num_classes)
            image = f"at {resolution} px with {num_classes:,} classes"
            for name, value, most in self.complexity_limits(cost.flops, cost.params, cost.acts):
                words = f"{value:,} {name.removesuffix('_limit')} {image}, where less than {most:,.0f} is allowed."
                parts.append(Part(name, bool(value < most), words))
        return Answer(tuple(parts))

    def complexity_limits(self, flops: Number, params: Number, acts: Number) -> Iterator[tuple[str, Number, Number]]:
        """Each limit of the space as its name, the values it is about, and what they must stay below."""
        if self.params_limit is not None:
            constant, slope = self.params_limit
            yield "params_limit", params, 1e6 * (constant + slope * flops / 1e9)
        if self.acts_limit is not None:
            yield "acts_limit", acts, 1e6 * self.acts_limit * np.sqrt(flops / 1e9)

    def widest_stage(self, number: int, stages: int) -> int:
        """A bound of the width of one stage, counted from 1, of the designs that have so many stages."""
        initial, slope = (float(support[-1]) for support in self.sequences["w"].supports())
        if number == 1:
            bound = initial
        else:
            multiplier = float(self.w_m.values[-1])
            linear = (initial + slope * float(self.depth.values[-1] - 1)) * math.sqrt(multiplier)
            with np.errstate(over="ignore"):
                bound = min(linear, initial * float(np.power(multiplier, number - 1)))
        # Allow for rounding by half a quantum, and for the last bits of the bound itself.
        widest = int((bound * (1 + 1e-9) + WIDTH_QUANTUM / 2) // WIDTH_QUANTUM) * WIDTH_QUANTUM
        if self.stage_width_limit is None:
            return widest
        # The stages that follow are each at least one quantum wider.
        allowed = self.stage_width_limit // WIDTH_QUANTUM * WIDTH_QUANTUM
        return min(widest, allowed - WIDTH_QUANTUM * (stages - number))

    def log_probability(self, design: Design) -> float:
        """Natural logarithm of the probability that the laws give the design's parameters; minus infinity outside.

        Not divided by the share of candidates that generate valid stages and keep the limits of params and acts, which
        depend on the regime: it is the same for all designs and part of a draw's acceptance.
        """
        unlimited = replace(self, params_limit=None, acts_limit=None)
        if isinstance(design, AnyNetDesign) or not unlimited.contains(design):
            return -math.inf
        given = {name: (getattr(design, name),) for name in self.sequences if name != "w"}
        return self.log_probability_of({**given, "w": (design.w_0, design.w_a)})

    def parameter_paths(self) -> dict[str, tuple[str | int, ...]]:
        """For each parameter that varies, its column and its path in the JSON of a design as drawn."""
        return {
            name: (name,)
            for name in REGNET_LAWS
            if len(getattr(self, name).values) > 1 and not (name == "w_a" and self.tie)
        }

    def to_json(self) -> JsonObject:
        """The space as JSON-able values, with "kind" and "schema"."""
        return values_to_json(self, self.kind)

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> RegNetSpace:
        """The space that `to_json` wrote; raises `InvalidSpace` for other schemas, unknown keys and bad values."""
        values: dict[str, Any] = values_from_json(
            cls, data, kind=cls.kind, required=REGNET_LAWS[:4], error=InvalidSpace
        )
        for name in set(REGNET_LAWS) & set(values):
            values[name] = space_checks.law_from_json(name, values[name])
        return cls(**values)

    def _stage_parts(self, stages: AnyNetDesign) -> Iterator[Part]:
        low, high = self.stages
        count = len(stages.stage_depths)
        yield Part("stages", low <= count <= high, f"stages is {count}, where {range_words(low, high)} is allowed.")
        for name, limit, values in (
            ("stage_width_limit", self.stage_width_limit, stages.stage_widths),
            ("stage_depth_limit", self.stage_depth_limit, stages.stage_depths),
        ):
            if limit is not None:
                unit = "channels" if name == "stage_width_limit" else "blocks"
                words = f"A stage has {max(values):,} {unit}, where at most {limit:,} are allowed."
                yield Part(name, max(values) <= limit, words)
