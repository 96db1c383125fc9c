"""The best and the worst designs of a population, as tables with their pictures."""

from __future__ import annotations

import math

from webapp.analysis import tables
from webapp.analysis.populations import AnalysedPopulation, Rows, with_unit
from webapp.analysis.tables import Cell, Column, Table, Target
from webapp.queries import COMPLEXITIES, SAMPLE_ID


def best_table(population: AnalysedPopulation) -> Table:
    return _designs(population, population.listed_rows[0], "Best designs", "best")


def worst_table(population: AnalysedPopulation) -> Table:
    """Those of highest error that are not among the best."""
    return _designs(population, population.listed_rows[1], "Worst designs", "worst")


def _designs(population: AnalysedPopulation, rows: Rows, label: str, slug: str) -> Table:
    columns = [
        Column("Rank", "rank", tables.Count),
        Column("Width per block", "widths_per_block", tables.Widths),
        Column("Sample", "sample", tables.Sample),
        *([Column("Name", "name", tables.Text)] if _has_names(population) else []),
        Column("Error (%)", "error", unit="percent"),
        *(Column(name, name) for name in population.parameters),
        *(Column(with_unit(name), name, unit="millions") for name in population.costs),
        *(Column(with_unit(name), name) for name in population.partly_known),
    ]
    return Table(label, columns, [_design(population, int(row)) for row in rows], slug)


def _design(population: AnalysedPopulation, row: int) -> list[Cell]:
    samples = population.samples
    sample = int(samples[SAMPLE_ID][row])
    picture = population.pictures[sample]
    cells: list[Cell] = [
        tables.Count(int(population.ranks[row])),
        tables.Widths(picture.widths),
        tables.Sample(picture.position, Target(population.token, sample)),
        *([tables.Text(picture.name)] if _has_names(population) else []),
        tables.Number(float(samples.errors[row])),
    ]
    cells += [tables.Number(float(samples[name][row]), style="compact") for name in population.parameters]
    cells += [tables.Number(float(samples[name][row]) / 1e6, style="significant") for name in population.costs]
    cells += [_known(float(samples[name][row]), name) for name in population.partly_known]
    return cells


def _known(value: float, name: str) -> tables.Number:
    """Without a value where it is not known."""
    scale = 1e6 if name in COMPLEXITIES else 1
    return tables.Number(None if math.isnan(value) else value / scale, style="compact")


def _has_names(population: AnalysedPopulation) -> bool:
    return any(picture.name for picture in population.pictures.values())
