"""Teams: their people, invitations, roles, their log, and which of them one works for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.mail import send_mail
from django.core.paginator import Paginator
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import queries, services
from webapp.access import (
    TeamRequest,
    invitation_of,
    membership_of,
    own_action,
    owner_action,
    owner_page,
    team_page,
)
from webapp.forms import InvitationForm, JoinForm, RoleForm, TeamForm
from webapp.forms.lists import Choice, Listing, read_list
from webapp.middleware import TEAM_KEY
from webapp.models import EventKind, Invitation, Membership, Role, Team, User
from webapp.services import Refused
from webapp.views.accounts import PASSWORD_BACKEND
from webapp.views.refusals import refusals_told

logger = logging.getLogger(__name__)

INVITATION_KEY = "invitation"  # of the session
EVENTS_A_PAGE = 50
PEOPLE_A_PAGE = 100

PEOPLE = Listing(
    sorts={"name": Lower("user__name"), "email": Lower("user__email"), "role": queries.ROLE_ORDER},
    sought=("user__name", "user__email"),
    choices={"role": Choice("Role", {role.value: (role.label, Q(role=role)) for role in Role})},
    filed=False,
)
LOG = Listing(sorts={"when": "at"}, usual="-when", sought=("subject", "verb"), filed=False)
NOBODY = "nobody"  # in an address; other people are there by their id


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def first_team(request: HttpRequest) -> HttpResponse:
    """For a person who is in no team yet, and for starting another."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)  # login_required  # noqa: S101
        team = services.create_team(name=form.cleaned_data["name"], owner=request.user)
        request.session[TEAM_KEY] = team.pk
        return redirect("home")
    return render(request, "accounts/first_team.html", {"form": form})


@login_required
@require_POST
def choose_team(request: HttpRequest, team_id: int) -> HttpResponse:
    membership = get_object_or_404(Membership, user_id=request.user.pk, team_id=team_id)
    request.session[TEAM_KEY] = membership.team_id
    return redirect("home")


@team_page
def team_people(request: TeamRequest) -> HttpResponse:
    return _people(request)


def _people(request: TeamRequest, **more: object) -> HttpResponse:
    """The page of a team; ``more`` carries a form that was refused, or the link that was just made."""
    asked = read_list(request.GET, PEOPLE)
    page = Paginator(asked.rows(queries.team_members(request.team)), PEOPLE_A_PAGE).get_page(asked.page)
    context = {
        "asked": asked,
        "page": page,
        "members": [(one, RoleForm(initial={"role": one.role})) for one in page],
        "invitations": queries.open_invitations(request.team) if request.may_manage else [],
        "invitation_form": InvitationForm(),
        "name_form": TeamForm(initial={"name": request.team.name}),
        "roles": Role.choices,
    }
    return render(request, "teams/team.html", context | more)


@owner_action
def rename_team(request: TeamRequest) -> HttpResponse:
    form = TeamForm(request.POST)
    if not form.is_valid():
        return _people(request, name_form=form)
    services.rename_team(team=request.team, name=form.cleaned_data["name"], actor=request.user)
    return redirect("team")


@owner_action
def invite(request: TeamRequest) -> HttpResponse:
    """Answered with the page itself: the link is shown once, since only its digest is kept."""
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _people(request, invitation_form=form)
    wanted = form.cleaned_data | {"role": Role(form.cleaned_data["role"])}
    try:
        made, token = services.create_invitation(team=request.team, actor=request.user, **wanted)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _people(request, invitation_form=form)
    link = request.build_absolute_uri(reverse("invitation", args=[token]))
    email = wanted.get("email", "")
    mailed = bool(email) and _mail_invitation(made, link, email)
    return _people(request, made=made, link=link, mailed_to=mailed and email, unmailed=not mailed and email)


def _mail_invitation(made: Invitation, link: str, email: str) -> bool:
    """Whether the mail was taken. Its link is in no table, so there is no other try."""
    text = render_to_string("teams/invitation_mail.txt", {"invitation": made, "link": link})
    subject = services.one_line(f"{made.created_by} invites you to {made.team.name} on Netspace")
    try:
        send_mail(subject, text, None, [email])
    except OSError as error:  # which errors of SMTP are as well
        logger.warning("An invitation could not be mailed: %s", error)
        return False
    return True


