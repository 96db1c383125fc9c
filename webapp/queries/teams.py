"""The people of a team, its invitations, its log."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, IntegerField, Max, Min, QuerySet, Value, When

from webapp import services
from webapp.models import Event, Invitation, Membership, Role, Team, User

ROLE_ORDER = Case(
    When(role=Role.OWNER, then=Value(0)), When(role=Role.MEMBER, then=Value(1)), default=Value(2),
    output_field=IntegerField(),
)  # fmt: skip


def team_members(team: Team) -> QuerySet[Membership]:
    """Owners first, then members, then viewers; by name."""
    return Membership.objects.filter(team=team).select_related("user").order_by(ROLE_ORDER, "user__name", "user__email")


def open_invitations(team: Team) -> QuerySet[Invitation]:
    found = services.open_invitations().filter(team=team)
    return found.select_related("created_by").order_by("-created_at")


def find_invitation(token: str) -> Invitation | None:
    """The invitation of a link, as long as it lets somebody in."""
    return services.open_invitations().filter(token_digest=services.token_digest(token)).first()


def open_invitation(invitation_id: int) -> Invitation | None:
    return services.open_invitations().select_related("team", "created_by").filter(pk=invitation_id).first()


def team_events(team: Team) -> QuerySet[Event]:
    return Event.objects.filter(team=team).select_related("actor").order_by("-at", "-id")


def event_actors(team: Team) -> list[User | None]:
    """Who did anything in the team, also those who have left; None where somebody's account is gone."""
    found = Event.objects.filter(team=team).values_list("actor", flat=True).distinct()
    people = sorted(User.objects.filter(pk__in=found), key=lambda user: str(user).casefold())
    return [*people, *([None] if found.filter(actor=None).exists() else [])]


def event_span(team: Team) -> tuple[datetime, datetime] | None:
    """When the first event of the team was and when the last; None without any."""
    ends = Event.objects.filter(team=team).aggregate(first=Min("at"), last=Max("at"))
    return (ends["first"], ends["last"]) if ends["first"] else None
