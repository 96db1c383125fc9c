"""Workers' rows, and the upkeep that every machine's supervisor does on a timer: reap, count, retire.

None of it needs Redis or Celery. Two machines doing it at once are harmless; an advisory lock only saves the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from webapp.models import BatchState, EventKind, Run, RunState, SampleBatch, Team, User, Worker
from webapp.services.events import record_event
from webapp.services.notifications import tell_not_drawn
from webapp.services.runs import LOST_WORKER_LIMIT, record_sample_errors

MAINTENANCE_LOCK = 7_031_967  # any constant of our own
REAP_PAGE = 100
LONGEST_CATCH_UP = 50  # pages a call; the next call goes on


def register_worker(
    *,
    worker_id: UUID,
    host: str,
    pid: int,
    slot: int,
    device: str,
    device_kind: str,
    device_slots: int,
    data_sets: Sequence[str],
    versions: dict[str, str],
    replaces: UUID | None = None,
) -> Worker:
    """Store a slot that starts. One that ``replaces`` a drained process of the same supervisor is drained as well."""
    return Worker.objects.create(
        id=worker_id,
        draining=replaces is not None and Worker.objects.filter(pk=replaces, draining=True).exists(),
        host=host[:255],
        pid=pid,
        slot=slot,
        device=device,
        device_kind=device_kind[:120],
        device_slots=device_slots,
        data_sets=list(data_sets),
        versions=versions,
        started_at=Now(),
        last_seen=Now(),
    )


def touch_worker(worker_id: UUID, *, data_sets: Sequence[str], memory: int | None = None) -> bool:
    """Show a sign of life, with the data sets found and the memory used (bytes) now. False when its row has gone."""
    changed = Worker.objects.filter(pk=worker_id).update(last_seen=Now(), data_sets=list(data_sets), memory=memory)
    return bool(changed)


@transaction.atomic
def drain_worker(*, worker: Worker, team: Team, actor: User) -> bool:
    """Let a slot finish its run and claim no more, until undrain_worker. False where it was drained already."""
    changed = Worker.objects.filter(pk=worker.pk, draining=False, ended_at=None).update(draining=True)
    if changed:
        record_event(team=team, actor=actor, kind=EventKind.WORKERS, verb="drained", subject=str(worker))
    return bool(changed)


@transaction.atomic
def undrain_worker(*, worker: Worker, team: Team, actor: User) -> bool:
    """Let a drained slot claim runs again."""
    changed = Worker.objects.filter(pk=worker.pk, draining=True).update(draining=False)
    if changed:
        record_event(team=team, actor=actor, kind=EventKind.WORKERS, verb="put back to work", subject=str(worker))
    return bool(changed)


def end_worker(worker_id: UUID) -> None:
    Worker.objects.filter(pk=worker_id, ended_at=None).update(ended_at=Now())


@transaction.atomic
def end_dead_worker(worker_id: UUID) -> int:
    """Let the leases of a process end now, because its supervisor has seen it die; returns how many runs it held.

    The reaper then does what it does with every lease that is over; the fence keeps out whatever is still on its way.
    """
    end_worker(worker_id)
    return Run.objects.filter(worker=worker_id, state=RunState.RUNNING).update(lease_until=Now())


@contextmanager
def hold_maintenance_lock() -> Iterator[bool]:
    """True inside for the one supervisor that does the upkeep now; the others pass by.

    The lock belongs to the connection, not to a transaction, so that each page of the upkeep commits on its own.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [MAINTENANCE_LOCK])
        ours = bool(cursor.fetchone()[0])
        try:
            yield ours
        finally:
            if ours:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MAINTENANCE_LOCK])


