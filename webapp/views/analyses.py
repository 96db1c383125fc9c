"""Analyses: populations chosen in the address, compared, with everything that says how far to trust the finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from engine.spaces import space_from_json
from webapp import queries
from webapp.access import TeamRequest, regime_of, space_of, team_page
from webapp.files.exports import csv_response, table_response
from webapp.forms.analyses import Selection, read_selection
from webapp.forms.filters import ENDS, range_fields
from webapp.models import Space
from webapp.pages import analyses
from webapp.pages.drivers import by_importance, driver_sentence, driver_table, drivers
from webapp.pages.figures import Figure
from webapp.pages.findings import Shown, edf_shown, range_words
from webapp.pages.fronts import front_table, left_unlisted
from webapp.pages.in_order import in_order_shown
from webapp.pages.narrowing import restricted
from webapp.pages.normalising import (
    normalise,
    normalised_pairs,
    normalised_sentence,
    normalised_shown,
    normalised_table,
)
from webapp.pages.pooling import poolable, pooled_sentence
from webapp.pages.reach import (
    cost_figures,
    cost_tests,
    cost_warning,
    cost_words,
    few_samples_warning,
    sample_size_shown,
    search_shown,
)
from webapp.pages.regime_words import regime_differences
from webapp.pages.steps import step_bar
from webapp.pages.suggestions import asked_words, suggestions
from webapp.pages.whatif import what_if_shown
from webapp.queries import COMPLEXITIES, SAMPLE_ID
from webapp.views.in_parts import rendered_in_parts, sent_in_parts
from webapp.wording import joined

FILTER_COLUMN = "only_samples_with"  # of a file that holds a part of a population
FIRST_SCATTERS = 3  # always open; a phone folds the others


@dataclass(frozen=True)
class Analysis:
    """What the page of an analysis shows: at once, and after it the rest, which takes a while to compute and draw.

    There is no rest where no sample is used yet.
    """

    early: dict[str, Any]
    rest: Callable[[], dict[str, Any]] | None = None

    def whole(self) -> dict[str, Any]:
        return self.early | (self.rest() if self.rest else {})


@team_page
def analysis_page(request: TeamRequest) -> HttpResponseBase:
    given = [(name, value) for name, values in request.GET.lists() for value in values]
    if not all(value for _, value in given):  # the form of filters sends its empty ends too
        return redirect(f"{reverse('analyses')}?{urlencode([one for one in given if one[1]])}")
    shown = read_analysis(request)
    if shown.rest is None:
        return render(request, "analyses/empty.html", shown.early)
    return sent_in_parts(request, rendered_in_parts(request, "analyses/analysis.html", shown.early, shown.rest))


def read_analysis(request: TeamRequest, frozen: list[Shown] | None = None, *, saved_at: str = "") -> Analysis:
    """The analysis of an address, its populations loaded: 400 or 404 where the address is wrong.

    ``frozen`` are the populations of a frozen result page, which stand in for those of the address. A result page has
    its files below ``saved_at``, its own address; an analysis has them below its, with the whole query.
    """
    selection = read_selection(request.GET, request.team)
    chosen = {(space.pk, regime.pk) for space, regime in selection.pairs}
    chosen_imported = {imported.pk for imported in selection.imported}
    spaces = Space.objects.filter(team=request.team).in_bulk()
    context: dict[str, Any] = {
        "section": "analyses",
        "error": selection.error,
        "prints": saved_at or reverse("analyses"),
        "files_query": "" if saved_at else f"?{request.GET.urlencode()}",
        "offered": [
            (line, spaces[line.space_id], (line.space_id, line.regime_id) in chosen)
            for line in queries.population_summaries(request.team)
            if not line.archived or (line.space_id, line.regime_id) in chosen
        ],
        "imported": [
            (imported, imported.pk in chosen_imported)
            for imported in queries.imported_populations(request.team)
            if not imported.archived_at or imported.pk in chosen_imported
        ],
    }
    populations = analyses.shown_populations(selection) if frozen is None else frozen
    used = [shown for shown in populations if shown.n]
    context |= {
        "populations": populations,
        "population_files": [
            (shown, shown.files_below(saved_at) if saved_at else shown.files) for shown in populations
        ],
        "filters": _filters(request, selection, populations),
        "without_filters": _without_filters(request),
        "all_costs": COMPLEXITIES,
        "normalise": selection.normalise,
    }
    if not used:
        return Analysis(context)
    # The population whose parameters are shown: the address's choice, else the one with the lowest mean.
    lowest = min(used, key=lambda shown: shown.edf.mean)
    focus = next((shown for shown in used if shown.pair == selection.focus), lowest)
    context |= {
        "used": used,
        "focus": focus,
        "bar": focus.space
        and step_bar(focus.space, queries.method_facts(focus.space), current=3, may_write=request.may_write),
    }

    def rest() -> dict[str, Any]:
        csv = f"{context['prints']}edf.csv{context['files_query']}"
        population_csv = (
            f"{saved_at}populations/{focus.pair}.csv" if saved_at else focus.file_url("csv", selection.error)
        )
        parameters = analyses.parameter_names(focus)
        made = _comparison(selection, used, csv=csv) | _reach(used) | _next(selection, focus, used, parameters)
        made |= _parameters(focus, parameters, csv=population_csv, refinable=request.may_write)
        return made | {"figures": _figures(made)}

    return Analysis(context, rest)


def _figures(made: dict[str, Any]) -> list[Figure]:
    """Every figure of the page, in its order."""
    in_order, what_if = made["in_order"], made["what_if"]
    return [
        made["edf"],
        *([in_order.figure] if in_order.figure else []),
        *made["scatters"],
        *([what_if.figure] if what_if and what_if.figure else []),
        *made["reach"],
        *made["spreads"],
    ]


def _filters(request: TeamRequest, selection: Selection, populations: list[Shown]) -> dict[str, Any]:
    """What the form of filters shows, and what is filtered now."""
    columns = list(dict.fromkeys(name for shown in populations for name in analyses.filter_columns(shown)))
    return {
        "fields": range_fields(columns, request.GET),
        "words": [
            range_words(f"{column} (M)" if column in COMPLEXITIES else column, *ends)
            for column, ends in selection.ranges.items()
        ],
        "unfiltered": [
            f"{shown.name} has no {column}"
            for shown in populations
            for column in selection.ranges
            if column not in shown.trained.population
        ],
    }


def _without_filters(request: TeamRequest) -> str:
    values = request.GET.copy()
    for name in [name for name in values if name.startswith(ENDS)]:
        del values[name]
    return f"?{values.urlencode()}"


def _comparison(selection: Selection, used: list[Shown], *, csv: str) -> dict[str, Any]:
    pairs = analyses.compare_pairs(used)
    normalised = normalise(used, selection.normalise) if selection.normalise else None
    by_cost = normalised if normalised and normalised.edfs else None
    regimes = list({shown.regime.pk: shown.regime for shown in used if shown.regime}.values())
    in_order = in_order_shown(used)
    return {
        "finding": analyses.finding(used, pairs, in_order.comparisons),
        "in_order": in_order,
        "pairs": pairs,
        "pair_table": analyses.pair_table(pairs),
        "lines": analyses.population_lines(used),
        "edf": normalised_shown(by_cost, csv=csv) if by_cost else edf_shown(used, csv=csv),
        "normalised": normalised,
        "normalised_sentence": normalised_sentence(by_cost) if by_cost else "",
        "normalised_tables": [normalised_table(by_cost), normalised_pairs(by_cost)] if by_cost else [],
        "costs": [cost for cost in COMPLEXITIES if all(cost in shown.costs for shown in used)],
        "pending": any(shown.trained.pending for shown in used),
        "regimes": regimes,
        "regime_differences": regime_differences([regime.definition for regime in regimes]),
    }


def _parameters(focus: Shown, parameters: list[str], *, csv: str, refinable: bool) -> dict[str, Any]:
    """The parameters of one population against its error, and its best designs."""
    best, worst = analyses.best_and_worst(focus)
    driving = drivers(focus, parameters)
    scatters = by_importance(analyses.parameter_figures(focus, csv=csv, refinable=refinable), driving)
    return {
        "scatters": scatters,
        "more_scatters": joined([figure.element.removeprefix("by-") for figure in scatters[FIRST_SCATTERS:]]),
        "by_importance": bool(driving.lines),
        "front_table": front_table(focus, parameters),
        "left_unlisted": left_unlisted(focus),
        "driver_table": driver_table(driving) if driving.lines else None,
        "driver_sentence": driver_sentence(driving, focus.name),
        "best": best,
        "worst": worst,
        "best_top": max((max(line.widths) for line in (*best, *worst) if line.widths), default=0),
        "best_blocks": max(len(line.widths) for line in (*best, *worst)),
        "parameters": parameters,
        "population_csv": csv,
    }


def _next(selection: Selection, focus: Shown, used: list[Shown], parameters: list[str]) -> dict[str, Any]:
    """Suggested restrictions, and what the samples inside one say: that of the address, else the best one's."""
    space = space_from_json(focus.space.definition) if focus.space else None
    suggested = suggestions(focus, parameters, space)
    asked = list(selection.what_if)
    if not asked and suggested.lines and suggested.lines[0].result.interval[1] < 0:
        asked = [suggested.lines[0].asked]
    child = restricted(space, asked) if space else None
    what_if, pooled, can_pool = None, "", False
    if space and child != space and child is not None:
        what_if = what_if_shown(focus, child, space)
        pooled = pooled_sentence(focus, used, child) if selection.pool else ""
        can_pool = not selection.pool and len(poolable(focus, used, child)) > 1
    return {
        "pooled": pooled,
        "can_pool": can_pool,
        "suggested": suggested,
        "asked": asked,
        "asked_words": joined([asked_words(one) for one in asked]),
        "what_if": what_if,
        "refine_asked": focus.refine_url() + "?" + urlencode([("narrow", one) for one in asked], safe=":")
        if what_if
        else "",
        "no_change": bool(selection.what_if) and what_if is None,
    }


