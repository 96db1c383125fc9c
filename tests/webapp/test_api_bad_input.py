"""What the API says to bodies, methods and addresses that are wrong: a sentence in JSON, never a failure of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.webapp import rows
from tests.webapp.api_calls import Caller, answered, caller
from webapp.models import Space

pytestmark = pytest.mark.django_db


@pytest.fixture
def script() -> Caller:
    team, user = rows.a_team()
    return caller(user, team)


BAD_BODIES = {
    "nested 100,000 deep": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects nested 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "nested deeper than anything": b'{"name": ' + b"[" * 30 + b"]" * 30 + b"}",
    "opened 100,000 times": b"[" * 100_000,
    "an integer of 5,000 digits": b'{"name": ' + b"9" * 5000 + b"}",
    "a negative integer of 5,000 digits": b'{"name": -' + b"9" * 5000 + b"}",
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": Infinity}',
    "minus Infinity": b'{"name": -Infinity}',
    "1e999": b'{"name": 1e999}',
    "a key twice": b'{"name": "a", "name": "b"}',
    "a key twice inside": b'{"name": "a", "definition": {"kind": "regnet", "kind": "anynet"}}',
    "a lone surrogate": b'{"name": "\\ud800", "preset": "RegNetX-small"}',
    "a lone surrogate as key": b'{"\\udfff": 1}',
    "NUL": b'{"name": "a\\u0000b", "preset": "RegNetX-small"}',
    "NUL inside": b'{"name": "a", "definition": {"kind": ["\\u0000"]}}',
    "not UTF-8": b'{"name": "\xff"}',
    "not JSON": b"name=a",
    "cut off": b'{"name": "a"',
    "more after it": b'{"name": "a"} {}',
    "a list": b"[1, 2]",
    "a number": b"12",
    "nothing but null": b"null",
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BAD_BODIES.items()])
def test_a_body_that_cannot_be_read_is_refused(script: Caller, body: bytes) -> None:
    for path in ("/spaces", "/batches", "/batches/1/pause"):
        status, answer = script.send(path, body)
        assert status == 400
        assert answer["error"].startswith("The body ")
        assert len(answer["error"]) < 200
    assert script.send("/spaces/1/tags", body, method="PUT")[0] == 400
    assert not Space.objects.exists()


def test_a_body_that_is_missing_or_too_large_is_refused(script: Caller) -> None:
    assert script.send("/spaces", b"") == (422, {"error": "body is missing.", "parameter": "body", "value": None})
    status, answer = script.send("/spaces", b'{"name": "' + b"a" * 3_000_000 + b'"}')
    assert (status, answer["error"]) == (413, "The body is larger than 2.5 MB.")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", ""]
)
def test_the_type_of_a_body_does_not_matter_as_long_as_it_is_json(script: Caller, content_type: str) -> None:
    status, _ = script.send("/spaces", b'{"name": "A", "preset": "RegNetX-small"}', content_type)
    assert status == 201


def test_forms_are_refused(script: Caller) -> None:
    response = script.client.post("/api/spaces", {"name": "A", "preset": "RegNetX-small"}, headers=script.headers)
    assert answered(response)[0] == 400
    many = "&".join(f"a{k}=1" for k in range(1001)).encode()
    assert script.send("/spaces", many, "application/x-www-form-urlencoded")[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("delete", "/spaces", "GET, POST"),
        ("put", "/spaces/1", "GET"),
        ("post", "/spaces/1", "GET"),
        ("get", "/batches/1/cancel", "POST"),
        ("post", "/regimes/1/tags", "PUT"),
        ("put", "/batches/1/archive", "POST"),
        ("post", "/openapi.json", "GET, HEAD"),
    ],
)
def test_another_method_is_answered_by_those_that_there_are(
    script: Caller, method: str, path: str, allowed: str
) -> None:
    response = getattr(script.client, method)(f"/api{path}", headers=script.headers)
    status, answer = answered(response)
    assert (status, response["Allow"]) == (405, allowed)
    assert allowed in answer["error"]


ADDRESSES = [
    ("/", 404),
    ("/spaces/", 404),
    ("/nothing", 404),
    ("/spaces/abc", 404),
    ("/spaces/-1", 404),
    ("/spaces/" + "9" * 20, 404),
    ("/spaces/" + "9" * 5000, 404),
    ("/populations/1-2", 404),
    ("/populations/1", 404),
    ("/spaces/999999999999999999", 404),
    ("/spaces?limit=0", 422),
    ("/spaces?limit=1001", 422),
    ("/spaces?offset=-1", 422),
    ("/spaces?offset=99999999999999999999", 422),
    ("/spaces?limit=abc", 422),
    ("/spaces?limit=NaN", 422),
    ("/batches?space=99999999999999999999", 422),
    ("/spaces?tag=", 422),
    ("/regimes?tag=" + "x" * 5000, 422),
    ("/batches?tag=a%E2%80%8Bb", 422),
    ("/spaces?tag=%00", 400),
    ("/spaces?archived=maybe", 422),
    ("/batches?archived=", 422),
    ("/analyses?p=" + "&p=".join(f"{k}-1" for k in range(8)), 400),
    ("/analyses?p=1-2&error=" + "x" * 5000, 422),
    ("/spaces?limit=%00", 400),
    ("/spaces/%00", 400),
    ("/%ED%A0%80", 404),
]


def test_an_address_that_is_none_is_answered_in_json(script: Caller) -> None:
    for path, status in ADDRESSES:
        got, answer = script.get(path)
        assert got == status, path
        assert set(answer) == {"error", "parameter", "value"}
        assert len(answer["error"]) < 400


def test_a_definition_of_any_shape_is_refused_and_never_fails(script: Caller) -> None:
    values: list[Any] = [None, True, 0, -1, 1e300, 10**30, "", "x" * 1000, [], {}, [[]], {"kind": "uniform"}]
    for kind, names in (
        ("regnet", ("depth", "w_a", "stages", "tie")),
        ("anynet", ("depths", "rules", "stage_strides")),
    ):
        start = {"regnet": "RegNetX-small", "anynet": "AnyNetX-A-small"}[kind]
        parent = script.post("/spaces", {"name": start, "preset": start})[1]["id"]
        for name in names:
            for value in values:
                body = {"name": "N", "parent": parent, "changes": {name: value}}
                status, answer = script.post("/spaces", body)
                if status == 201:  # an empty list of rules, no tie
                    Space.objects.get(pk=answer["id"]).delete()
                    continue
                assert status == 422, (name, value, answer)


def test_a_mistake_of_ours_is_answered_with_a_number_and_nothing_else(script: Caller, monkeypatch: Any) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret of the server")

    monkeypatch.setattr("webapp.services.create_space", broken)
    status, answer = script.post("/spaces", {"name": "A", "preset": "RegNetX-small"})
    assert status == 500
    assert answer["error"].startswith("Netspace made a mistake. Quote ")
    assert "secret" not in str(answer)


def test_answers_are_never_kept_by_a_cache_and_no_cookie_is_set() -> None:
    response = Client().get("/api/openapi.json")
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
