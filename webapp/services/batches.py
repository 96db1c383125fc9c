"""Batches of samples: queue, draw, pause, resume, cancel, retry.

A draw is leased and fenced like a run (docs/architecture.md): a lost message delays it and does no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce, Now

from engine.designs import AnyNetDesign, RegNetDesign
from engine.spaces import AnyNetSpace, RegNetSpace, space_from_json
from engine.spaces.sampling import Counted, Draw
from engine.training.regimes import Regime as EngineRegime
from webapp.models import (
    NEVER_DRAWN,
    BatchState,
    DrawCause,
    EventKind,
    FailureKind,
    Regime,
    Run,
    RunState,
    Sample,
    SampleBatch,
    Space,
    Team,
    User,
)
from webapp.services.errors import Refused
from webapp.services.events import record_event
from webapp.services.filing import locked_row
from webapp.services.notifications import tell_cancelled, tell_not_drawn
from webapp.services.plans import change_plan

LARGEST_BATCH = 10_000
WAITING_RUNS_A_TEAM = 100_000
INSERT_ROWS = 1_000


@dataclass(frozen=True)
class DrawClaim:
    """The right to draw a batch, held until its lease ends; ``attempt`` is the fence."""

    batch_id: int
    attempt: int
    space: AnyNetSpace | RegNetSpace
    regime: EngineRegime
    size: int
    seed: int


class SeedTaken(Refused):
    """Refused because ``batches`` draw the same designs."""

    def __init__(self, batches: Sequence[SampleBatch]) -> None:
        super().__init__(" ".join(f"Batch {batch.pk} {same_draw(batch)}" for batch in batches))
        self.batches = batches


def same_draw(batch: SampleBatch) -> str:
    """What a batch does that another one may not do again, with what to do instead, after its name."""
    verb = "has already drawn" if batch.state == BatchState.READY else "is already to draw"
    cancelled = batch.runs.filter(state=RunState.CANCELLED).exists()
    instead = f"queue the cancelled runs of batch {batch.pk} again" if cancelled else f"extend batch {batch.pk} instead"
    return f"{verb} this space under {batch.regime.name} with seed {batch.seed}: {instead}, or choose another seed."


def create_sample_batch(
    *, space: Space, regime: Regime, size: int, seed: int, actor: User, priority: int = 0
) -> SampleBatch:
    """Queue the draw of ``size`` designs and, after it, their training."""
    (batch,) = create_sample_batches(
        space=space, regimes=[regime], size=size, seed=seed, actor=actor, priority=priority
    )
    return batch


@transaction.atomic
def create_sample_batches(
    *, space: Space, regimes: Sequence[Regime], size: int, seed: int, actor: User, priority: int = 0
) -> list[SampleBatch]:
    """Queue the same draw under each of several regimes: all of them, or where one is refused none."""
    if any(space.team_id != regime.team_id for regime in regimes):
        raise Refused("The space and the regime belong to different teams.")
    if not 1 <= size <= LARGEST_BATCH:
        raise Refused(f"size must lie between 1 and {LARGEST_BATCH:,}, got {size:,}.")
    # Locked, so that a space or regime cannot be changed or deleted in the moment its first batch appears, and that of
    # two equal requests at once the second sees the batch of the first. In one order, so that two people who queue the
    # same regimes never wait for each other's locks.
    locked_row(space)
    ordered = [locked_row(row) for row in sorted(set(regimes), key=lambda row: row.pk)]
    same = SampleBatch.objects.filter(space=space, regime__in=ordered, seed=seed).exclude(state__in=NEVER_DRAWN)
    if taken := {batch.regime_id: batch for batch in same.select_related("regime").order_by("-pk")}:
        raise SeedTaken([taken[regime_id] for regime_id in sorted(taken)])
    return [_create(space, row, size=size, seed=seed, actor=actor, priority=priority) for row in ordered]


def _create(space: Space, regime: Regime, *, size: int, seed: int, actor: User, priority: int) -> SampleBatch:
    _check_quota(space.team, size)
    batch = SampleBatch.objects.create(
        space=space, regime=regime, size=size, seed=seed, priority=priority, created_by=actor
    )
    record_event(
        team=space.team,
        actor=actor,
        kind=EventKind.BATCHES,
        verb="queued batch",
        subject=f"{size} of {space.name} under {regime.name}",
    )
    return batch


def _record(batch: SampleBatch, actor: User, verb: str) -> None:
    record_event(team=batch.space.team, actor=actor, kind=EventKind.BATCHES, verb=verb, subject=str(batch))


def _check_quota(team: Team, size: int) -> None:
    """Designs that are still to be drawn count as one waiting run each."""
    waiting = Run.objects.filter(batch__space__team=team, state=RunState.QUEUED).count()
    undrawn = SampleBatch.objects.filter(space__team=team, state__in=[BatchState.REQUESTED, BatchState.DRAWING])
    draws, designs = undrawn.aggregate(draws=Count("id"), designs=Coalesce(Sum("size"), 0)).values()
    if waiting + designs + size > WAITING_RUNS_A_TEAM or draws >= 100:
        raise Refused(
            f"The team has {waiting + designs:,} runs and {draws} draws waiting; the limits are "
            f"{WAITING_RUNS_A_TEAM:,} runs and 100 draws. Wait for some to end, or cancel some."
        )


@transaction.atomic
def extend_batch(*, batch: SampleBatch, size: int, actor: User) -> SampleBatch:
    """Ask for more designs of the same draw; the first ones stay, since a draw does not depend on its size."""
    batch = locked_row(batch)
    if batch.state != BatchState.READY:
        raise Refused(f"Only a drawn batch can be extended; this one is {batch.get_state_display()}.")
    if not batch.size < size <= LARGEST_BATCH:
        raise Refused(f"size must lie between {batch.size + 1:,} and {LARGEST_BATCH:,}, got {size:,}.")
    batch.size, batch.state, batch.end_told, batch.archived_at = size, BatchState.REQUESTED, False, None
    batch.save(update_fields=["size", "state", "end_told", "archived_at"])
    _record(batch, actor, f"extended to {size}")
    return batch


CLAIM_DRAW = """
WITH candidate AS MATERIALIZED (
    SELECT id FROM webapp_samplebatch
    WHERE state = 'requested' AND NOT paused
    ORDER BY priority DESC, id
    LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE webapp_samplebatch AS batch
SET state = 'drawing', attempt = attempt + 1, lease_until = now() + %s * interval '1 second'
FROM candidate WHERE batch.id = candidate.id
RETURNING batch.id, batch.attempt
"""


@transaction.atomic
def claim_draw() -> DrawClaim | None:
    """Take the next batch that waits for its draw, or None."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_DRAW, [settings.LEASE_SECONDS])
        row = cursor.fetchone()
    if row is None:
        return None
    batch = SampleBatch.objects.select_related("space", "regime").get(pk=row[0])
    return DrawClaim(
        batch_id=batch.pk,
        attempt=row[1],
        space=space_from_json(batch.space.definition),
        regime=EngineRegime.from_json(batch.regime.definition),
        size=batch.size,
        seed=batch.seed,
    )


def renew_draw(claim: DrawClaim) -> bool:
    """Extend the lease of a draw that goes on; False when it is no longer held."""
    lease = Now() + timedelta(seconds=settings.LEASE_SECONDS)
    return bool(SampleBatch.objects.filter(_held(claim)).update(lease_until=lease))


def _held(claim: DrawClaim) -> Q:
    return Q(pk=claim.batch_id, attempt=claim.attempt, state=BatchState.DRAWING)


@transaction.atomic
def store_samples(*, claim: DrawClaim, draw: Draw, counted: Counted | None = None) -> int:
    """Store what was drawn, with one queued run a replicate; returns how many runs became claimable.

    ``counted`` says how many candidates the window accepts, better than the draw itself does.

    Zero when the claim is no longer held: a second delivery, or a late one, adds nothing.
    """
    report = draw.report() | (counted.report() if counted else {})
    changed = SampleBatch.objects.filter(_held(claim)).update(
        state=BatchState.READY, lease_until=None, lost_workers=0, report=report, message=""
    )
    if not changed:
        return 0
    kept = set(Sample.objects.filter(batch_id=claim.batch_id).values_list("position", flat=True))
    samples = Sample.objects.bulk_create(
        [_sample(claim, position, draw) for position in range(len(draw.designs)) if position not in kept],
        batch_size=INSERT_ROWS,
    )
    runs = [
        Run(sample=sample, batch_id=claim.batch_id, position=sample.position, replicate=replicate)
        for sample in samples
        for replicate in range(claim.regime.replicates)
    ]
    Run.objects.bulk_create(runs, batch_size=INSERT_ROWS)
    return len(runs)


def _sample(claim: DrawClaim, position: int, draw: Draw) -> Sample:
    drawn: AnyNetDesign | RegNetDesign = draw.designs[position]
    design = drawn.to_anynet()
    return Sample(
        batch_id=claim.batch_id,
        position=position,
        drawn=drawn.to_json(),
        design=design.to_json(),
        design_key=design.key(),
        flops=int(draw.flops[position]),
        params=int(draw.params[position]),
        acts=int(draw.acts[position]),
    )


@transaction.atomic
def fail_draw(*, claim: DrawClaim, cause: DrawCause, message: str) -> bool:
    """End a draw without designs. A batch that was being extended stays as it was."""
    held = SampleBatch.objects.filter(_held(claim))
    kept = Sample.objects.filter(batch_id=claim.batch_id).count()
    if kept:
        message = f"Not extended: {message}"[:2000]
        changed = held.update(state=BatchState.READY, size=kept, lease_until=None, lost_workers=0, message=message)
    else:
        state = BatchState.EXHAUSTED if cause is DrawCause.EXHAUSTED else BatchState.FAILED
        changed = held.update(state=state, lease_until=None, cause=cause, message=message[:2000])
    if changed:
        tell_not_drawn(batch_id=claim.batch_id, why=message[:2000])
    return bool(changed)


@transaction.atomic
def pause_batch(*, batch: SampleBatch, actor: User, finish_running: bool = False) -> bool:
    """Stop claiming its runs; the running ones give theirs back within seconds, or with ``finish_running`` go on.

    A batch paused one way can be paused the other way; False where nothing changes.
    """
    changed = (
        SampleBatch.objects.filter(pk=batch.pk)
        .exclude(paused=True, finish_running=finish_running)
        .update(paused=True, finish_running=finish_running)
    )
    if changed:
        _record(batch, actor, "paused after the current runs" if finish_running else "paused")
    return bool(changed)


@transaction.atomic
def resume_batch(*, batch: SampleBatch, actor: User) -> int:
    """Let its runs be claimed again; returns how many are claimable."""
    changed = SampleBatch.objects.filter(pk=batch.pk, paused=True).update(paused=False, finish_running=False)
    if changed:
        _record(batch, actor, "resumed")
    return Run.objects.filter(batch=batch, state=RunState.QUEUED).count()


@transaction.atomic
def set_priority(*, batch: SampleBatch, priority: int, actor: User) -> None:
    if not -100 <= priority <= 100:
        raise Refused(f"priority must lie between -100 and 100, got {priority}.")
    SampleBatch.objects.filter(pk=batch.pk).update(priority=priority)
    _record(batch, actor, f"set priority {priority} for")


@transaction.atomic
def cancel_batch(*, batch: SampleBatch, actor: User) -> int:
    """Cancel every waiting and running run; finished ones and their errors stay. Returns how many were cancelled."""
    # Locked first: runs that are being stored at this moment are then seen and cancelled as well.
    locked_row(batch)
    cancelled = Run.objects.filter(batch=batch, state__in=[RunState.QUEUED, RunState.RUNNING]).update(
        state=RunState.CANCELLED, lease_until=None, worker=None, ended_at=Now()
    )
    undrawn = SampleBatch.objects.filter(pk=batch.pk, state__in=[BatchState.REQUESTED, BatchState.DRAWING])
    kept = Sample.objects.filter(batch=batch).count()
    if kept:  # it was being extended
        stopped = undrawn.update(state=BatchState.READY, size=kept, lease_until=None, message="")
    else:
        message = "Cancelled before its designs were drawn."
        stopped = undrawn.update(state=BatchState.FAILED, lease_until=None, cause=DrawCause.CANCELLED, message=message)
    if cancelled or stopped:
        change_plan(batch)
        tell_cancelled(batch=batch, actor=actor, runs=cancelled)
    _record(batch, actor, f"cancelled {cancelled} runs of")
    return cancelled


@transaction.atomic
def retry_failed_runs(*, batch: SampleBatch, actor: User, kind: str = "", cancelled: bool = False) -> int:
    """Queue failed runs (of one kind, or all) again with fresh retry counters; with ``cancelled``, those instead."""
    locked_row(batch)  # in turn with a cancellation of the same runs
    runs = Run.objects.filter(batch=batch, state=RunState.CANCELLED if cancelled else RunState.FAILED)
    if kind:
        if kind not in FailureKind.values:
            raise Refused(f"kind must be one of {', '.join(FailureKind.values)}, got {kind[:40]}.")
        runs = runs.filter(failure_kind=kind)
    count = runs.update(
        state=RunState.QUEUED,
        lost_workers=0,
        errors=0,
        failure_kind="",
        failure_message="",
        worker=None,
        queued_at=Now(),
        started_at=None,
        ended_at=None,
    )
    if count:
        _take_back_errors(batch)
        if cancelled:
            change_plan(batch)
        again = {"end_told": False} if cancelled else {"end_told": False, "failures_told": False}
        SampleBatch.objects.filter(pk=batch.pk).update(archived_at=None, **again)
    _record(batch, actor, f"retried {count} runs of")
    return count


def _take_back_errors(batch: SampleBatch) -> None:
    """Samples with a run to come have no error; one had it from other replicates before its failed run was retried."""
    to_come = Sample.objects.filter(
        batch=batch, error__isnull=False, runs__state__in=[RunState.QUEUED, RunState.RUNNING]
    )
    ids = set(to_come.values_list("pk", flat=True))
    locked = Sample.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", flat=True)
    Sample.objects.filter(pk__in=list(locked)).update(error=None, best_error=None, error_std=None)
