"""Populations compared in pairs: the differences, and the sentence that answers what the person came for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from django.utils.functional import cached_property

from engine.statistics import holm
from webapp.analysis import statistics, tables
from webapp.analysis.in_order import InOrder, finding_so_far, short_verdict
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.tables import Column, Table
from webapp.wording import NBSP, between, counted, fixed, joined, p_text, signed, within

PAIR_COLUMNS = (
    Column("Pair", "", tables.Pair),
    Column("Means (%), 95 %", "mean_difference", tables.Estimate, unit="points"),
    Column("Medians (%), 95 %", "median_difference", tables.Estimate, unit="points"),
    Column("KS D, 95 %", "ks_distance", tables.Estimate),
    Column("p, Holm", "p_holm", tables.PValue),
)


@dataclass(frozen=True)
class PopulationPair:
    """Two populations compared, one of ``pairs`` of the analysis; the p-value is Holm's over all of them.

    ``medians`` is the difference of the medians (percentage points) with its interval.
    """

    first: AnalysedPopulation
    second: AnalysedPopulation
    comparison: statistics.Comparison
    medians: tuple[float, tuple[float, float]]
    p_adjusted: float
    pairs: int

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Of the difference of means, at 95 % for all pairs together (Bonferroni).

        The finding is about the largest of all differences, which a plain 95 % interval would call real too often.
        """
        return statistics.compared(self.first.errors, self.second.errors, confidence=1 - 0.05 / self.pairs).interval

    @property
    def level(self) -> str:
        """What stands before the interval."""
        return f"95{NBSP}%" if self.pairs == 1 else f"95{NBSP}% for all {self.pairs} pairs together"

    @property
    def differs(self) -> bool:
        low, high = self.interval
        return low > 0 or high < 0


@dataclass(frozen=True)
class ShortFinding:
    """The finding in a few words, and the numbers that it rests on."""

    words: str
    note: str


def compare_pairs(populations: Sequence[AnalysedPopulation]) -> list[PopulationPair]:
    """Every pair, the one with the lower mean first, the largest difference first."""
    pairs = [sorted(pair, key=lambda one: one.edf.mean) for pair in combinations(populations, 2)]
    comparisons = [statistics.compared(first.errors, second.errors) for first, second in pairs]
    adjusted = holm([comparison.p_value for comparison in comparisons]) if comparisons else np.array([])
    compared = [
        PopulationPair(
            first,
            second,
            comparison,
            statistics.medians_compared(first.errors, second.errors),
            float(p),
            len(pairs),
        )
        for (first, second), comparison, p in zip(pairs, comparisons, adjusted, strict=True)
    ]
    return sorted(compared, key=lambda pair: pair.comparison.mean_difference)


def pair_table(pairs: Sequence[PopulationPair]) -> Table:
    rows = [
        [
            tables.Pair(pair.first.name, pair.second.name),
            tables.Estimate(pair.comparison.mean_difference, pair.comparison.interval, style="signed"),
            tables.Estimate(*pair.medians, style="signed"),
            tables.Estimate(pair.comparison.ks_distance, pair.comparison.ks_interval, digits=2),
            tables.PValue(pair.p_adjusted),
        ]
        for pair in pairs
    ]
    return Table("Pairwise tests", PAIR_COLUMNS, rows)


def finding(
    populations: Sequence[AnalysedPopulation], pairs: Sequence[PopulationPair], in_order: Sequence[InOrder]
) -> str:
    """The sentence that answers what the person came for; the others of the page say whether to trust it.

    While runs are to come it rests on what may be looked at again and again.
    """
    if not pairs:
        return _finding_of_one(populations[0])
    pair, so_far = pairs[0], " so far" if any(population.pending for population in populations) else ""
    if so_far and in_order:
        return finding_so_far(in_order[0])
    test = pair.comparison
    numbers = (
        f"difference {signed(test.mean_difference)} ({pair.level}: {signed(pair.interval[0])}, "
        f"{signed(pair.interval[1])}), KS{NBSP}D{NBSP}={NBSP}{fixed(test.ks_distance, 2)} "
        f"{between(test.ks_interval, 2)}, {p_text(pair.p_adjusted)}, n{NBSP}={NBSP}{test.n_a:,} and {test.n_b:,}"
    )
    means = f"{fixed(pair.first.edf.mean)}{NBSP}% against {fixed(pair.second.edf.mean)}{NBSP}%"
    if pair.differs:
        return f"{pair.first.name} has a lower mean error than {pair.second.name}{so_far}: {means}, {numbers}."
    names = f"{pair.first.name} and {pair.second.name}"
    return f"No difference in the mean error of {names} is shown{so_far}: {means}, {numbers}."


def _finding_of_one(population: AnalysedPopulation) -> str:
    if population.pending:
        low, high = population.median.interval
        known = (low, high) != (0.0, 100.0)
        ends = f"95{NBSP}% at every look: {fixed(low)}–{fixed(high)}" if known else "no interval yet"
        return (
            f"Half of the {counted(population.n, 'design')} of {population.name} used so far have an error below "
            f"{fixed(population.median.value)}{NBSP}% ({ends})."
        )
    mean = population.mean
    low, high = mean.interval
    return (
        f"The {counted(population.n, 'design')} of {population.name} have a mean error of {fixed(mean.value)}{NBSP}% "
        f"(95{NBSP}%: {fixed(low)}–{fixed(high)})."
    )


def short_finding(
    populations: Sequence[AnalysedPopulation], pairs: Sequence[PopulationPair], in_order: Sequence[InOrder]
) -> ShortFinding:
    """The finding of a list's line, with its uncertainty; while runs are to come, one that holds at every look."""
    sizes = f"n{NBSP}{joined([f'{population.n:,}' for population in populations])}"
    so_far = " so far" if any(population.pending for population in populations) else ""
    if not pairs:
        mean = populations[0].mean
        return ShortFinding(
            f"mean error {fixed(mean.value)}{so_far}", f"({within(mean.interval).strip('()')}; {sizes})"
        )
    if so_far and in_order:
        compared = counted(in_order[0].result.n, "pair")
        return ShortFinding(short_verdict(in_order[0]) + so_far, f"({compared} in draw order; {sizes})")
    pair = pairs[0]
    if not pair.differs:
        return ShortFinding("no difference shown", f"({p_text(pair.p_adjusted)}, {sizes})")
    ends = f"{signed(pair.interval[0])}, {signed(pair.interval[1])}"
    return ShortFinding(f"{pair.first.name} lower by {fixed(-pair.comparison.mean_difference)}", f"({ends}; {sizes})")
