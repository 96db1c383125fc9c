"""JSON as rows, however it is turned: records, lines, pandas' orientations, records by key, lists of cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

from engine.designs.sweep_files import is_sweep_entry
from webapp.files.csv_files import checked_names, encoding_of
from webapp.files.json_files import json_entries
from webapp.files.sweeps import read_sweep
from webapp.files.table import Table, TableBuilder, UnreadableFile

MOST_ROWS, MOST_COLUMNS = 100_000, 800  # of what a script sends at once
DEEPEST = 4  # records within records that become columns of their own
KEY = "key"  # the column of the keys of records by key
Rows = Iterator[Mapping[str, Any]]


def read_json(path: Path, *, most_rows: int, most_columns: int) -> Table:
    encoding = encoding_of(path)
    entries = json_entries(path, "utf-8-sig" if encoding == "utf-8" else encoding)
    first = list(islice(entries, 2))
    if not first:
        raise UnreadableFile("The file holds no entry that can be read.")
    builder = TableBuilder(most_rows=most_rows, most_columns=most_columns)
    if is_sweep_entry(first[0]):
        return read_sweep(chain(first, entries), builder)
    if len(first) == 1 and isinstance(first[0], dict):
        rows, how = _turned(first[0])
    elif isinstance(first[0], list):
        rows, how = _of_lists(chain(first, entries)), "JSON, a list of rows"
    else:
        rows, how = iter(chain(first, entries)), "JSON"
    for number, entry in enumerate(rows, start=1):
        if not isinstance(entry, Mapping):
            raise UnreadableFile(f"Entry {number} is no object.")
        builder.add(number, flat(entry))
    if not builder.columns and not any(builder.waiting):
        raise UnreadableFile("The file holds no entry that can be read.")
    return builder.finish(words=how, unit="row")


def table_of_columns(columns: Mapping[str, Sequence[Any]]) -> Table:
    """Lists of one length as a table, such as a script sends."""
    lengths = {len(cells) for cells in columns.values()}
    if len(lengths) != 1 or not max(lengths):
        raise UnreadableFile("All columns must have the same number of rows, one at least.")
    names = checked_names(list(columns))
    builder = TableBuilder(names, most_rows=MOST_ROWS, most_columns=MOST_COLUMNS)
    for number, cells in enumerate(zip(*columns.values(), strict=True), start=1):
        builder.add(number, cells)
    return builder.finish(words="columns", unit="row")


def flat(entry: Mapping[str, Any], prefix: str = "", depth: int = 1) -> dict[str, Any]:
    """Records within a record as columns named with dots; designs stay whole."""
    cells: dict[str, Any] = {}
    for key, value in entry.items():
        name = _name(f"{prefix}{key}")
        if isinstance(value, Mapping) and value and "kind" not in value and depth < DEEPEST:
            cells |= flat(value, f"{name}.", depth + 1)
        else:
            cells[name] = value
    return cells


@lru_cache(maxsize=10_000)
def _name(given: str) -> str:
    return checked_names([given])[0]


def _turned(document: Mapping[str, Any]) -> tuple[Rows, str]:
    """The rows of one object that holds a whole table, or is one row itself."""
    values = list(document.values())
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        names = [str(name) for name in document["columns"]]
        return _of_lists(iter([names, *document["data"]])), "JSON, split into columns and data"
    lists = [value for value in values if isinstance(value, list)]
    if "schema" in document and isinstance(document.get("data"), list):
        return iter(document["data"]), "JSON, a table with its schema"
    if values and all(isinstance(value, Mapping) for value in values):
        if all(str(key).isdecimal() for value in values for key in value) and not all(map(str.isdecimal, document)):
            return _of_columns({name: dict(column) for name, column in document.items()}), "JSON, column by column"
        return iter([{KEY: key, **record} for key, record in document.items()]), "JSON, records by key"
    if lists and len(lists) == len(values) and len({len(value) for value in lists}) == 1:
        columns = {name: dict(enumerate(column)) for name, column in document.items()}
        return _of_columns(columns), "JSON, column by column"
    records = [value for value in lists if value and all(isinstance(record, Mapping) for record in value)]
    if len(records) == 1:
        return iter(records[0]), "JSON"
    return iter([document]), "JSON"


def _of_columns(columns: Mapping[str, Mapping[Any, Any]]) -> Rows:
    keys = dict.fromkeys(key for column in columns.values() for key in column)
    for key in keys:
        yield {name: column.get(key) for name, column in columns.items()}


def _of_lists(rows: Iterator[Sequence[Any]]) -> Rows:
    """The first list names the columns where it holds texts only."""
    first = next(rows)
    if not all(isinstance(cell, str) for cell in first):
        rows = chain([first], rows)
        first = [f"column {place}" for place in range(1, len(first) + 1)]
    names = checked_names(first)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(names):
            raise UnreadableFile(f"Entry {number} does not have a cell for each of the {len(names)} columns.")
        yield dict(zip(names, row, strict=True))
