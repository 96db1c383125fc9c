"""Training regimes: list, make, look at."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render

from engine.regimes import Regime as EngineRegime
from engine.regimes import regime_presets
from webapp import queries, services
from webapp.access import TeamRequest, regime_of, team_form, team_page
from webapp.forms import RegimeForm, regime_initial
from webapp.models import Space
from webapp.services import Refused

A_PAGE = 50


@team_page
def regime_list(request: TeamRequest) -> HttpResponse:
    page = Paginator(queries.team_regimes(request.team), A_PAGE).get_page(request.GET.get("page"))
    lines = [(row, EngineRegime.from_json(row.definition)) for row in page.object_list]
    context = {"section": "regimes", "lines": lines, "page": page, "presets": regime_presets()}
    return render(request, "regimes/list.html", context)


@team_form
def new_regime(request: TeamRequest) -> HttpResponse:
    form = RegimeForm(request.POST or None, initial=_initial_regime(request))
    if request.method == "POST" and form.is_valid():
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
    return render(request, "regimes/new.html", {"section": "regimes", "form": form, "presets": regime_presets()})


def _initial_regime(request: TeamRequest) -> dict[str, Any]:
    """From the address: ?preset=CIFAR-10 quick. Unknown names start from the first preset."""
    presets = regime_presets()
    name = request.GET.get("preset", "")
    regime = presets.get(name) or next(iter(presets.values()))
    return {"name": name if name in presets else "", **regime_initial(regime)}


@team_page
def regime_page(request: TeamRequest, regime_id: int) -> HttpResponse:
    row = regime_of(request.team, regime_id)
    spaces = Space.objects.filter(team=request.team).in_bulk()
    populations = [(line, spaces[line.space_id]) for line in queries.population_summaries(request.team, regime=row)]
    context = {
        "section": "regimes",
        "row": row,
        "regime": EngineRegime.from_json(row.definition),
        "populations": populations,
    }
    return render(request, "regimes/regime.html", context)
