"""Columns of imported populations: as values, and as the bytes that the database keeps.

Numbers lie as in memory; the rest is compressed JSON in blocks, so that some rows can be read without the others.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from webapp.models.imports import ColumnKind, ColumnRole

FloatArray = npt.NDArray[np.float64]
NUMBER_BYTES = 8
AS_NUMBERS = (ColumnKind.NUMBER, ColumnKind.CATEGORY)
BLOCK = 500  # rows that are compressed together; migration 0023 wrote it so


@dataclass(frozen=True, eq=False)
class Column:
    """``values``: float64 of shape (n,) for numbers and categories, a list of n strings for text, of n JSON objects for
    designs. A category's are places in its ``levels``; nan is an empty cell."""

    name: str
    kind: ColumnKind
    values: FloatArray | Sequence[Any]
    role: ColumnRole = ColumnRole.PARAMETER
    levels: Sequence[str] = ()

    @property
    def cells(self) -> FloatArray | Sequence[Any]:
        """As files and pages have them: the levels of a category as texts."""
        if self.kind != ColumnKind.CATEGORY:
            return self.values
        return [self.levels[int(place)] if place == place else "" for place in self.values]


def encode(column: Column) -> tuple[bytes, list[int]]:
    """The bytes, and where in them each block of text or designs ends."""
    if column.kind in AS_NUMBERS:
        return np.asarray(column.values, dtype="<f8").tobytes(), []
    blocks = [
        zlib.compress(json.dumps(list(column.values[start : start + BLOCK]), separators=(",", ":")).encode(), level=6)
        for start in range(0, len(column.values), BLOCK)
    ]
    return b"".join(blocks), list(accumulate(len(block) for block in blocks))


def decode_numbers(stored: bytes | memoryview) -> FloatArray:
    return np.frombuffer(stored, dtype="<f8")


def decode_list(stored: bytes | memoryview, ends: Sequence[int]) -> list[Any]:
    """The values of blocks that lie one after the other."""
    return [value for start, end in pairwise((0, *ends)) for value in json.loads(zlib.decompress(stored[start:end]))]


def decode_rows(stored: bytes | memoryview, ends: Sequence[int], rows: Sequence[int]) -> list[Any]:
    """The values of some rows, counted from 0; only their blocks are read."""
    starts = (0, *ends)
    blocks = {
        block: json.loads(zlib.decompress(stored[starts[block] : ends[block]]))
        for block in {row // BLOCK for row in rows}
    }
    return [blocks[row // BLOCK][row % BLOCK] for row in rows]
