"""Categories of an import against its error: its levels in order of their median, and those worth keeping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.statistics import Verdict
from engine.statistics.population import FloatArray
from webapp import queries
from webapp.analysis import statistics, tables
from webapp.analysis.populations import AnalysedPopulation, FilePopulation
from webapp.analysis.quantiles import quantile_of
from webapp.analysis.tables import Column, Estimate, Table
from webapp.queries import SAMPLE_ID
from webapp.wording import joined

MOST_COMPARED = 12  # levels; every two of them are tested
FEWEST = 2  # networks of a level with a place in the order


@dataclass(frozen=True, eq=False)
class Level:
    """One level of a category; ``outcomes`` are errors in percent, inf for its failed networks."""

    name: str
    outcomes: FloatArray

    @property
    def errors(self) -> FloatArray:
        return self.outcomes[np.isfinite(self.outcomes)]

    @property
    def median(self) -> Estimate:
        return quantile_of(self.outcomes, 0.5)


@dataclass(frozen=True, eq=False)
class CategoryAgainstError:
    """A category of a population: its levels by rising median, those with no network left out."""

    population: AnalysedPopulation
    name: str
    levels: Sequence[Level]

    @property
    def n(self) -> int:
        """Networks whose level is known."""
        return sum(len(level.outcomes) for level in self.levels)

    @property
    def kept(self) -> list[str]:
        """The level of lowest median, and those that it is not shown to be lower than."""
        compared = [level for level in self.levels if len(level.outcomes) >= FEWEST][:MOST_COMPARED]
        if len(compared) < 2:
            return [level.name for level in compared]
        with_best = statistics.compared([level.outcomes for level in compared])[: len(compared) - 1]
        return [compared[0].name] + [
            level.name for level, test in zip(compared[1:], with_best, strict=True) if test.verdict != Verdict.A_LOWER
        ]

    @property
    def sentence(self) -> str:
        compared = [level.name for level in self.levels if len(level.outcomes) >= FEWEST][:MOST_COMPARED]
        worse = [name for name in compared if name not in self.kept]
        if not worse:
            return "No level is shown to have higher errors than another."
        verb = "has" if len(worse) == 1 else "have"
        return f"Keep {joined(self.kept)}: {joined(worse)} {verb} higher errors (every two levels tested, Holm)."

    @property
    def table(self) -> Table:
        rows = [
            [
                tables.Text(level.name),
                tables.Count(len(level.outcomes)),
                tables.Count(len(level.outcomes) - len(level.errors)),
                tables.Number(float(level.errors.min()) if len(level.errors) else None),
                level.median,
            ]
            for level in self.levels
        ]
        columns = [
            Column(self.name, self.name, tables.Text),
            Column("n", "n", tables.Count),
            Column("Failed", "failed", tables.Count),
            Column("Best error (%)", "best", tables.Number, unit="percent"),
            Column("Median error (%), 95 %", "median", Estimate, unit="percent"),
        ]
        return Table(self.name, columns, rows)


def categories(population: AnalysedPopulation) -> list[CategoryAgainstError]:
    """Of an import, those with two levels or more; a space has none."""
    if not isinstance(population, FilePopulation) or not population.n:
        return []
    samples = population.samples
    finished = samples[SAMPLE_ID].astype(int) - 1
    failed = samples.failures[SAMPLE_ID].astype(int) - 1 if samples.failures else np.array([], dtype=int)
    rows, outcomes = np.concatenate([finished, failed]), samples.outcomes[: len(finished) + len(failed)]
    found = []
    for column in queries.load_categories(population.imported):
        places = np.asarray(column.values)[rows]
        levels = [Level(name, outcomes[places == place]) for place, name in enumerate(column.levels)]
        known = sorted((level for level in levels if len(level.outcomes)), key=lambda level: np.median(level.outcomes))
        if len(known) > 1:
            found.append(CategoryAgainstError(population, column.name, known))
    return found
