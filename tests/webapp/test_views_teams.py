"""The people of a team: invitations, roles, leaving, the log."""

from __future__ import annotations

import re
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.forms.lists import read_list
from webapp.models import Event, EventKind, Invitation, Membership, Role, Team, User, Worker
from webapp.services import Refused
from webapp.views.teams import LOG

pytestmark = pytest.mark.django_db

ACCOUNT = {"name": "Ada", "email": "Ada@example.org", "password": "correct horse battery"}


def an_invitation(team: Team, owner: User, role: Role = Role.MEMBER) -> tuple[Invitation, str]:
    invitation, token = services.create_invitation(team=team, role=role, label="Ada", actor=owner)
    return invitation, f"/invitations/{token}/"


def test_the_link_of_an_invitation_is_shown_once_and_kept_as_a_digest_only() -> None:
    _, owner = rows.a_team()
    client = pages.client_of(owner)
    text = client.post("/team/invite/", {"role": "viewer", "label": "Ada"}).content.decode()
    found = re.search(r'value="http://testserver/invitations/([^/"]+)/"', text)
    assert found is not None
    token = found[1]
    assert len(token) >= 32  # of 64 letters: 192 bits
    stored = Invitation.objects.values().get()
    assert token not in str(stored)
    assert token not in client.get("/team/").content.decode()
    assert token not in str(list(Event.objects.values()))


def test_a_person_without_an_account_joins_with_a_new_one() -> None:
    team, owner = rows.a_team()
    _, link = an_invitation(team, owner, Role.VIEWER)
    client = Client()
    assert client.get(link)["Location"] == "/join/"
    page = client.get("/join/").content.decode()
    assert "Join Vision" in page
    assert "as viewer" in page
    assert client.post("/join/", ACCOUNT)["Location"] == "/"
    assert Membership.objects.get(user__email="ada@example.org").role == Role.VIEWER
    assert client.get("/spaces/").status_code == 200
    assert client.get("/spaces/new/").status_code == 403


def test_a_person_with_an_account_signs_in_and_joins() -> None:
    team, owner = rows.a_team()
    _, ada = rows.a_team("Audio", "ada@example.org")
    _, link = an_invitation(team, owner)
    client = Client()
    client.get(link)
    signed = client.post("/sign-in/", {"email": ada.email, "password": "correct horse battery", "next": "/join/"})
    assert signed["Location"] == "/join/"
    assert "signed in as ada@example.org" in client.get("/join/").content.decode()
    client.post("/join/")
    assert Membership.objects.get(user=ada, team=team).role == Role.MEMBER
    home = client.get("/").content.decode()
    assert "You are in Vision now" in home
    assert "Audio" in home  # the switcher offers both


def test_an_invitation_works_once() -> None:
    team, owner = rows.a_team()
    _, link = an_invitation(team, owner)
    first, second = Client(), Client()
    first.get(link)
    second.get(link)
    first.post("/join/", ACCOUNT)
    assert second.post("/join/", ACCOUNT | {"email": "eve@example.org"}).status_code == 404
    assert Client().get(link).status_code == 404
    assert not User.objects.filter(email="eve@example.org").exists()


def test_links_that_let_nobody_in_are_answered_alike() -> None:
    team, owner = rows.a_team()
    used, used_link = an_invitation(team, owner)
    services.join_with_new_account(invitation=used, **ACCOUNT)
    expired, expired_link = an_invitation(team, owner)
    Invitation.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    revoked, revoked_link = an_invitation(team, owner)
    services.revoke_invitation(invitation=revoked, actor=owner)
    _, good = an_invitation(team, owner)
    links = (used_link, expired_link, revoked_link, good[:-2] + "/", "/invitations/x/", f"/invitations/{'x' * 900}/")
    answers = [Client().get(link) for link in links]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert Client().get("/join/").status_code == 404


def test_an_invitation_revoked_after_its_link_was_opened_lets_nobody_in() -> None:
    team, owner = rows.a_team()
    invitation, link = an_invitation(team, owner)
    client = Client()
    client.get(link)
    pages.client_of(owner).post(f"/team/invitations/{invitation.pk}/revoke/")
    assert client.post("/join/", ACCOUNT).status_code == 404
    assert not User.objects.filter(email="ada@example.org").exists()


def test_an_address_that_has_an_account_cannot_be_taken_over() -> None:
    team, owner = rows.a_team()
    rows.a_team("Audio", "ada@example.org")
    _, link = an_invitation(team, owner)
    client = Client()
    client.get(link)
    page = client.post("/join/", ACCOUNT | {"password": "entirely another"}).content.decode()
    assert "There is an account with this e-mail address already" in page
    assert client.get("/").status_code == 302


def test_a_member_who_opens_an_invitation_does_not_use_it_up() -> None:
    team, owner = rows.a_team()
    invitation, link = an_invitation(team, owner)
    client = pages.client_of(owner)
    client.get(link)
    assert "You are in Vision already, as owner." in client.post("/join/").content.decode()
    invitation.refresh_from_db()
    assert invitation.accepted_at is None


