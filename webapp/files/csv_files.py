"""Separated texts: their encoding, separator, comments and names told from the file, their cells left as written."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from charset_normalizer import from_bytes

from webapp.files.table import Table, TableBuilder, UnreadableFile

LONGEST_LINE = 200_000
SAMPLE = 2**16  # bytes that the encoding is told from
LOOKED_AT = 50  # lines that the separator is told from
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
WINDOWS = "cp1252"
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def encoding_of(path: Path) -> str:
    """By its mark, or UTF-8 where the whole file is; else what most likely wrote it, of the encodings of Windows."""
    with path.open("rb") as file:
        start = file.read(SAMPLE)
        for mark, name in MARKS.items():
            if start.startswith(mark):
                return name
        if start[1:200:2].count(0) > len(start[1:200:2]) // 2:
            return "utf-16-le"
        if start[0:200:2].count(0) > len(start[0:200:2]) // 2:
            return "utf-16-be"
        try:
            file.seek(0)
            decoder = codecs.getincrementaldecoder("utf-8")()
            for piece in iter(lambda: file.read(SAMPLE), b""):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
            return "utf-8"
        except UnicodeDecodeError:
            pass
    best = from_bytes(start, cp_isolation=["cp1250", "cp1251", WINDOWS, "cp1253", "cp1254", "gb18030", "shift_jis"])
    found = best.best()
    return found.encoding if found is not None and _surer_than_western(start, found.encoding) else WINDOWS


def _surer_than_western(start: bytes, encoding: str) -> bool:
    """Whether so much of it is not ASCII that another guess than the most common one counts."""
    return encoding != WINDOWS and sum(byte > 127 for byte in start) > 20


def read_csv(path: Path, *, most_rows: int, most_columns: int) -> Table:
    encoding = encoding_of(path)
    records = _Records(path, encoding)
    builder = TableBuilder(records.names, most_rows=most_rows, most_columns=most_columns)
    width = len(records.names)
    for number, cells in records.rows():
        fits = len(cells) == width
        builder.add_texts(number, cells if fits else [""] * width)
        if not fits:
            builder.problem(f"it has {len(cells)} cells and the first line {width}")
    separator = records.separator
    how = "" if encoding.startswith("utf") else f", {encoding}"
    table = builder.finish(
        words=f"CSV, separated by {SEPARATORS[separator]}{how}", unit="line", typed=frozenset(),
        decimal_comma=separator != ",",
    )  # fmt: skip
    return without_empty_last(table)


def without_empty_last(table: Table) -> Table:
    """Without the nameless column that a separator at the end of each line makes."""
    keep = [k for k, (name, column) in enumerate(zip(table.names, table.columns, strict=True))
            if not NAMELESS.fullmatch(name) or column.null_count < len(column)]  # fmt: skip
    if len(keep) == len(table.names):
        return table
    values = {**table.__dict__, "names": [table.names[k] for k in keep], "columns": [table.columns[k] for k in keep]}
    return Table(**values)


NAMELESS = re.compile(r"column \d+")  # what a column without a name is called


def checked_names(names: Sequence[str]) -> list[str]:
    """Each once and none empty: a second ``a`` is ``a_2``, a nameless one is called by its place."""
    checked: dict[str, None] = {}
    for place, given in enumerate(names, start=1):
        text = given.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
        name = text[:200] or f"column {place}"
        copies = (f"{name}_{k}" for k in range(2, len(names) + 2))
        checked[name if name not in checked else next(copy for copy in copies if copy not in checked)] = None
    return list(checked)


class _Records:
    """The records of a text after its comments and its names."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.path, self.encoding = path, encoding
        first = list(islice(self._lines(), LOOKED_AT))
        self.skipped = 0
        given = ""
        for line in first:
            text = line.strip()
            if text.lower().startswith("sep=") and len(text) == 5:
                given = text[4]
            elif text and not self._is_comment(text, first[self.skipped + 1 :]):
                break
            self.skipped += 1
        body = first[self.skipped :]
        self.separator = given if given in SEPARATORS else _separator_of(body)
        _, names = next(self._records(), (0, [""]))
        if all(_is_number(name) for name in names if name.strip()):
            raise UnreadableFile("The first line must hold the names of the columns; here it holds numbers only.")
        ahead = [cells for _, cells in islice(self._records(), 1, LOOKED_AT)]
        self.longer = bool(ahead) and all(len(cells) == len(names) + 1 for cells in ahead)
        drops = self.longer and all(not cells[-1].strip() for cells in ahead)
        self.names = checked_names(names if drops or not self.longer else ["", *names])

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        width = len(self.names)
        for number, cells in islice(self._records(), 1, None):
            if len(cells) == width + 1 and not cells[-1].strip():
                cells.pop()
            if len(cells) == width or not cells[0].lstrip().startswith("#"):
                yield number, cells

    @staticmethod
    def _is_comment(text: str, after: Sequence[str]) -> bool:
        """A line that starts with # and is no row of names: what follows has another number of cells."""
        following = next((line for line in after if line.strip() and not line.startswith("#")), "")
        return text.startswith("#") and not any(text.count(s) == following.count(s) > 0 for s in SEPARATORS)

    def _lines(self) -> Iterator[str]:
        try:
            with self.path.open(encoding=self.encoding, newline="") as file:
                number = 0
                while line := file.readline(LONGEST_LINE + 1):
                    number += 1
                    if len(line) > LONGEST_LINE:
                        raise UnreadableFile(f"Line {number} has more than {LONGEST_LINE:,} characters.")
                    yield line
        except UnicodeDecodeError as error:
            raise UnreadableFile(f"The file is no text: {error.reason} at byte {error.start}.") from error

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        lines = islice(self._lines(), self.skipped, None)
        reader = csv.reader(lines, delimiter=self.separator, strict=True, skipinitialspace=True)
        try:
            for cells in reader:
                if any(cells):
                    yield reader.line_num + self.skipped, cells
        except csv.Error as error:
            number = reader.line_num + self.skipped
            raise UnreadableFile(f"Line {number} can't be read: {error}.") from error


def _separator_of(lines: Sequence[str]) -> str:
    """The one that gives most lines the same number of cells, and several of them."""

    def score(separator: str) -> tuple[float, int]:
        try:
            widths = [len(cells) for cells in csv.reader(lines, delimiter=separator, skipinitialspace=True) if cells]
        except csv.Error:
            return 0, 0
        if not widths or widths[0] < 2:
            return 0, 0
        return sum(abs(width - widths[0]) < 2 for width in widths) / len(widths), widths[0]

    return max(SEPARATORS, key=score)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
