"""Reading an upload once, in a process of its own whose memory and time are bounded.

What a hostile file can do ends that process, and the person is told; the server goes on.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from webapp.files.csv_files import read_csv
from webapp.files.table import Table, UnreadableFile, load_table
from webapp.files.unpacking import is_workbook, unpacked

MOST_ROWS = 100_000
MOST_COLUMNS_READ = 800  # each is a field of the preview
MOST_MEMORY = 2 * 2**30  # bytes of address space
MOST_SECONDS = 120
UNREADABLE, TOO_LARGE = 3, 4  # exit codes
# Every thread reserves addresses of its own, which count towards the limit, and there are as many as cores.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_IO_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def read_table(path: Path, *, most_rows: int = MOST_ROWS) -> Table:
    """What a file holds, by its first bytes; `UnreadableFile` where it is no table. Reads in this process."""
    scratch = path.with_suffix(".unpacked")
    try:
        table = _read(unpacked(path, scratch), {"most_rows": most_rows, "most_columns": MOST_COLUMNS_READ})
    finally:
        scratch.unlink(missing_ok=True)
    if not table.n:
        raise UnreadableFile("The file holds names of columns, but no row.")
    return table


def _read(content: Path, bounds: dict[str, int]) -> Table:
    with content.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"PAR1"):
        from webapp.files.parquet_files import read_parquet

        return read_parquet(content, **bounds)
    if start.startswith(b"PK\x03\x04") and is_workbook(content):
        from webapp.files.sheets import read_workbook

        return read_workbook(content, **bounds)
    return _read_text(content, start, bounds)


def _read_text(path: Path, start: bytes, bounds: dict[str, int]) -> Table:
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile("This is a workbook of Excel 97 to 2003: save it as .xlsx or CSV, and import that.")
    text = start.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip(b" \t\r\n\0")
    if not text:
        raise UnreadableFile("The file is empty.")
    if text[:1] in (b"[", b"{"):
        from webapp.files.json_tables import read_json

        return read_json(path, **bounds)
    return read_csv(path, **bounds)


def read_in_bounds(path: Path, target: Path) -> Table:
    """`read_table` in a process of its own; the table is kept in ``target``."""
    command = [sys.executable, "-m", "webapp.files.reading", str(path), str(target)]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            command, cwd=root, env={**os.environ, **ONE_THREAD}, capture_output=True, timeout=MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UnreadableFile(f"Reading the file takes more than {MOST_SECONDS} s, which is the limit.") from None
    if done.returncode == UNREADABLE:
        raise UnreadableFile(done.stdout.decode(errors="replace"))
    if done.returncode == TOO_LARGE or b"memory" in done.stderr.lower():
        raise UnreadableFile(f"Reading the file takes more than {MOST_MEMORY // 2**30} GiB of memory.")
    if done.returncode:
        raise UnreadableFile("The file can't be read: it breaks the reader of its format.")
    return load_table(target)


def main(path: str, target: str) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    try:
        read_table(Path(path)).save(Path(target))
    except UnreadableFile as error:
        print(error, end="")
        return UNREADABLE
    except (MemoryError, RecursionError):
        return TOO_LARGE
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
