"""The queue and its batches: look, queue, pause, resume, cancel, retry, extend, reorder."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.http import url_has_allowed_host_and_scheme

from engine.spaces import space_from_json
from tasks.publish import publish_draw, publish_permits
from webapp import queries, services
from webapp.access import TeamRequest, batch_of, team_action, team_form, team_page
from webapp.analysis import SpacePopulation
from webapp.analysis.statistics import at_version
from webapp.files.exports import csv_response
from webapp.forms import BatchForm, ExtendForm, PauseForm, PriorityForm, RetryForm
from webapp.forms.batches import PRIORITIES
from webapp.forms.lists import Choice, Listing, read_list
from webapp.models import FailureKind, RunState, SampleBatch
from webapp.pages.draws import read_report
from webapp.pages.edf_figures import edf_figure
from webapp.pages.figures import Figure
from webapp.pages.links import Links
from webapp.pages.population_words import counts_in_words, failure_sentence, middle_of
from webapp.pages.previews import exact_size
from webapp.pages.regime_choices import regime_choices
from webapp.pages.steps import step_bar
from webapp.queries import BatchProgress
from webapp.services import Refused, SeedTaken, same_draw
from webapp.wording import counted, joined

ENDED_A_PAGE = 25
ACTIVE_SHOWN = 100
DEFAULT_SIZE = 50

BATCHES = Listing(
    sorts={
        "space": queries.SPACE_NAME,
        "regime": Lower("regime__name"),
        "priority": "priority",
        "size": "size",
        "created": "created_at",
    },
    sought=("space__name", "regime__name", "created_by__name", "created_by__email"),
    choices={
        "state": Choice("State", {word: (word, condition) for word, condition in queries.BATCH_WORDS.items()}),
    },
)
RUNS = Listing(
    sorts=queries.RUN_ORDERS,
    usual="state",
    choices={
        "state": Choice("State", {state.value: (state.label, Q(state=state)) for state in RunState}),
        "kind": Choice("Failure", {kind.value: (kind.label, Q(failure_kind=kind)) for kind in FailureKind}),
    },
    filed=False,
    anchor="runs",
)


@team_page
def batch_list(request: TeamRequest) -> HttpResponse:
    """What the queue still serves, in its order unless another is asked for, and what has ended."""
    asked = read_list(request.GET, BATCHES)
    active = list(asked.rows(queries.active_batches(request.team))[: ACTIVE_SHOWN + 1])
    ended = Paginator(asked.rows(queries.ended_batches(request.team)), ENDED_A_PAGE).get_page(asked.page)
    listed = active[:ACTIVE_SHOWN]
    progress = queries.batch_progress(batch.pk for batch in [*listed, *ended.object_list])
    context = {
        "section": "batches",
        "asked": asked,
        "all": queries.team_batches(request.team),
        "active": [(batch, progress[batch.pk]) for batch in listed],
        "more": len(active) > ACTIVE_SHOWN,
        "ended": [(batch, progress[batch.pk]) for batch in ended.object_list],
        "page": ended,
        "priorities": PRIORITIES,
    }
    return render(request, "batches/list.html", context)


@team_form
def new_batch(request: TeamRequest) -> HttpResponse:
    form = BatchForm(request.POST or None, team=request.team, initial=_initial_batch(request))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            with transaction.atomic():
                made = services.create_sample_batches(
                    actor=request.user,
                    space=data["space"],
                    regimes=data["regime"],
                    size=data["size"],
                    seed=data["seed"],
                )
                transaction.on_commit(publish_draw)
        except SeedTaken as refusal:
            form.add_error("seed", _taken_seed(refusal))
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            names = joined([batch.regime.name for batch in made])
            messages.success(request, f"Queued: {counted(data['size'], 'design')} of {data['space']} under {names}.")
            return redirect("batch", made[0].pk) if len(made) == 1 else redirect("space", data["space"].pk)
    return render(request, "batches/new.html", {"section": "batches", "form": form, **_choices(form)})


def _taken_seed(refusal: SeedTaken) -> str:
    """What refuses it, with links to the batches."""
    batches = [(reverse("batch", args=[batch.pk]), batch.pk, same_draw(batch)) for batch in refusal.batches]
    return format_html_join(" ", '<a href="{}">Batch {}</a> {}', batches)


def _choices(form: BatchForm) -> dict[str, object]:
    """What can be queued: the spaces, and the regimes with what each means for the space chosen."""
    asked = str(form["space"].value() or "")
    spaces = form.spaces.filter(pk=asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else form.spaces
    ticked = {str(getattr(value, "pk", value)) for value in form["regime"].value() or ()}
    return {
        "has_space": form.spaces.exists(),
        "space": (space := spaces.first()),
        "choices": regime_choices(list(form.regimes), space=space, ticked=ticked),
    }


def _initial_batch(request: TeamRequest) -> dict[str, object]:
    """From the address: ?space=1&regime=2&regime=3; the regime that the team uses most where none is named."""
    named = [value for value in request.GET.getlist("regime") if value.isdecimal()]
    initial: dict[str, Any] = {
        "regime": named or list(queries.team_regimes(request.team)[:1]),
        "size": DEFAULT_SIZE,
        "seed": queries.free_seed(request.team),
    }
    space = request.GET.get("space", "")
    return initial | ({"space": space} if space.isdecimal() else {})


@team_page
def batch_page(request: TeamRequest, batch_id: int) -> HttpResponse:
    batch = batch_of(request.team, batch_id)
    asked = read_list(request.GET, RUNS)
    services.mark_read(user=request.user, batch=batch)
    failures = queries.failure_groups([batch.pk])
    context = {
        "section": "batches",
        "bar": step_bar(batch.space, queries.method_facts(batch.space), current=1, may_write=request.may_write),
        "failures": failures,
        "failed": sum(group.runs for group in failures),
        "trained_on": queries.trained_on(batch),
        "draw": read_report(batch.report),
        "space_size": exact_size(space_from_json(batch.space.definition)),
        "asked": asked,
        "runs": queries.run_page(batch, asked.rows(queries.iterate_runs(batch)), page=asked.page),
        "epochs": batch.regime.definition.get("recipe", {}).get("epochs"),
        "priorities": PRIORITIES,
        "priority": PRIORITIES.get(batch.priority, str(batch.priority)),
        **_live(batch, queries.batch_progress([batch.pk])[batch.pk]),
        **_edf(batch),
    }
    return render(request, "batches/batch.html", context)


@team_page
def batch_progress(request: TeamRequest, batch_id: int) -> HttpResponse:
    """What changes every second while a batch runs, for polling; the whole page is asked for again when it ends."""
    batch = batch_of(request.team, batch_id)
    progress = queries.batch_progress([batch.pk])[batch.pk]
    response = render(request, "batches/progress.html", _live(batch, progress))
    if request.GET.get("word", "") not in {"", progress.word}:
        response["HX-Refresh"] = "true"  # the buttons depend on the state
    return response


@team_page
def batch_edf(request: TeamRequest, batch_id: int) -> HttpResponse:
    """The EDF so far, for polling: where nothing has changed since what is ``seen`` 204 leaves the page alone."""
    batch = batch_of(request.team, batch_id)
    if request.GET.get("seen") == _version(batch):
        return HttpResponse(status=204)
    return render(request, "batches/edf.html", _edf(batch) | {"polled": True})


def _version(batch: SampleBatch) -> str:
    return queries.batch_versions([batch.pk])[batch.pk]


def _live(batch: SampleBatch, progress: BatchProgress) -> dict[str, object]:
    """Counts of now; where the errors lie is read from the samples only where these have changed."""
    slots, machines = queries.slots_on(batch.pk)
    return {
        "batch": batch,
        "progress": progress,
        "slots": slots,
        "machines": machines,
        "middle": at_version("middle", _version(batch), lambda: middle_of(_population(batch))),
        "left": progress.waiting + progress.running,
    }


def _edf(batch: SampleBatch) -> dict[str, object]:
    seen = _version(batch)  # before the samples are read: what changes meanwhile is asked for again
    population = _population(batch)
    return {
        "batch": batch,
        "population": population,
        "counts": counts_in_words(population),
        "figures": _edf_figures(population),
        "seen": seen,
        "failure_sentence": failure_sentence(population),
        "links": Links(page=reverse("batch", args=[batch.pk])),
    }


def _edf_figures(population: SpacePopulation) -> list[Figure]:
    if not population.n:
        return []
    return [edf_figure([population], csv=f"{reverse('analysis-edf-csv')}?p={population.token}")]


def edf_of_batch(batch: SampleBatch) -> Figure | None:
    """The figure of a batch's page; None while no sample of it is used."""
    return next(iter(_edf_figures(_population(batch))), None)


