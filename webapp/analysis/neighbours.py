"""The samples next to one in its space: what became of designs that are nearly the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.checks import JsonObject
from engine.designs import AnyNetDesign
from engine.statistics.population import FloatArray, Population
from webapp import queries
from webapp.analysis.populations import per_block
from webapp.models import Sample
from webapp.queries import SAMPLE_ID
from webapp.wording import compact

NEAREST = 5


@dataclass(frozen=True)
class Neighbour:
    """``between`` is the mean share of the population that lies between the two values of a parameter, 0 to 1.

    ``difference`` (percent) is its error minus the sample's; None where that has none.
    """

    sample: Sample
    between: float
    error: float
    difference: float | None
    widths: list[int]
    values: list[str]


@dataclass(frozen=True)
class Neighbourhood:
    parameters: list[str]
    lines: list[Neighbour]

    @property
    def top(self) -> int:
        """The largest width, for pictures of one scale."""
        return max(max(line.widths) for line in self.lines)

    @property
    def blocks(self) -> int:
        return max(len(line.widths) for line in self.lines)


def neighbourhood(
    sample: Sample, population: Population, paths: Mapping[str, Sequence[str | int]]
) -> Neighbourhood | None:
    """The nearest used samples of the same space and regime, in the parameters as drawn; None where there are none.

    Parameters are compared by their ranks in the population, so that neither a unit nor a law's scale weighs more.
    """
    others = population.select(population[SAMPLE_ID] != sample.pk)
    if not others.n or not paths:
        return None
    own = {name: _value(sample.drawn, path) for name, path in paths.items()}
    between = np.mean([_between(others[name], own[name]) for name in paths], axis=0)
    nearest = np.argsort(between, kind="stable")[:NEAREST]
    rows = queries.samples_by_id(others[SAMPLE_ID][nearest].astype(int).tolist())
    lines = [
        Neighbour(
            sample=(row := rows[int(others[SAMPLE_ID][index])]),
            between=float(between[index]),
            error=float(others.errors[index]),
            difference=None if sample.error is None else float(others.errors[index]) - sample.error,
            widths=_widths(row),
            values=[compact(others[name][index]) for name in paths],
        )
        for index in nearest
    ]
    return Neighbourhood(list(paths), lines)


def _between(values: FloatArray, own: float) -> FloatArray:
    """For each value the share of values between it and ``own``, ties counted half."""
    ordered = np.sort(values)
    shares = (_rank(ordered, values) - _rank(ordered, np.array([own]))) / len(values)
    return np.abs(shares)


def _rank(ordered: FloatArray, values: FloatArray) -> FloatArray:
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


def _value(drawn: JsonObject, path: Sequence[str | int]) -> float:
    """The number that stands at a path in a design's JSON."""
    value: Any = drawn
    for step in path:
        value = value[step]
    return float(value)


def _widths(row: Sample) -> list[int]:
    design = AnyNetDesign.from_json(row.design)
    return per_block(design.stage_depths, design.stage_widths)
