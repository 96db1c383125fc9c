"""Files that leave the app: CSV that a spreadsheet cannot mistake for formulas, JSON, Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from engine.statistics.population import whole_numbers

RISKY = ("=", "+", "-", "@", "\t", "\r")
LINES_A_PIECE = 1_000

R = TypeVar("R", bound=HttpResponseBase)
Values = npt.NDArray[np.float64] | Sequence[object]


class _Echo:
    """A file that gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_response(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """A download of ``name``.csv, row by row; numbers stay, text like a formula gets an apostrophe."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield writer.writerow([_cell(title) for title in head])
        for row in rows:
            yield writer.writerow([_cell(value) for value in row])

    response = StreamingHttpResponse(_in_pieces(lines()), content_type="text/csv; charset=utf-8")
    return _named(response, f"{name}.csv")


def file_response(name: str, content: bytes | str, content_type: str) -> HttpResponse:
    return _named(HttpResponse(content, content_type=content_type), name)


def table_response(kind: str, name: str, columns: Mapping[str, Any]) -> HttpResponseBase:
    """A population as csv, json or parquet; columns are float64 arrays, or lists of texts or JSON objects."""
    lists = {key: _values(values) for key, values in columns.items()}
    if kind == "csv":
        rows = zip(*(map(_as_text, values) for values in lists.values()), strict=True)
        return csv_response(name, list(lists), rows)
    if kind == "json":
        response = StreamingHttpResponse(_in_pieces(_json_lines(lists)), content_type="application/json")
        return _named(response, f"{name}.json")
    return file_response(f"{name}.parquet", _parquet(columns), "application/vnd.apache.parquet")


def _named(response: R, name: str) -> R:
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


def _values(values: Values) -> list[object]:
    """Whole numbers as integers, so that no file says 12.0 for a depth; None for an empty cell."""
    if not isinstance(values, np.ndarray):
        return list(values)
    return [None if np.isnan(value) else value for value in whole_numbers(values)]


def _in_pieces(lines: Iterator[str]) -> Iterator[str]:
    """Many lines at once: each piece costs a turn of the server and of its compression."""
    while piece := "".join(islice(lines, LINES_A_PIECE)):
        yield piece


def _json_lines(lists: Mapping[str, list[object]]) -> Iterator[str]:
    """A list of records, one a line."""
    names = list(lists)
    rows = zip(*lists.values(), strict=True)
    yield "[\n"
    for number, row in enumerate(rows):
        cells = dict(zip(names, map(_finite, row), strict=True))
        yield (",\n" if number else "") + json.dumps(cells, allow_nan=False)
    yield "\n]\n"


def _finite(value: object) -> object:
    """JSON has no infinity."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _parquet(columns: Mapping[str, Values]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({name: [*map(_as_text, _values(values))] for name, values in columns.items()})
    target = BytesIO()
    parquet.write_table(table, target, compression="zstd")
    return target.getvalue()


def _as_text(value: object) -> object:
    """A design as the JSON that a cell can hold; everything else as it is."""
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else value


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(RISKY):
        return f"'{value}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
