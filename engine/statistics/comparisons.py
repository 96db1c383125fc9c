"""Two populations compared: the Kolmogorov-Smirnov test, the difference of means, Holm's correction."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import mean_interval
from engine.statistics.checks import Errors, check_errors, check_values
from engine.statistics.intervals import ks_interval
from engine.statistics.population import FloatArray

EXACT_UP_TO = 2_000  # samples of the larger population


@dataclass(frozen=True)
class Comparison:
    """Two error distributions compared.

    Attributes
    ----------
    ks_distance : float
        D, the largest vertical distance of the two EDFs, 0 to 1.
    ks_interval : tuple[float, float]
        Its interval at level ``confidence`` (`engine.statistics.intervals.ks_interval`).
    p_value : float
        Two-sided, of the two-sample Kolmogorov-Smirnov test.
    mean_difference : float
        Mean of A minus mean of B, in percentage points: negative where A is better.
    interval : tuple[float, float]
        Bootstrap interval of the difference at level ``confidence``; -100 to 100 where a population has one sample.
    confidence : float
    n_a, n_b : int
    """

    ks_distance: float
    ks_interval: tuple[float, float]
    p_value: float
    mean_difference: float
    interval: tuple[float, float]
    confidence: float
    n_a: int
    n_b: int


@dataclass(frozen=True)
class KsTest:
    """Distance D (0 to 1) of two EDFs, its 95 % interval, and the two-sided p-value of the Kolmogorov-Smirnov test."""

    distance: float
    interval: tuple[float, float]
    p_value: float
    n_a: int
    n_b: int


def compare_errors(errors_a: Errors, errors_b: Errors, *, confidence: float = 0.95, seed: int = 0) -> Comparison:
    """Compare two populations: KS distance and p-value, difference of means with its BCa bootstrap interval.

    Parameters
    ----------
    errors_a, errors_b : array_like of shape (n,) or Population
        Percent, at least one sample each. The samples are independent; for pairs compared while they arrive see
        `compare_sequentially`.
    confidence : float
        Level of the interval; how it is computed says `engine.statistics.bootstrap.mean_interval`.
    seed : int
        Of the bootstrap.

    Notes
    -----
    The p-value is exact (conservative under ties) up to 2,000 samples of the larger population and that of the
    limiting law above, or where the exact sum loses its digits (`scipy.stats.ks_2samp`). For several pairs pass the
    p-values through `holm`.
    """
    a, b = check_errors(errors_a, name="errors_a"), check_errors(errors_b, name="errors_b")
    test = ks_test(a, b)
    interval = (-100.0, 100.0)
    if min(len(a), len(b)) > 1:
        interval = mean_interval(a, b, confidence=confidence, seed=seed)
    return Comparison(
        ks_distance=test.distance,
        ks_interval=ks_interval(test.distance, n_a=len(a), n_b=len(b), alpha=1 - confidence),
        p_value=test.p_value,
        mean_difference=float(a.mean() - b.mean()),
        interval=interval,
        confidence=confidence,
        n_a=len(a),
        n_b=len(b),
    )


def ks_test(values_a: npt.ArrayLike, values_b: npt.ArrayLike) -> KsTest:
    """The two-sample Kolmogorov-Smirnov test of any two columns, such as the flops of two populations.

    Parameters
    ----------
    values_a, values_b : array_like of shape (n,)
        At least one finite number each; which law gives the p-value says `compare_errors`.
    """
    a, b = (check_values(values, n=np.size(values)) for values in (values_a, values_b))
    if not len(a) or not len(b):
        raise InvalidPopulation("A KS test needs at least one value of each population.", parameter="values")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns where it falls back to the limiting law
        test = stats.ks_2samp(a, b, method="exact" if max(len(a), len(b)) <= EXACT_UP_TO else "asymp")
    distance = float(test.statistic)
    return KsTest(distance, ks_interval(distance, n_a=len(a), n_b=len(b)), float(test.pvalue), len(a), len(b))


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """p-values adjusted for several comparisons (Holm 1979), in the order given, shape (k,), at most 1.

    Reject where the adjusted value is at most alpha: the chance of any false rejection is then at most alpha.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise InvalidPopulation(f"p_values must lie between 0 and 1, got {values.tolist()}.", parameter="p_values")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return adjusted