REAP = """
WITH lost AS MATERIALIZED (
    SELECT id FROM webapp_run
    WHERE state = 'running' AND lease_until <= statement_timestamp()
    ORDER BY lease_until LIMIT %(page)s FOR UPDATE SKIP LOCKED
)
UPDATE webapp_run AS run SET
    lost_workers = lost_workers + 1,
    lease_until = NULL,
    worker_id = CASE WHEN lost_workers + 1 < %(limit)s THEN NULL ELSE worker_id END,
    queued_at = now(),
    state = CASE WHEN lost_workers + 1 < %(limit)s THEN 'queued' ELSE 'failed' END,
    ended_at = CASE WHEN lost_workers + 1 < %(limit)s THEN NULL ELSE now() END,
    failure_kind = CASE WHEN lost_workers + 1 < %(limit)s THEN '' ELSE 'lost_worker' END,
    failure_message = CASE WHEN lost_workers + 1 < %(limit)s THEN ''
                           ELSE 'Its worker died or fell silent ' || (lost_workers + 1) || ' times.' END
FROM lost WHERE run.id = lost.id
RETURNING run.sample_id, run.state = 'failed'
"""


def reap_lost_runs() -> int:
    """Return runs whose lease is over to the queue, or fail them at the limit; live leases are never touched."""
    return _in_pages(REAP, {"page": REAP_PAGE, "limit": LOST_WORKER_LIMIT}, _record_errors)


def _record_errors(runs: Sequence[tuple[Any, ...]]) -> None:
    if failed := [sample_id for sample_id, has_failed in runs if has_failed]:
        record_sample_errors(failed)


REAP_DRAWS = """
WITH lost AS MATERIALIZED (
    SELECT id, (SELECT count(*) FROM webapp_sample WHERE batch_id = webapp_samplebatch.id) AS samples
    FROM webapp_samplebatch
    WHERE state = 'drawing' AND lease_until <= statement_timestamp()
    ORDER BY lease_until LIMIT %(page)s FOR UPDATE SKIP LOCKED
)
UPDATE webapp_samplebatch AS batch SET
    lost_workers = lost_workers + 1,
    lease_until = NULL,
    size = CASE WHEN lost_workers + 1 < %(limit)s OR lost.samples = 0 THEN size ELSE lost.samples END,
    state = CASE WHEN lost_workers + 1 < %(limit)s THEN 'requested'
                 WHEN lost.samples = 0 THEN 'failed' ELSE 'ready' END,
    cause = CASE WHEN lost_workers + 1 < %(limit)s OR lost.samples > 0 THEN '' ELSE 'lost_worker' END,
    message = CASE WHEN lost_workers + 1 < %(limit)s THEN message
                   ELSE 'The process that drew its designs died or fell silent ' || (lost_workers + 1) || ' times.' END
FROM lost WHERE batch.id = lost.id
RETURNING batch.id, batch.state <> 'requested', batch.message
"""


def reap_lost_draws() -> int:
    """The same for draws; how many went back or failed. A batch that was being extended keeps what it has."""
    return _in_pages(REAP_DRAWS, {"page": REAP_PAGE, "limit": LOST_WORKER_LIMIT}, _tell_given_up)


def _tell_given_up(draws: Sequence[tuple[Any, ...]]) -> None:
    for batch_id, given_up, message in draws:
        if given_up:
            tell_not_drawn(batch_id=batch_id, why=message)


def _in_pages(statement: str, values: dict[str, int], then: Callable[[Sequence[tuple[Any, ...]]], None]) -> int:
    """Repeat a paged statement until a page comes back short, each page, with what follows, its own transaction."""
    changed = 0
    for _ in range(LONGEST_CATCH_UP):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows = cursor.fetchall()
            then(rows)
        changed += len(rows)
        if len(rows) < values["page"]:
            break
    return changed


def count_claimable_runs(*, at_most: int) -> int:
    """How many runs could be claimed now, counted up to ``at_most``: what the pump tops the queue up to."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM (
                SELECT 1 FROM webapp_samplebatch batch
                JOIN webapp_run run ON run.batch_id = batch.id AND run.state = 'queued'
                WHERE NOT batch.paused LIMIT %s
            ) AS claimable
            """,
            [at_most],
        )
        return int(cursor.fetchone()[0])


def count_requested_draws() -> int:
    return SampleBatch.objects.filter(state=BatchState.REQUESTED, paused=False).count()
