"""Runs of a batch, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Max, Min, Q, QuerySet, TextField, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from webapp.models import Epoch, Run, RunState, SampleBatch

PAGE = 50
STATE_ORDER = [RunState.RUNNING, RunState.FAILED, RunState.DONE, RunState.QUEUED, RunState.CANCELLED]


@dataclass(frozen=True)
class RunLine:
    run: Run
    epochs: int
    ahead: bool

    @property
    def depths(self) -> str:
        return " ".join(map(str, self.run.sample.design["stage_depths"]))

    @property
    def widths(self) -> str:
        return " ".join(map(str, self.run.sample.design["stage_widths"]))

    @property
    def state_class(self) -> str:
        return "waiting" if self.run.state == RunState.QUEUED else self.run.state

    @property
    def seconds(self) -> float | None:
        if self.run.started_at is None:
            return None
        until: datetime = self.run.ended_at or timezone.now()
        return max(0.0, (until - self.run.started_at).total_seconds())


@dataclass(frozen=True)
class RunPage:
    lines: list[RunLine]
    first: int
    last: int
    total: int
    number: int

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.last < self.total else None


# The columns that a list of runs can be sorted by.
RUN_ORDERS: Mapping[str, Any] = {
    "sample": "position",
    "state": Case(
        *[When(state=state, then=Value(place)) for place, state in enumerate(STATE_ORDER)], output_field=IntegerField()
    ),
    "device": "worker__host",
    "error": "final_error",
    "time": Coalesce(F("ended_at"), Now()) - F("started_at"),
}


def run_page(batch: SampleBatch, runs: QuerySet[Run], *, page: int = 1) -> RunPage:
    """Fifty of some runs of a batch."""
    total = runs.count()
    number = min(max(1, page), max(1, -(-total // PAGE)))
    start = (number - 1) * PAGE
    rows = list(runs.select_related("sample", "worker")[start : start + PAGE])
    lines = _lines(batch, rows)
    return RunPage(lines, start + 1 if rows else 0, start + len(rows), total, number)


def _lines(batch: SampleBatch, rows: list[Run]) -> list[RunLine]:
    epochs = dict(
        Epoch.objects.filter(run__in=rows, attempt=F("run__attempt")).values_list("run").annotate(Max("number"))
    )
    unfinished = [RunState.QUEUED, RunState.RUNNING, RunState.CANCELLED]
    frontier = Run.objects.filter(batch=batch, state__in=unfinished).aggregate(Min("position"))["position__min"]
    return [
        RunLine(
            run, epochs.get(run.pk, 0), run.state == RunState.DONE and frontier is not None and run.position > frontier
        )
        for run in rows
    ]


def count_cancelled(batch: SampleBatch) -> int:
    return Run.objects.filter(batch=batch, state=RunState.CANCELLED).count()


def iterate_runs(batch: SampleBatch) -> QuerySet[Run]:
    """Every run of a batch in draw order, for an export."""
    return Run.objects.filter(batch=batch).select_related("sample").order_by("position", "replicate")


@dataclass(frozen=True)
class TrainedOn:
    """Finished runs of one batch that were trained on the same kind of device with the same versions."""

    device_kind: str
    torch: str
    instruction_set: str
    slots: int
    runs: int


def trained_on(batch: SampleBatch) -> list[TrainedOn]:
    """On what the finished runs of a batch were trained, the most frequent kind first."""
    rows = (
        Run.objects.filter(batch=batch, state=RunState.DONE)
        .values_list(
            "device_kind",
            Coalesce(KT("versions__torch"), Value(""), output_field=TextField()),
            Coalesce(KT("versions__instruction_set"), Value(""), output_field=TextField()),
            Coalesce("device_slots", 1),
        )
        .annotate(runs=Count("id"))
        .order_by("-runs", "device_kind")
    )
    return [TrainedOn(*row) for row in rows]


def without_use_for_checkpoints(run_ids: Iterable[int]) -> list[int]:
    """Those of the runs that will not be resumed: done, or for a week failed or cancelled."""
    given_up = Q(state__in=[RunState.FAILED, RunState.CANCELLED], ended_at__lt=Now() - timedelta(days=7))
    ended = Run.objects.filter(Q(state=RunState.DONE) | given_up, pk__in=list(run_ids))
    return list(ended.values_list("pk", flat=True))
