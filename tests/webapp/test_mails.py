"""Mails of notifications and invitations, and how many mails for forgotten passwords somebody may cause."""

from __future__ import annotations

import re
import smtplib
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tasks.mails import send_next_mail
from tests.webapp import pages, rows
from webapp import services
from webapp.models import Event, Invitation, Notification, PasswordMail, Role, SampleBatch, Space, User
from webapp.services import mails

pytestmark = pytest.mark.django_db


class AwayBackend(BaseEmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, email_messages: Any) -> int:
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")


AWAY = f"{__name__}.AwayBackend"


@pytest.fixture(autouse=True)
def configured(settings: Any) -> None:
    settings.MAIL_CONFIGURED = True
    settings.PUBLIC_URL = "https://netspace.example.org"


def let_pass(**time: float) -> None:
    """As if this time had passed for all that waits."""
    passed = timedelta(**time)
    Notification.objects.update(at=F("at") - passed, mail_due_at=F("mail_due_at") - passed)
    PasswordMail.objects.update(at=F("at") - passed)


def an_ended_batch() -> SampleBatch:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0, 31.0])
    return batch


def test_what_is_not_read_within_a_minute_is_mailed_once_with_a_link(mailoutbox: list[EmailMessage]) -> None:
    batch = an_ended_batch()
    assert not send_next_mail()
    let_pass(minutes=1)
    assert send_next_mail()
    assert not send_next_mail()
    mail, told = mailoutbox[0], Notification.objects.get()
    assert mail.to == [batch.created_by.email]
    assert mail.subject == "Netspace: RegNetX under quick: ended"
    assert "2 runs done." in mail.body
    links = re.findall(r"https://netspace\.example\.org(\S+)", mail.body)
    assert links == [reverse("notification", args=[told.pk]), reverse("notifications"), reverse("account")]
    assert told.mailed_at is not None
    assert told.mail_due_at is None


def test_what_was_read_is_not_mailed(mailoutbox: list[EmailMessage]) -> None:
    batch = an_ended_batch()
    services.mark_read(user=batch.created_by, batch=batch)
    let_pass(minutes=1)
    assert not send_next_mail()
    assert mailoutbox == []


def test_what_ends_together_shares_a_mail(mailoutbox: list[EmailMessage]) -> None:
    first = an_ended_batch()
    let_pass(minutes=1)
    second = rows.a_batch(first.space, first.regime, first.created_by, size=1, seed=1)
    pages.finish(second, [30.0])
    assert send_next_mail()
    assert not send_next_mail()
    assert mailoutbox[0].subject == "Netspace: news of 2 batches"
    assert mailoutbox[0].body.count("RegNetX under quick") == 2


def test_each_person_gets_a_mail_of_their_own(mailoutbox: list[EmailMessage]) -> None:
    batch = rows.a_study(size=1)
    mate = pages.a_member(batch.space.team, "mate@example.org", Role.VIEWER)
    services.choose_notifications(user=mate, notify_of="team", by_mail=True)  # type: ignore[arg-type]
    pages.finish(batch, [30.0])
    let_pass(minutes=1)
    assert [send_next_mail() for _ in range(3)] == [True, True, False]
    assert sorted(mail.to[0] for mail in mailoutbox) == ["mate@example.org", "owner@example.org"]


def test_who_wants_no_mail_gets_none_and_waiting_ones_are_dropped(mailoutbox: list[EmailMessage]) -> None:
    first = an_ended_batch()
    services.choose_notifications(user=first.created_by, notify_of="own", by_mail=False)  # type: ignore[arg-type]
    second = rows.a_batch(first.space, first.regime, first.created_by, size=1, seed=1)
    pages.finish(second, [30.0])
    let_pass(minutes=1)
    assert not send_next_mail()
    assert mailoutbox == []
    assert Notification.objects.count() == 2


