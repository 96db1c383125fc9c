"""Spaces of designs given stage by stage (docs/method.md, section 4).

Laws, rules, sizes and membership speak of parameters as drawn, before group compatibility.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from engine.checks import JsonObject, set_fields, whole_number
from engine.designs import AnyNetDesign, Design, RegNetDesign
from engine.designs.parameters import MOST_STAGES, values_from_json, values_to_json
from engine.designs.trunk import Trunk, check_trunk
from engine.errors import InvalidSpace
from engine.spaces import checks as space_checks
from engine.spaces.answers import Answer, Part, equal_part, trunk_parts, value_part
from engine.spaces.base import ONE, BaseSpace
from engine.spaces.checks import RULES
from engine.spaces.laws import Law
from engine.spaces.sequences import LawSequence

STAGE_LAWS = ("depths", "widths", "bottleneck_ratios", "group_widths", "groups")
LETTERS = {"depths": "d", "widths": "w", "bottleneck_ratios": "b", "group_widths": "g", "groups": "groups"}


@dataclass(frozen=True, kw_only=True)
class AnyNetSpace(BaseSpace):
    """Networks given stage by stage, each parameter of each stage under a law of its own.

    The law of the space is that of independent parameters, conditioned on the rules. So a rule that shares one value
    gives it in proportion to the product of its probabilities under the stages' laws.

    Parameters
    ----------
    stages : int
        Number of stages, 1 to 8.
    trunk : Trunk
        Stem, block and head, the same for all designs.
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
    trunk: Trunk = field(default_factory=Trunk)
    depths: tuple[Law, ...]
    widths: tuple[Law, ...]
    bottleneck_ratios: tuple[Law, ...] = (ONE,)
    group_widths: tuple[Law, ...] = ()
    groups: tuple[Law, ...] = ()
    stage_strides: tuple[int, ...] = ()
    rules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_trunk(self.trunk, InvalidSpace)
        stages = whole_number(self.stages, parameter="stages", error=InvalidSpace, high=MOST_STAGES)
        if self.groups and self.group_widths:
            raise InvalidSpace("A space has group_widths or groups, not both.", parameter="groups", value=self.groups)
        groups = space_checks.laws_of_stages("groups", self.groups, stages) if self.groups else ()
        group_widths = self.group_widths or ONE
        set_fields(
            self,
            stages=stages,
            depths=space_checks.laws_of_stages("depths", self.depths, stages),
            widths=space_checks.laws_of_stages("widths", self.widths, stages),
            bottleneck_ratios=space_checks.laws_of_stages("bottleneck_ratios", self.bottleneck_ratios, stages),
            group_widths=() if groups else space_checks.laws_of_stages("group_widths", group_widths, stages),
            groups=groups,
            stage_strides=space_checks.strides("stage_strides", self.stage_strides, stages),
            rules=space_checks.rules(self.rules, by_number=bool(groups)),
        )
        space_checks.check_without_bottleneck(
            self.trunk, {name: getattr(self, name) for name in ("bottleneck_ratios", self.group_parameter)}
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

    def size(self) -> int:
        """How many parameter vectors the space holds, exactly; several can give one network."""
        return math.prod(sequence.count() for sequence in self.sequences.values())

    def contains(self, design: Design) -> Answer:
        """Whether the design, as drawn, lies in the space; falsy with a reason where it doesn't.

        A RegNet design is asked by the stages it generates. Its ``parts`` say it parameter by parameter, rule by rule.
        """
        stages = design.as_generated() if isinstance(design, RegNetDesign) else design
        parts = [*trunk_parts(stages.trunk, self.trunk)]
        parts.append(equal_part("stages", len(stages.stage_depths), self.stages))
        if not parts[-1].holds:
            return Answer(tuple(parts))
        parts.append(equal_part("stage_strides", stages.stage_strides, self.stage_strides))
        for name, sequence in self.sequences.items():
            values = _stage_values(stages, name)
            for number, (law, value) in enumerate(zip(sequence.laws, values, strict=True), start=1):
                parts.append(value_part(f"{LETTERS[name]}_{number}", law, value))
        for rule in self.rules:
            name, _, words = RULES[rule]
            values = _stage_values(stages, name)
            holds = self.sequences[name].related(values)
            listed = ", ".join(f"{value:g}" for value in values)
            parts.append(Part(rule, holds, f"{words.capitalize()}: {'' if holds else 'not '}so for {listed}."))
        return Answer(tuple(parts))

    def log_probability(self, design: Design) -> float:
        """Natural logarithm of the probability of the design's parameters as drawn; minus infinity outside.

        A RegNet design is asked by the stages it generates.
        """
        if not self.contains(design):
            return -math.inf
        stages = design.as_generated() if isinstance(design, RegNetDesign) else design
        return self.log_probability_of({name: _stage_values(stages, name) for name in self.sequences})

    def parameter_paths(self) -> dict[str, tuple[str | int, ...]]:
        """For each parameter that varies, its column and its path in the JSON of a design as drawn."""
        columns = (("d", "stage_depths", "depths"), ("w", "stage_widths", "widths"),
                   ("b", "bottleneck_ratios", "bottleneck_ratios"),
                   ("groups" if self.groups else "g", self.group_parameter, self.group_parameter))  # fmt: skip
        shared = {"bottleneck_ratios": "bottleneck_ratio", "group_widths": "group_width"}
        paths: dict[str, tuple[str | int, ...]] = {}
        for letter, key, name in columns:
            sequence = self.sequences[name]
            if sequence.relation == "equal":
                if sequence.count() > 1:
                    paths[shared[name]] = (key, 0)
                continue
            for stage, support in enumerate(sequence.supports()):
                if len(support) > 1:
                    paths[f"{letter}_{stage + 1}"] = (key, stage)
        return paths

    def to_json(self) -> JsonObject:
        """The space as JSON-able values, with "kind" and "schema"; a law that all stages share is written once."""
        values = values_to_json(self, self.kind)
        for name in STAGE_LAWS:
            laws: tuple[Law, ...] = getattr(self, name)
            if laws:
                listed = [law.to_json() for law in laws]
                values[name] = listed[0] if laws.count(laws[0]) == len(laws) else listed
            else:
                del values[name]
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> AnyNetSpace:
        """The space that `to_json` wrote; raises `InvalidSpace` for other schemas, unknown keys and bad values."""
        values: dict[str, Any] = values_from_json(
            cls, data, kind=cls.kind, required=("depths", "widths"), error=InvalidSpace
        )
        for name in set(STAGE_LAWS) & set(values):
            listed = values[name] if isinstance(values[name], list) else [values[name]]
            values[name] = tuple(space_checks.law_from_json(name, law) for law in listed)
        return cls(**values)


def _stage_values(design: AnyNetDesign, name: str) -> Sequence[float]:
    """The values of a design that belong to one of a space's ``sequences``."""
    if name in ("depths", "widths"):
        return design.stage_depths if name == "depths" else design.stage_widths
    if name == "bottleneck_ratios" or getattr(design, name):
        values: Sequence[float] = getattr(design, name)
        return values
    # The space gives groups by width and the design by number, or the reverse: compare them as adjusted.
    adjusted = design.to_anynet()
    if name == "group_widths":
        return adjusted.group_widths
    return [inner // width for inner, width in zip(adjusted.inner_widths, adjusted.group_widths, strict=True)]
