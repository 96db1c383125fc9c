"""Which parameters go with the error: rank correlations and importance, one line a column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.statistics import holm, rank_correlation
from engine.statistics.correlation import Correlation
from engine.statistics.importance import Importance
from webapp.analysis import statistics, tables
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.tables import Column, Table
from webapp.wording import counted, joined, p_text

FEWEST = 8  # samples for which a best quarter of two exists
ALPHA = 0.05

COLUMNS = (
    Column("Column", "column", tables.Text),
    Column("Importance (%)", "importance", unit="percent"),
    Column("p, for all parameters", "p_importance", tables.PValue),
    Column("Spearman rho", "spearman_rho"),
    Column("p of rho, Holm", "p_holm", tables.PValue),
)


@dataclass(frozen=True)
class Driver:
    """One column; ``importance`` is None for a complexity, which is no parameter."""

    name: str
    correlation: Correlation
    p_adjusted: float
    importance: Importance | None


@dataclass(frozen=True)
class Drivers:
    """Parameters by falling evidence, then complexities by the size of rho; those ``constant`` have one value."""

    lines: list[Driver]
    constant: list[str]
    n: int
    n_best: int


def drivers(population: AnalysedPopulation) -> Drivers:
    samples, columns = population.samples, [*population.parameters, *population.costs]
    if samples.n < FEWEST or np.ptp(samples.errors) == 0:
        return Drivers([], [], samples.n, 0)
    varying = [name for name in columns if np.ptp(samples[name]) > 0]
    parameters = [name for name in population.parameters if name in varying]
    correlations = {name: rank_correlation(samples[name], samples) for name in varying}
    adjusted = holm([correlation.p_value for correlation in correlations.values()])
    shares: dict[str, Importance] = {}
    n_best = 0
    if parameters:
        importance = statistics.importance(samples, parameters)
        shares, n_best = {one.parameter: one for one in importance.parameters}, importance.n_best
    lines = [
        Driver(name, correlation, float(p), shares.get(name))
        for (name, correlation), p in zip(correlations.items(), adjusted, strict=True)
    ]
    lines.sort(key=_most_evident_first)
    return Drivers(lines, [name for name in columns if name not in varying], samples.n, n_best)


def _most_evident_first(line: Driver) -> tuple[bool, float]:
    if line.importance is None:
        return True, -abs(line.correlation.coefficient)
    return False, -line.importance.evidence


def driver_table(ranking: Drivers) -> Table:
    rows = [
        [
            tables.Text(line.name),
            tables.Number(100 * line.importance.share if line.importance else None, digits=0),
            tables.PValue(line.importance.p_value if line.importance else None),
            tables.Number(line.correlation.coefficient, digits=2, style="signed"),
            tables.PValue(line.p_adjusted),
        ]
        for line in ranking.lines
    ]
    return Table("Importance and rank correlations", COLUMNS, rows)


def driver_sentence(ranking: Drivers, name: str) -> str:
    """What the table says, in a sentence; and what it leaves out."""
    if not ranking.lines:
        return f"It takes {FEWEST} samples of different errors to say; there are {counted(ranking.n, 'sample')}."
    said = f"From {ranking.n:,} networks of {name}, of which the best {ranking.n_best:,} set the importance."
    top = ranking.lines[0]
    if top.importance and top.importance.p_value <= ALPHA:
        said = f"{top.name} sets the best designs apart beyond chance ({p_text(top.importance.p_value)}). {said}"
    elif top.importance:
        said = f"No parameter sets the best designs apart beyond chance ({p_text(top.importance.p_value)}). {said}"
    if ranking.constant:
        has = "has" if len(ranking.constant) == 1 else "have"
        said += f" Left out: {joined(ranking.constant)}, which {has} one value in all samples."
    return said
