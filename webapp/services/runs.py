"""The life of a run in the hands of its worker: claim, renew, record, release.

Every write of a holder is one conditional UPDATE on (id, attempt, state = 'running'): the attempt is the fence. Zero
rows changed means that somebody else holds the run now, or nobody: stop and write nothing. Only the database's clock
decides leases.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from engine.designs import AnyNetDesign
from engine.errors import EngineError
from engine.training.regimes import Regime as EngineRegime
from webapp.models import OWN_DOING, FailureKind, Run, RunState, Sample
from webapp.services.notifications import tell_of_batches
from webapp.services.plans import keep_plan

if TYPE_CHECKING:  # engine.training.loop imports torch, which the web processes must not load
    from engine.training.loop import EpochResult, TrainingResult

# Retried without being asked, in a fresh attempt, until the counter reaches the limit.
LOST_WORKER_LIMIT = 3
ERROR_LIMITS = {FailureKind.OUT_OF_MEMORY: 1}


class Lease(Enum):
    """What a renewal found."""

    HELD = "held"
    PAUSED = "paused"  # still held, but its batch is to stop at once: give the run back
    LOST = "lost"  # another attempt, cancelled, or reaped: write nothing more


@dataclass(frozen=True)
class Claim:
    """The right to train one run, held while its lease is renewed; (run, attempt) is the fence."""

    run_id: int
    attempt: int
    sample_id: int
    batch_id: int
    design: AnyNetDesign
    regime: EngineRegime
    seed: int


# One row of each batch with waiting runs is found by skipping through the partial index run_queued, so the claim does
# not slow down with the number of waiting or finished runs. The batch is chosen by priority, then by the fewest
# running runs of the person who queued it, then of the batch itself (fair between people, then between their batches),
# then by age; the run by position. FOR UPDATE SKIP LOCKED stands in a materialised CTE, because inside IN (...) the
# planner may lock more rows than the limit. A batch whose next run is locked by another claimer is passed over only
# for that row: SKIP LOCKED goes on to the batch's next one. A worker that is drained, or whose row has gone, gets none.
CLAIM = """
WITH RECURSIVE waiting AS (
    (SELECT batch_id FROM webapp_run WHERE state = 'queued' ORDER BY batch_id LIMIT 1)
    UNION ALL
    SELECT (SELECT batch_id FROM webapp_run WHERE state = 'queued' AND batch_id > waiting.batch_id
            ORDER BY batch_id LIMIT 1)
    FROM waiting WHERE waiting.batch_id IS NOT NULL
), busy AS MATERIALIZED (
    SELECT run.batch_id, b.created_by_id, count(*) AS runs
    FROM webapp_run run JOIN webapp_samplebatch b ON b.id = run.batch_id
    WHERE run.state = 'running' GROUP BY run.batch_id, b.created_by_id
), batch AS MATERIALIZED (
    SELECT b.id FROM waiting
    JOIN webapp_samplebatch b ON b.id = waiting.batch_id AND NOT b.paused
    JOIN webapp_regime r ON r.id = b.regime_id AND r.data_set = ANY(%(data_sets)s)
    JOIN webapp_worker worker ON worker.id = %(worker)s AND NOT worker.draining
    ORDER BY b.priority DESC,
             coalesce((SELECT sum(runs) FROM busy WHERE busy.created_by_id = b.created_by_id), 0),
             coalesce((SELECT runs FROM busy WHERE busy.batch_id = b.id), 0),
             b.id
), candidate AS MATERIALIZED (
    SELECT run.id FROM batch CROSS JOIN LATERAL (
        SELECT id FROM webapp_run
        WHERE batch_id = batch.id AND state = 'queued'
        ORDER BY position, replicate
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS run
    LIMIT 1
)
UPDATE webapp_run AS run
SET state = 'running', attempt = attempt + 1, worker_id = %(worker)s, started_at = now(), ended_at = NULL,
    lease_until = now() + %(lease)s * interval '1 second'
FROM candidate WHERE run.id = candidate.id
RETURNING run.id, run.attempt, run.sample_id, run.batch_id, run.position, run.replicate
"""


@transaction.atomic
def claim_run(*, worker_id: UUID, data_sets: Sequence[str]) -> Claim | None:
    """Take the next run that this worker can do, or None; also None where the worker is drained or its row has gone."""
    values: dict[str, Any] = {"data_sets": list(data_sets), "worker": str(worker_id), "lease": settings.LEASE_SECONDS}
    while True:
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, values)
            row = cursor.fetchone()
        if row is None:
            return None
        try:
            return _claim_of(*row)
        except (EngineError, KeyError, TypeError, ValueError) as error:
            # Left alone it would come up at every claim and keep all the others waiting.
            message = f"Its design or regime can't be read: {error}"
            _end_attempt(row[0], row[1], kind=FailureKind.INVALID_DESIGN, message=message)


def _claim_of(run_id: int, attempt: int, sample_id: int, batch_id: int, position: int, replicate: int) -> Claim:
    design, regime, batch_seed = Sample.objects.values_list("design", "batch__regime__definition", "batch__seed").get(
        pk=sample_id
    )
    return Claim(
        run_id=run_id,
        attempt=attempt,
        sample_id=sample_id,
        batch_id=batch_id,
        design=AnyNetDesign.from_json(design),
        regime=EngineRegime.from_json(regime),
        seed=run_seed(batch_seed=batch_seed, position=position, replicate=replicate),
    )


def run_seed(*, batch_seed: int, position: int, replicate: int) -> int:
    """The seed of a run, 0 to 2**63 - 1, from its batch's seed, its sample's position and its replicate."""
    digest = hashlib.sha256(f"{batch_seed}/{position}/{replicate}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def renew_lease(claim: Claim) -> Lease:
    """Extend the lease from the database's clock; also the moment when a pause or a cancellation is heard."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE webapp_run AS run SET lease_until = now() + %s * interval '1 second'
            FROM webapp_samplebatch AS batch
            WHERE run.id = %s AND run.attempt = %s AND run.state = 'running' AND batch.id = run.batch_id
            RETURNING batch.paused AND NOT batch.finish_running
            """,
            [settings.LEASE_SECONDS, claim.run_id, claim.attempt],
        )
        row = cursor.fetchone()
    if row is None:
        return Lease.LOST
    return Lease.PAUSED if row[0] else Lease.HELD


def read_lease(claim: Claim) -> Lease:
    """The same answer as renew_lease without a write, for looking more often than the heartbeat."""
    row = (
        Run.objects.filter(pk=claim.run_id, attempt=claim.attempt, state=RunState.RUNNING)
        .values_list("batch__paused", "batch__finish_running")
        .first()
    )
    if row is None:
        return Lease.LOST
    paused, finish_running = row
    return Lease.PAUSED if paused and not finish_running else Lease.HELD


def record_epoch(claim: Claim, epoch: EpochResult) -> bool:
    """Store what an epoch measured, once a number: a repeated epoch replaces the earlier attempt's."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH held AS MATERIALIZED (
                SELECT id FROM webapp_run WHERE id = %(run)s AND attempt = %(attempt)s AND state = 'running' FOR UPDATE
            )
            INSERT INTO webapp_epoch (run_id, attempt, number, train_loss, train_error, test_error, seconds)
            SELECT id, %(attempt)s, %(number)s, %(train_loss)s, %(train_error)s, %(test_error)s, %(seconds)s FROM held
            ON CONFLICT ON CONSTRAINT epoch_once_a_run DO UPDATE SET
                attempt = EXCLUDED.attempt, train_loss = EXCLUDED.train_loss, train_error = EXCLUDED.train_error,
                test_error = EXCLUDED.test_error, seconds = EXCLUDED.seconds
            """,
            {
                "run": claim.run_id,
                "attempt": claim.attempt,
                "number": epoch.number,
                "train_loss": epoch.train_loss,
                "train_error": epoch.train_error,
                "test_error": epoch.test_error,
                "seconds": epoch.seconds,
            },
        )
        return bool(cursor.rowcount == 1)


def _update_held(claim: Claim, assignments: str, values: Sequence[str | float | None]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE webapp_run SET {assignments}, lease_until = NULL "  # noqa: S608  (constants of this module)
            "WHERE id = %s AND attempt = %s AND state = 'running'",
            [*values, claim.run_id, claim.attempt],
        )
        return bool(cursor.rowcount == 1)


# Of those whose runs have all ended: the mean of the replicates that finished, or none where half of all or more failed
# by their network's own doing.
RECORD_SAMPLE_ERRORS = """
UPDATE webapp_sample AS sample
SET error = run.error, best_error = run.best_error, error_std = run.error_std
FROM (
    SELECT sample_id, avg(final_error) AS error, avg(best_error) AS best_error, stddev_samp(final_error) AS error_std
    FROM webapp_run WHERE sample_id = ANY(%(samples)s)
    GROUP BY sample_id
    HAVING bool_and(state IN ('done', 'failed'))
        AND 2 * count(*) FILTER (WHERE failure_kind = ANY(%(own_doing)s)) < count(*)
) AS run
WHERE sample.id = run.sample_id
"""


def record_sample_errors(sample_ids: Sequence[int]) -> None:
    """Store the errors of these samples as far as their runs have all ended; for whoever has ended a run of each.

    The samples are locked after their runs, and the runs read after that, so that of two replicates that end together
    one sees both.
    """
    locked = Sample.objects.select_for_update().filter(pk__in=sample_ids).order_by("pk").values_list("pk", flat=True)
    values: dict[str, Any] = {"samples": list(locked), "own_doing": [kind.value for kind in OWN_DOING]}
    with connection.cursor() as cursor:
        cursor.execute(RECORD_SAMPLE_ERRORS, values)


@transaction.atomic
def record_result(claim: Claim, result: TrainingResult, *, device_slots: int) -> bool:
    """Store a run's result and, with the sample's last run, the sample's error, in one transaction.

    True also when this very attempt's result is already stored: the first commit was acknowledged too late to be heard.
    """
    stored = _update_held(
        claim,
        "state = 'done', ended_at = now(), final_error = %s, best_error = %s, train_images_per_second = %s, "
        "test_images_per_second = %s, peak_memory = %s, train_seconds = %s, device_kind = %s, device_slots = %s, "
        "versions = %s::jsonb",
        [
            result.final_error,
            result.best_error,
            result.train_images_per_second,
            result.test_images_per_second,
            result.peak_memory,
            result.seconds,
            result.device_kind[:120],
            device_slots,
            json.dumps(dict(result.versions)),
        ],
    )
    if not stored:
        return Run.objects.filter(pk=claim.run_id, attempt=claim.attempt, state=RunState.DONE).exists()
    _complete_epochs(claim, result.epochs)
    record_sample_errors([claim.sample_id])
    keep_plan(claim.batch_id)
    if not Run.objects.filter(batch=claim.batch_id, state=RunState.QUEUED).exists():
        tell_of_batches(claim.batch_id)  # where one still waits it can't have been the batch's last
    return True


# The result knows all epochs. A row is missing where a worker died between writing the checkpoint of an epoch and its
# row, or while the database was away; it is of an older attempt where the training began anew.
COMPLETE_EPOCHS = """
INSERT INTO webapp_epoch AS epoch (run_id, attempt, number, train_loss, train_error, test_error, seconds)
SELECT %s, %s, * FROM unnest(%s::int[], %s::float8[], %s::float8[], %s::float8[], %s::float8[])
ON CONFLICT ON CONSTRAINT epoch_once_a_run DO UPDATE SET
    attempt = EXCLUDED.attempt, train_loss = EXCLUDED.train_loss, train_error = EXCLUDED.train_error,
    test_error = EXCLUDED.test_error, seconds = EXCLUDED.seconds
