"""Who asks: the person and the team of the token in the header. A session's cookie means nothing here."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja.security import HttpBearer

from webapp import queries, services
from webapp.access import EVERYBODY, SAID, WRITERS
from webapp.models import ApiToken


class Bearer(HttpBearer):
    """Gives the request a ``user``, ``team`` and ``membership``, as the pages' middleware does from a session."""

    def __init__(self, roles: Collection[str]) -> None:
        super().__init__()
        self.roles = roles

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        found = queries.find_api_token(token.strip())
        if found is None:
            return None
        row, membership = found
        services.note_api_token_used(row)
        if membership.role not in self.roles:
            raise PermissionDenied(SAID[WRITERS])
        request.user = row.user
        request.team, request.membership = row.team, membership  # type: ignore[attr-defined]
        request.may_write = membership.role in WRITERS  # type: ignore[attr-defined]
        return row


READER = Bearer(EVERYBODY)
WRITER = Bearer(WRITERS)
