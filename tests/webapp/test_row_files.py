"""Files as rows: three formats told apart by content, in bounded memory, each refusal a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from webapp import strict_json
from webapp.files import json_files, row_files
from webapp.files.json_files import UnreadableFile, json_entries
from webapp.files.row_files import open_row_file

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "upload"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def cells(path: Path) -> list[list[Any]]:
    return [list(row.cells) for row in open_row_file(path).rows()]


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableFile) as caught:
        list(open_row_file(path).rows())
    return str(caught.value)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_of_a_csv_file_is_found(tmp_path: Path, separator: str) -> None:
    path = written(tmp_path, f"\ufeffdepth{separator}error\n1{separator}20\n\n2{separator}30\n")
    file = open_row_file(path)
    assert (file.kind, list(file.names), file.separator) == ("CSV", ["depth", "error"], separator)
    assert [(row.number, list(row.cells)) for row in file.rows()] == [(2, ["1", "20"]), (4, ["2", "30"])]


def test_a_csv_row_of_another_length_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    rows = list(open_row_file(written(tmp_path, "a,b\n1\n1,2,3\n1,2\n")).rows())
    assert [row.problem for row in rows] == [
        "it has 1 cells and the first line 2", "it has 3 cells and the first line 2", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"  \n ", "The file is empty."),
        (b"1,2\n3,4\n", "names of the columns"),
        (b"a,a\n1,2\n", "Two columns are named a."),
        (b"a,\n1,2\n", "Column 2 has no name."),
        (b"a,b\n\xff\xfe,1\n", "not UTF-8"),
        (b'a,b\n"1,2\n', "Line 2 can't be read"),
        (b"a,b\n" + b"x" * 300_000 + b",1\n", "more than 200,000 characters"),
        (b",".join(b"c%d" % k for k in range(101)) + b"\n", "more than 100 columns"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_refused_with_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refusal(written(tmp_path, content))


def test_json_is_a_list_of_objects_or_one_object_a_line(tmp_path: Path) -> None:
    entries = [{"depth": 1, "error": 20.5}, {"depth": 2, "error": 30, "more": "x"}]
    as_list = written(tmp_path, json.dumps(entries))
    assert cells(as_list) == [[1, 20.5, None], [2, 30, "x"]]
    assert cells(written(tmp_path, "\n".join(map(json.dumps, entries)))) == [[1, 20.5, None], [2, 30, "x"]]
    assert open_row_file(as_list).unit == "entry"


@settings(max_examples=40, deadline=None)
@given(
    entries=st.lists(
        st.dictionaries(
            st.text(max_size=4), st.none() | st.booleans() | st.integers() | st.text(max_size=30), max_size=4
        ),
        max_size=6,
    ),
    chunk=st.integers(1, 30),
)
def test_a_list_read_in_pieces_is_the_list(entries: list[dict[str, Any]], chunk: int) -> None:
    text = json.dumps(entries, ensure_ascii=False, indent=chunk % 3)
    at = 0

    def read(size: int) -> str:
        nonlocal at
        piece = text[at : at + min(size, chunk)]
        at += len(piece)
        return piece

    assert list(json_files._Entries(read)) == entries


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"a": NaN}]', "NaN is no number"),
        ('[{"a": -Infinity}]', "-Infinity is no number"),
        ('[{"a": 1, "a": 2}]', "the key 'a' twice"),
        ('[{"a": ' + "9" * 5000 + "}]", "5,000 digits is too long"),
        ('[{"a": ' + "[" * 100_000 + "]" * 100_000 + "}]", "nested too deeply"),
        ('[{"a": ' + '{"b": ' * 100_000, "can't be read"),
        ('[{"a": 1}', "middle of its list"),
        ('[{"a": 1', "Entry 1 can't be read"),
        ('[{"a": 1} {"a": 2}]', "no comma"),
        ('[{"a": 1},]', "a comma too many"),
        ('[{"a": 1}] x', "follows after the last entry"),
        ("[1, 2]", "Entry 1 is no object"),
        ('{"a": {"0": 1}} 5', "Entry 2 is no object"),
        ("[]", "no entry that can be read"),
        (b"[\xff]", "not UTF-8"),
    ],
)
def test_json_that_is_no_table_is_refused_with_a_sentence(tmp_path: Path, content: bytes | str, said: str) -> None:
    answer = refusal(written(tmp_path, content))
    assert said in answer or (said == "can't be read" and "nested too deeply" in answer)


def test_a_key_given_twice_is_found_without_comparing_every_key_with_every_other() -> None:
    compared = 0

    class Key(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    names = [*(f"k{number}" for number in range(200)), "k199"]
    with pytest.raises(strict_json.AmbiguousJsonError, match="the key 'k199' twice"):
        strict_json._object([(Key(name), 1) for name in names])
    assert compared < 10 * len(names)


def test_an_entry_that_never_ends_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "LONGEST_ENTRY", 100_000)
    assert "too long" in refusal(written(tmp_path, '[{"a": "' + "x" * 1_000_000))


def test_a_number_beyond_every_float_stays_for_the_reader_to_judge(tmp_path: Path) -> None:
    assert list(json_entries(written(tmp_path, '[{"a": 1e999}]'))) == [{"a": float("inf")}]


def test_parquet_is_read_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    parquet.write_table(pa.table({"depth": [1, 2, None], "name": ["a", None, "b"], "error": [20.0, 30.5, 40]}), path)
    file = open_row_file(path)
    assert (file.kind, list(file.names)) == ("Parquet", ["depth", "name", "error"])
    assert [list(row.cells) for row in file.rows()] == [[1, "a", 20.0], [2, None, 30.5], [None, "b", 40.0]]


def test_parquet_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    parquet.write_table(pa.table({"error": [1.0] * 5_000, "text": ["x" * 100_000] * 5_000}), path)
    assert path.stat().st_size < 1_000_000
    assert "holds a text of 100,000 bytes" in refusal(path)
    parquet.write_table(pa.table({"error": [[1.0], [2.0]]}), path)
    assert "only plain columns" in refusal(path)
    path.write_bytes(b"PAR1 and no more")
    assert "Parquet file can't be read" in refusal(path)
    parquet.write_table(pa.table({"error": [1.0] * 100_001}), path)
    assert "100,001 rows; the limit is 100,000" in refusal(path)


def test_more_rows_than_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_files, "MOST_ROWS", 3)
    assert "more than 3 rows" in refusal(
        written(tmp_path, "error\n1\n2\n3\n4\nx\n".replace("error", "a,error").replace("\n", ",1\n"))
    )
    assert "more than 3 entries" in refusal(written(tmp_path, json.dumps([{"a": 1}] * 4)))


def test_a_sweep_becomes_rows_with_its_designs() -> None:
    file = open_row_file(EXAMPLES / "sweep.json")
    assert file.words == "a sweep of pycls, with its designs"
    assert list(file.names) == [
        "depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width", "learning_rate", "weight_decay", "flops",
        "params", "acts", "error", "best_error", "design",
    ]  # fmt: skip
    last = dict(zip(file.names, list(file.rows())[-1].cells, strict=True))
    assert (last["bottleneck_ratio"], last["error"], last["best_error"]) == (2.0, 36.8, 36.2)
    assert last["design"]["kind"] == "regnet"


def test_an_entry_of_a_sweep_without_a_result_is_a_problem_by_its_key(tmp_path: Path) -> None:
    sweep = json.loads((EXAMPLES / "sweep.json").read_text())
    del sweep[1]["test_epoch"]
    rows = list(open_row_file(written(tmp_path, json.dumps(sweep))).rows())
    assert [row.problem for row in rows] == ["", "The entry has no test_epoch", ""]
