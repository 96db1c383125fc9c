"""Bootstraps: intervals of means, and the exact empirical bootstrap of a parameter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_errors, check_share, check_values
from engine.statistics.population import FloatArray

RESAMPLES = 10_000
SIMULATED_UP_TO = 100  # samples; above, the expansion of a mean's law is finer than 10,000 resamples
CELLS_AT_ONCE = 2_000_000  # bounds the memory of resampling: 16 MB of float64
ROUNDING = 1e-14  # relative: equal values may differ from their own mean by this much


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


def mean_error(errors: Errors, *, confidence: float = 0.95, seed: int = 0) -> Estimate:
    """The mean error with its BCa bootstrap interval (`mean_interval`)."""
    values = check_errors(errors)
    interval = (0.0, 100.0) if len(values) == 1 else mean_interval(values, confidence=confidence, seed=seed)
    return Estimate(float(values.mean()), interval, confidence, len(values))


def mean_interval(
    values: FloatArray, minus: FloatArray | None = None, *, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """BCa bootstrap interval of mean(values), or of mean(values) - mean(minus) of two independent samples.

    10,000 resampled means of each sample: up to 100 values by resampling, above by drawing from the second-order
    expansion of the same law (mean + se (z + skewness (z^2 - 1) / 6), Cornish & Fisher; skewness that of the mean),
    which differs from it by less than the simulation's own noise. All values equal give an interval of zero width.
    """
    check_share(confidence, name="confidence")
    rng = np.random.default_rng(seed)
    estimate, variance, third = float(values.mean()), *_moments_of_mean(values)
    resampled = _resampled_means(values, rng)
    largest = float(np.abs(values).max())
    if minus is not None:
        minus_variance, minus_third = _moments_of_mean(minus)
        estimate, variance, third = estimate - float(minus.mean()), variance + minus_variance, third - minus_third
        resampled = resampled - _resampled_means(minus, rng)
        largest = max(largest, float(np.abs(minus).max()))
    scale = variance**1.5  # 0 also where values differ by less than about 1e-108
    if scale == 0 or variance <= (ROUNDING * largest) ** 2:
        return estimate, estimate
    return bca_interval(estimate, resampled, acceleration=third / scale / 6, confidence=confidence)


def bca_interval(
    estimate: float, resampled: FloatArray, *, acceleration: float, confidence: float
) -> tuple[float, float]:
    """The bias-corrected and accelerated interval (Efron 1987) from resampled values of the estimate."""
    share_below = (np.mean(resampled < estimate) + np.mean(resampled <= estimate)) / 2
    if share_below in (0.0, 1.0):  # no correction is defined; the plain percentiles are
        bias = 0.0
    else:
        bias = float(special.ndtri(share_below))
    z = bias + special.ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    low, high = np.quantile(resampled, special.ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


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


def _resampled_means(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    if len(values) > SIMULATED_UP_TO:
        variance, third = _moments_of_mean(values)
        if variance <= (ROUNDING * float(np.abs(values).max())) ** 2:
            return np.full(RESAMPLES, values.mean())
        z = rng.standard_normal(RESAMPLES)
        return float(values.mean()) + math.sqrt(variance) * z + third / variance * (z * z - 1) / 6
    return np.concatenate([values[rows].mean(axis=1) for rows in resampled_rows(len(values), rng)])


def _moments_of_mean(values: FloatArray) -> tuple[float, float]:
    """Variance and third central moment of the mean of a resample of ``values``."""
    deviations = values - values.mean()
    squares = deviations * deviations
    return float(squares.mean()) / len(values), float((squares * deviations).mean()) / len(values) ** 2
