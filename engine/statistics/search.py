"""What more samples bring: the random-search curve, and how many samples are enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.checks import whole_number
from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import CELLS_AT_ONCE
from engine.statistics.checks import Errors, check_errors, check_share
from engine.statistics.population import FloatArray

NEGLIGIBLE = 40.0  # exp(-40) of an error of 100 % is below its last digit


@dataclass(frozen=True, eq=False)
class RandomSearchCurve:
    """What the best of m samples reaches.

    Attributes
    ----------
    m : int ndarray of shape (k,)
        Rising, from 1 to n.
    expected_min : ndarray of shape (k,)
        Expected lowest error (percent) of m of the n samples drawn without replacement.
    n : int
    """

    m: npt.NDArray[np.int64]
    expected_min: FloatArray
    n: int

    def at(self, m: int) -> float:
        """The expected lowest error (percent) of ``m`` samples, one of those of the curve."""
        places = np.flatnonzero(self.m == whole_number(m, parameter="m", error=InvalidPopulation, high=self.n))
        if not len(places):
            raise InvalidPopulation(f"m must be on the curve, got {m}.", parameter="m", value=m)
        return float(self.expected_min[places[0]])


@dataclass(frozen=True, eq=False)
class SampleSizeStudy:
    """How far the EDF of m samples lies from that of all.

    Attributes
    ----------
    m : int ndarray of shape (k,)
        Sizes of the random subsets.
    distance : ndarray of shape (k,)
        Mean KS distance between a subset and the whole, in units of the EDF.
    low, high : ndarray of shape (k,)
        The 2.5 and 97.5 percentiles of that distance.
    band_half_width : ndarray of shape (k,)
        Half-width of the DKW band of m samples at ``alpha``, against the true distribution.
    n, repeats : int
    alpha : float
    """

    m: npt.NDArray[np.int64]
    distance: FloatArray
    low: FloatArray
    high: FloatArray
    band_half_width: FloatArray
    n: int
    repeats: int
    alpha: float


def random_search_curve(errors: Errors, *, sizes: Sequence[int] | None = None) -> RandomSearchCurve:
    """The expected minimum of m samples drawn without replacement, exactly.

    With the errors sorted as x_0 <= ... <= x_(n-1), the minimum of m exceeds x_k with the hypergeometric probability
    C(n-1-k, m) / C(n, m) = prod_(j=0..k) (n - m - j) / (n - j), and the expectation is x_0 + sum_k (x_(k+1) - x_k)
    times it. Terms below exp(-40) are left out; [DNDS] section 4 reads its random-search efficiency off this curve.

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent.
    sizes : sequence of int, optional
        The m, each 1 to n; by default all of them.
    """
    rising = np.sort(check_errors(errors))
    n = len(rising)
    m = np.arange(1, n + 1) if sizes is None else _checked_sizes(sizes, n)
    expected = np.full(len(m), rising[0])
    start, stop = 0, len(m) - int(m[-1] == n)  # of all n the best is the lowest
    while start < stop:
        at_once = max(1, CELLS_AT_ONCE // _terms(n, int(m[start])))
        end = min(start + at_once, int(np.searchsorted(m, 2 * m[start])), stop)
        expected[start:end] = _expected_min(rising, m[start:end])
        start = end
    return RandomSearchCurve(m, expected, n)


def _checked_sizes(sizes: Sequence[int], n: int) -> npt.NDArray[np.int64]:
    m = np.unique(np.array(sizes, dtype=np.int64))
    if m.size == 0 or m[0] < 1 or m[-1] > n:
        raise InvalidPopulation(f"sizes must lie between 1 and {n}, got {m.tolist()}.", parameter="sizes")
    return m


def _terms(n: int, m: int) -> int:
    """How many terms of the sum count: from m on those of k > 40 n / m are negligible."""
    return min(n - 1, math.ceil(NEGLIGIBLE * n / m))


def _expected_min(rising: FloatArray, block: npt.NDArray[np.int64]) -> FloatArray:
    """The expected minimum of each m of a block of rising ones."""
    n = len(rising)
    k = np.arange(_terms(n, int(block[0])))
    exceeds = np.cumprod(np.maximum(n - block[:, None] - k, 0) / (n - k), axis=1)
    expected: FloatArray = rising[0] + exceeds @ np.diff(rising)[: len(k)]
    return expected


def sample_size_study(
    errors: Errors, *, sizes: Sequence[int] | None = None, repeats: int = 100, alpha: float = 0.05, seed: int = 0
) -> SampleSizeStudy:
    """Mean KS distance between a random subset of size m and the whole, repeated ([NDSVR] section 4 uses about 100).

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent.
    sizes : sequence of int, optional
        The m, each 1 to n; by default the powers of two up to n.
    repeats : int
        Random orders of the samples; the first m of each are a subset.
    alpha : float
        Level of the DKW band shown beside.
    seed : int
    """
    rising = np.sort(check_errors(errors))
    n = len(rising)
    check_share(alpha, name="alpha")
    whole_number(repeats, parameter="repeats", error=InvalidPopulation)
    m = _checked_sizes([2**k for k in range(n.bit_length())] if sizes is None else sizes, n)
    rng = np.random.default_rng(seed)
    orders = np.stack([rng.permutation(n) for _ in range(repeats)])
    distances = np.stack([_subset_distances(rising, np.sort(orders[:, :size], axis=1)) for size in m])
    low, high = np.quantile(distances, (0.025, 0.975), axis=1)
    half_width = np.minimum(np.sqrt(math.log(2 / alpha) / (2 * m)), 1.0)
    return SampleSizeStudy(m, distances.mean(axis=1), low, high, half_width, n, repeats, alpha)


def _subset_distances(rising: FloatArray, rows: npt.NDArray[np.int64]) -> FloatArray:
    """KS distance of each subset, sorted rows of shape (repeats, m), to the whole: the largest step up or down."""
    n, m = len(rising), rows.shape[1]
    up_to = np.searchsorted(rising, rising, side="right") / n
    below = np.searchsorted(rising, rising, side="left") / n
    taken = np.arange(m)
    # Between two tied rows these differences are smaller than at the end of the tie, so the largest is still right.
    above = ((taken + 1) / m - up_to[rows]).max(axis=1)
    distances: FloatArray = np.maximum(above, (below[rows] - taken / m).max(axis=1))
    return distances
