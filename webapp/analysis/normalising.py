"""Populations at equal complexity: their weighted EDFs, with what was left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from django.utils.functional import cached_property

from engine.errors import InvalidPopulation
from engine.statistics import FEWEST_FOR_A_MEAN, Verdict, common_limits, normalised_band, normalised_edf
from engine.statistics.edf import EdfBand, NormalisedEdf
from engine.statistics.equal_cost import EqualCostComparison
from webapp.analysis import statistics, tables
from webapp.analysis.errors import quantiles
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.tables import Column, Estimate, Table, error_estimate
from webapp.wording import NBSP, joined, level_words, share_words, significant

BINS = 10

POPULATION_COLUMNS = (
    Column("Population", "population", tables.Text),
    Column("n inside", "inside", tables.Count),
    Column("Failed", "failed", tables.Count),
    Column("Effective n", "effective_n"),
    Column("Left out", "left_out", tables.Count),
    Column("Bins used", "bins_used", tables.CountOf),
    Column("Median (%), 95 %", "median", Estimate, unit="percent"),
    Column("Mean error (%)", "mean", unit="percent"),
)


@dataclass(frozen=True, eq=False)
class NormalisedPopulation:
    """One population at equal complexity."""

    population: AnalysedPopulation
    edf: NormalisedEdf

    @property
    def name(self) -> str:
        return self.population.name

    @cached_property
    def band(self) -> EdfBand:
        return normalised_band(self.edf)

    def quantile(self, share: float) -> Estimate:
        """The smallest error at which the weighted EDF reaches the share."""
        place = int((self.edf.fractions < share - 1e-12).sum())
        reached = float(self.edf.errors[place]) if place < len(self.edf.errors) else math.inf
        return error_estimate(reached, self.band.quantile_interval(share))


@dataclass(frozen=True, eq=False)
class EqualCostPair:
    """Two populations compared at equal complexity; the first beats the second in at least half of the pairs."""

    cost: str
    first: AnalysedPopulation
    second: AnalysedPopulation
    result: EqualCostComparison
    pairs: int

    @property
    def beats(self) -> str:
        """A network of A beats one of B in 58 % of pairs (95 %: 47–68 %)."""
        result = self.result
        if result.theta is None or result.interval is None:
            return ""
        low, high = result.interval
        return (
            f"a network of {self.first.name} beats one of {self.second.name} in {share_words(result.theta)}{NBSP}% of "
            f"pairs ({level_words(result.level, self.pairs)}: {100 * low:.0f}–{100 * high:.0f}{NBSP}%)"
        )


@dataclass(frozen=True, eq=False)
class Normalised:
    """Populations at equal ``cost``; ``problem`` says why they can't be compared so, there are none then."""

    cost: str
    populations: Sequence[NormalisedPopulation] = ()
    problem: str = ""

    @property
    def limits(self) -> tuple[float, float]:
        """The range of the cost that all of them reach."""
        return self.populations[0].edf.limits

    @cached_property
    def pairs(self) -> list[EqualCostPair]:
        """Every two, those that differ first, then those whose theta lies furthest from 1/2."""
        every_two = list(combinations([one.population for one in self.populations], 2))
        pairs = [compare_at_cost(*both, self.cost, pairs=len(every_two)) for both in every_two]
        return sorted(pairs, key=lambda pair: (not pair.result.differs, -(pair.result.theta or 0.0)))


def normalise(populations: Sequence[AnalysedPopulation], cost: str) -> Normalised:
    """All populations within the range of ``cost`` that every one of them reaches."""
    without = [one.name for one in populations if cost not in one.costs]
    if without:
        return Normalised(cost, problem=f"{joined(without)} has no {cost}, so nothing is normalised by it.")
    columns = [one.with_cost(cost) for one in populations]
    limits = common_limits(*(costs[~np.isnan(costs)] for _, costs in columns))
    try:
        edfs = [normalised_edf(outcomes, costs, limits=limits, bins=BINS) for outcomes, costs in columns]
    except InvalidPopulation:
        low, high = (significant(limit / 1e6) for limit in limits)
        problem = f"The populations have no {cost} in common (above {low} M, at most {high} M) to normalise by."
        return Normalised(cost, problem=problem)
    return Normalised(cost, [NormalisedPopulation(*one) for one in zip(populations, edfs, strict=True)])


