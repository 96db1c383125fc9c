"""One sample: what it is, how it did, how to build it."""

from __future__ import annotations

from django.db.models import F
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from engine.designs import AnyNetDesign, design_from_json
from engine.spaces import space_from_json
from engine.training.regimes import Regime as EngineRegime
from webapp import queries
from webapp.access import TeamRequest, sample_of, team_page
from webapp.analysis.neighbours import neighbourhood
from webapp.analysis.samples import cost_lines, rank_of
from webapp.models import Epoch, Run, RunState, Sample
from webapp.pages import samples
from webapp.pages.builds import builds
from webapp.pages.figures import Figure
from webapp.pages.links import Links

MOST_COMMANDS = 5  # of as many replicates; the others' differ in the number alone


@team_page
def sample_page(request: TeamRequest, sample_id: int) -> HttpResponse:
    sample = sample_of(request.team, sample_id)
    batch, space = sample.batch, sample.batch.space
    drawn, anynet = design_from_json(sample.drawn), AnyNetDesign.from_json(sample.design)
    regime = EngineRegime.from_json(batch.regime.definition)
    trained = queries.load_trained(space=space, regime=batch.regime)
    runs = list(Run.objects.filter(sample=sample).select_related("worker").order_by("replicate"))
    epochs = list(Epoch.objects.filter(run__sample=sample, attempt=F("run__attempt")).order_by("run", "number"))
    rank = rank_of(sample, trained)
    stages = samples.stage_figure(drawn, anynet, slot=space.slot)
    learning = samples.learning_figure(runs, epochs, slot=space.slot)
    context = {
        "section": "spaces",
        "sample": sample,
        "batch": batch,
        "space": space,
        "finding": samples.finding_of(sample, runs, rank),
        "parameters": samples.parameter_words(drawn),
        "anynet": anynet,
        "costs": cost_lines(sample, trained),
        "population_n": trained.population.n,
        "runs": runs,
        "again": [run for run in runs if run.state == RunState.DONE][:MOST_COMMANDS],
        "stages": stages,
        "learning": learning,
        "figures": [figure for figure in (stages, learning) if figure],
        "links": Links(page=reverse("sample", args=[sample.pk])),
        "builds": builds(drawn, anynet, regime),
        "neighbours": neighbourhood(sample, trained.population, space_from_json(space.definition).parameter_paths()),
    }
    return render(request, "samples/sample.html", context)


def sample_figures(sample: Sample) -> list[Figure]:
    """The figures of a sample's page."""
    slot = sample.batch.space.slot
    runs = list(Run.objects.filter(sample=sample).order_by("replicate"))
    epochs = list(Epoch.objects.filter(run__sample=sample, attempt=F("run__attempt")).order_by("run", "number"))
    stages = samples.stage_figure(design_from_json(sample.drawn), AnyNetDesign.from_json(sample.design), slot=slot)
    return [figure for figure in (stages, samples.learning_figure(runs, epochs, slot=slot)) if figure]


@team_page
def sample_design(request: TeamRequest, sample_id: int) -> HttpResponse:
    """The design as JSON: as drawn, and adjusted for group compatibility."""
    sample = sample_of(request.team, sample_id)
    return JsonResponse({"drawn": sample.drawn, "design": sample.design})
