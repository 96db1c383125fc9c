"""Error distributions: the EDF, its bands, its area, its complexity-normalised form, its bounds under failures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import optimize

from engine.checks import whole_number
from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import mean_interval
from engine.statistics.checks import Errors, check_errors, check_said, check_share, check_values
from engine.statistics.intervals import ks_interval
from engine.statistics.population import FloatArray

ANYTIME_SCALE = 0.85  # A of Howard & Ramdas 2022, Theorem 2
ANYTIME_START = 50  # m of the same theorem: the first number of samples at which the band says anything


@dataclass(frozen=True, eq=False)
class ErrorEdf:
    """The error EDF as exact steps.

    Attributes
    ----------
    errors : ndarray of shape (n - failed,)
        Errors in percent, rising.
    fractions : ndarray of shape (n - failed,)
        Value of the EDF just right of each error, k/n; of tied errors the last one's holds.
    n : int
        Networks that finished or failed by their own doing.
    min, mean : float
        Of the errors, percent; nan where all failed.
    failed : int
        Of the n; they rank behind every error, so that the EDF ends at 1 - failed / n.
    """

    errors: FloatArray
    fractions: FloatArray
    n: int
    min: float
    mean: float
    failed: int = 0

    def at(self, error: float) -> float:
        """F(error), the fraction of samples whose error is strictly lower."""
        return int(np.searchsorted(self.errors, error, side="left")) / self.n


@dataclass(frozen=True, eq=False)
class EdfBand:
    """A simultaneous band of an EDF: with probability 1 - alpha it holds the whole true distribution.

    Attributes
    ----------
    errors : ndarray
        Errors in percent, rising.
    lower, upper : ndarray of the same shape
        The band just right of each error, within 0 to 1; left of the first error it is 0 to ``half_width``.
    half_width : float
        In units of the EDF, at most 1 (a band that says nothing).
    n : int
    alpha : float
    anytime : bool
        Whether the band holds at every moment of a running batch at once.
    """

    errors: FloatArray
    lower: FloatArray
    upper: FloatArray
    half_width: float
    n: int
    alpha: float
    anytime: bool
    failed: int = 0

    def quantile_interval(self, probability: float = 0.5) -> tuple[float, float]:
        """The interval (percent) of a quantile, by default the median, read off the band.

        It holds for all quantiles at once with the band's own probability. An end that the band leaves open is the
        end of what an error can be: 0, and 100 or, where a network failed, inf.
        """
        check_share(probability, name="probability")
        highest = math.inf if self.failed else 100.0
        reached, above = self.upper >= probability, self.lower >= probability
        low = 0.0
        if self.half_width < probability:
            low = float(self.errors[np.argmax(reached)]) if reached.any() else highest
        return low, float(self.errors[np.argmax(above)]) if above.any() else highest


@dataclass(frozen=True, eq=False)
class AreaUnderEdf:
    """Area under an EDF up to ``up_to`` (percent), divided by it: 0 (no error below) to 1 (all errors zero).

    ``interval`` is its 95 % bootstrap interval, 0 to 1 of a single sample.
    """

    area: float
    interval: tuple[float, float]
    up_to: float
    n: int


@dataclass(frozen=True, eq=False)
class NormalisedEdf:
    """An EDF in which every stretch of complexity weighs the same.

    Attributes
    ----------
    errors, weights, fractions : ndarray of shape (n,)
        Errors in percent, rising, their weights (sum 1) and the weighted EDF just right of each error.
    bin_of : int ndarray of shape (n,)
        The bin of each, 0 to ``bins`` - 1.
    n, left_out : int
        Samples inside the limits, and those outside them.
    effective_n : float
        1 / sum of the squared weights: how many equally weighted samples would be known as well; n where all weigh
        the same.
    limits : tuple[float, float]
        Complexities low < c <= high that count, in the unit given.
    bins, bins_used : int
        Equal-width bins between the limits, and how many hold a sample.
    min, mean : float
        Lowest error and weighted mean, percent.
    interval : tuple[float, float]
        95 % bootstrap interval of the weighted mean for the bins as they are; 0 to 100 where no bin holds two samples.
    """

    errors: FloatArray
    weights: FloatArray
    fractions: FloatArray
    bin_of: npt.NDArray[np.intp]
    n: int
    left_out: int
    effective_n: float
    limits: tuple[float, float]
    bins: int
    bins_used: int
    min: float
    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class NormalisedComparison:
    """Two populations at equal complexity.

    Attributes
    ----------
    ks_distance : float
        Largest vertical distance of the two weighted EDFs, 0 to 1; no exact test is known for it.
    ks_interval : tuple[float, float]
        Its interval (`engine.statistics.intervals.ks_interval` of the effective numbers of samples).
    mean_difference : float
        Weighted mean of A minus that of B, percentage points: negative where A is better.
    interval : tuple[float, float]
        Its bootstrap interval; -100 to 100 where a population has no bin of two samples.
    n_a, n_b : int
        Samples inside the limits.
    """

    ks_distance: float
    ks_interval: tuple[float, float]
    mean_difference: float
    interval: tuple[float, float]
    n_a: int
    n_b: int


@dataclass(frozen=True, eq=False)
class FailureBounds:
    """Where the EDF of all samples lies: failed ones behind every error, missing ones anywhere.

    ``lower`` and ``upper`` (shape (n,)) hold just right of each of the rising ``errors`` (percent), as shares of
    ``total``, n + failed + missing. Left of the first error the bounds are 0 to missing / total, right of the last
    they end at n / total and (n + missing) / total.
    """

    errors: FloatArray
    lower: FloatArray
    upper: FloatArray
    n: int
    failed: int
    missing: int = 0

    @property
    def total(self) -> int:
        return self.n + self.failed + self.missing


def error_edf(errors: Errors) -> ErrorEdf:
    """The error EDF F(e) = #{e_i < e} / n as exact steps ([DNDS] Eq. 1).

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent; inf for a network that failed by its own doing, which counts and ranks behind every error; nan for one
        that says nothing and is left out. At least one that says something.
    """
    rising, failed = check_said(errors)
    n = len(rising) + failed
    low, mean = (float(rising[0]), float(rising.mean())) if len(rising) else (math.nan, math.nan)
    return ErrorEdf(rising, np.arange(1, len(rising) + 1) / n, n, min=low, mean=mean, failed=failed)


def edf_band(errors: Errors, *, alpha: float = 0.05) -> EdfBand:
    """The band of Dvoretzky, Kiefer and Wolfowitz with Massart's constant: half-width sqrt(ln(2/alpha) / (2n)).

    It holds for a number of samples fixed beforehand; for a batch still running use `anytime_edf_band`. Errors as in
    `error_edf`.
    """
    edf = error_edf(errors)
    half_width = math.sqrt(math.log(2 / check_share(alpha, name="alpha")) / (2 * edf.n))
    return _band(edf, half_width, alpha=alpha, anytime=False)


def anytime_edf_band(errors: Errors, *, alpha: float = 0.05, start: int = ANYTIME_START) -> EdfBand:
    """A band that is valid at every moment of a running batch at once (Howard & Ramdas 2022, Theorem 2).

    Half-width 0.85 sqrt((ln(1 + ln(n/start)) + C) / n) for n >= start, C = 8.123 at alpha = 0.05. ``errors`` are
    those of the finished prefix of the batch, in any order; below ``start`` samples the band says nothing (0 to 1).
    """
    edf = error_edf(errors)
    check_share(alpha, name="alpha")
    whole_number(start, parameter="start", error=InvalidPopulation)
    half_width = 1.0
    if edf.n >= start:
        half_width = ANYTIME_SCALE * math.sqrt((math.log1p(math.log(edf.n / start)) + _anytime_constant(alpha)) / edf.n)
    return _band(edf, half_width, alpha=alpha, anytime=True)


def area_under_edf(errors: Errors, *, up_to: float, seed: int = 0) -> AreaUnderEdf:
    """Area under the EDF from 0 to ``up_to`` percent, divided by ``up_to``.

    It is the mean of max(0, up_to - e_i) / up_to, which makes it exact and gives it a mean's bootstrap interval.
    """
    values = check_errors(errors)
    if not 0 < up_to <= 100:
        raise InvalidPopulation(f"up_to must lie above 0 and at most at 100, got {up_to}.", parameter="up_to")
    heights = np.maximum(0.0, up_to - values) / up_to
    interval = (0.0, 1.0) if len(values) == 1 else mean_interval(heights, seed=seed)
    return AreaUnderEdf(float(heights.mean()), interval, up_to, len(values))


def common_limits(*complexities: npt.ArrayLike) -> tuple[float, float]:
    """The range of complexity that all populations reach: (largest minimum, smallest maximum)."""
    columns = [np.asarray(column, dtype=np.float64) for column in complexities]
    if not columns or any(len(column) == 0 for column in columns):
        raise InvalidPopulation("Common limits need at least one sample of each population.", parameter="complexity")
    return float(max(column.min() for column in columns)), float(min(column.max() for column in columns))


def normalised_edf(
    errors: Errors,
    complexity: npt.ArrayLike,
    *,
    limits: tuple[float, float] | None = None,
    bins: int = 10,
    seed: int = 0,
) -> NormalisedEdf:
    """The complexity-normalised EDF ([NDSVR] section 3.3): weights 1 / (bins_used * samples in the own bin).

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent.
    complexity : array_like of shape (n,)
        flops, params, acts or a measured cost.
    limits : tuple[float, float], optional
        Complexities low < c <= high that count; for two populations give both the `common_limits`. By default the
        range of ``complexity``, which leaves out its minimum.
    bins : int
        Equal-width bins between the limits.
    seed : int
        Of the bootstrap of the interval.

    Raises
    ------
    InvalidPopulation
        Where no sample lies inside the limits.
    """
    values = check_errors(errors)
    costs = check_values(complexity, n=len(values), name="complexity")
    low, high = limits if limits is not None else common_limits(costs)
    whole_number(bins, parameter="bins", error=InvalidPopulation)
    inside = (costs > low) & (costs <= high)
    if not inside.any():
        raise InvalidPopulation(f"No sample has a complexity above {low:g} and at most {high:g}.", parameter="limits")
    # Bins are closed on the right like the limits: the k-th holds low + k * width < c <= low + (k + 1) * width.
    edges = np.linspace(low, high, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], costs[inside], side="left")
    counts = np.bincount(bin_of, minlength=bins)
    used = int((counts > 0).sum())
    order = np.argsort(values[inside], kind="stable")
    rising, weights = values[inside][order], (1 / (used * counts[bin_of]))[order]
    scores = _scores(rising, weights, bin_of[order])
    return NormalisedEdf(
        errors=rising,
        weights=weights,
        fractions=np.minimum(np.cumsum(weights), 1.0),
        bin_of=bin_of[order],
        n=len(rising),
        left_out=len(values) - len(rising),
        effective_n=1 / float(weights @ weights),
        limits=(low, high),
        bins=bins,
        bins_used=used,
        min=float(rising[0]),
        mean=float(weights @ rising),
        interval=mean_interval(scores, seed=seed) if counts.max() > 1 else (0.0, 100.0),
    )


def normalised_band(edf: NormalisedEdf, *, alpha: float = 0.05) -> EdfBand:
    """The band of a complexity-normalised EDF for its bins as they are: half-width sqrt(ln(2/alpha) / (2 effective_n)).

    At each single error this is Hoeffding's inequality (1963, Theorem 2) for independent weighted indicators, so it
    holds there for every law. For all errors at once it is the band of Dvoretzky, Kiefer and Wolfowitz with the
    effective number of samples in place of n, which equals it where all weights are alike. Resampling would be
    narrower, but a bin of a single sample would then seem to be known for sure.
    """
    half_width = math.sqrt(math.log(2 / check_share(alpha, name="alpha")) / (2 * edf.effective_n))
    fractions = edf.fractions[np.searchsorted(edf.errors, edf.errors, side="right") - 1]
    return _band_around(edf.errors, fractions, half_width, n=edf.n, alpha=alpha, anytime=False)


def compare_normalised(
    a: NormalisedEdf, b: NormalisedEdf, *, confidence: float = 0.95, seed: int = 0
) -> NormalisedComparison:
    """Two populations at equal complexity: both EDFs normalised within the same limits.

    ``confidence`` is the level of both intervals.

    Raises
    ------
    InvalidPopulation
        Where the limits or the bins of the two differ.
    """
    if (a.limits, a.bins) != (b.limits, b.bins):
        raise InvalidPopulation("Both populations must be normalised within the same limits.", parameter="limits")
    at = np.concatenate([a.errors, b.errors])
    values = [np.concatenate([[0.0], edf.fractions])[np.searchsorted(edf.errors, at, side="right")] for edf in (a, b)]
    interval = (-100.0, 100.0)
    if a.n > a.bins_used and b.n > b.bins_used:
        scores = [_scores(edf.errors, edf.weights, edf.bin_of) for edf in (a, b)]
        interval = mean_interval(scores[0], scores[1], confidence=confidence, seed=seed)
    distance = float(np.abs(values[0] - values[1]).max())
    return NormalisedComparison(
        ks_distance=distance,
        ks_interval=ks_interval(distance, n_a=a.effective_n, n_b=b.effective_n, alpha=1 - confidence),
        mean_difference=a.mean - b.mean,
        interval=interval,
        n_a=a.n,
        n_b=b.n,
    )


def _scores(errors: FloatArray, weights: FloatArray, bin_of: npt.NDArray[np.intp]) -> FloatArray:
    """One number a sample whose mean is the weighted mean, and whose spread is that of the samples in their bins.

    The weighted mean is the mean of the bins' means, so only deviations from those move it when the samples are drawn
    again. Those of a bin of c samples are too small by sqrt((c - 1) / c); a bin of one sample shows none, and is taken
    to spread as all the others do together, or it would pass as known for sure.
    """
    counts = np.bincount(bin_of)
    means = np.bincount(bin_of, weights=errors) / np.maximum(counts, 1)
    sizes, deviations = counts[bin_of], errors - means[bin_of]
    alone = sizes == 1
    scaled = weights * deviations * np.sqrt(sizes / np.maximum(sizes - 1, 1))
    known = float(scaled @ scaled)
    if known > 0:
        within_bins = float(deviations @ deviations) / (len(errors) - int((counts > 0).sum()))
        scaled *= math.sqrt(1 + float(weights[alone] @ weights[alone]) * within_bins / known)
    scores: FloatArray = float(weights @ errors) + len(errors) * scaled
    return scores


def failure_bounds(errors: Errors, *, failed: int, missing: int = 0) -> FailureBounds:
    """Bounds of the EDF of all N = n + failed + missing samples: k/N to (k + missing)/N.

    The ``failed`` ones failed by their own doing and are known to lie behind every error. Of the ``missing`` ones
    nothing is known: at the lower bound all of them lie behind every error, at the upper one all below.
    """
    rising = np.sort(check_errors(errors))
    whole_number(failed, parameter="failed", error=InvalidPopulation, low=0)
    whole_number(missing, parameter="missing", error=InvalidPopulation, low=0)
    n = len(rising)
    below, total = np.arange(1, n + 1), n + failed + missing
    return FailureBounds(rising, below / total, (below + missing) / total, n, failed, missing)


def _band(edf: ErrorEdf, half_width: float, *, alpha: float, anytime: bool) -> EdfBand:
    # The fraction of tied errors is that of the last of them, so that the band too is read just right of each error.
    fractions = np.searchsorted(edf.errors, edf.errors, side="right") / edf.n
    band = _band_around(edf.errors, fractions, half_width, n=edf.n, alpha=alpha, anytime=anytime)
    return replace(band, failed=edf.failed)


def _band_around(
    errors: FloatArray, fractions: FloatArray, half_width: float, *, n: int, alpha: float, anytime: bool
) -> EdfBand:
    lower, upper = np.maximum(fractions - half_width, 0.0), np.minimum(fractions + half_width, 1.0)
    return EdfBand(errors, lower, upper, min(half_width, 1.0), n, alpha, anytime)


@cache
def _anytime_constant(alpha: float) -> float:
    """C of Howard & Ramdas 2022, Theorem 2, for A = 0.85: the smallest with error probability at most alpha."""

    etas = np.linspace(1.0005, 1.44, 2000)  # the theorem takes any eta in (1, 2 A^2)

    def excess(constant: float) -> float:
        gammas = 2 / etas * np.maximum(0.0, ANYTIME_SCALE - np.sqrt(2 * (etas - 1) / constant)) ** 2
        allowed = gammas > 1
        gammas, logs = gammas[allowed], np.log(etas[allowed])
        return float(np.min(4 * np.exp(-gammas * constant) * (1 + 1 / ((gammas - 1) * logs)), initial=4.0)) - alpha

    return float(optimize.brentq(excess, 1.0, 1000.0))
