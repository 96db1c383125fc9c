"""Tags, the archive, and the end of spaces, regimes, batches, result pages and imported populations.

Whatever is needed elsewhere cannot be deleted: rows that point at it hold it by a foreign key. Only the batches that a
live result page reads have none: the page points at their space and regime.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.deletion import ProtectedError
from django.db.models.functions import Now

from webapp.models import (
    BatchState,
    Epoch,
    EventKind,
    ImportedPopulation,
    Regime,
    ResultPage,
    ResultPopulation,
    Run,
    RunState,
    Sample,
    SampleBatch,
    Space,
    Team,
    User,
)
from webapp.models.filing import MOST_TAGS, Filed
from webapp.services.errors import Refused
from webapp.services.events import record_event
from webapp.services.plans import leave_plan

NOUNS: dict[type[Filed], str] = {
    Space: "space",
    Regime: "regime",
    SampleBatch: "batch",
    ResultPage: "result",
    ImportedPopulation: "import",
}

KINDS: dict[type[Filed], EventKind] = {
    Space: EventKind.SPACES,
    Regime: EventKind.REGIMES,
    SampleBatch: EventKind.BATCHES,
    ResultPage: EventKind.RESULTS,
    ImportedPopulation: EventKind.IMPORTS,
}

FiledRow = TypeVar("FiledRow", bound=Filed)


@dataclass(frozen=True)
class Obstacle:
    """Rows that need what is to be deleted; ``word`` says what they are to it."""

    word: str
    rows: QuerySet[Any]


def team_of(row: Filed) -> Team:
    team: Team = row.space.team if isinstance(row, SampleBatch) else row.team  # type: ignore[attr-defined]
    return team


@transaction.atomic
def add_tag(*, row: Filed, tag: str, actor: User) -> bool:
    """False where it has the tag already."""
    locked = locked_row(row)
    if tag in locked.tags:
        return False
    if len(locked.tags) >= MOST_TAGS:
        raise Refused(f"It has {len(locked.tags)} tags already; {MOST_TAGS} are the most. Take one off first.")
    _set_tags(locked, [*locked.tags, tag])
    verb = f"tagged {NOUNS[type(row)]}"
    record_event(team=team_of(row), actor=actor, kind=EventKind.TAGS, verb=verb, subject=f"{row} as {tag}")
    return True


@transaction.atomic
def remove_tag(*, row: Filed, tag: str, actor: User) -> bool:
    locked = locked_row(row)
    if tag not in locked.tags:
        return False
    _set_tags(locked, [one for one in locked.tags if one != tag])
    verb = f"took a tag off {NOUNS[type(row)]}"
    record_event(team=team_of(row), actor=actor, kind=EventKind.TAGS, verb=verb, subject=f"{row}: {tag}")
    return True


@transaction.atomic
def set_tags(*, row: Filed, tags: Collection[str], actor: User) -> None:
    """Exactly these, whatever it had; each that goes or comes is told as if it were the only one."""
    had, wanted = set(locked_row(row).tags), set(tags)
    for tag in sorted(had - wanted):
        remove_tag(row=row, tag=tag, actor=actor)
    for tag in sorted(wanted - had):
        add_tag(row=row, tag=tag, actor=actor)


def _set_tags(row: Filed, tags: list[str]) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(tags=sorted(tags))


@transaction.atomic
def archive(*, row: Filed, actor: User) -> bool:
    """Put it away; False where it was. A batch with runs to come stays in the queue's sight."""
    locked = locked_row(row)
    if isinstance(locked, SampleBatch) and active(SampleBatch.objects.filter(pk=locked.pk)).exists():
        raise Refused("This batch still has runs to come. Let them end, or cancel them; then it can be archived.")
    return _set_archived(row, actor, "archived", archived_at=Now())


@transaction.atomic
def bring_back(*, row: Filed, actor: User) -> bool:
    return _set_archived(row, actor, "brought back", archived_at=None)


