"""From tables to stored columns: names, roles, failed rows, and what is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.webapp import rows
from webapp import queries, services
from webapp.files.imports import Choices, column_name, column_names, read_import, usual_choices
from webapp.files.reading import read_table
from webapp.files.roles import ColumnChoice
from webapp.models import ColumnKind, ColumnRole, Event, ImportedColumn, ImportedPopulation
from webapp.models.columns import BLOCK, Column, decode_list, decode_numbers, decode_rows, encode

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NUMBER, TEXT = ColumnKind.NUMBER, ColumnKind.TEXT
ORIGIN = services.Origin("x.csv", "error")
LONG = 12345678901234567890  # 20 digits; as a float it would become ...8000, silently


def read(folder: Path, content: str | bytes) -> Any:
    path = folder / "upload"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_table(path)
    return read_import(table, usual_choices(table))


@pytest.mark.parametrize(
    ("head", "values", "expected"),
    [
        ("error", "20 30", ("error-percent", [20, 30])),
        ("top1_err", "0.2 0.305", ("error-fraction", [20, 30.5])),
        ("Top-1 acc (%)", "72.526 100", ("accuracy-percent", [27.474, 0])),
        ("test_accuracy", "0.75 1", ("accuracy-fraction", [25, 0])),
    ],
)
def test_error_and_accuracy_are_recognised_and_converted(
    tmp_path: Path, head: str, values: str, expected: tuple[str, list[float]]
) -> None:
    path = tmp_path / "upload"
    path.write_text(f"depth,{head}\n" + "".join(f"{k},{value}\n" for k, value in enumerate(values.split())))
    table = read_table(path)
    choices = usual_choices(table)
    assert (choices.error, choices.columns[head].unit) == (head, expected[0])
    assert read_import(table, choices).errors.tolist() == expected[1]


def test_the_error_is_chosen_before_others_that_sound_alike(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("train_err,best_error,error,error_std\n1,2,3,4\n2,3,4,5\n")
    choices = usual_choices(read_table(path))
    assert (choices.error, choices.of(ColumnRole.BEST_ERROR)) == ("error", "best_error")
    assert choices.columns["train_err"].role == choices.columns["error_std"].role == ColumnRole.OUTCOME
    path.write_text("depth,width\n1,2\n")
    assert usual_choices(read_table(path)).error == ""


def test_whole_numbers_of_20_digits_are_kept_to_the_last_digit(tmp_path: Path) -> None:
    seeds = [LONG, LONG + 1, LONG + 2]
    records = [{"hash": seed, "error": 20.0 + k} for k, seed in enumerate(seeds)]
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"hash": pa.array(seeds, pa.uint64()), "error": [20.0, 21.0, 22.0]}), path)
    csv = "hash,error\n" + "".join(f"{one['hash']},{one['error']}\n" for one in records)
    for content in (csv, json.dumps(records), path.read_bytes()):
        found = read(tmp_path, content)
        assert list(found.columns[0].values) == [str(seed) for seed in seeds]


def test_an_error_beyond_0_to_100_leaves_its_row_out_and_an_infinite_one_is_a_failure(tmp_path: Path) -> None:
    found = read(tmp_path, "depth,err\n1,90\n2,101\n3,-1\n4,inf\n5,1.7976931348623157e308\n")
    assert (found.n, found.failed, found.left_out) == (3, 2, 2)
    assert [reason.reason for reason in found.reasons] == [
        "err is 101, which gives no error from 0 to 100 %", "err is -1, which gives no error from 0 to 100 %",
    ]  # fmt: skip
    assert found.columns[-1].values.tolist() == [90, np.inf, np.inf]


def test_rows_that_say_too_much_lose_only_what_can_not_be_kept(tmp_path: Path) -> None:
    found = read(tmp_path, 'note,model,error\n"a\x00b",x,20\n' + "n" * 2000 + ",y,30\nfine,z,40\n")
    assert (found.n, found.left_out) == (3, 0)


def test_booleans_are_a_category_of_two(tmp_path: Path) -> None:
    for content in ("se,error\nTrue,20\nFalse,30\nTrue,40\n", json.dumps(
        [{"se": True, "error": 20}, {"se": False, "error": 30}, {"se": True, "error": 40}]
    )):  # fmt: skip
        column = read(tmp_path, content).columns[0]
        assert (column.kind, column.role) == (ColumnKind.CATEGORY, ColumnRole.PARAMETER)
        assert list(column.cells) == ["true", "false", "true"]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("depth", "depth"), (" Top-1 acc (%) ", "Top-1_acc"), ("<img onerror=1>", "img_onerror_1"), ("$$x$$", "x"),
        ("@{error}", "error_"), ("url", "url_"), ("sample_id", "sample_id_"), ("\u202e", "column"),
        ("x" * 90, "x" * 60),
        ("#0b0a01", "0b0a01"),
    ],
)  # fmt: skip
def test_a_columns_name_becomes_an_identifier(name: str, clean: str) -> None:
    assert column_name(name) == clean


def test_columns_that_would_get_one_name_are_told_apart() -> None:
    parameter = ColumnChoice(ColumnRole.PARAMETER, "number")
    columns = {"a b": parameter, "a_b": parameter, "params_depth": parameter, "err": ColumnChoice(ColumnRole.ERROR)}
    assert column_names(Choices(columns)) == {"a b": "a_b", "a_b": "a_b_2", "params_depth": "depth", "err": "error"}


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
    row = services.create_imported_population(team=team, name="x", origin=ORIGIN, columns=columns, actor=user)
    for start, stop in ((0, 1), (0, n), (BLOCK - 2, BLOCK + 2), (BLOCK, 2 * BLOCK), (n - 3, n)):
        with django_assert_num_queries(1):
            name, design, error = queries.load_rows(row, start, stop)
        assert name.values == texts[start:stop]
        assert error.values.tolist() == numbers[start:stop].tolist()
        assert design.values == []


@pytest.mark.django_db
def test_a_sweep_is_stored_with_its_designs_and_read_as_a_population() -> None:
    team, user = rows.a_team()
    table = read_table(EXAMPLES / "sweep.json")
    choices = usual_choices(table)
    assert (choices.error, choices.origin) == ("error", "error")
    row = services.create_imported_population(
        team=team, name="Sweep", origin=ORIGIN, actor=user, columns=read_import(table, choices).columns
    )
    lowest = queries.load_imported(row).population
    assert lowest.errors.tolist() == [38.1, 36.3, 36.2]
    assert lowest.names[:6] == ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width")
    assert lowest["sample_id"].tolist() == [1, 2, 3]
    designs = queries.load_designs(row, rows=[3])
    assert designs[3]["bottleneck_ratio"] == 2.0
    assert row.slot == 1
    assert rows.a_space(team, user).slot == 2


@pytest.mark.django_db
def test_failed_rows_and_empty_cells_are_read_as_such() -> None:
    team, user = rows.a_team()
    columns = [
        Column("depth", NUMBER, np.array([1, np.nan, 3, np.inf])),
        Column("loss", NUMBER, np.array([0.1, 0.2, 0.3, 0.4]), ColumnRole.OUTCOME),
        Column("error", NUMBER, np.array([20, 30, np.inf, 40])),
    ]
    row = services.create_imported_population(team=team, name="x", origin=ORIGIN, columns=columns, actor=user)
    population = queries.load_imported(row).population
    assert (row.n, row.failed, population.n, population.failed) == (4, 1, 3, 1)
    assert population.errors.tolist() == [20, 30, 40]
    assert population["sample_id"].tolist() == [1, 2, 4]
    np.testing.assert_array_equal(population["depth"], [1, np.nan, np.nan])
    assert population.failures["depth"].tolist() == [3]
    assert "loss" not in population


@pytest.mark.django_db
def test_rows_are_replaced_as_a_whole_and_the_version_grows() -> None:
    team, user = rows.a_team()
    row = rows.an_import(team, user, [20.0, 30.0])
    columns = [Column("error", NUMBER, np.array([10.0, 20.0, 30.0]))]
    again = services.replace_imported_population(row=row, origin=ORIGIN, columns=columns, actor=user)
    assert (again.pk, again.n, again.version) == (row.pk, 3, 2)
    assert queries.load_imported(again).population.errors.tolist() == [10, 20, 30]
    stale = ImportedPopulation(pk=row.pk, version=1, team=team, name=row.name)
    with pytest.raises(services.Refused, match="changed or deleted at the same time"):
        services.replace_imported_population(row=stale, origin=ORIGIN, columns=columns, actor=user)


@pytest.mark.django_db
def test_an_import_does_not_take_the_name_of_a_space() -> None:
    team, user = rows.a_team()
    space = rows.a_space(team, user)
    with pytest.raises(services.Refused, match="taken by a space"):
        rows.an_import(team, user, [20.0], name=space.name)


@pytest.mark.django_db
def test_reading_a_population_takes_one_statement(django_assert_num_queries: Any) -> None:
    team, user = rows.a_team()
    columns = [Column(f"c{k}", NUMBER, np.arange(50.0)) for k in range(11)]
    columns.append(Column("error", NUMBER, np.full(50, 20.0)))
    row = services.create_imported_population(team=team, name="x", origin=ORIGIN, columns=columns, actor=user)
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
        [Column("error", NUMBER, np.array([np.inf]))],
        [Column("error", NUMBER, np.array([1.0])), Column("error", NUMBER, np.array([1.0]))],
        [Column("error", NUMBER, np.array([1.0])), Column("depth", NUMBER, np.array([1.0, 2.0]))],
        [Column("error", NUMBER, np.array([1.0])), Column("note", TEXT, [])],
    ],
)
def test_columns_that_form_no_population_are_not_stored(columns: list[Column]) -> None:
    team, user = rows.a_team()
    with pytest.raises(services.Refused):
        services.create_imported_population(team=team, name="x", origin=ORIGIN, columns=columns, actor=user)
    assert not ImportedPopulation.objects.exists()
    assert not Event.objects.filter(verb="imported").exists()


@pytest.mark.django_db
def test_a_deleted_population_leaves_nothing_but_the_record() -> None:
    team, user = rows.a_team()
    make = {"team": team, "name": "x", "origin": ORIGIN, "actor": user}
    columns = [Column("error", NUMBER, np.array([1.0]))]
    row = services.create_imported_population(columns=columns, **make)
    with pytest.raises(services.Refused, match="The name x is taken"):
        services.create_imported_population(columns=columns, **make)
    services.delete(row=row, actor=user)
    assert not ImportedColumn.objects.exists()
    assert list(Event.objects.filter(subject="x").values_list("verb", flat=True)) == ["imported", "deleted import"]
