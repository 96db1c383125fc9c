"""Result pages: analyses saved with a title and notes, live or frozen, and the links that share them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from bokeh.models import ColumnDataSource
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from webapp import plots, queries, services
from webapp.access import TeamRequest, link_of, result_of, team_action, team_form, team_page
from webapp.forms.analyses import read_selection
from webapp.forms.lists import Choice, Listing, read_list
from webapp.forms.results import ResultForm, ShareForm
from webapp.models import ResultPage, Team
from webapp.pages import analyses
from webapp.pages.findings import Shown
from webapp.pages.in_order import compare_all_in_order, short_verdict
from webapp.pages.markdown import render_markdown
from webapp.pages.snapshots import pack, unpack
from webapp.pages.unlinked import without_links
from webapp.plots import Curve
from webapp.services import Refused
from webapp.views.analyses import Analysis, read_analysis
from webapp.views.in_parts import rendered_in_parts, sent_in_parts
from webapp.views.refusals import refusals_told
from webapp.wording import NBSP, counted, fixed, joined, p_text, signed, within

SCHEMA = 1
# Of an address; and the ends of ranges, min_... and max_...
KEPT = ("p", "error", "of", "normalise", "what_if", "pool")
MOST_VALUES = 100
LINES_A_PAGE = 20

RESULTS = Listing(
    sorts={"title": Lower("title"), "by": Lower("updated_by__name"), "updated": "updated_at", "created": "created_at"},
    usual="-updated",
    sought=("title", "notes"),
    choices={
        "state": Choice(
            "State",
            {
                "live": ("live", Q(frozen_at=None)),
                "frozen": ("frozen", Q(frozen_at__isnull=False)),
                "shared": ("shared", Q(shared=True)),
            },
        )
    },
)

R = TypeVar("R", bound=HttpResponseBase)


@dataclass(frozen=True)
class ResultLine:
    """One result page in a list; ``problem`` says why there is no curve."""

    page: ResultPage
    curves: list[Curve]
    finding: str
    note: str = ""
    problem: str = ""


def analysis_of(values: QueryDict) -> dict[str, Any]:
    """What is kept of the address of an analysis."""
    kept = {
        name: values.getlist(name)
        for name in values
        if name in KEPT or (name.startswith(("min_", "max_")) and values.get(name))
    }
    if sum(len(one) for one in kept.values()) > MOST_VALUES or len(urlencode(kept, doseq=True)) > 8000:
        raise BadRequest("This analysis has too many conditions to be saved.")
    return {"schema": SCHEMA, "values": kept}


def address_of(page: ResultPage, *, populations: bool = True) -> QueryDict:
    """The values of the address again; a frozen page has its populations itself."""
    kept: dict[str, list[str]] = page.analysis["values"]
    chosen = {name: value for name, value in kept.items() if populations or name != "p"}
    return QueryDict(urlencode(chosen, doseq=True))


def populations_of(page: ResultPage) -> list[Shown]:
    """Its populations as they are now, or as they were frozen; 404 where one of a live page was deleted."""
    if page.snapshot is not None:
        return unpack(bytes(page.snapshot), page.team)
    return analyses.shown_populations(read_selection(address_of(page), page.team))


@team_page
def result_list(request: TeamRequest) -> HttpResponse:
    asked, every = read_list(request.GET, RESULTS), queries.result_pages(request.team)
    page = Paginator(asked.rows(every), LINES_A_PAGE).get_page(asked.page)
    lines = result_lines(page)
    context = {
        "section": "results",
        "asked": asked,
        "all": every,
        "page": page,
        "lines": lines,
        "span": span_of(lines),
        "imports": queries.imported_populations(request.team).count(),
    }
    return render(request, "results/list.html", context)


def latest_results(team: Team, *, most: int) -> dict[str, Any]:
    """What the first page shows of the team's result pages."""
    pages = queries.result_pages(team).filter(archived_at=None)
    lines = result_lines(pages[:most])
    return {"results": lines, "results_count": pages.count(), "results_span": span_of(lines)}


def span_of(lines: Iterable[ResultLine]) -> tuple[float, float]:
    return plots.edf_range([curve for line in lines for curve in line.curves])


