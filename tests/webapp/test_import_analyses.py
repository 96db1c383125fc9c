"""Analyses of imports: missing cells, failed rows, categories, names, and what takes no part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.analysis.categories import categories
from webapp.files.imports import read_import, usual_choices
from webapp.files.reading import read_table
from webapp.forms.analyses import read_analysis
from webapp.models import ColumnKind, ColumnRole, ImportedPopulation, Team, User
from webapp.models.columns import Column

pytestmark = pytest.mark.django_db

NUMBER = ColumnKind.NUMBER
N = 60


@pytest.fixture
def owner() -> tuple[Team, User]:
    return rows.a_team()


def an_import(owner: tuple[Team, User]) -> ImportedPopulation:
    """60 rows: conv has the lowest errors, mb and fused higher ones; lr is known of every other row."""
    team, user = owner
    place = np.arange(N) % 3
    errors = 20 + 5.0 * place + np.arange(N) / 20
    errors[59] = np.inf
    columns = [
        Column("block", ColumnKind.CATEGORY, place.astype(float), ColumnRole.PARAMETER, ["conv", "mb", "fused"]),
        Column("depth", NUMBER, np.arange(N) % 7.0),
        Column("lr", NUMBER, np.where(np.arange(N) % 2, np.arange(N) / 100, np.nan)),
        Column("huge", NUMBER, np.where(np.arange(N) == 3, np.inf, np.arange(N)), ColumnRole.PARAMETER),
        Column("top1", NUMBER, 100 - errors, ColumnRole.OUTCOME),
        Column("model", ColumnKind.TEXT, [f"net-{k}" for k in range(N)], ColumnRole.NAME),
        Column("error", NUMBER, errors),
    ]
    origin = services.Origin("results.csv", "error", left_out=2)
    return services.create_imported_population(team=team, name="Elsewhere", origin=origin, columns=columns, actor=user)


def analysis_of(row: ImportedPopulation) -> Any:
    from django.http import QueryDict

    return read_analysis(QueryDict(f"p=i{row.pk}"), row.team)


def test_each_statistic_takes_the_rows_that_have_a_value(owner: tuple[Team, User]) -> None:
    focus = analysis_of(an_import(owner)).focus
    assert (focus.n, focus.failed, focus.networks, focus.left_out) == (59, 1, 60, 2)
    assert focus.parameters == ["depth"]
    assert focus.partly_known == ["lr", "huge"]


def test_levels_of_a_category_are_ranked_and_the_best_is_kept(owner: tuple[Team, User]) -> None:
    (category,) = categories(analysis_of(an_import(owner)).focus)
    assert [(level.name, len(level.outcomes)) for level in category.levels] == [("conv", 20), ("mb", 20), ("fused", 20)]
    assert category.kept == ["conv"]
    assert category.sentence == "Keep conv: mb and fused have higher errors (every two levels tested, Holm)."
    table = category.table.as_columns()
    assert table["block"] == ["conv", "mb", "fused"]
    assert table["failed"] == [0, 0, 1]


def test_the_page_draws_all_and_recommends_no_outcome(owner: tuple[Team, User]) -> None:
    row = an_import(owner)
    client = pages.client_of(owner[1])
    page = client.get(f"/analyses/?p=i{row.pk}").content.decode().replace("\N{NO-BREAK SPACE}", " ")
    for element in ("by-depth", "by-lr", "by-huge", "by-block"):
        assert f'id="{element}"' in page
    assert "by-top1" not in page
    assert "n = 29, 30 have no lr" in page
    assert "net-0" in page
    assert "Keep conv" in page
    table = client.get(f"/analyses/tables/by-block.csv?p=i{row.pk}").getvalue().decode()  # type: ignore[attr-defined]
    assert table.splitlines()[1].startswith("conv,20,0,20")
    assert client.get(f"/analyses/figures/by-block.svg?p=i{row.pk}").status_code == 200
    assert client.get(f"/analyses/figures/by-huge.svg?p=i{row.pk}").status_code == 200


def test_what_was_imported_leaves_as_it_came_in(owner: tuple[Team, User]) -> None:
    row = an_import(owner)
    client = pages.client_of(owner[1])
    page = client.get(f"/imports/{row.pk}/").content.decode()
    assert "failed" in page
    assert "conv" in page
    for kind in ("csv", "json", "parquet"):
        assert client.get(f"/imports/{row.pk}.{kind}").status_code == 200, kind
    lines = client.get(f"/imports/{row.pk}.csv").getvalue().decode().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "block,depth,lr,huge,top1,model,error"
    assert lines[1].split(",")[:3] == ["conv", "0", ""]
    assert lines[-1].split(",")[-1] == "inf"


def test_a_round_trip_changes_nothing(owner: tuple[Team, User], tmp_path: Path) -> None:
    row = an_import(owner)
    client = pages.client_of(owner[1])
    before = {column.name: list(column.cells) for column in queries.load_columns(row)}
    for kind in ("csv", "json", "parquet"):
        path = tmp_path / f"again.{kind}"
        path.write_bytes(client.get(f"/imports/{row.pk}.{kind}").getvalue())  # type: ignore[attr-defined]
        table = read_table(path)
        found = {column.name: list(column.cells) for column in read_import(table, usual_choices(table)).columns}
        assert found.keys() == before.keys(), kind
        for name, cells in before.items():
            np.testing.assert_array_equal(found[name], cells, err_msg=f"{kind} {name}")


def test_conditions_that_differ_or_were_not_said_are_warned_of(owner: tuple[Team, User]) -> None:
    team, user = owner
    conditions = [
        services.Conditions("CIFAR-10", 32, 10), services.Conditions("cifar10", 32, 100),
        services.Conditions("Cifar 10", 32, 10), services.Conditions(),
    ]  # fmt: skip
    columns = [Column("error", NUMBER, np.array([20.0, 30.0]))]
    first, longer, same, unsaid = (
        services.create_imported_population(
            team=team, name=f"import {k}", origin=services.Origin("x", "error"), columns=columns, actor=user,
            conditions=one,
        )
        for k, one in enumerate(conditions)
    )  # fmt: skip
    regime = rows.a_regime(team, user)
    space, _ = pages.trained(team, user, regime, name="RegNetX", preset="RegNetX-small", errors=[20.0, 21.0])
    client = pages.client_of(user)

    def page(*tokens: str) -> str:
        return client.get("/analyses/?" + "&".join(f"p={token}" for token in tokens)).content.decode()

    assert "What differs: epochs: 10 and 100." in page(f"i{first.pk}", f"i{longer.pk}")
    assert "trained elsewhere" not in page(f"i{first.pk}", f"i{same.pk}")
    assert "Not said: of import 3 (data set, resolution and epochs)." in page(f"i{first.pk}", f"i{unsaid.pk}")
    assert "trained elsewhere" in page(f"i{first.pk}", f"{space.pk}-{regime.pk}")
    assert "trained elsewhere" not in page(f"i{unsaid.pk}")


def test_an_analysis_follows_the_rows_that_came_later(owner: tuple[Team, User]) -> None:
    row = rows.an_import(*owner, [20.0, 30.0])
    assert analysis_of(row).focus.n == 2
    columns = [Column("error", NUMBER, np.array([10.0, 20.0, 30.0]))]
    services.replace_imported_population(row=row, origin=services.Origin("x", "error"), columns=columns, actor=owner[1])
    assert analysis_of(row).focus.n == 3
