"""The people of a team: invitations, roles, leaving. A team always keeps an owner."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from webapp.models import ApiToken, EventKind, Invitation, Membership, Notification, Role, Team, User
from webapp.services.accounts import create_account
from webapp.services.errors import Refused
from webapp.services.events import record_event
from webapp.services.tokens import new_token, token_digest

INVITATION_DAYS = 7
MOST_OPEN_INVITATIONS = 100
MOST_MAILED_A_DAY = 50  # so that a team can't be used to send mail to the world
LAST_OWNER = "A team needs an owner, and {} is the only one. Make somebody else an owner first."


def open_invitations() -> QuerySet[Invitation]:
    """Those that still let somebody in."""
    return Invitation.objects.filter(revoked_at=None, accepted_at=None, expires_at__gt=timezone.now())


@transaction.atomic
def rename_team(*, team: Team, name: str, actor: User) -> Team:
    before = team.name
    Team.objects.filter(pk=team.pk).update(name=name)
    team.name = name
    record_event(team=team, actor=actor, kind=EventKind.PEOPLE, verb="renamed team", subject=f"{before} to {name}")
    return team


@transaction.atomic
def create_invitation(*, team: Team, role: Role, label: str, actor: User, email: str = "") -> tuple[Invitation, str]:
    """An invitation with its token, which is known here and never again; with ``email`` the caller mails its link."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)  # one at a time, so that the limits hold
    if open_invitations().filter(team=team).count() >= MOST_OPEN_INVITATIONS:
        raise Refused(f"A team can have {MOST_OPEN_INVITATIONS} open invitations; revoke some first.")
    if email:
        _check_mailed_today(team, actor)
    token = new_token()
    invitation = Invitation.objects.create(
        team=team,
        role=role,
        label=label or email[:120],
        by_mail=bool(email),
        token_digest=token_digest(token),
        created_by=actor,
        expires_at=timezone.now() + timedelta(days=INVITATION_DAYS),
    )
    whom = " ".join(filter(None, [label, email and f"<{email}>"])) or "somebody"
    verb = "invited by mail" if email else "invited"
    record_event(team=team, actor=actor, kind=EventKind.PEOPLE, verb=verb, subject=f"{whom} as {role}")
    return invitation, token


def _check_mailed_today(team: Team, actor: User) -> None:
    """Of the person too, who may start any number of teams."""
    since = timezone.now() - timedelta(days=1)
    mailed = Invitation.objects.filter(Q(team=team) | Q(created_by=actor), by_mail=True, created_at__gt=since)
    if mailed.count() >= MOST_MAILED_A_DAY:
        said = (
            f"A team, and a person, can mail {MOST_MAILED_A_DAY} invitations a day; make a link without a mail instead."
        )
        raise Refused(said)


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, actor: User) -> None:
    if not open_invitations().filter(pk=invitation.pk).update(revoked_at=timezone.now()):
        raise Refused("This invitation was used, revoked or has expired already.")
    subject = f"{invitation.label or 'somebody'} as {invitation.role}"
    record_event(team=invitation.team, actor=actor, kind=EventKind.PEOPLE, verb="revoked invitation", subject=subject)


@transaction.atomic
def accept_invitation(*, invitation: Invitation, user: User) -> Membership:
    """Let a person in, once."""
    changed = open_invitations().filter(pk=invitation.pk).update(accepted_at=timezone.now(), accepted_by=user)
    if not changed:
        raise Refused("This invitation was used, revoked or has expired.")
    membership, created = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    if not created:
        raise Refused(f"You are in {invitation.team} already, as {membership.role}.")
    record_event(
        team=invitation.team, actor=user, kind=EventKind.PEOPLE, verb="joined", subject=f"as {invitation.role}"
    )
    return membership


@transaction.atomic
def join_with_new_account(*, invitation: Invitation, email: str, name: str, password: str) -> User:
    user = create_account(email=email, name=name, password=password)
    accept_invitation(invitation=invitation, user=user)
    return user


@transaction.atomic
def change_role(*, membership: Membership, role: Role, actor: User) -> None:
    current = _locked(membership)
    if current.role == Role.OWNER and role != Role.OWNER:
        _require_another_owner(current)
    Membership.objects.filter(pk=current.pk).update(role=role)
    subject = f"{current.user} from {current.role} to {role}"
    record_event(team=current.team, actor=actor, kind=EventKind.PEOPLE, verb="changed role", subject=subject)


@transaction.atomic
def remove_member(*, membership: Membership, actor: User) -> None:
    """Take a person out of a team, or leave it oneself; what they made stays with the team."""
    current = _locked(membership)
    if current.role == Role.OWNER:
        _require_another_owner(current)
    current.delete()
    # Revoked and not only useless: who is invited again later must not find an old script at work.
    ApiToken.objects.filter(team=current.team, user=current.user, revoked_at=None).update(revoked_at=timezone.now())
    Notification.objects.filter(team=current.team, user=current.user).delete()
    if current.user_id == actor.pk:
        record_event(
            team=current.team, actor=actor, kind=EventKind.PEOPLE, verb="left", subject=f"the team, as {current.role}"
        )
    else:
        record_event(
            team=current.team,
            actor=actor,
            kind=EventKind.PEOPLE,
            verb="removed",
            subject=f"{current.user}, {current.role}",
        )


def _locked(membership: Membership) -> Membership:
    """The row as it is now; the team's lock keeps two owners from leaving at once."""
    Team.objects.select_for_update().get(pk=membership.team_id)
    row = Membership.objects.select_related("team", "user").filter(pk=membership.pk).first()
    if row is None:
        raise Refused("This person is not in the team any more.")
    return row


def _require_another_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(team_id=membership.team_id, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=membership.pk).exists():
        raise Refused(LAST_OWNER.format(membership.user))