def result_lines(pages: Iterable[ResultPage]) -> list[ResultLine]:
    return [_line(page) for page in pages]


def _line(page: ResultPage) -> ResultLine:
    try:
        used = [shown for shown in populations_of(page) if shown.n]
    except Http404:
        return ResultLine(page, [], "", problem="one of its populations was deleted")
    if not used:
        return ResultLine(page, [], "", problem="no sample used yet")
    finding, note = _short_finding(used)
    return ResultLine(page, [Curve(shown.key, shown.slot, shown.edf) for shown in used], finding, note)


def _short_finding(used: list[Shown]) -> tuple[str, str]:
    """The finding of a list's line, with its uncertainty; while runs are to come, one that holds at every look."""
    sizes = f"n{NBSP}{joined([f'{shown.n:,}' for shown in used])}"
    so_far = " so far" if any(shown.trained.pending for shown in used) else ""
    if len(used) == 1:
        mean = used[0].mean
        return f"mean error {fixed(mean.value)}{so_far}", f"({within(mean.interval).strip('()')}; {sizes})"
    if so_far and (compared := compare_all_in_order(used)):
        return short_verdict(compared[0]) + so_far, f"({counted(compared[0].result.n, 'pair')} in draw order; {sizes})"
    pair = analyses.compare_pairs(used)[0]
    if not pair.differs:
        return "no difference shown", f"({p_text(pair.p_adjusted)}, {sizes})"
    test = pair.comparison
    ends = f"{signed(pair.interval[0])}, {signed(pair.interval[1])}"
    return f"{pair.first.name} lower by {fixed(-test.mean_difference)}", f"({ends}; {sizes})"


