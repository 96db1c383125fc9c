"""Tokens with which scripts work for a person in a team: made, noted as used, revoked."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from webapp.models import ApiToken, EventKind, Membership, Team, User
from webapp.services.errors import Refused
from webapp.services.events import record_event
from webapp.services.tokens import new_token, token_digest

# In front of every token, so that one that slipped into a file is recognised for what it is.
PREFIX = "netspace_"
MOST_TOKENS = 50
NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_api_token(*, user: User, team: Team, name: str) -> tuple[ApiToken, str]:
    """A token and its text, which is known here and never again."""
    User.objects.select_for_update().get(pk=user.pk)
    if not Membership.objects.filter(user=user, team=team).exists():
        raise Refused(f"You are not in {team}.")
    if ApiToken.objects.filter(user=user, revoked_at=None).count() >= MOST_TOKENS:
        raise Refused(f"A person can have {MOST_TOKENS} tokens; revoke some first.")
    text = PREFIX + new_token()
    token = ApiToken.objects.create(user=user, team=team, name=name, digest=token_digest(text))
    record_event(team=team, actor=user, kind=EventKind.TOKENS, verb="made an API token", subject=name)
    return token, text


@transaction.atomic
def revoke_api_token(*, token: ApiToken) -> None:
    """End a token at once."""
    if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        raise Refused("This token is revoked already.")
    record_event(
        team=token.team, actor=token.user, kind=EventKind.TOKENS, verb="revoked an API token", subject=token.name
    )


def note_api_token_used(token: ApiToken) -> None:
    """Keep when it was last used, to the minute: not every request should write."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
