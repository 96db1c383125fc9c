"""The best designs: fronts of error against a cost, and the lowest errors with how sure their ranks are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.checks import whole_number
from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_errors, check_values
from engine.statistics.population import FloatArray

RANK_RESAMPLES = 1_000


@dataclass(frozen=True, eq=False)
class Front:
    """The samples that no other beats in error and in one cost.

    Attributes
    ----------
    rows : int ndarray of shape (k,)
        Row numbers by rising cost.
    costs, errors : ndarray of shape (k,)
        Rising costs (unit as given) and falling errors (percent).
    n : int
        Samples looked at.
    """

    rows: npt.NDArray[np.intp]
    costs: FloatArray
    errors: FloatArray
    n: int


@dataclass(frozen=True, eq=False)
class BestDesigns:
    """The samples of lowest error.

    Attributes
    ----------
    rows : int ndarray of shape (k,)
        Row numbers by rising error; tied ones in their order.
    errors : ndarray of shape (k,)
        Percent.
    ranks : int ndarray of shape (k,)
        1 for the best; tied ones share the lowest.
    rank_intervals : int ndarray of shape (k, 2) or None
        95 % interval of the rank over repeated trainings; None without replicates.
    n : int
    """

    rows: npt.NDArray[np.intp]
    errors: FloatArray
    ranks: npt.NDArray[np.int64]
    rank_intervals: npt.NDArray[np.int64] | None
    n: int


def error_cost_front(errors: Errors, costs: npt.ArrayLike) -> Front:
    """The front of error against a cost of shape (n,): flops, params, acts, measured time or memory.

    A sample is on it where no other has both at most its error and at most its cost, one of them strictly; samples
    alike in both stay together.
    """
    percents = check_errors(errors)
    numbers = check_values(costs, n=len(percents), name="costs")
    order = np.lexsort((percents, numbers))  # by cost, then by error
    cost, error = numbers[order], percents[order]
    lowest = np.minimum.accumulate(error)
    # A sample is beaten if one sorted before it has at most its error, unless the two are equal in both.
    before = np.concatenate(([np.inf], lowest[:-1]))
    alike = np.concatenate(([False], (cost[1:] == cost[:-1]) & (error[1:] == error[:-1])))
    first_of_alike = np.maximum.accumulate(np.where(alike, 0, np.arange(len(order))))
    rows = order[(error < before)[first_of_alike]]
    return Front(rows, numbers[rows], percents[rows], len(percents))


def best_designs(
    errors: Errors, *, count: int = 10, standard_errors: npt.ArrayLike | None = None, seed: int = 0
) -> BestDesigns:
    """The ``count`` lowest errors, with the uncertainty of their ranks where replicates give one.

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent; the mean over replicates.
    standard_errors : array_like of shape (n,), optional
        Standard error (percentage points) of each sample's error over its replicates, 0 where it has only one. The
        rank interval is that of 1,000 draws of all errors from normal laws with these.
    """
    percents = check_errors(errors)
    n = len(percents)
    whole_number(count, parameter="count", error=InvalidPopulation)
    rows = np.argsort(percents, kind="stable")[:count]
    best = percents[rows]
    ranks = np.searchsorted(np.sort(percents), best, side="left") + 1
    intervals = None
    if standard_errors is not None:
        spreads = check_values(standard_errors, n=n, name="standard_errors")
        if spreads.min() < 0:
            raise InvalidPopulation(
                f"standard_errors must be at least 0, got {spreads.min()}.", parameter="standard_errors"
            )
        intervals = _rank_intervals(percents, spreads, rows, np.random.default_rng(seed))
    return BestDesigns(rows, best, ranks, intervals, n)


def _rank_intervals(
    errors: FloatArray, spreads: FloatArray, rows: npt.NDArray[np.intp], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    # Samples further away than six standard errors of both never change places with the best.
    near = np.flatnonzero(errors - 6 * spreads <= (errors[rows] + 6 * spreads[rows]).max())
    drawn = np.empty((RANK_RESAMPLES, len(rows)), dtype=np.int64)
    places = np.searchsorted(near, rows)
    for index in range(RANK_RESAMPLES):
        repeated = errors[near] + spreads[near] * rng.standard_normal(len(near))
        drawn[index] = np.searchsorted(np.sort(repeated), repeated[places], side="left") + 1
    return np.quantile(drawn, (0.025, 0.975), axis=0, method="inverted_cdf").T.astype(np.int64)