WHERE (epoch.train_loss, epoch.train_error, epoch.test_error)
    IS DISTINCT FROM (EXCLUDED.train_loss, EXCLUDED.train_error, EXCLUDED.test_error)
"""


def _complete_epochs(claim: Claim, epochs: Sequence[EpochResult]) -> None:
    if not epochs:
        return
    columns = ("number", "train_loss", "train_error", "test_error", "seconds")
    values = [[getattr(epoch, column) for epoch in epochs] for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(COMPLETE_EPOCHS, [claim.run_id, claim.attempt, *values])


@transaction.atomic
def record_failure(claim: Claim, *, kind: FailureKind, message: str) -> RunState | None:
    """End the attempt: back to the queue while its kind may be retried, else failed. None when no longer held."""
    return _end_attempt(claim.run_id, claim.attempt, kind=kind, message=message)


def _end_attempt(run_id: int, attempt: int, *, kind: FailureKind, message: str) -> RunState | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE webapp_run SET
                errors = errors + 1, lease_until = NULL,
                worker_id = CASE WHEN errors < %(limit)s THEN NULL ELSE worker_id END,
                state = CASE WHEN errors < %(limit)s THEN 'queued' ELSE 'failed' END,
                ended_at = CASE WHEN errors < %(limit)s THEN NULL ELSE now() END,
                failure_kind = CASE WHEN errors < %(limit)s THEN '' ELSE %(kind)s END,
                failure_message = CASE WHEN errors < %(limit)s THEN '' ELSE %(message)s END
            WHERE id = %(run)s AND attempt = %(attempt)s AND state = 'running'
            RETURNING state, batch_id, sample_id
            """,
            {
                "limit": ERROR_LIMITS.get(kind, 0),
                "kind": kind.value,
                "message": message.replace("\x00", "")[:2000],
                "run": run_id,
                "attempt": attempt,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    state, batch_id, sample_id = row
    if state == RunState.FAILED:
        record_sample_errors([sample_id])
        if kind.is_own_doing:
            keep_plan(batch_id)
        tell_of_batches(batch_id)
    return RunState(state)


def release_run(claim: Claim) -> bool:
    """Give a run back unfinished (shutdown, or its batch was paused); no retry counter rises."""
    return _update_held(claim, "state = 'queued', worker_id = NULL, started_at = NULL, queued_at = now()", [])
