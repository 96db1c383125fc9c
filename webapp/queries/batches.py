"""How far batches are: counts by state, rate, time left, failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Lower, Now

from webapp.memory import Memory
from webapp.models import (
    BatchState,
    BatchVersion,
    DrawCause,
    FailureKind,
    Run,
    RunState,
    SampleBatch,
    Space,
    Team,
)

NEWS = timedelta(days=7)  # what is older needs nobody any more


@dataclass(frozen=True)
class BatchProgress:
    """A batch in numbers: ``size`` counts designs, the states count runs (size times replicates once drawn)."""

    size: int
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int
    paused: bool
    state: str
    rate_per_hour: float
    seconds_left: float | None
    ended_at: datetime | None = None

    @property
    def runs(self) -> int:
        """All runs; for designs that are still to be drawn one each is foreseen."""
        return self.queued + self.running + self.ended + self.undrawn

    @property
    def ended(self) -> int:
        return self.done + self.failed + self.cancelled

    @property
    def waiting(self) -> int:
        return self.queued + self.undrawn

    @property
    def undrawn(self) -> int:
        return max(0, self.size - self.queued - self.running - self.ended) if self.to_be_drawn else 0

    @property
    def to_be_drawn(self) -> bool:
        return self.state in {BatchState.REQUESTED, BatchState.DRAWING}

    @property
    def active(self) -> bool:
        """Whether anything is still to come."""
        return self.to_be_drawn or self.queued + self.running > 0

    @property
    def word(self) -> str:
        """The one word of state that stands in its badge."""
        if self.state in {BatchState.EXHAUSTED, BatchState.FAILED}:
            return "failed"
        if self.paused and self.active:
            return "paused"
        if self.state == BatchState.DRAWING or self.running:
            return "running"
        if self.active:
            return "waiting"
        return "cancelled" if self.cancelled and not self.done else "done"


# While runs are in hand the rate is what as many slots do at the mean duration of the last hour's runs, so that a break
# before them does not count; else it is that of the last hour in which the batch was worked at.
PROGRESS = """
WITH counted AS (
    SELECT batch_id,
        count(*) FILTER (WHERE state = 'queued') AS queued,
        count(*) FILTER (WHERE state = 'running') AS running,
        count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        max(ended_at) FILTER (WHERE state IN ('done', 'failed')) AS last_end
    FROM webapp_run WHERE batch_id = ANY(%(ids)s) GROUP BY batch_id
), span AS (
    SELECT counted.*, CASE WHEN running > 0 THEN now() ELSE last_end END AS until FROM counted
), recent AS (
    SELECT run.batch_id, count(*) AS ended, avg(extract(epoch FROM run.ended_at - run.started_at)) AS seconds,
        greatest(min(run.started_at), min(span.until) - interval '1 hour') AS since
    FROM webapp_run run JOIN span ON span.batch_id = run.batch_id
    WHERE run.batch_id = ANY(%(ids)s) AND run.state IN ('done', 'failed')
        AND run.ended_at > span.until - interval '1 hour'
    GROUP BY run.batch_id
)
SELECT batch.id, batch.size, coalesce(queued, 0), coalesce(running, 0), coalesce(done, 0), coalesce(failed, 0),
    coalesce(cancelled, 0), batch.paused, batch.state,
    coalesce(CASE WHEN running > 0 THEN running * 3600 / nullif(recent.seconds, 0)
        ELSE recent.ended / (nullif(extract(epoch FROM span.until - recent.since), 0) / 3600) END, 0)::float8,
    span.last_end