def compare_at_cost(
    first: AnalysedPopulation, second: AnalysedPopulation, cost: str, *, pairs: int = 1
) -> EqualCostPair:
    """Two populations that know ``cost``, one of ``pairs`` that are compared together."""
    result = statistics.compared_at_equal_cost(first.with_cost(cost), second.with_cost(cost), pairs=pairs)
    if result.theta is not None and result.theta < 0.5:
        first, second = second, first
        result = statistics.compared_at_equal_cost(first.with_cost(cost), second.with_cost(cost), pairs=pairs)
    return EqualCostPair(cost, first, second, result, pairs)


def normalised_quantiles(normalised: Normalised) -> Table:
    label = f"Quantiles of the error at equal {normalised.cost}"
    populations = [one.population for one in normalised.populations]
    return quantiles(label, populations, [one.quantile for one in normalised.populations])


def normalised_table(normalised: Normalised) -> Table:
    rows = [
        [
            tables.Text(one.name),
            tables.Count(one.edf.n),
            tables.Count(one.edf.failed),
            tables.Number(one.edf.effective_n),
            tables.Count(one.edf.left_out),
            tables.CountOf(one.edf.bins_used, one.edf.bins),
            one.quantile(0.5),
            tables.Number(None if math.isnan(one.edf.mean) else one.edf.mean),
        ]
        for one in normalised.populations
    ]
    return Table(f"At equal {normalised.cost}", POPULATION_COLUMNS, rows)


def normalised_pairs(normalised: Normalised) -> Table:
    """Every pair; in the columns of means only where enough networks finished for an interval."""
    pairs = normalised.pairs
    level = level_words(pairs[0].result.level, pairs[0].pairs) if pairs else ""
    columns = (
        Column("First against second", "", tables.Pair),
        Column(f"First beats second (% of pairs), {level}", "theta", Estimate, unit="percent"),
        Column(f"Mean difference (points), {level}", "mean_difference", Estimate, unit="points"),
        Column("Strata", "strata", tables.Count),
        Column("n of first", "first_n", tables.Count),
        Column("n of second", "second_n", tables.Count),
    )
    return Table(f"Differences at equal {normalised.cost}", columns, [_row(pair) for pair in pairs])


def _row(pair: EqualCostPair) -> list[tables.Cell]:
    result = pair.result
    theta, interval = result.theta, result.interval
    share = Estimate(None)
    if theta is not None and interval is not None:
        share = Estimate(100 * theta, (100 * interval[0], 100 * interval[1]), digits=0)
    enough = min(result.finished) >= FEWEST_FOR_A_MEAN
    return [
        tables.Pair(pair.first.name, pair.second.name, sign="against"),
        share,
        Estimate(result.difference, result.difference_interval if enough else None, style="signed"),
        tables.Count(result.strata),
        tables.Count(result.used[0]),
        tables.Count(result.used[1]),
    ]


def normalised_sentence(normalised: Normalised) -> str:
    """The finding at equal complexity, for two populations or more."""
    if not normalised.pairs:
        return ""
    pair, cost = normalised.pairs[0], normalised.cost
    result, names = pair.result, f"{pair.first.name} and {pair.second.name}"
    if result.verdict is Verdict.NOTHING:
        return f"{names} overlap too little in {cost} to be compared at equal {cost}."
    numbers = f"{pair.beats}, n{NBSP}={NBSP}{result.used[0]:,} and {result.used[1]:,}"
    if result.differs:
        return f"At equal {cost} {pair.first.name} has lower errors than {pair.second.name}: {numbers}."
    return f"At equal {cost} no difference between {names} is shown: {numbers}."
