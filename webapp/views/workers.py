"""Machines and devices; drain a slot and put it back to work."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from tasks.publish import publish_permits
from webapp import queries, services
from webapp.access import TeamRequest, team_action, team_page
from webapp.forms import WorkerForm
from webapp.forms.lists import Choice, Listing, read_list
from webapp.models import Worker
from webapp.queries import WorkerLine


def _is(word: str) -> Callable[[WorkerLine], bool]:
    return lambda line: line.word == word


WORKERS = Listing(
    sorts={
        "host": lambda line: (line.host, line.device, line.slot),
        "device": lambda line: (line.device, line.host, line.slot),
        "kind": lambda line: (line.device_kind, line.host),
        "state": lambda line: line.word,
        "speed": lambda line: line.epochs_per_minute if line.busy else None,
        "memory": lambda line: None if line.ended_at else line.memory,
        "seen": lambda line: line.last_seen,
        "started": lambda line: line.started_at,
    },
    sought=("host", "device", "device_kind"),
    choices={"state": Choice("State", {word: (word, _is(word)) for word in queries.WORKER_WORDS})},
    filed=False,
)


@team_page
def worker_list(request: TeamRequest) -> HttpResponse:
    asked, most = read_list(request.GET, WORKERS), queries.WORKERS_SHOWN
    lines = queries.worker_lines(request.team, limit=most + 1)
    context = {
        "section": "workers",
        "asked": asked,
        "any": bool(lines),
        "cut": most if len(lines) > most else 0,
        "workers": asked.order_lines(asked.keep_lines(lines[:most])),
        "capacity": queries.capacity(),
    }
    return render(request, "workers/list.html", context)


@team_action
def drain_worker(request: TeamRequest) -> HttpResponse:
    """All teams share the workers, so a member of any of them may take one out of service; the log says who did."""
    worker = _posted_worker(request)
    if services.drain_worker(worker=worker, team=request.team, actor=request.user):
        messages.warning(request, f"{worker} finishes its run, if it has one, and takes no more.")
    return redirect("workers")


@team_action
def undrain_worker(request: TeamRequest) -> HttpResponse:
    worker = _posted_worker(request)
    with transaction.atomic():
        changed = services.undrain_worker(worker=worker, team=request.team, actor=request.user)
        transaction.on_commit(lambda: publish_permits(1))
    if changed:
        messages.success(request, f"{worker} takes runs again.")
    return redirect("workers")


def _posted_worker(request: TeamRequest) -> Worker:
    form = WorkerForm(request.POST)
    if not form.is_valid():
        raise BadRequest(f"No such worker: {form.errors.as_text()}")
    return get_object_or_404(Worker, pk=form.cleaned_data["worker"], ended_at=None)
