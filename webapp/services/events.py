"""The record of who did what; append only."""

from __future__ import annotations

from webapp.models import Event, EventKind, Team, User


def record_event(*, team: Team, actor: User | None, kind: EventKind, verb: str, subject: str) -> Event:
    return Event.objects.create(team=team, actor=actor, kind=kind, verb=verb, subject=subject[:200])
