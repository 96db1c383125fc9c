"""Populations compared sample by sample in draw order: verdicts that hold however often somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.statistics import Verdict, alpha_of_each_pair
from engine.statistics.sequential import SequentialComparison
from webapp.analysis import statistics, tables
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.tables import Column, Table
from webapp.wording import NBSP, counted, fixed, joined, p_text

ALPHA = 0.05
MOST_PAIRS = 2_000  # looked at: a difference that is open after so many is too small to wait for

COLUMNS = (
    Column("In draw order", "", tables.Pair),
    Column("Verdict", "verdict", tables.Text),
    Column("Decided after", "decided_after", tables.Count, unit="pairs"),
    Column("Pairs", "pairs", tables.Count),
    Column("First lower", "first_lower", tables.Count),
    Column("Second lower", "second_lower", tables.Count),
    Column("Tied", "tied", tables.Count),
    Column("Left out", "left_out", tables.Count),
    Column("First lower (%), at every look", "first_lower", tables.Estimate, unit="percent"),
    Column("p, always valid", "p_always_valid", tables.PValue),
)
PATH_COLUMNS = (
    Column("Pairs", "pairs", tables.Count),
    Column("Share (%), at every look", "share", tables.Interval, unit="percent"),
)


@dataclass(frozen=True, eq=False)
class InOrder:
    """Two populations compared in draw order; A of the result is ``first``, the one with the lower mean."""

    first: AnalysedPopulation
    second: AnalysedPopulation
    result: SequentialComparison

    @property
    def p_value(self) -> float:
        """Always valid, for all comparisons of the analysis together (Bonferroni), as the verdict is."""
        return min(1.0, self.result.p_value * ALPHA / self.result.alpha)

    @property
    def names(self) -> str:
        return f"{self.first.name} against {self.second.name}"


def compare_all_in_order(populations: Sequence[AnalysedPopulation]) -> list[InOrder]:
    """Every two populations whose draw order is known, the surest first."""
    known = [one for one in populations if one.data.in_order is not None and not one.is_filtered]
    if len(known) < 2:
        return []
    alpha = alpha_of_each_pair(ALPHA, spaces=len(known))
    by_mean = sorted(known, key=lambda one: one.edf.mean)
    compared = [
        InOrder(first, second, statistics.compared_in_order(a, b, alpha=alpha, budget=MOST_PAIRS))
        for first, second in combinations(by_mean, 2)
        if (a := first.data.in_order) is not None and (b := second.data.in_order) is not None
    ]
    return sorted(compared, key=lambda one: one.result.p_value)


def why_not_in_order(populations: Sequence[AnalysedPopulation]) -> str:
    """Why nothing is compared in draw order; empty for one population, of which nobody expects it."""
    if len(populations) < 2:
        return ""
    if any(one.is_filtered for one in populations):
        return "All samples are compared in draw order, not a part of them: use all samples to see it."
    without = [one.name for one in populations if one.data.in_order is None]
    return f"The order in which samples were drawn is not known of {joined(without)}, so nothing is compared in it."


def verdict_sentence(compared: InOrder) -> str:
    """The verdict in words, with the numbers it rests on."""
    result, first, second = compared.result, compared.first.name, compared.second.name
    pairs = counted(result.n, "pair")
    numbers = (
        f"{first} had the lower error in {result.won:,} and {second} in {result.lost:,}: {_share_words(result)}, "
        f"always-valid {p_text(compared.p_value)}"
    )
    if result.verdict in (Verdict.A_LOWER, Verdict.B_LOWER):
        lower, other = (first, second) if result.verdict is Verdict.A_LOWER else (second, first)
        return (
            f"Decided after {result.decided_at:,} of {pairs}: a design of {lower} has the lower error more often than "
            f"one of {other}. {numbers}. More samples can't undo this verdict."
        )
    if result.verdict is Verdict.ALIKE:
        return (
            f"Decided after {result.decided_at:,} of {pairs}: {first} and {second} are alike, neither has the lower "
            f"error in more than {100 * (0.5 + result.margin):.0f}{NBSP}% of the pairs. {numbers}."
        )
    if result.verdict is Verdict.BUDGET_USED:
        return f"Not decided by the first {pairs}, more are not looked at. {numbers}."
    return f"Still open after {pairs}: more samples may decide it. {numbers}."


def finding_so_far(compared: InOrder) -> str:
    """The verdict as the finding of populations with runs to come."""
    result, first, second = compared.result, compared.first.name, compared.second.name
    pairs = counted(result.n, "pair")
    numbers = f"{first} has the lower error in {result.won:,} of {pairs} in draw order, {_share_words(result)}"
    after = (
        f"decided after {counted(result.decided_at or 0, 'pair')}, "
        f"n{NBSP}={NBSP}{compared.first.n:,} and {compared.second.n:,}"
    )
    if result.verdict in (Verdict.A_LOWER, Verdict.B_LOWER):
        lower, other = (first, second) if result.verdict is Verdict.A_LOWER else (second, first)
        return f"So far {lower} has lower errors than {other}: {numbers}, {after}."
    if result.verdict is Verdict.ALIKE:
        return f"So far {first} and {second} have errors alike: {numbers}, {after}."
    return f"So far it is open whether {first} or {second} has lower errors: {numbers}."


def _share_words(result: SequentialComparison) -> str:
    low, high = result.interval
    level = 100 * (1 - result.alpha)
    return (
        f"{fixed(100 * result.theta, 0)}{NBSP}% ({level:.3g}{NBSP}% at every look: "
        f"{fixed(100 * low, 0)}–{fixed(100 * high, 0)})"
    )


def short_verdict(compared: InOrder) -> str:
    return {
        Verdict.A_LOWER: f"{compared.first.name} lower",
        Verdict.B_LOWER: f"{compared.second.name} lower",
        Verdict.ALIKE: "alike",
        Verdict.OPEN: "open",
        Verdict.BUDGET_USED: "not decided",
    }[compared.result.verdict]


def in_order_table(compared: Sequence[InOrder]) -> Table:
    rows = [
        [
            tables.Pair(one.first.name, one.second.name, sign="against"),
            tables.Text(short_verdict(one)),
            tables.Count(one.result.decided_at),
            tables.Count(one.result.n),
            tables.Count(one.result.won),
            tables.Count(one.result.lost),
            tables.Count(one.result.tied),
            tables.Count(one.result.left_out),
            tables.Estimate(
                100 * one.result.theta, (100 * one.result.interval[0], 100 * one.result.interval[1]), digits=0
            ),
            tables.PValue(one.p_value),
        ]
        for one in compared
    ]
    return Table("Compared in draw order", COLUMNS, rows)


def path_table(compared: InOrder) -> Table:
    """How the interval of the share narrowed, at a dozen numbers of pairs."""
    path = compared.result.path
    rows = [
        [
            tables.Count(int(path.pairs[place])),
            tables.Interval(float(100 * path.low[place]), float(100 * path.high[place]), digits=0),
        ]
        for place in np.unique(np.geomspace(1, len(path.pairs), 12).astype(int)) - 1
    ]
    return Table("Share after so many pairs", PATH_COLUMNS, rows)
