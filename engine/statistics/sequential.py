"""Statistics that may be looked at while a batch still runs: valid at every moment at once."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from engine.checks import whole_number
from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import Estimate
from engine.statistics.checks import Errors, check_margin, check_outcomes, check_share
from engine.statistics.comparisons import LOWER, MARGIN, Verdict
from engine.statistics.edf import anytime_edf_band
from engine.statistics.intervals import median_with_failures
from engine.statistics.population import FloatArray
from engine.statistics.theta import estimate_theta

PRIOR = 0.5  # a of the beta law over the alternatives
RANK_BETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
GUARD = 3.0  # standard errors of theta from 1/2
LARGEST_LOG = 700.0  # exp(700) is near the end of float64


@dataclass(frozen=True, eq=False)
class SequentialPath:
    """The evidence after each pair that counted.

    Attributes
    ----------
    pairs : int ndarray of shape (k,)
        Number of the pair in draw order, from 1; the pairs left out are missing.
    outcomes : int ndarray of shape (k,)
        1 where A has the lower error, -1 where B has, 0 for a tie.
    log_e_values : ndarray of shape (k,)
        Natural logarithm of the evidence against theta = 1/2, whichever is lower.
    log_e_for : ndarray of shape (2, k)
        The same for A lower, and for B lower.
    low, high : ndarray of shape (k,)
        Confidence sequence of theta.
    """

    pairs: npt.NDArray[np.int64]
    outcomes: npt.NDArray[np.int64]
    log_e_values: FloatArray
    log_e_for: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def e_values(self) -> FloatArray:
        """The evidence, at most exp(700), shape (k,)."""
        return _exp(self.log_e_values)


@dataclass(frozen=True, eq=False)
class SequentialComparison:
    """Two spaces compared pair by pair, in draw order.

    Attributes
    ----------
    verdict : Verdict
        *A lower*, *B lower*, *alike*, *open* or *budget used*.
    decided_at : int or None
        The number of the pair, from 1, at which the verdict was reached; None while there is none.
    p_value : float
        Always valid: the smallest 1 / e-value so far, at most 1.
    e_value : float
        After the last pair, at most exp(700).
    theta : float
        Share of the pairs that A wins, ties half; 0.5 before the first.
    interval : tuple[float, float]
        Confidence sequence of theta at level 1 - alpha after the last pair; it ends at 1/2 where one is lower.
    won, lost, tied, left_out : int
        Pairs where A is lower, where B is, where neither is, and those of which one says nothing.
    n : int
        Pairs looked at, all four together.
    alpha, margin : float
    path : SequentialPath
    """

    verdict: Verdict
    decided_at: int | None
    p_value: float
    e_value: float
    theta: float
    interval: tuple[float, float]
    won: int
    lost: int
    tied: int
    left_out: int
    n: int
    alpha: float
    margin: float
    path: SequentialPath

    @property
    def differs_without_side(self) -> bool:
        """Whether there is evidence enough that the two differ, but the guard of the side is not met."""
        return self.verdict in (Verdict.OPEN, Verdict.BUDGET_USED) and self.p_value <= self.alpha


def compare_sequentially(
    errors_a: npt.ArrayLike,
    errors_b: npt.ArrayLike,
    *,
    alpha: float = 0.05,
    margin: float = MARGIN,
    budget: int | None = None,
) -> SequentialComparison:
    """Compare two spaces pair by pair; valid however often one looks.

    The evidence is the mean of two bets on each pair, given those before it: on who wins it, and on the difference of
    the ranks of both among all errors so far. Where both spaces have one law both are e-processes whatever that law is
    (Ville 1939; Ramdas et al. 2023). Where the laws differ with theta = 1/2, a verdict needs theta's estimate to lie
    three standard errors from 1/2 as well. The confidence sequence of theta, the running intersection of all theta
    with B(1/2 + W, 1/2 + L) / (B(1/2, 1/2) theta^W (1 - theta)^L) < 1 / alpha, W and L the pairs won and lost with
    half of the ties each, is exact for every two laws.

    Parameters
    ----------
    errors_a, errors_b : array_like of shape (n,)
        Percent, in draw order, the i-th of A against the i-th of B; the longer one's rest waits for its partners.
        ``inf`` is a network that failed by its own doing, worse than any error; ``nan`` (or None) one that says
        nothing: its pair is left out.
    alpha : float
        A or B is called lower where the e-value reaches 1 / alpha. For several spaces see `alpha_of_each_pair`.
    margin : float
        The spaces are called alike where the confidence sequence lies within 1/2 - margin to 1/2 + margin.
    budget : int, optional
        Pairs at most; without a verdict by then it is *budget used* instead of *open*. Further pairs are ignored.
    """
    check_share(alpha, name="alpha")
    check_margin(margin)
    if budget is not None:
        whole_number(budget, parameter="budget", error=InvalidPopulation)
    a, b = check_outcomes(errors_a, name="errors_a"), check_outcomes(errors_b, name="errors_b")
    n = min(len(a), len(b), len(a) if budget is None else budget)
    counted = ~(np.isnan(a[:n]) | np.isnan(b[:n]))
    a, b = a[:n][counted], b[:n][counted]
    path = _path(a, b, np.flatnonzero(counted) + 1, alpha=alpha)
    verdict, place = _verdict(path, a, b, alpha=alpha, margin=margin)
    if verdict in LOWER:
        _end_at_half(path, place, verdict)
    if verdict is Verdict.OPEN and n == budget:
        verdict = Verdict.BUDGET_USED
    won, lost = int(np.sum(path.outcomes == 1)), int(np.sum(path.outcomes == -1))
    k = len(a)
    return SequentialComparison(
        verdict=verdict,
        decided_at=None if place is None else int(path.pairs[place]),
        p_value=1 / float(np.max(path.e_values, initial=1.0)),
        e_value=float(path.e_values[-1]) if k else 1.0,
        theta=(won + (k - won - lost) / 2) / k if k else 0.5,
        interval=(float(path.low[-1]), float(path.high[-1])) if k else (0.0, 1.0),
        won=won,
        lost=lost,
        tied=k - won - lost,
        left_out=n - k,
        n=n,
        alpha=alpha,
        margin=margin,
        path=path,
    )


def alpha_of_each_pair(alpha: float, *, spaces: int) -> float:
    """The alpha of each of the k (k - 1) / 2 comparisons of k spaces, so that all verdicts together hold at alpha."""
    check_share(alpha, name="alpha")
    return alpha / math.comb(whole_number(spaces, parameter="spaces", error=InvalidPopulation, low=2), 2)


def anytime_median(errors: Errors, *, alpha: float = 0.05) -> Estimate:
    """The median error (percent) of a running batch; its interval is read off `anytime_edf_band`, so it is exact."""
    band = anytime_edf_band(errors, alpha=alpha)
    median = median_with_failures(band.errors, band.failed)
    return Estimate(median, band.quantile_interval(0.5), 1 - alpha, band.n)


def _path(a: FloatArray, b: FloatArray, pairs: npt.NDArray[np.int64], *, alpha: float) -> SequentialPath:
    outcomes = (a < b).astype(np.int64) - (a > b)
    won, lost = np.cumsum(outcomes == 1), np.cumsum(outcomes == -1)
    bets = zip(_sign_bets(won, lost), _rank_bets(a, b), strict=True)
    for_a, for_b = (np.logaddexp(sign, rank) - math.log(2) for sign, rank in bets)
    tied = np.arange(1, len(a) + 1) - won - lost
    low, high = _confidence_sequence(won + tied / 2, lost + tied / 2, alpha=alpha)
    return SequentialPath(
        pairs, outcomes, np.logaddexp(for_a, for_b) - math.log(2), np.stack([for_a, for_b]), low, high
    )


def _sign_bets(won: npt.NDArray[np.int64], lost: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Logarithms of the evidence of wins and losses alone: for A lower and for B lower, shape (k,) each."""
    of_a, of_b = PRIOR + won, PRIOR + lost
    both = special.betaln(of_a, of_b) - special.betaln(PRIOR, PRIOR) + (won + lost) * math.log(2)
    with np.errstate(divide="ignore"):  # a share too small for a float is no evidence
        for_a, for_b = (np.log(2 * special.betainc(*ends, 0.5)) for ends in ((of_b, of_a), (of_a, of_b)))
    return np.asarray(both + for_a, dtype=np.float64), np.asarray(both + for_b, dtype=np.float64)


