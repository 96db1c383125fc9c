"""The page of a person's API tokens."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.webapp import pages, rows
from tests.webapp.api_calls import Caller
from webapp import services
from webapp.models import ApiToken, Event, Role, Team, User
from webapp.services.api_tokens import MOST_TOKENS

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return rows.a_team()[0]


@pytest.fixture
def user(team: Team) -> User:
    return User.objects.get(email="owner@example.org")


def shown(page: bytes) -> list[str]:
    return re.findall(r"netspace_[A-Za-z0-9_-]{20,}", page.decode())


def test_a_token_is_shown_once_and_works(team: Team, user: User) -> None:
    client = pages.client_of(user)
    assert "You have no token yet." in client.get("/account/tokens/").content.decode()
    response = client.post("/account/tokens/", {"name": "notebook", "team": team.pk})
    (text,) = set(shown(response.content))
    assert response["Cache-Control"] == "no-store"
    assert Caller(text).get("/me")[1]["team"] == "Vision"
    again = client.get("/account/tokens/").content
    assert shown(again) == []
    assert "notebook" in again.decode()
    assert Event.objects.filter(verb="made an API token", subject="notebook", actor=user).exists()


def test_a_revoked_token_stops_at_once_and_leaves_the_list(team: Team, user: User) -> None:
    token, text = services.create_api_token(user=user, team=team, name="old script")
    client = pages.client_of(user)
    url = f"/account/tokens/{token.pk}/revoke/"
    assert client.get(url).status_code == 405
    response = client.post(url, follow=True)
    assert "The token old script is revoked" in response.content.decode()
    assert "You have no token yet." in response.content.decode()
    assert Caller(text).get("/me")[0] == 401
    assert "revoked already" in client.post(url, follow=True).content.decode()


def test_somebody_elses_token_is_not_found(team: Team, user: User) -> None:
    token, text = services.create_api_token(user=user, team=team, name="mine")
    mate = pages.a_member(team, "mate@example.org")
    for other in (mate, rows.a_team("Audio", "stranger@example.org")[1]):
        client = pages.client_of(other)
        assert client.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
        assert "mine" not in client.get("/account/tokens/").content.decode()
    visitor = Client().post(f"/account/tokens/{token.pk}/revoke/")
    assert visitor["Location"].startswith("/sign-in/")
    assert Caller(text).get("/me")[0] == 200


def test_a_token_is_only_made_for_a_team_one_is_in(team: Team, user: User) -> None:
    other, _ = rows.a_team("Audio", "stranger@example.org")
    response = pages.client_of(user).post("/account/tokens/", {"name": "x", "team": other.pk})
    assert "Select a valid choice" in response.content.decode()
    with pytest.raises(services.Refused, match="not in Audio"):
        services.create_api_token(user=user, team=other, name="x")
    assert not ApiToken.objects.exists()


def test_a_viewer_makes_a_token_that_reads(team: Team) -> None:
    viewer = pages.a_member(team, "viewer@example.org", Role.VIEWER)
    response = pages.client_of(viewer).post("/account/tokens/", {"name": "<script>", "team": team.pk})
    (text,) = set(shown(response.content))
    assert "<script>alert" not in response.content.decode()
    assert "&lt;script&gt;" in response.content.decode()
    assert Caller(text).get("/spaces")[0] == 200
    assert Caller(text).post("/regimes", {"name": "N", "preset": "Digits on CPU"})[0] == 403


def test_nobody_has_more_tokens_than_they_can_watch_over(team: Team, user: User) -> None:
    ApiToken.objects.bulk_create(ApiToken(user=user, team=team, name=str(k), digest=str(k)) for k in range(MOST_TOKENS))
    response = pages.client_of(user).post("/account/tokens/", {"name": "one more", "team": team.pk})
    assert "revoke some first" in response.content.decode()


def test_a_person_without_a_team_is_told_what_to_do() -> None:
    user = services.create_user(email="new@example.org", password="correct horse battery")
    page = pages.client_of(user).get("/account/tokens/").content.decode()
    assert "you are in none" in page
    assert 'name="team"' not in page
