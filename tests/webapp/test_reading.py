"""Files that mean harm: bounded by what comes out of them, in a process whose end is not the server's."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from webapp.files import reading, unpacking
from webapp.files.reading import read_in_bounds, read_table
from webapp.files.table import UnreadableFile, load_table

PLAIN = "depth,error\n1,20\n2,30\n"


def refusal(folder: Path, content: bytes, *, bounded: bool = False) -> str:
    path = folder / "upload"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile) as caught:
        read_in_bounds(path, folder / "table") if bounded else read_table(path)
    assert not path.with_suffix(".unpacked").exists()
    return str(caught.value)


def a_zip(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            pack.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"  \n ", "The file is empty."),
        (b"a,error\n", "no row"),
        (b"1,2\n3,4\n", "names of the columns"),
        (b'a,b\n"1,2\n', "Line 2 can't be read"),
        (b"a,b\n" + b"x" * 300_000 + b",1\n", "more than 200,000 characters"),
        (b",".join(b"c%d" % k for k in range(801)) + b"\n" + b"1," * 800 + b"1\n", "more than 800 columns"),
        (b"PAR1 and no more", "Parquet file can't be read"),
        (b"\x1f\x8b and no more", "can't be unpacked"),
        (b"PK\x03\x04 and no more", "can't be unpacked"),
        (b"\xd0\xcf\x11\xe0 and more", "workbook of Excel 97"),
        (a_zip(a=b"a,error\n1,2\n", b=b"x"), "holds 2 files"),
        (b'[{"a": 1, "a": 2}]', "the key 'a' twice"),
        (b'[{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "nested too deeply"),
        (b'[{"a": 1}', "middle of its list"),
        (b'[{"a": 1', "Entry 1 can't be read"),
        (b'[{"a": 1} {"a": 2}]', "no comma"),
        (b'[{"a": 1},]', "a comma too many"),
        (b'[{"a": 1}] x', "follows after the last entry"),
        (b"[1, 2]", "Entry 1 is no object"),
        (b"[]", "no entry that can be read"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refusal(tmp_path, content)


def test_sizes_are_counted_as_they_come_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "LARGEST_UNPACKED", 2**20)
    bomb = b"a,error\n" + b"1,2\n" * 400_000
    for packed in (gzip.compress(bomb), a_zip(bomb=bomb)):
        assert len(packed) < 20_000
        assert "unpacks to more than 1 MiB" in refusal(tmp_path, packed)


def test_a_small_parquet_file_that_unpacks_to_gigabytes_ends_its_own_reading(tmp_path: Path) -> None:
    n = 4_000
    texts = pa.array(["x" * 100_000] * n)
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"error": [1.0] * n, "text": texts}), path, compression="zstd")
    assert path.stat().st_size < 200_000
    table = read_in_bounds(path, tmp_path / "table")  # 400 MB of text, of which 1,000 characters a cell are kept
    assert len(table.column("text")[0].as_py()) == 1_000


def test_more_memory_or_time_than_allowed_ends_the_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"[" + b",".join(b'{"a": "%s"}' % (b"x" * 1_000_000) for _ in range(3)) + b"]"
    monkeypatch.setattr(reading, "MOST_SECONDS", 0.01)
    assert "takes more than 0.01 s" in refusal(tmp_path, content, bounded=True)


def test_more_rows_than_the_limit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("a,error\n" + "1,2\n" * 11)
    with pytest.raises(UnreadableFile, match="more than 10 rows"):
        read_table(path, most_rows=10)


def test_a_table_is_kept_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("model,depth,error\na,1,20\n,2,x\nb\n")
    table = read_in_bounds(path, tmp_path / "table")
    again = load_table(tmp_path / "table")
    assert (again.names, again.words, again.unit) == (table.names, "CSV, separated by commas", "line")
    assert [column.to_pylist() for column in again.columns] == [["a", None, None], ["1", "2", None], ["20", "x", None]]
    assert again.lines.tolist() == [2, 3, 4]
    assert again.problems == {2: "it has 1 cells and the first line 3"}
