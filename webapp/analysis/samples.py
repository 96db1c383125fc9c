"""One sample among the others of its population: its rank, and how large it is beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from webapp.models import Sample
from webapp.queries import COMPLEXITIES, TrainedPopulation


@dataclass(frozen=True)
class CostLine:
    """A complexity of the sample: exact, and the share (0 to 1) of the population with less."""

    name: str
    count: int
    share_below: float | None


@dataclass(frozen=True)
class Rank:
    """Place of the sample's error in its population, 1 for the lowest; ties share a rank."""

    rank: int
    n: int


def rank_of(sample: Sample, trained: TrainedPopulation) -> Rank | None:
    """None for a sample that has no error, or is not among those used yet."""
    population = trained.population
    if sample.error is None or sample.pk not in population["sample_id"]:
        return None
    return Rank(int((population.errors < sample.error).sum()) + 1, population.n)


def cost_lines(sample: Sample, trained: TrainedPopulation) -> list[CostLine]:
    lines = []
    for name in COMPLEXITIES:
        count = getattr(sample, name)
        column = trained.population[name]
        lines.append(CostLine(name, count, float(np.mean(column < count)) if len(column) else None))
    return lines
