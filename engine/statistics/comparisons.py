"""Two populations compared: who has lower errors, by how much, and how sure that is; the Kolmogorov-Smirnov test."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.checks import whole_number
from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_margin, check_outcomes, check_share
from engine.statistics.intervals import ks_interval
from engine.statistics.population import FloatArray
from engine.statistics.theta import (
    NO_SPLITS_FROM,
    Theta,
    estimate_theta,
    interval_of_difference,
    median_of_differences,
    p_value_of_theta,
)

EXACT_UP_TO = 2_000  # samples of the larger population
MARGIN = 0.1


class Verdict(StrEnum):
    """What a comparison says of two spaces.

    ``nothing``: one has no network that says something. ``all_tied``: all errors are the same. ``too_few``: no
    outcome of so few networks could show a difference. ``open`` and ``budget_used`` are those of a comparison in draw
    order that has not decided yet, or will not.
    """

    NOTHING = "nothing"
    ALL_TIED = "all_tied"
    TOO_FEW = "too_few"
    A_LOWER = "a_lower"
    B_LOWER = "b_lower"
    ALIKE = "alike"
    NOT_SHOWN = "not_shown"
    OPEN = "open"
    BUDGET_USED = "budget_used"


LOWER = (Verdict.A_LOWER, Verdict.B_LOWER)
MIRRORED = {Verdict.A_LOWER: Verdict.B_LOWER, Verdict.B_LOWER: Verdict.A_LOWER}


@dataclass(frozen=True)
class Comparison:
    """Two error distributions compared by theta = P(e_A < e_B) + P(e_A = e_B) / 2.

    Attributes
    ----------
    verdict : Verdict
        That of the test at ``alpha``, by ``p_adjusted``.
    theta : float
        Share of all pairs in which A has the lower error, ties half; nan where the verdict is *nothing*.
    interval : tuple[float, float]
        Of theta at ``level``. It never contradicts the verdict: it ends at 1/2 where that says *lower*, and reaches it
        where that says anything else.
    p_value, p_adjusted : float
        Two-sided, of the studentised permutation test, and the same adjusted for all pairs that are compared.
    difference : float or None
        Median of e_A - e_B over all pairs in points, negative where A is lower; None where ``mostly_failures``, or
        nothing is compared.
    difference_interval : tuple[float, float] or None
        Its interval at ``level``; -inf and inf are open ends.
    n, failed, left_out : tuple[int, int]
        Networks of A and of B that say something; how many of these failed; and how many say nothing.
    level : float
        1 - alpha / pairs.
    alpha, margin : float
    pairs : int
        That are compared together.
    """

    verdict: Verdict
    theta: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    difference: float | None
    difference_interval: tuple[float, float] | None
    n: tuple[int, int]
    failed: tuple[int, int]
    left_out: tuple[int, int]
    level: float
    alpha: float
    margin: float
    pairs: int

    @property
    def mostly_failures(self) -> bool:
        """Whether more than half of the networks of one failed."""
        return any(2 * failed > n for failed, n in zip(self.failed, self.n, strict=True))

    @property
    def differs(self) -> bool:
        return self.verdict in LOWER

    def mirrored(self) -> Comparison:
        """The same comparison with B in the place of A."""
        low, high = self.interval
        ends = self.difference_interval
        return replace(
            self,
            verdict=MIRRORED.get(self.verdict, self.verdict),
            theta=1 - self.theta,
            interval=(1 - high, 1 - low),
            difference=None if self.difference is None else -self.difference,
            difference_interval=None if ends is None else (-ends[1], -ends[0]),
            n=self.n[::-1],
            failed=self.failed[::-1],
            left_out=self.left_out[::-1],
        )

    @property
    def by_little(self) -> bool:
        """Whether one is lower, though by no more than what counts as alike."""
        return self.differs and _within(self.interval, self.margin)


@dataclass(frozen=True)
class KsTest:
    """Distance D (0 to 1) of two EDFs, its 95 % interval, and the two-sided p-value of the Kolmogorov-Smirnov test."""

    distance: float
    interval: tuple[float, float]
    p_value: float
    n_a: int
    n_b: int


def compare_errors(
    errors_a: Errors, errors_b: Errors, *, pairs: int = 1, alpha: float = 0.05, margin: float = MARGIN, seed: int = 0
) -> Comparison:
    """Say which of two populations has lower errors, by the studentised permutation test of theta = 1/2.

    Parameters
    ----------
    errors_a, errors_b : array_like of shape (n,) or Population
        Percent; inf for a network that failed by its own doing, which ranks behind every error; nan (or None) for one
        that says nothing, which is left out. The networks are independent and their number was fixed beforehand; for
        what is looked at while it grows see `compare_sequentially`.
    pairs : int
        How many pairs are compared together: the p-value is multiplied by it (Bonferroni). `compare_all` compares
        several populations by Holm's less strict correction.
    alpha : float
        A or B has lower errors where the adjusted p-value is at most this.
    margin : float
        The two are alike where the interval of theta lies within 1/2 - margin to 1/2 + margin.
    seed : int
        Of the random splits; that it is fixed makes a page the same at every look.
    """
    whole_number(pairs, parameter="pairs", error=InvalidPopulation)
    a, b = check_outcomes(errors_a, name="errors_a"), check_outcomes(errors_b, name="errors_b")
    alone = p_value_of_theta(*_said(a, b), seed=seed) if all(map(len, _said(a, b))) else 1.0
    return _compared(a, b, p_value=alone, p_adjusted=min(1.0, pairs * alone), pairs=pairs, alpha=alpha, margin=margin)


def compare_all(
    errors: Sequence[Errors], *, alpha: float = 0.05, margin: float = MARGIN, seed: int = 0
) -> list[Comparison]:
    """Compare every two of several populations, in the order of `itertools.combinations`; p by Holm over all pairs.

    Raises
    ------
    InvalidPopulation
        As `compare_errors`.
    """
    outcomes = [check_outcomes(one, name=f"errors[{k}]") for k, one in enumerate(errors)]
    every_two = list(combinations(outcomes, 2))
    alone = [p_value_of_theta(*said, seed=seed) if all(map(len, said := _said(a, b))) else 1.0 for a, b in every_two]
    return [
        _compared(a, b, p_value=p, p_adjusted=float(adjusted), pairs=len(every_two), alpha=alpha, margin=margin)
        for (a, b), p, adjusted in zip(every_two, alone, holm(alone), strict=True)
    ]


def fewest_to_differ(*, pairs: int = 1, alpha: float = 0.05) -> int:
    """The fewest networks of each of two equally large populations of which a difference could be shown."""
    n = 2
    while _too_few(n, n, pairs=pairs, alpha=alpha):
        n += 1
    return n


def _too_few(n: int, m: int, *, pairs: int, alpha: float) -> bool:
    """Whether even complete separation of n and m errors would not show a difference."""
    if min(n, m) < 2:
        return True
    smaller = min(n, m, NO_SPLITS_FROM)  # two of 50 have more splits than any number of pairs
    return 2 * pairs > alpha * math.comb(smaller + min(max(n, m), 1_000), smaller)


def _said(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    return a[~np.isnan(a)], b[~np.isnan(b)]


def _compared(
    all_a: FloatArray, all_b: FloatArray, *, p_value: float, p_adjusted: float, pairs: int, alpha: float, margin: float
) -> Comparison:
    check_share(alpha, name="alpha")
    check_margin(margin)
    a, b = _said(all_a, all_b)
    nothing = Comparison(
        verdict=Verdict.NOTHING,
        theta=math.nan,
        interval=(0.0, 1.0),
        p_value=p_value,
        p_adjusted=p_adjusted,
        difference=None,
        difference_interval=None,
        n=(len(a), len(b)),
        failed=(int(np.isinf(a).sum()), int(np.isinf(b).sum())),
        left_out=(len(all_a) - len(a), len(all_b) - len(b)),
        level=1 - alpha / pairs,
        alpha=alpha,
        margin=margin,
        pairs=pairs,
    )
    if not len(a) or not len(b):
        return nothing
    estimate = estimate_theta(a, b)
    interval = estimate.interval(nothing.level)
    verdict = _verdict(a, b, estimate, interval, nothing)
    compared = replace(
        nothing, verdict=verdict, theta=estimate.theta, interval=fitted_to(verdict, estimate.theta, interval, 0.5)
    )
    if compared.mostly_failures:
        return compared
    difference = median_of_differences(a, b)
    shifts = interval_of_difference(a, b, level=compared.level)
    return replace(
        compared, difference=difference, difference_interval=fitted_to(verdict, 1 - estimate.theta, shifts, 0.0)
    )


def _verdict(
    a: FloatArray, b: FloatArray, estimate: Theta, interval: tuple[float, float], asked: Comparison
) -> Verdict:
    if min(a.min(), b.min()) == max(a.max(), b.max()):
        return Verdict.ALL_TIED
    if _too_few(len(a), len(b), pairs=asked.pairs, alpha=asked.alpha):
        return Verdict.TOO_FEW
    if asked.p_adjusted <= asked.alpha:
        return Verdict.A_LOWER if estimate.theta > 0.5 else Verdict.B_LOWER
    return Verdict.ALIKE if _within(interval, asked.margin) else Verdict.NOT_SHOWN


def _within(interval: tuple[float, float], margin: float) -> bool:
    return interval[0] >= 0.5 - margin and interval[1] <= 0.5 + margin


def fitted_to(verdict: Verdict, theta: float, interval: tuple[float, float], equal: float) -> tuple[float, float]:
    """The interval, made to fit the verdict of the test (Strassburger & Bretz 2008).

    It ends at ``equal``, the value that says that neither is lower, where the verdict is *lower*, and is drawn out to
    it otherwise. ``theta`` above 1/2 means that the interval should lie above ``equal``.
    """
    low, high = interval
    if verdict not in LOWER:
        return min(low, equal), max(high, equal)
    return (max(low, equal), max(high, equal)) if theta > 0.5 else (min(low, equal), min(high, equal))


def ks_test(values_a: npt.ArrayLike, values_b: npt.ArrayLike) -> KsTest:
    """The two-sample Kolmogorov-Smirnov test of any two columns: errors, or the flops of two populations.

    Parameters
    ----------
    values_a, values_b : array_like of shape (n,)
        At least one number each; inf is allowed, as for a failure, nan is not.

    Notes
    -----
    The p-value is exact (conservative under ties) up to 2,000 samples of the larger population and that of the
    limiting law above, or where the exact sum loses its digits (`scipy.stats.ks_2samp`). For several pairs pass the
    p-values through `holm`.
    """
    a, b = (_ranked(values, name) for values, name in ((values_a, "values_a"), (values_b, "values_b")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns where it falls back to the limiting law
        test = stats.ks_2samp(a, b, method="exact" if max(len(a), len(b)) <= EXACT_UP_TO else "asymp")
    distance = float(test.statistic)
    return KsTest(distance, ks_interval(distance, n_a=len(a), n_b=len(b)), float(test.pvalue), len(a), len(b))


def _ranked(values: npt.ArrayLike, name: str) -> FloatArray:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or not len(column) or np.isnan(column).any():
        raise InvalidPopulation(f"A KS test needs a column of numbers, got {values!r:.80}.", parameter=name)
    return column


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
