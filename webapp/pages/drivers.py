"""Which parameters go with the error: rank correlations and importance, one line a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.statistics import holm, rank_correlation
from engine.statistics.correlation import Correlation
from engine.statistics.importance import Importance
from webapp.pages import remembered
from webapp.pages.figures import Figure, Table, text_columns
from webapp.pages.findings import Shown
from webapp.wording import counted, fixed, joined, p_value, percent, signed

FEWEST = 8  # samples for which a best quarter of two exists


@dataclass(frozen=True)
class Driver:
    """One column; ``importance`` is None for a complexity, which no law of the space sets."""

    name: str
    correlation: Correlation
    p_adjusted: float
    importance: Importance | None


@dataclass(frozen=True)
class Drivers:
    """Columns by falling importance, then by the size of rho; ``constant`` are those with one value."""

    lines: list[Driver]
    constant: list[str]
    n: int
    n_best: int


def drivers(shown: Shown, parameters: list[str]) -> Drivers:
    population = shown.trained.population
    columns = [*parameters, *shown.costs]
    if population.n < FEWEST or np.ptp(population.errors) == 0:
        return Drivers([], [], population.n, 0)
    varying = [name for name in columns if np.ptp(population[name]) > 0]
    among = [name for name in parameters if name in varying]
    correlations = {name: rank_correlation(population[name], population) for name in varying}
    adjusted = holm([one.p_value for one in correlations.values()])
    shares, n_best = {}, 0
    if among:
        found = remembered.importance(population, among)
        shares, n_best = {one.parameter: one for one in found.parameters}, found.n_best
    lines = [
        Driver(name, one, float(p), shares.get(name))
        for (name, one), p in zip(correlations.items(), adjusted, strict=True)
    ]
    lines.sort(key=lambda one: (-(one.importance.share if one.importance else -1), -abs(one.correlation.coefficient)))
    return Drivers(lines, [name for name in columns if name not in varying], population.n, n_best)


def by_importance(figures: Sequence[Figure], found: Drivers) -> list[Figure]:
    """The scatters of columns in the order of the lines; others keep their place behind them."""
    places = {f"by-{line.name}": place for place, line in enumerate(found.lines)}
    return sorted(figures, key=lambda figure: places.get(figure.element, len(places)))


def driver_table(found: Drivers) -> Table:
    columns = text_columns("Column", "Importance, 95 %", "Spearman rho, 95 %", "p, Holm")
    rows = [
        [
            line.name,
            f"{percent(line.importance.share, 0)} ({fixed(100 * line.importance.interval[0], 0)}–"
            f"{percent(line.importance.interval[1], 0)})"
            if line.importance
            else "–",
            f"{signed(line.correlation.coefficient, 2)} "
            f"({signed(line.correlation.interval[0], 2)}, {signed(line.correlation.interval[1], 2)})",
            p_value(line.p_adjusted),
        ]
        for line in found.lines
    ]
    return Table("Importance and rank correlations", columns, rows)


def driver_sentence(found: Drivers, name: str) -> str:
    """What the table says, in a sentence; and what it leaves out."""
    if not found.lines:
        return f"It takes {FEWEST} samples of different errors to say; there are {counted(found.n, 'sample')}."
    said = f"From {found.n:,} samples of {name}, of which the best {found.n_best:,} set the importance."
    top = found.lines[0]
    if top.importance and top.importance.interval[0] > 0:
        said = f"{top.name} sets the best designs apart most. {said}"
    if found.constant:
        has = "has" if len(found.constant) == 1 else "have"
        said += f" Left out: {joined(found.constant)}, which {has} one value in all samples."
    return said


def correlation_words(one: Correlation) -> str:
    low, high = one.interval
    return (
        f"Spearman rho {signed(one.coefficient, 2)} (95 %: {signed(low, 2)}, {signed(high, 2)}), n = {fixed(one.n, 0)}"
    )
