"""What every request passes: text that can be stored, the content policy, the team that the person works for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from webapp.models import Membership, User
from webapp.strict_json import storable

GetResponse = Callable[[HttpRequest], HttpResponse]

TEAM_KEY = "team"  # of the session

# Inline styles are the one concession: Bokeh writes them. No inline script anywhere.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def refuse_unstorable_text(get_response: GetResponse) -> GetResponse:
    """Answer 400 to NUL and lone surrogates, which PostgreSQL cannot store and UTF-8 cannot encode."""

    def middleware(request: HttpRequest) -> HttpResponse:
        texts = [request.path_info, *_texts(request.GET.lists())]
        if request.method == "POST":
            texts += _texts(request.POST.lists())
        if not all(map(storable, texts)):
            raise BadRequest("The request holds text that cannot be stored.")
        return get_response(request)

    return middleware


def _texts(lists: Iterable[tuple[str, Sequence[object]]]) -> list[str]:
    return [text for name, values in lists for text in (name, *map(str, values))]


def content_policy(get_response: GetResponse) -> GetResponse:
    """Scripts and data from here only, never framed; nothing of a team's pages is kept by a cache."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", CONTENT_POLICY)
        response.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def current_team(get_response: GetResponse) -> GetResponse:
    """Set ``request.membership`` and ``request.team``: the session's choice, else the person's first team.

    Both are read when first looked at, and are falsy for a visitor or a person without a team.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        membership = SimpleLazyObject(lambda: _membership(request))
        request.membership = membership  # type: ignore[attr-defined]
        request.team = SimpleLazyObject(lambda: membership.team if membership else None)  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def _membership(request: HttpRequest) -> Membership | None:
    if not request.user.is_authenticated:
        return None
    memberships = Membership.objects.filter(user=request.user).select_related("team")
    chosen = request.session.get(TEAM_KEY)
    found = memberships.filter(team_id=chosen).first() if chosen else None
    return found or memberships.order_by("id").first()


def viewer_time_zone(get_response: GetResponse) -> GetResponse:
    """Show times as the person's clock has them; UTC to a visitor."""

    def middleware(request: HttpRequest) -> HttpResponse:
        name = request.user.time_zone if isinstance(request.user, User) else "UTC"
        with timezone.override(_zone(name)):
            return get_response(request)

    return middleware


def _zone(name: str) -> ZoneInfo:
    """The zone of that name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