FROM webapp_samplebatch batch
LEFT JOIN span ON span.batch_id = batch.id
LEFT JOIN recent ON recent.batch_id = batch.id
WHERE batch.id = ANY(%(ids)s)
"""


PROGRESS_MEMORY: Memory[BatchProgress] = Memory(1_000)  # of batches with nothing to come


def batch_progress(batch_ids: Iterable[int]) -> dict[int, BatchProgress]:
    """The progress of each of these batches, in two statements; ids without a batch are left out.

    Of a batch with nothing to come it is remembered while the batch has the same version.
    """
    ids = list(batch_ids)
    if not ids:
        return {}
    versions = BatchVersion.objects.filter(batch__in=ids).values_list("batch_id", "batch__paused")
    keys = {key[0]: key for key in versions.annotate(Sum("version"))}
    remembered = {batch_id: progress for batch_id, key in keys.items() if (progress := PROGRESS_MEMORY.get(key))}
    counted = _count_progress([batch_id for batch_id in keys if batch_id not in remembered])
    for batch_id, progress in counted.items():
        if not progress.active:
            PROGRESS_MEMORY.put(keys[batch_id], progress)
    return remembered | counted


def _count_progress(ids: list[int]) -> dict[int, BatchProgress]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(PROGRESS, {"ids": ids})
        return {row[0]: _progress(*row[1:]) for row in cursor.fetchall()}


def _progress(
    size: int, queued: int, running: int, done: int, failed: int, cancelled: int, paused: bool, state: str,
    rate: float, ended_at: datetime | None,
) -> BatchProgress:  # fmt: skip
    left = queued + running
    seconds = left / rate * 3600 if rate > 0 and left and not paused else None
    return BatchProgress(size, queued, running, done, failed, cancelled, paused, state, rate, seconds, ended_at)


@dataclass(frozen=True)
class FailureGroup:
    """Failed runs of one batch that ended alike."""

    batch_id: int
    kind: FailureKind
    message: str
    runs: int


def failure_groups(batch_ids: Sequence[int], *, limit: int = 50) -> list[FailureGroup]:
    """Failed runs grouped by batch, kind and message, the largest groups first."""
    rows = (
        Run.objects.filter(batch_id__in=batch_ids, state=RunState.FAILED)
        .values("batch_id", "failure_kind", "failure_message")
        .annotate(runs=Count("id"))
        .order_by("-runs", "batch_id", "failure_kind", "failure_message")[:limit]
    )
    return [
        FailureGroup(row["batch_id"], FailureKind(row["failure_kind"]), row["failure_message"], row["runs"])
        for row in rows
    ]


def team_batches(team: Team) -> QuerySet[SampleBatch]:
    """The team's batches with what a row of a list shows."""
    return SampleBatch.objects.filter(space__team=team).select_related("space", "regime", "created_by")


# Looked up for each batch. By a join PostgreSQL may walk through all spaces in the order of their names and look for
# the batches of each, which takes minutes where most spaces have none.
SPACE_NAME = Subquery(Space.objects.filter(pk=OuterRef("space_id")).values(name_small=Lower("name")))


def _some(**runs: object) -> Q:
    return Q(Exists(Run.objects.filter(batch=OuterRef("pk"), **runs)))


UNDRAWN = Q(state__in=[BatchState.REQUESTED, BatchState.DRAWING])
LEFT = _some(state__in=[RunState.QUEUED, RunState.RUNNING])
AT_WORK = Q(state=BatchState.DRAWING) | _some(state=RunState.RUNNING)
ENDED = Q(state=BatchState.READY) & ~LEFT
ALL_CANCELLED = _some(state=RunState.CANCELLED) & ~_some(state=RunState.DONE)
# The condition for each word that `BatchProgress.word` can be.
BATCH_WORDS = {
    "waiting": (UNDRAWN | LEFT) & Q(paused=False) & ~AT_WORK,
    "running": Q(paused=False) & AT_WORK,
    "paused": (UNDRAWN | LEFT) & Q(paused=True),
    "done": ENDED & ~ALL_CANCELLED,
    "failed": Q(state__in=[BatchState.EXHAUSTED, BatchState.FAILED]),
    "cancelled": ENDED & ALL_CANCELLED,
}


def active_batches(team: Team) -> QuerySet[SampleBatch]:
    """Batches with something to come, in the order in which the queue serves them."""
    return team_batches(team).filter(UNDRAWN | LEFT).order_by("paused", "-priority", "id")


def finished_batches(team: Team) -> QuerySet[SampleBatch]:
    """Batches with results and nothing to come, the newest first; without archived ones."""
    return team_batches(team).filter(ENDED, _some(state=RunState.DONE), archived_at=None).order_by("-id")


def ended_batches(team: Team) -> QuerySet[SampleBatch]:
    """Batches with nothing to come, with results or without, the newest first."""
    return team_batches(team).filter(ENDED | BATCH_WORDS["failed"]).order_by("-id")


def undrawable_batches(team: Team) -> QuerySet[SampleBatch]:
    """Batches of the last week whose draw ended without designs, by itself, the newest first."""
    ended = team_batches(team).filter(BATCH_WORDS["failed"], archived_at=None)
    return ended.filter(created_at__gt=Now() - NEWS).exclude(cause=DrawCause.CANCELLED).order_by("-id")


def batches_with_failures(team: Team) -> QuerySet[SampleBatch]:
    """Batches in which runs failed in the last week, the newest first."""
    failed = _some(state=RunState.FAILED, ended_at__gt=Now() - NEWS)
    return team_batches(team).filter(failed, archived_at=None).order_by("-id")


def space_batches(space: Space) -> QuerySet[SampleBatch]:
    """The newest first; without archived ones."""
    rows = SampleBatch.objects.filter(space=space, archived_at=None)
    return rows.select_related("space", "regime", "created_by").order_by("-id")
