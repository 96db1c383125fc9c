"""Populations at equal complexity: their weighted EDFs, with what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

from django.utils.functional import cached_property

from engine.errors import InvalidPopulation
from engine.statistics import common_limits, compare_normalised, normalised_band, normalised_edf
from engine.statistics.edf import EdfBand, NormalisedEdf
from webapp.analysis import tables
from webapp.analysis.errors import quantiles
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.tables import Column, Estimate, Table, error_estimate
from webapp.wording import NBSP, fixed, joined, signed, significant

BINS = 10

POPULATION_COLUMNS = (
    Column("Population", "population", tables.Text),
    Column("n inside", "inside", tables.Count),
    Column("Effective n", "effective_n"),
    Column("Left out", "left_out", tables.Count),
    Column("Bins used", "bins_used", tables.CountOf),
    Column("Median (%), 95 %", "median", Estimate, unit="percent"),
    Column("Mean error (%), 95 %", "mean", Estimate, unit="percent"),
)
PAIR_COLUMNS = (
    Column("Pair", "", tables.Pair),
    Column("Means (%), 95 %", "mean_difference", Estimate, unit="points"),
    Column("KS D, weighted, 95 %", "ks_distance", Estimate),
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
        place = min(int((self.edf.fractions < share - 1e-12).sum()), self.edf.n - 1)
        return error_estimate(float(self.edf.errors[place]), self.band.quantile_interval(share))


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

    @property
    def by_mean(self) -> list[NormalisedPopulation]:
        return sorted(self.populations, key=lambda one: one.edf.mean)


def normalise(populations: Sequence[AnalysedPopulation], cost: str) -> Normalised:
    """All populations within the range of ``cost`` that every one of them reaches."""
    without = [one.name for one in populations if cost not in one.costs]
    if without:
        return Normalised(cost, problem=f"{joined(without)} has no {cost}, so nothing is normalised by it.")
    columns = [one.samples[cost] for one in populations]
    limits = common_limits(*columns)
    try:
        edfs = [
            normalised_edf(one.errors, column, limits=limits, bins=BINS)
            for one, column in zip(populations, columns, strict=True)
        ]
    except InvalidPopulation:
        low, high = (significant(limit / 1e6) for limit in limits)
        problem = f"The populations have no {cost} in common (above {low} M, at most {high} M) to normalise by."
        return Normalised(cost, problem=problem)
    return Normalised(cost, [NormalisedPopulation(*one) for one in zip(populations, edfs, strict=True)])


def normalised_quantiles(normalised: Normalised) -> Table:
    label = f"Quantiles of the error at equal {normalised.cost}"
    populations = [one.population for one in normalised.populations]
    return quantiles(label, populations, [one.quantile for one in normalised.populations])


def normalised_table(normalised: Normalised) -> Table:
    rows = [
        [
            tables.Text(one.name),
            tables.Count(one.edf.n),
            tables.Number(one.edf.effective_n),
            tables.Count(one.edf.left_out),
            tables.CountOf(one.edf.bins_used, one.edf.bins),
            one.quantile(0.5),
            Estimate(one.edf.mean, one.edf.interval),
        ]
        for one in normalised.populations
    ]
    return Table(f"At equal {normalised.cost}", POPULATION_COLUMNS, rows)


def normalised_pairs(normalised: Normalised) -> Table:
    """Every pair, the lower mean first."""
    rows = []
    for first, second in combinations(normalised.by_mean, 2):
        test = compare_normalised(first.edf, second.edf)
        rows.append(
            [
                tables.Pair(first.name, second.name),
                Estimate(test.mean_difference, test.interval, style="signed"),
                Estimate(test.ks_distance, test.ks_interval, digits=2),
            ]
        )
    return Table(f"Differences at equal {normalised.cost}", PAIR_COLUMNS, rows)


def normalised_sentence(normalised: Normalised) -> str:
    """The finding at equal complexity, for two populations or more."""
    by_mean = normalised.by_mean
    if len(by_mean) < 2:
        return ""
    first, second = by_mean[0], by_mean[-1]
    pairs = comb(len(by_mean), 2)  # the furthest apart of so many, hence Bonferroni
    test = compare_normalised(first.edf, second.edf, confidence=1 - 0.05 / pairs)
    low, high = test.interval
    together = "" if pairs == 1 else f" for all {pairs} pairs together"
    numbers = (
        f"{fixed(first.edf.mean)}{NBSP}% against {fixed(second.edf.mean)}{NBSP}%, "
        f"difference {signed(test.mean_difference)} "
        f"(95{NBSP}%{together}: {signed(low)}, {signed(high)}), n = {first.edf.n} and {second.edf.n}"
    )
    if high < 0:
        return f"At equal {normalised.cost} {first.name} has a lower mean error than {second.name}: {numbers}."
    return f"At equal {normalised.cost} no difference of {first.name} and {second.name} is shown: {numbers}."
