"""Excel workbooks: the first sheet that holds a table."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from webapp.files.csv_files import checked_names, without_empty_last
from webapp.files.table import Table, TableBuilder, UnreadableFile


def read_workbook(path: Path, *, most_rows: int, most_columns: int) -> Table:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path.open("rb"), read_only=True, data_only=True)
        for sheet in book.worksheets:
            builder: TableBuilder | None = None
            for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                filled = sum(cell is not None for cell in cells)
                if builder is None and filled > 1:  # a title above the table stands alone in its line
                    names = checked_names(["" if cell is None else str(cell) for cell in _trimmed(cells)])
                    builder = TableBuilder(names, most_rows=most_rows, most_columns=most_columns)
                elif builder is not None and filled:
                    width = len(builder.columns)
                    given = [_cell(cell) for cell in cells[:width]]
                    builder.add(number, given + [None] * (width - len(given)))
            if builder is not None and builder.lines:
                return without_empty_last(builder.finish(words=f"Excel, sheet {sheet.title[:40]}", unit="row"))
    except (InvalidFileException, KeyError, ValueError, zipfile.BadZipFile, OSError) as error:
        raise UnreadableFile(f"The workbook can't be read: {str(error)[:100]}.") from error
    raise UnreadableFile("The workbook holds no sheet with a table.")


def _trimmed(cells: Sequence[Any]) -> Sequence[Any]:
    last = max(place for place, cell in enumerate(cells) if cell is not None)
    return cells[: last + 1]


def _cell(cell: object) -> Any:
    return cell.isoformat() if isinstance(cell, (datetime, date, time)) else cell
