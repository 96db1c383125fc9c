"""A file of results once it is read: columns of numbers or of texts as written, kept so that nothing reads it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute, ipc

LONGEST_CELL = 1_000  # characters that are kept of a text
LONGEST_DESIGN = 20_000
CHUNK = 5_000  # rows that wait as Python values
MOST_EXACT = 2**53  # a whole number beyond it would lose digits as a float: it is kept as text
LINES, PROBLEMS = "lines", "problems"


class UnreadableFile(Exception):
    """A file that holds no rows; the message is a sentence for the person who chose it."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length.

    ``columns`` are arrays of doubles, or of strings as written, null where a cell is empty. ``typed`` names columns of
    texts that their file calls text (quoted in JSON, strings of Parquet), so that digits in them are no numbers, and
    ``nested`` those of records as JSON. ``lines`` are numbers of lines, entries or rows, in a ``unit``; ``problems``
    say why a row (counted from 0) can't be read. ``roles`` are those that the reader knows from the format.
    """

    words: str
    unit: str
    names: Sequence[str]
    columns: Sequence[pa.Array]
    lines: npt.NDArray[np.int_]
    typed: frozenset[str] = frozenset()
    nested: frozenset[str] = frozenset()
    problems: Mapping[int, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    decimal_comma: bool = False  # whether its cells are separated so that commas are free for decimals

    @property
    def n(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> pa.Array:
        return self.columns[list(self.names).index(name)]

    def save(self, path: Path) -> None:
        plain = {name: getattr(self, name) for name in ("words", "unit", "roles", "decimal_comma")}
        kept = {**plain, "names": list(self.names), "typed": sorted(self.typed), "nested": sorted(self.nested)}
        kept["problems"] = {str(row): why for row, why in self.problems.items()}
        arrays = {LINES: pa.array(self.lines), **{str(k): column for k, column in enumerate(self.columns)}}
        table = pa.table(arrays).replace_schema_metadata({"table": json.dumps(kept)})
        with ipc.new_file(str(path), table.schema) as target:
            target.write_table(table)


def load_table(path: Path) -> Table:
    """A table as `Table.save` wrote it, its columns lying in the file until they are looked at."""
    stored = ipc.open_file(pa.memory_map(str(path))).read_all()
    kept = json.loads(stored.schema.metadata[b"table"])
    columns = [stored.column(str(k)).combine_chunks() for k in range(len(kept["names"]))]
    return Table(
        **{name: kept[name] for name in ("words", "unit", "names", "roles", "decimal_comma")},
        columns=columns,
        lines=stored.column(LINES).to_numpy(),
        typed=frozenset(kept["typed"]),
        nested=frozenset(kept["nested"]),
        problems={int(row): why for row, why in kept["problems"].items()},
    )


class ColumnBuilder:
    """One column that grows by chunks of Python values."""

    def __init__(self) -> None:
        self.chunks: list[pa.Array] = []
        self.has_text = self.has_number = self.has_nested = False
        self.length = 0

    def extend(self, cells: Sequence[Any], *, at: int) -> None:
        """Add cells of the rows from ``at`` on; rows that the column did not have are empty."""
        if at > self.length:
            self._add(pa.nulls(at - self.length, pa.string()))
        if all(cell is None or type(cell) is str for cell in cells):
            self.has_text = self.has_text or any(cell is not None for cell in cells)
            texts: Sequence[str | None] = cells
        elif all(cell is None or _is_number(cell) for cell in cells):
            self.has_number = True
            self._add(pa.array(cells, pa.float64(), from_pandas=False))
            return
        else:
            texts = [self._text(cell) for cell in cells]
        self._add(pa.array([_shortened(text) for text in texts], pa.string()))

    def add_texts(self, cells: Sequence[str]) -> None:
        """Cells as written, of which blank ones are empty."""
        self.has_text = True
        texts = compute.replace_substring(pa.array(cells, pa.string()), "\0", "\N{REPLACEMENT CHARACTER}")
        if (compute.max(compute.binary_length(texts)).as_py() or 0) > LONGEST_CELL:
            texts = compute.utf8_slice_codeunits(texts, 0, LONGEST_CELL)
        is_blank = compute.match_substring_regex(texts, r"^\s*$")
        self._add(compute.if_else(is_blank, pa.scalar(None, pa.string()), texts))

    def finish(self, n: int) -> pa.Array:
        if n > self.length:
            self._add(pa.nulls(n - self.length, pa.string()))
        of_numbers = self.has_number and not self.has_text and not self.has_nested
        kind = pa.float64() if of_numbers else pa.string()
        return pa.chunked_array([_cast(chunk, kind) for chunk in self.chunks] or [[]], kind).combine_chunks()

    def _add(self, chunk: pa.Array) -> None:
        self.chunks.append(chunk)
        self.length += len(chunk)

    def _text(self, cell: object) -> str | None:
        if cell is None:
            return None
        if isinstance(cell, (dict, list)):
            self.has_nested = True
            return json.dumps(cell, separators=(",", ":"))
        is_number = isinstance(cell, (int, float)) and not isinstance(cell, bool)
        self.has_number, self.has_text = self.has_number or is_number, True
        return repr(cell) if isinstance(cell, float) else str(cell)


def _is_number(cell: object) -> bool:
    return type(cell) is float or (type(cell) is int and -MOST_EXACT <= cell <= MOST_EXACT)


def _cast(chunk: pa.Array, kind: pa.DataType) -> pa.Array:
    if chunk.type == pa.string() and kind == pa.float64():
        return pa.nulls(len(chunk), kind)  # only rows that the column did not have are texts here
    return compute.cast(chunk, kind)


def _shortened(text: str | None) -> str | None:
    """Without what the database can't keep, and never long; a design is kept whole."""
    if text is None or (len(text) < LONGEST_CELL and text.isascii() and "\0" not in text):
        return text
    most = LONGEST_DESIGN if text.startswith("{") else LONGEST_CELL
    short = text if len(text) <= most else f"{text[:most]}…"
    return short.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


