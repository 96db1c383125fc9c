"""Who may see and change what. Every view of a team's things is wrapped by one of these."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, resolve_url
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import queries
from webapp.models import (
    ImportedPopulation,
    Invitation,
    Membership,
    Notification,
    Regime,
    ResultPage,
    Role,
    Sample,
    SampleBatch,
    ShareLink,
    Space,
    Team,
    User,
)

P = ParamSpec("P")


class TeamRequest(HttpRequest):
    """A request by a member of a team; the decorators below give no other to their views."""

    user: User
    team: Team
    membership: Membership
    may_write: bool
    may_manage: bool


TeamView = Callable[Concatenate[TeamRequest, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


EVERYBODY = frozenset(Role)
WRITERS = frozenset({Role.OWNER, Role.MEMBER})
OWNERS = frozenset({Role.OWNER})
SAID = {
    WRITERS: "Viewers of a team cannot change anything in it. Ask an owner to make you a member.",
    OWNERS: "Only owners of a team manage its people and read its log. Ask one of them.",
}


def team_page(view: TeamView[P]) -> View[P]:
    """A page that reads: for members of every role."""
    return require_GET(_for_members(view, EVERYBODY))


def team_form(view: TeamView[P]) -> View[P]:
    """A page with a form that writes when posted: for owners and members."""
    return require_http_methods(["GET", "HEAD", "POST"])(_for_members(view, WRITERS))


def team_action(view: TeamView[P]) -> View[P]:
    """A verb: POST only, for owners and members."""
    return require_POST(_for_members(view, WRITERS))


def own_action(view: TeamView[P]) -> View[P]:
    """A verb about oneself, such as leaving: POST only, for members of every role."""
    return require_POST(_for_members(view, EVERYBODY))


def owner_page(view: TeamView[P]) -> View[P]:
    """A page that reads what concerns owners only."""
    return require_GET(_for_members(view, OWNERS))


def owner_action(view: TeamView[P]) -> View[P]:
    """A verb about the people of a team: POST only, for owners."""
    return require_POST(_for_members(view, OWNERS))


def _for_members(view: TeamView[P], roles: frozenset[Role]) -> View[P]:
    @wraps(view)
    def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        membership = request.membership  # type: ignore[attr-defined]
        if not membership:
            return redirect("first-team")
        request.may_write = membership.role in WRITERS  # type: ignore[attr-defined]
        request.may_manage = membership.role in OWNERS  # type: ignore[attr-defined]
        if membership.role not in roles:
            raise PermissionDenied(SAID[roles])
        return view(request, *args, **kwargs)  # type: ignore[arg-type]

    return wrapper


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """To the sign-in page and back; a page that polls is left whole instead of having one swapped into it."""
    if request.headers.get("HX-Request"):
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
        page = f"{current.path or '/'}{'?' if current.query else ''}{current.query}"
        return HttpResponse(
            status=401, headers={"HX-Redirect": f"{resolve_url('sign-in')}?{urlencode({'next': page})}"}
        )
    return redirect_to_login(request.get_full_path())


def space_of(team: Team, space_id: int) -> Space:
    """The team's space of that id, or 404."""
    return get_object_or_404(Space.objects.select_related("parent", "created_by", "team"), pk=space_id, team=team)


def regime_of(team: Team, regime_id: int) -> Regime:
    return get_object_or_404(Regime.objects.select_related("created_by"), pk=regime_id, team=team)


def batch_of(team: Team, batch_id: int) -> SampleBatch:
    batches: QuerySet[SampleBatch] = SampleBatch.objects.select_related("space__team", "regime", "created_by")
    return get_object_or_404(batches, pk=batch_id, space__team=team)


def sample_of(team: Team, sample_id: int) -> Sample:
    samples: QuerySet[Sample] = Sample.objects.select_related("batch__space", "batch__regime")
    return get_object_or_404(samples, pk=sample_id, batch__space__team=team)


def membership_of(team: Team, membership_id: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("team", "user"), pk=membership_id, team=team)


def invitation_of(team: Team, invitation_id: int) -> Invitation:
    return get_object_or_404(Invitation.objects.select_related("team"), pk=invitation_id, team=team)


def imported_of(team: Team, imported_id: int) -> ImportedPopulation:
    found: QuerySet[ImportedPopulation] = ImportedPopulation.objects.select_related("created_by", "team")
    return get_object_or_404(found, pk=imported_id, team=team)


def result_of(team: Team, result_id: int) -> ResultPage:
    rows: QuerySet[ResultPage] = ResultPage.objects.select_related("team", "created_by", "updated_by")
    return get_object_or_404(rows, pk=result_id, team=team)


def link_of(team: Team, result_id: int, link_id: int) -> ShareLink:
    links: QuerySet[ShareLink] = ShareLink.objects.select_related("page__team")
    return get_object_or_404(links, pk=link_id, page_id=result_id, page__team=team)


def notification_of(user: User, notification_id: int) -> Notification:
    """The person's own notification of that id, in any team that the person is in, or 404."""
    return get_object_or_404(queries.notifications_of(user), pk=notification_id)