@owner_action
def revoke_invitation(request: TeamRequest, invitation_id: int) -> HttpResponse:
    invitation = invitation_of(request.team, invitation_id)
    with refusals_told(request):
        services.revoke_invitation(invitation=invitation, actor=request.user)
        messages.success(request, "The invitation is revoked; its link lets nobody in any more.")
    return redirect("team")


@owner_action
def change_role(request: TeamRequest, membership_id: int) -> HttpResponse:
    membership = membership_of(request.team, membership_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _people(request)
    role = Role(form.cleaned_data["role"])
    with refusals_told(request):
        services.change_role(membership=membership, role=role, actor=request.user)
        messages.success(request, f"{membership.user} is {role} now.")
    return redirect("team")


@owner_action
def remove_member(request: TeamRequest, membership_id: int) -> HttpResponse:
    membership = membership_of(request.team, membership_id)
    with refusals_told(request):
        services.remove_member(membership=membership, actor=request.user)
        messages.success(request, f"{membership.user} is not in {request.team} any more.")
    return redirect("team")


@own_action
def leave_team(request: TeamRequest) -> HttpResponse:
    try:
        services.remove_member(membership=request.membership, actor=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("team")
    request.session.pop(TEAM_KEY, None)
    messages.success(request, f"You have left {request.team}.")
    return redirect("home")


@owner_page
def team_log(request: TeamRequest) -> HttpResponse:
    """Who did what, the latest first unless asked otherwise."""
    asked = read_list(request.GET, replace(LOG, choices=_log_choices(request.team)))
    page = Paginator(asked.rows(queries.team_events(request.team)), EVENTS_A_PAGE).get_page(asked.page)
    return render(request, "teams/log.html", {"asked": asked, "page": page})


def _log_choices(team: Team) -> dict[str, Choice]:
    people = {
        str(user.pk) if user else NOBODY: (str(user or "nobody known"), Q(actor=user))
        for user in queries.event_actors(team)
    }
    about = {kind.value: (kind.label, Q(kind=kind)) for kind in EventKind}
    span = queries.event_span(team)
    months = dict(_months(*map(timezone.localtime, span))) if span else {}
    return {"who": Choice("Who", people), "about": Choice("About", about), "month": Choice("Month", months)}


def _months(first: datetime, last: datetime) -> Iterator[tuple[str, tuple[str, Q]]]:
    """The months from one time to another of the same zone, the latest first."""
    for number in range(last.year * 12 + last.month - 1, first.year * 12 + first.month - 2, -1):
        start, end = (datetime(n // 12, n % 12 + 1, 1, tzinfo=first.tzinfo) for n in (number, number + 1))
        yield f"{start:%Y-%m}", (date_format(start, "F Y"), Q(at__gte=start, at__lt=end))


@require_GET
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Where an invitation's link leads. The token is left behind at once: later addresses do not carry it."""
    found = queries.find_invitation(token)
    if found is None:
        return _no_invitation(request)
    request.session[INVITATION_KEY] = found.pk
    return redirect("join-team")


def _no_invitation(request: HttpRequest) -> HttpResponse:
    """The same answer to every link that lets nobody in, whatever the reason."""
    said = "An invitation works once and for seven days, until an owner revokes it. Ask an owner for a new one."
    return render(request, "error.html", {"title": "This invitation lets nobody in", "said": said}, status=404)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join_team(request: HttpRequest) -> HttpResponse:
    """Accept an invitation, with the account that one has or with a new one."""
    found = queries.open_invitation(request.session.get(INVITATION_KEY, 0))
    if found is None:
        return _no_invitation(request)
    if request.user.is_authenticated:
        return _join(request, found)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = services.join_with_new_account(invitation=found, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            login(request, user, backend=PASSWORD_BACKEND)
            return _joined(request, found)
    return render(request, "teams/join.html", {"invitation": found, "form": form})


def _join(request: HttpRequest, found: Invitation) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101
    if request.method != "POST":
        return render(request, "teams/join.html", {"invitation": found})
    try:
        services.accept_invitation(invitation=found, user=request.user)
    except Refused as refusal:
        return render(request, "teams/join.html", {"invitation": found, "refusal": str(refusal)})
    return _joined(request, found)


def _joined(request: HttpRequest, found: Invitation) -> HttpResponse:
    request.session.pop(INVITATION_KEY, None)
    request.session[TEAM_KEY] = found.team_id
    messages.success(request, f"You are in {found.team} now, as {found.role}.")
    return redirect("home")
