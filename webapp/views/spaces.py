"""Spaces: the lineage, one space, the form that defines or refines one, its live preview."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypedDict

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from engine.spaces import AnyNetSpace, RegNetSpace, presets, space_from_json
from engine.training.regimes import Regime as EngineRegime
from webapp import queries, services
from webapp.access import TeamRequest, regime_of, space_of, team_action, team_form, team_page
from webapp.analysis import SpacePopulation
from webapp.analysis.narrowing import narrows, restricted
from webapp.analysis.suggestions import restriction_words
from webapp.analysis.what_if import WhatIf, what_if, what_if_steps
from webapp.files.exports import csv_response
from webapp.forms import FORMS, SpaceForm, form_of, space_initial
from webapp.forms.configs import ConfigForm
from webapp.forms.configs import space_of as space_of_design
from webapp.forms.lists import Choice, Listing, read_list
from webapp.forms.spaces import LONGEST_NOTE
from webapp.models import Family, Regime, Space
from webapp.pages.edf_figures import WHAT_IF, what_if_figure
from webapp.pages.figures import Figure
from webapp.pages.lineage import Lineage, lineage, part
from webapp.pages.previews import SPREAD, Preview, contained, exact_size, preview, spread_numbers
from webapp.pages.steps import analysis_url, step_bar
from webapp.queries.costs import RegimeCost
from webapp.services import Refused
from webapp.space_words import describe, difference
from webapp.views.exports import figure_file, table_file

A_PAGE = 50

SPACES = Listing(
    sorts={
        "name": lambda step: step.space.name.casefold(),
        "size": lambda step: step.size,
        "used": lambda step: step.n,
        "error": lambda step: step.mean,
        "created": lambda step: step.space.created_at,
    },
    sought=("name", "note"),
    choices={
        "family": Choice("Family", {family.value: (family.label, Q(family=family)) for family in Family}),
    },
)
START_PRESET = {Family.ANYNET: "AnyNetX-A-small", Family.REGNET: "RegNetX-small"}


@team_page
def space_list(request: TeamRequest) -> HttpResponse:
    """As a tree, each below what it refines, on every page; in another order asked for without it."""
    asked, every = read_list(request.GET, SPACES), queries.team_spaces(request.team)
    tree = lineage(request.team, asked=_asked_regime(request), spaces=asked.keep(every))
    if asked.sort:
        steps = asked.order_lines(tree.steps)
        tree = replace(tree, steps=[replace(step, line=replace(step.line, level=0)) for step in steps])
    context = {"section": "spaces", "asked": asked, "all": every, **_paged(tree, asked.page)}
    return render(request, "spaces/list.html", context)


def _paged(tree: Lineage, number: int | str) -> dict[str, object]:
    page = Paginator(tree.steps, A_PAGE).get_page(number)
    return {"page": page, "lineage": part(tree, max(0, page.start_index() - 1), page.end_index())}


def _asked_regime(request: TeamRequest) -> Regime | None:
    """The regime under which a lineage is shown; None leaves the choice to the lineage."""
    chosen = request.GET.get("regime")
    return regime_of(request.team, _id(chosen)) if chosen else None


@team_page
def space_page(request: TeamRequest, space_id: int) -> HttpResponse:
    row = space_of(request.team, space_id)
    space = space_from_json(row.definition)
    parent = space_from_json(row.parent.definition) if row.parent else None
    batches = list(queries.space_batches(row)[:20])
    progress = queries.batch_progress(batch.pk for batch in batches)
    facts = queries.method_facts(row)
    family = lineage(request.team, asked=_asked_regime(request), of=row)
    position = next((k for k, step in enumerate(family.steps) if step.space == row), 0)
    context = {
        "section": "spaces",
        "row": row,
        "description": describe(space),
        "size": exact_size(space),
        "inside": contained(space, parent) if parent else None,
        "difference": difference(space, parent) if parent else [],
        **_paged(family, request.GET.get("page") or position // A_PAGE + 1),
        "facts": facts,
        "batches": [(batch, progress[batch.pk]) for batch in batches],
        "bar": step_bar(row, facts, current=None, may_write=request.may_write),
        "next_step": _next_step(facts),
        "analysis_url": analysis_url(row, facts),
    }
    return render(request, "spaces/space.html", context)


def _next_step(facts: queries.MethodFacts) -> str:
    """Which of the page's verbs is the next step of the method."""
    if not facts.latest_batch_id:
        return "queue"
    return "analyse" if facts.trained else "watch"


