"""The filters of an analysis in its address: min_<column>=...&max_<column>=..., complexities in millions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.core.exceptions import BadRequest
from django.http import QueryDict

from engine.statistics.population import Range
from webapp.queries import COMPLEXITIES

MOST_FILTERS = 40
ENDS = ("min_", "max_")


@dataclass(frozen=True)
class RangeField:
    """The two inputs of one column; texts are what the address holds."""

    column: str
    label: str
    low: str
    high: str


def read_ranges(values: QueryDict) -> dict[str, Range]:
    """Ranges by column, in the unit of the address; 400 where a bound is no number or an end lies beyond the other."""
    ranges: dict[str, Range] = {}
    asked = [name for name in values if name.startswith(ENDS) and str(values[name]).strip()]
    if len(asked) > MOST_FILTERS:
        raise BadRequest(f"At most {MOST_FILTERS} bounds can be given, got {len(asked)}.")
    for column in dict.fromkeys(name[4:] for name in asked):
        low, high = (_bound(values, end + column) for end in ENDS)
        if low is not None and high is not None and low > high:
            raise BadRequest(f"The range of {column[:60]} must have min <= max, got {low:g} and {high:g}.")
        ranges[column] = (low, high)
    return ranges


def _bound(values: QueryDict, name: str) -> float | None:
    text = values.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadRequest(f"{name[:60]} must be a number, got {text[:20]}.")
    return value


def check_columns(ranges: Mapping[str, Range], columns: Iterable[str]) -> None:
    """400 for a column that none of the populations has."""
    known = set(columns)
    for column in ranges:
        if column not in known:
            raise BadRequest(f"None of these populations has a column {column[:60]} to filter by.")


def in_counts(ranges: Mapping[str, Range], columns: Iterable[str]) -> dict[str, Range]:
    """The ranges of those columns a population has, in the unit of the population: complexities as counts."""
    known = set(columns)
    return {
        column: (_scaled(low, column), _scaled(high, column))
        for column, (low, high) in ranges.items()
        if column in known
    }


def _scaled(bound: float | None, column: str) -> float | None:
    return bound * 1e6 if bound is not None and column in COMPLEXITIES else bound


def range_values(ranges: Mapping[str, Range]) -> list[tuple[str, str]]:
    """Ranges as an address holds them."""
    return [
        (end + column, f"{bound:.12g}")
        for column, bounds in ranges.items()
        for end, bound in zip(ENDS, bounds, strict=True)
        if bound is not None
    ]


def range_fields(columns: Iterable[str], values: QueryDict) -> list[RangeField]:
    """The inputs of every column that can be filtered by."""
    return [
        RangeField(
            column,
            f"{column} (M)" if column in COMPLEXITIES else column,
            *(values.get(end + column, "") for end in ENDS),
        )
        for column in columns
    ]
