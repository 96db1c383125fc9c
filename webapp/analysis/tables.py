"""Tables of values: what a cell holds, how it reads on a page, and which values it is in a file or for the API.

A column is named for files (``mean_percent``, ``mean_low_percent``) and titled for pages ("Mean error (%), 95 %").
Words are made last: nothing is ever read back from them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from django.utils.text import slugify

from webapp.wording import (
    between,
    compact,
    fixed,
    p_value,
    percent,
    says_something,
    signed,
    signed_between,
    significant,
)

Value = str | int | float | None
NONE = "–"


@dataclass(frozen=True)
class Target:
    """What a cell is about, for those who can make a link of it: a population, or one of its samples."""

    population: str
    sample: int | None = None


class Cell(ABC):
    """One cell: the ``words`` of a page and the ``values`` of a file, as many as the type has ``parts``."""

    parts: ClassVar[Sequence[str]] = ("",)
    numeric: ClassVar[bool] = True

    @property
    @abstractmethod
    def words(self) -> str: ...

    @property
    @abstractmethod
    def values(self) -> Sequence[Value]: ...


@dataclass(frozen=True)
class Text(Cell):
    text: str

    numeric: ClassVar[bool] = False

    @property
    def words(self) -> str:
        return self.text

    @property
    def values(self) -> Sequence[Value]:
        return (self.text,)


@dataclass(frozen=True)
class Population(Cell):
    """A population by its name; files hold its space and its regime, or the file that it was imported from."""

    name: str
    origin: tuple[str, str]
    target: Target
    slot: int

    parts: ClassVar[Sequence[str]] = ("space", "regime")
    numeric: ClassVar[bool] = False

    @property
    def words(self) -> str:
        return self.name

    @property
    def values(self) -> Sequence[Value]:
        return self.origin


@dataclass(frozen=True)
class Pair(Cell):
    """The names of two populations that are compared, ``sign`` between them."""

    first: str
    second: str
    sign: str = "\N{MINUS SIGN}"

    parts: ClassVar[Sequence[str]] = ("first", "second")
    numeric: ClassVar[bool] = False

    @property
    def words(self) -> str:
        return f"{self.first} {self.sign} {self.second}"

    @property
    def values(self) -> Sequence[Value]:
        return self.first, self.second


@dataclass(frozen=True)
class Count(Cell):
    value: int | None

    @property
    def words(self) -> str:
        return NONE if self.value is None else f"{self.value:,}"

    @property
    def values(self) -> Sequence[Value]:
        return (self.value,)


@dataclass(frozen=True)
class Sample(Cell):
    """A sample by its position in its batch or file; files hold its id as well."""

    position: int
    target: Target

    parts: ClassVar[Sequence[str]] = ("position", "id")

    @property
    def words(self) -> str:
        return f"{self.position:,}"

    @property
    def values(self) -> Sequence[Value]:
        return self.position, self.target.sample


@dataclass(frozen=True)
class SampleId(Cell):
    """A sample by its id alone."""

    target: Target

    @property
    def words(self) -> str:
        return str(self.target.sample)

    @property
    def values(self) -> Sequence[Value]:
        return (self.target.sample,)


@dataclass(frozen=True)
class CountOf(Cell):
    """So many of so many."""

    value: int
    total: int

    parts: ClassVar[Sequence[str]] = ("", "total")

    @property
    def words(self) -> str:
        return f"{self.value:,} of {self.total:,}"

    @property
    def values(self) -> Sequence[Value]:
        return self.value, self.total


Style = Literal["fixed", "signed", "significant", "compact"]


@dataclass(frozen=True)
class Number(Cell):
    """A number; ``style`` and ``digits`` say how pages write it."""

    value: float | None
    digits: int = 1
    style: Style = "fixed"

    @property
    def words(self) -> str:
        if self.value is None:
            return NONE
        if self.style == "compact":
            return compact(self.value)
        if self.style == "significant":
            return significant(self.value)
        return signed(self.value, self.digits) if self.style == "signed" else fixed(self.value, self.digits)

    @property
    def values(self) -> Sequence[Value]:
        return (self.value,)


@dataclass(frozen=True)
class Share(Cell):
    """A share of one, which pages write as per cent."""

    value: float
    digits: int = 0

    @property
    def words(self) -> str:
        return percent(self.value, self.digits)

    @property
    def values(self) -> Sequence[Value]:
        return (self.value,)


@dataclass(frozen=True)
class Estimate(Cell):
    """An estimate with its interval; no interval where too few samples allow none."""

    value: float | None
    interval: tuple[float, float] | None = None
    digits: int = 1
    style: Literal["fixed", "signed"] = "fixed"
    without: str = "no interval yet"  # said where there is none

    parts: ClassVar[Sequence[str]] = ("", "low", "high")

    @property
    def point(self) -> str:
        """An infinite value lies among the failures, where no error is."""
        if self.value is not None and math.isinf(self.value):
            return "among the failed"
        return Number(self.value, self.digits, self.style).words

    @property
    def ends(self) -> str:
        """The interval in brackets; empty where even the estimate is missing."""
        if self.value is None or math.isinf(self.value):
            return ""
        if self.interval is None:
            return f"({self.without})"
        return (signed_between if self.style == "signed" else between)(self.interval, self.digits)

    @property
    def words(self) -> str:
        return f"{self.point} {self.ends}".rstrip()

    @property
    def values(self) -> Sequence[Value]:
        """What is infinite is empty in a file: an open end, or a value among the failures."""
        numbers = (self.value, *(self.interval or (None, None)))
        return [None if number is None or math.isinf(number) else number for number in numbers]


def error_estimate(value: float, interval: tuple[float, float]) -> Estimate:
    """Of an error in percent: an interval from 0 to 100 says nothing, so it is none."""
    return Estimate(value, interval if says_something(interval) else None)


@dataclass(frozen=True)
class Range(Cell):
    """From one number to another, both included."""

    low: float
    high: float

    parts: ClassVar[Sequence[str]] = ("from", "to")
    numeric: ClassVar[bool] = False

    @property
    def words(self) -> str:
        return f"{significant(self.low)}–{significant(self.high)}"

    @property
    def values(self) -> Sequence[Value]:
        return self.low, self.high


@dataclass(frozen=True)
class Interval(Cell):
    """Where something lies, with no estimate of it."""

    low: float
    high: float
    digits: int = 1

    parts: ClassVar[Sequence[str]] = ("low", "high")

    @property
    def words(self) -> str:
        return between((self.low, self.high), self.digits)

    @property
    def values(self) -> Sequence[Value]:
        return self.low, self.high


@dataclass(frozen=True)
class PValue(Cell):
    value: float | None

    @property
    def words(self) -> str:
        return NONE if self.value is None else p_value(self.value)

    @property
    def values(self) -> Sequence[Value]:
        return (self.value,)


@dataclass(frozen=True)
class Widths(Cell):
    """The width of every block of a design, none where the design is not known; pages draw it."""

    widths: Sequence[int]

    numeric: ClassVar[bool] = False

    @property
    def words(self) -> str:
        return " ".join(map(str, self.widths)) or NONE

    @property
    def values(self) -> Sequence[Value]:
        return (" ".join(map(str, self.widths)) or None,)


@dataclass(frozen=True)
class Column:
    """The head of a column of cells of one type: ``title`` on pages; in files ``name`` before the ``unit``."""

    title: str
    name: str
    kind: type[Cell] = Number
    unit: str = ""
    hidden: bool = False

    @property
    def numeric(self) -> bool:
        """Numbers are right-aligned."""
        return self.kind.numeric

    @property
    def fields(self) -> list[str]:
        """The names of its columns in a file, one for each part of a cell."""
        return ["_".join(filter(None, (self.name, part, self.unit))) for part in self.kind.parts]


def _told_apart(columns: Sequence[Column]) -> list[Column]:
    taken: set[str] = set()
    apart = []
    for column in columns:
        named, number = column, 1
        while taken.intersection(named.fields):
            number += 1
            named = replace(column, name=f"{column.name}_{number}")
        taken.update(named.fields)
        apart.append(named)
    return apart


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first cell of a row is its head.

    A column whose fields another has already gets a number behind its name, so that no file loses a column.
    """

    label: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    slug: str = field(default="")

    def __post_init__(self) -> None:
        if not self.slug:
            object.__setattr__(self, "slug", slugify(self.label))
        object.__setattr__(self, "columns", _told_apart(self.columns))

    @property
    def fields(self) -> list[str]:
        return [name for column in self.columns for name in column.fields]

    def records(self) -> Iterator[list[Value]]:
        """The rows as a file holds them, in full precision."""
        for row in self.rows:
            yield [value for cell in row for value in cell.values]

    def as_columns(self) -> dict[str, list[Value]]:
        """The same by column, for a file or an answer that holds columns."""
        columns: list[list[Value]] = [[] for _ in self.fields]
        for record in self.records():
            for column, value in zip(columns, record, strict=True):
                column.append(value)
        return dict(zip(self.fields, columns, strict=True))