@team_form
def new_space(request: TeamRequest) -> HttpResponseBase:
    """A space of its own; ?preset= and ?family= say what the form starts from."""
    family = request.POST.get("family") or request.GET.get("family") or Family.ANYNET
    if family not in FORMS:
        raise BadRequest(f"family must be one of {', '.join(FORMS)}, got {family[:20]}.")
    pasted = ConfigForm(request.POST) if "fill" in request.POST else None
    if pasted and pasted.is_valid():
        start: AnyNetSpace | RegNetSpace = space_of_design(pasted.cleaned_data["design"])
        return _answer(request, form_of(start)(initial=space_initial(start)), title="Define a space", parent=None)
    name = request.GET.get("preset", "")
    if name and name not in presets.space_names():
        raise BadRequest(f"There is no preset {name[:60]}.")
    start = presets.space(name or START_PRESET[Family(family)])
    form_class = FORMS[family] if request.method == "POST" else form_of(start)
    posted = None if pasted else request.POST or None
    form = form_class(posted, initial={"name": name, **space_initial(start)})
    if pasted:
        messages.error(request, " ".join(map(str, pasted.errors["config"])))
    return _answer(request, form, title="Define a space", parent=None)


@team_form
def space_holds(request: TeamRequest, space_id: int) -> HttpResponse:
    """Whether the design of a pasted configuration lies in the space, part by part."""
    row = space_of(request.team, space_id)
    form = ConfigForm(request.POST or None)
    answer = space_from_json(row.definition).contains(form.cleaned_data["design"]) if form.is_valid() else None
    return render(request, "spaces/holds.html", {"section": "spaces", "row": row, "form": form, "answer": answer})


@team_form
def refine_space(request: TeamRequest, space_id: int) -> HttpResponseBase:
    """A child of a space; ?narrow=w_m:2.26:2.55&narrow=widths_non_decreasing&note=... starts from a suggestion."""
    parent = space_of(request.team, space_id)
    space = space_from_json(parent.definition)
    asked = request.GET.getlist("narrow")
    initial = {"note": request.GET.get("note", "")[:LONGEST_NOTE], **space_initial(restricted(space, asked))}
    words = ", ".join(restriction_words(one) for one in asked if narrows(space, [one]))
    if words:
        initial["name"] = queries.free_space_name(request.team, f"{parent.name} {words}")
    form = FORMS[parent.family](request.POST or None, initial=initial)
    return _answer(request, form, title=f"Refine {parent.name} into a new space", parent=parent)


@team_form
def edit_space(request: TeamRequest, space_id: int) -> HttpResponseBase:
    """The same space again, as long as nothing has been drawn from it."""
    row = space_of(request.team, space_id)
    initial = {"name": row.name, "note": row.note, **space_initial(space_from_json(row.definition))}
    form = FORMS[row.family](request.POST or None, initial=initial)
    return _answer(request, form, title=f"Change {row.name}", parent=row.parent, row=row)


def _presets() -> dict[str, list[str]]:
    """The names of the presets by what they are for; those that train on a laptop first."""
    names = presets.space_names()
    small = [name for name in names if name.endswith("-small")]
    return {
        "For images of 32 px and less": small,
        "For larger images, as in the papers": [name for name in names if name not in small],
    }


def _answer(
    request: TeamRequest, form: SpaceForm, *, title: str, parent: Space | None, row: Space | None = None
) -> HttpResponseBase:
    """Save what was posted, or show the form with its preview; ``export`` asks for a file of the preview alone."""
    if request.method == "POST" and not {"preview", "export", "fill"} & request.POST.keys() and form.is_valid():
        try:
            saved = _save(request, form, parent, row)
        except Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            messages.success(request, f"{saved.name} saved.")
            return redirect("space", saved.pk)
    previewed = _preview(request, form, parent)
    if request.method == "POST" and (exported := _exported(previewed, request.POST.get("export", ""))):
        return exported
    context = {
        "section": "spaces",
        "form": form,
        "title": title,
        "parent": parent,
        "row": row,
        "show_errors": form.is_bound,
        "config": ConfigForm(),
        "presets": _presets() if parent is None and row is None else {},
        "bar": step_bar(parent, queries.method_facts(parent), current=4, may_write=request.may_write)
        if parent and row is None
        else None,
        **previewed,
    }
    return render(request, "spaces/form.html", context)


