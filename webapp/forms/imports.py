"""Forms of an import: the file, then what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField

from webapp.files.imports import Choices, name_problem, quoted
from webapp.files.row_files import RowFile
from webapp.forms.fields import NameField
from webapp.models import ColumnKind

LEFT_OUT = "left-out"
KINDS = [(ColumnKind.NUMBER, "number"), (ColumnKind.TEXT, "text"), (LEFT_OUT, "leave out")]


class UploadForm(forms.Form):
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # the reader says that it is empty
        help_text="CSV, Parquet or JSON with one row a design, or the JSON of a pycls sweep; "
        "up to 100,000 rows and 64 MiB.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.json,.jsonl,.parquet"}),
    )

    def __init__(self, *args: Any, refused: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if refused:
            self.fields["file"].error_messages["required"] = refused


@dataclass(frozen=True)
class ColumnLine:
    """One column of the file beside the field that says what it is, with cells of the first rows."""

    name: str
    field: BoundField
    cells: Sequence[str]


class ChoicesForm(forms.Form):
    name = NameField(label="Name")
    error = forms.ChoiceField(label="Column")
    measure = forms.ChoiceField(label="It holds", choices=[("error", "an error"), ("accuracy", "an accuracy")])
    unit = forms.ChoiceField(
        label="As", choices=[("percent", "per cent, 0 to 100"), ("fraction", "a fraction, 0 to 1")]
    )
    best = forms.ChoiceField(label="Of the best epoch", required=False)

    def __init__(self, data: Mapping[str, object] | None = None, *, file: RowFile, guessed: Choices, name: str) -> None:
        initial = {
            "name": name, "error": guessed.error, "measure": guessed.measure, "unit": guessed.unit,
            "best": guessed.best, **{f"kind_{k}": guessed.kinds.get(n, LEFT_OUT) for k, n in enumerate(file.names)},
        }  # fmt: skip
        super().__init__(data, initial=initial)
        self.file = file
        columns = [(column, column[:60]) for column in file.names]
        for field, none in (("error", "choose"), ("best", "none")):
            chooser = self.fields[field]
            assert isinstance(chooser, forms.ChoiceField)  # noqa: S101
            chooser.choices = [("", none), *columns]
        for k, column in enumerate(file.names):
            kinds = KINDS
            if guessed.kinds.get(column) == ColumnKind.DESIGN:
                kinds = [(ColumnKind.DESIGN, "design"), (LEFT_OUT, "leave out")]
            self.fields[f"kind_{k}"] = forms.ChoiceField(
                label=f"Kind of {column[:60]}", choices=kinds, required=False, initial=initial[f"kind_{k}"]
            )

    def lines(self, first: Sequence[Sequence[object]]) -> list[ColumnLine]:
        return [
            ColumnLine(name[:60], self[f"kind_{k}"], [_cell(cells[k]) for cells in first])
            for k, name in enumerate(self.file.names)
        ]

    def clean(self) -> dict[str, object]:
        values = super().clean() or {}
        if self.errors:
            return values
        if values["best"] and values["best"] == values["error"]:
            values["best"] = ""
        kinds = {name: values[f"kind_{k}"] or LEFT_OUT for k, name in enumerate(self.file.names)}
        choices = Choices(
            error=values["error"],
            best=values["best"],
            measure=values["measure"],
            unit=values["unit"],
            kinds={name: ColumnKind(kind) for name, kind in kinds.items() if kind != LEFT_OUT},
        )
        if problem := name_problem(self.file, choices):
            self.add_error(None, problem)
        return {**values, "choices": choices}


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        value = value.get("kind", "…")
    return quoted(value)[:40]
