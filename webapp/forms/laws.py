"""A row of the grid of laws: six inputs that together are one law of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField

from engine.errors import InvalidSpace
from engine.spaces.laws import KIND_WORDS, STEPPED_KINDS, Law
from webapp.forms.fields import NumberField, NumbersField, number_text
from webapp.space_words import LawParameter

PARTS = ("law", "low", "high", "step", "values", "weights")
KIND_CHOICES = list(KIND_WORDS.items())
AS_ABOVE = [("", "as for all stages")]


@dataclass(frozen=True)
class LawRow:
    """The row as a template shows it."""

    parameter: LawParameter
    law: BoundField
    low: BoundField
    high: BoundField
    step: BoundField
    values: BoundField
    weights: BoundField
    label: str
    optional: bool

    @property
    def inputs(self) -> list[BoundField]:
        return [self.low, self.high, self.step, self.values, self.weights]

    @property
    def fields(self) -> list[BoundField]:
        return [self.law, *self.inputs]


def law_fields(prefix: str, word: str, *, optional: bool) -> dict[str, forms.Field]:
    """The six inputs of one row; a row that is ``optional`` may be left to the row above."""
    choices = [*AS_ABOVE, *KIND_CHOICES] if optional else KIND_CHOICES
    fields: dict[str, forms.Field] = {
        "law": forms.ChoiceField(choices=choices, required=not optional),
        "low": NumberField(required=False),
        "high": NumberField(required=False),
        "step": NumberField(required=False),
        "values": NumbersField(required=False),
        "weights": NumbersField(required=False),
    }
    placeholders = {"values": "values, such as 1, 2, 4", "weights": "weights"}
    for part, field in fields.items():
        field.label = part
        field.widget.attrs["aria-label"] = f"{word}: {part}"
        if part in placeholders:
            field.widget.attrs["placeholder"] = placeholders[part]
    fields["law"].widget.attrs["class"] = "law"
    return {f"{prefix}_{part}": field for part, field in fields.items()}


def law_row(form: forms.Form, prefix: str, parameter: LawParameter, *, label: str, optional: bool) -> LawRow:
    law, low, high, step, values, weights = (form[f"{prefix}_{part}"] for part in PARTS)
    return LawRow(parameter, law, low, high, step, values, weights, label, optional)


def clean_law(form: forms.Form, prefix: str) -> Law | None:
    """The law of a row. None where the row is left out, or has errors, which then stand at its inputs."""
    data = form.cleaned_data
    if any(f"{prefix}_{part}" in form.errors for part in PARTS):
        return None
    kind = data.get(f"{prefix}_law")
    if not kind:
        return None
    try:
        return _law(kind, {part: data.get(f"{prefix}_{part}") for part in PARTS})
    except InvalidSpace as error:
        part = error.parameter if error.parameter in PARTS else "law"
        form.add_error(f"{prefix}_{part}", str(error))
        return None


def _law(kind: str, given: Mapping[str, object]) -> Law:
    unchecked: dict[str, Any]
    if kind == "choice":
        unchecked = {"listed": given["values"] or (), "weights": given["weights"] or ()}
    else:
        unchecked = {part: given[part] for part in ("low", "high", *(["step"] if kind in STEPPED_KINDS else []))}
        for part, value in unchecked.items():
            if value is None:
                raise InvalidSpace(f"{part} must be given for this law.", parameter=part)
    return Law(kind=kind, **unchecked)


def law_initial(prefix: str, law: Law) -> dict[str, object]:
    """What the row's inputs show for a law."""
    return {
        f"{prefix}_law": law.kind,
        f"{prefix}_low": number_text(law.low),
        f"{prefix}_high": number_text(law.high),
        f"{prefix}_step": number_text(law.step),
        f"{prefix}_values": numbers_text(law.listed),
        f"{prefix}_weights": numbers_text(law.weights),
    }


def numbers_text(numbers: Iterable[float]) -> str:
    return ", ".join(number_text(number) for number in numbers)