class TableBuilder:
    """Rows as Python values, with names that may still come up, made into columns as they arrive."""

    def __init__(self, names: Sequence[str] = (), *, most_rows: int, most_columns: int) -> None:
        self.columns: dict[str, ColumnBuilder] = {name: ColumnBuilder() for name in names}
        self.most_rows, self.most_columns = most_rows, most_columns
        self._check_columns()
        self.waiting: list[Mapping[str, Any]] = []
        self.texts: list[Sequence[str]] = []
        self.lines: list[int] = []
        self.problems: dict[int, str] = {}

    def add_texts(self, line: int, cells: Sequence[str]) -> None:
        """One row of texts in the order of the names given at the start; quicker than `add`, but not to be mixed."""
        self._count(line)
        self.texts.append(cells)
        if len(self.texts) >= CHUNK:
            self._flush_texts()

    def add(self, line: int, cells: Mapping[str, Any] | Sequence[Any], problem: str = "") -> None:
        """One row: by name, or in the order of the names given at the start; a row with a problem has no cells."""
        self._count(line, problem)
        by_name = cells if isinstance(cells, Mapping) else dict(zip(self.columns, cells, strict=bool(cells)))
        self.waiting.append(by_name)
        if len(self.waiting) >= CHUNK:
            self._flush()

    def finish(self, *, words: str, unit: str, **more: Any) -> Table:
        self._flush()
        n = len(self.lines)
        columns = {name: column.finish(n) for name, column in self.columns.items()}
        typed = {name for name, column in self.columns.items() if column.has_text and not column.has_number}
        nested = {name for name, column in self.columns.items() if column.has_nested}
        more = {"typed": frozenset(typed)} | more
        return Table(
            words, unit, list(columns), list(columns.values()), np.array(self.lines, dtype=np.int64),
            nested=frozenset(nested), problems=self.problems, **more,
        )  # fmt: skip

    def _count(self, line: int, problem: str = "") -> None:
        if len(self.lines) >= self.most_rows:
            raise UnreadableFile(f"The file has more than {self.most_rows:,} rows, which is the limit.")
        if problem:
            self.problems[len(self.lines)] = problem
        self.lines.append(line)

    def problem(self, why: str) -> None:
        """Of the row that was added last."""
        self.problems[len(self.lines) - 1] = why

    def _flush_texts(self) -> None:
        for column, cells in zip(self.columns.values(), zip(*self.texts, strict=True), strict=True):
            column.add_texts(cells)
        self.texts = []

    def _flush(self) -> None:
        if self.texts:
            self._flush_texts()
            return
        for name in self._new_names():
            self.columns[name] = ColumnBuilder()
        self._check_columns()
        at = len(self.lines) - len(self.waiting)
        for name, column in self.columns.items():
            cells = [row.get(name) for row in self.waiting]
            if any(cell is not None for cell in cells):
                column.extend(cells, at=at)
        self.waiting = []

    def _check_columns(self) -> None:
        if len(self.columns) > self.most_columns:
            raise UnreadableFile(f"The file has more than {self.most_columns:,} columns, which is the limit.")

    def _new_names(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for row in self.waiting for name in row if name not in self.columns))
