"""From a table and the roles of its columns to a population: its results, its failed rows, and those left out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.designs import design_from_json
from engine.errors import EngineError
from webapp.files.cells import Numbers, level_texts, read_numbers
from webapp.files.roles import MOST_KEPT, ONLY_ONE, PARAMETER_PREFIX, UNITS, ColumnChoice, default_unit, guess
from webapp.files.status import ENDS, UNFINISHED, End, usual_end
from webapp.files.table import Table, UnreadableFile
from webapp.files.units import error_words, to_counts, to_error
from webapp.models import ColumnKind
from webapp.models import ColumnRole as Role
from webapp.models.columns import AS_NUMBERS, Column
from webapp.queries import SAMPLE_ID
from webapp.queries.imports import BEST_ERROR
from webapp.services import Origin

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LINES_LISTED = 5
BOOLEANS = {"true": "true", "false": "false", "yes": "yes", "no": "no"}
# Names that figures, tables and the columns of other roles use for themselves.
RESERVED = frozenset({SAMPLE_ID, "index", "label", "url", "error", BEST_ERROR, "flops", "params", "acts"})
TEXTS = (Role.NAME, Role.DATA_SET, Role.GROUP, Role.STATUS)


@dataclass(frozen=True)
class Choices:
    """What the person says about a file: the role of every column, and what becomes of each word of its status."""

    columns: Mapping[str, ColumnChoice]
    ends: Mapping[str, End] = field(default_factory=dict)

    @property
    def error(self) -> str:
        """The name of the column, empty where none is chosen."""
        return self.of(Role.ERROR)

    def of(self, role: Role) -> str:
        return next((name for name, choice in self.columns.items() if choice.role == role), "")

    @property
    def origin(self) -> str:
        """How the errors come about, in words."""
        return error_words(self.error, self.columns[self.error].unit)

    def end_of(self, word: str) -> End:
        return self.ends.get(word, "left_out" if word == UNFINISHED else usual_end(word))

    def to_json(self) -> dict[str, Any]:
        columns = {
            name: {"role": str(choice.role), "unit": choice.unit, "style": choice.style}
            for name, choice in self.columns.items()
        }
        return {"columns": columns, "ends": dict(self.ends)}


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Rows that are left out for one reason; ``mean_with`` is the mean error with those that have an error."""

    reason: str
    rows: int
    lines: Sequence[int]  # the first few
    mean_with: float | None


@dataclass(frozen=True, eq=False)
class Imported:
    """What the whole file gives under some choices; failed rows have an error of inf."""

    columns: list[Column]
    n: int  # rows that are kept
    failed: int
    left_out: int
    reasons: list[LeftOut]
    missing: Mapping[str, int]  # empty cells of the kept rows by column of the file

    @property
    def errors(self) -> FloatArray:
        """Of the rows that finished."""
        errors = np.asarray(next(column.values for column in self.columns if column.name == "error"))
        finished: FloatArray = errors[np.isfinite(errors)]
        return finished


def usual_choices(table: Table, known: Mapping[str, Any] | None = None) -> Choices:
    """The guesses, or what was said of a file of the same shape before."""
    columns = guess(table)
    kept = (known or {}).get("columns", {})
    if set(kept) == set(table.names):
        columns = {
            name: ColumnChoice(Role(kept[name]["role"]), kept[name]["unit"], kept[name]["style"], "as last time")
            for name in table.names
        }
    return Choices(columns, dict((known or {}).get("ends", {})))


def with_roles(
    table: Table, choices: Choices, roles: Mapping[str, str], ends: Mapping[str, str] | None = None
) -> Choices:
    """The choices with the roles of some columns, ``role`` or ``role:unit``, and the ends of some words changed.

    `UnreadableFile` where a column, a role, a unit or an end is not known. A column that becomes the error takes the
    place of the one that was.
    """
    columns = dict(choices.columns)
    for name, given in roles.items():
        word, _, unit = given.partition(":")
        if name not in columns:
            raise UnreadableFile(f"The file has no column {name[:60]}.")
        if word not in Role.values:
            raise UnreadableFile(f"{word[:40]} is no role; roles are {', '.join(Role.values)}.")
        role = Role(word)
        if unit and unit not in UNITS.get(role, {}):
            raise UnreadableFile(f"{unit[:40]} is no unit of the role {role.value}.")
        for other, choice in columns.items():
            if role in ONLY_ONE and choice.role == role and other not in roles:
                columns[other] = replace(choice, role=Role.OUTCOME if role == Role.ERROR else Role.LEFT_OUT, unit="")
        columns[name] = replace(columns[name], role=role, unit=unit or default_unit(role, table, name))
    if wrong := next((end for end in (ends or {}).values() if end not in ENDS), ""):
        raise UnreadableFile(f"{wrong[:40]} is no end; ends are {', '.join(ENDS)}.")
    return Choices(columns, {**choices.ends, **{word: cast(End, end) for word, end in (ends or {}).items()}})


