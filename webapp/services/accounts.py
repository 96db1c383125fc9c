"""Users and teams."""

from __future__ import annotations

from django.db import transaction

from webapp.models import Membership, Role, Team, User
from webapp.services.events import record_event


@transaction.atomic
def create_user(*, email: str, password: str | None = None, name: str = "", is_admin: bool = False) -> User:
    return User.objects.create_user(email, password, name=name, is_staff=is_admin, is_superuser=is_admin)


@transaction.atomic
def create_team(*, name: str, owner: User) -> Team:
    team = Team.objects.create(name=name)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    record_event(team=team, actor=owner, verb="created team", subject=name)
    return team
