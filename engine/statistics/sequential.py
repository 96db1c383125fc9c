"""Statistics that may be looked at while a batch still runs: valid at every moment at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import special

from engine.checks import whole_number
from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import Estimate
from engine.statistics.checks import Errors, check_errors, check_share
from engine.statistics.edf import anytime_edf_band
from engine.statistics.population import FloatArray

MEAN_SHOWN_FROM = 50  # samples; the mean's sequence is asymptotic
PRIOR = 0.5  # a of the beta law over the alternatives
LARGEST_LOG = 700.0  # exp(700) is near the end of float64


class Verdict(StrEnum):
    """What a sequential comparison has found so far."""

    A_LOWER = "a_lower"
    B_LOWER = "b_lower"
    ALIKE = "alike"
    OPEN = "open"
    BUDGET_USED = "budget_used"


@dataclass(frozen=True, eq=False)
class SequentialPath:
    """The evidence after each pair that counted.

    Attributes
    ----------
    pairs : int ndarray of shape (k,)
        Number of the pair in draw order, from 1; the pairs left out are missing.
    outcomes : int ndarray of shape (k,)
        1 where A has the lower error, -1 where B has, 0 for a tie.
    e_values : ndarray of shape (k,)
        Evidence against "A is lower as often as B", at most exp(700).
    low, high : ndarray of shape (k,)
        Confidence sequence of the probability that A is lower.
    """

    pairs: npt.NDArray[np.int64]
    outcomes: npt.NDArray[np.int64]
    e_values: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class SequentialComparison:
    """Two spaces compared pair by pair, in draw order.

    Attributes
    ----------
    verdict : Verdict
    decided_at : int or None
        The number of the pair, from 1, at which the verdict was reached; None while there is none.
    p_value : float
        Always valid: the smallest 1 / e-value so far, at most 1.
    e_value : float
        After the last pair.
    probability : float
        Estimate of P(A lower | not tied), (W + 1/2) / (W + L + 1); 0.5 before the first pair.
    interval : tuple[float, float]
        Its confidence sequence at level 1 - alpha after the last pair.
    won, lost, tied, left_out : int
        Pairs where A is lower, where B is, where neither is, and those with a failure other than divergence.
    n : int
        Pairs looked at, all four together.
    alpha, margin : float
    path : SequentialPath
    """

    verdict: Verdict
    decided_at: int | None
    p_value: float
    e_value: float
    probability: float
    interval: tuple[float, float]
    won: int
    lost: int
    tied: int
    left_out: int
    n: int
    alpha: float
    margin: float
    path: SequentialPath


def compare_sequentially(
    errors_a: npt.ArrayLike,
    errors_b: npt.ArrayLike,
    *,
    alpha: float = 0.05,
    margin: float = 0.1,
    budget: int | None = None,
) -> SequentialComparison:
    """Compare two spaces pair by pair; exact, and valid however often one looks.

    With W pairs won by A and L by B (ties say nothing), the e-value against theta = P(A lower | not tied) = 1/2 is
    B(1/2 + W, 1/2 + L) / (B(1/2, 1/2) 2^-(W + L)); the confidence sequence is the running intersection of all theta
    with B(1/2 + W, 1/2 + L) / (B(1/2, 1/2) theta^W (1 - theta)^L) < 1 / alpha (Ville's inequality).

    Parameters
    ----------
    errors_a, errors_b : array_like of shape (n,)
        Percent, in draw order, the i-th of A against the i-th of B; the longer one's rest waits for its partners.
        ``inf`` is a diverged run, worse than any error; ``nan`` (or None) another failure: its pair is left out.
    alpha : float
        A or B is called lower where the e-value reaches 1 / alpha. For several spaces see `alpha_of_each_pair`.
    margin : float
        The spaces are called alike where the confidence sequence lies within 1/2 - margin to 1/2 + margin.
    budget : int, optional
        Pairs at most; without a verdict by then it is *budget used* instead of *open*. Further pairs are ignored.
    """
    check_share(alpha, name="alpha")
    if not 0 < margin < 0.5:
        raise InvalidPopulation(f"margin must lie between 0 and 0.5, got {margin}.", parameter="margin", value=margin)
    if budget is not None:
        whole_number(budget, parameter="budget", error=InvalidPopulation)
    a, b = _in_draw_order(errors_a, name="errors_a"), _in_draw_order(errors_b, name="errors_b")
    n = min(len(a), len(b), len(a) if budget is None else budget)
    path = _path(a[:n], b[:n], alpha=alpha)
    verdict, decided_at = _verdict(path, alpha=alpha, margin=margin)
    if verdict is Verdict.OPEN and n == budget:
        verdict = Verdict.BUDGET_USED
    counted = len(path.outcomes)
    won, lost = int(np.sum(path.outcomes == 1)), int(np.sum(path.outcomes == -1))
    return SequentialComparison(
        verdict=verdict,
        decided_at=decided_at,
        p_value=1 / float(np.max(path.e_values, initial=1.0)),
        e_value=float(path.e_values[-1]) if counted else 1.0,
        probability=(won + PRIOR) / (won + lost + 2 * PRIOR),
        interval=(float(path.low[-1]), float(path.high[-1])) if counted else (0.0, 1.0),
        won=won,
        lost=lost,
        tied=counted - won - lost,
        left_out=n - counted,
        n=n,
        alpha=alpha,
        margin=margin,
        path=path,
    )


def alpha_of_each_pair(alpha: float, *, spaces: int) -> float:
    """The alpha of each of the k (k - 1) / 2 comparisons of k spaces, so that all verdicts together hold at alpha."""
    check_share(alpha, name="alpha")
    return alpha / math.comb(whole_number(spaces, parameter="spaces", error=InvalidPopulation, low=2), 2)


def anytime_mean(errors: Errors, *, alpha: float = 0.05) -> Estimate:
    """The mean error (percent) of a running batch with its asymptotic confidence sequence (Waudby-Smith et al. 2021).

    Half-width s sqrt(2 (n r + 1) / (n^2 r) ln(sqrt(n r + 1) / alpha)) with r tuned to be narrow at n = 100. Below 50
    samples the interval says nothing (0 to 100). It is asymptotic; of skewed errors prefer `anytime_median`.
    """
    values = check_errors(errors)
    check_share(alpha, name="alpha")
    n, mean = len(values), float(values.mean())
    if n < MEAN_SHOWN_FROM:
        return Estimate(mean, (0.0, 100.0), 1 - alpha, n)
    rho = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / 100
    scale = n * rho + 1
    half_width = float(values.std()) * math.sqrt(2 * scale / (n * n * rho) * math.log(math.sqrt(scale) / alpha))
    return Estimate(mean, (max(0.0, mean - half_width), min(100.0, mean + half_width)), 1 - alpha, n)


def anytime_median(errors: Errors, *, alpha: float = 0.05) -> Estimate:
    """The median error (percent) of a running batch; its interval is read off `anytime_edf_band`, so it is exact."""
    values = check_errors(errors)
    interval = anytime_edf_band(values, alpha=alpha).quantile_interval(0.5)
    return Estimate(float(np.median(values)), interval, 1 - alpha, len(values))


def _in_draw_order(errors: npt.ArrayLike, *, name: str) -> FloatArray:
    values = np.asarray(errors, dtype=np.float64)
    if values.ndim != 1:
        raise InvalidPopulation(f"{name} must have one dimension, got {values.ndim}.", parameter=name)
    bad = (values < 0) | ((values > 100) & (values != math.inf))
    if bad.any():
        row = int(np.argmax(bad))
        value = float(values[row])
        raise InvalidPopulation(
            f"{name}, row {row}: must be a percentage from 0 to 100, inf (diverged) or nan (failed), got {value}.",
            parameter=name,
            value=value,
        )
    return values


def _path(a: FloatArray, b: FloatArray, *, alpha: float) -> SequentialPath:
    counted = ~(np.isnan(a) | np.isnan(b))
    outcomes = (a[counted] < b[counted]).astype(np.int64) - (a[counted] > b[counted])
    won, lost = np.cumsum(outcomes == 1), np.cumsum(outcomes == -1)
    log_beta = special.betaln(PRIOR + won, PRIOR + lost) - special.betaln(PRIOR, PRIOR)
    e_values = np.exp(np.minimum(log_beta + (won + lost) * math.log(2), LARGEST_LOG))
    low, high = _confidence_sequence(won, lost, log_beta, alpha=alpha)
    return SequentialPath(np.flatnonzero(counted) + 1, outcomes, e_values, low, high)


def _verdict(path: SequentialPath, *, alpha: float, margin: float) -> tuple[Verdict, int | None]:
    """The first verdict that the path reaches; it stands, whatever later pairs say."""
    differ = path.e_values >= 1 / alpha
    alike = (path.low >= 0.5 - margin) & (path.high <= 0.5 + margin)
    decided = differ | alike
    if not decided.any():
        return Verdict.OPEN, None
    first = int(np.argmax(decided))
    verdict = Verdict.ALIKE
    if differ[first]:
        verdict = Verdict.A_LOWER if path.outcomes[: first + 1].sum() > 0 else Verdict.B_LOWER
    return verdict, int(path.pairs[first])


def _confidence_sequence(
    won: npt.NDArray[np.int64], lost: npt.NDArray[np.int64], log_beta: FloatArray, *, alpha: float
) -> tuple[FloatArray, FloatArray]:
    bound = math.log(1 / alpha)

    def excluded(theta: FloatArray) -> npt.NDArray[np.bool_]:
        return log_beta - special.xlogy(won, theta) - special.xlog1py(lost, -theta) >= bound

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