def shape_of(table: Table) -> str:
    """The same for files with the same columns, whatever stands in them."""
    return sha256(json.dumps(sorted(table.names)).encode()).hexdigest()


def origin_of(source: str, table: Table, choices: Choices, imported: Imported, *, left_out: int = 0) -> Origin:
    """What is stored beside the columns, and remembered for the next file of this shape.

    ``left_out`` are the rows that were left out before.
    """
    return Origin(source, choices.origin, shape_of(table), choices.to_json(), left_out + imported.left_out)


def appended(before: Sequence[Column], more: Sequence[Column]) -> list[Column]:
    """The columns with further rows; a column that only one side has is empty in the rows of the other."""
    firsts, seconds = ({column.name: column for column in side} for side in (before, more))
    n, m = len(before[0].values), len(more[0].values)
    columns = []
    for name in {**firsts, **seconds}:
        one, other = firsts.get(name), seconds.get(name)
        known = one or other
        assert known is not None  # noqa: S101  (the name comes from one of them)
        levels = list(dict.fromkeys([*(one.levels if one else ()), *(other.levels if other else ())]))
        values = [*_values_in(one, n, known.kind, levels), *_values_in(other, m, known.kind, levels)]
        is_number = known.kind in AS_NUMBERS
        columns.append(
            replace(known, values=np.array(values, dtype=np.float64) if is_number else values, levels=levels)
        )
    return _in_order(columns)


def _values_in(column: Column | None, n: int, kind: ColumnKind, levels: Sequence[str]) -> Sequence[Any]:
    """The values of a column by the places of other levels; empty cells where there is no column."""
    if column is None:
        return [np.nan if kind in AS_NUMBERS else None if kind == ColumnKind.DESIGN else ""] * n
    if kind != ColumnKind.CATEGORY:
        return list(column.values)
    places = {level: float(place) for place, level in enumerate(levels)}
    return [places.get(cell, np.nan) for cell in column.cells]


def problem_of(table: Table, choices: Choices) -> str:
    """Why these choices can't be used, as a sentence; empty where they can."""
    if not choices.error:
        return "Choose the column that holds the error or the accuracy."
    both_ways = [name for name, choice in choices.columns.items() if not choice.style and choice.role != Role.LEFT_OUT]
    if both_ways:
        column = table.column(both_ways[0])
        example = next(text for text in column.to_pylist() if text and re.search("[.,]", text))
        return f"Say what {example[:30]} in column {both_ways[0][:60]} means: it reads both ways."
    roles = [choice.role for choice in choices.columns.values()]
    for role in (Role.ERROR, Role.BEST_ERROR, Role.STATUS, Role.NAME, Role.EPOCH_REACHED, Role.EPOCHS_PLANNED):
        if roles.count(role) > 1:
            return f"Only one column can be the {role.label}; {roles.count(role)} are."
    units = [choice.unit.split("-")[0] for choice in choices.columns.values() if choice.role == Role.COMPLEXITY]
    if twice := next((unit for unit in units if units.count(unit) > 1), ""):
        return f"Only one column can be the {twice}; {units.count(twice)} are."
    kept = sum(role != Role.LEFT_OUT for role in roles)
    if kept > MOST_KEPT:
        return f"{kept} columns are chosen; the limit is {MOST_KEPT}. Leave some out."
    return ""


def column_name(name: str) -> str:
    """A column's name as an identifier, as the parameters of the engine have: it stands in addresses and figures."""
    clean = re.sub(r"[^\w.-]+", "_", name.strip()).strip("_")[:60] or "column"
    return f"{clean}_" if clean in RESERVED else clean