def _population(batch: SampleBatch) -> SpacePopulation:
    """What has been trained of the batch."""
    data = queries.load_trained(space=batch.space, regime=batch.regime, batch=batch, parameters=False)
    return SpacePopulation(space=batch.space, regime=batch.regime, data=data, name=batch.space.name)


@team_page
def batch_runs_csv(request: TeamRequest, batch_id: int) -> HttpResponseBase:
    batch = batch_of(request.team, batch_id)
    head = ["sample", "position", "replicate", "state", "failure_kind", "failure_message", "final_error", "best_error",
            "flops", "params", "acts", "train_seconds", "peak_memory", "device_kind"]  # fmt: skip
    rows = (
        [
            run.sample_id,
            run.position,
            run.replicate,
            run.state,
            run.failure_kind,
            run.failure_message,
            run.final_error,
            run.best_error,
            run.sample.flops,
            run.sample.params,
            run.sample.acts,
            run.train_seconds,
            run.peak_memory,
            run.device_kind,
        ]
        for run in queries.iterate_runs(batch).iterator(chunk_size=1000)
    )
    return csv_response(f"batch-{batch.pk}-runs", head, rows)


@team_action
def pause_batch(request: TeamRequest, batch_id: int) -> HttpResponse:
    """At once, or with ``finish_running`` after the runs that have begun."""
    batch = batch_of(request.team, batch_id)
    form = PauseForm(request.POST)
    form.full_clean()
    finish_running = form.cleaned_data["finish_running"]
    if services.pause_batch(batch=batch, actor=request.user, finish_running=finish_running):
        begun = "go on to their end" if finish_running else "stop at their last finished epoch within seconds"
        messages.warning(request, f"Paused: runs that have begun {begun}, the others wait.")
    return _back(request, batch)


