"""From rows to columns: what is guessed, converted, refused, and stored and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.webapp import rows
from webapp import queries, services
from webapp.files.imports import Choices, column_name, guess, name_problem, read_import
from webapp.files.row_files import open_row_file
from webapp.models import ColumnKind, Event, ImportedColumn, ImportedPopulation
from webapp.models.columns import BLOCK, Column, decode_list, decode_numbers, decode_rows, encode

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NUMBER, TEXT = ColumnKind.NUMBER, ColumnKind.TEXT


def read(folder: Path, content: str, **changes: Any) -> Any:
    path = folder / "upload"
    path.write_text(content)
    file = open_row_file(path)
    guessed = guess(file)
    return read_import(file, Choices(**{**guessed.__dict__, **changes}))


@pytest.mark.parametrize(
    ("head", "values", "expected"),
    [
        ("error", "20 30", ("error", "error", "percent", [20, 30])),
        ("top1_err", "0.2 0.305", ("top1_err", "error", "fraction", [20, 30.5])),
        ("Top-1 acc (%)", "72.526 100", ("Top-1 acc (%)", "accuracy", "percent", [27.474, 0])),
        ("test_accuracy", "0.75 1", ("test_accuracy", "accuracy", "fraction", [25, 0])),
    ],
)
def test_error_and_accuracy_are_recognised_and_converted(
    tmp_path: Path, head: str, values: str, expected: tuple[Any, ...]
) -> None:
    path = tmp_path / "upload"
    path.write_text(f"depth,{head}\n" + "".join(f"1,{value}\n" for value in values.split()))
    choices = guess(open_row_file(path))
    assert (choices.error, choices.measure, choices.unit) == expected[:3]
    assert read_import(open_row_file(path), choices).errors.tolist() == expected[3]


def test_the_error_is_chosen_before_others_that_sound_alike(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("train_err,best_error,error,error_std\n1,2,3,4\n")
    assert (guess(open_row_file(path)).error, guess(open_row_file(path)).best) == ("error", "best_error")
    path.write_text("depth,width\n1,2\n")
    assert guess(open_row_file(path)).error == ""


def test_columns_are_typed_and_text_is_kept(tmp_path: Path) -> None:
    found = read(tmp_path, "block,depth,error\nbasic,1e1,20\nbottle,2,30\n")
    assert [(column.name, column.kind) for column in found.columns] == [
        ("block", TEXT), ("depth", NUMBER), ("error", NUMBER),
    ]  # fmt: skip
    assert list(found.columns[0].values) == ["basic", "bottle"]
    assert found.columns[1].values.tolist() == [10, 2]


def test_a_decimal_comma_counts_where_semicolons_separate(tmp_path: Path) -> None:
    assert read(tmp_path, "depth;error\n1;20,5\n2;30,25\n").errors.tolist() == [20.5, 30.25]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "depth is empty"), ("NA", "depth is empty"), ("nan", "depth is empty"),
        ("x", "depth is x, which is no number"), ("1e999", "depth is 1e999, which is no number"),
        ("inf", "depth is inf, which is no number"), ("1_0", "depth is 1_0, which is no number"),
        ("9" * 5000, f"depth is {'9' * 60}…, which is no number"),
        ("\u202ex", "depth is \N{REPLACEMENT CHARACTER}x, which is no number"),
    ],
)  # fmt: skip
def test_a_cell_that_is_no_number_leaves_its_row_out_with_the_reason(tmp_path: Path, cell: str, reason: str) -> None:
    found = read(tmp_path, "depth,error\n" + "1,20\n" * 20 + f"{cell},30\n")
    assert (found.n, found.left_out) == (20, 1)
    assert [(problem.number, problem.reason) for problem in found.problems] == [(22, reason)]


LONG = 12345678901234567890  # 20 digits; as a float it would become ...8000, silently
TOO_LONG = f"seed is {LONG}, a whole number of more digits than can be kept; as text it keeps them all"


def of_each_kind(folder: Path, seeds: list[Any], **changes: Any) -> Iterator[Any]:
    """What a file of each format gives with a column of these seeds; ``changes`` of what is guessed."""
    records = [{"seed": seed, "error": 20.0 + k % 70} for k, seed in enumerate(seeds)]
    paths = [folder / name for name in ("a.csv", "a.json", "a.parquet", "decimal.parquet")]
    paths[0].write_text("seed,error\n" + "".join(f"{one['seed']},{one['error']}\n" for one in records))
    paths[1].write_text(json.dumps(records))
    errors = pa.array([one["error"] for one in records])
    for path, kind in ((paths[2], pa.uint64()), (paths[3], pa.decimal128(20, 0))):
        parquet.write_table(pa.table({"seed": pa.array(seeds, type=kind), "error": errors}), path)
    for path in paths:
        file = open_row_file(path)
        yield read_import(file, Choices(**{**guess(file).__dict__, **changes}))


def test_a_whole_number_of_20_digits_among_numbers_leaves_its_row_out_with_the_reason(tmp_path: Path) -> None:
    for found in of_each_kind(tmp_path, [*range(20), LONG, 2**53, 2**53 + 1]):
        assert (found.n, found.left_out) == (21, 2)
        reasons = [problem.reason for problem in found.problems]
        assert reasons == [TOO_LONG, TOO_LONG.replace(str(LONG), str(2**53 + 1))]
        assert found.columns[0].values.tolist() == [*range(20), 2**53]


def test_a_column_of_whole_numbers_of_20_digits_is_text_that_keeps_them_all(tmp_path: Path) -> None:
    for found in of_each_kind(tmp_path, [LONG, LONG + 1, LONG + 2]):
        assert found.columns[0].kind == TEXT
        assert list(found.columns[0].values) == [str(LONG), str(LONG + 1), str(LONG + 2)]


def test_whoever_calls_such_a_column_numbers_is_told_of_each_row(tmp_path: Path) -> None:
    for found in of_each_kind(tmp_path, [LONG, 7], kinds={"seed": NUMBER, "error": NUMBER}):
        assert [problem.reason for problem in found.problems] == [TOO_LONG]


def test_large_numbers_that_were_measured_stay_numbers(tmp_path: Path) -> None:
    found = read(tmp_path, "flops,error\n1e20,20\n-12345678901234567890.5,30\n")
    assert found.columns[0].values.tolist() == [1e20, -12345678901234567890.5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_what_is_no_number_in_parquet_leaves_its_row_out(tmp_path: Path, value: float | None) -> None:
    path = tmp_path / "upload"
    parquet.write_table(pa.table({"depth": [*range(20), value], "error": [20.0] * 21}), path)
    found = read_import(open_row_file(path), guess(open_row_file(path)))
    assert (found.n, found.left_out) == (20, 1)


def test_an_error_beyond_0_to_100_leaves_its_row_out(tmp_path: Path) -> None:
    found = read(tmp_path, "depth,acc\n1,90\n2,101\n3,-1\n")
    assert found.n == 1
    assert [problem.reason for problem in found.problems] == [
        "acc is 101, which gives no error from 0 to 100 %", "acc is -1, which gives no error from 0 to 100 %",
    ]  # fmt: skip


def test_problems_are_listed_up_to_a_bound_and_all_counted(tmp_path: Path) -> None:
    found = read(tmp_path, "depth,error\n" + "1,20\n" * 1000 + "x,30\n" * 70)
    assert (found.n, found.left_out, len(found.problems)) == (1000, 70, 50)


def test_text_that_cannot_be_stored_leaves_its_row_out(tmp_path: Path) -> None:
    found = read(tmp_path, 'note,error\n"a\x00b",20\n' + "x" * 2000 + ",30\nfine,40\n")
    assert [problem.reason for problem in found.problems] == [
        "note holds a character that cannot be stored", "note has 2,000 characters, more than 1,000",
    ]  # fmt: skip


def test_a_lone_surrogate_in_json_leaves_its_row_out(tmp_path: Path) -> None:
    found = read(tmp_path, '[{"note": "\\ud800", "error": 20}, {"note": "a", "error": 30}]')
    assert (found.n, found.problems[0].reason) == (1, "note holds a character that cannot be stored")


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("depth", "depth"), (" Top-1 acc (%) ", "Top-1_acc"), ("<img onerror=1>", "img_onerror_1"), ("$$x$$", "x"),
        ("@{error}", "error"), ("url", "url_"), ("sample_id", "sample_id_"), ("\u202e", "column"), ("x" * 90, "x" * 60),
        ("#0b0a01", "0b0a01"),
    ],
)  # fmt: skip
def test_a_columns_name_becomes_an_identifier(name: str, clean: str) -> None:
    assert column_name(name) == clean


def test_two_columns_that_would_get_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("a b,a_b,error\n1,2,3\n")
    file = open_row_file(path)
    assert "Columns a b and a_b would both be named a_b" in name_problem(file, guess(file))


def test_numbers_and_lists_come_back_as_they_were_stored() -> None:
    values = np.array([1.5, -0.0, 1e300])
    stored, _ = encode(Column("a", NUMBER, values))
    assert decode_numbers(stored).tolist() == values.tolist()
    for texts in (["ä", ""], [f"run {k}" for k in range(2 * BLOCK + 1)], ["x"] * BLOCK, []):
        stored, ends = encode(Column("a", TEXT, texts))
        assert decode_list(memoryview(stored), ends) == texts
        assert decode_rows(memoryview(stored), ends, range(len(texts))) == texts


@pytest.mark.django_db
def test_some_rows_are_read_without_the_others(django_assert_num_queries: Any) -> None:
    team, user = rows.a_team()
    n = 2 * BLOCK + 3
    texts, numbers = [f"run {k}" for k in range(n)], np.arange(float(n)) / n
    columns = [
        Column("name", TEXT, texts),
        Column("design", ColumnKind.DESIGN, [{}] * n),
        Column("error", NUMBER, numbers),
    ]
    row = services.create_imported_population(
        team=team, name="x", source="x.json", error_origin="error", columns=columns, actor=user
    )
    for start, stop in ((0, 1), (0, n), (BLOCK - 2, BLOCK + 2), (BLOCK, 2 * BLOCK), (n - 3, n)):
        with django_assert_num_queries(1):
            name, design, error = queries.load_rows(row, start, stop)
        assert name.values == texts[start:stop]
        assert error.values.tolist() == numbers[start:stop].tolist()
        assert design.values == []


@pytest.mark.django_db
def test_a_sweep_is_stored_with_its_designs_and_read_as_a_population() -> None:
    team, user = rows.a_team()
    file = open_row_file(EXAMPLES / "sweep.json")
    choices = guess(file)
    assert (choices.error, choices.best, choices.origin) == ("error", "best_error", "error")
    row = services.create_imported_population(
        team=team, name="Sweep", source="sweep.json", error_origin=choices.origin, actor=user,
        columns=read_import(file, choices).columns,
    )  # fmt: skip
    final = queries.load_imported(row).population
    assert final.errors.tolist() == [38.1, 36.3, 36.8]
    assert queries.load_imported(row, error="best").population.errors.tolist() == [38.1, 36.3, 36.2]
    assert final.names[:6] == ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width")
    assert final["sample_id"].tolist() == [1, 2, 3]
    assert "best_error" not in final
    designs = queries.load_designs(row, rows=[3])
    assert designs[3]["bottleneck_ratio"] == 2.0
    assert row.slot == 1
    assert rows.a_space(team, user).slot == 2


@pytest.mark.django_db
def test_reading_a_population_takes_one_statement(django_assert_num_queries: Any) -> None:
    team, user = rows.a_team()
    columns = [Column(f"c{k}", NUMBER, np.arange(50.0)) for k in range(11)]
    columns.append(Column("error", NUMBER, np.full(50, 20.0)))
    row = services.create_imported_population(
        team=team, name="x", source="x.csv", error_origin="error", columns=columns, actor=user
    )
    with django_assert_num_queries(1):
        assert queries.load_imported(row).population.n == 50


@pytest.mark.django_db
@pytest.mark.parametrize(
    "columns",
    [
        [],
        [Column("depth", NUMBER, np.array([1.0]))],
        [Column("error", NUMBER, np.array([]))],
        [Column("error", NUMBER, np.array([101.0]))],
        [Column("error", NUMBER, np.array([np.nan]))],
        [Column("error", NUMBER, np.array([1.0])), Column("depth", NUMBER, np.array([1.0, 2.0]))],
        [Column("error", NUMBER, np.array([1.0])), Column("note", TEXT, [])],
    ],
)
def test_columns_that_form_no_population_are_not_stored(columns: list[Column]) -> None:
    team, user = rows.a_team()
    with pytest.raises(services.Refused):
        services.create_imported_population(
            team=team, name="x", source="x.csv", error_origin="error", columns=columns, actor=user
        )
    assert not ImportedPopulation.objects.exists()
    assert not Event.objects.filter(verb="imported").exists()


@pytest.mark.django_db
def test_a_deleted_population_leaves_nothing_but_the_record() -> None:
    team, user = rows.a_team()
    make = {"team": team, "name": "x", "source": "x.csv", "error_origin": "error", "actor": user}
    columns = [Column("error", NUMBER, np.array([1.0]))]
    row = services.create_imported_population(columns=columns, **make)
    with pytest.raises(services.Refused, match="The name x is taken"):
        services.create_imported_population(columns=columns, **make)
    services.delete(row=row, actor=user)
    assert not ImportedColumn.objects.exists()
    assert list(Event.objects.filter(subject="x").values_list("verb", flat=True)) == ["imported", "deleted import"]