def test_a_mail_waits_while_the_server_is_away_and_is_given_up_after_a_day(
    mailoutbox: list[EmailMessage], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    an_ended_batch()
    settings.EMAIL_BACKEND, usual = AWAY, settings.EMAIL_BACKEND
    let_pass(minutes=1)
    assert not send_next_mail()
    assert "was not taken (Connection unexpectedly closed); it is tried again later" in caplog.text
    settings.EMAIL_BACKEND = usual
    assert not send_next_mail()  # not at once
    let_pass(minutes=10)
    assert send_next_mail()
    assert len(mailoutbox) == 1

    Notification.objects.update(mailed_at=None, mail_due_at=timezone.now())
    settings.EMAIL_BACKEND = AWAY
    send_next_mail()
    let_pass(days=1)
    settings.EMAIL_BACKEND = usual
    assert not send_next_mail()
    assert "1 notification could not be mailed for a day" in caplog.text
    assert len(mailoutbox) == 1


def test_who_left_the_team_or_was_disabled_is_mailed_nothing(mailoutbox: list[EmailMessage]) -> None:
    batch = an_ended_batch()
    let_pass(minutes=1)
    User.objects.update(is_active=False)
    assert not send_next_mail()
    User.objects.update(is_active=True)
    batch.created_by.memberships.all().delete()
    assert not send_next_mail()
    assert mailoutbox == []


@pytest.mark.django_db(transaction=True)
def test_several_machines_that_mail_at_once_send_each_mail_once(mailoutbox: list[EmailMessage]) -> None:
    batch = rows.a_study(size=1)
    for k in range(3):
        mate = pages.a_member(batch.space.team, f"mate{k}@example.org")
        services.choose_notifications(user=mate, notify_of="team", by_mail=True)  # type: ignore[arg-type]
    pages.finish(batch, [30.0])
    let_pass(minutes=1)
    start = threading.Barrier(4)

    def machine() -> None:
        start.wait()
        try:
            for _ in range(5):
                send_next_mail()
        finally:
            connection.close()

    threads = [threading.Thread(target=machine) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mailoutbox) == len({mail.to[0] for mail in mailoutbox}) == 4


def test_a_name_with_a_line_break_adds_no_header_and_no_line(mailoutbox: list[EmailMessage]) -> None:
    batch = rows.a_study(size=1)
    hostile = "X\r\nBcc: eve@example.org\r\n\r\nhttps://evil.example/"
    Space.objects.update(name=hostile)  # past every form
    pages.finish(batch, [30.0])
    let_pass(minutes=1)
    assert send_next_mail()
    message = mailoutbox[0].message()
    assert message["Bcc"] is None
    assert not re.search(r"^(Bcc|https://evil)", mailoutbox[0].body, re.MULTILINE)
    assert mailoutbox[0].recipients() == ["owner@example.org"]


def invite(client: Client, **more: str) -> str:
    return client.post("/team/invite/", {"role": "member", "label": "Ada", **more}).content.decode()


def test_an_invitation_with_an_address_is_mailed_and_shown_and_logged(mailoutbox: list[EmailMessage]) -> None:
    team, owner = rows.a_team()
    text = invite(pages.client_of(owner), email="ada@example.org")
    assert "It was mailed to ada@example.org." in text
    link = re.search(r'value="(http://testserver/invitations/[^"]+)"', text)
    assert link is not None
    assert link[1] in mailoutbox[0].body
    assert mailoutbox[0].to == ["ada@example.org"]
    assert mailoutbox[0].subject == "Owner invites you to Vision on Netspace"
    assert Invitation.objects.get().by_mail
    event = Event.objects.get(team=team, verb="invited by mail")
    assert event.subject == "Ada <ada@example.org> as member"
    assert link[1].split("/")[-2] not in str(list(Event.objects.values()) + list(Invitation.objects.values()))


def test_an_invitation_that_cannot_be_mailed_is_shown_with_a_word_about_it(settings: Any) -> None:
    _, owner = rows.a_team()
    settings.EMAIL_BACKEND = AWAY
    text = invite(pages.client_of(owner), email="ada@example.org")
    assert "The mail to ada@example.org could not be sent: pass the link on yourself." in text
    assert "/invitations/" in text


def test_an_invitation_without_an_address_is_not_mailed(mailoutbox: list[EmailMessage]) -> None:
    _, owner = rows.a_team()
    text = invite(pages.client_of(owner))
    assert "mailed to" not in text
    assert mailoutbox == []
    assert not Invitation.objects.get().by_mail
    assert Event.objects.filter(verb="invited", subject="Ada as member").exists()


def test_without_a_mail_server_the_page_says_that_the_link_has_to_be_passed_on(
    mailoutbox: list[EmailMessage], settings: Any
) -> None:
    settings.MAIL_CONFIGURED = False
    _, owner = rows.a_team()
    client = pages.client_of(owner)
    page = client.get("/team/").content.decode()
    assert "No mail server is configured here: pass the link on yourself." in page
    assert 'name="email"' not in page
    invite(client, email="ada@example.org")
    assert mailoutbox == []


@pytest.mark.parametrize("email", ["ada", "ada@example.org\r\nBcc: eve@example.org", "a@x.org, b@x.org"])
def test_what_is_no_address_is_refused_and_nobody_invited(email: str, mailoutbox: list[EmailMessage]) -> None:
    _, owner = rows.a_team()
    assert "Enter a valid email address" in invite(pages.client_of(owner), email=email)
    assert mailoutbox == []
    assert not Invitation.objects.exists()


def test_there_is_an_end_to_mailed_invitations_even_where_they_are_revoked(
    mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.services.teams.MOST_MAILED_A_DAY", 2)
    _, owner = rows.a_team()
    client = pages.client_of(owner)
    invite(client)  # without a mail, which doesn't count
    for k in range(3):
        text = invite(client, email=f"ada{k}@example.org")
        Invitation.objects.update(revoked_at=timezone.now())
    assert "make a link without a mail instead" in text
    assert len(mailoutbox) == 2
    Invitation.objects.update(created_at=F("created_at") - timedelta(days=1))
    invite(client, email="ada@example.org")
    assert len(mailoutbox) == 3


def test_who_starts_more_teams_mails_no_more_invitations(
    mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.services.teams.MOST_MAILED_A_DAY", 2)
    _, owner = rows.a_team()
    client = pages.client_of(owner)
    for k in range(3):
        client.post("/teams/new/", {"name": f"Team {k}"})
        text = invite(client, email=f"ada{k}@example.org")
    assert "make a link without a mail instead" in text
    assert len(mailoutbox) == 2


def ask_for_a_password(email: str = "owner@example.org", **more: Any) -> str:
    return Client().post("/password/forgotten/", {"email": email}, **more)["Location"]


def test_password_mails_are_limited_for_an_address_and_the_answer_stays_the_same(
    mailoutbox: list[EmailMessage],
) -> None:
    rows.a_team()
    rows.a_team("Audio", "mate@example.org")
    answers = {ask_for_a_password(REMOTE_ADDR=f"198.51.100.{k}") for k in range(5)}
    assert answers == {"/password/sent/"}
    assert len(mailoutbox) == mails.PASSWORD_MAILS_AN_ADDRESS == 3
    ask_for_a_password("mate@example.org")
    assert len(mailoutbox) == 4
    let_pass(hours=1)
    ask_for_a_password()
    assert len(mailoutbox) == 5


def test_password_mails_are_limited_for_whoever_asks_known_addresses_or_not(
    mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails, "PASSWORD_MAILS_A_CLIENT", 2)
    rows.a_team()
    ask_for_a_password("a@example.org")
    ask_for_a_password("b@example.org")
    assert ask_for_a_password() == "/password/sent/"
    assert mailoutbox == []
    ask_for_a_password(REMOTE_ADDR="198.51.100.7")
    assert len(mailoutbox) == 1


def test_refused_requests_do_not_make_the_limit_longer(mailoutbox: list[EmailMessage]) -> None:
    rows.a_team()
    for _ in range(3):
        ask_for_a_password()
    let_pass(minutes=59)
    ask_for_a_password()
    let_pass(minutes=1)
    ask_for_a_password()
    assert len(mailoutbox) == 4


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_do_not_pass_the_limit_together() -> None:
    start = threading.Barrier(6)
    allowed: list[bool] = []

    def ask() -> None:
        start.wait()
        try:
            allowed.append(services.allow_password_mail(email="a@example.org", client=None))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 3
