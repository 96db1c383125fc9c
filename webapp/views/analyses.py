"""Analyses: populations chosen in the address, compared, with everything that says how far to trust the finding."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from webapp.access import TeamRequest, regime_of, space_of, team_page
from webapp.analysis import AnalysedPopulation, Analysis, Selection
from webapp.analysis.populations import filter_words, load_populations
from webapp.analysis.selection import SelectedRows
from webapp.files.exports import csv_response, table_response
from webapp.forms.analyses import read_analysis, read_selection, refused
from webapp.pages.analysis_page import CHOOSE, AnalysisPage
from webapp.pages.chooser import choice_of
from webapp.pages.links import Links
from webapp.pages.population_words import counts_of, file_name
from webapp.pages.rendering import section_html
from webapp.pages.sections import SECTIONS
from webapp.queries import SAMPLE_ID
from webapp.views.in_parts import rendered_in_parts, sent_in_parts

FILTER_COLUMN = "only_samples_with"  # of a file that holds a part of a population


@team_page
def analysis_page(request: TeamRequest) -> HttpResponseBase:
    given = [(name, value) for name, values in request.GET.lists() for value in values]
    if not all(value for _, value in given):  # the form of filters sends its empty ends too
        return redirect(f"{reverse('analyses')}?{urlencode([pair for pair in given if pair[1]])}")
    analysis, links = read_analysis(request.GET, request.team), links_of(request)
    if analysis.is_empty:
        return render(request, "analyses/empty.html", _empty(request, analysis, links))
    page = AnalysisPage(analysis, links, whole=is_whole(request), steps=True)
    more = {"section": "analyses", "whole_page": whole_page(request), **_choice(request, analysis, page.whole)}
    parts = rendered_in_parts("analyses/analysis.html", page.early() | more, page.rest, request)
    return sent_in_parts(request, parts)


def links_of(request: TeamRequest) -> Links:
    """Those of a member of the team who looks at an analysis of this very address."""
    values = [(name, value) for name, values in request.GET.lists() if name != "parts" for value in values]
    return Links(
        page=reverse("analyses"),
        query=f"?{urlencode(values, safe=':')}",
        app="",
        may_write=request.may_write,
        other_views=True,
    )


def is_whole(request: HttpRequest) -> bool:
    return request.GET.get("parts") == "all"


def whole_page(request: HttpRequest) -> str:
    """The address of the page with all of its sections."""
    values = request.GET.copy()
    values["parts"] = "all"
    return f"{request.path}?{values.urlencode(safe=':')}"


def _choice(request: TeamRequest, analysis: Analysis, whole: bool) -> dict[str, object]:
    """The form that chooses populations, where it doesn't come later."""
    if not whole:
        return {}
    return {"choice": choice_of(request.team, analysis.selection, analysis.populations)}


def _empty(request: TeamRequest, analysis: Analysis, links: Links) -> dict[str, object]:
    selection = analysis.selection
    return {
        "section": "analyses",
        "counts": counts_of(analysis.populations),
        "choice": choice_of(request.team, selection, analysis.populations),
        "filter_words": filter_words(selection.ranges),
        "all_samples": links.view(replace(selection, ranges=())),
    }


@team_page
def analysis_part(request: TeamRequest, name: str) -> HttpResponse:
    """One section of the page, which asks for it when it comes near the window."""
    if name == CHOOSE:
        return choose_part(request, read_analysis(request.GET, request.team))
    check_part(name)
    return part_response(read_analysis(request.GET, request.team), links_of(request), name)


def choose_part(request: TeamRequest, analysis: Analysis) -> HttpResponse:
    return render(request, "analyses/choose.html", _choice(request, analysis, whole=True))


def check_part(name: str) -> None:
    if name not in SECTIONS:
        raise Http404("This page has no such part.")


def part_response(analysis: Analysis, links: Links, name: str) -> HttpResponse:
    section = SECTIONS[name](analysis, links)
    if analysis.is_empty or not section.is_there:
        raise Http404("This page has no such part.")
    return HttpResponse(section_html(section), headers={"X-Analysis-Version": analysis.version})


@team_page
def edf_csv(request: TeamRequest) -> HttpResponseBase:
    """The steps of every EDF of an analysis as it is drawn: one row an error."""
    return edf_steps(read_analysis(request.GET, request.team))


def edf_steps(analysis: Analysis) -> HttpResponseBase:
    rows = (
        [*population.origin, float(error), float(fraction)]
        for population, edf in analysis.drawn_edfs
        for error, fraction in zip(edf.errors, edf.fractions, strict=True)
    )
    return csv_response("error-edf", ["space", "regime", "error_percent", "fraction"], rows)


@team_page
def population_file(request: TeamRequest, space_id: int, regime_id: int, kind: str) -> HttpResponseBase:
    """Every used sample of a population inside the ranges of the address: parameters as drawn, complexity, error."""
    rows = SelectedRows(((space_of(request.team, space_id), regime_of(request.team, regime_id)),), ())
    return population_response(kind, one_population(read_selection(request.GET), rows))


def one_population(selection: Selection, rows: SelectedRows) -> AnalysedPopulation:
    """The population of these rows inside the ranges of a selection, with its parameters."""
    with refused():
        return load_populations(selection, rows)[0]


def population_response(kind: str, population: AnalysedPopulation) -> HttpResponseBase:
    """The samples in draw order. Where a filter is on, the name of the file and a column say so."""
    samples = population.samples
    names = [SAMPLE_ID, *(name for name in samples.names if name != SAMPLE_ID)]
    columns: dict[str, object] = {name: samples[name] for name in names}
    if population.ranges:
        columns[FILTER_COLUMN + "_" * (FILTER_COLUMN in columns)] = [
            "; ".join(filter_words(population.ranges))
        ] * samples.n
    return table_response(kind, file_name(population), columns)
