"""How far the evidence reaches: is n enough, what a random search finds, whether complexities are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.statistics import holm, largest_m
from engine.statistics.comparisons import ks_test
from engine.statistics.search import SampleSizeStudy
from webapp.analysis import statistics, tables
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.tables import Column, Estimate, Table
from webapp.queries import COMPLEXITIES
from webapp.wording import NBSP, between, fixed, joined, p_text

FEWEST = 8  # samples, for a study of parts of them
SEARCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
ALIKE = 0.05  # p-value, Holm, above which complexities count as alike
QUARTERS = (0, 0.25, 0.5, 0.75, 1)

SIZE_COLUMNS = (
    Column("Samples", "samples", tables.Count),
    Column("KS distance to all, 95 %", "ks_distance", Estimate),
    Column("Band, ±", "band_half_width"),
)
SPREAD_COLUMNS = (("Least", "least"), ("Quarter", "quarter"), ("Half", "half"),
                  ("Three quarters", "three_quarters"), ("Most", "most"))  # fmt: skip


def sample_size_study(population: AnalysedPopulation) -> SampleSizeStudy | None:
    """How far the EDF of a part lies from that of all; None below eight samples."""
    return statistics.sample_sizes(population.errors) if population.n >= FEWEST else None


def sample_size_table(study: SampleSizeStudy) -> Table:
    columns = (study.m, study.distance, study.low, study.high, study.band_half_width)
    rows = [
        [tables.Count(m), Estimate(distance, (low, high), digits=3), tables.Number(width, digits=3)]
        for m, distance, low, high, width in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return Table("Is n enough", SIZE_COLUMNS, rows)


def search_sizes(populations: Sequence[AnalysedPopulation]) -> list[int]:
    """The numbers of samples tried that the table lists: also the largest of which each population knows both ends."""
    largest = max(one.networks for one in populations)
    known = {m for m in (largest_m(one.networks) for one in populations) if m}
    return sorted({m for m in SEARCH_SIZES if m <= largest} | known)


def best_of_many(population: AnalysedPopulation, m: int) -> Estimate:
    """What the best of m networks reaches in half of all searches; None beyond the networks there are."""
    if m > population.networks:
        return Estimate(None)
    best = statistics.best_of_many(population.outcomes, m)
    return Estimate(best.estimate, best.interval)


def largest_known(population: AnalysedPopulation) -> int:
    """The largest m of which both ends are known; 0 below six networks."""
    return largest_m(population.networks)


def search_table(populations: Sequence[AnalysedPopulation]) -> Table:
    """For each population what half of all searches reach, and the mean of all (the curve) of those that finished."""
    columns = [Column("Samples", "samples", tables.Count)]
    for one in populations:
        columns += [
            Column(f"{one.name}, reached by half of all searches (%), 95 %", one.name, Estimate, "percent"),
            Column(f"{one.name}, on average (%)", f"{one.name} mean", unit="percent"),
        ]
    rows, sizes = [], search_sizes(populations)
    curves = [statistics.search_curve(one.errors, sizes=[m for m in sizes if m <= one.n]) for one in populations]
    for m in sizes:
        cells: list[tables.Cell] = [tables.Count(m)]
        for one, curve in zip(populations, curves, strict=True):
            average = curve.at(m) if m <= one.n else None
            cells += [best_of_many(one, m), tables.Number(average, digits=2)]
        rows.append(cells)
    return Table("Random search", columns, rows)


@dataclass(frozen=True)
class CostTest:
    """One complexity of two populations; the p-value is Holm's over all tests of the analysis."""

    cost: str
    first: AnalysedPopulation
    second: AnalysedPopulation
    distance: float
    interval: tuple[float, float]
    p_adjusted: float

    @property
    def differs(self) -> bool:
        return self.p_adjusted <= ALIKE


def cost_tests(populations: Sequence[AnalysedPopulation]) -> list[CostTest]:
    """Whether the populations are alike in complexity: every cost that both of a pair know."""
    asked = [
        (cost, first, second)
        for cost in COMPLEXITIES
        for first, second in combinations(populations, 2)
        if cost in first.costs and cost in second.costs
    ]
    tests = [ks_test(first.known_costs(cost), second.known_costs(cost)) for cost, first, second in asked]
    adjusted = holm([test.p_value for test in tests]) if tests else np.array([])
    return [
        CostTest(*compared, test.distance, test.interval, float(p))
        for compared, test, p in zip(asked, tests, adjusted, strict=True)
    ]


def cost_warning(tests: Sequence[CostTest]) -> str:
    """Which complexities differ, as a reason to normalise; empty where none does."""
    differing = [test for test in tests if test.differs]
    if not differing:
        return ""
    costs = joined(list(dict.fromkeys(test.cost for test in differing)))
    worst = max(differing, key=lambda test: test.distance)
    return (
        f"The populations differ in complexity ({costs}; {worst.cost} of {worst.first.name} and {worst.second.name}: "
        f"KS{NBSP}D{NBSP}={NBSP}{fixed(worst.distance, 2)} {between(worst.interval, 2)}, "
        f"{p_text(worst.p_adjusted)} after Holm). A part of the difference in error may come from that: look at the "
        "EDFs normalised by complexity before you conclude."
    )


def cost_words(tests: Sequence[CostTest]) -> str:
    """For the facts at the head of the page."""
    if not tests:
        return ""
    lowest = min(tests, key=lambda test: test.p_adjusted)
    alike = "complexity alike" if lowest.p_adjusted > ALIKE else "complexity differs"
    return f"{alike} ({lowest.cost}, KS {p_text(lowest.p_adjusted)})"


def cost_table(cost: str, populations: Sequence[AnalysedPopulation]) -> Table:
    """How a complexity is spread in each population, in millions."""
    columns = [Column("Population", "population", tables.Text), Column("n", "n", tables.Count)]
    columns += [Column(title, name, unit="millions") for title, name in SPREAD_COLUMNS]
    rows = []
    for one in populations:
        quantiles = np.quantile(one.samples[cost] / 1e6, QUARTERS).tolist()
        values = [tables.Number(quantile, style="significant") for quantile in quantiles]
        rows.append([tables.Text(one.name), tables.Count(one.n), *values])
    return Table(f"Spread of {cost} (M)", columns, rows, f"spread-{cost}")
