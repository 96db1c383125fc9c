"""Forms of an import: the file, then what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django import forms
from django.forms import BoundField
from pyarrow import compute

from webapp.files.imports import Choices, problem_of, quoted
from webapp.files.roles import UNITS, ColumnChoice, default_unit
from webapp.files.status import ENDS, UNFINISHED, End
from webapp.files.table import Table
from webapp.forms.fields import NameField
from webapp.models import ColumnRole as Role
from webapp.services import Conditions

FIRST_VALUES = 3
MOST_WORDS = 40  # of a status, each with a choice of its own


class UploadForm(forms.Form):
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # the reader says that it is empty
        help_text="CSV, Excel, Parquet or JSON with one row a design, or the JSON of a pycls sweep; "
        "gzip or zip of one of them; up to 100,000 rows and 256 MiB.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.json,.jsonl,.parquet,.xlsx,.xls,.gz,.zip"}),
    )

    def __init__(self, *args: Any, refused: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if refused:
            self.fields["file"].error_messages["required"] = refused


@dataclass(frozen=True)
class ColumnLine:
    """One column of the file: the fields that say what it is, its first values, and why it was guessed so."""

    name: str
    role: BoundField
    unit: BoundField | None
    style: BoundField | None
    values: str
    missing: int
    reason: str


class ChoicesForm(forms.Form):
    """What a file's columns are; fields are numbered, because names of columns may be anything."""

    name = NameField(label="Name")
    data_set = forms.CharField(label="Data set", max_length=80, required=False)
    resolution = forms.IntegerField(label="Resolution", min_value=1, max_value=100_000, required=False)
    epochs = forms.FloatField(label="Epochs", min_value=0, max_value=1_000_000, required=False)

    def __init__(self, data: Mapping[str, object] | None = None, *, table: Table, guessed: Choices, name: str) -> None:
        super().__init__(data, initial={"name": name})
        self.table, self.guessed = table, guessed
        for k, (column, choice) in enumerate(guessed.columns.items()):
            self._add_fields(k, column, choice)
        for k, word in enumerate(self.words):
            self.fields[f"end_{k}"] = forms.ChoiceField(
                label=word[:60], choices=list(ENDS.items()), required=False, initial=guessed.end_of(word)
            )

    def _add_fields(self, k: int, column: str, choice: ColumnChoice) -> None:
        roles = [role for role in Role if role != Role.DESIGN or choice.role == Role.DESIGN]
        self.fields[f"role_{k}"] = forms.ChoiceField(
            label=f"Role of {column[:60]}", choices=[(role.value, role.label) for role in roles],
            required=False, initial=choice.role.value,
        )  # fmt: skip
        units = UNITS.get(self._posted_role(k, choice))
        if units:
            self.fields[f"unit_{k}"] = forms.ChoiceField(
                label=f"Unit of {column[:60]}", choices=list(units.items()), required=False,
                initial=choice.unit or default_unit(self._posted_role(k, choice), self.table, column),
            )  # fmt: skip
        if not choice.style:
            self.fields[f"style_{k}"] = forms.ChoiceField(
                label=f"How {column[:60]} writes numbers", required=False,
                choices=[("", "reads both ways: choose"), ("point", "1,234 is 1234"), ("comma", "1,234 is 1.234")],
            )  # fmt: skip

    def _posted_role(self, k: int, choice: ColumnChoice) -> Role:
        posted = str(self.data.get(f"role_{k}", "")) if self.is_bound else ""
        return Role(posted) if posted in Role.values else choice.role

    @property
    def words(self) -> list[str]:
        """Of the status of the runs, and that of runs which ended before their last epoch."""
        status = self.guessed.of(Role.STATUS)
        found: list[str] = []
        if status:
            column = self.table.column(status).cast("string")
            stripped = (text.strip() for text in compute.unique(column).to_pylist() if text and text.strip())
            found = list(islice(dict.fromkeys(stripped), MOST_WORDS))
        both = self.guessed.of(Role.EPOCH_REACHED) and self.guessed.of(Role.EPOCHS_PLANNED)
        return [*found, UNFINISHED] if both else found

    @property
    def ends(self) -> list[BoundField]:
        return [self[f"end_{k}"] for k in range(len(self.words))]

    def lines(self, missing: Mapping[str, int]) -> list[ColumnLine]:
        return [
            ColumnLine(
                name[:60], self[f"role_{k}"], self._field(f"unit_{k}"), self._field(f"style_{k}"),
                first_values(self.table, name), missing.get(name, self.table.column(name).null_count), choice.reason,
            )
            for k, (name, choice) in enumerate(self.guessed.columns.items())
        ]  # fmt: skip

    def _field(self, name: str) -> BoundField | None:
        return self[name] if name in self.fields else None

    def clean(self) -> dict[str, object]:
        values = super().clean() or {}
        if self.errors:
            return values
        columns = {name: self._choice(k, name, choice, values)
                   for k, (name, choice) in enumerate(self.guessed.columns.items())}  # fmt: skip
        ends: dict[str, End] = {word: values[f"end_{k}"] for k, word in enumerate(self.words) if values[f"end_{k}"]}
        choices = Choices(columns, ends)
        if problem := problem_of(self.table, choices):
            self.add_error(None, problem)
        conditions = Conditions(values["data_set"], values["resolution"], values["epochs"])
        return {**values, "choices": choices, "conditions": conditions}

    def _choice(self, k: int, name: str, choice: ColumnChoice, values: Mapping[str, Any]) -> ColumnChoice:
        role = Role(values[f"role_{k}"] or choice.role)
        unit = values.get(f"unit_{k}") or (choice.unit if role == choice.role else "")
        if unit not in UNITS.get(role, {}):
            unit = default_unit(role, self.table, name)
        return replace(choice, role=role, unit=unit, style=choice.style or values.get(f"style_{k}", ""))


def first_values(table: Table, name: str) -> str:
    column = table.column(name).slice(0, 1_000).drop_null()
    values = compute.unique(column).slice(0, FIRST_VALUES).to_pylist()
    return ", ".join(f"{value:.6g}" if isinstance(value, float) else quoted(value)[:40] for value in values)
