"""Analyses: populations chosen in the address, compared, with everything that says how far to trust the finding."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from webapp import analyses, queries
from webapp.access import TeamRequest, regime_of, space_of, team_page
from webapp.exports import csv_response
from webapp.findings import Shown, edf_shown
from webapp.forms.analyses import Selection, read_selection
from webapp.models import Space
from webapp.queries import SAMPLE_ID
from webapp.steps import step_bar


@team_page
def analysis_page(request: TeamRequest) -> HttpResponse:
    selection = read_selection(request.GET, request.team)
    chosen = {(space.pk, regime.pk) for space, regime in selection.pairs}
    spaces = Space.objects.filter(team=request.team).in_bulk()
    context: dict[str, Any] = {
        "section": "analyses",
        "error": selection.error,
        "offered": [
            (line, spaces[line.space_id], (line.space_id, line.regime_id) in chosen)
            for line in queries.population_summaries(request.team)
        ],
    }
    populations = _populations(selection)
    used = [shown for shown in populations if shown.n]
    if not used:
        return render(request, "analyses/empty.html", context | {"populations": populations})
    context |= _comparison(request, populations, used) | _focus(request, selection, used)
    context["figures"] = [context["edf"], *context["scatters"]]
    return render(request, "analyses/analysis.html", context)


def _comparison(request: TeamRequest, populations: list[Shown], used: list[Shown]) -> dict[str, Any]:
    pairs = analyses.compare_pairs(used)
    return {
        "populations": populations,
        "finding": analyses.finding(used, pairs),
        "pairs": pairs,
        "pair_table": analyses.pair_table(pairs),
        "complexity": analyses.complexity_sentence(pairs[0]) if pairs else "",
        "lines": analyses.population_lines(used),
        "edf": edf_shown(used, csv=_csv(request, "analysis-edf-csv")),
        "evidence": analyses.evidence(used),
        "pending": any(shown.trained.pending for shown in populations),
        "regimes": list({shown.regime.pk: shown.regime for shown in populations}.values()),
    }


def _focus(request: TeamRequest, selection: Selection, used: list[Shown]) -> dict[str, Any]:
    """The population whose parameters are shown: the address's choice, else the one with the lowest mean."""
    lowest = min(used, key=lambda shown: shown.edf.mean)
    focus = next((shown for shown in used if (shown.space.pk, shown.regime.pk) == selection.focus), lowest)
    csv = reverse("population-csv", args=[focus.space.pk, focus.regime.pk]) + f"?error={selection.error}"
    best = analyses.best_lines(focus)
    return {
        "focus": focus,
        "used": used,
        "scatters": analyses.parameter_figures(focus, csv=csv, refinable=request.may_write),
        "best": best,
        "best_top": max(max(line.widths) for line in best),
        "best_blocks": max(len(line.widths) for line in best),
        "parameters": analyses.parameter_names(focus),
        "population_csv": csv,
        "bar": step_bar(focus.space, queries.method_facts(focus.space), current=3, may_write=request.may_write),
    }


def _populations(selection: Selection) -> list[Shown]:
    several = len({regime.pk for _, regime in selection.pairs}) > 1
    return [
        Shown(
            space,
            regime,
            queries.load_trained(space=space, regime=regime, error=selection.error),
            name=f"{space.name}, {regime.name}" if several else space.name,
        )
        for space, regime in selection.pairs
    ]


def _csv(request: TeamRequest, view: str) -> str:
    return f"{reverse(view)}?{request.GET.urlencode()}"


@team_page
def edf_csv(request: TeamRequest) -> HttpResponseBase:
    """The steps of every EDF of an analysis: one row an error."""
    selection = read_selection(request.GET, request.team)
    rows = (
        [shown.space.name, shown.regime.name, float(error), float(fraction)]
        for shown in _populations(selection)
        if shown.n
        for error, fraction in zip(shown.edf.errors, shown.edf.fractions, strict=True)
    )
    return csv_response("error-edf", ["space", "regime", "error_percent", "fraction"], rows)


@team_page
def population_csv(request: TeamRequest, space_id: int, regime_id: int) -> HttpResponseBase:
    """Every used sample of a population, in draw order: parameters as drawn, complexity, error."""
    space, regime = space_of(request.team, space_id), regime_of(request.team, regime_id)
    error = read_selection(request.GET, request.team).error
    population = queries.load_population(space=space, regime=regime, error=error)
    names = [SAMPLE_ID, *(name for name in population.names if name != SAMPLE_ID)]
    rows = zip(*(population[name].tolist() for name in names), strict=True)
    return csv_response(f"population-{space.pk}-{regime.pk}", names, rows)
