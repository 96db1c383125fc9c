"""From a file's rows to the columns of a population: typed, converted, with every unusable row named."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.checks import JsonObject
from engine.designs import design_from_json
from engine.errors import EngineError
from webapp.files.row_files import LONGEST_CELL, RowFile
from webapp.models import ColumnKind
from webapp.models.columns import Column
from webapp.queries import SAMPLE_ID
from webapp.queries.imports import BEST_ERROR
from webapp.strict_json import storable
from webapp.wording import counted

Measure = Literal["error", "accuracy"]
Unit = Literal["percent", "fraction"]

LOOKED_AT = 1_000  # rows that the guesses are made from
MOSTLY = 0.9  # of the cells that are filled must be numbers for a column of numbers
PROBLEMS_LISTED = 50
BLANK = frozenset({"", "na", "n/a", "nan", "null", "none"})
LONGEST_NUMBER = 40
MOST_EXACT = 2**53  # a whole number beyond it would lose digits as a float, silently: ids and seeds are kept as text
# What Python's float reads; other cells of a typed file, such as dates, are no numbers.
NUMERIC = (float, int, str, bytes, Decimal)
# Names that figures and tables use for themselves.
LARGEST_NUMBER = 1e100  # beyond it sums and spans of a column leave the range of a float
RESERVED = frozenset({SAMPLE_ID, "index", "label", "url"})
ERROR_NAMES = re.compile(r"(^|[^a-z])(err|error|acc|accuracy)([^a-z]|$)")


@dataclass(frozen=True)
class Choices:
    """What the person says about a file. ``kinds``: name in the file -> kind, without those left out.

    ``error`` and ``best`` name columns of the file (``best`` may be empty), which hold a ``measure`` in a ``unit``.
    """

    error: str
    best: str
    measure: Measure
    unit: Unit
    kinds: Mapping[str, ColumnKind]

    @property
    def origin(self) -> str:
        """How the errors come about, in words."""
        share = self.unit == "fraction"
        if self.measure == "accuracy":
            return f"{'100 × (1 − ' if share else '100 − '}{self.error}{')' if share else ''}"
        return f"100 × {self.error}" if share else self.error

    def error_of(self, value: float) -> float:
        """The error in percent that a value of the column means."""
        percent = 100 * value if self.unit == "fraction" else value
        # Ten digits are more than any error has, and spare the reader 27.474000000000004.
        return round(100 - percent if self.measure == "accuracy" else percent, 10)


@dataclass(frozen=True)
class Problem:
    number: int
    reason: str


@dataclass(frozen=True, eq=False)
class Imported:
    """What the whole file gives under some choices."""

    columns: list[Column]
    n: int
    left_out: int
    problems: list[Problem]  # the first PROBLEMS_LISTED of those left out

    @property
    def errors(self) -> npt.NDArray[np.float64]:
        return np.asarray(next(column.values for column in self.columns if column.name == "error"))


def column_name(name: str) -> str:
    """A column's name as an identifier, as the parameters of the engine have: it stands in addresses and figures."""
    clean = re.sub(r"[^\w.-]+", "_", name.strip()).strip("_")[:60] or "column"
    return f"{clean}_" if clean in RESERVED else clean


def guess(file: RowFile) -> Choices:
    """What a file most likely means, from its first rows and the names of its columns."""
    rows = [row.cells for row in islice(file.rows(), LOOKED_AT) if not row.problem]
    kinds = {name: _kind([cells[k] for cells in rows], file) for k, name in enumerate(file.names)}
    numbers = [name for name, kind in kinds.items() if kind == ColumnKind.NUMBER]
    named = [name for name in numbers if ERROR_NAMES.search(name.lower())]
    best = BEST_ERROR if BEST_ERROR in named else ""
    error = min((name for name in named if name != best), key=_likeness, default="")
    values = [number for cells in rows if error for number in _present(cells[file.names.index(error)], file)]
    fraction = bool(values) and all(0 <= value <= 1 for value in values)
    return Choices(
        error=error,
        best=best if error == "error" else "",
        measure="accuracy" if "acc" in error.lower() else "error",
        unit="fraction" if fraction else "percent",
        kinds={name: kind for name, kind in kinds.items() if kind is not None},
    )


