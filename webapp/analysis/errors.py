"""Tables of the errors themselves: populations in numbers, quantiles, errors by the quarters of a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from engine.statistics.population import FloatArray
from webapp.analysis import tables
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.quantiles import quantile_of
from webapp.analysis.tables import Column, Estimate, Table, Target, error_estimate

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

POPULATION_COLUMNS = (
    Column("Space", "", tables.Population),
    Column("n", "n", tables.Count),
    Column("Failed", "failed", tables.Count),
    Column("Missing", "missing", tables.Count),
    Column("Pending", "pending", tables.Count),
    Column("Best of n (%)", "best", tables.Number, unit="percent"),
    Column("Median (%), 95 %", "median", tables.Estimate, unit="percent"),
    Column("Mean error (%), 95 %", "mean", tables.Estimate, unit="percent"),
)


def population_table(populations: Sequence[AnalysedPopulation]) -> Table:
    rows = [
        [
            tables.Population(one.name, one.origin, Target(one.token), one.slot),
            tables.Count(one.networks),
            tables.Count(one.failed),
            tables.Count(one.missing),
            tables.Count(one.pending),
            tables.Number(one.edf.min if one.n else None),
            error_estimate(one.median.value, one.median.interval),
            one.mean,
        ]
        for one in populations
    ]
    return Table("Populations", POPULATION_COLUMNS, rows)


def quantile_table(populations: Sequence[AnalysedPopulation]) -> Table:
    return quantiles("Quantiles of the error", populations, [one.quantile for one in populations])


def quantiles(
    label: str, populations: Sequence[AnalysedPopulation], estimates: Sequence[Callable[[float], Estimate]]
) -> Table:
    """One row a quantile, one column a population, given by its estimate."""
    columns = [Column("Share of designs", "share", tables.Share)]
    columns += [error_column(one.name, one.name) for one in populations]
    rows = [[tables.Share(share), *(estimate(share) for estimate in estimates)] for share in QUANTILES]
    return Table(label, columns, rows)


def error_column(title: str, name: str) -> Column:
    """The errors of one population, with their intervals."""
    return Column(f"{title}, error (%), 95 %", name, Estimate, unit="percent")


def quarter_table(values: FloatArray, errors: FloatArray, title: str, name: str, *, unit: str = "") -> Table:
    """Error by the quarters of a column."""
    edges = np.unique(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    rows = []
    for k, (low, high) in enumerate(pairwise(edges.tolist())):
        inside = (values >= low if k == 0 else values > low) & (values <= high)
        if inside.any():
            kept = errors[inside]
            rows.append(
                [tables.Range(low, high), tables.Count(len(kept)), tables.Number(kept.min()), quantile_of(kept, 0.5)]
            )
    columns = [
        Column(f"{title}, quarter", name, tables.Range, unit),
        Column("n", "n", tables.Count),
        Column("Best error (%)", "best", tables.Number, unit="percent"),
        Column("Median error (%), 95 %", "median", Estimate, unit="percent"),
    ]
    return Table(f"Error by {title}", columns, rows)
