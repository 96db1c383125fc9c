"""The record of who did what; append only."""

from __future__ import annotations

from webapp.models import Event, Team, User


def record_event(*, team: Team, actor: User | None, verb: str, subject: str) -> Event:
    return Event.objects.create(team=team, actor=actor, verb=verb, subject=subject[:200])
