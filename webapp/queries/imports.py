"""Imported populations: read as columns, like the trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from engine.statistics.population import Population
from webapp.models import ColumnKind, ColumnRole, ImportedColumn, ImportedPopulation, Team
from webapp.models.columns import AS_NUMBERS, BLOCK, NUMBER_BYTES, Column, decode_list, decode_numbers, decode_rows
from webapp.queries.populations import COMPLEXITIES, SAMPLE_ID, ErrorChoice, TrainedPopulation

BEST_ERROR = "best_error"
READ = (ColumnRole.PARAMETER, ColumnRole.COMPLEXITY, ColumnRole.ERROR, ColumnRole.BEST_ERROR)  # by analyses


def imported_populations(team: Team) -> QuerySet[ImportedPopulation]:
    """The team's, newest first, archived ones too."""
    return ImportedPopulation.objects.filter(team=team).select_related("created_by").order_by("-pk")


def import_of_shape(team: Team, shape: str) -> ImportedPopulation | None:
    """The team's last import of a file with the same columns."""
    rows = ImportedPopulation.objects.filter(team=team, shape=shape).exclude(shape="")
    return rows.order_by("-pk").first()


def load_imported(imported: ImportedPopulation, *, error: ErrorChoice = "final") -> TrainedPopulation:
    """An imported population as the analyses read any other: parameters, complexities where known, error.

    ``sample_id`` is the number of the row, from 1. The error of the best epoch is used where it was imported;
    otherwise the one error there is. An empty cell is nan, and so is one without a finite value.
    """
    stored = ImportedColumn.objects.filter(population=imported, kind=ColumnKind.NUMBER, role__in=READ).order_by(
        "position"
    )
    found = {name: decode_numbers(values) for name, values in stored.values_list("name", "values")}
    best = found.pop(BEST_ERROR, None)
    failed = np.isinf(found["error"])
    if error == "best" and best is not None:
        found["error"] = np.where(np.isfinite(best) & ~failed, best, found["error"])
    last = (*(name for name in COMPLEXITIES if name in found), "error")
    columns = {name: found[name] for name in [*(name for name in found if name not in last), *last]}
    columns[SAMPLE_ID] = np.arange(1, imported.n + 1, dtype=np.float64)
    known = {name: np.where(np.isfinite(column), column, np.nan) for name, column in columns.items()}
    failures = {name: column[failed] for name, column in known.items() if name != "error"} if failed.any() else None
    finished = {name: column[~failed] for name, column in known.items()}
    return TrainedPopulation(Population.from_columns(finished, failures=failures), ahead=np.array([]))


def load_categories(imported: ImportedPopulation) -> list[Column]:
    """Its parameters that are categories, with a place for every row, failed ones too."""
    stored = ImportedColumn.objects.filter(population=imported, kind=ColumnKind.CATEGORY, role=ColumnRole.PARAMETER)
    return [
        Column(row.name, ColumnKind.CATEGORY, decode_numbers(row.values), ColumnRole.PARAMETER, row.levels)
        for row in stored.order_by("position")
    ]


def load_names(imported: ImportedPopulation, *, rows: Sequence[int]) -> dict[int, str]:
    """What some rows (numbers from 1) are called; empty where no column names them."""
    stored = ImportedColumn.objects.filter(population=imported, kind=ColumnKind.TEXT, role=ColumnRole.NAME).first()
    if stored is None:
        return {}
    return dict(zip(rows, decode_rows(stored.values, stored.ends, [row - 1 for row in rows]), strict=True))


def analysed_columns(imported: Sequence[ImportedPopulation]) -> set[str]:
    """The names of their parameters and complexities."""
    if not imported:
        return set()
    roles = (ColumnRole.PARAMETER, ColumnRole.COMPLEXITY)
    columns = ImportedColumn.objects.filter(population__in=imported, role__in=roles)
    return set(columns.values_list("name", flat=True))


def load_columns(imported: ImportedPopulation) -> list[Column]:
    """Every column as it was imported, text and designs too."""
    return [
        Column(
            row.name,
            ColumnKind(row.kind),
            decode_numbers(row.values) if row.kind in AS_NUMBERS else decode_list(row.values, row.ends),
            ColumnRole(row.role),
            row.levels,
        )
        for row in ImportedColumn.objects.filter(population=imported).order_by("position")
    ]


def load_designs(imported: ImportedPopulation, *, rows: Sequence[int]) -> dict[int, dict[str, object]]:
    """The designs of some rows (numbers from 1) as JSON; empty where none were imported."""
    stored = ImportedColumn.objects.filter(population=imported, kind=ColumnKind.DESIGN).first()
    if stored is None:
        return {}
    designs = decode_rows(stored.values, stored.ends, [row - 1 for row in rows])
    return {row: design for row, design in zip(rows, designs, strict=True) if design}


# Of numbers the rows themselves, of text the blocks that hold them with their ends, of designs nothing.
SOME_ROWS = """
SELECT name, kind, role, levels,
    CASE
        WHEN kind IN ('number', 'category') THEN
            substring("values" FROM %(start)s * %(bytes)s + 1 FOR (%(stop)s - %(start)s) * %(bytes)s)
        WHEN kind = 'text' THEN substring("values" FROM coalesce(ends[%(first)s - 1], 0) + 1
            FOR ends[%(last)s] - coalesce(ends[%(first)s - 1], 0))
    END,
    coalesce(ends[%(first)s - 1], 0), ends[%(first)s:%(last)s]
FROM webapp_importedcolumn WHERE population_id = %(population)s ORDER BY position
"""


def load_rows(imported: ImportedPopulation, start: int, stop: int) -> list[Column]:
    """Every column with the values of some rows only, counted from 0; designs without any."""
    first, last = start // BLOCK + 1, (stop - 1) // BLOCK + 1  # blocks, counted from 1
    values = {"population": imported.pk, "bytes": NUMBER_BYTES, "start": start, "stop": stop}
    with connection.cursor() as cursor:
        cursor.execute(SOME_ROWS, {**values, "first": first, "last": last})
        rows = cursor.fetchall()
    columns = []
    for name, kind, role, levels, stored, begin, ends in rows:
        column: Any = []
        if kind in AS_NUMBERS:
            column = decode_numbers(stored)
        elif kind == ColumnKind.TEXT:
            begun = start - (first - 1) * BLOCK
            column = decode_list(stored, [end - begin for end in ends])[begun : begun + stop - start]
        columns.append(Column(name, ColumnKind(kind), column, ColumnRole(role), levels))
    return columns
