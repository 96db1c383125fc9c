"""The API: what each operation answers, and what it says when it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine.designs import design_from_json
from engine.spaces import presets, space_from_json
from engine.statistics import compare_errors
from engine.training.regimes import regime_presets
from tests.webapp import pages, rows
from tests.webapp.api_calls import Caller, caller
from webapp.models import FailureKind, Regime, SampleBatch, Space

pytestmark = pytest.mark.django_db

REGIME = "Fashion-MNIST on CPU"


@pytest.fixture
def batch() -> SampleBatch:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, 20.0])
    return batch


@pytest.fixture
def script(batch: SampleBatch) -> Caller:
    return caller(batch.created_by, batch.space.team)


@pytest.fixture
def empty() -> Caller:
    team, user = rows.a_team()
    return caller(user, team)


def test_a_token_says_whom_it_works_for(script: Caller) -> None:
    assert script.get("/me") == (200, {"user": "owner@example.org", "team": "Vision", "role": "owner"})


def test_a_space_is_defined_by_a_preset_or_by_engine_json_and_listed(empty: Caller) -> None:
    status, first = empty.post("/spaces", {"name": "X", "preset": "RegNetX-small"})
    assert status == 201
    assert (first["family"], first["size"]) == ("regnet", presets.space("RegNetX-small").size())
    definition = presets.space("AnyNetX-A-small").to_json()
    status, second = empty.post("/spaces", {"name": "A", "definition": definition, "note": "Everything."})
    assert status == 201
    assert second["definition"] == definition
    assert empty.get(f"/spaces/{second['id']}") == (200, second)
    status, listed = empty.get("/spaces?limit=1")
    assert (status, listed["total"]) == (200, 2)
    assert [item["name"] for item in listed["items"]] == ["A"]
    assert [item["name"] for item in empty.get("/spaces?limit=1&offset=1")[1]["items"]] == ["X"]


def test_a_refinement_says_what_it_changes_in_its_parent_and_learns_whether_it_lies_inside(empty: Caller) -> None:
    parent = empty.post("/spaces", {"name": "A", "preset": "AnyNetX-A-small"})[1]["id"]
    status, child = empty.post(
        "/spaces", {"name": "C", "parent": parent, "changes": {"rules": ["widths_non_decreasing"]}, "note": "Why."}
    )
    assert status == 201
    assert child["parent"] == parent
    assert child["inside_parent"] == {"answer": "proven", "reason": "", "witness": None}
    assert child["definition"]["rules"] == ["widths_non_decreasing"]
    wider = {**presets.space("AnyNetX-A-small").to_json(), "head_width": 64}
    status, outside = empty.post("/spaces", {"name": "W", "parent": parent, "definition": wider})
    assert status == 201
    assert outside["inside_parent"]["answer"] == "refuted"
    assert outside["inside_parent"]["reason"]
    witness = design_from_json(outside["inside_parent"]["witness"])
    assert space_from_json(outside["definition"]).contains(witness)
    assert not presets.space("AnyNetX-A-small").contains(witness)


@pytest.mark.parametrize(
    ("body", "parameter", "said"),
    [
        ({"preset": "RegNetX-small"}, "name", "name is missing."),
        ({"name": "N"}, "preset", "Give exactly one of preset, definition, changes; got none."),
        ({"name": "N", "preset": "a", "definition": {}}, "preset", "got preset, definition."),
        ({"name": "N", "preset": "Nothing"}, "preset", "There is no preset 'Nothing'."),
        ({"name": "N", "changes": {}}, "parent", "changes need a parent"),
        ({"name": "\u200b", "preset": "RegNetX-small"}, "name", "something visible"),
        ({"name": 5, "preset": "RegNetX-small"}, "name", "name must be text, got 5."),
        ({"name": "N", "preset": "RegNetX-small", "team": 1}, "team", "team is not known here."),
        ({"name": "N", "preset": "RegNetX-small", "note": "x" * 2001}, "note", "2000"),
        ({"name": "N", "definition": {"kind": "tree"}}, "kind", "kind must be one of"),
        ({"name": "N", "definition": {"kind": "regnet", "schema": 1, "depth": 7}}, "w_0", ""),
        ({"name": "N", "definition": []}, "definition", "definition must be an object"),
    ],
)
def test_a_space_that_cannot_be_is_refused_naming_the_parameter(
    empty: Caller, body: dict[str, Any], parameter: str, said: str
) -> None:
    status, answer = empty.post("/spaces", body)
    assert status == 422
    assert set(answer) == {"error", "parameter", "value"}
    assert said in answer["error"]
    assert answer["parameter"] == parameter
    assert not Space.objects.exists()


def test_what_the_engine_refuses_is_answered_in_its_words_with_the_value(empty: Caller) -> None:
    definition = presets.space("RegNetX-small").to_json() | {"stem_width": -5}
    status, answer = empty.post("/spaces", {"name": "N", "definition": definition})
    assert status == 422
    assert answer == {"error": "stem_width must be at least 1, got -5.", "parameter": "stem_width", "value": "-5"}


def test_a_name_that_is_taken_is_refused(empty: Caller) -> None:
    body = {"name": "X", "preset": "RegNetX-small"}
    assert empty.post("/spaces", body)[0] == 201
    assert empty.post("/spaces", body) == (
        422, {"error": "The name X is taken in this team.", "parameter": None, "value": None},
    )  # fmt: skip


def test_a_regime_is_made_by_a_preset_or_by_engine_json(empty: Caller) -> None:
    status, first = empty.post("/regimes", {"name": "quick", "preset": REGIME})
    assert (status, first["definition"]) == (201, regime_presets()[REGIME].to_json())
    definition = first["definition"] | {"replicates": 2}
    status, second = empty.post("/regimes", {"name": "twice", "definition": definition})
    assert (status, second["definition"]["replicates"]) == (201, 2)
    assert empty.get(f"/regimes/{second['id']}") == (200, second)
    assert empty.get("/regimes")[1]["total"] == 2
    assert empty.post("/regimes", {"name": "no", "preset": "None such"})[1]["parameter"] == "preset"
    bad = definition | {"resolution": 0}
    assert empty.post("/regimes", {"name": "no", "definition": bad})[1]["parameter"] == "resolution"
    assert Regime.objects.count() == 2


def test_a_batch_is_queued_followed_held_extended_and_cancelled(script: Caller, batch: SampleBatch) -> None:
    body = {"space": batch.space_id, "regime": batch.regime_id, "size": 3, "seed": 7}
    status, queued = script.post("/batches", body)
    assert status == 201
    assert (queued["state"], queued["seed"], queued["progress"]["waiting"]) == ("requested", 7, 3)
    path = f"/batches/{queued['id']}"
    assert script.post(f"{path}/extend", {"size": 5})[1]["error"].startswith("Only a drawn batch")
    rows.draw_requested()
    assert script.post(f"{path}/extend", {"size": 5})[1]["size"] == 5
    rows.draw_requested()
    assert script.post(f"{path}/pause")[1]["progress"]["word"] == "paused"
    assert script.post(f"{path}/pause", {"finish_running": True})[1]["paused"]
    assert not script.post(f"{path}/resume")[1]["paused"]
    status, cancelled = script.post(f"{path}/cancel")
    assert (cancelled["progress"]["cancelled"], cancelled["progress"]["active"]) == (5, False)
    assert script.get(path) == (200, cancelled)
    status, listed = script.get(f"/batches?space={batch.space_id}&regime={batch.regime_id}")
    assert [item["id"] for item in listed["items"]] == [queued["id"], batch.pk]
    assert script.get("/batches?space=999999")[1] == {"items": [], "total": 0}


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"size": 0}, "size"),
        ({"size": 10_001}, "size"),
        ({"size": 10**20}, "size"),
        ({"size": 2.5}, "size"),
        ({"size": "3"}, "size"),
        ({"size": True}, "size"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"priority": 101}, "priority"),
        ({"space": 10**30}, "space"),
    ],
)
def test_a_batch_beyond_its_limits_is_refused(
    script: Caller, batch: SampleBatch, change: dict[str, Any], parameter: str
) -> None:
    body = {"space": batch.space_id, "regime": batch.regime_id, "size": 3, **change}
    status, answer = script.post("/batches", body)
    assert (status, answer["parameter"]) == (422, parameter)
    assert answer["error"].startswith(f"{parameter} must be ")
    assert SampleBatch.objects.count() == 1


def test_the_samples_of_a_batch_are_columns_in_draw_order(script: Caller, batch: SampleBatch) -> None:
    status, answer = script.get(f"/batches/{batch.pk}/samples")
    columns = answer["columns"]
    assert (status, answer["n"]) == (200, 4)
    assert columns["position"] == [0, 1, 2, 3]
    assert columns["error"] == [30.0, None, 20.0, None]
    drawn = [sample.drawn for sample in batch.samples.order_by("position")]
    assert columns["w_a"] == [one["w_a"] for one in drawn]
    assert all(type(depth) is int for depth in columns["depth"])
    assert columns["flops"] == list(batch.samples.order_by("position").values_list("flops", flat=True))


def test_a_batch_without_designs_has_empty_columns(script: Caller, batch: SampleBatch) -> None:
    undrawn = rows.a_batch(batch.space, batch.regime, batch.created_by, seed=1, drawn=False)
    status, answer = script.get(f"/batches/{undrawn.pk}/samples")
    assert (status, answer["n"], answer["columns"]["flops"]) == (200, 0, [])


def test_a_population_is_its_finished_prefix_as_columns(script: Caller, batch: SampleBatch) -> None:
    path = f"/populations/{batch.space_id}-{batch.regime_id}"
    status, answer = script.get(path)
    assert status == 200
    counts = {name: answer[name] for name in ("n", "failed", "missing", "repeated", "pending", "cancelled", "ahead")}
    none = dict.fromkeys(("missing", "repeated", "cancelled", "ahead"), 0)
    assert counts == {"n": 2, "failed": 1, "pending": 1, **none}
    assert not answer["looked_at"]
    assert answer["columns"]["error"] == [30, 20]
    assert all(type(depth) is int for depth in answer["columns"]["depth"])
    assert script.get(f"{path}?error=best")[1]["columns"]["error"] == [29, 19]
    second = script.get(f"{path}?limit=1&offset=1")[1]
    assert (second["n"], second["columns"]["error"]) == (2, [20])
    assert script.get(f"{path}?error=worst")[1]["parameter"] == "error"
    assert script.get(f"{path}?limit=50001")[1]["parameter"] == "limit"
    assert script.get("/populations")[1]["items"] == [
        {"space": batch.space_id, "regime": batch.regime_id, "designs": 4, "trained": 2, "failed": 1,
         "missing": 0, "repeated": 0, "pending": 1}
    ]  # fmt: skip


def test_an_analysis_is_answered_in_numbers(script: Caller, batch: SampleBatch) -> None:
    team, user = batch.space.team, batch.created_by
    pages.finish(batch, [25.0])
    other, _ = pages.trained(
        team, user, batch.regime, name="Other", preset="AnyNetX-A-small", errors=[40.0, 41.0, 42.0]
    )
    first, second = f"{batch.space_id}-{batch.regime_id}", f"{other.pk}-{batch.regime_id}"
    status, answer = script.get(f"/analyses?p={first}&p={second}")
    assert status == 200
    found = {one["population"]: one for one in answer["populations"]}
    counts = {name: found[first][name] for name in ("n", "min", "failed", "missing", "pending")}
    assert counts == {"n": 4, "min": 20.0, "failed": 1, "missing": 0, "pending": 0}
    assert (found[first]["repeated"], found[first]["looked_at"]) == (0, False)
    assert found[second]["mean"] == {"value": 41.0, "low": None, "high": None, "confidence": 0.95}
    (pair,) = answer["pairs"]
    assert (pair["first"], pair["second"], pair["ks_distance"]["value"]) == (first, second, 0.75)
    assert (pair["verdict"], pair["at_every_look"]) == ("too_few", False)
    assert (pair["n"], pair["failed"], pair["left_out"]) == ([4, 3], [1, 0], [0, 0])
    theta = pair["theta"]
    assert (theta["value"], theta["confidence"]) == (0.75, pytest.approx(0.95))
    assert 0 < theta["low"] <= 0.5 < 0.75 < theta["high"] <= 1
    expected = compare_errors([30.0, 20.0, 25.0, math.inf], [40.0, 41.0, 42.0])
    assert pair["p_value"] is None  # nothing could be shown by so few
    assert pair["median_difference"]["value"] == expected.difference
    assert pair["mean_difference"]["value"] == pytest.approx(25.0 - 41.0)
    assert pair["mean_difference"]["low"] is None
    assert 0 < pair["ks_p_value_holm"] <= 1


def test_an_analysis_of_nothing_trained_has_no_numbers(script: Caller, batch: SampleBatch) -> None:
    space = rows.a_space(batch.space.team, batch.created_by, name="New")
    answer = script.get(f"/analyses?p={space.pk}-{batch.regime_id}")[1]
    assert (answer["finding"], answer["pairs"], answer["in_order"]) == (None, [], [])
    found = answer["populations"][0]
    assert (found["n"], found["min"], found["median"], found["mean"]) == (0, None, None, None)
    status, refused = script.get("/analyses?p=nothing")
    assert status == 400
    assert "p must be a space and a regime" in refused["error"]


def test_the_schema_describes_every_address_without_a_token(empty: Caller) -> None:
    status, schema = Caller(None).get("/openapi.json")
    assert status == 200
    assert "/api/batches/{batch_id}/extend" in schema["paths"]
    assert "/api/populations/{space_id}-{regime_id}" in schema["paths"]
    assert schema["components"]["securitySchemes"]["Bearer"] == {"type": "http", "scheme": "bearer"}
    for methods in schema["paths"].values():
        for operation in methods.values():
            assert operation["description"]
            assert {"401", "404", "422"} < set(operation["responses"])
    assert empty.get("/docs")[0] == 404


def test_a_list_asks_the_database_the_same_number_of_times_for_any_length(
    script: Caller, batch: SampleBatch, django_assert_num_queries: Any
) -> None:
    script.get("/batches")
    for seed in (1, 2):
        rows.a_batch(batch.space, batch.regime, batch.created_by, seed=seed, drawn=False)
    with django_assert_num_queries(6):  # token, membership, batches, their versions and progress, total
        script.get("/batches")