def _likeness(name: str) -> tuple[int, int]:
    """Smaller for a name that is more likely the column meant: an error before an accuracy, final before others."""
    text = name.lower()
    order = ["error", "top1_err", "err", "test_error", "accuracy", "acc"]
    place = order.index(text) if text in order else len(order)
    return (place, sum(word in text for word in ("train", "top5", "top-5", "std", "min", "best", "acc")))


def _kind(cells: Sequence[object], file: RowFile) -> ColumnKind | None:
    """Number, text or design; None for what can only be left out."""
    present = [cell for cell in cells if not _is_blank(cell)]
    if present and all(isinstance(cell, dict) and "kind" in cell for cell in present):
        return ColumnKind.DESIGN
    if any(isinstance(cell, (dict, list)) for cell in present) or not present:
        return None
    numbers = sum(len(list(_present(cell, file))) for cell in present)
    return ColumnKind.NUMBER if numbers >= MOSTLY * len(present) else ColumnKind.TEXT


def _present(cell: object, file: RowFile) -> Iterator[float]:
    """The cell's number, if it has one."""
    try:
        if not _is_blank(cell):
            yield _number(cell, file)
    except ValueError:
        return


def read_import(file: RowFile, choices: Choices) -> Imported:
    """Read the whole file: the columns of its usable rows, and why the others are none."""
    reader = _Reader(file, choices)
    for row in file.rows():
        reader.take(row.number, row.cells, row.problem)
    return Imported(reader.columns(), reader.n, reader.left_out, reader.problems)


class _Reader:
    """Columns that grow row by row; a row is taken as a whole or not at all."""

    def __init__(self, file: RowFile, choices: Choices) -> None:
        self.file, self.choices = file, choices
        places = {name: k for k, name in enumerate(file.names)}
        self.sources = [name for name in choices.kinds if name not in (choices.error, choices.best)]
        self.named = [(column_name(name), choices.kinds[name], places[name]) for name in self.sources]
        self.errors = [("error", places[choices.error])]
        if choices.best:
            self.errors.append((BEST_ERROR, places[choices.best]))
        self.values: list[Any] = [array("d") if kind == ColumnKind.NUMBER else [] for _, kind, _ in self.named]
        self.error_values = [array("d") for _ in self.errors]
        self.n = self.left_out = 0
        self.problems: list[Problem] = []

    def take(self, number: int, cells: Sequence[object], problem: str) -> None:
        try:
            if problem:
                raise ValueError(problem)
            errors = [self._error(name, cells[k]) for name, k in self.errors]
            values = [self._value(name, kind, cells[k]) for name, kind, k in self.named]
        except ValueError as error:
            self.left_out += 1
            if len(self.problems) < PROBLEMS_LISTED:
                self.problems.append(Problem(number, str(error)))
            return
        for numbers, number_of_row in zip(self.error_values, errors, strict=True):
            numbers.append(number_of_row)
        for column, value in zip(self.values, values, strict=True):
            column.append(value)
        self.n += 1

    def _error(self, name: str, cell: object) -> float:
        source = self.choices.error if name == "error" else self.choices.best
        value = self.choices.error_of(_filled(source, cell, self.file))
        if not 0 <= value <= 100:
            raise ValueError(f"{source} is {quoted(cell)}, which gives no error from 0 to 100 %")
        return value

    def _value(self, name: str, kind: ColumnKind, cell: object) -> object:
        if kind == ColumnKind.NUMBER:
            return _filled(name, cell, self.file)
        return _text(name, cell) if kind == ColumnKind.TEXT else _design(name, cell)

    def columns(self) -> list[Column]:
        found = [
            Column(name, kind, np.array(values) if kind == ColumnKind.NUMBER else values)
            for (name, kind, _), values in zip(self.named, self.values, strict=True)
        ]
        errors = [
            Column(name, ColumnKind.NUMBER, np.array(values))
            for (name, _), values in zip(self.errors, self.error_values, strict=True)
        ]
        return [*found, *errors]


