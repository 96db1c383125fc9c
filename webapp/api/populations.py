"""Populations as columns, and their comparison as numbers."""

from __future__ import annotations

from django.http import Http404, JsonResponse
from ninja import Query, Router

from engine.statistics.bootstrap import Estimate
from engine.statistics.population import whole_numbers
from webapp import queries
from webapp.access import TeamRequest, regime_of, space_of
from webapp.analysis import AnalysedPopulation, analyse
from webapp.analysis.comparing import PopulationPair
from webapp.analysis.in_order import InOrder
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
        "finding": None if analysis.is_empty else analysis.finding,
        "populations": [_population(one) for one in analysis.populations],
        "pairs": [_pair(pair) for pair in analysis.pairs],
        "in_order": [_in_order(one) for one in analysis.in_order],
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
    return {
        "population": population.token,
        "name": population.name,
        "n": population.n,
        "failed": population.failed,
        "missing": population.missing,
        "repeated": population.data.repeated,
        "pending": population.pending,
        "cancelled": population.data.cancelled,
        "looked_at": population.data.looked_at,
        "min": population.edf.min if population.n else None,
        "median": _estimate(population.median) if population.n else None,
        "mean": _estimate(population.mean) if population.n else None,
    }


def _pair(pair: PopulationPair) -> dict[str, object]:
    test = pair.comparison
    return {
        "first": pair.first.token,
        "second": pair.second.token,
        "mean_difference": _interval(test.mean_difference, test.interval, test.confidence),
        "mean_difference_together": _interval(test.mean_difference, pair.interval, test.confidence),
        "median_difference": _interval(*pair.medians, test.confidence),
        "ks_distance": _interval(test.ks_distance, test.ks_interval, test.confidence),
        "ks_p_value": test.p_value,
        "ks_p_value_holm": pair.p_adjusted,
    }


def _in_order(one: InOrder) -> dict[str, object]:
    result = one.result
    return {
        "first": one.first.token,
        "second": one.second.token,
        "verdict": result.verdict,
        "pairs": result.n,
        "won": result.won,
        "lost": result.lost,
        "tied": result.tied,
        "left_out": result.left_out,
        "share": _interval(result.probability, result.interval, 1 - result.alpha),
        "p_value": one.p_value,
        "decided_at": result.decided_at,
    }


def _estimate(estimate: Estimate) -> dict[str, float]:
    return _interval(estimate.value, estimate.interval, estimate.confidence)


def _interval(value: float, ends: tuple[float, float], confidence: float) -> dict[str, float]:
    return {"value": float(value), "low": float(ends[0]), "high": float(ends[1]), "confidence": confidence}
