"""The bell, the list of notifications, and the way from a notification to its batch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp import pages, rows
from webapp import services
from webapp.models import FailureKind, Notification, SampleBatch, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended() -> SampleBatch:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0, FailureKind.DIVERGED])
    return batch


def unread(user: User) -> int:
    return Notification.objects.filter(user=user, read_at=None).count()


def test_the_bell_of_every_page_counts_what_is_unread(ended: SampleBatch) -> None:
    client = pages.client_of(ended.created_by)
    for address in ("/", "/spaces/", "/account/", "/notifications/bell/"):
        assert 'aria-label="Notifications: 1 unread"' in client.get(address).content.decode(), address
    Notification.objects.bulk_create(
        Notification(user=ended.created_by, team=ended.space.team, batch=ended, kind="ended", said="")
        for _ in range(99)
    )
    assert "Notifications: 99+ unread" in client.get("/notifications/bell/").content.decode()


def test_the_list_says_what_happened_in_words_and_leads_to_the_batch_and_on(ended: SampleBatch) -> None:
    client, told = pages.client_of(ended.created_by), Notification.objects.get()
    text = client.get("/notifications/").content.decode()
    assert "<strong>Unread</strong>" in text
    assert "1 run done, 1 failed." in text
    assert f'href="/analyses/?p={ended.space_id}-{ended.regime_id}"' in text
    assert client.get(f"/notifications/{told.pk}/")["Location"] == f"/batches/{ended.pk}/"
    assert unread(ended.created_by) == 1
    assert "Notifications: 0 unread" in client.get(f"/batches/{ended.pk}/").content.decode()
    assert unread(ended.created_by) == 0
    assert "<strong>Unread</strong>" not in client.get("/notifications/").content.decode()


def test_everything_can_be_marked_read_at_once_and_only_ones_own(ended: SampleBatch) -> None:
    mate = pages.a_member(ended.space.team, "mate@example.org")
    Notification.objects.create(user=mate, team=ended.space.team, batch=ended, kind="ended", said="")
    client = pages.client_of(ended.created_by)
    assert client.post("/notifications/read/")["Location"] == "/notifications/"
    assert "Marked 1 notification as read." in client.get("/notifications/").content.decode()
    assert (unread(ended.created_by), unread(mate)) == (0, 1)
    pages.client_of(ended.created_by).get(f"/batches/{ended.pk}/")
    assert unread(mate) == 1


def test_a_notification_of_somebody_else_is_nowhere_to_be_seen(ended: SampleBatch) -> None:
    told = Notification.objects.get()
    mate = pages.a_member(ended.space.team, "mate@example.org")
    _, stranger = rows.a_team("Audio", "stranger@example.org")
    for user in (mate, stranger):
        client = pages.client_of(user)
        assert client.get(f"/notifications/{told.pk}/").status_code == 404
        assert "RegNetX" not in client.get("/notifications/").content.decode()
        assert "Notifications: 0 unread" in client.get("/").content.decode()
        client.post("/notifications/read/")
    assert unread(ended.created_by) == 1


def test_what_was_told_of_a_team_is_gone_with_the_membership(ended: SampleBatch) -> None:
    user, told = ended.created_by, Notification.objects.get()
    services.create_team(name="Second", owner=user)
    user.memberships.filter(team=ended.space.team).delete()  # as on the administration site
    client = pages.client_of(user)
    assert client.get(f"/notifications/{told.pk}/").status_code == 404
    assert "RegNetX" not in client.get("/notifications/").content.decode()
    assert "Notifications: 0 unread" in client.get("/").content.decode()


def test_a_notification_of_another_of_ones_teams_leads_there(ended: SampleBatch) -> None:
    user, told = ended.created_by, Notification.objects.get()
    client = pages.client_of(user)
    second = services.create_team(name="Second", owner=user)
    client.post(f"/teams/{second.pk}/choose/")
    text = client.get("/notifications/").content.decode()
    assert "Vision, just now" in text
    assert "/analyses/?p=" not in text  # that address is the other team's
    page = client.get(f"/notifications/{told.pk}/", follow=True)
    assert page.status_code == 200
    assert unread(user) == 0


def test_words_of_people_are_inert(ended: SampleBatch) -> None:
    Notification.objects.update(said="<script>alert(1)</script>")
    text = pages.client_of(ended.created_by).get("/notifications/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_the_list_takes_as_many_statements_for_thirty_lines_as_for_one(
    ended: SampleBatch, django_assert_max_num_queries: Any
) -> None:
    client = pages.client_of(ended.created_by)
    Notification.objects.bulk_create(
        Notification(user=ended.created_by, team=ended.space.team, batch=ended, kind="ended", said="x")
        for _ in range(30)
    )
    with django_assert_max_num_queries(7):  # session, person, membership, count, lines, bell, teams
        text = client.get("/notifications/").content.decode()
    assert "1–25 of 31" in text
    with django_assert_max_num_queries(4):
        client.get("/notifications/bell/")


def test_a_person_chooses_what_to_be_told_and_whether_by_mail(ended: SampleBatch) -> None:
    user = ended.created_by
    client = pages.client_of(user)
    form = pages.posted(client.get("/account/").content.decode())
    assert (form["notify_of"], form["notify_by_mail"]) == ("own", "on")
    values = {"name": "Ada", "time_zone": "UTC", "notify_of": "none"}
    assert client.post("/account/", values)["Location"] == "/account/"
    user.refresh_from_db()
    assert (user.notify_of, user.notify_by_mail) == ("none", False)
    assert "You are told of no batch." in client.get("/notifications/").content.decode()
