"""Rows of results as the server takes them: columns by name, in parts that a request can hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netspace_client.errors import ClientError

CELLS_A_PART = 30_000  # a request holds 2.5 MB

Rows = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]] | Any  # or a DataFrame


def parts_of(rows: Rows) -> Iterator[dict[str, list[Any]]]:
    """The columns of a DataFrame, of records or of columns, a part of the rows at a time."""
    columns = _columns(rows)
    n = max((len(cells) for cells in columns.values()), default=0)
    if not n or any(len(cells) != n for cells in columns.values()):
        raise ClientError("Give rows: a DataFrame, a list of records, or columns of one length.")
    step = max(1, CELLS_A_PART // len(columns))
    for start in range(0, n, step):
        yield {name: [_cell(cell) for cell in cells[start : start + step]] for name, cells in columns.items()}


def _columns(rows: Rows) -> dict[str, list[Any]]:
    if hasattr(rows, "columns") and hasattr(rows, "itertuples"):
        frame: Any = rows
        return {str(name): frame[name].tolist() for name in frame.columns}
    if isinstance(rows, Mapping):
        return {str(name): list(cells) for name, cells in rows.items()}
    records = list(rows)
    names = dict.fromkeys(str(name) for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _cell(cell: Any) -> Any:
    """As JSON has it: numpy's numbers as Python's, nothing for NaN, infinities as words."""
    plain = cell.item() if hasattr(cell, "item") else cell
    if plain is None or isinstance(plain, (bool, int, str)):
        return plain
    if isinstance(plain, float):
        return None if math.isnan(plain) else str(plain) if math.isinf(plain) else plain
    return None if plain != plain else str(plain)  # pandas' NaT and NA
