"""Imports: upload, preview, confirm; the rows of what was imported, its files, its end."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import numpy.typing as npt
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models.functions import Lower
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from webapp import queries, services
from webapp.access import TeamRequest, imported_of, team_action, team_form, team_page
from webapp.analysis.populations import filter_words
from webapp.analysis.selection import SelectedRows
from webapp.files.cells import parse
from webapp.files.drafts import Draft, drop_draft, find_draft, keep_upload
from webapp.files.exports import Values, table_response
from webapp.files.imports import (
    Choices,
    Imported,
    origin_of,
    problem_of,
    read_import,
    shape_of,
    usual_choices,
)
from webapp.files.table import Table, UnreadableFile
from webapp.files.units import to_error
from webapp.forms.analyses import read_selection
from webapp.forms.imports import ChoicesForm, UploadForm
from webapp.forms.lists import Listing, read_list
from webapp.models import ColumnKind
from webapp.models.columns import Column
from webapp.pages.population_words import file_name
from webapp.services import Refused
from webapp.views.analyses import FILTER_COLUMN, one_population
from webapp.wording import compact, counted

ROWS_SHOWN = 50
A_PAGE = 50

IMPORTS = Listing(
    sorts={"name": Lower("name"), "source": Lower("source"), "rows": "n", "created": "created_at"},
    usual="-created",
    sought=("name", "source"),
)


@team_page
def import_list(request: TeamRequest) -> HttpResponse:
    asked, every = read_list(request.GET, IMPORTS), queries.imported_populations(request.team)
    page = Paginator(asked.rows(every), A_PAGE).get_page(asked.page)
    return render(request, "imports/list.html", {"section": "results", "asked": asked, "all": every, "page": page})


@team_form
def new_import(request: TeamRequest) -> HttpResponse:
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = UploadForm(*sent, refused=getattr(request, "refused_upload", ""))
    if form.is_valid():
        try:
            draft = keep_upload(team=request.team, user=request.user, file=form.cleaned_data["file"])
        except UnreadableFile as error:
            form.add_error("file", str(error))
        else:
            return redirect("import-preview", draft.token)
    return render(request, "imports/new.html", {"section": "analyses", "form": form})


@team_form
def import_preview(request: TeamRequest, token: str) -> HttpResponse:
    """What the file gives under the choices so far; ``confirm`` stores exactly that."""
    draft = find_draft(team=request.team, user=request.user, token=token)
    table = draft.table
    before = queries.import_of_shape(request.team, shape_of(table))
    guessed = usual_choices(table, before.choices if before else None)
    form = ChoicesForm(request.POST or None, table=table, guessed=guessed, name=PurePath(draft.name).stem[:120])
    choices = form.cleaned_data["choices"] if form.is_valid() else guessed
    problem = problem_of(table, choices) if not form.is_bound else ""
    imported = None if problem or (form.is_bound and form.errors) else read_import(table, choices)
    if imported and len(imported.errors) and form.is_bound and "confirm" in request.POST:
        answer = _confirm(request, draft, form, imported)
        if answer:
            return answer
    context = {
        "section": "analyses",
        "draft": draft,
        "table": table,
        "form": form,
        "before": before,
        "lines": form.lines(imported.missing if imported else {}),
        "problem": problem,
        "imported": imported,
        **_range(imported),
        "example": _example(table, choices) if imported else "",
    }
    return render(request, "imports/preview.html", context)


def _range(imported: Imported | None) -> dict[str, float | int]:
    if imported is None or not len(imported.errors):
        return {}
    errors = imported.errors
    return {"lowest": errors.min(), "highest": errors.max(), "mean": errors.mean(), "finished": len(errors)}


def _confirm(request: TeamRequest, draft: Draft, form: ChoicesForm, imported: Imported) -> HttpResponse | None:
    try:
        row = services.create_imported_population(
            team=request.team,
            name=form.cleaned_data["name"],
            origin=origin_of(draft.name, draft.table, form.cleaned_data["choices"], imported),
            columns=imported.columns,
            conditions=form.cleaned_data["conditions"],
            actor=request.user,
        )
    except Refused as error:
        form.add_error(None, str(error))
        return None
    drop_draft(draft)
    messages.success(request, f"Imported: {counted(row.n, 'row')} as {row.name}.")
    return redirect("imported", row.pk)


def _example(table: Table, choices: Choices) -> str:
    """One cell and the error it means, so that a wrong unit is seen."""
    choice = choices.columns[choices.error]
    for cell in table.column(choices.error).drop_null().slice(0, 20).to_pylist():
        value = cell if isinstance(cell, float) else parse(cell, "comma" if choice.style == "comma" else "point")[0]
        error = float(to_error(np.array([value]), choice.unit)[0])
        if np.isfinite(error):
            return f"{choices.error[:60]} {cell!s:.20} becomes an error of {compact(error)}"
    return ""


@team_action
def discard_import(request: TeamRequest, token: str) -> HttpResponse:
    drop_draft(find_draft(team=request.team, user=request.user, token=token))
    messages.success(request, "Nothing was imported; the uploaded file is deleted.")
    return redirect("new-import")


@team_page
def imported_page(request: TeamRequest, imported_id: int) -> HttpResponse:
    """The columns and rows of an imported population; ?row= opens the page that holds it."""
    imported = imported_of(request.team, imported_id)
    row = request.GET.get("row", "")
    marked = int(row) if row.isdecimal() and len(row) < 10 and 1 <= int(row) <= imported.n else None
    asked = (marked - 1) // ROWS_SHOWN + 1 if marked else request.GET.get("page")
    page = Paginator(range(1, imported.n + 1), ROWS_SHOWN).get_page(asked)
    columns = queries.load_rows(imported, page.start_index() - 1, page.end_index())
    visible = [column for column in columns if column.kind != ColumnKind.DESIGN]
    context = {
        "section": "analyses",
        "imported": imported,
        "columns": columns,
        "visible": visible,
        "page": page,
        "marked": marked,
        "rows": [(number, [_cell(column, place) for column in visible]) for place, number in enumerate(page)],
    }
    return render(request, "imports/imported.html", context)


def _cell(column: Column, place: int) -> tuple[str, bool]:
    value = column.cells[place]
    if column.kind != ColumnKind.NUMBER:
        return str(value)[:60], False
    return "failed" if column.name == "error" and value == np.inf else "" if np.isnan(value) else compact(value), True


@team_page
def imported_file(request: TeamRequest, imported_id: int, kind: str) -> HttpResponseBase:
    """The rows inside the ranges of the address as a file: every column as imported."""
    imported = imported_of(request.team, imported_id)
    population = one_population(read_selection(request.GET), SelectedRows((), (imported,)))
    columns: dict[str, Values] = {column.name: column.cells for column in queries.load_columns(imported)}
    if population.ranges:
        kept = population.samples[queries.SAMPLE_ID].astype(int) - 1
        columns = {name: _rows(values, kept) for name, values in columns.items()}
        columns[FILTER_COLUMN] = ["; ".join(filter_words(population.ranges))] * len(kept)
    return table_response(kind, file_name(population, any_error=True), columns)


def _rows(values: Values, kept: npt.NDArray[np.int_]) -> Values:
    return values[kept] if isinstance(values, np.ndarray) else [values[row] for row in kept]
