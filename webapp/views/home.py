"""The first page: what is running, what needs the person, what has finished; or how to begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render

from engine.spaces import presets
from engine.training.regimes import regime_presets
from webapp import plots, queries, services
from webapp.access import TeamRequest, team_action, team_page
from webapp.analysis.batches import BatchErrors, errors_of_batch
from webapp.models import Regime, SampleBatch, Space
from webapp.queries import BatchProgress, FailureGroup
from webapp.views.results import latest_results
from webapp.wording import counted, joined

START_SPACES = {"AnyNetX-A": "AnyNetX-A-small", "RegNetX": "RegNetX-small"}
START_REGIME = "Fashion-MNIST on CPU"
RUNNING_SHOWN, FAILED_SHOWN, FINISHED_SHOWN, RESULTS_SHOWN = 10, 5, 5, 4


@dataclass(frozen=True)
class RunningLine:
    batch: SampleBatch
    progress: BatchProgress
    behind: int

    @property
    def time_left(self) -> str:
        """What stands in the column where no rate is known yet."""
        if self.progress.paused:
            return "paused"
        if self.progress.to_be_drawn:
            return "drawing designs"
        return f"queued behind {self.behind}" if self.behind and not self.progress.running else "–"


@dataclass(frozen=True)
class FailedLine:
    batch: SampleBatch
    groups: list[FailureGroup]

    @property
    def runs(self) -> int:
        return sum(group.runs for group in self.groups)

    @property
    def words(self) -> str:
        kinds: dict[str, int] = {}
        for group in self.groups:
            kinds[group.kind.label] = kinds.get(group.kind.label, 0) + group.runs
        said = joined([f"{count} {kind}" for kind, count in kinds.items()])
        return f"{counted(self.runs, 'run')} of {self.batch.space}: {said}"


@dataclass(frozen=True)
class FinishedLine:
    batch: SampleBatch
    progress: BatchProgress
    errors: BatchErrors


@team_page
def home(request: TeamRequest) -> HttpResponse:
    team = request.team
    if not Space.objects.filter(team=team).exists():
        return render(request, "home/empty.html", {"regime_name": START_REGIME})
    finished = _finished(request)
    context: dict[str, Any] = {
        "capacity": queries.capacity(),
        "silent": [line for line in queries.worker_lines(team) if line.silent and line.busy][:FAILED_SHOWN],
        "finished": finished,
        "finished_count": queries.finished_batches(team).count(),
        "span": plots.edf_range([], more=np.array([end for line in finished for end in line.errors.outline.quantiles])),
        **_running(request),
        **_failed(request),
        **latest_results(team, most=RESULTS_SHOWN),
    }
    context["needs"] = len(context["failed"]) + len(context["silent"]) + len(context["undrawable"])
    return render(request, "home/home.html", context)


def _running(request: TeamRequest) -> dict[str, object]:
    active = queries.active_batches(request.team)
    batches = list(active[:RUNNING_SHOWN])
    progress = queries.batch_progress(batch.pk for batch in batches)
    lines = [RunningLine(batch, progress[batch.pk], behind) for behind, batch in enumerate(batches)]
    count = len(batches) if len(batches) < RUNNING_SHOWN else active.count()
    waiting = sum(line.progress.waiting for line in lines)
    return {"running": lines, "running_count": count, "waiting": waiting}


def _failed(request: TeamRequest) -> dict[str, object]:
    """Failed runs of the newest batches that have some, and draws that gave no designs."""
    batches = {batch.pk: batch for batch in queries.batches_with_failures(request.team)[:FAILED_SHOWN]}
    groups: dict[int, list[FailureGroup]] = {}
    for group in queries.failure_groups(list(batches), limit=100):
        groups.setdefault(group.batch_id, []).append(group)
    failed = [FailedLine(batch, groups[pk]) for pk, batch in batches.items() if pk in groups]
    undrawable = list(queries.undrawable_batches(request.team)[:FAILED_SHOWN])
    return {"failed": failed, "undrawable": undrawable}


def _finished(request: TeamRequest) -> list[FinishedLine]:
    batches = list(queries.finished_batches(request.team)[:FINISHED_SHOWN])
    progress = queries.batch_progress(batch.pk for batch in batches)
    versions = queries.batch_versions(batch.pk for batch in batches)
    lines = [_finished_line(batch, progress[batch.pk], versions[batch.pk]) for batch in batches]
    return [line for line in lines if line]


def _finished_line(batch: SampleBatch, progress: BatchProgress, version: str) -> FinishedLine | None:
    errors = errors_of_batch(batch, version)
    return FinishedLine(batch, progress, errors) if errors else None


@team_page
def home_running(request: TeamRequest) -> HttpResponse:
    """The table of running batches alone, for polling."""
    return render(request, "home/running.html", _running(request))


@team_action
def start_from_presets(request: TeamRequest) -> HttpResponse:
    """Create the two spaces and the regime of the demo, those that are missing."""
    with transaction.atomic():
        for name, preset in START_SPACES.items():
            if not Space.objects.filter(team=request.team, name=name).exists():
                space = presets.space(preset)
                services.create_space(team=request.team, name=name, space=space, actor=request.user)
        if not Regime.objects.filter(team=request.team, name=START_REGIME).exists():
            regime = regime_presets()[START_REGIME]
            services.create_regime(team=request.team, name=START_REGIME, regime=regime, actor=request.user)
    messages.success(
        request,
        f"{' and '.join(START_SPACES)} are defined, with the regime {START_REGIME}. Queue a batch of each next.",
    )
    return redirect("spaces")
