"""Populations compared in pairs: who has lower errors, by the one test of all pages, lists, mails and answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from engine.statistics import Verdict, alpha_of_each_pair, holm
from engine.statistics.comparisons import LOWER, Comparison, KsTest
from engine.statistics.sequential import SequentialComparison
from webapp.analysis import statistics, tables
from webapp.analysis.populations import TOO_FEW_FOR_A_MEAN, AnalysedPopulation
from webapp.analysis.tables import Column, Table
from webapp.wording import NBSP

ALPHA = 0.05
UNTESTED = (Verdict.NOTHING, Verdict.ALL_TIED, Verdict.TOO_FEW)
P_HOLM = Column("p, Holm", "p_holm", tables.PValue)
P_AT_EVERY_LOOK = Column("p at every look", "p_at_every_look", tables.PValue)
MOST_PAIRS = 2_000  # looked at in draw order: a difference that is open after so many is too small to wait for


@dataclass(frozen=True, eq=False)
class PopulationPair:
    """Two populations compared; ``first`` is the one with lower errors, as far as can be told.

    ``of_all`` compares all networks of both, for numbers fixed beforehand; ``in_order`` network by network in draw
    order, so that it holds however often somebody looks, None where no order is known. ``by_order`` says which of the
    two gives the verdict. ``shape`` compares their EDFs, ``shape_p`` is its p-value after Holm over all pairs.
    """

    first: AnalysedPopulation
    second: AnalysedPopulation
    of_all: Comparison
    in_order: SequentialComparison | None
    by_order: bool
    shape: KsTest
    shape_p: float

    @property
    def pairs(self) -> int:
        """How many pairs of populations are compared together."""
        return self.of_all.pairs

    @property
    def verdict(self) -> Verdict:
        if not self.by_order or self.of_all.verdict is Verdict.NOTHING:
            return self.of_all.verdict
        return self.in_order.verdict if self.in_order else Verdict.OPEN

    @property
    def differs(self) -> bool:
        return self.verdict in LOWER

    @property
    def theta(self) -> float:
        """How often a network of the first beats one of the second, of the pairs that the verdict rests on."""
        return self.in_order.theta if self.by_order and self.in_order else self.of_all.theta

    @property
    def interval(self) -> tuple[float, float]:
        """Of theta, for all pairs of populations together; in draw order it holds at every look."""
        return self.in_order.interval if self.by_order and self.in_order else self.of_all.interval

    @property
    def p_value(self) -> float | None:
        """Of the test that gives the verdict, for all pairs together; None where there is nothing to test."""
        if self.by_order:
            return self.p_in_order
        return None if self.of_all.verdict in UNTESTED else self.of_all.p_adjusted

    @property
    def p_in_order(self) -> float | None:
        """Valid at every look, for all pairs together (Bonferroni)."""
        return None if self.in_order is None else min(1.0, self.pairs * self.in_order.p_value)

    @property
    def names(self) -> str:
        return f"{self.first.name} against {self.second.name}"


def compare_pairs(populations: Sequence[AnalysedPopulation]) -> list[PopulationPair]:
    """Every two populations, the surest first: by p-value, and where that ties by how far theta lies from 1/2.

    As soon as one of them was looked at before its plan was done, all that can be are compared in draw order.
    """
    if len(populations) < 2:
        return []
    looked = any(may_have_been_seen(one) for one in populations)
    alpha = alpha_of_each_pair(ALPHA, spaces=len(populations))
    tests = statistics.compared([one.outcomes for one in populations])
    shapes = [_shape(*both) for both in combinations(populations, 2)]
    adjusted = holm([shape.p_value for shape in shapes])
    pairs = [
        _pair(*both, test, shape, float(shape_p), alpha=alpha, looked=looked)
        for both, test, shape, shape_p in zip(combinations(populations, 2), tests, shapes, adjusted, strict=True)
    ]
    return sorted(pairs, key=_surest_first)


def may_have_been_seen(population: AnalysedPopulation) -> bool:
    """Whether somebody could look before its number of networks was fixed: it runs, or was changed after results."""
    return bool(population.pending) or population.looked_at


def _surest_first(pair: PopulationPair) -> tuple[bool, float, float]:
    """Those that could be tested, by p-value and by how far theta lies from 1/2; then the others."""
    if pair.verdict is Verdict.NOTHING:
        return True, 2.0, 0.0
    return pair.p_value is None, 1.0 if pair.p_value is None else pair.p_value, -abs(pair.theta - 0.5)


def _pair(
    first: AnalysedPopulation,
    second: AnalysedPopulation,
    of_all: Comparison,
    shape: KsTest,
    shape_p: float,
    *,
    alpha: float,
    looked: bool,
) -> PopulationPair:
    in_order = None
    a, b = first.data.in_order, second.data.in_order
    if a is not None and b is not None:
        in_order = statistics.compared_in_order(a, b, alpha=alpha, budget=MOST_PAIRS)
    by_order = may_have_been_seen(first) or may_have_been_seen(second) or (looked and in_order is not None)
    pair = PopulationPair(first, second, of_all, in_order, by_order, shape, shape_p)
    if a is None or b is None or in_order is None:
        return _mirrored(pair, None) if pair.theta < 0.5 else pair
    if pair.verdict is Verdict.B_LOWER or (not pair.differs and pair.theta < 0.5):
        return _mirrored(pair, statistics.compared_in_order(b, a, alpha=alpha, budget=MOST_PAIRS))
    return pair


def _mirrored(pair: PopulationPair, in_order: SequentialComparison | None) -> PopulationPair:
    return PopulationPair(
        pair.second, pair.first, pair.of_all.mirrored(), in_order, pair.by_order, pair.shape, pair.shape_p
    )


def _shape(first: AnalysedPopulation, second: AnalysedPopulation) -> KsTest:
    return statistics.distance(first.outcomes, second.outcomes)


def pair_table(pairs: Sequence[PopulationPair]) -> Table:
    """Theta and the median difference with their intervals; of a batch that was looked at these don't allow for it."""
    looked = any(pair.by_order for pair in pairs)
    level = "95 %" if not looked else "95 %, not allowing for looking"
    tests = {pair.by_order: P_AT_EVERY_LOOK if pair.by_order else P_HOLM for pair in pairs}
    columns = (
        Column("First against second", "", tables.Pair),
        Column("Verdict", "verdict", tables.Text),
        Column(f"First beats second (% of pairs), {level}", "theta", tables.Estimate, unit="percent"),
        Column(f"Median difference (points), {level}", "median_difference", tables.Estimate, unit="points"),
        *tests.values(),
        Column("First failed", "first_failed", tables.CountOf),
        Column("Second failed", "second_failed", tables.CountOf),
        Column("KS D, 95 %", "ks_distance", tables.Estimate),
    )
    return Table("Pairwise tests", columns, [_row(pair, list(tests)) for pair in pairs])


