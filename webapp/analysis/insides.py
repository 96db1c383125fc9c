"""Which samples of a space lie inside a proposed child: read off the columns, without building a design."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from engine.designs import Design
from engine.spaces import AnyNetSpace, RegNetSpace
from engine.spaces.laws import Law
from engine.statistics.population import FloatArray, Population
from engine.training.regimes import Regime as EngineRegime
from webapp.analysis.statistics import BoolArray
from webapp.models import Regime

KEYS = {"depths": "stage_depths", "widths": "stage_widths"}  # of a sequence in the JSON of a design, where it differs
IN_COLUMNS = {
    *("depths", "widths", "bottleneck_ratios", "group_widths", "groups", "rules"),
    *("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width", "tie", "params_limit", "acts_limit"),
}


def inside(
    child: AnyNetSpace | RegNetSpace, parent: AnyNetSpace | RegNetSpace, population: Population
) -> BoolArray | None:
    """Which of the parent's samples the child contains, shape (n,), as `child.contains` says of each design.

    None where the columns can't tell: the child differs in something that only the generated stages show, such as
    their number or their largest width.
    """
    if (
        type(child) is not type(parent)
        or _differs_elsewhere(child, parent)
        or set(child.sequences) != set(parent.sequences)
    ):
        return None
    kept = np.ones(population.n, dtype=bool)
    for name, sequence in child.sequences.items():
        values = _values(parent, name, population)
        for law, column in zip(sequence.laws, values, strict=True):
            kept &= _is_value(law, column)
        for before, after in pairwise(values):
            if sequence.relation == "equal":
                kept &= before == after
            elif sequence.relation == "non_decreasing":
                kept &= before <= after
    if isinstance(child, RegNetSpace):
        costs = (population[name] for name in ("flops", "params", "acts"))
        for _, cost, most in child.complexity_limits(*costs):
            kept &= cost < most
    return kept


def failed_rows(samples: Population) -> Population:
    """The samples that failed by their network's own doing, as rows of their own; a value not known is nan."""
    columns = {**samples.failures, "error": np.zeros(samples.failed)}
    return Population(MappingProxyType(columns))


def holds(child: AnyNetSpace | RegNetSpace, design: Design, regime: Regime) -> bool:
    """Whether the child contains one design; limits of params and acts are asked for the images of the regime."""
    if not isinstance(child, RegNetSpace):
        return bool(child.contains(design))
    image = EngineRegime.from_json(regime.definition)
    answer = child.contains(
        design, resolution=image.resolution, in_channels=image.in_channels, num_classes=image.num_classes
    )
    return bool(answer)


def _differs_elsewhere(child: AnyNetSpace | RegNetSpace, parent: AnyNetSpace | RegNetSpace) -> bool:
    return any(
        getattr(child, item.name) != getattr(parent, item.name)
        for item in fields(parent)
        if item.name not in IN_COLUMNS
    )


def _values(parent: AnyNetSpace | RegNetSpace, name: str, population: Population) -> list[FloatArray]:
    """The values of one sequence of the parent, a column a place; a parameter with one value has no column."""
    columns = {path: column for column, path in parent.parameter_paths().items()}
    sequence = parent.sequences[name]
    values = []
    for place, support in enumerate(sequence.supports()):
        column = columns.get(_path(parent, name, place))
        if column is None and sequence.relation == "equal":  # shared by all places, it is the column of the first
            column = columns.get(_path(parent, name, 0))
        values.append(population[column] if column else np.full(population.n, float(support[0])))
    return values


def _path(parent: AnyNetSpace | RegNetSpace, name: str, place: int) -> tuple[str | int, ...]:
    if isinstance(parent, RegNetSpace):
        return (("w_0", "w_a")[place],) if name == "w" else (name,)
    return (KEYS.get(name, name), place)


def _is_value(law: Law, column: FloatArray) -> BoolArray:
    """Whether each is a value of the law, as `Law.position` says."""
    places = np.minimum(np.searchsorted(law.values, column), len(law.values) - 1)
    equal: BoolArray = law.values[places] == column
    return equal
