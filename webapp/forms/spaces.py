"""The form of a space: laws and rules typed in, an engine space out; the engine's complaints stand at their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from engine.designs import BLOCKS, MOST_STAGES, STEMS, TRUNK_KEYS, Trunk
from engine.errors import InvalidSpace
from engine.spaces import AnyNetSpace, RegNetSpace
from engine.spaces.laws import Law
from webapp.forms.fields import NameField, NumberField, NumbersField, number_text
from webapp.forms.laws import LawRow, clean_law, law_fields, law_initial, law_row, numbers_text
from webapp.models import Family
from webapp.space_words import ANYNET_LAWS, REGNET_LAWS, RULE_WORDS, LawParameter

LONGEST_NOTE = 2_000


class SpaceForm(forms.Form):
    """What both families share. ``cleaned_data["space"]`` is the engine's space once the form is clean."""

    family: ClassVar[Family]
    parameters: ClassVar[tuple[LawParameter, ...]]
    aliases: ClassVar[dict[str, str]] = {}  # the engine's name of a parameter -> the field that asks for it

    name = NameField(label="Name")
    note = forms.CharField(
        label="Insight",
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Why this space: what you saw that led to it.",
    )
    stem = forms.ChoiceField(choices=[(stem, stem) for stem in STEMS])
    stem_width = NumberField(label="Stem width", whole=True)
    block = forms.ChoiceField(choices=[(block, block.replace("_", " ")) for block in BLOCKS])
    se_ratio = NumberField(label="SE ratio", help_text="0 for no squeeze-and-excitation; 0.25 in RegNetY.")
    head_width = NumberField(
        label="Head width", whole=True, help_text="0 for no 1x1 convolution before the classifier."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.parameters:
            self.fields |= law_fields(parameter.name, parameter.word, optional=False)

    @property
    def law_rows(self) -> list[LawRow]:
        return [law_row(self, one.name, one, label=one.word, optional=False) for one in self.parameters]

    @property
    def trunk_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in TRUNK_KEYS]

    @property
    def trunk_errors(self) -> bool:
        return any(field.errors for field in self.trunk_fields)

    def clean(self) -> dict[str, object]:
        laws = self.clean_laws()
        if not set(self.errors) - {"name", "note"}:
            try:
                self.cleaned_data["space"] = self.build(laws)
            except InvalidSpace as error:
                self.add_error(self._field_of(error.parameter), str(error))
        return self.cleaned_data

    def clean_laws(self) -> dict[str, object]:
        """The law, or the laws of the stages, of each parameter."""
        return {one.name: clean_law(self, one.name) for one in self.parameters}

    def build(self, laws: Mapping[str, object]) -> AnyNetSpace | RegNetSpace:
        raise NotImplementedError

    @property
    def space(self) -> AnyNetSpace | RegNetSpace | None:
        """The space, also while only its name is missing; None while something about it is wrong."""
        self.is_valid()
        return self.cleaned_data.get("space")

    def _field_of(self, parameter: str) -> str | None:
        name = self.aliases.get(parameter, parameter)
        if name in self.fields:
            return name
        return f"{name}_law" if f"{name}_law" in self.fields else None

    def _trunk(self) -> Trunk:
        return Trunk(**{name: self.cleaned_data[name] for name in TRUNK_KEYS})