def column_names(choices: Choices) -> dict[str, str]:
    """The stored name of every kept column, each once."""
    fixed = {Role.ERROR: "error", Role.BEST_ERROR: BEST_ERROR}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for source, choice in choices.columns.items():
        if choice.role == Role.LEFT_OUT:
            continue
        bare = PARAMETER_PREFIX.sub("", source) if choice.role == Role.PARAMETER else source
        name = fixed.get(choice.role) or column_name(bare)
        if choice.role == Role.COMPLEXITY:
            name = choice.unit.split("-")[0]
        copies = (f"{name[:56]}_{k}" for k in range(2, 1_000))
        names[source] = name if name not in taken else next(copy for copy in copies if copy not in taken)
        taken.add(names[source])
    return names


def read_import(table: Table, choices: Choices) -> Imported:
    """The columns of the rows that are kept, and what becomes of the others."""
    numbers = _Numbers(table, choices)
    error = numbers[choices.error]
    errors = to_error(error.values, choices.columns[choices.error].unit)
    ends, reasons = _ends(table, choices, numbers, errors)
    keep = ends != "left_out"
    errors = np.where(ends == "failed", np.inf, errors)
    columns = [_column(table, choices, numbers, source, name, keep) for source, name in column_names(choices).items()]
    columns = [column for column in columns if column.name != "error"]
    columns.append(Column("error", ColumnKind.NUMBER, errors[keep], Role.ERROR))
    if error.spreads is not None:
        scale = 100.0 if choices.columns[choices.error].unit.endswith("fraction") else 1.0
        name = f"{column_name(choices.error)[:50]}_spread"
        columns.insert(-1, Column(name, ColumnKind.NUMBER, scale * error.spreads[keep], Role.OUTCOME))
    missing = {
        source: int((~numbers[source].present[keep]).sum()) if source in numbers.numeric
        else int(pa.compute.sum(table.column(source).is_null()).as_py() or 0)
        for source in choices.columns
    }  # fmt: skip
    failed = int((ends == "failed").sum())
    with_error = ends == "finished"
    return Imported(
        _in_order(columns), int(keep.sum()), failed, int((~keep).sum()),
        _reasons(table, reasons, _reported(table, choices, numbers), errors[with_error]), missing,
    )  # fmt: skip


class _Numbers:
    """The columns of numbers, read once each when they are asked for."""

    def __init__(self, table: Table, choices: Choices) -> None:
        self.table, self.choices = table, choices
        self.numeric = {name for name, choice in choices.columns.items() if _is_number(choice)}
        self.read: dict[str, Numbers] = {}

    def __getitem__(self, name: str) -> Numbers:
        if name not in self.read:
            style = self.choices.columns[name].style
            self.read[name] = read_numbers(self.table.column(name), "comma" if style == "comma" else "point")
        return self.read[name]


def _is_number(choice: ColumnChoice) -> bool:
    if choice.role == Role.PARAMETER:
        return choice.unit != "category"
    return choice.role in (
        Role.COMPLEXITY, Role.ERROR, Role.BEST_ERROR, Role.OUTCOME, Role.EPOCH_REACHED, Role.EPOCHS_PLANNED
    )  # fmt: skip


def _reported(table: Table, choices: Choices, numbers: _Numbers) -> FloatArray:
    """The errors of all rows that have one from 0 to 100 %, nan elsewhere."""
    errors = to_error(numbers[choices.error].values, choices.columns[choices.error].unit)
    return np.where((errors >= 0) & (errors <= 100), errors, np.nan)


def _ends(
    table: Table, choices: Choices, numbers: _Numbers, errors: FloatArray
) -> tuple[npt.NDArray[Any], dict[int, str]]:
    """What becomes of each row, and why those are left out that are, by the row counted from 0."""
    ends = np.full(table.n, "finished", dtype=object)
    reasons: dict[int, str] = {}
    status = choices.of(Role.STATUS)
    if status:
        words = np.array([str(word or "").strip() for word in table.column(status).to_pylist()], dtype=object)
        for word in dict.fromkeys(words):
            rows = np.flatnonzero(words == word)
            ends[rows] = choices.end_of(word) if word else "finished"
            if word and choices.end_of(word) == "left_out":
                reasons |= dict.fromkeys(rows.tolist(), f"{status} is {word[:60]}")
    reached, planned = choices.of(Role.EPOCH_REACHED), choices.of(Role.EPOCHS_PLANNED)
    if reached and planned:
        short = numbers[reached].values < numbers[planned].values
        rows = np.flatnonzero(short & (ends == "finished"))
        ends[rows] = choices.end_of(UNFINISHED)
        if choices.end_of(UNFINISHED) == "left_out":
            reasons |= dict.fromkeys(rows.tolist(), f"{reached} is below {planned}")
    ends[np.isinf(errors) & (ends == "finished")] = "failed"
    bad = np.flatnonzero(~((errors >= 0) & (errors <= 100)) & (ends == "finished"))
    for row in bad.tolist():
        reasons[row] = table.problems.get(row) or _why(table, choices, numbers, row)
    ends[bad] = "left_out"
    return ends, reasons


