"""Checks of single values, shared by designs, laws and spaces: each returns the value as the type it should have.

Every check takes the class of error to raise; the error names the parameter and the value.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from numbers import Integral, Real

from engine.errors import EngineError

# An object of JSON: what `to_json` returns. What comes in is checked value by value.
JsonObject = dict[str, object]

# Far above any network that can be trained, and far enough below 2**53 that float64 holds every multiple on the way.
LARGEST_WHOLE = 2**40


def brief(value: object) -> str:
    """The value as a message shows it: never long, whatever was typed in."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length():,} bits"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def whole_number(
    value: object, *, parameter: str, error: type[EngineError], low: int = 1, high: int = LARGEST_WHOLE
) -> int:
    """The value as an int from ``low`` to ``high``; 24.0 counts as 24, True and "24" are refused."""
    if type(value) is int:  # thousands of designs are made of plain ints
        whole = value
    else:
        number = finite_number(value, parameter=parameter, error=error)
        if not number.is_integer():
            raise error(f"{parameter} must be a whole number, got {brief(value)}.", parameter=parameter, value=value)
        whole = int(value) if isinstance(value, Integral) else int(number)
    if not low <= whole <= high:
        bound = f"at least {low}" if whole < low else f"at most {high}"
        raise error(f"{parameter} must be {bound}, got {brief(whole)}.", parameter=parameter, value=value)
    return whole


def finite_number(value: object, *, parameter: str, error: type[EngineError]) -> float:
    """The value as a finite float; strings, booleans, NaN and infinities are refused."""
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        raise error(f"{parameter} must be a number, got {brief(value)}.", parameter=parameter, value=value)
    if type(value) is not float and isinstance(value, Integral) and abs(int(value)) >= 2**63:
        raise error(f"{parameter} must fit in 64 bits, got {brief(value)}.", parameter=parameter, value=value)
    number = float(value)
    if not math.isfinite(number):
        raise error(f"{parameter} must be finite, got {brief(value)}.", parameter=parameter, value=value)
    return number


def positive_number(value: object, *, parameter: str, error: type[EngineError]) -> float:
    """The value as a finite float above 0."""
    number = finite_number(value, parameter=parameter, error=error)
    if number <= 0:
        raise error(f"{parameter} must be above 0, got {brief(value)}.", parameter=parameter, value=value)
    return number


def one_of(value: object, options: Collection[str], *, parameter: str, error: type[EngineError]) -> str:
    """The value, which must be one of the names."""
    if not isinstance(value, str) or value not in options:
        raise error(
            f"{parameter} must be one of {', '.join(options)}, got {brief(value)}.",
            parameter=parameter,
            value=value,
        )
    return value


def sequence(value: object, *, parameter: str, error: type[EngineError]) -> tuple[object, ...]:
    """The value as a tuple; anything but a list, a tuple or an array of one dimension is refused."""
    if type(value) is tuple:
        return value
    try:
        if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
            return tuple(value)
    except TypeError:  # an array without dimensions
        pass
    raise error(f"{parameter} must be a list, got {brief(value)}.", parameter=parameter, value=value)


def json_object(
    data: object, *, kind: str, schema: int, keys: Collection[str], required: Collection[str], error: type[EngineError]
) -> JsonObject:
    """The object without its "kind" and "schema", after refusing another kind or schema, unknown and missing keys."""
    if not isinstance(data, Mapping):
        raise error(f"An object of kind {kind} was expected, got {brief(data)}.", parameter="kind", value=data)
    if data.get("kind") != kind:
        raise error(f"kind must be {kind}, got {brief(data.get('kind'))}.", parameter="kind", value=data.get("kind"))
    if isinstance(data.get("schema"), bool) or data.get("schema") != schema:
        found = data.get("schema")
        raise error(
            f"schema must be {schema}, the version read here, got {brief(found)}.", parameter="schema", value=found
        )
    rest = {key: value for key, value in data.items() if key not in ("kind", "schema")}
    for key in rest:
        if key not in keys:
            raise error(f"{brief(key)} is no parameter of kind {kind}.", parameter=str(key), value=rest[key])
    for key in required:
        if key not in rest:
            raise error(f"{key} is missing.", parameter=key)
    return rest


def set_fields(owner: object, **values: object) -> None:
    """Set fields of a frozen dataclass: for its own ``__post_init__``, which puts checked values in their place."""
    for name, value in values.items():
        object.__setattr__(owner, name, value)