class AnyNetForm(SpaceForm):
    family = Family.ANYNET
    parameters = tuple(parameter for parameter in ANYNET_LAWS if parameter.name != "groups")
    aliases: ClassVar[dict[str, str]] = {"groups": "group_widths"}

    stages = NumberField(label="Stages", whole=True, help_text=f"1 to {MOST_STAGES}.")
    stage_strides = NumbersField(
        label="Strides", required=False, help_text="One for each stage; empty for 2 everywhere."
    )
    by_number = forms.ChoiceField(
        label="Groups given by",
        choices=[("", "their width, g_i"), ("1", "their number")],
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for rule, words in RULE_WORDS.items():
            self.fields[rule] = forms.BooleanField(label=f"{words[0].upper()}{words[1:]}", required=False)
        for parameter in self.parameters:
            for stage in range(1, self._rows() + 1):
                word = f"{parameter.word}, stage {stage}"
                self.fields |= law_fields(f"{parameter.name}_{stage}", word, optional=True)

    @property
    def rule_fields(self) -> list[forms.BoundField]:
        return [self[rule] for rule in RULE_WORDS]

    @property
    def stage_rows(self) -> list[LawRow]:
        """The rows that give single stages laws of their own."""
        return [
            law_row(self, f"{one.name}_{stage}", one, label=f"{one.word}, stage {stage}", optional=True)
            for one in self.parameters
            for stage in range(1, self._rows() + 1)
        ]

    @property
    def has_stage_laws(self) -> bool:
        return any(row.law.value() for row in self.stage_rows)

    def clean_laws(self) -> dict[str, object]:
        shared = super().clean_laws()
        rows = range(1, self._rows() + 1)
        own = {name: [clean_law(self, f"{name}_{stage}") for stage in rows] for name in shared}
        return {
            name: tuple(law or shared[name] for law in own[name]) if any(own[name]) else shared[name] for name in shared
        }

    def build(self, laws: Mapping[str, object]) -> AnyNetSpace:
        data = self.cleaned_data
        given: dict[str, Any] = dict(laws)
        if data["by_number"]:
            given["groups"] = given.pop("group_widths")
        return AnyNetSpace(
            stages=data["stages"],
            stage_strides=data["stage_strides"] or (),
            rules=tuple(rule for rule in RULE_WORDS if data[rule]),
            trunk=self._trunk(),
            **given,
        )

    def _rows(self) -> int:
        """How many stages get rows of their own: as many as were asked for when the page was made."""
        asked = self.data.get("stages") if self.is_bound else self.initial.get("stages")
        text = str(asked or "")
        return min(int(text), MOST_STAGES) if text.isascii() and text.isdigit() and len(text) < 3 else 4


class RegNetForm(SpaceForm):
    family = Family.REGNET
    parameters = REGNET_LAWS
    aliases: ClassVar[dict[str, str]] = {"stages": "fewest_stages", "params_limit": "params_limit_base"}

    fewest_stages = NumberField(label="Fewest stages", whole=True)
    most_stages = NumberField(label="Most stages", whole=True)
    stage_stride = NumberField(label="Stride of each stage", whole=True)
    tie = forms.BooleanField(label="w_0 equals w_a", required=False)
    stage_width_limit = NumberField(label="Widest stage", whole=True, required=False, help_text="Empty for no limit.")
    stage_depth_limit = NumberField(label="Deepest stage", whole=True, required=False, help_text="Empty for no limit.")
    params_limit_base = NumberField(
        label="Params below (M)", required=False, help_text="This + slope × flops in G; 3 and 5.5 in the paper."
    )
    params_limit_slope = NumberField(label="Params slope (M/G)", required=False)
    acts_limit = NumberField(
        label="Acts below (M)", required=False, help_text="This × √(flops in G); 6.5 in the paper."
    )

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        names = ("stage_width_limit", "stage_depth_limit", "params_limit_base", "params_limit_slope", "acts_limit")
        return [self[name] for name in names]

    @property
    def has_limits(self) -> bool:
        return any(field.value() or field.errors for field in self.limit_fields)

    def build(self, laws: Mapping[str, object]) -> RegNetSpace:
        data = self.cleaned_data
        base, slope = data["params_limit_base"], data["params_limit_slope"]
        if (base is None) != (slope is None):
            raise InvalidSpace("A limit of params needs both its numbers.", parameter="params_limit")
        given: Mapping[str, Any] = laws
        return RegNetSpace(
            stages=(data["fewest_stages"], data["most_stages"]),
            stage_stride=data["stage_stride"],
            tie="w_0_equals_w_a" if data["tie"] else "",
            stage_width_limit=data["stage_width_limit"],
            stage_depth_limit=data["stage_depth_limit"],
            params_limit=None if base is None else (base, slope),
            acts_limit=data["acts_limit"],
            trunk=self._trunk(),
            **given,
        )


FORMS: dict[str, type[SpaceForm]] = {Family.ANYNET: AnyNetForm, Family.REGNET: RegNetForm}


def form_of(space: AnyNetSpace | RegNetSpace) -> type[SpaceForm]:
    return RegNetForm if isinstance(space, RegNetSpace) else AnyNetForm


def space_initial(space: AnyNetSpace | RegNetSpace) -> dict[str, object]:
    """What the form shows for a space: parsing it again gives the same space."""
    initial = space.trunk.to_json() | {"se_ratio": number_text(space.trunk.se_ratio)}
    return initial | (_regnet_initial(space) if isinstance(space, RegNetSpace) else _anynet_initial(space))


def _anynet_initial(space: AnyNetSpace) -> dict[str, object]:
    initial: dict[str, Any] = {
        "stages": space.stages,
        "stage_strides": "" if set(space.stage_strides) == {2} else numbers_text(space.stage_strides),
        "by_number": "1" if space.groups else "",
        **dict.fromkeys(space.rules, True),
    }
    for name in ("depths", "widths", "bottleneck_ratios", "group_widths"):
        laws: tuple[Law, ...] = getattr(space, name) or space.groups
        shared = max(laws, key=laws.count)  # the law of most stages stands in the row for all
        initial |= law_initial(name, shared)
        for stage, law in enumerate(laws, start=1):
            if law != shared:
                initial |= law_initial(f"{name}_{stage}", law)
    return initial


def _regnet_initial(space: RegNetSpace) -> dict[str, object]:
    base, slope = space.params_limit or (None, None)
    initial: dict[str, Any] = {
        "fewest_stages": space.stages[0],
        "most_stages": space.stages[1],
        "stage_stride": space.stage_stride,
        "tie": bool(space.tie),
        "stage_width_limit": number_text(space.stage_width_limit),
        "stage_depth_limit": number_text(space.stage_depth_limit),
        "params_limit_base": number_text(base),
        "params_limit_slope": number_text(slope),
        "acts_limit": number_text(space.acts_limit),
    }
    for parameter in RegNetForm.parameters:
        initial |= law_initial(parameter.name, getattr(space, parameter.name))
    return initial
