"""Signing in and out."""

from __future__ import annotations

import logging
import re
import sys
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone
from sesame.utils import get_query_string

from tests.webapp import pages, rows
from webapp import services
from webapp.log_text import SecretFreeFormatter

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


def test_an_unknown_account_costs_as_many_hashes_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows.a_team()
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    for email in ("owner@example.org", "nobody@example.org"):
        Client().post("/sign-in/", {"email": email, "password": "wrong"})
    assert hashed == ["wrong", "wrong"]


def wrong(client: Client, times: int, email: str = "owner@example.org", **more: Any) -> int:
    for _ in range(times):
        status = client.post("/sign-in/", {"email": email, "password": "wrong"}, **more).status_code
    return status


def test_after_ten_wrong_passwords_even_the_right_one_is_refused_for_a_while() -> None:
    rows.a_team()
    client = Client()
    assert wrong(client, 9) == 200
    assert wrong(client, 1) == 429
    right = {"email": "owner@example.org", "password": PASSWORD}
    response = client.post("/sign-in/", right)
    assert response.status_code == 429
    assert "Try again in 15 minutes" in response.content.decode()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert client.post("/sign-in/", right).status_code == 302


def test_tries_during_the_lock_do_not_make_it_longer() -> None:
    rows.a_team()
    wrong(Client(), 10)
    before = list(AccessAttempt.objects.values())
    wrong(Client(), 3)
    assert list(AccessAttempt.objects.values()) == before


def test_an_unknown_account_is_locked_in_the_same_way_and_the_same_words() -> None:
    rows.a_team()
    wrong(Client(), 10)
    wrong(Client(), 10, "nobody@example.org")
    known = Client().post("/sign-in/", {"email": "owner@example.org", "password": "x"})
    unknown = Client().post("/sign-in/", {"email": "nobody@example.org", "password": "x"})
    texts = [response.content.decode().split("<main")[1].split("csrf")[0] for response in (known, unknown)]
    assert known.status_code == unknown.status_code == 429
    assert texts[0] == texts[1]


def test_a_lock_holds_for_one_account_from_one_address_only() -> None:
    rows.a_team()
    rows.a_team("Audio", "mate@example.org")
    wrong(Client(), 10)
    elsewhere = Client().post(
        "/sign-in/", {"email": "owner@example.org", "password": PASSWORD}, REMOTE_ADDR="198.51.100.7"
    )
    assert elsewhere.status_code == 302
    assert Client().post("/sign-in/", {"email": "mate@example.org", "password": PASSWORD}).status_code == 302


def test_other_words_in_the_header_of_forwarders_do_not_help_around_the_lock() -> None:
    rows.a_team()
    for k in range(10):
        status = wrong(Client(), 1, headers={"x-forwarded-for": f"203.0.113.{k}"})
    assert status == 429


def test_behind_a_proxy_of_ours_what_it_appended_counts(settings: Any) -> None:
    settings.PROXIES = 1
    rows.a_team()
    for k in range(10):  # the first part is what the client made up
        status = wrong(Client(), 1, headers={"x-forwarded-for": f"203.0.113.{k}, 198.51.100.7"})
    assert status == 429
    assert wrong(Client(), 1, headers={"x-forwarded-for": "198.51.100.8"}) == 200
    assert wrong(Client(), 1, headers={"x-forwarded-for": "no address"}) == 200


def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    rows.a_team()
    for k in range(10):
        status = wrong(Client(), 1, REMOTE_ADDR=f"2001:db8::{k:x}")
    assert status == 429


def test_the_administration_site_is_locked_as_well() -> None:
    rows.a_team()
    for _ in range(10):
        status = Client().post("/admin/login/", {"username": "owner@example.org", "password": "no"}).status_code
    assert status == 429


def test_stale_sign_in_links_lock_nobody_out() -> None:
    _, user = rows.a_team()
    for _ in range(12):
        assert Client().get("/sign-in/link/?sesame=made-up").status_code == 403
    assert Client().get(f"/sign-in/link/{get_query_string(user)}").status_code == 302
    wrong(Client(), 10)
    user.refresh_from_db()
    assert Client().get(f"/sign-in/link/{get_query_string(user)}").status_code == 302


