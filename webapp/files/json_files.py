"""Large JSON files read entry by entry: a list of objects, or one object a line, in bounded memory.

NaN and infinities are the values they are in Python. Refused with a sentence: duplicate keys, nesting without end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from webapp.files.table import UnreadableFile
from webapp.strict_json import AmbiguousJsonError, lenient_decoder

LONGEST_ENTRY = 128 * 2**20  # characters; a whole table may be one object
LONGEST_NUMBER = 400  # digits
CHUNK = 2**16
SPACE = " \t\r\n"


def json_entries(path: Path, encoding: str = "utf-8-sig") -> Iterator[Any]:
    """The entries of a file, one after the other: objects, or lists of cells."""
    try:
        with path.open(encoding=encoding) as file:
            yield from _Entries(file.read)
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"The file is not UTF-8 text: {error.reason} at byte {error.start}.") from error


class _Entries:
    """Iterates over the entries of a text that ``read`` gives in pieces."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self.read = read
        self.text, self.at, self.count = "", 0, 0
        self.ended = False
        self.decoder = lenient_decoder(most_digits=LONGEST_NUMBER)

    def __iter__(self) -> Iterator[Any]:
        in_list = self._next() == "["
        if in_list:
            self.at += 1
        elif self._next() != "{":
            raise UnreadableFile("A JSON file must hold a list of objects, or one object a line.")
        while (letter := self._next()) and letter != "]":
            yield self._entry()
            if in_list and self._next() == ",":
                self.at += 1
                if self._next() == "]":
                    raise UnreadableFile(f"After entry {self.count} there is a comma too many.")
            elif in_list and self._next() not in ("]", ""):
                raise UnreadableFile(f"After entry {self.count} there is no comma.")
        if in_list and self._next() != "]":
            raise UnreadableFile(f"The file ends in the middle of its list, after entry {self.count}.")
        self.at += 1
        if self._next():
            raise UnreadableFile(f"Something follows after the last entry, {self.count}.")

    def _more(self, size: int = CHUNK) -> bool:
        piece = "" if self.ended else self.read(size)
        self.ended = not piece
        self.text, self.at = self.text[self.at :] + piece, 0
        return bool(piece)

    def _next(self) -> str:
        """The next letter that is no space, without taking it; empty at the end of the file."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in SPACE:
                    return self.text[self.at]
                self.at += 1
            if not self._more():
                return ""

    def _entry(self) -> Any:
        number = self.count + 1
        if self._next() not in ("{", "["):
            raise UnreadableFile(
                f"Entry {number} is no object. Each must be one row, as pandas writes with orient='records'."
            )
        while True:
            try:
                value, self.at = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                # The text may only not have come to its end yet; pieces grow, so that reading stays linear.
                held = len(self.text) - self.at
                if held > LONGEST_ENTRY:
                    raise UnreadableFile(f"Entry {number} can't be read: {error.msg}, or it is too long.") from error
                if not self._more(max(CHUNK, held)):
                    raise UnreadableFile(f"Entry {number} can't be read: {error.msg}.") from error
            except AmbiguousJsonError as error:
                raise UnreadableFile(f"Entry {number} can't be read: {error}.") from error
            except RecursionError as error:
                raise UnreadableFile(f"Entry {number} is nested too deeply.") from error
            else:
                self.count = number
                return value
