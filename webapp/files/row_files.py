"""Files of results as rows: CSV, Parquet or JSON, told apart by their content and read in bounded memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.designs.sweep_files import is_sweep_entry, read_sweep_entry
from engine.errors import EngineError
from webapp.files.json_files import UnreadableFile, json_entries
from webapp.strict_json import storable

if TYPE_CHECKING:  # it takes a moment to load
    import pyarrow

MOST_ROWS = 100_000
MOST_COLUMNS = 100
LONGEST_CELL = 1_000  # characters
LONGEST_LINE = 200_000
PARQUET_BATCH = 10_000
LARGEST_PARQUET = 512 * 2**20  # bytes once unpacked, as the file states
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}

Kind = Literal["CSV", "JSON", "Parquet", "sweep"]
# The columns of a sweep that are not parameters, in the order in which they stand at the end.
SWEEP_LAST = ("learning_rate", "weight_decay", "flops", "params", "acts", "error", "best_error", "design")


@dataclass(frozen=True)
class Row:
    """``number`` counts lines of a CSV file, entries or rows of the others; ``problem`` says why there are no cells."""

    number: int
    cells: Sequence[Any]
    problem: str = ""


@dataclass(frozen=True)
class RowFile:
    """A file that can be read from its start again and again."""

    path: Path
    kind: Kind
    names: Sequence[str]
    separator: str = ","
    unit: str = field(default="row")

    @property
    def words(self) -> str:
        """What kind of file it is, for the person who chose it."""
        if self.kind == "CSV":
            return f"CSV, separated by {SEPARATORS[self.separator]}"
        return {"sweep": "a sweep of pycls, with its designs"}.get(self.kind, self.kind)

    def rows(self) -> Iterator[Row]:
        """Every row, at most `MOST_ROWS`; `UnreadableFile` where the file turns out to hold none, or more."""
        readers = {"CSV": _csv_rows, "JSON": _json_rows, "Parquet": _parquet_rows, "sweep": _sweep_rows}
        for count, row in enumerate(readers[self.kind](self), start=1):
            if count > MOST_ROWS:
                raise UnreadableFile(f"The file has more than {MOST_ROWS:,} rows, which is the limit.")
            yield row


def open_row_file(path: Path) -> RowFile:
    """What a file holds, by its first bytes; `UnreadableFile` where it is none of the three formats."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"PAR1"):
        return _open_parquet(path)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise UnreadableFile("The file is empty.")
    if text[:1] in (b"[", b"{"):
        return _open_json(path)
    return _open_csv(path)


# --- CSV ---


def _csv_lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise UnreadableFile(f"Line {number} has more than {LONGEST_LINE:,} characters.")
                yield line
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"The file is not UTF-8 text: {error.reason} at byte {error.start}.") from error


def _csv_records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_csv_lines(path), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise UnreadableFile(f"Line {reader.line_num} can't be read: {error}.") from error


def _open_csv(path: Path) -> RowFile:
    first = next(_csv_lines(path), "")
    separator = max(SEPARATORS, key=first.count)
    _, names = next(_csv_records(path, separator), (0, []))
    if all(_is_number(name) for name in names):
        raise UnreadableFile("The first line must hold the names of the columns; here it holds numbers only.")
    return RowFile(path, "CSV", _checked_names(names), separator, unit="line")


def _csv_rows(file: RowFile) -> Iterator[Row]:
    records = _csv_records(file.path, file.separator)
    next(records, None)
    width = len(file.names)
    for number, cells in records:
        wrong = f"it has {len(cells)} cells and the first line {width}" if len(cells) != width else ""
        yield Row(number, cells, wrong)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# --- JSON ---


def _open_json(path: Path) -> RowFile:
    names: dict[str, None] = {}
    is_sweep = False
    for count, entry in enumerate(json_entries(path), start=1):
        if count == 1:
            is_sweep = is_sweep_entry(entry)
        if count > MOST_ROWS:
            raise UnreadableFile(f"The file has more than {MOST_ROWS:,} entries, which is the limit.")
        names.update(dict.fromkeys(_sweep_cells(entry)[0] if is_sweep else entry))
        if len(names) > MOST_COLUMNS:
            break
    if not names:
        raise UnreadableFile("The file holds no entry that can be read.")
    if is_sweep:
        parameters = [name for name in names if name not in SWEEP_LAST]
        return RowFile(path, "sweep", [*parameters, *(name for name in SWEEP_LAST if name in names)], unit="entry")
    return RowFile(path, "JSON", _checked_names(list(names)), unit="entry")


