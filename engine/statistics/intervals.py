"""Intervals that need no resampling, or little: quantiles, medians and their difference, the distance of two EDFs."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import RESAMPLES, Estimate
from engine.statistics.checks import Errors, check_errors, check_said, check_share
from engine.statistics.population import FloatArray

WHOLE_RANGE = (0.0, 100.0)  # of an error in percent


def quantile_interval(errors: Errors, probability: float = 0.5, *, confidence: float = 0.95) -> tuple[float, float]:
    """The interval (percent) of a quantile between two of the sorted errors, valid for every law.

    K, how many of the n errors lie at or below the true quantile, has the binomial law of n and ``probability``; an end
    is the innermost order statistic that the quantile passes with probability at most (1 - confidence) / 2 (Conover,
    Practical Nonparametric Statistics, section 3.2). Networks that failed by their own doing (inf) rank behind every
    error. Where no order statistic is far enough out, as below six samples for the median at 95 %, that end is the end
    of what an error can be: 0, and 100 or, where a network failed, inf.
    """
    rising, failed = check_said(errors)
    check_share(probability, name="probability")
    check_share(confidence, name="confidence")
    n = len(rising) + failed
    below, above = _ranks(n, probability, confidence)
    low, high = WHOLE_RANGE[0], math.inf if failed else WHOLE_RANGE[1]
    if below >= 1:
        low = float(rising[below - 1]) if below <= len(rising) else math.inf
    if above <= len(rising):
        high = float(rising[above - 1])
    return low, high


def median_error(errors: Errors, *, confidence: float = 0.95) -> Estimate:
    """The median error with its exact interval (`quantile_interval`); inf where half or more failed."""
    rising, failed = check_said(errors)
    interval = quantile_interval(errors, confidence=confidence)
    return Estimate(median_with_failures(rising, failed), interval, confidence, len(rising) + failed)


def median_with_failures(rising: FloatArray, failed: int) -> float:
    """The median of rising errors and of so many infinite ones."""
    return float(np.median(np.append(rising, np.full(failed, math.inf))))


def median_difference(
    errors_a: Errors, errors_b: Errors, *, confidence: float = 0.95, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Median of A minus median of B (percentage points) with its percentile bootstrap interval, 10,000 resamples.

    The median of n draws with replacement depends on the middle one or two of n uniform positions only, whose law is
    a beta law: drawing those is the same bootstrap at any n, without drawing the rest. -100 to 100 where a population
    has too few samples for an interval of its own median, as below six at 95 %: resamples of two or three seldom spread
    as far as the medians do.
    """
    check_share(confidence, name="confidence")
    both = [np.sort(check_errors(e, name=name)) for e, name in ((errors_a, "errors_a"), (errors_b, "errors_b"))]
    difference = float(np.median(both[0]) - np.median(both[1]))
    if _ranks(min(map(len, both)), 0.5, confidence)[0] < 1:
        return difference, (-100.0, 100.0)
    rng = np.random.default_rng(seed)
    resampled = _resampled_medians(both[0], rng) - _resampled_medians(both[1], rng)
    low, high = np.quantile(resampled, ((1 - confidence) / 2, (1 + confidence) / 2))
    return difference, (float(low), float(high))


def ks_interval(distance: float, *, n_a: float, n_b: float, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of the distance D of two distributions around that of their EDFs, within 0 to 1.

    Half-width sqrt(ln(2 / alpha) / 2 (1 / n_a + 1 / n_b)): Kolmogorov's law for the difference of two EDFs, which is
    that of one EDF of n_a n_b / (n_a + n_b) samples, with the constant of Massart 1990. It bounds the error of the
    whole difference, so it is wide for D alone, and holds 0 about where the two-sample KS test at alpha rejects
    nothing. ``n_a`` and ``n_b`` may be effective numbers of samples (`NormalisedEdf.effective_n`).
    """
    check_share(alpha, name="alpha")
    if min(n_a, n_b) <= 0:
        raise InvalidPopulation(f"n_a and n_b must be above 0, got {n_a} and {n_b}.", parameter="n_a")
    half_width = math.sqrt(math.log(2 / alpha) / 2 * (1 / n_a + 1 / n_b))
    return max(0.0, distance - half_width), min(1.0, distance + half_width)


@lru_cache(maxsize=4096)
def _ranks(n: int, probability: float, confidence: float) -> tuple[int, int]:
    """Ranks (from 1) of the lower and of the upper end; 0 and n + 1 where there is none."""
    tail = (1 - confidence) / 2
    return int(stats.binom.ppf(tail, n, probability)), n + 1 - int(stats.binom.ppf(tail, n, 1 - probability))


def _resampled_medians(rising: FloatArray, rng: np.random.Generator) -> FloatArray:
    n = len(rising)
    lower_rank = (n + 1) // 2  # from 1
    lower = rng.beta(lower_rank, n + 1 - lower_rank, size=RESAMPLES)
    upper = lower
    if n % 2 == 0:  # the next position is the smallest of the n - lower_rank uniform ones above
        upper = 1 - (1 - lower) * rng.random(RESAMPLES) ** (1 / (n - lower_rank))
    ranks = np.minimum((np.stack([lower, upper]) * n).astype(np.intp), n - 1)
    medians: FloatArray = rising[ranks].mean(axis=0)
    return medians
