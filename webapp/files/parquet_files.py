"""Parquet, column by column, counted as it unpacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from webapp.files.csv_files import checked_names
from webapp.files.table import LONGEST_CELL, MOST_EXACT, Table, UnreadableFile

BATCH = 1_000  # rows unpacked at once
LARGEST = 512 * 2**20  # bytes once unpacked
INDEX = "__index_level_0__"  # pandas' name of an index that has none


def read_parquet(path: Path, *, most_rows: int, most_columns: int) -> Table:
    try:
        # Text is read as numbers into a list of its values: one long text in every row would fill the memory otherwise.
        texts = [field.name for field in parquet.read_schema(path) if _is_text(field.type)]
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            names = checked_names(["" if name == INDEX else name for name in file.schema_arrow.names])
            if len(names) > most_columns:
                raise UnreadableFile(f"The file has more than {most_columns:,} columns, which is the limit.")
            chunks, n = _chunks(file, most_rows)
            types = list(file.schema_arrow.types)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        why = (str(error).splitlines() or ["it is damaged"])[0][:200]
        raise UnreadableFile(f"The Parquet file can't be read: {why}.") from error
    columns = [_joined([chunk[k] for chunk in chunks]) for k in range(len(names))]
    nested = frozenset(name for name, kind in zip(names, types, strict=True) if pa.types.is_nested(kind))
    typed = frozenset(
        name for name, kind in zip(names, types, strict=True)
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
    )  # fmt: skip
    return Table("Parquet", "row", names, columns, np.arange(1, n + 1), typed=typed, nested=nested)


def _chunks(file: parquet.ParquetFile, most_rows: int) -> tuple[list[list[pa.Array]], int]:
    chunks, n, left = [], 0, LARGEST
    for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
        n += batch.num_rows
        left -= batch.nbytes
        if n > most_rows:
            raise UnreadableFile(f"The file has more than {most_rows:,} rows, which is the limit.")
        if left < 0:
            raise UnreadableFile(f"The file unpacks to more than {LARGEST // 2**20} MiB, which is the limit.")
        chunks.append([_plain(column) for column in batch.columns])
    if not n:
        raise UnreadableFile("The file holds no row.")
    return chunks, n


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _plain(column: pa.Array) -> pa.Array:
    """Doubles or strings."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        if _is_text(kind.value_type):
            shortened = _shortened(column.dictionary)
            return shortened.take(column.indices)
        return _plain(column.dictionary_decode())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _exact(column)
    if pa.types.is_nested(kind):
        return pa.array(["…" if cell is not None else None for cell in column.to_pylist()], pa.string())
    if _is_text(kind):
        return _shortened(column)
    if pa.types.is_boolean(kind):
        return compute.if_else(column, "True", "False").cast(pa.string())
    return column.cast(pa.string())


def _exact(column: pa.Array) -> pa.Array:
    """Doubles where they hold every number to the last digit."""
    largest = max((abs(int(cell.as_py() or 0)) for cell in compute.min_max(column).values()), default=0)
    return column.cast(pa.string() if largest > MOST_EXACT else pa.float64(), safe=False)


def _shortened(column: pa.Array) -> pa.Array:
    texts = column.cast(pa.string())
    longest = compute.max(compute.binary_length(texts)).as_py() or 0
    texts = compute.utf8_slice_codeunits(texts, 0, LONGEST_CELL) if longest > LONGEST_CELL else texts
    return compute.replace_substring(texts, "\0", "\N{REPLACEMENT CHARACTER}")


def _joined(chunks: list[pa.Array]) -> pa.Array:
    """One array; texts where some chunk holds numbers that a double can't."""
    kind = pa.string() if any(chunk.type == pa.string() for chunk in chunks) else pa.float64()
    return pa.chunked_array([chunk.cast(kind) for chunk in chunks], kind).combine_chunks()
