"""Imports through the API and the client: the same checks as on the pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from netspace_client import ClientError
from netspace_client.rows import CELLS_A_PART, parts_of
from tests.webapp import rows
from tests.webapp.api_calls import Caller, caller
from webapp import queries
from webapp.models import ImportedPopulation

pytestmark = pytest.mark.django_db

ROWS = {"block": ["conv", "mb", "conv"], "depth": [1, None, 3], "top1_err": [0.2, 0.3, "inf"]}


@pytest.fixture
def script() -> Caller:
    team, user = rows.a_team()
    return caller(user, team)


def sent(script: Caller, **changes: Any) -> tuple[int, Any]:
    return script.post("/imports", {"name": "Elsewhere", "columns": ROWS} | changes)


def test_rows_come_in_with_their_roles(script: Caller) -> None:
    status, answer = sent(script, data_set="CIFAR-10", resolution=32, epochs=10)
    assert status == 201, answer
    assert (answer["n"], answer["failed"], answer["left_out"]) == (2, 1, 0)
    assert answer["roles"] == {"block": "parameter", "depth": "parameter", "top1_err": "error"}
    assert (answer["data_set"], answer["resolution"], answer["epochs"]) == ("CIFAR-10", 32, 10)
    assert script.get(f"/imports/{answer['id']}")[1] == answer
    assert script.get("/imports")[1]["items"] == [answer]


def test_rows_are_added_and_replaced(script: Caller) -> None:
    number = sent(script)[1]["id"]
    more = {"block": ["fused", "mb"], "depth": [4, 5], "top1_err": [0.4, None]}
    status, answer = script.post(f"/imports/{number}/rows", {"columns": more})
    assert status == 200, answer
    assert (answer["n"], answer["failed"], answer["left_out"], answer["version"]) == (3, 1, 1, 2)
    columns = {column.name: list(column.cells) for column in queries.load_columns(ImportedPopulation.objects.get())}
    assert columns["block"] == ["conv", "mb", "conv", "fused"]
    np.testing.assert_array_equal(columns["depth"], [1, np.nan, 3, 4])
    one = {"columns": {"block": ["a"], "depth": [1], "top1_err": [0.1]}}
    status, answer = script.put(f"/imports/{number}/rows", one)
    assert (status, answer["n"], answer["left_out"]) == (200, 1, 0)
    assert script.post(f"/imports/{number}/delete")[0] == 200
    assert not ImportedPopulation.objects.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"columns": {"depth": [1, 2]}}, "Choose the column"),
        ({"columns": {"depth": [1, 2], "error": [1]}}, "same number of rows"),
        ({"columns": {"error": [None, 200]}}, "at least one row with an error"),
        ({"roles": {"depth": "king"}}, "king is no role"),
        ({"roles": {"nothing": "error"}}, "no column nothing"),
        ({"statuses": {"x": "odd"}}, "odd is no end"),
        ({"name": ""}, "name"),
    ],
)
def test_what_the_pages_refuse_is_refused_here_too(script: Caller, changes: dict[str, Any], said: str) -> None:
    status, answer = sent(script, **changes)
    assert status in {400, 422}
    assert said in answer["error"]
    assert not ImportedPopulation.objects.exists()


def test_other_columns_are_no_further_rows(script: Caller) -> None:
    number = sent(script)[1]["id"]
    status, answer = script.post(f"/imports/{number}/rows", {"columns": {"error": [1]}})
    assert (status, answer["parameter"]) in {(400, "columns"), (422, "columns")}


def test_rows_are_sent_in_parts_as_plain_values() -> None:
    frame = pd.DataFrame({"depth": np.arange(CELLS_A_PART), "error": np.linspace(0, 100, CELLS_A_PART)})
    parts = list(parts_of(frame))
    assert [len(part["error"]) for part in parts] == [CELLS_A_PART // 2] * 2
    assert parts[1]["depth"][0] == CELLS_A_PART // 2
    records = [{"a": np.float64("nan"), "b": "x"}, {"a": float("inf"), "c": True}]
    assert list(parts_of(records)) == [{"a": [None, "inf"], "b": ["x", None], "c": [None, True]}]
    with pytest.raises(ClientError, match="one length"):
        list(parts_of({"a": [1], "b": []}))
