"""What leaves an analysis: figures in print size, tables as files, all of it as one file for offline reading."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from webapp.access import TeamRequest, batch_of, sample_of, team_page
from webapp.analysis import Analysis
from webapp.analysis.analysis import analyse
from webapp.analysis.populations import known_columns
from webapp.analysis.tables import Table
from webapp.files.exports import file_response, table_response
from webapp.forms.analyses import read_analysis, read_rows, read_selection, refused
from webapp.pages import reports
from webapp.pages.analysis_figures import figure_exists, figure_of
from webapp.pages.analysis_page import AnalysisPage
from webapp.pages.analysis_tables import table_exists, table_of
from webapp.pages.figures import Figure
from webapp.pages.links import Links
from webapp.plots import SPACE_DASHES
from webapp.views.batches import edf_of_batch
from webapp.views.samples import sample_figures

Picture = Literal["svg", "png"]
PICTURES: dict[Picture, str] = {"svg": "image/svg+xml", "png": "image/png"}
NO_FIGURE, NO_TABLE = "This page has no such figure.", "This page has no such table."


@team_page
def analysis_figure(request: TeamRequest, element: str, kind: Picture) -> HttpResponse:
    """One figure without the work of the others; a name that no analysis has is answered before anything is loaded."""
    selection = read_selection(request.GET)
    rows = read_rows(selection, request.team)
    if not figure_exists(element, known_columns(rows)):
        raise Http404(NO_FIGURE)
    with refused():
        return figure_file(figure_of(analyse(selection, request.team, rows), element, Links()), kind)


@team_page
def analysis_table(request: TeamRequest, element: str, kind: str) -> HttpResponseBase:
    selection = read_selection(request.GET)
    rows = read_rows(selection, request.team)
    if not table_exists(element, known_columns(rows)):
        raise Http404(NO_TABLE)
    with refused():
        return table_file(table_of(analyse(selection, request.team, rows), element), element, kind)


@team_page
def batch_figure(request: TeamRequest, batch_id: int, element: str, kind: Picture) -> HttpResponse:
    return figure_file(_named(_batch_figures(request, batch_id), element), kind)


@team_page
def batch_table(request: TeamRequest, batch_id: int, element: str, kind: str) -> HttpResponseBase:
    return figure_table(_named(_batch_figures(request, batch_id), element), kind)


def _batch_figures(request: TeamRequest, batch_id: int) -> list[Figure]:
    figure = edf_of_batch(batch_of(request.team, batch_id))
    return [figure] if figure else []


@team_page
def sample_figure(request: TeamRequest, sample_id: int, element: str, kind: Picture) -> HttpResponse:
    return figure_file(_named(sample_figures(sample_of(request.team, sample_id)), element), kind)


@team_page
def sample_table(request: TeamRequest, sample_id: int, element: str, kind: str) -> HttpResponseBase:
    return figure_table(_named(sample_figures(sample_of(request.team, sample_id)), element), kind)


def _named(figures: Sequence[Figure], element: str) -> Figure | None:
    return next((figure for figure in figures if figure.element == element), None)


def figure_file(figure: Figure | None, kind: Picture) -> HttpResponse:
    """A figure in print size as a download; 404 where the page has none."""
    if figure is None:
        raise Http404(NO_FIGURE)
    os.environ.setdefault("MPLCONFIGDIR", str(settings.VAR / "matplotlib"))  # its list of fonts, kept with the rest
    from webapp.plots.prints import Label, print_figure  # matplotlib takes a second to load, and only this needs it

    labels = [
        Label(entry.slot, SPACE_DASHES[entry.dash or entry.slot], f"{entry.name}  {entry.note}")
        for entry in figure.legend
    ]
    content = print_figure(figure.plot, kind=kind, labels=labels, tall=figure.size == "tall")
    return file_response(f"{figure.element}.{kind}", content, PICTURES[kind])


def figure_table(figure: Figure | None, kind: str) -> HttpResponseBase:
    """The numbers of a figure as a file."""
    return table_file(figure.table if figure else None, figure.element if figure else "", kind)


def table_file(table: Table | None, name: str, kind: str) -> HttpResponseBase:
    """A table in full precision as a download; 404 where the page has none."""
    if table is None:
        raise Http404(NO_TABLE)
    return table_response(kind, name, table.as_columns())


@team_page
def analysis_report(request: TeamRequest) -> HttpResponse:
    """The whole analysis as one HTML file: styles, scripts and data inside, nothing fetched from anywhere."""
    analysis = read_analysis(request.GET, request.team)
    address = request.build_absolute_uri(f"{reverse('analyses')}?{request.GET.urlencode()}")
    links = Links(app=request.build_absolute_uri("/").rstrip("/"))
    page = report_page("analyses/report.html", analysis, links, team=request.team.name, address=address, more={})
    return file_response("analysis.html", page, "text/html")


def report_page(
    template: str, analysis: Analysis, links: Links, *, team: str, address: str, more: dict[str, object]
) -> str:
    """The page with its styles and scripts inside; ``address`` is where it says that it is from, empty for nowhere."""
    if analysis.is_empty:
        raise Http404("There is no error to show yet, so there is nothing to export.")
    page = AnalysisPage(analysis, links, whole=True)
    report = reports.Report(team=team, made_at=timezone.now(), address=address)
    return render_to_string(template, page.early() | page.rest() | {"report": report, **more})
