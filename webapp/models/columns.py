"""Columns of imported populations: as values, and as the bytes that the database keeps."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from webapp.models.imports import ColumnKind

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Column:
    """``values``: float64 of shape (n,) for numbers, a list of n strings for text, of n JSON objects for designs."""

    name: str
    kind: ColumnKind
    values: FloatArray | Sequence[Any]


def encode(column: Column) -> bytes:
    """Numbers as they lie in memory, so that reading them costs nothing; the rest as compressed JSON."""
    if column.kind == ColumnKind.NUMBER:
        return np.asarray(column.values, dtype="<f8").tobytes()
    return zlib.compress(json.dumps(list(column.values), separators=(",", ":")).encode(), level=6)


def decode_numbers(stored: bytes | memoryview) -> FloatArray:
    return np.frombuffer(stored, dtype="<f8")


def decode_list(stored: bytes | memoryview) -> list[Any]:
    values: list[Any] = json.loads(zlib.decompress(stored))
    return values
