"""API tokens: which one a request carries, and those of a person."""

from __future__ import annotations

from django.db.models import QuerySet

from webapp import services
from webapp.models import ApiToken, Membership, User


def find_api_token(text: str) -> tuple[ApiToken, Membership] | None:
    """The token of that text with the membership it works under; None once it is revoked or the person has left."""
    found = ApiToken.objects.select_related("user", "team").filter(
        digest=services.token_digest(text), revoked_at=None, user__is_active=True
    )
    token = found.first()
    membership = token and Membership.objects.filter(user_id=token.user_id, team_id=token.team_id).first()
    return (token, membership) if token and membership else None


def account_tokens(user: User) -> QuerySet[ApiToken]:
    """The tokens of a person that work, in all teams, the newest first."""
    return ApiToken.objects.filter(user=user, revoked_at=None).select_related("team").order_by("-id")
