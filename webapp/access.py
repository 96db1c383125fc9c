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
from django.views.decorators.http import require_GET, require_POST

from webapp.models import Membership, Regime, Role, Sample, SampleBatch, Space, Team, User

P = ParamSpec("P")


class TeamRequest(HttpRequest):
    """A request by a member of a team; the decorators below give no other to their views."""

    user: User
    team: Team
    membership: Membership
    may_write: bool


TeamView = Callable[Concatenate[TeamRequest, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def may_write(membership: Membership) -> bool:
    return membership.role in {Role.OWNER, Role.MEMBER}


def team_page(view: TeamView[P]) -> View[P]:
    """A page that reads: for members of every role."""
    return require_GET(_for_members(view, writes=False))


def team_form(view: TeamView[P]) -> View[P]:
    """A page with a form that writes when posted: for owners and members."""
    return _for_members(view, writes=True)


def team_action(view: TeamView[P]) -> View[P]:
    """A verb: POST only, for owners and members."""
    return require_POST(_for_members(view, writes=True))


def _for_members(view: TeamView[P], *, writes: bool) -> View[P]:
    @wraps(view)
    def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        membership = request.membership  # type: ignore[attr-defined]
        if not membership:
            return redirect("first-team")
        request.may_write = may_write(membership)  # type: ignore[attr-defined]
        if writes and not may_write(membership):
            raise PermissionDenied("Viewers of a team cannot change anything in it. Ask an owner to make you a member.")
        return view(request, *args, **kwargs)  # type: ignore[arg-type]

    return wrapper


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """To the sign-in page and back; a page that polls is left whole instead of having one swapped into it."""
    if request.headers.get("HX-Request"):
        page = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/"
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