def _rank_bets(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logarithms of the evidence of the ranks: for A lower and for B lower, shape (k,) each."""
    steps = _rank_differences(a, b)[:, None] * np.array(RANK_BETS)
    logs = (np.cumsum(np.log1p(signed), axis=0) for signed in (steps, -steps))
    for_a, for_b = (np.asarray(np.logaddexp.reduce(log, axis=1) - math.log(len(RANK_BETS))) for log in logs)
    return for_a, for_b


def _rank_differences(a: FloatArray, b: FloatArray) -> FloatArray:
    """h of each pair: (rank of b - rank of a) / (2 k - 1) among the 2 k errors of the k pairs so far."""
    so_far: list[float] = []
    differences = np.empty(len(a))
    for place, (of_a, of_b) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        insort(so_far, of_a)
        insort(so_far, of_b)
        ranks = [bisect_left(so_far, value) + bisect_right(so_far, value) for value in (of_a, of_b)]
        differences[place] = (ranks[1] - ranks[0]) / (2 * (2 * place + 1))
    return differences


def _verdict(
    path: SequentialPath, a: FloatArray, b: FloatArray, *, alpha: float, margin: float
) -> tuple[Verdict, int | None]:
    """The first verdict that the path reaches and its place; it stands, whatever later pairs say."""
    differ = path.log_e_values >= -math.log(alpha)
    alike = (path.low >= 0.5 - margin) & (path.high <= 0.5 + margin)
    for place in np.flatnonzero(differ | alike).tolist():
        if differ[place]:
            for_a, for_b = path.log_e_for[:, place]
            side = 1 if for_a > for_b else -1
            if side * _standard_errors(a[: place + 1], b[: place + 1]) >= GUARD:
                return (Verdict.A_LOWER if side > 0 else Verdict.B_LOWER), place
        if alike[place]:
            return Verdict.ALIKE, place
    return Verdict.OPEN, None


def _standard_errors(a: FloatArray, b: FloatArray) -> float:
    """How far theta of all of A against all of B lies above 1/2, in standard errors."""
    k = len(a)
    estimate = estimate_theta(a, b)
    variance = estimate.variance if k > 1 else 0.0
    return (estimate.theta - 0.5) / math.sqrt(max(variance, k**-3.0))


def _end_at_half(path: SequentialPath, place: int | None, verdict: Verdict) -> None:
    """Cut the confidence sequence at 1/2 from the verdict on."""
    ends, cut = (path.low, np.maximum) if verdict is Verdict.A_LOWER else (path.high, np.minimum)
    ends[place:] = cut(ends[place:], 0.5)
    other = path.high if verdict is Verdict.A_LOWER else path.low
    other[place:] = cut(other[place:], 0.5)


def _exp(logs: FloatArray) -> FloatArray:
    values: FloatArray = np.exp(np.minimum(logs, LARGEST_LOG))
    return values


def _confidence_sequence(won: FloatArray, lost: FloatArray, *, alpha: float) -> tuple[FloatArray, FloatArray]:
    bound = math.log(1 / alpha)
    log_beta = special.betaln(PRIOR + won, PRIOR + lost) - special.betaln(PRIOR, PRIOR)

    def excluded(theta: FloatArray) -> npt.NDArray[np.bool_]:
        return np.asarray(log_beta - special.xlogy(won, theta) - special.xlog1py(lost, -theta) >= bound)

    # The excluded theta lie on both sides of W / (W + L), where the evidence is least: bisect each side.
    likeliest = np.divide(won, won + lost, out=np.full(len(won), 0.5), where=won + lost > 0)
    low, high = _bisect(np.zeros(len(won)), likeliest, excluded), _bisect(np.ones(len(won)), likeliest, excluded)
    low, high = np.maximum.accumulate(low), np.minimum.accumulate(high)
    # The intersection can become empty (with probability at most alpha): the last interval then stands.
    empty = low > high
    if empty.any():
        first = int(np.argmax(empty))
        low[first:], high[first:] = low[first - 1], high[first - 1]
    return low, high


def _bisect(
    outside: FloatArray, inside: FloatArray, excluded: Callable[[FloatArray], npt.NDArray[np.bool_]]
) -> FloatArray:
    """The end of the interval between ``outside``, excluded unless the interval reaches it, and ``inside``."""
    reaches = ~excluded(outside)
    start = outside
    for _ in range(60):
        middle = (outside + inside) / 2
        out = excluded(middle)
        outside, inside = np.where(out, middle, outside), np.where(out, inside, middle)
    return np.where(reaches, start, outside)