def _reach(used: list[Shown]) -> dict[str, Any]:
    """How far the evidence reaches."""
    tests = cost_tests(used)
    largest = max(used, key=lambda shown: shown.n)
    return {
        "reach": [figure for figure in (sample_size_shown(largest), search_shown(used)) if figure],
        "spreads": cost_figures(used, tests),
        "complexity": cost_words(tests),
        "complexity_warning": cost_warning(tests),
        "few_samples_warning": few_samples_warning(used),
    }


@team_page
def edf_csv(request: TeamRequest) -> HttpResponseBase:
    """The steps of every EDF of an analysis: one row an error."""
    return edf_steps(analyses.shown_populations(read_selection(request.GET, request.team)))


def edf_steps(populations: list[Shown]) -> HttpResponseBase:
    rows = (
        [*shown.origin, float(error), float(fraction)]
        for shown in populations
        if shown.n
        for error, fraction in zip(shown.edf.errors, shown.edf.fractions, strict=True)
    )
    return csv_response("error-edf", ["space", "regime", "error_percent", "fraction"], rows)


@team_page
def population_file(request: TeamRequest, space_id: int, regime_id: int, kind: str) -> HttpResponseBase:
    """Every used sample of a population inside the ranges of the address: parameters as drawn, complexity, error."""
    chosen = read_selection(request.GET, request.team)
    pair = (space_of(request.team, space_id), regime_of(request.team, regime_id))
    shown = analyses.shown_populations(replace(chosen, pairs=[pair], imported=[]))[0]
    return population_response(kind, shown)


def population_response(kind: str, shown: Shown) -> HttpResponseBase:
    """The samples in draw order. Where a filter is on, the name of the file and a column say so."""
    population = shown.trained.population
    names = [SAMPLE_ID, *(name for name in population.names if name != SAMPLE_ID)]
    columns: dict[str, Any] = {name: population[name] for name in names}
    if shown.ranges:
        columns[FILTER_COLUMN] = [shown.filter_words] * population.n
    return table_response(kind, shown.file_name, columns)
