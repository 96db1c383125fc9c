"""Pages for what went wrong; they need neither the database nor a session."""

from __future__ import annotations

import logging
import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webapp.api.errors import answer

logger = logging.getLogger(__name__)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(
        request, 400, "This request cannot be read", "Something in the address or the form is not allowed here."
    )


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    said = str(exception) if exception and str(exception) else "Your role in this team does not allow this."
    return _page(request, 403, "Not allowed", said, way=("See the people of the team", "/team/"))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    said = (
        "There is no such page, or it belongs to a team that you are not looking at now. "
        "If a link was sent to you, it may have ended: ask its sender for a new one."
    )
    return _page(request, 404, "Nothing here", said)


def server_error(request: HttpRequest) -> HttpResponse:
    number = secrets.token_hex(4)
    logger.error("The error page %s was shown.", number)
    said = f"Netspace made a mistake; nothing was changed by this request. Quote {number} when you report it."
    return _page(request, 500, "Something broke", said)


def _page(
    request: HttpRequest, status: int, title: str, said: str, *, way: tuple[str, str] | None = None
) -> HttpResponse:
    if request.path_info.startswith("/api/"):  # what fails before an operation of the API is found
        return answer(status, said)
    return render(request, "error.html", {"status": status, "title": title, "said": said, "way": way}, status=status)
