"""Batches: queue them, follow them, hold and end them, read their samples."""

from __future__ import annotations

from typing import TypeVar

from django.db import transaction
from django.http import JsonResponse
from ninja import Query, Router, Status

from tasks.publish import publish_draw, publish_permits
from webapp import queries, services
from webapp.access import TeamRequest, batch_of
from webapp.api.errors import Rejected
from webapp.api.filing import add_filing, filed, filing_of
from webapp.api.schemas import (
    Batches,
    BatchFilter,
    BatchOut,
    Extend,
    NewBatch,
    Pause,
    Priority,
    Retry,
    SampleColumns,
    or_problem,
)
from webapp.api.tokens import READER, WRITER
from webapp.forms import related_seed_warning
from webapp.models import Regime, SampleBatch, Space
from webapp.queries import BatchProgress
from webapp.services import SeedTaken

router = Router(tags=["batches"])
Row = TypeVar("Row", Space, Regime)


@router.get("", response=or_problem(Batches), auth=READER)
def list_batches(request: TeamRequest, chosen: Query[BatchFilter]) -> dict[str, object]:
    """The team's batches with their progress, the newest first; of one space or regime where that is named."""
    rows = filed(chosen, SampleBatch.objects.filter(space__team=request.team)).order_by("-id")
    rows = rows.filter(space_id=chosen.space) if chosen.space else rows
    rows = rows.filter(regime_id=chosen.regime) if chosen.regime else rows
    page = list(rows[chosen.offset : chosen.offset + chosen.limit])
    progress = queries.batch_progress(batch.pk for batch in page)
    return {"items": [_line(batch, progress[batch.pk]) for batch in page], "total": rows.count()}


@router.get("/{id:batch_id}", response=or_problem(BatchOut), auth=READER)
def get_batch(request: TeamRequest, batch_id: int) -> dict[str, object]:
    """One batch with its progress."""
    return _now(request, batch_id)


@router.get("/{id:batch_id}/samples", response=or_problem(SampleColumns), auth=READER)
def get_samples(request: TeamRequest, batch_id: int) -> JsonResponse:
    """All samples of a batch as columns, in draw order; errors are null until trained."""
    columns = queries.sample_columns(batch_of(request.team, batch_id))
    return JsonResponse({"n": len(columns["position"]), "columns": columns})


@router.post("", response=or_problem(BatchOut, status=201), auth=WRITER)
def create_batch(request: TeamRequest, body: NewBatch) -> Status[dict[str, object]]:
    """Queue the draw of ``size`` designs of a space and their training under a regime.

    Refused where a batch of the space and the regime has this seed; ``warning`` names those of the lineage.
    """
    space = _of_team(Space, body.space, request, parameter="space")
    regime = _of_team(Regime, body.regime, request, parameter="regime")
    seed = queries.free_seed(request.team) if body.seed is None else body.seed
    warning = related_seed_warning(space, [regime], seed)
    try:
        with transaction.atomic():
            batch = services.create_sample_batch(
                space=space, regime=regime, size=body.size, seed=seed, priority=body.priority, actor=request.user
            )
            transaction.on_commit(publish_draw)
    except SeedTaken as refusal:
        raise Rejected(str(refusal), parameter="seed", value=seed) from refusal
    return Status(201, _now(request, batch.pk) | {"warning": warning})


@router.post("/{id:batch_id}/extend", response=or_problem(BatchOut), auth=WRITER)
def extend_batch(request: TeamRequest, batch_id: int, body: Extend) -> dict[str, object]:
    """Ask for more designs of the same draw; the first ones stay."""
    batch = batch_of(request.team, batch_id)
    with transaction.atomic():
        services.extend_batch(batch=batch, size=body.size, actor=request.user)
        transaction.on_commit(publish_draw)
    return _now(request, batch_id)


@router.post("/{id:batch_id}/pause", response=or_problem(BatchOut), auth=WRITER)
def pause_batch(request: TeamRequest, batch_id: int, body: Pause | None = None) -> dict[str, object]:
    """Hold a batch: running runs go back to the queue, or end first with ``finish_running``."""
    batch = batch_of(request.team, batch_id)
    finish_running = body.finish_running if body else False
    services.pause_batch(batch=batch, actor=request.user, finish_running=finish_running)
    return _now(request, batch_id)


@router.post("/{id:batch_id}/resume", response=or_problem(BatchOut), auth=WRITER)
def resume_batch(request: TeamRequest, batch_id: int) -> dict[str, object]:
    """Let a paused batch go on."""
    batch = batch_of(request.team, batch_id)
    with transaction.atomic():
        claimable = services.resume_batch(batch=batch, actor=request.user)
        transaction.on_commit(publish_draw if not claimable else lambda: publish_permits(claimable))
    return _now(request, batch_id)


@router.post("/{id:batch_id}/cancel", response=or_problem(BatchOut), auth=WRITER)
def cancel_batch(request: TeamRequest, batch_id: int) -> dict[str, object]:
    """Cancel every waiting and running run; finished ones and their errors stay."""
    services.cancel_batch(batch=batch_of(request.team, batch_id), actor=request.user)
    return _now(request, batch_id)


@router.post("/{id:batch_id}/retry", response=or_problem(BatchOut), auth=WRITER)
def retry_batch(request: TeamRequest, batch_id: int, body: Retry | None = None) -> dict[str, object]:
    """Queue its failed runs again, all or those of one kind."""
    batch = batch_of(request.team, batch_id)
    with transaction.atomic():
        retried = services.retry_failed_runs(batch=batch, actor=request.user, kind=body.kind if body else "")
        transaction.on_commit(lambda: publish_permits(retried))
    return _now(request, batch_id)


@router.post("/{id:batch_id}/priority", response=or_problem(BatchOut), auth=WRITER)
def set_batch_priority(request: TeamRequest, batch_id: int, body: Priority) -> dict[str, object]:
    """Let its runs go before those of a lower priority."""
    services.set_priority(batch=batch_of(request.team, batch_id), priority=body.priority, actor=request.user)
    return _now(request, batch_id)


def _of_team(model: type[Row], pk: int, request: TeamRequest, *, parameter: str) -> Row:
    row = model._default_manager.select_related("team").filter(team=request.team, pk=pk).first()
    if row is None:
        raise Rejected(f"{parameter} is no {parameter} of this team.", parameter=parameter, value=pk, status=404)
    return row


def _now(request: TeamRequest, batch_id: int) -> dict[str, object]:
    """The batch as it stands after whatever was done to it."""
    return _whole(batch_of(request.team, batch_id))


def _whole(batch: SampleBatch) -> dict[str, object]:
    return _line(batch, queries.batch_progress([batch.pk])[batch.pk])


def _line(batch: SampleBatch, progress: BatchProgress) -> dict[str, object]:
    counts = ("word", "active", "runs", "waiting", "running", "done", "failed", "cancelled", "rate_per_hour",
              "seconds_left", "ended_at")  # fmt: skip
    return {
        "id": batch.pk,
        "space": batch.space_id,
        "regime": batch.regime_id,
        "size": batch.size,
        "seed": batch.seed,
        "priority": batch.priority,
        "paused": batch.paused,
        "state": batch.state,
        "message": batch.message,
        "created_at": batch.created_at,
        **filing_of(batch),
        "progress": {name: getattr(progress, name) for name in counts},
    }


add_filing(router, "batch", BatchOut, find=batch_of, answer=_whole)
