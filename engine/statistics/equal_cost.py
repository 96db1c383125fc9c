"""Two populations at equal complexity: compared within strata of equal cost, of which the comparisons are weighted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.checks import whole_number
from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_costs, check_share
from engine.statistics.comparisons import LOWER, Verdict
from engine.statistics.edf import common_limits, equal_bins
from engine.statistics.population import FloatArray
from engine.statistics.theta import estimate_theta, satterthwaite, wilson

BINS = 10  # of equal width between the common limits; more don't help and cost width
FEWEST_IN_A_STRATUM = 3  # of each population

Interval = tuple[float, float]


@dataclass(frozen=True)
class EqualCostComparison:
    """Two populations at equal complexity; all but the limits is None where they overlap too little in it.

    Attributes
    ----------
    verdict : Verdict
        A or B lower where the interval of theta excludes 1/2, else *not shown*; *nothing* where there is no stratum.
    theta : float or None
        Share of the pairs of equal cost in which A has the lower error, ties half, a failure behind every error.
    interval : tuple[float, float] or None
        Of theta, at ``level``.
    difference, difference_interval : float, tuple[float, float] or None
        Weighted mean of A minus that of B in points, of the networks that finished, at ``level``. None where fewer
        than three of each finished at equal cost.
    strata : int
    used, finished : tuple[int, int]
        Networks of A and B between the common limits, and those that finished.
    limits : tuple[float, float] or None
        Costs that both populations reach; None where one has no network whose cost is known.
    level : float
        1 - alpha / pairs.
    """

    verdict: Verdict
    theta: float | None
    interval: Interval | None
    difference: float | None
    difference_interval: Interval | None
    strata: int
    used: tuple[int, int]
    finished: tuple[int, int]
    limits: Interval | None
    level: float

    @property
    def differs(self) -> bool:
        return self.verdict in LOWER


@dataclass(frozen=True)
class _Side:
    """Outcomes and costs of one population."""

    values: FloatArray
    costs: FloatArray

    @property
    def finished(self) -> _Side:
        finite = np.isfinite(self.values)
        return _Side(self.values[finite], self.costs[finite])

    def between(self, limits: Interval) -> _Side:
        inside = (self.costs >= limits[0]) & (self.costs <= limits[1])
        return _Side(self.values[inside], self.costs[inside])


@dataclass(frozen=True)
class _Stratum:
    """Outcomes of both populations of about one cost, and how many of the bins it spans."""

    a: FloatArray
    b: FloatArray
    bins: int

    @property
    def weight(self) -> float:
        return self.bins / BINS


def compare_at_equal_cost(
    errors_a: Errors,
    costs_a: npt.ArrayLike,
    errors_b: Errors,
    costs_b: npt.ArrayLike,
    *,
    pairs: int = 1,
    alpha: float = 0.05,
) -> EqualCostComparison:
    """Compare two populations as if both had drawn their networks evenly from the costs that both reach.

    Ten bins of equal width between the common limits, both included, are merged from the left until each stratum holds
    three networks of both; what remains joins the last. Theta and the difference of means are the averages of those of
    the strata, weighted by the share of the range that each spans.

    Parameters
    ----------
    errors_a, errors_b : array_like of shape (n,), (m,) or Population
        Percent; inf for a failure, nan for what says nothing and is left out.
    costs_a, costs_b : array_like of the same shapes
        flops, params, acts or a measured cost; nan where it is not known, which leaves the network out.
    pairs : int
        How many pairs of populations are compared together (Bonferroni).
    alpha : float
    """
    whole_number(pairs, parameter="pairs", error=InvalidPopulation)
    level = 1 - check_share(alpha, name="alpha") / pairs
    a = _Side(*check_costs(errors_a, costs_a, names=("errors_a", "costs_a")))
    b = _Side(*check_costs(errors_b, costs_b, names=("errors_b", "costs_b")))
    limits = common_limits(a.costs, b.costs) if len(a.costs) and len(b.costs) else None
    used = (a, b) if limits is None else (a.between(limits), b.between(limits))
    strata = _strata(a, b)
    theta, interval = _theta(strata, level) if strata else (None, None)
    difference, difference_interval = _difference(_strata(a.finished, b.finished), level)
    return EqualCostComparison(
        verdict=_verdict(interval),
        theta=theta,
        interval=interval,
        difference=difference,
        difference_interval=difference_interval,
        strata=len(strata),
        used=(len(used[0].values), len(used[1].values)) if limits else (0, 0),
        finished=(len(used[0].finished.values), len(used[1].finished.values)) if limits else (0, 0),
        limits=limits,
        level=level,
    )


def _verdict(interval: Interval | None) -> Verdict:
    if interval is None:
        return Verdict.NOTHING
    if interval[0] > 0.5:
        return Verdict.A_LOWER
    return Verdict.B_LOWER if interval[1] < 0.5 else Verdict.NOT_SHOWN


def _strata(a: _Side, b: _Side) -> list[_Stratum]:
    """Empty where no stratum holds enough of both."""
    if not len(a.costs) or not len(b.costs):
        return []
    limits = common_limits(a.costs, b.costs)
    if limits[0] > limits[1]:
        return []
    a, b = a.between(limits), b.between(limits)
    bin_a, bin_b = equal_bins(a.costs, limits, BINS), equal_bins(b.costs, limits, BINS)
    counts = np.stack([np.bincount(of, minlength=BINS) for of in (bin_a, bin_b)])
    ends, since = [], np.zeros(2, dtype=np.int64)
    for place in range(BINS):
        since = since + counts[:, place]
        if since.min() >= FEWEST_IN_A_STRATUM:
            ends.append(place + 1)
            since = np.zeros(2, dtype=np.int64)
    if not ends:
        return []
    edges = [0, *ends[:-1], BINS]  # what remains joins the last
    strata = []
    for low, high in pairwise(edges):
        of_a, of_b = (values[(bins >= low) & (bins < high)] for values, bins in ((a.values, bin_a), (b.values, bin_b)))
        strata.append(_Stratum(of_a, of_b, high - low))
    return strata


def _theta(strata: list[_Stratum], level: float) -> tuple[float, Interval]:
    theta, parts, freedoms, pairs = 0.0, [], [], 0
    for stratum in strata:
        n, m = len(stratum.a), len(stratum.b)
        of_stratum, variances = _theta_of(stratum)
        theta += stratum.bins * of_stratum
        pairs += n * m
        parts += [stratum.weight**2 * variance for variance in variances]
        freedoms += [n - 1, m - 1]
    theta /= BINS  # last, so that halves stay exact
    share = (pairs * theta + 0.5) / (pairs + 1)
    variance = sum(parts)
    effective = share * (1 - share) / variance
    return theta, wilson(share, effective, satterthwaite(parts, freedoms), level)


def _theta_of(stratum: _Stratum) -> tuple[float, Interval]:
    """Theta within a stratum and the two parts of its variance, at least that of Newcombe's limit."""
    estimate = estimate_theta(stratum.a, stratum.b)
    least = estimate.share * (1 - estimate.share) / estimate.most_pairs
    if estimate.variance == 0:
        return estimate.theta, (least / 2, least / 2)
    scale = max(1.0, least / estimate.variance)
    return estimate.theta, (scale * estimate.of_a, scale * estimate.of_b)


def _difference(strata: list[_Stratum], level: float) -> tuple[float | None, Interval | None]:
    if not strata:
        return None, None
    difference, parts, freedoms = 0.0, [], []
    for stratum in strata:
        difference += stratum.weight * float(stratum.a.mean() - stratum.b.mean())
        for side in (stratum.a, stratum.b):
            parts.append(stratum.weight**2 * float(side.var(ddof=1)) / len(side))
            freedoms.append(len(side) - 1)
    quantile = float(stats.t.ppf((1 + level) / 2, satterthwaite(parts, freedoms)))
    half_width = quantile * math.sqrt(sum(parts))
    return difference, (difference - half_width, difference + half_width)
