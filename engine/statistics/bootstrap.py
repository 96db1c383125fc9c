"""Bootstraps: the exact empirical bootstrap of a parameter, and how many resamples and orders are looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_errors, check_values
from engine.statistics.population import FloatArray

RESAMPLES = 10_000
CELLS_AT_ONCE = 2_000_000  # bounds the memory of resampling: 16 MB of float64


@dataclass(frozen=True)
class Estimate:
    """A statistic of the errors with its interval, both in percent.

    Attributes
    ----------
    value : float
    interval : tuple[float, float]
        At level ``confidence``; of a single sample 0 to 100, because it says nothing about the spread.
    confidence : float
    n : int
    """

    value: float
    interval: tuple[float, float]
    confidence: float
    n: int


@dataclass(frozen=True)
class EmpiricalBootstrap:
    """Where the best designs have a parameter: percentiles of the value that the best of m drawn samples has.

    Attributes
    ----------
    low, median, high : float
        The 2.5, 50 and 97.5 percentiles, in the unit of the values.
    n : int
    drawn : int
        m, how many samples each repetition draws.
    """

    low: float
    median: float
    high: float
    n: int
    drawn: int


def empirical_bootstrap(values: npt.ArrayLike, errors: Errors, fraction: float = 0.25) -> EmpiricalBootstrap:
    """The exact empirical bootstrap of a parameter ([DNDS] section 3.2).

    A repetition draws m = max(1, int(n * fraction)) pairs with replacement and keeps the value of the lowest error;
    the percentiles are those of the law of the kept value over all repetitions. With the errors sorted, the k-th
    (from 0) is the lowest drawn with probability ((n-k)/n)^m - ((n-k-1)/n)^m; tied errors share theirs equally.

    Parameters
    ----------
    values : array_like of shape (n,)
        The parameter or complexity of each sample.
    errors : array_like of shape (n,) or Population
        Percent.
    fraction : float
        Share of the samples drawn in each repetition, above 0 and at most 1.
    """
    percents = check_errors(errors)
    numbers = check_values(values, n=len(percents))
    if not 0 < fraction <= 1:
        raise InvalidPopulation(f"fraction must lie above 0 and at most at 1, got {fraction}.", parameter="fraction")
    n = len(percents)
    drawn = max(1, int(n * fraction))
    rows, weights = best_drawn_law(percents, drawn)
    low, median, high = weighted_percentiles(numbers[rows], weights, (0.025, 0.5, 0.975))
    return EmpiricalBootstrap(low, median, high, n, drawn)


def best_drawn_law(errors: FloatArray, drawn: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Which samples can be the best of ``drawn`` draws with replacement: their rows, and their probabilities.

    Rows whose probability is below 1e-17 in sum are left out: they are lost in rounding, and most of the work.
    """
    n = len(errors)
    count = min(n, math.ceil(n * -math.expm1(math.log(1e-17) / drawn)))  # ((n - count) / n)^drawn <= 1e-17
    rows = np.flatnonzero(errors <= np.partition(errors, count - 1)[count - 1])
    rows = rows[np.argsort(errors[rows])]
    rising = errors[rows]
    starts = np.flatnonzero(np.concatenate(([True], rising[1:] > rising[:-1], [True])))  # of ties, and their end
    none_before = ((n - starts) / n) ** drawn
    sizes = np.diff(starts)
    return rows, np.repeat((none_before[:-1] - none_before[1:]) / sizes, sizes)


def weighted_percentiles(values: FloatArray, weights: FloatArray, probabilities: tuple[float, ...]) -> list[float]:
    """For each p the smallest value whose cumulative weight (weights sum to 1) reaches p."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    # Sums such as 0.1 + 0.2 + 0.2 may miss a p that they reach in exact arithmetic.
    positions = np.searchsorted(cumulative, np.asarray(probabilities) - 1e-12)
    return [float(value) for value in values[order[np.minimum(positions, len(values) - 1)]]]


def permutations_of(n: int) -> int:
    """How many random orders of n networks a permutation test looks at: 999, and 199 of more than 2,000 networks."""
    return 999 if n <= 2_000 else 199


def resampled_rows(
    n: int, rng: np.random.Generator, resamples: int = RESAMPLES, *, width: int = 0
) -> Iterator[npt.NDArray[np.integer]]:
    """Row numbers of bootstrap resamples in chunks of shape (some, n), ``resamples`` rows in all.

    A chunk holds at most 2,000,000 cells of rows ``width`` wide (by default n), which bounds the memory.
    """
    dtype = np.uint16 if n <= 2**16 else np.int64
    step = max(1, CELLS_AT_ONCE // max(n, width))
    for start in range(0, resamples, step):
        yield rng.integers(0, n, size=(min(step, resamples - start), n), dtype=dtype)
