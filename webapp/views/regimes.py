"""Training regimes: list, make, look at."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import redirect, render

from engine.training.regimes import Regime as EngineRegime
from engine.training.regimes import regime_presets
from webapp import queries, services
from webapp.access import TeamRequest, regime_of, team_form, team_page
from webapp.forms import RegimeForm, regime_initial
from webapp.forms.lists import Listing, read_list
from webapp.models import Space
from webapp.pages.data_sets import data_set_lines, found_folders
from webapp.pages.estimates import estimated_cost
from webapp.services import Refused

A_PAGE = 50

REGIMES = Listing(
    sorts={"name": Lower("name"), "data_set": Lower("data_set"), "batches": "batch_count", "created": "created_at"},
    usual="-batches",
    sought=("name", "data_set"),
)


@team_page
def regime_list(request: TeamRequest) -> HttpResponse:
    asked, every = read_list(request.GET, REGIMES), queries.team_regimes(request.team, archived=True)
    page = Paginator(asked.rows(every), A_PAGE).get_page(asked.page)
    rows = list(page.object_list)
    lines = [(row, EngineRegime.from_json(row.definition)) for row in rows]
    holders = queries.data_set_holders()
    context = {
        "section": "regimes",
        "asked": asked,
        "all": every,
        "lines": lines,
        "page": page,
        "presets": regime_presets(),
        "costs": queries.regime_costs(rows),
        "holders": holders,
        "data_sets": data_set_lines(holders),
        "slots": queries.capacity().slots,
    }
    return render(request, "regimes/list.html", context)


@team_form
def new_regime(request: TeamRequest) -> HttpResponse:
    """``estimate`` in the form asks for its cost alone: nothing is saved."""
    start = _initial_regime(request)
    form = RegimeForm(request.POST or None, initial={"name": start[0], **regime_initial(start[1])})
    if request.method == "POST" and form.is_valid() and "estimate" not in request.POST:
        data = form.cleaned_data
        try:
            row = services.create_regime(
                team=request.team, name=data["name"], regime=data["regime"], actor=request.user
            )
        except Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            messages.success(request, f"{row.name} saved. Queue a batch of a space under it next.")
            return redirect("regime", row.pk)
    asked = form.regime if form.is_bound else start[1]
    context = {
        "section": "regimes",
        "form": form,
        "presets": regime_presets(),
        "folders": found_folders(),
        "asked": asked,
        "estimate": estimated_cost(asked, list(queries.team_regimes(request.team))) if asked else None,
    }
    return render(request, "regimes/new.html", context)


def _initial_regime(request: TeamRequest) -> tuple[str, EngineRegime]:
    """From the address: ?preset=CIFAR-10 quick. Unknown names start from the first preset."""
    presets = regime_presets()
    name = request.GET.get("preset", "")
    regime = presets.get(name) or next(iter(presets.values()))
    return name if name in presets else "", regime


@team_page
def regime_page(request: TeamRequest, regime_id: int) -> HttpResponse:
    row = regime_of(request.team, regime_id)
    spaces = Space.objects.filter(team=request.team).in_bulk()
    populations = queries.population_summaries(request.team, regime=row)
    context = {
        "section": "regimes",
        "row": row,
        "regime": EngineRegime.from_json(row.definition),
        "populations": populations,
        "spaces": spaces,
        "cost": queries.regime_cost(row),
        "holders": queries.data_set_holders().get(row.data_set),
    }
    return render(request, "regimes/regime.html", context)
