"""The parts and files of a result page, for its team and for whoever has a link; a frozen page's never change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from webapp import services
from webapp.access import TeamRequest, result_of, team_page
from webapp.analysis import Analysis
from webapp.analysis.saved import saved_analysis, saved_columns
from webapp.files.exports import file_response
from webapp.forms.analyses import refused
from webapp.models import ResultPage
from webapp.pages.analysis_figures import figure_exists, figure_of
from webapp.pages.analysis_page import CHOOSE
from webapp.pages.analysis_tables import table_exists, table_of
from webapp.pages.links import Links
from webapp.pages.markdown import render_markdown
from webapp.views.analyses import check_part, choose_part, edf_steps, part_response, population_response
from webapp.views.exports import NO_FIGURE, NO_TABLE, Picture, figure_file, report_page, table_file
from webapp.views.results import member_links, untraceable, visitor_links

P = ParamSpec("P")
FileView = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Seen:
    """A result page, and what leads where for whoever looks; ``report_links`` are those of its report."""

    page: ResultPage
    links: Links
    report_links: Links
    address: str

    @property
    def analysis(self) -> Analysis:
        with refused():
            return saved_analysis(self.page)

    @property
    def columns(self) -> set[str]:
        with refused():
            return saved_columns(self.page)


FileOfPage = Callable[Concatenate[Seen, P], HttpResponseBase]


def _for_team(file: FileOfPage[P]) -> FileView:
    @team_page
    def view(request: TeamRequest, /, result_id: int, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        page = result_of(request.team, result_id)
        links = member_links(request, page)
        origin = request.build_absolute_uri("/").rstrip("/")
        return file(Seen(page, links, Links(app=origin), origin + links.page), *args, **kwargs)

    return view


def _for_link(file: FileOfPage[P]) -> FileView:
    """The link is asked for each file again, so that it ends for all of them at once."""

    @require_safe
    def view(request: HttpRequest, /, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        page = services.find_shared_page(token)
        if page is None:
            raise Http404("No such page.")
        return untraceable(file(Seen(page, visitor_links(token), Links(), ""), *args, **kwargs))

    return view


@team_page
def result_part(request: TeamRequest, result_id: int, name: str) -> HttpResponseBase:
    """One section of the page, or the form that chooses other populations."""
    page = result_of(request.team, result_id)
    if name != CHOOSE:
        check_part(name)
    with refused():
        analysis = saved_analysis(page)
    if name == CHOOSE:
        return choose_part(request, analysis)
    return part_response(analysis, member_links(request, page), name)


def _part(seen: Seen, /, name: str) -> HttpResponseBase:
    check_part(name)
    return part_response(seen.analysis, seen.links, name)


def _figure(seen: Seen, /, element: str, kind: Picture) -> HttpResponseBase:
    if not figure_exists(element, seen.columns):
        raise Http404(NO_FIGURE)
    return figure_file(figure_of(seen.analysis, element, Links()), kind)


def _table(seen: Seen, /, element: str, kind: str) -> HttpResponseBase:
    if not table_exists(element, seen.columns):
        raise Http404(NO_TABLE)
    return table_file(table_of(seen.analysis, element), element, kind)


def _edf_csv(seen: Seen, /) -> HttpResponseBase:
    return edf_steps(seen.analysis)


def _population(seen: Seen, /, pair: str, kind: str) -> HttpResponseBase:
    """The samples that the page uses, after its filters."""
    for population in seen.analysis.populations:
        if population.token == pair:
            return population_response(kind, seen.analysis.with_parameters(population))
    raise Http404("This page has no such population.")


def _report(seen: Seen, /) -> HttpResponseBase:
    """The whole page as one HTML file with its notes. One from a link leads nowhere, and doesn't name the link."""
    page = seen.page
    author = str(page.updated_by) if seen.address else ""  # a link tells nobody's name
    html = report_page(
        "results/report.html",
        seen.analysis,
        seen.report_links,
        team=page.team.name,
        address=seen.address,
        more={"result": page, "notes": render_markdown(page.notes), "author": author},
    )
    return file_response(f"{slugify(page.title) or 'result'}.html", html, "text/html")


shared_part = _for_link(_part)
result_figure, shared_figure = _for_team(_figure), _for_link(_figure)
result_table, shared_table = _for_team(_table), _for_link(_table)
result_edf_csv, shared_edf_csv = _for_team(_edf_csv), _for_link(_edf_csv)
result_population, shared_population = _for_team(_population), _for_link(_population)
result_report, shared_report = _for_team(_report), _for_link(_report)
