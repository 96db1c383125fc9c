"""Spaces: sets of designs with a probability law on them (docs/method.md, section 4).

Laws, rules, sizes and membership speak of parameters as drawn, before group compatibility.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from engine.checks import json_object, one_of, whole_number
from engine.designs.design import MOST_STAGES, SCHEMA, AnyNetDesign, Design, RegNetDesign, trunk_values
from engine.errors import InvalidSpace
from engine.spaces import checks as space_checks
from engine.spaces.checks import RULES, TIES
from engine.spaces.laws import Law, choice
from engine.spaces.proofs import Answer, contains_anynet, contains_regnet, drawn_values, prove_subset
from engine.spaces.regnet_counts import count_generations
from engine.spaces.sequences import LawSequence

__all__ = ["RULES", "TIES", "Answer", "AnyNetSpace", "RegNetSpace", "Space", "space_from_json"]

ONE = choice([1])
STAGE_LAWS = ("depths", "widths", "bottleneck_ratios", "group_widths", "groups")
REGNET_LAWS = ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width")


@dataclass(frozen=True, kw_only=True)
class AnyNetSpace:
    """Networks given stage by stage, each parameter of each stage under a law of its own.

    The law of the space is that of independent parameters, conditioned on the rules. So a rule that shares one value
    gives it in proportion to the product of its probabilities under the stages' laws.

    Parameters
    ----------
    stages : int
        Number of stages, 1 to 8.
    stem, stem_width, block, se_ratio, head_width
        As for `AnyNetDesign`, the same for all designs.
    depths, widths, bottleneck_ratios : Law or sequence of Law
        One law for all stages, or one for each.
    group_widths, groups : Law or sequence of Law
        Laws of the width of the groups, or of their number; one of the two. Without either, groups of width 1.
    stage_strides : sequence of int
        Stride of each stage; empty for 2 everywhere.
    rules : sequence of str
        Names in `RULES`.

    Raises
    ------
    InvalidSpace
        Naming the parameter and the value.
    """

    kind: ClassVar[str] = "anynet"

    stages: int = 4
    stem: str = "simple"
    stem_width: int = 32
    block: str = "residual_bottleneck"
    depths: tuple[Law, ...]
    widths: tuple[Law, ...]
    bottleneck_ratios: tuple[Law, ...] = (ONE,)
    group_widths: tuple[Law, ...] = ()
    groups: tuple[Law, ...] = ()
    stage_strides: tuple[int, ...] = ()
    se_ratio: float = 0.0
    head_width: int = 0
    rules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        stages = whole_number(self.stages, parameter="stages", error=InvalidSpace, high=MOST_STAGES)
        if self.groups and self.group_widths:
            raise InvalidSpace("A space has group_widths or groups, not both.", parameter="groups", value=self.groups)
        groups = space_checks.laws_of_stages("groups", self.groups, stages) if self.groups else ()
        group_widths = self.group_widths or ONE
        _set(
            self,
            stages=stages,
            **_trunk(self),
            depths=space_checks.laws_of_stages("depths", self.depths, stages),
            widths=space_checks.laws_of_stages("widths", self.widths, stages),
            bottleneck_ratios=space_checks.laws_of_stages("bottleneck_ratios", self.bottleneck_ratios, stages),
            group_widths=() if groups else space_checks.laws_of_stages("group_widths", group_widths, stages),
            groups=groups,
            stage_strides=space_checks.strides("stage_strides", self.stage_strides, stages),
            rules=space_checks.rules(self.rules, by_number=bool(groups)),
        )
        space_checks.check_bottleneck(
            self.block, {name: getattr(self, name) for name in ("bottleneck_ratios", self.group_parameter)}
        )
        for rule in self.rules:
            if not self.sequences[RULES[rule][0]].is_possible:
                raise InvalidSpace(f"No values of the laws meet the rule {rule}.", parameter="rules", value=rule)

    @cached_property
    def sequences(self) -> dict[str, LawSequence]:
        """The joint law of each parameter over the stages, with the relation that the rules demand."""
        relations = {RULES[rule][0]: RULES[rule][1] for rule in self.rules}
        names = ("depths", "widths", "bottleneck_ratios", self.group_parameter)
        return {name: LawSequence(getattr(self, name), relations.get(name, "free")) for name in names}

    @property
    def group_parameter(self) -> str:
        """Which of "group_widths" and "groups" the space gives."""
        return "groups" if self.groups else "group_widths"

    @property
    def is_uniform(self) -> bool:
        """Whether all designs of the space are equally likely."""
        return all(one.is_uniform for one in self.sequences.values())

    def size(self) -> int:
        """How many parameter vectors the space holds, exactly; several can give one network."""
        return math.prod(one.count() for one in self.sequences.values())

    def contains(self, design: Design) -> Answer:
        """Whether the design, as drawn, lies in the space; falsy with a reason where it doesn't.

        A RegNet design is asked by the stages it generates. Its ``parts`` say it parameter by parameter, rule by rule.
        """
        return contains_anynet(self, design)

    def is_subset_of(self, parent: Space) -> Answer:
        """Whether every design of this space provably lies in the parent: ``reason`` and ``parts`` say why not."""
        return prove_subset(self, parent)

    def log_probability(self, design: AnyNetDesign) -> float:
        """Natural logarithm of the probability of the design's parameters as drawn; minus infinity outside."""
        return _log_probability(self, design) if self.contains(design) else -math.inf

    def parameter_paths(self) -> dict[str, tuple[str | int, ...]]:
        """Where each parameter that varies stands in the JSON of a design as drawn: plot column to path."""
        columns = (("d", "stage_depths", "depths"), ("w", "stage_widths", "widths"),
                   ("b", "bottleneck_ratios", "bottleneck_ratios"),
                   ("groups" if self.groups else "g", self.group_parameter, self.group_parameter))  # fmt: skip
        shared = {"bottleneck_ratios": "bottleneck_ratio", "group_widths": "group_width"}
        paths: dict[str, tuple[str | int, ...]] = {}
        for letter, key, name in columns:
            one = self.sequences[name]
            if one.relation == "equal":
                if one.count() > 1:
                    paths[shared[name]] = (key, 0)
                continue
            for stage, support in enumerate(one.supports()):
                if len(support) > 1:
                    paths[f"{letter}_{stage + 1}"] = (key, stage)
        return paths

    def to_json(self) -> dict[str, Any]:
        """The space as JSON-able values, with "kind" and "schema"; a law that all stages share is written once."""
        values: dict[str, Any] = {"kind": self.kind, "schema": SCHEMA}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in STAGE_LAWS:
                if value:
                    laws = [law.to_json() for law in value]
                    values[item.name] = laws[0] if all(law == value[0] for law in value) else laws
            else:
                values[item.name] = list(value) if isinstance(value, tuple) else value
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AnyNetSpace:
        """The space that `to_json` wrote; raises `InvalidSpace` for other schemas, unknown keys and bad values."""
        values = _from_json(cls, data)
        for name in set(STAGE_LAWS) & set(values):
            listed = values[name] if isinstance(values[name], list) else [values[name]]
            values[name] = tuple(space_checks.law_from_json(name, law) for law in listed)
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class RegNetSpace:
    """Networks whose widths a quantised linear function of the block gives ([DNDS] section 3.3).

    The law of the space is that of independent parameters, conditioned on the tie, on a valid generation (a stage for
    each level, all of different widths, their number in ``stages``) and on the limits.

    Parameters
    ----------
    stages : tuple of int
        The fewest and the most stages.
    stem, stem_width, block, se_ratio, head_width
        As for `AnyNetDesign`, the same for all designs.
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
    stem: str = "simple"
    stem_width: int = 32
    block: str = "residual_bottleneck"
    depth: Law
    w_0: Law
    w_a: Law
    w_m: Law
    bottleneck_ratio: Law = ONE
    group_width: Law = ONE
    stage_stride: int = 2
    se_ratio: float = 0.0
    head_width: int = 0
    tie: str = ""
    stage_width_limit: int | None = None
    stage_depth_limit: int | None = None
    params_limit: tuple[float, float] | None = None
    acts_limit: float | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            stages=space_checks.stage_range(self.stages),
            **_trunk(self),
            **{name: space_checks.checked_law(name, getattr(self, name)) for name in REGNET_LAWS},
            stage_stride=space_checks.strides("stage_stride", (self.stage_stride,), 1)[0],
            tie=one_of(self.tie, TIES, parameter="tie", error=InvalidSpace),
            stage_width_limit=space_checks.whole_or_none("stage_width_limit", self.stage_width_limit),
            stage_depth_limit=space_checks.whole_or_none("stage_depth_limit", self.stage_depth_limit),
            params_limit=space_checks.params_limit(self.params_limit),
            acts_limit=space_checks.acts_limit(self.acts_limit),
        )
        space_checks.check_bottleneck(
            self.block, {name: (getattr(self, name),) for name in ("bottleneck_ratio", "group_width")}
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

    @property
    def is_uniform(self) -> bool:
        """Whether all designs of the space are equally likely."""
        return all(one.is_uniform for one in self.sequences.values())

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
        return contains_regnet(self, design, resolution=resolution, in_channels=in_channels, num_classes=num_classes)

    def is_subset_of(self, parent: Space) -> Answer:
        """Whether every design of this space provably lies in the parent: ``reason`` and ``parts`` say why not."""
        return prove_subset(self, parent)

    def log_probability(self, design: RegNetDesign) -> float:
        """Natural logarithm of the probability that the laws give the design's parameters; minus infinity outside.

        Not divided by the share of candidates that generate valid stages and keep the limits of params and acts, which
        depend on the regime: it is the same for all designs and part of a draw's acceptance.
        """
        unlimited = replace(self, params_limit=None, acts_limit=None)
        return _log_probability(self, design) if unlimited.contains(design) else -math.inf

    def parameter_paths(self) -> dict[str, tuple[str | int, ...]]:
        """Where each parameter that varies stands in the JSON of a design as drawn: plot column to path."""
        return {
            name: (name,)
            for name in REGNET_LAWS
            if len(getattr(self, name).values) > 1 and not (name == "w_a" and self.tie)
        }

    def to_json(self) -> dict[str, Any]:
        """The space as JSON-able values, with "kind" and "schema"."""
        values: dict[str, Any] = {"kind": self.kind, "schema": SCHEMA}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Law):
                value = value.to_json()
            values[item.name] = list(value) if isinstance(value, tuple) else value
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RegNetSpace:
        """The space that `to_json` wrote; raises `InvalidSpace` for other schemas, unknown keys and bad values."""
        values = _from_json(cls, data)
        for name in set(REGNET_LAWS) & set(values):
            values[name] = space_checks.law_from_json(name, values[name])
        return cls(**values)


Space = AnyNetSpace | RegNetSpace


def space_from_json(data: Mapping[str, Any]) -> Space:
    """The space of either kind that its ``to_json`` wrote.

    Raises
    ------
    InvalidSpace
        For an unknown kind or schema version, unknown or missing keys, and values that describe no space.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if one_of(kind, ("anynet", "regnet"), parameter="kind", error=InvalidSpace) == "anynet":
        return AnyNetSpace.from_json(data)
    return RegNetSpace.from_json(data)


def _log_probability(space: Space, design: Design) -> float:
    columns = {name: np.array(drawn_values(space, design, name))[:, None] for name in space.sequences}
    return sum(float(one.log_probabilities(columns[name])[0]) for name, one in space.sequences.items())


def _trunk(space: Space) -> dict[str, Any]:
    return trunk_values(
        stem=space.stem,
        stem_width=space.stem_width,
        block=space.block,
        se_ratio=space.se_ratio,
        head_width=space.head_width,
        error=InvalidSpace,
    )


def _set(space: Space, **values: Any) -> None:
    """Frozen dataclasses are written through `object` while they normalise themselves."""
    for name, value in values.items():
        object.__setattr__(space, name, value)


def _from_json(cls: type[Space], data: Mapping[str, Any]) -> dict[str, Any]:
    names = [item.name for item in fields(cls)]
    required = [item.name for item in fields(cls) if item.default is MISSING]
    return json_object(data, kind=cls.kind, schema=SCHEMA, keys=names, required=required, error=InvalidSpace)
