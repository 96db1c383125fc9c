"""What every request passes, and the pages for what went wrong."""

from __future__ import annotations

import logging

import pytest
from django.test import Client, override_settings

from tests.webapp import pages, rows
from webapp.middleware import CONTENT_POLICY

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("url", ["/search/?q=a%00b", "/search/?a%00=b", "/spaces/%00/"])
def test_nul_in_an_address_is_answered_by_400(url: str) -> None:
    assert Client().get(url).status_code == 400


def test_nul_in_a_form_is_answered_by_400() -> None:
    _, user = rows.a_team()
    response = pages.client_of(user).post("/teams/new/", {"name": "a\x00b"})
    assert response.status_code == 400
    assert "cannot be read" in response.content.decode()


def test_a_lone_surrogate_never_breaks_a_page() -> None:
    _, user = rows.a_team()
    client = pages.client_of(user)
    assert client.get("/search/?q=%ED%A0%80").status_code == 200
    response = client.post("/teams/new/", b"name=%ED%A0%80", content_type="application/x-www-form-urlencoded")
    assert response.status_code in {200, 302, 400}


def test_every_page_carries_the_content_policy_and_is_not_kept() -> None:
    for url in ("/sign-in/", "/no-such-page/"):
        response = Client().get(url)
        assert response["Content-Security-Policy"] == CONTENT_POLICY
        assert response["X-Frame-Options"] == "DENY"
        assert "no-store" in response["Cache-Control"]
    assert "frame-ancestors 'none'" in CONTENT_POLICY
    assert "unsafe-inline" not in CONTENT_POLICY.split("script-src")[1].split(";")[0]


def test_a_wrong_host_is_answered_by_400() -> None:
    assert Client(headers={"host": "evil.example"}).get("/sign-in/").status_code == 400


def test_a_page_that_is_not_there_says_so_in_the_products_style() -> None:
    response = Client().get("/no-such-page/")
    assert response.status_code == 404
    assert "Nothing here" in response.content.decode()


@override_settings(DEBUG_PROPAGATE_EXCEPTIONS=False)
def test_a_mistake_of_ours_shows_a_number_and_no_detail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret-detail at /srv/private")

    monkeypatch.setattr("webapp.views.spaces.lineage", broken)
    _, user = rows.a_team()
    client = pages.client_of(user)
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        response = client.get("/spaces/?q=private-query")
    text = response.content.decode()
    assert response.status_code == 500
    assert "secret-detail" not in text
    assert "private-query" not in text
    number = text.split("Quote ")[1].split(" ")[0]
    assert number in caplog.text


def test_a_form_of_a_thousand_and_one_fields_or_three_megabytes_is_refused() -> None:
    _, user = rows.a_team()
    client = pages.client_of(user)
    assert client.post("/teams/new/", {f"f{k}": "x" for k in range(1001)}).status_code == 400
    assert client.post("/teams/new/", {"name": "x" * 3_000_000}).status_code in {400, 413, 200}
