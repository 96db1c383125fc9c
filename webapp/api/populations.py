"""Populations as columns, and their comparison as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.http import JsonResponse
from ninja import Query, Router

from engine.statistics.bootstrap import Estimate
from webapp import queries
from webapp.access import TeamRequest, regime_of, space_of
from webapp.api.schemas import AnalysisOut, AnalysisQuery, PopulationOut, PopulationQuery, Populations, or_problem
from webapp.api.tokens import READER
from webapp.forms.analyses import read_selection
from webapp.pages.analyses import Pair, compare_pairs, finding, shown_populations
from webapp.pages.findings import Shown
from webapp.pages.in_order import InOrder, compare_all_in_order
from webapp.plots import FloatArray

router = Router(tags=["populations and analyses"])


@router.get("/populations", response=or_problem(Populations), auth=READER)
def list_populations(request: TeamRequest) -> dict[str, Any]:
    """Every pair of a space and a regime that has a batch."""
    return {
        "items": [
            {
                "space": line.space_id,
                "regime": line.regime_id,
                "designs": line.designs,
                "trained": line.trained,
                "failed": line.failed,
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
            "pending": population.pending,
            "cancelled": trained.cancelled,
            "ahead": len(trained.ahead),
            "columns": {name: _values(population[name][rows]) for name in population.names},
        }
    )


def _values(column: FloatArray) -> list[float]:
    """Whole numbers as integers, so that a depth is 12 and not 12.0."""
    whole = bool(np.all(column == np.rint(column))) and bool(np.all(np.abs(column) < 2**53))
    found: list[float] = (column.astype(np.int64) if whole else column).tolist()
    return found


@router.get("/analyses", response=or_problem(AnalysisOut), auth=READER)
def get_analysis(request: TeamRequest, chosen: Query[AnalysisQuery]) -> dict[str, Any]:
    """What an analysis finds, in a sentence and in numbers. The address is that of its page: ?p=1-2&p=3-2&error=final.

    The page's filters count too: ?max_depth=20 or ?min_flops=1.5 (millions).
    """
    selection = read_selection(request.GET, request.team)
    shown = shown_populations(selection)
    used = [one for one in shown if one.n]
    pairs, in_order = compare_pairs(used), compare_all_in_order(used)
    return {
        "error": selection.error,
        "finding": finding(used, pairs, in_order) if used else None,
        "populations": [_finding(one) for one in shown],
        "pairs": [_pair(pair) for pair in pairs],
        "in_order": [_in_order(one) for one in in_order],
    }


def _finding(shown: Shown) -> dict[str, Any]:
    population = shown.trained.population
    return {
        "population": shown.pair,
        "name": shown.name,
        "n": shown.n,
        "failed": population.failed,
        "pending": population.pending,
        "cancelled": shown.trained.cancelled,
        "min": shown.edf.min if shown.n else None,
        "median": _estimate(shown.median) if shown.n else None,
        "mean": _estimate(shown.mean) if shown.n else None,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    test = pair.comparison
    return {
        "first": pair.first.pair,
        "second": pair.second.pair,
        "mean_difference": _interval(test.mean_difference, test.interval, test.confidence),
        "mean_difference_together": _interval(test.mean_difference, pair.interval, test.confidence),
        "median_difference": _interval(*pair.medians, test.confidence),
        "ks_distance": _interval(test.ks_distance, test.ks_interval, test.confidence),
        "ks_p_value": test.p_value,
        "ks_p_value_holm": pair.p_adjusted,
    }


def _in_order(one: InOrder) -> dict[str, Any]:
    result = one.result
    return {
        "first": one.first.pair,
        "second": one.second.pair,
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
