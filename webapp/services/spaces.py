"""Spaces and regimes: created from engine values, immutable once a batch depends on them."""

from __future__ import annotations

from collections import Counter

from django.db import IntegrityError, transaction
from django.db.models import Count

from engine.spaces import AnyNetSpace, RegNetSpace
from engine.training.regimes import Regime as EngineRegime
from webapp.models import EventKind, Family, ImportedPopulation, Regime, SampleBatch, Space, Team, User
from webapp.services.errors import Refused
from webapp.services.events import record_event
from webapp.services.filing import locked_row

SLOTS = range(1, 8)


def _family(space: AnyNetSpace | RegNetSpace) -> Family:
    return Family.REGNET if isinstance(space, RegNetSpace) else Family.ANYNET


def free_slot(team: Team) -> int:
    """The colour that the fewest spaces and imported populations of the team have, the lowest of those."""
    used: Counter[int] = Counter()
    for model in (Space, ImportedPopulation):
        used.update(dict(model.objects.filter(team=team).values_list("slot").annotate(Count("id"))))
    return min(SLOTS, key=lambda slot: (used[slot], slot))


def _save(row: Space | Regime) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Refused(f"The name {row.name} is taken in this team.") from error


@transaction.atomic
def create_space(
    *,
    team: Team,
    name: str,
    space: AnyNetSpace | RegNetSpace,
    actor: User,
    parent: Space | None = None,
    note: str = "",
) -> Space:
    """Store a space. ``parent`` is the space it refines; whether it lies inside is for the form to say and to show."""
    if parent is not None and parent.team_id != team.pk:
        raise Refused("The parent belongs to another team.")
    if parent is not None:
        locked_row(parent)  # so that it cannot be deleted in this moment
    row = Space(
        team=team,
        name=name,
        family=_family(space),
        definition=space.to_json(),
        parent=parent,
        note=note,
        slot=free_slot(team),
        created_by=actor,
    )
    _save(row)
    record_event(team=team, actor=actor, kind=EventKind.SPACES, verb="created space", subject=name)
    return row


@transaction.atomic
def update_space(*, row: Space, name: str, space: AnyNetSpace | RegNetSpace, actor: User, note: str = "") -> Space:
    """Change a space from which nothing has been drawn yet."""
    row = locked_row(row)
    if SampleBatch.objects.filter(space=row).exists():
        raise Refused(
            f"{row.name} is fixed, because a batch has been drawn from it. Refine it into a new space instead."
        )
    row.name, row.family, row.definition, row.note = name, _family(space), space.to_json(), note
    _save(row)
    record_event(team=row.team, actor=actor, kind=EventKind.SPACES, verb="changed space", subject=name)
    return row


@transaction.atomic
def create_regime(*, team: Team, name: str, regime: EngineRegime, actor: User) -> Regime:
    row = Regime(team=team, name=name, definition=regime.to_json(), data_set=regime.data_set, created_by=actor)
    _save(row)
    record_event(team=team, actor=actor, kind=EventKind.REGIMES, verb="created regime", subject=name)
    return row


@transaction.atomic
def update_regime(*, row: Regime, name: str, regime: EngineRegime, actor: User) -> Regime:
    """Change a regime under which nothing has been queued yet."""
    row = locked_row(row)
    if SampleBatch.objects.filter(regime=row).exists():
        raise Refused(f"{row.name} is fixed, because a batch uses it. Make a new regime instead.")
    row.name, row.definition, row.data_set = name, regime.to_json(), regime.data_set
    _save(row)
    record_event(team=row.team, actor=actor, kind=EventKind.REGIMES, verb="changed regime", subject=name)
    return row
