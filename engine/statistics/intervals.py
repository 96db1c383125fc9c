"""Intervals that need no resampling, or little: quantiles, medians, the distance of two EDFs."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import Estimate
from engine.statistics.checks import Errors, check_said, check_share
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
    below, above = binomial_ranks(n, probability, confidence)
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
def binomial_ranks(n: int, probability: float, confidence: float) -> tuple[int, int]:
    """Ranks (from 1) of the lower and of the upper end; 0 and n + 1 where there is none."""
    tail = (1 - confidence) / 2
    return int(stats.binom.ppf(tail, n, probability)), n + 1 - int(stats.binom.ppf(tail, n, 1 - probability))
