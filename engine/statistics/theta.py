"""Theta, the chance that a network of one space beats one of another: its estimate, test and interval.

    theta = P(e_A < e_B) + P(e_A = e_B) / 2

An error is a percentage, or inf for a network that failed by its own doing: it ranks behind every error, and two
failures tie. Every verdict of two spaces is about theta and 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.statistics.population import FloatArray

ALL_SPLITS_UP_TO = 20_000
RANDOM_SPLITS = 9_999
NO_SPLITS_FROM = 50  # networks of the smaller population: Student's t is right from there on
HALVINGS = 40
DIFFERENCES_AT_ONCE = 4_000_000

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Theta:
    """The estimate of theta from ``n`` networks of A and ``m`` of B, with its variance and degrees of freedom.

    The variance, that of A's networks and that of B's, is that of Brunner & Munzel 2000; it and ``degrees`` are nan
    where one population has one network.
    """

    theta: float
    of_a: float
    of_b: float
    degrees: float
    n: int
    m: int

    @property
    def variance(self) -> float:
        return self.of_a + self.of_b

    @property
    def share(self) -> float:
        """Theta drawn towards 1/2 by half a pair, the centre of Wilson's interval."""
        return (self.n * self.m * self.theta + 0.5) / (self.n * self.m + 1)

    @property
    def most_pairs(self) -> float:
        """The largest number of independent pairs that it can be worth, Newcombe's limit."""
        return 4 * self.n * self.m / (self.n + self.m + 2)

    @property
    def studentised(self) -> float:
        """|theta - 1/2| in standard errors: 0 where theta is 1/2, inf where all of A lie on one side of all of B."""
        if self.theta == 0.5:
            return 0.0
        return abs(self.theta - 0.5) / math.sqrt(self.variance) if self.variance > 0 else math.inf

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Wilson's interval with the effective number of pairs and Student's t, within 0 to 1.

        The number of pairs is at most 4 n m / (n + m + 2), which is also taken where no variance shows; 0 to 1 where
        one population has fewer than two networks.
        """
        if min(self.n, self.m) < 2:
            return 0.0, 1.0
        share, pairs = self.share, self.most_pairs
        if self.variance > 0:
            pairs = min(pairs, share * (1 - share) / self.variance)
        return wilson(share, pairs, self.degrees, level)


def wilson(share: float, effective: float, degrees: float, level: float) -> tuple[float, float]:
    """Wilson's interval of a share known from an ``effective`` number of trials, with Student's t in place of z."""
    quantile = float(stats.t.ppf((1 + level) / 2, degrees)) ** 2 / effective
    centre = share + quantile / 2
    half_width = math.sqrt(share * (1 - share) * quantile + quantile**2 / 4)
    return max(0.0, (centre - half_width) / (1 + quantile)), min(1.0, (centre + half_width) / (1 + quantile))


def estimate_theta(a: FloatArray, b: FloatArray) -> Theta:
    """The share of all pairs in which A has the lower error, ties counted half, with its variance.

    Parameters
    ----------
    a, b : ndarray of shape (n,), (m,)
        Percent or inf, no nan, at least one each, in any order.
    """
    return _theta_of_sorted(np.sort(a), np.sort(b))


def _theta_of_sorted(a: FloatArray, b: FloatArray) -> Theta:
    n, m = len(a), len(b)
    # Counts, whose halves are exact in floats: equal ones have no variance at all.
    below_a, below_b = _below(a, b), _below(b, a)
    theta = float(below_b.mean()) / n
    if min(n, m) < 2:
        return Theta(theta, math.nan, math.nan, math.nan, n, m)
    of_a, of_b = float(below_a.var(ddof=1)) / (n * m**2), float(below_b.var(ddof=1)) / (m * n**2)
    return Theta(theta, of_a, of_b, satterthwaite([of_a, of_b], [n - 1, m - 1]), n, m)


def satterthwaite(parts: Sequence[float], freedoms: Sequence[int]) -> float:
    """The degrees of freedom of a sum of independent variances; of all where no variance shows."""
    squares = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
    return sum(parts) ** 2 / squares if squares > 0 else float(sum(freedoms))


def _below(values: FloatArray, rising: FloatArray) -> FloatArray:
    """How many of the rising ones lie below each value, ties counted half."""
    low, high = (np.searchsorted(rising, values, side=side) for side in ("left", "right"))
    return (low + high) / 2


def p_value_of_theta(a: FloatArray, b: FloatArray, *, seed: int = 0) -> float:
    """Two-sided p of theta = 1/2: the studentised permutation test of Neubert & Brunner 2007.

    It is exact where both laws are the same, and right in the limit wherever theta is 1/2. Of all splits of the pooled
    errors where there are at most 20,000, else of 9,999 random ones; from 50 networks of each on Student's t takes
    their place. 1 where a population has fewer than two.
    """
    estimate = estimate_theta(a, b)
    n, m = estimate.n, estimate.m
    smaller = min(n, m)
    if smaller < 2:
        return 1.0
    if smaller >= NO_SPLITS_FROM:
        return float(2 * stats.t.sf(estimate.studentised, estimate.degrees))
    reached = estimate.studentised * (1 - 1e-9)
    if math.comb(n + m, n) <= ALL_SPLITS_UP_TO:
        return float(np.mean(_studentised(np.concatenate([a, b]), _all_subsets(n + m, smaller)) >= reached))
    places = _random_subsets(n + m, smaller, np.random.default_rng(seed))
    count = int(np.sum(_studentised(np.concatenate([a, b]), places) >= reached))
    return (count + 1) / (RANDOM_SPLITS + 1)


@lru_cache(maxsize=16)
def _all_subsets(size: int, k: int) -> IntArray:
    """Every set of k of the numbers below ``size``, each row rising."""
    return np.fromiter(chain.from_iterable(combinations(range(size), k)), dtype=np.intp).reshape(-1, k)


def _random_subsets(size: int, k: int, rng: np.random.Generator) -> IntArray:
    """9,999 random sets of k of the numbers below ``size``, each row rising (Floyd's algorithm, all rows at once)."""
    chosen = np.full((RANDOM_SPLITS, k), -1, dtype=np.intp)
    for place, largest in enumerate(range(size - k, size)):
        drawn = rng.integers(0, largest + 1, size=RANDOM_SPLITS)
        taken = (chosen[:, :place] == drawn[:, None]).any(axis=1)
        chosen[:, place] = np.where(taken, largest, drawn)
    return np.sort(chosen, axis=1)


def _studentised(pooled: FloatArray, places: IntArray) -> FloatArray:
    """`Theta.studentised` of many splits, shape (splits,).

    ``places``, shape (splits, k), are the rising places of the smaller part among the sorted errors. The other part
    never has to be looked at: between two places all errors are its own, so a split costs k and not n + m.
    """
    rising = np.sort(pooled)
    size, k = len(rising), places.shape[1]
    rest = size - k
    start, end = (np.searchsorted(rising, rising, side=side)[places] for side in ("left", "right"))
    # How many of the part lie below each of its errors, and how many at or below it.
    index = np.arange(k)
    opens, closes = np.ones(places.shape, dtype=bool), np.ones(places.shape, dtype=bool)
    opens[:, 1:] = closes[:, :-1] = start[:, 1:] != start[:, :-1]
    below = np.maximum.accumulate(np.where(opens, index, 0), axis=1)
    up_to = np.minimum.accumulate(np.where(closes, index + 1, k)[:, ::-1], axis=1)[:, ::-1]
    of_part = 1 - (start + end - below - up_to) / (2 * rest)
    theta = of_part.mean(axis=1)
    # The sum of squares over the rest: those tied with a place, and those between it and the next.
    following = np.concatenate([start[:, 1:], np.full((len(places), 1), size)], axis=1)
    tied = (end - start) - (up_to - below)
    squares = np.where(closes, ((below + up_to) / 2) ** 2 * tied + up_to**2 * (following - end), 0).sum(axis=1) / k**2
    spread = squares - rest * theta**2
    spread[spread < 1e-11 * squares] = 0  # what rounding leaves of no variance
    of_rest = spread / ((rest - 1) * rest)
    variance = of_part.var(axis=1, ddof=1) / k + of_rest
    distance = np.abs(theta - 0.5)
    distance[distance < 1e-12] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised: FloatArray = np.where(distance == 0, 0.0, distance / np.sqrt(variance))
    return studentised


def median_of_differences(a: FloatArray, b: FloatArray) -> float:
    """The median of e_A - e_B over all pairs (Hodges & Lehmann 1963), in points; two failures differ by 0.

    It is inf or -inf where failures make up that much of the pairs.
    """
    a, b = np.sort(a), np.sort(b)
    if len(a) * len(b) <= DIFFERENCES_AT_ONCE:
        with np.errstate(invalid="ignore"):  # inf - inf
            differences = a[:, None] - b
        differences[np.isnan(differences)] = 0
        return float(np.median(differences))
    pairs = len(a) * len(b)
    ranks = {(pairs - 1) // 2, pairs // 2}
    return float(np.mean([_difference_of_rank(a, b, rank) for rank in ranks]))


def _difference_of_rank(a: FloatArray, b: FloatArray, rank: int) -> float:
    """The difference with ``rank`` others at or below it, by bisection, to nine decimals."""
    failed = int(np.isinf(a).sum()), int(np.isinf(b).sum())
    finite_a, finite_b = a[: len(a) - failed[0]], b[: len(b) - failed[1]]
    lowest, both = len(finite_a) * failed[1], failed[0] * failed[1]  # so many are -inf, so many are 0

    def up_to(difference: float) -> int:
        within = np.searchsorted(finite_a, finite_b + difference, side="right").sum()
        return lowest + int(within) + (both if difference >= 0 else 0)

    if rank < lowest:
        return -math.inf
    if rank >= up_to(101.0):
        return math.inf
    low, high = -101.0, 101.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if up_to(middle) > rank else (middle, high)
    return round(high, 9)


def interval_of_difference(a: FloatArray, b: FloatArray, *, level: float = 0.95) -> tuple[float, float]:
    """All shifts d (points) for which 1/2 lies in the interval of theta of A against B + d; -inf and inf are open."""
    a, b = np.sort(a), np.sort(b)
    finite_a, finite_b = a[np.isfinite(a)], b[np.isfinite(b)]
    if min(len(a), len(b)) < 2 or not len(finite_a) or not len(finite_b):
        return -math.inf, math.inf
    smallest, largest = finite_a[0] - finite_b[-1] - 1, finite_a[-1] - finite_b[0] + 1

    def ends(shift: float) -> tuple[float, float]:
        return _theta_of_sorted(a, b + shift).interval(level)

    low = -_bisect(lambda shift: ends(-shift)[1] < 0.5, inside=-largest, outside=-smallest)
    high = _bisect(lambda shift: ends(shift)[0] > 0.5, inside=smallest, outside=largest)
    return low, high


def _bisect(excluded: Callable[[float], bool], *, inside: float, outside: float) -> float:
    """Where ``excluded`` begins to be true between the two, inf where it never is."""
    if not excluded(outside):
        return math.inf
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if excluded(middle) else (middle, outside)
    return float(inside)
