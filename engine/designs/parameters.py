"""What designs of both kinds, spaces and the linear fit agree on about single parameters: limits, checks, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from engine.checks import JsonObject, finite_number, positive_number, whole_number
from engine.designs.stages import LARGEST_REGNET_DEPTH, WIDTH_QUANTUM
from engine.designs.trunk import Trunk
from engine.errors import EngineError, InvalidDesign

if TYPE_CHECKING:  # a name of the type checker's, not of Python's
    from _typeshed import DataclassInstance

SCHEMA = 1
MOST_STAGES = 8
LARGEST_STRIDE = 1024
LARGEST_RATIO = 1024


def bottleneck_ratio(parameter: str, value: Any) -> float:
    """The value as a ratio that group compatibility can work with: above 0, and its inverse whole below 1."""
    ratio = positive_number(value, parameter=parameter, error=InvalidDesign)
    if not 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
        raise InvalidDesign(
            f"{parameter} must lie between 1/{LARGEST_RATIO} and {LARGEST_RATIO}, got {value}.",
            parameter=parameter,
            value=value,
        )
    if ratio < 1 and abs(1 / ratio - round(1 / ratio)) > 1e-6 / ratio:
        raise InvalidDesign(
            f"{parameter} must be the inverse of a whole number where it is below 1, got {value}.",
            parameter=parameter,
            value=value,
        )
    return ratio


def regnet_parameters(*, depth: Any, w_0: Any, w_a: Any, w_m: Any, error: type[EngineError]) -> dict[str, Any]:
    """The four parameters as the types they should have, after checking the range of each."""
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


def check_without_bottleneck(trunk: Trunk, values_by_name: Mapping[str, tuple[float, ...]]) -> None:
    """Refuse ratios and groups other than 1 for blocks without a bottleneck."""
    if trunk.has_bottleneck:
        return
    for name, values in values_by_name.items():
        for value in values:
            if value != 1:
                raise InvalidDesign(
                    f"{name} must be 1 for the block {trunk.block}, which has no bottleneck; got {value:g}.",
                    parameter=name,
                    value=value,
                )


def own_keys(cls: type[DataclassInstance]) -> tuple[str, ...]:
    """The keys that a design or space of this class has in JSON beside those of its trunk."""
    return tuple(item.name for item in fields(cls) if item.name != "trunk")


def to_json(design: DataclassInstance, kind: str) -> JsonObject:
    """The fields as JSON-able values, those of the trunk among them, with "kind" and "schema"."""
    values: JsonObject = {"kind": kind, "schema": SCHEMA}
    for item in fields(design):
        value = getattr(design, item.name)
        if isinstance(value, Trunk):
            values |= value.to_json()
        else:
            values[item.name] = list(value) if isinstance(value, tuple) else value
    return values