def test_what_is_kept_of_a_wrong_password_does_not_hold_it() -> None:
    rows.a_team()
    Client().post("/sign-in/", {"email": "owner@example.org", "password": "nearly-right", "next": "/x-secret/"})
    kept = str(list(AccessAttempt.objects.values()))
    assert "nearly-right" not in kept
    assert "x-secret" not in kept


def test_a_person_changes_name_and_time_zone() -> None:
    _, user = rows.a_team()
    client = pages.client_of(user)
    values = {"name": "Ada", "time_zone": "Europe/Zurich", "notify_of": "team"}
    assert client.post("/account/", values)["Location"] == "/account/"
    user.refresh_from_db()
    assert (user.name, user.time_zone) == ("Ada", "Europe/Zurich")
    refused = client.post("/account/", {"name": "\u202eAda", "time_zone": "Mars/Base", "notify_of": "all"})
    assert refused.status_code == 200
    user.refresh_from_db()
    assert user.name == "Ada"


def test_a_time_zone_that_this_machine_does_not_know_breaks_no_page() -> None:
    _, user = rows.a_team()
    services.update_account(user=user, name="Ada", time_zone="Mars/Base")
    assert pages.client_of(user).get("/").status_code == 200


NEW = {"new_password1": "another one entirely", "new_password2": "another one entirely"}


def test_a_changed_password_ends_every_other_session() -> None:
    _, user = rows.a_team()
    here, elsewhere = pages.client_of(user), pages.client_of(user)
    assert (
        "This is not your password" in here.post("/account/password/", {"old_password": "no", **NEW}).content.decode()
    )
    assert elsewhere.get("/").status_code == 200
    assert here.post("/account/password/", {"old_password": PASSWORD, **NEW})["Location"] == "/account/"
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302


def test_whoever_came_in_by_a_link_sets_a_first_password() -> None:
    user = services.create_user(email="link@example.org")
    client = pages.client_of(user)
    assert "old_password" not in client.get("/account/password/").content.decode()
    assert client.post("/account/password/", NEW).status_code == 302
    assert (
        Client().post("/sign-in/", {"email": "link@example.org", "password": NEW["new_password1"]}).status_code == 302
    )


def mailed_link(mailoutbox: list[Any]) -> str:
    found = re.search(r"http://testserver(/password/new/\S+)", mailoutbox[-1].body)
    assert found is not None
    return found[1]


def test_a_forgotten_password_is_set_anew_by_a_mailed_link_once(mailoutbox: list[Any]) -> None:
    _, user = rows.a_team()
    session, client = pages.client_of(user), Client()
    assert client.get("/password/forgotten/").status_code == 200
    assert client.post("/password/forgotten/", {"email": "Owner@Example.org"})["Location"] == "/password/sent/"
    assert client.get("/password/sent/").status_code == 200
    link = mailed_link(mailoutbox)
    form = client.get(link)["Location"]
    assert "set-password" in form  # the token is left behind
    assert client.post(form, NEW)["Location"] == "/"
    assert client.get("/spaces/").status_code == 200
    assert session.get("/spaces/").status_code == 302
    assert "used before" in Client().get(link).content.decode()


def test_nobody_learns_by_a_forgotten_password_who_has_an_account(mailoutbox: list[Any]) -> None:
    rows.a_team()
    answers = [Client().post("/password/forgotten/", {"email": email}) for email in ("owner@example.org", "no@x.org")]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert len(mailoutbox) == 1


def test_a_mailed_link_that_nobody_made_is_refused_in_words() -> None:
    assert "used before" in Client().get("/password/new/MQ/abc-def/").content.decode()


@pytest.mark.parametrize("path", ["/share/TOKEN/", "/share/TOKEN/edf.csv", "/invitations/TOKEN/", "/x?sesame=TOKEN&a=1",
                                  "/password/new/MQ/TOKEN/"])  # fmt: skip
def test_no_secret_of_an_address_comes_into_the_log(path: str) -> None:
    try:
        raise ValueError(f"something about {path}")
    except ValueError:
        record = logging.LogRecord("django.request", 40, "", 1, "Internal Server Error: %s", (path,), sys.exc_info())
    text = SecretFreeFormatter("%(message)s").format(record)
    assert "TOKEN" not in text
    assert "Internal Server Error: /" in text
