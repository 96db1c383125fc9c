"""Populations compared sample by sample in draw order: verdicts that hold however often somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.statistics import Verdict, alpha_of_each_pair
from engine.statistics.sequential import SequentialComparison
from webapp.pages.figures import Figure, Table, text_columns
from webapp.pages.findings import Shown
from webapp.pages.remembered import compared_in_order
from webapp.plots import evidence as evidence_plots
from webapp.wording import NBSP, between, counted, fixed, joined, p_text, p_value

ALPHA = 0.05
MOST_PAIRS = 2_000  # looked at: a difference that is open after so many is too small to wait for


@dataclass(frozen=True, eq=False)
class InOrder:
    """Two populations compared in draw order; A of the result is ``first``, the one with the lower mean."""

    first: Shown
    second: Shown
    result: SequentialComparison

    @property
    def p_value(self) -> float:
        """Always valid, for all comparisons of the page together (Bonferroni), as the verdict is."""
        return min(1.0, self.result.p_value * ALPHA / self.result.alpha)

    @property
    def names(self) -> str:
        return f"{self.first.name} against {self.second.name}"


@dataclass(frozen=True, eq=False)
class InOrderShown:
    """What a page shows of it; ``figure`` is that of the first comparison, None where nothing was compared."""

    comparisons: Sequence[InOrder]
    sentence: str
    table: Table | None = None
    figure: Figure | None = None


def in_order_shown(populations: Sequence[Shown]) -> InOrderShown:
    """Every two populations whose draw order is known, the lowest mean first."""
    if len(populations) < 2:
        return InOrderShown([], "")
    found = compare_all_in_order(populations)
    if not found:
        return InOrderShown([], _why_not(populations))
    return InOrderShown(found, verdict_sentence(found[0]), _table(found), _figure(found[0]))


def compare_all_in_order(populations: Sequence[Shown]) -> list[InOrder]:
    """Every two whose draw order is known, the surest first."""
    known = [shown for shown in populations if shown.trained.in_order is not None and shown.total is None]
    if len(known) < 2:
        return []
    alpha = alpha_of_each_pair(ALPHA, spaces=len(known))
    by_mean = sorted(known, key=lambda shown: shown.edf.mean)
    found = [
        InOrder(first, second, compared_in_order(a, b, alpha=alpha, budget=MOST_PAIRS))
        for first, second in combinations(by_mean, 2)
        if (a := first.trained.in_order) is not None and (b := second.trained.in_order) is not None
    ]
    return sorted(found, key=lambda one: one.result.p_value)


def _why_not(populations: Sequence[Shown]) -> str:
    if any(shown.total is not None for shown in populations):
        return "All samples are compared in draw order, not a part of them: use all samples to see it."
    without = [shown.name for shown in populations if shown.trained.in_order is None]
    return f"The order in which samples were drawn is not known of {joined(without)}, so nothing is compared in it."


def verdict_sentence(one: InOrder) -> str:
    """The verdict in words, with the numbers it rests on."""
    result, first, second = one.result, one.first.name, one.second.name
    pairs = counted(result.n, "pair")
    numbers = (
        f"{first} had the lower error in {result.won:,} and {second} in {result.lost:,}: {_share_words(result)}, "
        f"always-valid {p_text(one.p_value)}"
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


def finding_so_far(one: InOrder) -> str:
    """The verdict as the finding of populations with runs to come."""
    result, first, second = one.result, one.first.name, one.second.name
    pairs = counted(result.n, "pair")
    numbers = f"{first} has the lower error in {result.won:,} of {pairs} in draw order, {_share_words(result)}"
    after = (
        f"decided after {counted(result.decided_at or 0, 'pair')}, n{NBSP}={NBSP}{one.first.n:,} and {one.second.n:,}"
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
        f"{fixed(100 * result.probability, 0)}{NBSP}% ({level:.3g}{NBSP}% at every look: "
        f"{fixed(100 * low, 0)}–{fixed(100 * high, 0)})"
    )


def short_verdict(one: InOrder) -> str:
    return {
        Verdict.A_LOWER: f"{one.first.name} lower",
        Verdict.B_LOWER: f"{one.second.name} lower",
        Verdict.ALIKE: "alike",
        Verdict.OPEN: "open",
        Verdict.BUDGET_USED: "not decided",
    }[one.result.verdict]


def _verdict_cell(one: InOrder) -> str:
    words, after = short_verdict(one), one.result.decided_at
    return words if after is None else f"{words}, after {counted(after, 'pair')}"


def _table(found: Sequence[InOrder]) -> Table:
    columns = text_columns(
        "In draw order", "Verdict", "Pairs", "First lower", "Second lower", "Tied", "Left out",
        "First lower (%), at every look", "p, always valid", text=2,
    )  # fmt: skip
    rows = [
        [
            one.names,
            _verdict_cell(one),
            f"{one.result.n:,}",
            f"{one.result.won:,}",
            f"{one.result.lost:,}",
            f"{one.result.tied:,}",
            f"{one.result.left_out:,}",
            f"{fixed(100 * one.result.probability, 0)} "
            f"{between((100 * one.result.interval[0], 100 * one.result.interval[1]), 0)}",
            p_value(one.p_value),
        ]
        for one in found
    ]
    return Table("Compared in draw order", columns, rows)


def _figure(one: InOrder) -> Figure | None:
    path = one.result.path
    if not len(path.pairs):
        return None
    rows = [
        [f"{path.pairs[at]:,}", between((100 * path.low[at], 100 * path.high[at]), 0)]
        for at in np.unique(np.geomspace(1, len(path.pairs), 12).astype(int)) - 1
    ]
    return Figure(
        element="in-order",
        plot=evidence_plots.in_order_figure(one.result, slot=one.first.slot),
        caption=(
            f"Shaded: where the share of pairs in which {one.first.name} has the lower error lies, whenever one looks. "
            f"Once all of it is above or below the line at 50{NBSP}% the difference is decided; once it is inside the "
            f"dashed lines the two are alike; until then it is open. n = {counted(one.result.n, 'pair')}."
        ),
        table=Table("Share after so many pairs", text_columns("Pairs", "Share (%), at every look", text=0), rows),
        size="mid",
        title=one.names,
    )