class PreviewContext(TypedDict):
    """What the right side of the form shows."""

    preview: Preview | None
    what_if: WhatIf | None
    what_if_figure: Figure | None
    figures: list[Figure]
    problems: list[str]
    parent: Space | None
    regime: Regime | None
    regimes: list[Regime]
    exports: bool
    cost: RegimeCost | None
    changes: list[str]


def _exported(previewed: PreviewContext, asked: str) -> HttpResponseBase | None:
    """A figure of the preview in print size, or its numbers, such as "what-if.csv"; None where there is none."""
    element, _, kind = asked.rpartition(".")
    figure = next((figure for figure in previewed["figures"] if figure.element == element), None)
    if figure is None:
        return None
    if kind == "svg":
        return figure_file(figure, "svg")
    if kind == "png":
        return figure_file(figure, "png")
    if kind != "csv":
        return None
    if element == WHAT_IF:
        answer = previewed["what_if"]
        steps = what_if_steps(answer.parent, answer.result) if answer and answer.result else None
        return table_file(steps, element, "csv")
    if previewed["preview"] is None:
        return None
    return csv_response(element, *spread_numbers(previewed["preview"], element.removeprefix(SPREAD)))


def _save(request: TeamRequest, form: SpaceForm, parent: Space | None, row: Space | None) -> Space:
    given: dict[str, Any] = {"actor": request.user, **{k: form.cleaned_data[k] for k in ("name", "note", "space")}}
    if row is not None:
        return services.update_space(row=row, **given)
    return services.create_space(team=request.team, parent=parent, **given)


@team_action
def preview_space(request: TeamRequest) -> HttpResponse:
    """The right side of the form alone, asked for while somebody types."""
    family, parent_id = request.POST.get("family", ""), request.POST.get("parent", "")
    if family not in FORMS:
        raise BadRequest("family must be one of the form's.")
    parent = space_of(request.team, _id(parent_id)) if parent_id else None
    context = _preview(request, FORMS[family](request.POST), parent)
    response = render(request, "spaces/preview.html" if context["preview"] else "spaces/problems.html", context)
    if not context["preview"]:  # the last valid answer stays, with what is wrong now above it
        response["HX-Retarget"], response["HX-Reswap"] = "#live-problems", "outerHTML"
    return response


def _preview(request: TeamRequest, form: SpaceForm, parent: Space | None) -> PreviewContext:
    regimes = list(queries.team_regimes(request.team))
    chosen = request.POST.get("regime") or request.GET.get("regime") or ""
    regime = regime_of(request.team, _id(chosen)) if chosen else _usual_regime(regimes, parent)
    space = form.space if form.is_bound else _initial_space(form)
    previewed, answer = None, None
    if space is not None:
        previewed = preview(
            space,
            parent=space_from_json(parent.definition) if parent else None,
            regime=EngineRegime.from_json(regime.definition) if regime else None,
            slot=parent.slot if parent else 1,
        )
        answer = _what_if(space, parent, regime) if parent and regime else None
    asked = what_if_figure(answer) if answer else None
    return {
        "preview": previewed,
        "what_if": answer,
        "what_if_figure": asked,
        "figures": [*previewed.figures, *([asked] if asked else [])] if previewed else [],
        "problems": _problems(form) if form.is_bound else [],
        "parent": parent,
        "regime": regime,
        "regimes": regimes,
        "exports": True,
        "cost": queries.regime_cost(regime) if regime else None,
        "changes": difference(space, space_from_json(parent.definition)) if space and parent else [],
    }


def _usual_regime(regimes: list[Regime], parent: Space | None) -> Regime | None:
    """The regime under which most of the parent was trained, else the team's most used."""
    lines = queries.population_summaries(parent.team, space=parent) if parent else []
    most = max(lines, key=lambda line: line.trained, default=None)
    return next((one for one in regimes if most and one.pk == most.regime_id), regimes[0] if regimes else None)


def _what_if(space: AnyNetSpace | RegNetSpace, parent: Space, regime: Regime) -> WhatIf | None:
    """What the parent's samples say about the space; None where none is used yet."""
    data = queries.load_trained(space=parent, regime=regime)
    if not data.population.n:
        return None
    return what_if(SpacePopulation(space=parent, regime=regime, data=data, name=parent.name), space)


def _initial_space(form: SpaceForm) -> AnyNetSpace | RegNetSpace | None:
    """The space that an untouched form shows."""
    return type(form)({name: value for name, value in form.initial.items() if value is not False}).space


def _problems(form: SpaceForm) -> list[str]:
    return [str(message) for name, errors in form.errors.items() if name not in {"name", "note"} for message in errors]


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest("An id must be a number.")
    return int(text)
