"""Imports: list, look, bring in, add to, replace, delete; what the pages and the command check is checked here too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ninja import Query, Router, Status

from webapp import queries, services
from webapp.access import TeamRequest, imported_of
from webapp.api.errors import Rejected
from webapp.api.filing import add_filing, filed, filing_of
from webapp.api.names import checked_name
from webapp.api.schemas import FiledPage, ImportOut, ImportRows, Imports, NewImport, or_problem
from webapp.api.tokens import READER, WRITER
from webapp.files.imports import (
    Choices,
    Imported,
    appended,
    origin_of,
    problem_of,
    read_import,
    shape_of,
    usual_choices,
    with_roles,
)
from webapp.files.json_tables import table_of_columns
from webapp.files.table import Table, UnreadableFile
from webapp.models import ImportedPopulation

router = Router(tags=["imports"])


@router.get("", response=or_problem(Imports), auth=READER)
def list_imports(request: TeamRequest, chosen: Query[FiledPage]) -> dict[str, object]:
    """The team's imports, the newest first."""
    rows = filed(chosen, queries.imported_populations(request.team))
    return {"items": [_line(row) for row in rows[chosen.offset : chosen.offset + chosen.limit]], "total": rows.count()}


@router.get("/{id:imported_id}", response=or_problem(ImportOut), auth=READER)
def get_import(request: TeamRequest, imported_id: int) -> dict[str, object]:
    """One import, with the role of each column."""
    return _line(imported_of(request.team, imported_id))


@router.post("", response=or_problem(ImportOut, status=201), auth=WRITER)
def create_import(request: TeamRequest, body: NewImport) -> Status[dict[str, object]]:
    """Bring in rows, column by column; roles are guessed where none are given."""
    table = _table(body.columns)
    before = queries.import_of_shape(request.team, shape_of(table))
    guessed = usual_choices(table, before.choices if before else None)
    choices = _checked(table, guessed, body.roles, body.statuses)
    imported = read_import(table, choices)
    row = services.create_imported_population(
        team=request.team,
        name=checked_name(body.name),
        origin=origin_of(body.source or "the API", table, choices, imported),
        columns=imported.columns,
        conditions=services.Conditions(body.data_set, body.resolution, body.epochs),
        actor=request.user,
    )
    return Status(201, _line(row))


@router.post("/{id:imported_id}/rows", response=or_problem(ImportOut), auth=WRITER)
def append_rows(request: TeamRequest, imported_id: int, body: ImportRows) -> dict[str, object]:
    """Add rows with the same columns, which are read as those before."""
    row = imported_of(request.team, imported_id)
    table, choices, imported = _as_before(row, body)
    columns = appended(queries.load_columns(row), imported.columns)
    origin = origin_of(row.source, table, choices, imported, left_out=row.left_out)
    return _line(services.replace_imported_population(row=row, origin=origin, columns=columns, actor=request.user))


@router.put("/{id:imported_id}/rows", response=or_problem(ImportOut), auth=WRITER)
def replace_rows(request: TeamRequest, imported_id: int, body: ImportRows) -> dict[str, object]:
    """Give it other rows with the same columns."""
    row = imported_of(request.team, imported_id)
    table, choices, imported = _as_before(row, body)
    origin = origin_of(row.source, table, choices, imported)
    changed = services.replace_imported_population(row=row, origin=origin, columns=imported.columns, actor=request.user)
    return _line(changed)


@router.post("/{id:imported_id}/delete", response=or_problem(ImportOut), auth=WRITER)
def delete_import(request: TeamRequest, imported_id: int) -> dict[str, object]:
    """Delete it with its rows; refused while a live result page reads it."""
    row = imported_of(request.team, imported_id)
    line = _line(row)
    services.delete(row=row, actor=request.user)
    return line


def _as_before(row: ImportedPopulation, body: ImportRows) -> tuple[Table, Choices, Imported]:
    table = _table(body.columns)
    known = row.choices.get("columns", {})
    if set(known) != set(table.names):
        raise Rejected(f"The columns must be those of {row.name}: {', '.join(known)}.", parameter="columns")
    choices = usual_choices(table, row.choices)
    return table, choices, read_import(table, choices)


def _table(columns: Mapping[str, list[Any]]) -> Table:
    try:
        return table_of_columns(columns)
    except UnreadableFile as error:
        raise Rejected(str(error), parameter="columns") from error


def _checked(table: Table, choices: Choices, roles: Mapping[str, str], ends: Mapping[str, str]) -> Choices:
    try:
        chosen = with_roles(table, choices, roles, ends)
    except UnreadableFile as error:
        raise Rejected(str(error), parameter="roles") from error
    if problem := problem_of(table, chosen):
        raise Rejected(problem, parameter="roles")
    return chosen


def _line(row: ImportedPopulation) -> dict[str, object]:
    columns = row.choices.get("columns", {})
    return {
        "id": row.pk,
        "name": row.name,
        "source": row.source,
        "n": row.n - row.failed,
        "failed": row.failed,
        "left_out": row.left_out,
        "data_set": row.data_set,
        "resolution": row.resolution,
        "epochs": row.epochs,
        "version": row.version,
        "roles": {name: choice["role"] for name, choice in columns.items()},
        "created_at": row.created_at,
        **filing_of(row),
    }


add_filing(router, "imported", ImportOut, find=imported_of, answer=_line)
