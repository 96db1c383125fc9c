"""What a person was told, of the teams that the person is in."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from webapp.models import Notification, Run, RunState, User

MOST_COUNTED = 100


def notifications_of(user: User) -> QuerySet[Notification]:
    return Notification.objects.filter(user=user, team__memberships__user=user)


def notification_lines(user: User) -> QuerySet[Notification]:
    """The latest first, with what a line of the list shows; ``has_results`` where an analysis is the next step."""
    done = Run.objects.filter(batch=OuterRef("batch"), state=RunState.DONE)
    rows = notifications_of(user).select_related("team", "batch__space", "batch__regime").order_by("-id")
    return rows.annotate(has_results=Exists(done))


def count_unread(user: User) -> int:
    """At most MOST_COUNTED: a bell says no more."""
    return notifications_of(user).filter(read_at=None)[:MOST_COUNTED].count()