def _row(pair: PopulationPair, tests: Sequence[bool]) -> list[tables.Cell]:
    """``tests`` says of each column of p whether it is that in draw order."""
    test = pair.of_all
    theta = None if test.verdict is Verdict.NOTHING else 100 * test.theta
    return [
        tables.Pair(pair.first.name, pair.second.name, sign="against"),
        tables.Text(short_verdict(pair)),
        tables.Estimate(theta, (100 * test.interval[0], 100 * test.interval[1]), digits=0),
        tables.Estimate(test.difference, test.difference_interval, style="signed"),
        *(tables.PValue(pair.p_value if pair.by_order == by_order else None) for by_order in tests),
        tables.CountOf(test.failed[0], test.n[0]),
        tables.CountOf(test.failed[1], test.n[1]),
        tables.Estimate(pair.shape.distance, pair.shape.interval, digits=2),
    ]


def mean_table(pairs: Sequence[PopulationPair]) -> Table:
    """The differences of means, which are shown and decide nothing."""
    columns = (
        Column("First minus second", "", tables.Pair),
        Column("Mean difference (points), 95 %", "mean_difference", tables.Estimate, unit="points"),
    )
    rows = [
        [tables.Pair(pair.first.name, pair.second.name), mean_difference(pair.first, pair.second)] for pair in pairs
    ]
    return Table("Differences of means", columns, rows)


def mean_difference(first: AnalysedPopulation, second: AnalysedPopulation) -> tables.Estimate:
    """Of the networks that finished; no interval below 16 of each."""
    if not first.n or not second.n:
        return tables.Estimate(None)
    means = statistics.means_compared(first.errors, second.errors)
    return tables.Estimate(*means, style="signed", without=TOO_FEW_FOR_A_MEAN)


def short_verdict(pair: PopulationPair) -> str:
    """The verdict of a pair as a cell of a table."""
    return verdict_words(pair.verdict, pair.first.name, pair.second.name)


def verdict_words(verdict: Verdict, first: str, second: str) -> str:
    return {
        Verdict.NOTHING: "nothing to compare",
        Verdict.ALL_TIED: "all tied",
        Verdict.TOO_FEW: "too few",
        Verdict.A_LOWER: f"{first} lower",
        Verdict.B_LOWER: f"{second} lower",
        Verdict.ALIKE: "alike",
        Verdict.NOT_SHOWN: "not shown",
        Verdict.OPEN: "open",
        Verdict.BUDGET_USED: "not decided",
    }[verdict]


def theta_ends(interval: tuple[float, float], *, differs: bool) -> str:
    """84–93 %; where the verdict is *lower* and an end is 50 %, on which side of it: above 50 %, up to 96 %."""
    low, high = (f"{100 * end:.0f}" for end in interval)
    if differs and low == "50":
        return f"above 50{NBSP}%, up to {high}{NBSP}%"
    if differs and high == "50":
        return f"from {low}{NBSP}%, below 50{NBSP}%"
    return f"{low}–{high}{NBSP}%"


def compared_in_order(pairs: Iterable[PopulationPair]) -> list[PopulationPair]:
    """Those whose draw order is known, the surest in draw order first."""
    known = [pair for pair in pairs if pair.in_order is not None]
    return sorted(known, key=lambda pair: pair.p_in_order or 0.0)


def decided(pairs: Sequence[PopulationPair]) -> int:
    """How many of the pairs have a verdict that answers: lower, or alike."""
    return sum(pair.differs or pair.verdict is Verdict.ALIKE for pair in pairs)
