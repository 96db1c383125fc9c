"""Imported populations: stored once confirmed; later runs of the same study replace its rows as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import F

from webapp.models import ColumnKind, EventKind, ImportedColumn, ImportedPopulation, Space, Team, User
from webapp.models import ColumnRole as Role
from webapp.models.columns import Column, encode
from webapp.services.errors import Refused
from webapp.services.events import record_event
from webapp.services.spaces import free_slot


@dataclass(frozen=True)
class Conditions:
    """What the networks of an import were trained on, as far as the person says it."""

    data_set: str = ""
    resolution: int | None = None
    epochs: float | None = None


@dataclass(frozen=True)
class Origin:
    """Where an import comes from: its file, how its errors come about, and what was said of the file's columns."""

    source: str
    error_origin: str
    shape: str = ""
    choices: Mapping[str, Any] | None = None
    left_out: int = 0


@transaction.atomic
def create_imported_population(
    *,
    team: Team,
    name: str,
    origin: Origin,
    columns: Sequence[Column],
    actor: User,
    conditions: Conditions = Conditions(),
) -> ImportedPopulation:
    """Store columns of equal length, among them numbers named ``error`` in percent, inf for a failed network."""
    _check_name(team, name)
    row = ImportedPopulation(
        team=team, name=name, slot=free_slot(team), created_by=actor, **_values(origin, columns), **vars(conditions)
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Refused(f"The name {name} is taken by another imported population of this team.") from error
    _store(row, columns)
    record_event(team=team, actor=actor, kind=EventKind.IMPORTS, verb="imported", subject=name)
    return row


@transaction.atomic
def replace_imported_population(
    *, row: ImportedPopulation, origin: Origin, columns: Sequence[Column], actor: User
) -> ImportedPopulation:
    """Give an import other rows, such as those of a study that has gone on; its analyses follow."""
    changed = ImportedPopulation.objects.filter(pk=row.pk, version=row.version).update(
        version=F("version") + 1, **_values(origin, columns)
    )
    if not changed:
        raise Refused(f"{row.name} was changed or deleted at the same time: try again.")
    ImportedColumn.objects.filter(population=row).delete()
    _store(row, columns)
    row.refresh_from_db()
    record_event(team=row.team, actor=actor, kind=EventKind.IMPORTS, verb="imported anew", subject=row.name)
    return row


def _check_name(team: Team, name: str) -> None:
    if Space.objects.filter(team=team, name=name).exists():
        raise Refused(f"The name {name} is taken by a space of this team.")


def _values(origin: Origin, columns: Sequence[Column]) -> dict[str, Any]:
    n, failed = _counts(columns)
    return {
        "n": n,
        "failed": failed,
        "left_out": origin.left_out,
        "source": origin.source[:200],
        "error_origin": origin.error_origin[:200],
        "shape": origin.shape,
        "choices": dict(origin.choices or {}),
    }


def _counts(columns: Sequence[Column]) -> tuple[int, int]:
    """All rows, and those without an error; refused where the columns form no population."""
    errors = next((column.values for column in columns if column.name == "error"), None)
    if errors is None:
        raise Refused("An imported population needs a column error.")
    values = np.asarray(errors, dtype=np.float64)
    failed = int((values == np.inf).sum())
    if bool(np.any(~((values >= 0) & (values <= 100)) & (values != np.inf))):
        raise Refused("An error must be a percentage from 0 to 100.")
    if failed == len(values):
        raise Refused("An imported population needs at least one row with an error.")
    if any(len(column.values) != len(values) for column in columns):
        raise Refused("All columns of an imported population must have the same length.")
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        raise Refused("Two columns of an imported population have the same name.")
    return len(values), failed


def _store(row: ImportedPopulation, columns: Sequence[Column]) -> None:
    fixed = {"error": Role.ERROR, "best_error": Role.BEST_ERROR}
    for position, column in enumerate(columns):
        values, ends = encode(column)
        role = Role.DESIGN if column.kind == ColumnKind.DESIGN else fixed.get(column.name, column.role)
        ImportedColumn.objects.create(
            population=row, position=position, name=column.name, kind=column.kind, role=role,
            levels=list(column.levels), values=values, ends=ends,
        )  # fmt: skip
