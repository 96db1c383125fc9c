"""Tags and the archive through the API: what is answered and filtered, what the team's log says, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp import pages, rows
from tests.webapp.api_calls import Caller, caller
from tests.webapp.test_filing import meanwhile
from webapp import services
from webapp.models import Event, SampleBatch, Space
from webapp.models.filing import MOST_TAGS

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch() -> SampleBatch:
    """One that has ended."""
    batch = rows.a_study(size=1)
    pages.finish(batch, [30.0])
    return batch


@pytest.fixture
def script(batch: SampleBatch) -> Caller:
    return caller(batch.created_by, batch.space.team)


def places(batch: SampleBatch) -> dict[str, str]:
    """A row of each noun, by its list."""
    return {
        "/spaces": f"/spaces/{batch.space_id}",
        "/regimes": f"/regimes/{batch.regime_id}",
        "/batches": f"/batches/{batch.pk}",
    }


def found(script: Caller, address: str) -> list[int]:
    status, answer = script.get(address)
    assert status == 200, answer
    assert answer["total"] == len(answer["items"])
    return [item["id"] for item in answer["items"]]


def test_tags_are_set_answered_and_filtered_by(script: Caller, batch: SampleBatch) -> None:
    for listed, path in places(batch).items():
        before = script.get(path)[1]
        assert (before["tags"], before["archived_at"]) == ([], None)
        assert script.put(f"{path}/tags", {"tags": ["ｄeep  Nets", "a", "A"]}) == (
            200, {**before, "tags": ["a", "deep nets"]},
        )  # fmt: skip
        assert script.get(path)[1]["tags"] == script.get(listed)[1]["items"][0]["tags"] == ["a", "deep nets"]
        assert found(script, f"{listed}?tag=DEEP+nets") == [before["id"]]
        assert found(script, f"{listed}?tag=deep") == []
        assert script.put(f"{path}/tags", {"tags": []}) == (200, before)


def test_the_log_says_which_tags_came_and_went(script: Caller, batch: SampleBatch) -> None:
    path = f"/spaces/{batch.space_id}/tags"
    script.put(path, {"tags": ["kept", "old"]})
    Event.objects.all().delete()
    for _ in range(2):  # setting the same again changes nothing
        script.put(path, {"tags": ["new", "kept"]})
        assert list(Event.objects.order_by("id").values_list("verb", "subject", "actor")) == [
            ("took a tag off space", f"{batch.space}: old", batch.created_by_id),
            ("tagged space", f"{batch.space} as new", batch.created_by_id),
        ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("set_first", "left"), [(True, ["added", "set"]), (False, ["set"])])
def test_tags_set_while_another_is_added_are_exact_in_either_order(set_first: bool, left: list[str]) -> None:
    batch = rows.a_study(size=1)
    space, user = batch.space, batch.created_by
    adding = lambda: services.add_tag(row=space, tag="added", actor=user)  # noqa: E731
    setting = lambda: services.set_tags(row=space, tags=["set"], actor=user)  # noqa: E731
    assert meanwhile(*((setting, adding) if set_first else (adding, setting))) == [None, None]
    assert Space.objects.get(pk=space.pk).tags == left


def test_a_row_that_is_full_of_tags_can_be_given_others(script: Caller, batch: SampleBatch) -> None:
    path = f"/spaces/{batch.space_id}/tags"
    for first in (0, MOST_TAGS):
        tags = [f"tag {number:02}" for number in range(first, first + MOST_TAGS)]
        assert script.put(path, {"tags": tags})[1]["tags"] == tags


@pytest.mark.parametrize(
    ("tags", "parameter", "value", "said"),
    [
        (["good", ""], "tags", "''", "tags: This field is required."),
        (["good", "x" * 31], "tags", repr("x" * 31), "tags: A tag has 1 to 30 characters, got 31."),
        (["a\u200bb"], "tags", None, "invisible character U+200B"),
        (["\u3000"], "tags", None, "tags: "),
        (["x" * 100_000], "tags", None, "tags: Ensure this value has at most 120 characters"),
        ([str(number) for number in range(MOST_TAGS + 1)], "tags", None, "tags must have at most 12 items, got 13."),
        ("paper", "tags", "'paper'", "tags must be a list, got 'paper'."),
        (None, "tags", None, "tags must be a list"),
        (["good", 5], "tags.1", "5", "tags.1 must be text, got 5."),
    ],
)
def test_what_is_no_tag_is_refused_and_changes_nothing(
    script: Caller, batch: SampleBatch, tags: Any, parameter: str, value: str | None, said: str
) -> None:
    before = Event.objects.count()
    for path in places(batch).values():
        status, answer = script.put(f"{path}/tags", {"tags": tags})
        assert (status, answer["parameter"]) == (422, parameter)
        assert said in answer["error"]
        assert len(answer["error"]) < 300
        assert value is None or answer["value"] == value
        assert script.get(path)[1]["tags"] == []
    assert Event.objects.count() == before


def test_a_tag_that_none_can_be_is_refused_naming_it(script: Caller) -> None:
    status, answer = script.get("/spaces?tag=" + "x" * 31)
    assert (status, answer["parameter"], answer["value"]) == (422, "tag", repr("x" * 31))


def test_rows_are_put_away_found_there_and_brought_back(script: Caller, batch: SampleBatch) -> None:
    for listed, path in places(batch).items():
        before = script.get(path)[1]
        status, put_away = script.post(f"{path}/archive")
        assert status == 200
        assert put_away == {**before, "archived_at": put_away["archived_at"]}
        assert put_away["archived_at"] is not None
        assert script.post(f"{path}/archive")[1] == put_away  # once more changes nothing
        for query, kept in (("", True), ("?archived=true", True), ("?archived=1", True), ("?archived=false", False)):
            assert found(script, listed + query) == ([before["id"]] if kept else []), query
        assert script.post(f"{path}/bring-back") == (200, before)
        assert found(script, f"{listed}?archived=true") == []
        assert found(script, f"{listed}?archived=false") == [before["id"]]
    verbs = [verb for verb in Event.objects.order_by("id").values_list("verb", flat=True) if "a" in verb]
    assert verbs[-6:] == [
        f"{verb} {noun}" for noun in ("space", "regime", "batch") for verb in ("archived", "brought back")
    ]


def test_filters_of_a_list_hold_together(script: Caller, batch: SampleBatch) -> None:
    second = rows.a_batch(batch.space, batch.regime, batch.created_by, seed=1, drawn=False)
    for one in (batch, second):
        script.put(f"/batches/{one.pk}/tags", {"tags": ["paper"]})
    script.post(f"/batches/{batch.pk}/archive")
    assert found(script, f"/batches?space={batch.space_id}&tag=paper&archived=false") == [second.pk]
    assert found(script, f"/batches?space={batch.space_id}&tag=paper") == [second.pk, batch.pk]


def test_a_batch_with_runs_to_come_is_not_put_away(script: Caller, batch: SampleBatch) -> None:
    waiting = rows.a_batch(batch.space, batch.regime, batch.created_by, seed=1)
    status, answer = script.post(f"/batches/{waiting.pk}/archive")
    assert status == 422
    assert answer["error"].startswith("This batch still has runs to come.")
    assert script.get(f"/batches/{waiting.pk}")[1]["archived_at"] is None


def test_a_row_deleted_meanwhile_is_not_there(script: Caller, batch: SampleBatch) -> None:
    space = rows.a_space(batch.space.team, batch.created_by, name="Gone")
    Space.objects.get(pk=space.pk).delete()
    assert script.put(f"/spaces/{space.pk}/tags", {"tags": ["a"]})[0] == 404
