"""Signing in and out."""

from __future__ import annotations

import pytest
from django.test import Client
from sesame.utils import get_query_string

from tests.webapp import pages, rows
from webapp import services

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


def test_a_person_signs_in_with_e_mail_address_and_password_and_goes_where_they_wanted() -> None:
    rows.a_team()
    client = Client()
    response = client.post("/sign-in/", {"email": "Owner@Example.org", "password": PASSWORD, "next": "/spaces/"})
    assert response["Location"] == "/spaces/"
    assert client.get("/spaces/").status_code == 200


def test_whatever_is_wrong_is_said_in_the_same_words() -> None:
    rows.a_team()
    texts = []
    for email, password in (("owner@example.org", "wrong"), ("nobody@example.org", PASSWORD), ("no address", "x")):
        response = Client().post("/sign-in/", {"email": email, "password": password})
        assert response.status_code == 200
        texts.append(response.content.decode().split('role="alert">')[1].split("</div>")[0])
    assert len(set(texts)) == 1


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"]
)
def test_only_addresses_of_this_site_are_gone_to_after_signing_in(target: str) -> None:
    rows.a_team()
    response = Client().post("/sign-in/", {"email": "owner@example.org", "password": PASSWORD, "next": target})
    assert response["Location"] == "/"


def test_a_sign_in_link_works_once_and_opens_the_page_it_names() -> None:
    _, user = rows.a_team()
    link = f"/sign-in/link/{get_query_string(user)}&next=/batches/"
    client = Client()
    assert client.get(link)["Location"] == "/batches/"
    assert client.get("/batches/").status_code == 200
    again = Client().get(link)
    assert again.status_code == 403
    assert "used before" in again.content.decode()


def test_a_link_that_nobody_made_is_refused_in_words() -> None:
    assert Client().get("/sign-in/link/?sesame=made-up").status_code == 403
    assert Client().get("/sign-in/link/").status_code == 403


def test_signing_out_needs_a_post_and_ends_the_session() -> None:
    _, user = rows.a_team()
    client = pages.client_of(user)
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_a_changed_password_or_a_disabled_account_ends_sessions() -> None:
    _, user = rows.a_team()
    client = pages.client_of(user)
    assert client.get("/").status_code == 200
    user.set_password("another one entirely")
    user.save()
    assert client.get("/").status_code == 302
    client = pages.client_of(user)
    user.is_active = False
    user.save()
    assert client.get("/").status_code == 302


def test_an_account_without_a_password_cannot_sign_in_with_one() -> None:
    services.create_user(email="link@example.org")
    response = Client().post("/sign-in/", {"email": "link@example.org", "password": ""})
    assert response.status_code == 200