@team_form
def new_result(request: TeamRequest) -> HttpResponse:
    """Save the analysis of this very address."""
    values = analysis_of(request.GET)
    selection = read_selection(request.GET, request.team)
    names = [shown.name for shown in analyses.shown_populations(selection)]
    if not names:
        return redirect("analyses")
    form = ResultForm(request.POST or None, initial={"title": joined(names, "against")[:120]})
    if request.method == "POST" and form.is_valid():
        try:
            page = services.create_result_page(
                team=request.team, analysis=values, actor=request.user, **form.cleaned_data
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Saved. The page follows new samples until you freeze it.")
            return redirect("result", page.pk)
    back = f"{reverse('analyses')}?{request.GET.urlencode()}"
    return render(request, "results/form.html", {"form": form, "names": names, "back": back, "section": "results"})


@team_page
def result_page(request: TeamRequest, result_id: int) -> HttpResponseBase:
    """The analysis under its title. Another view of it than the saved one is an analysis of its own."""
    page = result_of(request.team, result_id)
    if request.GET.get("p"):
        return redirect(f"{reverse('analyses')}?{request.GET.urlencode()}")
    seen = as_saved(request, page)
    shown = saved_analysis(seen, page, address=reverse("result", args=[page.pk]))
    return sent_in_parts(seen, _parts(seen, shown, "results/result.html"))


def _parts(seen: TeamRequest, shown: Analysis, template: str) -> Iterator[str]:
    """The page as HTML, as the person of the request may see it."""
    if shown.rest is None:
        return iter([render_to_string("results/waiting.html", shown.early, seen)])
    return rendered_in_parts(seen, template, shown.early, shown.rest)


def as_saved(request: TeamRequest, page: ResultPage) -> TeamRequest:
    """The request with the address of the analysis that was saved."""
    seen = copy(request)
    seen.GET = address_of(page)  # type: ignore[assignment]
    return seen


def saved_analysis(seen: TeamRequest, page: ResultPage, *, address: str) -> Analysis:
    """All that the page shows; ``address`` is the page's own."""
    shown = _analysis(seen, page, address)
    early = shown.early | {"result": page, "notes": render_markdown(page.notes), "section": "results"}
    if page.frozen_at:
        early["bar"] = None
    else:
        early["last_trained"] = queries.last_trained(page)
    if seen.user.is_authenticated or shown.rest is None:
        return Analysis(early, shown.rest)
    return Analysis(early, partial(_without_addresses, shown.rest))


def _without_addresses(rest: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The rest without the addresses of samples in its plots, which list what is marked in them."""
    made = rest()
    for figure in made["figures"]:
        for source in figure.plot.select({"type": ColumnDataSource}):
            if "url" in source.data:
                source.data["url"] = [""] * len(source.data["url"])
    return made


def _analysis(seen: TeamRequest, page: ResultPage, address: str) -> Analysis:
    if page.frozen_at is None:
        try:
            return read_analysis(seen, saved_at=address)
        except Http404:
            return Analysis({"populations": [], "gone": True})
    whole = seen.GET
    seen.GET = address_of(page, populations=False)  # type: ignore[assignment]
    shown = read_analysis(seen, populations_of(page), saved_at=address)
    seen.GET = whole
    return shown


@team_form
def edit_result(request: TeamRequest, result_id: int) -> HttpResponse:
    page = result_of(request.team, result_id)
    form = ResultForm(request.POST or None, initial={"title": page.title, "notes": page.notes})
    if request.method == "POST" and form.is_valid():
        try:
            services.update_result_page(page=page, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("result", page.pk)
    back = reverse("result", args=[page.pk])
    return render(request, "results/form.html", {"form": form, "row": page, "back": back, "section": "results"})


@team_action
def duplicate_result(request: TeamRequest, result_id: int) -> HttpResponse:
    try:
        page = services.duplicate_result_page(page=result_of(request.team, result_id), actor=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("result", result_id)
    messages.success(request, "This is the copy; it is live and nobody outside of the team sees it.")
    return redirect("result", page.pk)


@team_action
def freeze_result(request: TeamRequest, result_id: int) -> HttpResponse:
    page = result_of(request.team, result_id)
    with refusals_told(request):
        services.freeze_result_page(page=page, snapshot=pack(populations_of(page)), actor=request.user)
        messages.success(request, "Frozen: its numbers and figures never change, and their data are kept with it.")
    return redirect("result", page.pk)


@team_action
def thaw_result(request: TeamRequest, result_id: int) -> HttpResponse:
    page = result_of(request.team, result_id)
    with refusals_told(request):
        services.thaw_result_page(page=page, actor=request.user)
        messages.success(request, "The page is live again and follows new samples.")
    return redirect("result", page.pk)


@team_form
def share_result(request: TeamRequest, result_id: int) -> HttpResponse:
    """Its links. One that was just made is in the answer itself: it is shown once, since only its digest is kept."""
    page = result_of(request.team, result_id)
    form = ShareForm(request.POST or None)
    context: dict[str, Any] = {"row": page, "form": form, "section": "results"}
    if request.method == "POST" and form.is_valid():
        try:
            made, token = services.share_result_page(page=page, days=form.cleaned_data["days"], actor=request.user)
            context |= {"made": made, "link": request.build_absolute_uri(reverse("shared", args=[token]))}
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context["links"] = queries.working_links(page)
    return render(request, "results/share.html", context)


@team_action
def revoke_link(request: TeamRequest, result_id: int, link_id: int) -> HttpResponse:
    link = link_of(request.team, result_id, link_id)
    with refusals_told(request):
        services.revoke_link(link=link, actor=request.user)
        messages.success(request, "The link is revoked and shows nothing any more.")
    return redirect("share-result", result_id)


@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponseBase:
    """A result page for whoever has its link: that page, and no way to anywhere else."""
    page = services.open_shared_page(token)
    if page is None:
        raise Http404("No such page.")
    address = reverse("shared", args=[token])
    seen = as_saved(visitor(request, page), page)
    parts = _parts(seen, saved_analysis(seen, page, address=address), "results/shared.html")
    return untraceable(sent_in_parts(seen, without_links(parts, files=address)))


def untraceable(response: R) -> R:
    """Neither kept, nor found by a search, nor named to the next page."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Cache-Control"] = "no-store"
    return response


def visitor(request: HttpRequest, page: ResultPage) -> TeamRequest:
    """The request of nobody in particular, whoever it is: a shared page looks the same to all."""
    nobody: Any = copy(request)
    nobody.user, nobody.team, nobody.membership = AnonymousUser(), page.team, None
    nobody.may_write = nobody.may_manage = False
    nobody._messages = []  # those of a person who is signed in are for their own pages
    made: TeamRequest = nobody
    return made
