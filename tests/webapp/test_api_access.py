"""Who gets in through the API: by a token only, into one team only, with the person's role."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from tests.webapp import pages, rows
from tests.webapp.api_calls import Caller, answered, caller
from tests.webapp.test_access import state_of_everything
from webapp import services
from webapp.api.site import api
from webapp.models import ApiToken, Membership, Role, SampleBatch

pytestmark = pytest.mark.django_db

READS, WRITES = "reads", "writes"
OPERATIONS: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("GET", "/me"): (READS, {}),
    ("GET", "/spaces"): (READS, {}),
    ("GET", "/spaces/{space_id}"): (READS, {}),
    ("POST", "/spaces"): (WRITES, {"name": "N", "preset": "RegNetX-small"}),
    ("PUT", "/spaces/{space_id}/tags"): (WRITES, {"tags": ["paper"]}),
    ("POST", "/spaces/{space_id}/archive"): (WRITES, {}),
    ("POST", "/spaces/{space_id}/bring-back"): (WRITES, {}),
    ("GET", "/regimes"): (READS, {}),
    ("GET", "/regimes/{regime_id}"): (READS, {}),
    ("POST", "/regimes"): (WRITES, {"name": "N", "preset": "Digits on CPU"}),
    ("PUT", "/regimes/{regime_id}/tags"): (WRITES, {"tags": ["paper"]}),
    ("POST", "/regimes/{regime_id}/archive"): (WRITES, {}),
    ("POST", "/regimes/{regime_id}/bring-back"): (WRITES, {}),
    ("GET", "/batches"): (READS, {}),
    ("GET", "/batches/{batch_id}"): (READS, {}),
    ("GET", "/batches/{batch_id}/samples"): (READS, {}),
    ("POST", "/batches"): (WRITES, {"space": 0, "regime": 0, "size": 3}),
    ("POST", "/batches/{batch_id}/extend"): (WRITES, {"size": 9}),
    ("POST", "/batches/{batch_id}/pause"): (WRITES, {}),
    ("POST", "/batches/{batch_id}/resume"): (WRITES, {}),
    ("POST", "/batches/{batch_id}/cancel"): (WRITES, {}),
    ("PUT", "/batches/{batch_id}/tags"): (WRITES, {"tags": ["paper"]}),
    ("POST", "/batches/{batch_id}/archive"): (WRITES, {}),  # what has runs to come can't be archived
    ("POST", "/batches/{batch_id}/bring-back"): (WRITES, {}),
    ("POST", "/batches/{batch_id}/retry"): (WRITES, {}),
    ("POST", "/batches/{batch_id}/priority"): (WRITES, {"priority": 3}),
    ("GET", "/imports"): (READS, {}),
    ("POST", "/imports"): (WRITES, {"name": "I", "columns": {"depth": [1, 2], "error": [20, 30]}}),
    ("GET", "/imports/{imported_id}"): (READS, {}),
    ("POST", "/imports/{imported_id}/rows"): (WRITES, {"columns": {"depth": [1, 2], "error": [20, 30]}}),
    ("PUT", "/imports/{imported_id}/rows"): (WRITES, {"columns": {"depth": [1, 2], "error": [20, 30]}}),
    ("PUT", "/imports/{imported_id}/tags"): (WRITES, {"tags": ["paper"]}),
    ("POST", "/imports/{imported_id}/archive"): (WRITES, {}),
    ("POST", "/imports/{imported_id}/bring-back"): (WRITES, {}),
    ("POST", "/imports/{imported_id}/delete"): (WRITES, {}),
    ("GET", "/populations"): (READS, {}),
    ("GET", "/populations/{space_id}-{regime_id}"): (READS, {}),
    ("GET", "/analyses"): (READS, {}),
    ("GET", "/analyses/tables/{name}"): (READS, {}),
}
WHO = ("owner", "member", "viewer", "stranger", "visitor", "session", "revoked", "gone", "disabled")


@pytest.fixture
def batch() -> SampleBatch:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0])
    return batch


def script(who: str, batch: SampleBatch) -> Caller:
    """A caller of that kind."""
    team, owner = batch.space.team, batch.created_by
    if who == "visitor":
        return Caller(None)
    if who == "session":
        return Caller(None, pages.client_of(owner))
    if who == "stranger":
        other, stranger = rows.a_team("Audio", "stranger@example.org")
        return caller(stranger, other)
    if who == "owner":
        return caller(owner, team)
    user = pages.a_member(team, f"{who}@example.org", Role.VIEWER if who == "viewer" else Role.MEMBER)
    found = caller(user, team)
    if who == "revoked":
        services.revoke_api_token(token=ApiToken.objects.get(user=user))
    if who == "gone":
        services.remove_member(membership=Membership.objects.get(user=user), actor=owner)
    if who == "disabled":
        user.is_active = False
        user.save()
    return found


def expected(who: str, kind: str, path: str) -> int:
    if who in {"visitor", "session", "revoked", "gone", "disabled"}:
        return 401
    if who == "viewer" and kind == WRITES:
        return 403
    return 404 if who == "stranger" and "{" in path else 200


def test_every_operation_is_in_the_matrix() -> None:
    schema = api.get_openapi_schema(path_prefix="")
    found = {(method.upper(), path) for path, methods in schema["paths"].items() for method in methods}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("who", WHO)
def test_each_caller_may_do_what_the_matrix_says(batch: SampleBatch, who: str) -> None:
    calling = script(who, batch)
    ids = {"space": batch.space_id, "regime": batch.regime_id}
    body = {"name": "Elsewhere", "columns": {"depth": [1, 2], "error": [20, 30]}}
    imported = caller(batch.created_by, batch.space.team).post("/imports", body)[1]["id"]
    for (method, path), (kind, body) in OPERATIONS.items():
        wanted, given = expected(who, kind, path), body
        if path == "/batches" and method == "POST":  # the ids stand in the body
            wanted, given = 404 if who == "stranger" else wanted, body | ids
        url = path.format(space_id=ids["space"], regime_id=ids["regime"], batch_id=batch.pk, name="edf",
                          imported_id=imported)  # fmt: skip
        url += f"?p={batch.space_id}-{batch.regime_id}" if "{name}" in path else ""
        before = what_a_team_has() if wanted != 200 else {}
        sent = b"" if method == "GET" else json.dumps(given).encode()
        status, answer = calling.send(url, sent, method=method)
        if wanted == 200:
            assert status in {200, 201}, (method, path, answer)
            continue
        assert (status, set(answer)) == (wanted, {"error", "parameter", "value"}), (method, path, answer)
        assert what_a_team_has() == before, (method, path)


def what_a_team_has() -> dict[str, object]:
    """Every row but when a token was used last."""
    return {name: found for name, found in state_of_everything().items() if name != "ApiToken"}


def test_another_teams_rows_look_like_rows_that_do_not_exist(batch: SampleBatch) -> None:
    stranger = script("stranger", batch)
    for path in ("/spaces/{}", "/regimes/{}", "/batches/{}", "/batches/{}/samples"):
        assert stranger.get(path.format(batch.pk)) == stranger.get(path.format(10**17))
    body = {"name": "Child", "parent": batch.space_id, "changes": {}}
    status, answer = stranger.post("/spaces", body)
    assert (status, answer["parameter"]) == (404, "parent")
    assert stranger.get(f"/analyses?p={batch.space_id}-{batch.regime_id}")[0] == 404
    for path in ("/spaces", "/regimes", "/batches"):
        assert stranger.get(path)[1] == {"items": [], "total": 0}
        for verb in ("archive", "bring-back"):
            assert stranger.post(f"{path}/{batch.pk}/{verb}") == stranger.post(f"{path}/{10**17}/{verb}")
    assert stranger.get("/populations")[1] == {"items": []}


def test_a_persons_token_of_one_team_does_not_open_their_other_team(batch: SampleBatch) -> None:
    second = services.create_team(name="Second", owner=batch.created_by)
    other = caller(batch.created_by, second)
    assert other.get("/me")[1]["team"] == "Second"
    assert other.get(f"/spaces/{batch.space_id}")[0] == 404
    assert other.get("/spaces")[1]["total"] == 0


def test_a_new_role_counts_from_the_next_request_on(batch: SampleBatch) -> None:
    member = script("member", batch)
    assert member.post(f"/batches/{batch.pk}/pause")[0] == 200
    membership = Membership.objects.get(user__email="member@example.org")
    services.change_role(membership=membership, role=Role.VIEWER, actor=batch.created_by)
    assert member.post(f"/batches/{batch.pk}/resume")[0] == 403
    assert member.get(f"/batches/{batch.pk}")[0] == 200


def test_a_person_who_comes_back_to_a_team_finds_their_old_tokens_revoked(batch: SampleBatch) -> None:
    gone = script("gone", batch)
    user = ApiToken.objects.get().user
    Membership.objects.create(team=batch.space.team, user=user, role=Role.MEMBER)
    assert gone.get("/me")[0] == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer netspace_", "Bearer x\xe9", "token"])
def test_any_other_header_is_answered_alike(header: str) -> None:
    status, answer = answered(Client().get("/api/me", headers={"Authorization": header}))
    assert status == 401
    assert "Authorization: Bearer" in answer["error"]


def test_part_of_a_token_or_more_than_it_does_not_get_in(batch: SampleBatch) -> None:
    text = services.create_api_token(user=batch.created_by, team=batch.space.team, name="x")[1]
    assert Caller(text).get("/me")[0] == 200
    for wrong in (text[:-1], text + "a", text.upper(), text.removeprefix("netspace_")):
        assert Caller(wrong).get("/me")[0] == 401


def test_a_token_is_strong_and_kept_as_a_digest_only(batch: SampleBatch) -> None:
    made, text = services.create_api_token(user=batch.created_by, team=batch.space.team, name="x")
    secret = text.removeprefix("netspace_")
    assert len(secret) * 6 >= 128
    assert text not in json.dumps(state_of_everything(), default=str)
    assert secret not in json.dumps(state_of_everything(), default=str)
    assert re.fullmatch(r"[0-9a-f]{64}", made.digest)


def test_an_unauthenticated_answer_names_the_scheme() -> None:
    assert Client().get("/api/me")["WWW-Authenticate"] == "Bearer"


def test_a_token_is_noted_as_used_once_a_minute(batch: SampleBatch) -> None:
    calling = caller(batch.created_by, batch.space.team)
    assert ApiToken.objects.get().last_used_at is None
    calling.get("/me")
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    calling.get("/me")
    assert ApiToken.objects.get().last_used_at == first