def _why(table: Table, choices: Choices, numbers: _Numbers, row: int) -> str:
    name = choices.error
    cell = table.column(name)[row].as_py()
    if not numbers[name].present[row]:
        return f"{name} is empty"
    if np.isnan(numbers[name].values[row]):
        return f"{name} is {quoted(cell)}, which is no number"
    return f"{name} is {quoted(cell)}, which gives no error from 0 to 100 %"


def _reasons(table: Table, reasons: Mapping[int, str], reported: FloatArray, errors: FloatArray) -> list[LeftOut]:
    """The reasons, that of most rows first, each with the mean that its rows would give."""
    by_reason: dict[str, list[int]] = {}
    for row, reason in sorted(reasons.items()):
        by_reason.setdefault(reason, []).append(row)
    found = []
    for reason, rows in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        theirs = reported[rows][np.isfinite(reported[rows])]
        mean_with = float(np.concatenate([errors, theirs]).mean()) if len(theirs) else None
        found.append(LeftOut(reason, len(rows), [int(table.lines[row]) for row in rows[:LINES_LISTED]], mean_with))
    return found


def _column(table: Table, choices: Choices, numbers: _Numbers, source: str, name: str, keep: BoolArray) -> Column:
    choice = choices.columns[source]
    if source in numbers.numeric:
        values = numbers[source].values
        if choice.role == Role.COMPLEXITY:
            values = to_counts(values, choice.unit)
        if choice.role == Role.BEST_ERROR:
            best = to_error(values, choices.columns[choices.error].unit)
            values = np.where((best >= 0) & (best <= 100), best, np.nan)
        return Column(name, ColumnKind.NUMBER, values[keep], choice.role)
    rows = np.flatnonzero(keep)
    column = table.column(source).take(pa.array(rows))
    if choice.role == Role.DESIGN:
        return Column(name, ColumnKind.DESIGN, [_design(cell) for cell in column.to_pylist()], choice.role)
    texts = level_texts(column.cast(pa.string()), is_bool=BOOLEANS)
    if choice.role != Role.PARAMETER:
        return Column(name, ColumnKind.TEXT, [text or "" for text in texts], choice.role)
    levels = sorted({text for text in texts if text is not None}, key=_natural)
    places = {level: float(place) for place, level in enumerate(levels)}
    values = np.array([np.nan if text is None else places[text] for text in texts], dtype=np.float64)
    return Column(name, ColumnKind.CATEGORY, values, choice.role, levels)


def _natural(text: str) -> list[tuple[bool, float, str]]:
    """Numbers within texts by their size: s2 before s10."""
    parts = re.findall(r"\d+|\D+", text)
    return [(not part.isdecimal(), float(part[:300]) if part.isdecimal() else 0.0, part) for part in parts]


def _design(cell: str | None) -> dict[str, Any] | None:
    """None for a cell that holds none, or one that this engine can't build."""
    try:
        return design_from_json(json.loads(cell)).to_json() if cell else None
    except (EngineError, ValueError):
        return None


def _in_order(columns: Sequence[Column]) -> list[Column]:
    """Parameters, outcomes and the rest as in the file; complexities, errors and designs at the end."""
    last = {Role.COMPLEXITY: 1, Role.ERROR: 2, Role.BEST_ERROR: 3, Role.DESIGN: 4}
    return sorted(columns, key=lambda column: last.get(column.role, 0))


def quoted(cell: object) -> str:
    """A cell as a message shows it: without what nobody could see, and never long."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(cell)[:60])
    return text if len(str(cell)) <= 60 else f"{text}…"