@team_action
def resume_batch(request: TeamRequest, batch_id: int) -> HttpResponse:
    batch = batch_of(request.team, batch_id)
    with transaction.atomic():
        claimable = services.resume_batch(batch=batch, actor=request.user)
        transaction.on_commit(publish_draw if not claimable else lambda: publish_permits(claimable))
    messages.success(request, f"Resumed: {counted(claimable, 'run')} can be claimed.")
    return _back(request, batch)


@team_action
def cancel_batch(request: TeamRequest, batch_id: int) -> HttpResponse:
    batch = batch_of(request.team, batch_id)
    try:
        cancelled = services.cancel_batch(batch=batch, actor=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("batches")
    messages.warning(request, f"Cancelled {counted(cancelled, 'run')}; finished ones and their errors stay.")
    return _back(request, batch)


@team_action
def retry_batch(request: TeamRequest, batch_id: int) -> HttpResponse:
    """Queue failed runs again, all or those of one kind; or the cancelled ones."""
    batch = batch_of(request.team, batch_id)
    form = RetryForm(request.POST)
    if not form.is_valid():
        raise BadRequest(f"Runs cannot be retried so: {form.errors.as_text()}")
    try:
        with transaction.atomic():
            retried = services.retry_failed_runs(batch=batch, actor=request.user, **form.cleaned_data)
            transaction.on_commit(lambda: publish_permits(retried))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("batches")
    messages.success(request, f"Queued again: {counted(retried, 'run')}.")
    return _back(request, batch)


@team_action
def extend_batch(request: TeamRequest, batch_id: int) -> HttpResponse:
    batch = batch_of(request.team, batch_id)
    form = ExtendForm(request.POST)
    try:
        if not form.is_valid():
            raise Refused(" ".join(str(message) for errors in form.errors.values() for message in errors))
        with transaction.atomic():
            services.extend_batch(batch=batch, actor=request.user, size=form.cleaned_data["size"])
            transaction.on_commit(publish_draw)
    except Refused as refusal:
        messages.error(request, f"Not extended: {refusal}")
    else:
        messages.success(request, f"Extended to {counted(form.cleaned_data['size'], 'design')}; the first ones stay.")
    return _back(request, batch)


@team_action
def prioritise_batch(request: TeamRequest, batch_id: int) -> HttpResponse:
    batch = batch_of(request.team, batch_id)
    form = PriorityForm(request.POST)
    if not form.is_valid():
        raise BadRequest(f"No such priority: {form.errors.as_text()}")
    services.set_priority(batch=batch, actor=request.user, **form.cleaned_data)
    return _back(request, batch)


def _back(request: TeamRequest, batch: SampleBatch) -> HttpResponse:
    """To the page of this site that the verb was used on, by default the batch's."""
    target = request.POST.get("next", "")
    if target and url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return redirect(target)
    return redirect("batch", batch.pk)
