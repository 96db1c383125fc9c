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
from engine.statistics.checks import Errors, check_costs, check_errors, check_outcomes, check_said, check_share
from engine.statistics.means import bounded_mean_interval
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

    ``interval`` is its 95 % interval (`engine.statistics.means.bounded_mean_interval`), of n networks.
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
    errors, weights, fractions : ndarray of shape (n - failed,)
        Errors in percent, rising, their weights (with those of the failures sum 1) and the weighted EDF just right of
        each error.
    n, failed, left_out : int
        Networks inside the limits, how many of them failed by their own doing, and those outside the limits.
    effective_n : float
        1 / sum of the squared weights: how many equally weighted samples would be known as well; n where all weigh
        the same.
    limits : tuple[float, float]
        Complexities low < c <= high that count, in the unit given.
    bins, bins_used : int
        Equal-width bins between the limits, and how many hold a sample.
    min, mean : float
        Lowest error and weighted mean of those that finished, percent; nan where none did.
    """

    errors: FloatArray
    weights: FloatArray
    fractions: FloatArray
    n: int
    failed: int
    left_out: int
    effective_n: float
    limits: tuple[float, float]
    bins: int
    bins_used: int
    min: float
    mean: float


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


def area_under_edf(errors: Errors, *, up_to: float) -> AreaUnderEdf:
    """Area under the EDF from 0 to ``up_to`` percent, divided by ``up_to``.

    It is the mean of max(0, up_to - e_i) / up_to, values from 0 to 1, and has the interval of such a mean: Gaffke's,
    which holds for every law that is known. A failure (inf) counts as 0, what says nothing (nan) is left out.
    """
    outcomes = check_outcomes(errors)
    values = outcomes[~np.isnan(outcomes)]
    if not len(values):
        raise InvalidPopulation("errors must hold at least 1 sample, got 0.", parameter="errors", value=0)
    if not 0 < up_to <= 100:
        raise InvalidPopulation(f"up_to must lie above 0 and at most at 100, got {up_to}.", parameter="up_to")
    heights = np.maximum(0.0, up_to - values) / up_to
    return AreaUnderEdf(float(heights.mean()), bounded_mean_interval(heights, (0.0, 1.0)), up_to, len(values))


def common_limits(*complexities: npt.ArrayLike) -> tuple[float, float]:
    """The range of complexity that all populations reach: (largest minimum, smallest maximum)."""
    columns = [np.asarray(column, dtype=np.float64) for column in complexities]
    if not columns or any(len(column) == 0 for column in columns):
        raise InvalidPopulation("Common limits need at least one sample of each population.", parameter="complexity")
    return float(max(column.min() for column in columns)), float(min(column.max() for column in columns))


def normalised_edf(
    errors: Errors, complexity: npt.ArrayLike, *, limits: tuple[float, float] | None = None, bins: int = 10
) -> NormalisedEdf:
    """The complexity-normalised EDF ([NDSVR] section 3.3): weights 1 / (bins_used * samples in the own bin).

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent; inf for a failure, which ranks behind every error; nan for what says nothing and is left out.
    complexity : array_like of shape (n,)
        flops, params, acts or a measured cost; nan where it is not known, which leaves the network out.
    limits : tuple[float, float], optional
        Complexities low < c <= high that count; for two populations give both the `common_limits`. By default the
        range of ``complexity``, which leaves out its minimum.
    bins : int
        Equal-width bins between the limits.

    Raises
    ------
    InvalidPopulation
        Where no sample lies inside the limits.
    """
    values, costs = check_costs(errors, complexity, names=("errors", "complexity"))
    low, high = limits if limits is not None else common_limits(costs)
    inside = (costs > low) & (costs <= high)
    if not inside.any():
        raise InvalidPopulation(f"No sample has a complexity above {low:g} and at most {high:g}.", parameter="limits")
    bin_of = equal_bins(costs[inside], (low, high), bins)
    counts = np.bincount(bin_of, minlength=bins)
    used = int((counts > 0).sum())
    order = np.argsort(values[inside], kind="stable")
    rising, weights = values[inside][order], (1 / (used * counts[bin_of]))[order]
    finished = np.isfinite(rising)
    known, shares = rising[finished], weights[finished]
    return NormalisedEdf(
        errors=known,
        weights=shares,
        fractions=np.minimum(np.cumsum(shares), 1.0),
        n=len(rising),
        failed=len(rising) - len(known),
        left_out=len(values) - len(rising),
        effective_n=1 / float(weights @ weights),
        limits=(low, high),
        bins=bins,
        bins_used=used,
        min=float(known[0]) if len(known) else math.nan,
        mean=float(shares @ known / shares.sum()) if len(known) else math.nan,
    )


def equal_bins(costs: FloatArray, limits: tuple[float, float], bins: int) -> npt.NDArray[np.intp]:
    """The bin of each cost, 0 to ``bins`` - 1: equally wide, closed above, the first one below as well."""
    whole_number(bins, parameter="bins", error=InvalidPopulation)
    edges = np.linspace(*limits, bins + 1)
    return np.searchsorted(edges[1:-1], costs, side="left")


def normalised_band(edf: NormalisedEdf, *, alpha: float = 0.05) -> EdfBand:
    """The band of a complexity-normalised EDF for its bins as they are: half-width sqrt(ln(2/alpha) / (2 effective_n)).

    At each single error this is Hoeffding's inequality (1963, Theorem 2) for independent weighted indicators, so it
    holds there for every law. For all errors at once it is the band of Dvoretzky, Kiefer and Wolfowitz with the
    effective number of samples in place of n, which equals it where all weights are alike. Resampling would be
    narrower, but a bin of a single sample would then seem to be known for sure.
    """
    half_width = math.sqrt(math.log(2 / check_share(alpha, name="alpha")) / (2 * edf.effective_n))
    fractions = edf.fractions[np.searchsorted(edf.errors, edf.errors, side="right") - 1]
    band = _band_around(edf.errors, fractions, half_width, n=edf.n, alpha=alpha, anytime=False)
    return replace(band, failed=edf.failed)


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
