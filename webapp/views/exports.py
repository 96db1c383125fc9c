"""What leaves an analysis: each figure in print size, each table as CSV, all of it as one file for offline reading."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from webapp.access import TeamRequest, batch_of, sample_of, team_page
from webapp.files.exports import csv_response, file_response
from webapp.pages import reports
from webapp.pages.figures import Figure, Table
from webapp.plots import SPACE_DASHES
from webapp.queries import COMPLEXITIES
from webapp.views.analyses import read_analysis
from webapp.views.batches import edf_of_batch
from webapp.views.samples import sample_figures
from webapp.wording import as_number

PICTURES = {"svg": "image/svg+xml", "png": "image/png"}


@team_page
def analysis_figure(request: TeamRequest, element: str, kind: Literal["svg", "png"]) -> HttpResponse:
    return figure_file(read_analysis(request).whole().get("figures", ()), element, kind)


@team_page
def batch_figure(request: TeamRequest, batch_id: int, element: str, kind: Literal["svg", "png"]) -> HttpResponse:
    figure = edf_of_batch(batch_of(request.team, batch_id))
    return figure_file([figure] if figure else [], element, kind)


@team_page
def sample_figure(request: TeamRequest, sample_id: int, element: str, kind: Literal["svg", "png"]) -> HttpResponse:
    return figure_file(sample_figures(sample_of(request.team, sample_id)), element, kind)


def figure_file(figures: Sequence[Figure], element: str, kind: Literal["svg", "png"]) -> HttpResponse:
    """One of a page's figures as a download; 404 where the page has no such figure."""
    os.environ.setdefault("MPLCONFIGDIR", str(settings.VAR / "matplotlib"))  # its list of fonts, kept with the rest
    from webapp.plots.prints import Label, print_figure  # matplotlib takes a second to load, and only this needs it

    figure = next((one for one in figures if one.element == element), None)
    if figure is None:
        raise Http404("This page has no such figure.")
    labels = [
        Label(entry.slot, SPACE_DASHES[entry.dash or entry.slot], f"{entry.name}  {entry.note}")
        for entry in figure.legend
    ]
    content = print_figure(figure.plot, kind=kind, labels=labels, tall=figure.size == "tall")
    return file_response(f"{element}.{kind}", content, PICTURES[kind])


@team_page
def analysis_table(request: TeamRequest, element: str) -> HttpResponseBase:
    return table_file(read_analysis(request).whole(), element)


def table_file(context: dict[str, Any], element: str) -> HttpResponseBase:
    """A table of the page, or the one under a figure, as it is shown; cells that are numbers stay numbers."""
    tables = {table.slug: table for table in _tables(context, depth=3)}
    tables |= {figure.element: figure.table for figure in context.get("figures", ())}
    if element in tables:
        table = tables[element]
        rows = ([as_number(cell) for cell in row] for row in table.rows)
        return csv_response(element, [column.title for column in table.columns], rows)
    if element == "populations" and "lines" in context:
        return csv_response(element, *_populations(context))
    if element == "best" and "best" in context:
        return csv_response(element, *_best(context))
    raise Http404("This page has no such table.")


def _tables(value: Any, depth: int) -> Iterator[Table]:
    """Every table that a page shows, wherever in its context it stands."""
    if isinstance(value, Table):
        yield value
    elif depth and isinstance(value, (Mapping, list, tuple)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _tables(part, depth - 1)
    elif depth and is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _tables(getattr(value, one.name), depth - 1)


def _populations(context: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    head = ["space", "regime", "used", "failed", "pending", "best_percent", "median_percent"]
    head += ["median_low_percent", "median_high_percent"]
    head += ["mean_percent", "mean_low_percent", "mean_high_percent"]
    rows = []
    for line in context["lines"]:
        shown, population = line.shown, line.shown.trained.population
        rows.append(
            [*shown.origin, population.n, population.failed, population.pending, shown.edf.min,
             line.median.value, *line.median.interval, line.mean.value, *line.mean.interval]
        )  # fmt: skip
    return head, rows


def _best(context: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    costs = [f"{name}_millions" for name in COMPLEXITIES if name in context["focus"].costs]
    head = ["rank", "sample", "error_percent", "widths_per_block", *context["parameters"], *costs]
    rows = [
        [line.rank, line.sample_id, line.error, " ".join(map(str, line.widths)), *map(as_number, line.values)]
        for line in context["best"]
    ]
    return head, rows


@team_page
def analysis_report(request: TeamRequest) -> HttpResponse:
    """The whole analysis as one HTML file: styles, scripts and data inside, nothing fetched from anywhere."""
    address = request.build_absolute_uri(f"{reverse('analyses')}?{request.GET.urlencode()}")
    page = report_page(request, "analyses/report.html", read_analysis(request).whole(), address=address)
    return file_response("analysis.html", reports.offline(page, address=address), "text/html")


def report_page(request: HttpRequest, template: str, context: dict[str, Any], *, address: str) -> str:
    """The page with its styles and scripts inside; ``address`` is where it says that it is from, empty for nowhere."""
    if not context.get("figures"):
        raise Http404("There is no error to show yet, so there is nothing to export.")
    inside = {"styles": reports.styles(), "scripts": reports.scripts(), "policy": reports.POLICY}
    made = {"address": address, "made_at": timezone.now(), "prints": ""}
    return render_to_string(template, context | inside | made, request)
