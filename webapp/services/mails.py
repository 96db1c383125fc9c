"""Mails: those of notifications from claim to record, and how many mails somebody may cause.

A mail is claimed for a person, sent outside of any transaction, and recorded; a claim that is not recorded comes up
again after RETRY_AFTER. Only who dies between sending and recording lets a mail go out twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from webapp.models import Membership, Notification, PasswordMail
from webapp.services.notifications import MAIL_DELAY
from webapp.wording import counted

MOST_A_MAIL = 50
RETRY_AFTER = timedelta(minutes=10)  # longer than a mail server can keep one mail waiting
GIVE_UP_AFTER = timedelta(days=1)

PASSWORD_MAILS_LOCK = 7_031_968  # any constant of our own
PASSWORD_MAILS_WITHIN = timedelta(hours=1)
PASSWORD_MAILS_AN_ADDRESS = 3
PASSWORD_MAILS_A_CLIENT = 20


@dataclass(frozen=True)
class NotificationMail:
    """What one person has not read yet, as a mail, and the notifications in it."""

    address: str
    subject: str
    text: str
    notification_ids: tuple[int, ...]


@transaction.atomic
def claim_mail() -> NotificationMail | None:
    """The mail that has waited longest, with everything else that its person is to be told; None where none is due."""
    team_mate = Membership.objects.filter(user=OuterRef("user"), team=OuterRef("team"))
    waiting = Notification.objects.filter(Exists(team_mate), user__is_active=True).select_for_update(
        skip_locked=True, of=("self",)
    )
    first = waiting.filter(mail_due_at__lte=Now()).order_by("mail_due_at").first()
    if first is None:
        return None
    told = list(
        waiting.filter(user=first.user_id, mail_due_at__lte=Now() + MAIL_DELAY)
        .select_related("user", "team", "batch__space", "batch__regime")
        .order_by("id")[:MOST_A_MAIL]
    )
    ids = tuple(row.pk for row in told)
    Notification.objects.filter(pk__in=ids).update(mail_due_at=Now() + RETRY_AFTER)
    return NotificationMail(told[0].user.email, _subject(told), _text(told), ids)


def record_mailed(mail: NotificationMail) -> None:
    Notification.objects.filter(pk__in=mail.notification_ids).update(mailed_at=Now(), mail_due_at=None)


def give_up_mails() -> int:
    """Drop what could not be mailed for a day, or may not be any more; returns how many notifications."""
    old = Notification.objects.filter(mail_due_at__isnull=False, at__lt=Now() - GIVE_UP_AFTER)
    return old.update(mail_due_at=None)


def one_line(text: str) -> str:
    """Names of people as a header or a line of a mail can hold them."""
    return " ".join(text.split())


def _title(told: Notification) -> str:
    return one_line(f"{told.batch.space.name} under {told.batch.regime.name}")


def _subject(told: list[Notification]) -> str:
    if len(told) > 1:
        return f"Netspace: news of {counted(len({row.batch_id for row in told}), 'batch', 'batches')}"
    return f"Netspace: {_title(told[0])[:150]}: {told[0].get_kind_display()}"


def _text(told: list[Notification]) -> str:
    """Addresses are spelt out, because resolving names would load every page of the app into the sending process."""
    site = settings.PUBLIC_URL
    parts = [
        f"{_title(row)} ({one_line(row.team.name)}, batch {row.batch_id}): {row.get_kind_display()}\n"
        f"{one_line(row.said)}\n{site}/notifications/{row.pk}/\n"
        for row in told
    ]
    end = f"All notifications: {site}/notifications/\nWhich ones you get, and whether by mail: {site}/account/\n"
    return "\n".join([*parts, end])


@transaction.atomic
def allow_password_mail(*, email: str, client: str | None) -> bool:
    """Whether a request for a password mail is within the limits; it counts whether or not there is such an account.

    Refused requests do not count, so the limit ends by itself.
    """
    with connection.cursor() as cursor:  # one at a time, so that requests at once don't all see a free place
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PASSWORD_MAILS_LOCK])
    PasswordMail.objects.filter(at__lt=Now() - PASSWORD_MAILS_WITHIN).delete()
    same_address = PasswordMail.objects.filter(email=email).count()
    same_client = PasswordMail.objects.filter(~Q(client=None), client=client).count()
    if same_address >= PASSWORD_MAILS_AN_ADDRESS or same_client >= PASSWORD_MAILS_A_CLIENT:
        return False
    PasswordMail.objects.create(email=email, client=client)
    return True
