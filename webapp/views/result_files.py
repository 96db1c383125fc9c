"""The files of a result page, for its team and for whoever has a link; those of a frozen page never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, Literal, ParamSpec

from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from webapp import services
from webapp.access import TeamRequest, result_of, team_page
from webapp.files.exports import file_response
from webapp.models import ResultPage
from webapp.pages import reports
from webapp.pages.unlinked import without_links
from webapp.views.analyses import edf_steps, population_response
from webapp.views.exports import figure_file, report_page, table_file
from webapp.views.results import as_saved, populations_of, saved_analysis, untraceable, visitor

P = ParamSpec("P")
# Takes the request as the page's saved analysis, the page, and the page's address.
FileOfPage = Callable[Concatenate[TeamRequest, ResultPage, str, P], HttpResponseBase]
FileView = Callable[..., HttpResponseBase]


def _for_team(file: FileOfPage[P]) -> FileView:
    @team_page
    def view(request: TeamRequest, /, result_id: int, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        page = result_of(request.team, result_id)
        return file(as_saved(request, page), page, reverse("result", args=[page.pk]), *args, **kwargs)

    return view


def _for_link(file: FileOfPage[P]) -> FileView:
    """The link is asked for each file again, so that it ends for all of them at once."""

    @require_safe
    def view(request: HttpRequest, /, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        page = services.find_shared_page(token)
        if page is None:
            raise Http404("No such page.")
        seen = as_saved(visitor(request, page), page)
        return untraceable(file(seen, page, reverse("shared", args=[token]), *args, **kwargs))

    return view


def _figure(
    seen: TeamRequest, page: ResultPage, address: str, /, element: str, kind: Literal["svg", "png"]
) -> HttpResponseBase:
    return figure_file(saved_analysis(seen, page, address=address).whole().get("figures", ()), element, kind)


def _table(seen: TeamRequest, page: ResultPage, address: str, /, element: str) -> HttpResponseBase:
    return table_file(saved_analysis(seen, page, address=address).whole(), element)


def _edf_csv(seen: TeamRequest, page: ResultPage, address: str, /) -> HttpResponseBase:
    return edf_steps(populations_of(page))


def _population(seen: TeamRequest, page: ResultPage, address: str, /, pair: str, kind: str) -> HttpResponseBase:
    """The samples that the page uses, after its filters."""
    for shown in populations_of(page):
        if shown.pair == pair:
            return population_response(kind, shown)
    raise Http404("This page has no such population.")


def _report(seen: TeamRequest, page: ResultPage, address: str, /) -> HttpResponseBase:
    """The whole page as one HTML file with its notes. One from a link leads nowhere, and doesn't name the link."""
    absolute, by_link = seen.build_absolute_uri(address), not seen.user.is_authenticated
    context = saved_analysis(seen, page, address=address).whole()
    html = report_page(seen, "results/report.html", context, address="" if by_link else absolute)
    content = reports.offline("".join(without_links([html])) if by_link else html, address=absolute)
    return file_response(f"{slugify(page.title) or 'result'}.html", content, "text/html")


result_figure, shared_figure = _for_team(_figure), _for_link(_figure)
result_table, shared_table = _for_team(_table), _for_link(_table)
result_edf_csv, shared_edf_csv = _for_team(_edf_csv), _for_link(_edf_csv)
result_population, shared_population = _for_team(_population), _for_link(_population)
result_report, shared_report = _for_team(_report), _for_link(_report)
