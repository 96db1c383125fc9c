"""Error against cost: the designs that no other of a population beats in both."""

from __future__ import annotations

import numpy as np

from engine.statistics import error_cost_front
from engine.statistics.fronts import Front
from webapp.analysis import tables
from webapp.analysis.populations import AnalysedPopulation
from webapp.analysis.tables import Cell, Column, Table, Target
from webapp.queries import SAMPLE_ID
from webapp.wording import NBSP, counted, fixed, significant

MOST_LISTED = 50  # designs of one front in the table
LABEL = "Fronts of error against cost"


def front_of(population: AnalysedPopulation, cost: str) -> Front:
    return error_cost_front(population.errors, population.samples[cost])


def front_sentence(front: Front, cost: str) -> str:
    """What the steps in a scatter say."""
    designs = counted(len(front.rows), "design")
    first, last = (f"{fixed(front.errors[k])}{NBSP}% at {significant(front.costs[k] / 1e6)} M" for k in (0, -1))
    reach = f"from {first} to {last}" if front.costs[0] < front.costs[-1] else f"at {first}"
    return f"Steps: the front, {designs} of {front.n:,} that no other beats in error and {cost}, {reach}."


def front_table(population: AnalysedPopulation) -> Table | None:
    """The designs on the front of every complexity, by rising cost; None where no complexity is known."""
    samples, rows = population.samples, []
    for cost in population.costs:
        front = front_of(population, cost)
        listed = np.unique(np.linspace(0, len(front.rows) - 1, min(len(front.rows), MOST_LISTED)).astype(int))
        for row in front.rows[listed]:
            sample = int(samples[SAMPLE_ID][row])
            cells: list[Cell] = [
                tables.SampleId(Target(population.token, sample)),
                tables.Text(cost),
                tables.Number(float(samples[cost][row] / 1e6), style="significant"),
                tables.Number(float(samples.errors[row])),
            ]
            cells += [tables.Number(float(samples[name][row]), style="compact") for name in population.parameters]
            rows.append(cells)
    columns = [
        Column("Sample id", "sample_id", tables.SampleId),
        Column("On the front of", "front_of", tables.Text),
        Column("Cost (M)", "cost", unit="millions"),
        Column("Error (%)", "error", unit="percent"),
        *(Column(name, name) for name in population.parameters),
    ]
    return Table(LABEL, columns, rows) if rows else None


def left_unlisted(population: AnalysedPopulation) -> str:
    """How much of a front the table leaves out; mostly nothing."""
    lengths = [(cost, len(front_of(population, cost).rows)) for cost in population.costs]
    said = [f"{MOST_LISTED} of {n:,} on the front of {cost}, evenly spaced" for cost, n in lengths if n > MOST_LISTED]
    return f"Listed: {'; '.join(said)}." if said else ""