def _set_archived(row: Filed, actor: User, verb: str, *, archived_at: Now | None) -> bool:
    rows = type(row)._default_manager.filter(pk=row.pk, archived_at__isnull=archived_at is not None)
    changed = bool(rows.update(archived_at=archived_at))
    if changed:
        _record(row, actor, verb)
    return changed


def _record(row: Filed, actor: User, verb: str) -> None:
    kind, noun = KINDS[type(row)], NOUNS[type(row)]
    record_event(team=team_of(row), actor=actor, kind=kind, verb=f"{verb} {noun}", subject=str(row))


def active(batches: QuerySet[SampleBatch]) -> QuerySet[SampleBatch]:
    """Those with a draw or a run to come."""
    left = Run.objects.filter(batch=OuterRef("pk"), state__in=[RunState.QUEUED, RunState.RUNNING])
    return batches.filter(Q(state__in=[BatchState.REQUESTED, BatchState.DRAWING]) | Q(Exists(left)))


def obstacles(row: Filed) -> list[Obstacle]:
    """What stands in the way of deleting it now; empty where nothing needs it."""
    return [one for one in _needing(row) if one.rows.exists()]


def _needing(row: Filed) -> list[Obstacle]:
    if isinstance(row, Space):
        return [
            Obstacle("refined from it", row.children.order_by("name")),
            Obstacle("drawn from it", row.batches.select_related("space").order_by("-pk")),
            Obstacle("naming it", pages_reading(space=row)),
        ]
    if isinstance(row, Regime):
        return [
            Obstacle("queued under it", row.batches.select_related("space").order_by("-pk")),
            Obstacle("naming it", pages_reading(regime=row)),
        ]
    if isinstance(row, SampleBatch):
        pages = pages_reading(space=row.space_id, regime=row.regime_id)
        return [
            Obstacle("itself, with runs to come", active(SampleBatch.objects.filter(pk=row.pk))),
            Obstacle("using its samples", pages if row.samples.exists() else pages.none()),
        ]
    if isinstance(row, ImportedPopulation):
        return [Obstacle("using it", pages_reading(imported=row))]
    return []  # nothing needs a result page


def pages_reading(**population: object) -> QuerySet[ResultPage]:
    """Live result pages, archived ones too, that read a population; a frozen one has its own copy of the samples."""
    read = ResultPopulation.objects.filter(**population)
    return ResultPage.objects.filter(pk__in=read.values("page")).order_by("-updated_at")


@transaction.atomic
def delete(*, row: Filed, actor: User) -> None:
    """Delete it with what is a part of it; refused where anything else needs it, even since a moment ago."""
    if isinstance(row, SampleBatch):
        locked_row(row.space)  # a result page that is being saved holds the space and not the batch
    locked = locked_row(row)
    if obstacles(locked):
        raise Refused(f"Not deleted: {row} is needed. What needs it is listed here.")
    _record(row, actor, "deleted")
    try:
        with transaction.atomic():
            if isinstance(locked, SampleBatch):
                leave_plan(locked)
                _delete_runs(locked)
            locked.delete()
            connection.check_constraints()  # now and not at the commit, so that the refusal can be told
    except (ProtectedError, IntegrityError) as error:
        raise Refused(f"Not deleted: {row} has been put to use a moment ago.") from error


def _delete_runs(batch: SampleBatch) -> None:
    """From the leaves on, so that no statement has to look for what hangs on each of up to 10,000 rows."""
    Epoch.objects.filter(run__batch=batch).delete()
    Run.objects.filter(batch=batch).delete()
    Sample.objects.filter(batch=batch).delete()


def locked_row(row: FiledRow) -> FiledRow:
    """The row as it is now, and nobody else's to change until the transaction ends."""
    found: FiledRow | None = type(row)._default_manager.select_for_update().filter(pk=row.pk).first()
    if found is None:
        raise Refused(f"{row} was deleted a moment ago.")
    return found
