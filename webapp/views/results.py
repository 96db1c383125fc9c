"""Result pages: analyses saved with a title and notes, live or frozen, and the links that share them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

import numpy as np
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from webapp import plots, queries, services
from webapp.access import TeamRequest, link_of, result_of, team_action, team_form, team_page
from webapp.analysis import AnalysedPopulation, Analysis, InvalidSelection, UnknownPopulation
from webapp.analysis.lines import ResultLine, current_versions, fresh_line, result_lines
from webapp.analysis.saved import SCHEMA, saved_analysis
from webapp.analysis.snapshots import pack
from webapp.forms.analyses import read_analysis, read_selection, refused
from webapp.forms.lists import Choice, Listing, read_list
from webapp.forms.results import ResultForm, ShareForm
from webapp.models import ResultPage, Team
from webapp.pages.analysis_page import AnalysisPage
from webapp.pages.chooser import choice_of
from webapp.pages.links import Links
from webapp.pages.markdown import render_markdown
from webapp.pages.population_words import counts_of
from webapp.services import Refused
from webapp.views.analyses import is_whole, whole_page
from webapp.views.in_parts import rendered_in_parts, sent_in_parts
from webapp.views.refusals import refusals_told
from webapp.wording import joined

MOST_CHARACTERS = 8_000  # of a saved address
LINES_A_PAGE = 20
COMPUTED_AT_ONCE = 3  # lines of a list; the others ask for themselves

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


def analysis_of(values: QueryDict) -> dict[str, Any]:
    """What is kept of the address of an analysis."""
    kept: dict[str, list[str]] = {}
    for name, value in read_selection(values).values:
        kept.setdefault(name, []).append(value)
    if len(urlencode(kept, doseq=True)) > MOST_CHARACTERS:
        raise BadRequest("This analysis has too many conditions to be saved.")
    return {"schema": SCHEMA, "values": kept}


def member_links(request: TeamRequest, page: ResultPage) -> Links:
    """Those of a member of the team who looks at a result page; its files lie below its own address."""
    return Links(page=reverse("result", args=[page.pk]), app="", may_write=request.may_write, other_views=True)


def visitor_links(token: str) -> Links:
    """Those of whoever has a link: the page's own parts and files, and no way to anywhere else."""
    return Links(page=reverse("shared", args=[token]))


@team_page
def result_list(request: TeamRequest) -> HttpResponse:
    asked, every = read_list(request.GET, RESULTS), queries.result_pages(request.team)
    page = Paginator(asked.rows(every), LINES_A_PAGE).get_page(asked.page)
    lines = result_lines(page, request.team, most=COMPUTED_AT_ONCE)
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


@team_page
def result_line(request: TeamRequest, result_id: int) -> HttpResponse:
    """The row of one page alone, computed anew; ``low`` and ``high`` are the ends of the curves of its list."""
    page = get_object_or_404(queries.result_pages(request.team), pk=result_id)
    span = _end(request, "low", 0.0), _end(request, "high", 100.0)
    line = fresh_line(page, current_versions([page], request.team)[page.pk])
    return render(request, "results/row.html", {"line": line, "span": span})


def _end(request: TeamRequest, name: str, default: float) -> float:
    text = request.GET.get(name, "")
    try:
        value = float(text or default)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise BadRequest(f"{name} must be an error from 0 to 100, got {text[:20]}.")
    return value


def latest_results(team: Team, *, most: int) -> dict[str, object]:
    """What the first page shows of the team's result pages."""
    pages = queries.result_pages(team).filter(archived_at=None)
    lines = result_lines(pages[:most], team, most=COMPUTED_AT_ONCE)
    return {"results": lines, "results_count": pages.count(), "results_span": span_of(lines)}


def span_of(lines: Iterable[ResultLine]) -> tuple[float, float]:
    ends = [end for line in lines for curve in line.curves for end in (curve.quantiles[0], curve.quantiles[-1])]
    return plots.edf_range([], more=np.array(ends))


@team_form
def new_result(request: TeamRequest) -> HttpResponse:
    """Save the analysis of this very address."""
    values = analysis_of(request.GET)
    names = [population.name for population in read_analysis(request.GET, request.team).populations]
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
    (analysis, problem), whole = _analysis(page), is_whole(request)
    context = {
        **_about(page),
        "author": str(page.updated_by),
        "may_edit": request.may_write,
        "whole_page": whole_page(request),
    }
    if analysis is None or analysis.is_empty:
        return render(request, "results/waiting.html", context | _waiting(analysis, problem))
    if whole:
        context["choice"] = choice_of(request.team, analysis.selection, analysis.populations)
    view = AnalysisPage(analysis, member_links(request, page), whole=whole, steps=page.frozen_at is None)
    parts = rendered_in_parts("results/result.html", view.early() | context, view.rest, request)
    return sent_in_parts(request, parts)


def _analysis(page: ResultPage) -> tuple[Analysis | None, str]:
    """None where it can't be made any more, and why."""
    try:
        return saved_analysis(page), ""
    except UnknownPopulation:
        return None, "A population of this page was deleted. Pages that are frozen keep their data; this one was live."
    except InvalidSelection as error:
        return None, f"What this page asks for is not there any more: {error}"


def _about(page: ResultPage) -> dict[str, Any]:
    """What every page of a result page says about it."""
    context: dict[str, Any] = {"section": "results", "result": page, "notes": render_markdown(page.notes)}
    if page.frozen_at is None:
        context["last_trained"] = queries.last_trained(page)
    return context


def _waiting(analysis: Analysis | None, problem: str) -> dict[str, Any]:
    populations = analysis.populations if analysis else ()
    counts = counts_of(populations)
    return {"gone": problem, "counts": counts}


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
        services.freeze_result_page(page=page, snapshot=pack(_whole_populations(page)), actor=request.user)
        messages.success(request, "Frozen: its numbers and figures never change, and their data are kept with it.")
    return redirect("result", page.pk)


def _whole_populations(page: ResultPage) -> list[AnalysedPopulation]:
    """Those of a live page with everything that a snapshot keeps; 404 where one was deleted."""
    with refused():
        analysis = saved_analysis(page)
    return [analysis.with_parameters(population) for population in analysis.populations]


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
    """A result page for whoever has its link: that page, the same for everybody, and no way to anywhere else."""
    page = services.open_shared_page(token)
    if page is None:
        raise Http404("No such page.")
    (analysis, problem), context = _analysis(page), _about(page) | {"whole_page": whole_page(request)}
    if analysis is None or analysis.is_empty:
        html = render_to_string("results/waiting.html", context | _waiting(analysis, problem) | {"visitor": True})
        return untraceable(HttpResponse(html))
    view = AnalysisPage(analysis, visitor_links(token), whole=is_whole(request))
    parts = rendered_in_parts("results/shared.html", view.early() | context, view.rest)
    return untraceable(sent_in_parts(request, parts))


def untraceable(response: R) -> R:
    """Neither kept, nor found by a search, nor named to the next page."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Cache-Control"] = "no-store"
    return response
