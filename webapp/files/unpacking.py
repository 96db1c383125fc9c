"""Files packed with gzip or zip: the one file in them, counted while it comes out and never by what the pack claims."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

from webapp.files.table import UnreadableFile

LARGEST_UNPACKED = 512 * 2**20  # bytes
PIECE = 2**20
MOST_FILES = 1_000
SHEET_PARTS = ("xl/workbook.xml", "[Content_Types].xml")


def unpacked(path: Path, target: Path) -> Path:
    """The file itself, or the one that it packs, written to ``target``; packs within packs are not opened."""
    with path.open("rb") as file:
        start = file.read(4)
    try:
        if start[:2] == b"\x1f\x8b":
            with gzip.open(path) as source:
                return _copied(cast(IO[bytes], source), target)
        if start == b"PK\x03\x04":
            return _of_zip(path, target)
    except (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise UnreadableFile(f"The packed file can't be unpacked: {str(error)[:100]}.") from error
    return path


def is_workbook(path: Path) -> bool:
    """Whether a zip is an Excel workbook."""
    return zipfile.is_zipfile(path) and all(part in zipfile.ZipFile(path).namelist() for part in SHEET_PARTS)


def _of_zip(path: Path, target: Path) -> Path:
    with zipfile.ZipFile(path) as pack:
        names = [one for one in pack.infolist() if not one.is_dir() and not _is_extra(one.filename)]
        if len(names) > MOST_FILES:
            raise UnreadableFile(f"The zip holds {len(names):,} files; only one can be imported.")
        if is_workbook(path):
            left = LARGEST_UNPACKED
            for one in names:
                with pack.open(one) as source:
                    left -= _size(source, left)
            return path
        if len(names) != 1:
            raise UnreadableFile(f"The zip holds {len(names)} files; pack the one that you want to import.")
        with pack.open(names[0]) as source:
            return _copied(source, target)


def _is_extra(name: str) -> bool:
    """What macOS adds to a zip."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1] == ".DS_Store"


def _copied(source: IO[bytes], target: Path) -> Path:
    left = LARGEST_UNPACKED
    with target.open("wb") as out:
        while piece := source.read(PIECE):
            left -= len(piece)
            if left < 0:
                raise _too_large()
            out.write(piece)
    return target


def _size(source: IO[bytes], most: int) -> int:
    size = 0
    while piece := source.read(PIECE):
        size += len(piece)
        if size > most:
            raise _too_large()
    return size


def _too_large() -> UnreadableFile:
    return UnreadableFile(f"The file unpacks to more than {LARGEST_UNPACKED // 2**20} MiB, which is the limit.")