def _json_rows(file: RowFile) -> Iterator[Row]:
    for number, entry in enumerate(json_entries(file.path), start=1):
        yield Row(number, [entry.get(name) for name in file.names])


def _sweep_cells(entry: dict[str, object]) -> tuple[dict[str, object], str]:
    """One entry of a sweep as cells by name; or none, and why it can't be read."""
    try:
        found = read_sweep_entry(entry)
    except EngineError as error:
        return {}, str(error).rstrip(".")
    cells = {name: getattr(found, name) for name in SWEEP_LAST if name != "design"}
    known = {name: value for name, value in cells.items() if value is not None}
    return {**found.parameters(), **known, "design": found.design.to_json()}, ""


def _sweep_rows(file: RowFile) -> Iterator[Row]:
    for number, entry in enumerate(json_entries(file.path), start=1):
        cells, problem = _sweep_cells(entry)
        yield Row(number, [cells.get(name) for name in file.names], problem)


# --- Parquet ---


def _open_parquet(path: Path) -> RowFile:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
            unpacked = sum(metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups))
    except (pyarrow.ArrowException, OSError) as error:
        raise UnreadableFile(f"The Parquet file can't be read: {str(error).splitlines()[0][:200]}.") from error
    if metadata.num_rows > MOST_ROWS:
        raise UnreadableFile(f"The file has {metadata.num_rows:,} rows; the limit is {MOST_ROWS:,}.")
    if unpacked > LARGEST_PARQUET:
        raise UnreadableFile(f"The file unpacks to {unpacked / 2**20:,.0f} MiB; the limit is 512.")
    nested = [field.name for field in schema if pyarrow.types.is_nested(field.type)]
    if nested:
        raise UnreadableFile(f"Column {nested[0][:60]} holds lists or records; only plain columns can be imported.")
    return RowFile(path, "Parquet", _checked_names(list(schema.names)))


def _parquet_rows(file: RowFile) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    # Text is read as numbers into a list of its values: one long text in every row would fill the memory otherwise.
    schema = parquet.read_schema(file.path)
    texts = [
        field.name
        for field in schema
        if not (pyarrow.types.is_primitive(field.type) or pyarrow.types.is_null(field.type))
    ]
    number = 0
    try:
        with parquet.ParquetFile(file.path, read_dictionary=texts) as opened:
            for batch in opened.iter_batches(batch_size=PARQUET_BATCH, use_threads=False):
                columns = [_cells_of(name, column) for name, column in zip(file.names, batch.columns, strict=True)]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield Row(number, cells)
    except (pyarrow.ArrowException, OSError) as error:
        said = str(error).splitlines()[0][:200]
        raise UnreadableFile(f"The Parquet file can't be read after row {number}: {said}.") from error


def _cells_of(name: str, column: pyarrow.Array) -> list[object]:
    import pyarrow
    from pyarrow import compute

    if pyarrow.types.is_dictionary(column.type):
        lengths = compute.max(compute.binary_length(column.dictionary)).as_py() or 0
        if lengths > 4 * LONGEST_CELL:
            raise UnreadableFile(f"Column {name} holds a text of {lengths:,} bytes; the limit is {LONGEST_CELL:,}.")
    cells: list[object] = column.to_pylist()
    return cells


def _checked_names(names: Sequence[str]) -> list[str]:
    if len(names) > MOST_COLUMNS:
        raise UnreadableFile(f"The file has more than {MOST_COLUMNS} columns, which is the limit.")
    seen: set[str] = set()
    for place, name in enumerate(names, start=1):
        if not name.strip():
            raise UnreadableFile(f"Column {place} has no name.")
        if not storable(name):
            raise UnreadableFile(f"The name of column {place} holds a character that cannot be stored.")
        if name in seen:
            raise UnreadableFile(f"Two columns are named {name[:60]}.")
        seen.add(name)
    return list(names)
