"""What designs and spaces of both kinds share: limits and checks of single parameters, and their JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.checks import JsonObject, finite_number, json_object, positive_number, whole_number
from engine.designs.stages import LARGEST_REGNET_DEPTH, WIDTH_QUANTUM, Numbers
from engine.designs.trunk import TRUNK_KEYS, Trunk
from engine.errors import EngineError, InvalidDesign

if TYPE_CHECKING:  # this module exists for type checkers only
    from _typeshed import DataclassInstance

SCHEMA = 1
MOST_STAGES = 8
LARGEST_STRIDE = 1024
LARGEST_RATIO = 1024


def bottleneck_ratio(parameter: str, value: object) -> float:
    """The value as a ratio that group compatibility can work with: above 0, and its inverse whole below 1."""
    ratio = positive_number(value, parameter=parameter, error=InvalidDesign)
    if not 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
        raise InvalidDesign(
            f"{parameter} must lie between 1/{LARGEST_RATIO} and {LARGEST_RATIO}, got {value}.",
            parameter=parameter,
            value=value,
        )
    if ratio < 1 and no_whole_inverse(ratio):
        raise InvalidDesign(
            f"{parameter} must be the inverse of a whole number where it is below 1, got {value}.",
            parameter=parameter,
            value=value,
        )
    return ratio


def regnet_parameters(
    *, depth: object, w_0: object, w_a: object, w_m: object, error: type[EngineError]
) -> dict[str, float]:
    """The four parameters as values of the right types, each checked to lie in its range."""
    initial = whole_number(w_0, parameter="w_0", error=error)
    if initial % WIDTH_QUANTUM:
        raise error(f"w_0 must be a multiple of {WIDTH_QUANTUM}, got {initial}.", parameter="w_0", value=w_0)
    slope = finite_number(w_a, parameter="w_a", error=error)
    if slope < 0:
        raise error(f"w_a must be at least 0, got {w_a}.", parameter="w_a", value=w_a)
    multiplier = finite_number(w_m, parameter="w_m", error=error)
    if multiplier <= 1:
        raise error(f"w_m must be above 1, got {w_m}.", parameter="w_m", value=w_m)
    blocks = whole_number(depth, parameter="depth", error=error, high=LARGEST_REGNET_DEPTH)
    return {"depth": blocks, "w_0": initial, "w_a": slope, "w_m": multiplier}


def no_whole_inverse(ratios: float | Numbers) -> NDArray[np.bool_]:
    """Which of the ratios are below 1 without being the inverse of a whole number."""
    inverses = 1 / np.maximum(ratios, 1 / LARGEST_RATIO)
    return np.asarray((ratios < 1) & (np.abs(inverses - np.rint(inverses)) > 1e-6 * inverses))


@runtime_checkable
class HasJson(Protocol):
    """A value that writes itself as JSON."""

    def to_json(self) -> JsonObject: ...


def values_to_json(owner: DataclassInstance, kind: str) -> JsonObject:
    """The fields of a design or space as JSON-able values, those of its trunk among them, with "kind" and "schema"."""
    values: JsonObject = {"kind": kind, "schema": SCHEMA}
    for item in fields(owner):
        value = getattr(owner, item.name)
        if isinstance(value, Trunk):
            values |= value.to_json()
        elif isinstance(value, HasJson):
            values[item.name] = value.to_json()
        else:
            values[item.name] = list(value) if isinstance(value, tuple) else value
    return values


def values_from_json(
    cls: type[DataclassInstance],
    data: Mapping[str, object],
    *,
    kind: str,
    required: Collection[str],
    error: type[EngineError] = InvalidDesign,
) -> JsonObject:
    """The arguments of a design or space from its JSON: a `Trunk`, and the other fields as they stand there."""
    own = (item.name for item in fields(cls) if item.name != "trunk")
    keys = (*TRUNK_KEYS, *own)
    values = json_object(data, kind=kind, schema=SCHEMA, keys=keys, required=required, error=error)
    return {"trunk": Trunk.take_from(values), **values}
