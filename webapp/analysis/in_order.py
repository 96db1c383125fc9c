"""Populations compared network by network in draw order: verdicts that hold however often somebody looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.statistics import Verdict
from engine.statistics.comparisons import LOWER
from engine.statistics.sequential import SequentialComparison
from webapp.analysis import tables
from webapp.analysis.comparing import PopulationPair, theta_ends, verdict_words
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.tables import Column, Table
from webapp.wording import NBSP, counted, joined, level_words, p_text, share_words

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
    Column("p at every look", "p_at_every_look", tables.PValue),
)
PATH_COLUMNS = (
    Column("Pairs", "pairs", tables.Count),
    Column("Share (%), at every look", "share", tables.Interval, unit="percent"),
)


def why_not_in_order(populations: Sequence[AnalysedPopulation]) -> str:
    """Why nothing is compared in draw order; empty for one population, of which nobody expects it."""
    if len(populations) < 2:
        return ""
    without = [one.name for one in populations if one.data.in_order is None]
    return f"The order in which samples were drawn is not known of {joined(without)}, so nothing is compared in it."


def verdict_sentence(pair: PopulationPair, result: SequentialComparison) -> str:
    """The verdict in draw order in words, with the numbers it rests on."""
    return " ".join(filter(None, [_verdict_words(pair, result), _numbers(pair, result)]))


def _verdict_words(pair: PopulationPair, result: SequentialComparison) -> str:
    first, second = pair.first.name, pair.second.name
    pairs = counted(result.n, "pair")
    after = f"Decided after {result.decided_at or 0:,} of {pairs}"
    if result.verdict in LOWER:
        lower, other = (first, second) if result.verdict is Verdict.A_LOWER else (second, first)
        return f"{after}: a network of {lower} beats one of {other} more often than not."
    if result.verdict is Verdict.ALIKE:
        margin = f"{100 * (0.5 - result.margin):.0f}–{100 * (0.5 + result.margin):.0f}{NBSP}%"
        return f"{after}: {first} and {second} are alike within the margin of {margin}."
    if result.differs_without_side:
        return f"{first} and {second} differ, but after {pairs} it is not clear which of them is lower."
    if result.verdict is Verdict.BUDGET_USED:
        return f"Not decided by the first {pairs}, more are not looked at."
    return f"Still open after {pairs}: more may decide it."


def _numbers(pair: PopulationPair, result: SequentialComparison) -> str:
    """Empty before the first pair that counts."""
    if result.n == result.left_out:
        return ""
    left_out = f", {result.left_out:,} left out" if result.left_out else ""
    return (
        f"{pair.first.name} won {result.won:,}, {pair.second.name} {result.lost:,}, {result.tied:,} tied{left_out}: "
        f"{in_order_share(result, pairs=pair.pairs)}, {p_text(pair.p_in_order or 0.0)} at every look."
    )


def in_order_share(result: SequentialComparison, *, pairs: int) -> str:
    """90 % (95 % at every look: 69–98 %); so many ``pairs`` of populations are compared together."""
    level = level_words(1 - result.alpha, pairs)
    ends = theta_ends(result.interval, differs=result.verdict in LOWER)
    share = "100" if result.theta == 1 else share_words(result.theta)
    return f"{share}{NBSP}% ({level} at every look: {ends})"


def in_order_table(pairs: Sequence[PopulationPair]) -> Table:
    rows = [
        [
            tables.Pair(pair.first.name, pair.second.name, sign="against"),
            tables.Text(verdict_words(result.verdict, pair.first.name, pair.second.name)),
            tables.Count(result.decided_at),
            tables.Count(result.n),
            tables.Count(result.won),
            tables.Count(result.lost),
            tables.Count(result.tied),
            tables.Count(result.left_out),
            tables.Estimate(100 * result.theta, (100 * result.interval[0], 100 * result.interval[1]), digits=0),
            tables.PValue(pair.p_in_order),
        ]
        for pair in pairs
        if (result := pair.in_order)
    ]
    return Table("Compared in draw order", COLUMNS, rows)


def path_table(result: SequentialComparison) -> Table:
    """How the interval of the share narrowed, at a dozen numbers of pairs."""
    path = result.path
    rows = [
        [
            tables.Count(int(path.pairs[place])),
            tables.Interval(float(100 * path.low[place]), float(100 * path.high[place]), digits=0),
        ]
        for place in np.unique(np.geomspace(1, len(path.pairs), 12).astype(int)) - 1
    ]
    return Table("Share after so many pairs", PATH_COLUMNS, rows)