@pytest.mark.parametrize("password", ["short", "1234567890123", "password123"])
def test_a_weak_password_is_refused_in_words(password: str) -> None:
    team, owner = rows.a_team()
    _, link = an_invitation(team, owner)
    client = Client()
    client.get(link)
    assert "password" in client.post("/join/", ACCOUNT | {"password": password}).content.decode()
    assert not User.objects.filter(email="ada@example.org").exists()


def test_the_last_owner_can_neither_leave_nor_be_made_less() -> None:
    team, owner = rows.a_team()
    own = Membership.objects.get(user=owner, team=team)
    mate = pages.a_member(team, "mate@example.org")
    client = pages.client_of(owner)
    for url, values in ((f"/team/members/{own.pk}/role/", {"role": "member"}), ("/team/leave/", {})):
        assert client.post(url, values)["Location"] == "/team/"
        assert "the only one" in client.get("/team/").content.decode()
    client.post(f"/team/members/{Membership.objects.get(user=mate).pk}/role/", {"role": "owner"})
    assert client.post("/team/leave/")["Location"] == "/"
    assert not Membership.objects.filter(user=owner).exists()


def test_an_owner_whose_account_is_disabled_does_not_count() -> None:
    team, owner = rows.a_team()
    mate = pages.a_member(team, "mate@example.org", Role.OWNER)
    mate.is_active = False
    mate.save()
    with pytest.raises(Refused):
        services.remove_member(membership=Membership.objects.get(user=owner), actor=owner)


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_do_not_leave_a_team_without_one() -> None:
    team, owner = rows.a_team()
    people = [owner, pages.a_member(team, "mate@example.org", Role.OWNER)]
    start = Barrier(2)

    def leave(user: User) -> None:
        start.wait()
        try:
            services.remove_member(membership=Membership.objects.get(user=user), actor=user)
        except Refused:
            pass
        finally:
            connection.close()

    threads = [Thread(target=leave, args=[user]) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Membership.objects.filter(team=team, role=Role.OWNER).count() == 1


def test_a_removed_person_is_out_at_once() -> None:
    team, owner = rows.a_team()
    mate = pages.a_member(team, "mate@example.org")
    theirs = pages.client_of(mate)
    assert theirs.get("/spaces/").status_code == 200
    pages.client_of(owner).post(f"/team/members/{Membership.objects.get(user=mate).pk}/remove/")
    assert theirs.get("/spaces/")["Location"] == "/teams/new/"


def test_a_changed_role_holds_from_the_next_request() -> None:
    team, owner = rows.a_team()
    mate = pages.a_member(team, "mate@example.org")
    theirs = pages.client_of(mate)
    assert theirs.get("/spaces/new/").status_code == 200
    url = f"/team/members/{Membership.objects.get(user=mate).pk}/role/"
    pages.client_of(owner).post(url, {"role": "viewer"})
    assert theirs.get("/spaces/new/").status_code == 403
    pages.client_of(owner).post(url, {"role": "admin"})
    assert Membership.objects.get(user=mate).role == Role.VIEWER


def test_the_log_says_who_did_what_in_the_readers_time() -> None:
    team, owner = rows.a_team()
    services.update_account(user=owner, name="Grace", time_zone="Asia/Tokyo")
    rows.a_space(team, owner, name="<b>RegNetX</b>")
    client = pages.client_of(owner)
    client.post("/team/rename/", {"name": "Seeing"})
    Event.objects.update(at=timezone.datetime(2026, 1, 1, 20, 0, tzinfo=timezone.get_fixed_timezone(0)))
    text = client.get("/team/log/").content.decode()
    assert "2 Jan 2026, 05:00:00" in text
    assert "Vision to Seeing" in text
    assert "&lt;b&gt;RegNetX&lt;/b&gt;" in text
    assert "<b>RegNetX" not in text


def an_event(team: Team, actor: User | None, kind: EventKind, verb: str, subject: str, at: str) -> None:
    when = timezone.datetime.fromisoformat(at)
    Event.objects.create(team=team, actor=actor, kind=kind, verb=verb, subject=subject, at=when)


@pytest.fixture
def logged() -> tuple[Team, User]:
    """A team whose log tells of its owner, of somebody who has left and of somebody whose account is gone."""
    team, owner = rows.a_team()
    Event.objects.all().delete()
    left = services.create_user(email="ada@example.org", password="correct horse battery", name="Ada")
    an_event(team, owner, EventKind.SPACES, "created space", "RegNetX", "2026-01-31T23:30:00Z")
    an_event(team, left, EventKind.BATCHES, "paused", "batch 7 of RegNetX", "2026-02-10T12:00:00Z")
    an_event(team, None, EventKind.PEOPLE, "joined", "as member", "2026-04-02T12:00:00Z")
    other, stranger = rows.a_team("Audio", "stranger@example.org")
    an_event(other, stranger, EventKind.SPACES, "created space", "theirs", "2020-02-10T12:00:00Z")
    return team, owner


def log_of(owner: User, query: str = "") -> list[str]:
    text = pages.client_of(owner).get(f"/team/log/?{query}").content.decode()
    return [line["Did"] for line in pages.tables(text).get("Events", [])]


def options(text: str, name: str) -> list[str]:
    found = re.search(rf'<select name="{name}">(.*?)</select>', text, flags=re.DOTALL)
    assert found is not None
    return re.findall(r"<option[^>]*>([^<]*)</option>", found[1])


def test_the_log_is_searched_filtered_and_turned_round(logged: tuple[Team, User]) -> None:
    owner = logged[1]
    assert log_of(owner) == ["joined", "paused", "created space"]
    assert log_of(owner, "sort=when") == ["created space", "paused", "joined"]
    assert log_of(owner, "q=regnetx") == ["paused", "created space"]
    assert log_of(owner, "q=CREATED") == ["created space"]
    assert log_of(owner, f"who={User.objects.get(name='Ada').pk}") == ["paused"]
    assert log_of(owner, "who=nobody") == ["joined"]
    assert log_of(owner, "about=people") == ["joined"]
    assert log_of(owner, "about=batches&q=RegNetX") == ["paused"]
    text = pages.client_of(owner).get("/team/log/?sort=when").content.decode()
    assert "the oldest first" in text
    assert options(text, "who") == ["any", "Ada", "Owner", "nobody known"]
    assert options(text, "month") == ["any", "April 2026", "March 2026", "February 2026", "January 2026"]


def test_a_month_of_the_log_is_one_of_the_readers_time(logged: tuple[Team, User]) -> None:
    owner = logged[1]
    assert log_of(owner, "month=2026-01") == ["created space"]
    assert log_of(owner, "month=2026-02") == ["paused"]
    services.update_account(user=owner, name="Owner", time_zone="Europe/Paris")
    assert log_of(owner, "month=2026-02") == ["paused", "created space"]
    assert pages.client_of(owner).get("/team/log/?month=2026-01").status_code == 400


def test_a_filter_of_the_log_that_finds_nothing_offers_the_way_back(logged: tuple[Team, User]) -> None:
    text = pages.client_of(logged[1]).get("/team/log/?sort=when&q=nothing&month=2026-03").content.decode()
    assert "No event matches this filter." in text
    assert 'href="?sort=when">Clear the filter</a>' in text


def test_the_pages_of_the_log_keep_what_was_asked_for(
    logged: tuple[Team, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.views.teams.EVENTS_A_PAGE", 1)
    text = pages.client_of(logged[1]).get("/team/log/?q=RegNetX").content.decode()
    assert "1–1 of 2" in text
    assert 'href="?q=RegNetX&amp;page=2">Next' in text
    assert log_of(logged[1], "q=RegNetX&page=2") == ["created space"]


def test_every_kind_of_event_can_be_asked_for_and_is_what_the_services_record() -> None:
    batch = rows.a_study(size=1)
    team, owner, space = batch.space.team, batch.created_by, batch.space
    services.pause_batch(batch=batch, actor=owner)
    services.cancel_batch(batch=batch, actor=owner)
    imported = rows.an_import(team, owner, [30.0], name="a batch of tokens")  # words of a name decide nothing
    services.add_tag(row=space, tag="space", actor=owner)
    services.create_api_token(team=team, user=owner, name="import")
    services.drain_worker(worker=Worker.objects.get(pk=rows.a_worker()), team=team, actor=owner)
    analysis = {"schema": 1, "values": {"p": [f"{space.pk}-{batch.regime_id}"]}}
    page = services.create_result_page(team=team, title="Team space", notes="", analysis=analysis, actor=owner)
    services.share_result_page(page=page, days=1, actor=owner)
    for row in (page, imported, batch):
        services.archive(row=row, actor=owner)
    recorded = {kind: log_of(owner, f"about={kind.value}&sort=when") for kind in EventKind}
    assert recorded == {
        EventKind.SPACES: ["created space"],
        EventKind.REGIMES: ["created regime"],
        EventKind.BATCHES: ["queued batch", "paused", "cancelled 1 runs of", "archived batch"],
        EventKind.RESULTS: ["saved result", "shared result", "archived result"],
        EventKind.IMPORTS: ["imported", "archived import"],
        EventKind.TAGS: ["tagged space"],
        EventKind.PEOPLE: ["created team"],
        EventKind.TOKENS: ["made an API token"],
        EventKind.WORKERS: ["drained"],
    }
    text = pages.client_of(owner).get("/team/log/").content.decode()
    assert options(text, "about") == ["any", *EventKind.labels]
    with pytest.raises(IntegrityError, match="event_kind_known"), transaction.atomic():
        Event.objects.create(team=team, kind="", verb="drained", subject="x")


def test_the_latest_events_are_in_an_order_that_the_index_has() -> None:
    asked = read_list(QueryDict("sort=-when"), LOG)
    assert "NULLS" not in str(asked.rows(queries.team_events(rows.a_team()[0])).query)


def test_there_is_an_end_to_open_invitations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.services.teams.MOST_OPEN_INVITATIONS", 2)
    team, owner = rows.a_team()
    for _ in range(2):
        an_invitation(team, owner)
    text = pages.client_of(owner).post("/team/invite/", {"role": "member"}).content.decode()
    assert "revoke some first" in text
    assert Invitation.objects.count() == 2
