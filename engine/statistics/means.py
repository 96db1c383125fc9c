"""Intervals of means and of their differences that hold for errors of any law.

A mean is known badly where a few networks may be stuck at 90 %: the usual intervals miss it in half of all cases at
n = 8 and one in seven at n = 32. These are wide instead (docs/statistics.md says how often they hold).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_outcomes, check_share
from engine.statistics.population import FloatArray

FEWEST_FOR_A_MEAN = 16  # networks; of fewer the interval holds but says next to nothing, so that pages leave it out
DIRICHLET_ROWS = 20_000
SIMULATED_UP_TO = 500  # networks; above, an expansion of the same law is as exact as the rows
CELLS_AT_ONCE = 2_000_000  # bounds the memory of the rows: 16 MB
WHOLE_RANGE = (0.0, 100.0)  # of an error in percent


@dataclass(frozen=True)
class MeanEstimate:
    """The mean error in percent with the ends of its interval, of ``n`` networks that finished."""

    mean: float
    low: float
    high: float
    confidence: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True)
class MeanDifference:
    """Mean of A minus mean of B in points with the ends of its interval, of the networks that finished."""

    mean: float
    low: float
    high: float
    confidence: float
    n_a: int
    n_b: int

    @property
    def interval(self) -> tuple[float, float]:
        return self.low, self.high


def mean_interval(errors: Errors, *, confidence: float = 0.95) -> MeanEstimate:
    """The mean error of the networks that finished, with an interval that allows for networks not seen.

    The upper end is that of Gaffke 2005 (Learned-Miller & Thomas 2020): a quantile of the mean of the n errors and one
    more of 100 % under random (Dirichlet) weights. The lower end is the larger of the same with one more error of 0,
    and of Student's, which is short where errors are skewed to the right, as they are. 0 to 100 of one network.

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent; failures (inf) and what says nothing (nan) are left out.
    confidence : float
    """
    values = _finished(errors, "errors")
    check_share(confidence, name="confidence")
    mean, n = float(values.mean()), len(values)
    if n == 1:
        return MeanEstimate(mean, *WHOLE_RANGE, confidence, n)
    low, high = bounded_mean_interval(values, WHOLE_RANGE, confidence=confidence)
    student = mean - float(stats.t.ppf((1 + confidence) / 2, n - 1) * values.std(ddof=1)) / math.sqrt(n)
    return MeanEstimate(mean, min(max(low, student), mean), max(high, mean), confidence, n)


def mean_difference_interval(errors_a: Errors, errors_b: Errors, *, confidence: float = 0.95) -> MeanDifference:
    """The difference of two means, its interval from those of the means (Zou & Donner 2008)."""
    a, b = _finished(errors_a, "errors_a"), _finished(errors_b, "errors_b")
    of_a, of_b = (mean_interval(values, confidence=confidence) for values in (a, b))
    difference = of_a.mean - of_b.mean
    return MeanDifference(
        mean=difference,
        low=difference - math.hypot(of_a.mean - of_a.low, of_b.high - of_b.mean),
        high=difference + math.hypot(of_a.high - of_a.mean, of_b.mean - of_b.low),
        confidence=confidence,
        n_a=of_a.n,
        n_b=of_b.n,
    )


def bounded_mean_interval(
    values: FloatArray, ends: tuple[float, float], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Gaffke's interval of the mean of values that lie between ``ends``: no law is known where it fails.

    Of 20,000 Dirichlet rows up to 500 values, above by the expansion of Cornish & Fisher.
    """
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    # Sorted, so that the order of the networks makes no difference.
    extended = np.stack([np.sort(np.append(values, end)) for end in ends])
    if len(values) > SIMULATED_UP_TO:
        low, high = (_expansion(row, tail) for row, tail in zip(extended, tails, strict=True))
    else:
        means = _dirichlet_means(extended)
        low, high = (float(np.quantile(row, tail)) for row, tail in zip(means, tails, strict=True))
    mean = float(values.mean())
    return min(low, mean), max(high, mean)


def _finished(errors: Errors, name: str) -> FloatArray:
    outcomes = check_outcomes(errors, name=name)
    values = outcomes[np.isfinite(outcomes)]
    if not len(values):
        raise InvalidPopulation(f"{name} must hold at least 1 network that finished, got 0.", parameter=name, value=0)
    return values


def _dirichlet_means(extended: FloatArray) -> FloatArray:
    """Means of each row of values, shape (rows, k), under the same random weights: shape (rows, 20,000)."""
    rng = np.random.default_rng(0)  # fixed, so that a page is the same at every look
    columns = np.vstack([extended, np.ones(extended.shape[1])]).T
    step = max(1, CELLS_AT_ONCE // len(columns))
    parts = [
        rng.standard_exponential((min(step, DIRICHLET_ROWS - start), len(columns))) @ columns
        for start in range(0, DIRICHLET_ROWS, step)
    ]
    sums = np.concatenate(parts)
    means: FloatArray = (sums[:, :-1] / sums[:, -1:]).T
    return means


def _expansion(values: FloatArray, tail: float) -> float:
    """A quantile of the mean of values under Dirichlet weights, from its first three moments."""
    k = len(values)
    deviations = values - values.mean()
    second, third = float((deviations**2).mean()), float((deviations**3).mean())
    spread = math.sqrt(second / (k + 1))
    if spread == 0:
        return float(values.mean())
    skewness = 2 * third / ((k + 1) * (k + 2)) / spread**3
    x = float(special.ndtri(tail))
    return float(values.mean()) + spread * (x + skewness * (x * x - 1) / 6)
