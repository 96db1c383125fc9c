"""Populations as columns, and their comparison as numbers."""

from __future__ import annotations

import math

from django.http import Http404, JsonResponse
from ninja import Query, Router

from engine.statistics import Verdict
from engine.statistics.population import whole_numbers
from engine.statistics.sequential import SequentialComparison
from webapp import queries
from webapp.access import TeamRequest, regime_of, space_of
from webapp.analysis import AnalysedPopulation, analyse
from webapp.analysis.comparing import PopulationPair, mean_difference
from webapp.analysis.populations import known_columns
from webapp.api.schemas import (
    AnalysisOut,
    AnalysisQuery,
    PopulationOut,
    PopulationQuery,
    Populations,
    TableOut,
    or_problem,
)
from webapp.api.tokens import READER
from webapp.forms.analyses import read_analysis, read_rows, read_selection, refused
from webapp.pages.analysis_tables import table_exists, table_of

router = Router(tags=["populations and analyses"])


@router.get("/populations", response=or_problem(Populations), auth=READER)
def list_populations(request: TeamRequest) -> dict[str, object]:
    """Every pair of a space and a regime that has a batch."""
    return {
        "items": [
            {
                "space": line.space_id,
                "regime": line.regime_id,
                "designs": line.designs,
                "trained": line.trained,
                "failed": line.failed,
                "missing": line.missing,
                "repeated": line.repeated,
                "pending": line.pending,
            }
            for line in queries.population_summaries(request.team)
        ]
    }


@router.get("/populations/{id:space_id}-{id:regime_id}", response=or_problem(PopulationOut), auth=READER)
def get_population(request: TeamRequest, space_id: int, regime_id: int, chosen: Query[PopulationQuery]) -> JsonResponse:
    """The used samples of a space under a regime, in draw order: one array a column, errors in percent."""
    space, regime = space_of(request.team, space_id), regime_of(request.team, regime_id)
    trained = queries.load_trained(space=space, regime=regime, error=chosen.error)
    population, rows = trained.population, slice(chosen.offset, chosen.offset + chosen.limit)
    return JsonResponse(
        {
            "space": space.pk,
            "regime": regime.pk,
            "error": chosen.error,
            "n": population.n,
            "offset": chosen.offset,
            "failed": population.failed,
            "missing": population.missing,
            "repeated": trained.repeated,
            "pending": population.pending,
            "cancelled": trained.cancelled,
            "looked_at": trained.looked_at,
            "ahead": len(trained.ahead),
            "columns": {name: whole_numbers(population[name][rows]) for name in population.names},
        }
    )


@router.get("/analyses", response=or_problem(AnalysisOut), auth=READER)
def get_analysis(request: TeamRequest, chosen: Query[AnalysisQuery]) -> dict[str, object]:
    """What an analysis finds, in a sentence and in numbers. The address is that of its page: ?p=1-2&p=3-2&error=final.

    The page's filters count too: ?max_depth=20 or ?min_flops=1.5 (millions).
    """
    analysis = read_analysis(request.GET, request.team)
    return {
        "error": analysis.selection.error,
        "finding": None if analysis.is_empty else analysis.finding.text,
        "populations": [_population(one) for one in analysis.populations],
        "pairs": [_pair(pair) for pair in analysis.pairs],
        "in_order": [_in_order(pair, pair.in_order) for pair in analysis.in_order if pair.in_order],
    }


@router.get("/analyses/tables/{name}", response=or_problem(TableOut), auth=READER)
def get_table(request: TeamRequest, name: str, chosen: Query[AnalysisQuery]) -> dict[str, object]:
    """A table of an analysis as columns, by its name: populations, pairwise-tests, best, by-depth and others.

    The numbers are those of the page in full precision; an interval is two columns, ..._low and ..._high.
    """
    selection = read_selection(request.GET)
    rows = read_rows(selection, request.team)
    if not table_exists(name, known_columns(rows)):
        raise Http404(f"An analysis has no table {name[:60]}.")
    with refused():
        table = table_of(analyse(selection, request.team, rows), name)
    if table is None:
        raise Http404(f"This analysis has no table {name[:60]}.")
    return {"name": name, "label": table.label, "columns": table.as_columns()}


def _population(population: AnalysedPopulation) -> dict[str, object]:
    median, mean = (population.median, population.mean) if population.networks else (None, None)
    return {
        "population": population.token,
        "name": population.name,
        "n": population.networks,
        "failed": population.failed,
        "missing": population.missing,
        "repeated": population.data.repeated,
        "pending": population.pending,
        "cancelled": population.data.cancelled,
        "looked_at": population.data.looked_at,
        "min": population.edf.min if population.n else None,
        "median": _interval(median.value, median.interval, 0.95) if median else None,
        "mean": _interval(mean.value, mean.interval, 0.95) if mean and mean.value is not None else None,
    }


def _pair(pair: PopulationPair) -> dict[str, object]:
    test, means = pair.of_all, mean_difference(pair.first, pair.second)
    return {
        "first": pair.first.token,
        "second": pair.second.token,
        "verdict": pair.verdict,
        "at_every_look": pair.by_order,
        "p_value": pair.p_value,
        "theta": None if test.verdict is Verdict.NOTHING else _interval(test.theta, test.interval, test.level),
        "median_difference": _interval(test.difference, test.difference_interval, test.level),
        "n": test.n,
        "failed": test.failed,
        "left_out": (pair.first.missing, pair.second.missing),
        "ks_distance": _interval(pair.shape.distance, pair.shape.interval, 0.95),
        "ks_p_value_holm": pair.shape_p,
        "mean_difference": _interval(means.value, means.interval, 0.95),
    }


def _in_order(pair: PopulationPair, result: SequentialComparison) -> dict[str, object]:
    return {
        "first": pair.first.token,
        "second": pair.second.token,
        "verdict": result.verdict,
        "pairs": result.n,
        "won": result.won,
        "lost": result.lost,
        "tied": result.tied,
        "left_out": result.left_out,
        "theta": _interval(result.theta, result.interval, 1 - result.alpha),
        "p_value": pair.p_in_order,
        "decided_at": result.decided_at,
    }


def _interval(
    value: float | None, ends: tuple[float, float] | None, confidence: float
) -> dict[str, float | None] | None:
    """None where there is no value; an infinite value or end is null."""
    if value is None:
        return None
    numbers = [float(one) if math.isfinite(one) else None for one in (value, *(ends or (math.inf, math.inf)))]
    return dict(zip(("value", "low", "high"), numbers, strict=True)) | {"confidence": confidence}