def name_problem(file: RowFile, choices: Choices) -> str:
    """Why the columns can't keep their names, as a sentence; empty where they can."""
    taken: dict[str, str] = {"error": choices.error}
    if choices.best:
        taken[BEST_ERROR] = choices.best
    for name in choices.kinds:
        if name in (choices.error, choices.best):
            continue
        clean = column_name(name)
        if clean in taken:
            return f"Columns {taken[clean][:60]} and {name[:60]} would both be named {clean}: leave one of them out."
        taken[clean] = name
    return ""


def left_out_words(imported: Imported, unit: str) -> str:
    plural = "entries" if unit == "entry" else ""
    return f"{counted(imported.left_out, unit, plural)} can't be used and will be left out"


# --- cells ---


def _is_blank(cell: object) -> bool:
    if isinstance(cell, str):
        return cell.strip().lower() in BLANK
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _filled(name: str, cell: object, file: RowFile) -> float:
    try:  # most cells are a plain number, and a file has a million of them
        value = float(cell) if isinstance(cell, NUMERIC) else math.inf
        if -MOST_EXACT < value < MOST_EXACT and not (
            isinstance(cell, str) and (len(cell) > LONGEST_NUMBER or "_" in cell)
        ):
            return value
    except (ValueError, OverflowError):
        pass
    if _is_blank(cell):
        raise ValueError(f"{name} is empty")
    try:
        return _number(cell, file)
    except _TooLongError:
        raise ValueError(
            f"{name} is {quoted(cell)}, a whole number of more digits than can be kept; as text it keeps them all"
        ) from None
    except ValueError:
        raise ValueError(f"{name} is {quoted(cell)}, which is no number") from None


def _number(cell: object, file: RowFile) -> float:
    """A finite number; a decimal comma counts where semicolons separate the cells."""
    if isinstance(cell, str):
        text = cell.strip()
        if file.separator == ";" and "." not in text:
            text = text.replace(",", ".")
        if len(text) > LONGEST_NUMBER or "_" in text:
            raise ValueError("no number")
        cell = text
    elif not isinstance(cell, (float, int, Decimal)):
        raise ValueError("no number")
    try:
        value = float(cell)
    except OverflowError:
        raise ValueError("no number") from None
    if not abs(value) <= LARGEST_NUMBER:  # nor where it is not a number
        raise ValueError("no number")
    if abs(value) >= MOST_EXACT and _is_whole(cell) and abs(int(cell)) > MOST_EXACT:
        raise _TooLongError
    return value


class _TooLongError(ValueError):
    """A whole number that a float cannot hold exactly."""


def _is_whole(cell: object) -> bool:
    """Written with digits only, or an integer of a typed file; 1e20 is a measured number, which is never exact."""
    if isinstance(cell, str):
        return re.fullmatch(r"[+-]?[0-9]+", cell) is not None
    return isinstance(cell, (int, Decimal)) and cell == int(cell)


def _text(name: str, cell: object) -> str:
    if _is_blank(cell) and not isinstance(cell, str):
        return ""
    if isinstance(cell, (dict, list, bytes)):
        raise ValueError(f"{name} is no text")
    text = str(cell)
    if len(text) > LONGEST_CELL:
        raise ValueError(f"{name} has {len(text):,} characters, more than {LONGEST_CELL:,}")
    if not storable(text):
        raise ValueError(f"{name} holds a character that cannot be stored")
    return text


def _design(name: str, cell: object) -> JsonObject:
    if not isinstance(cell, dict):
        raise ValueError(f"{name} is no design")
    try:
        return design_from_json(cell).to_json()
    except EngineError as error:
        raise ValueError(f"{name}: {str(error).rstrip('.')}") from error


def quoted(cell: object) -> str:
    """A cell as a message shows it: without what nobody could see, and never long."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(cell)[:60])
    return text if len(str(cell)) <= 60 else f"{text}…"
