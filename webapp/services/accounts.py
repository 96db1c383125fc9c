"""Users and teams."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from webapp.models import EventKind, Membership, Role, Team, User
from webapp.services.errors import Refused
from webapp.services.events import record_event


@transaction.atomic
def create_user(*, email: str, password: str | None = None, name: str = "", is_admin: bool = False) -> User:
    return User.objects.create_user(email, password, name=name, is_staff=is_admin, is_superuser=is_admin)


def create_account(*, email: str, name: str, password: str) -> User:
    """An account that a person makes for themselves."""
    try:
        with transaction.atomic():
            return create_user(email=email, password=password, name=name)
    except IntegrityError as error:
        raise Refused("There is an account with this e-mail address already: sign in with it.") from error


@transaction.atomic
def update_account(*, user: User, name: str, time_zone: str) -> None:
    user.name, user.time_zone = name, time_zone
    user.save(update_fields=["name", "time_zone"])


@transaction.atomic
def change_password(*, user: User, password: str) -> None:
    """Every session that began with the old password ends with it."""
    user.set_password(password)
    user.save(update_fields=["password"])


@transaction.atomic
def create_team(*, name: str, owner: User) -> Team:
    team = Team.objects.create(name=name)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    record_event(team=team, actor=owner, kind=EventKind.PEOPLE, verb="created team", subject=name)
    return team
