"""Tags, the archive and deletion, the same for spaces, regimes, batches, result pages and imported populations."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from webapp import services
from webapp.access import (
    TeamRequest,
    batch_of,
    imported_of,
    regime_of,
    result_of,
    space_of,
    team_action,
    team_form,
)
from webapp.forms.tags import TagForm
from webapp.models import Team
from webapp.models.filing import Filed
from webapp.pages.filing import PLACES, address_of, deletion, name_of
from webapp.services import Refused
from webapp.views.refusals import refusals_told

FINDERS: dict[str, Callable[[Team, int], Filed]] = {
    "space": space_of,
    "regime": regime_of,
    "batch": batch_of,
    "result": result_of,
    "imported": imported_of,
}


@team_action
def tag_row(request: TeamRequest, noun: str, row_id: int) -> HttpResponse:
    row = FINDERS[noun](request.team, row_id)
    form = TagForm(request.POST)
    try:
        if not form.is_valid():
            raise Refused(" ".join(map(str, form.errors["tag"])))
        services.add_tag(row=row, tag=form.cleaned_data["tag"], actor=request.user)
    except Refused as refusal:
        messages.error(request, f"Not tagged: {refusal}")
    return redirect(address_of(row))


@team_action
def untag_row(request: TeamRequest, noun: str, row_id: int) -> HttpResponse:
    row = FINDERS[noun](request.team, row_id)
    form = TagForm(request.POST)
    with refusals_told(request):
        if form.is_valid():
            services.remove_tag(row=row, tag=form.cleaned_data["tag"], actor=request.user)
    return redirect(address_of(row))


@team_action
def archive_row(request: TeamRequest, noun: str, row_id: int) -> HttpResponse:
    row = FINDERS[noun](request.team, row_id)
    try:
        services.archive(row=row, actor=request.user)
    except Refused as refusal:
        messages.error(request, f"Not archived: {refusal}")
    else:
        messages.success(request, f"Archived: {name_of(row)}.")
    return redirect(address_of(row))


@team_action
def restore_row(request: TeamRequest, noun: str, row_id: int) -> HttpResponse:
    row = FINDERS[noun](request.team, row_id)
    services.bring_back(row=row, actor=request.user)
    messages.success(request, f"Back from the archive: {name_of(row)}.")
    return redirect(address_of(row))


@team_form
def delete_row(request: TeamRequest, noun: str, row_id: int) -> HttpResponse:
    """What would go and what stands in the way; posted, it goes, unless something has come in the way meanwhile."""
    row = FINDERS[noun](request.team, row_id)
    place, name = PLACES[type(row)], name_of(row)
    if request.method == "POST":
        try:
            services.delete(row=row, actor=request.user)
        except Refused as refusal:
            messages.error(request, str(refusal))
            return redirect(f"delete-{noun}", row_id)
        messages.success(request, f"Deleted: {name}.")
        return redirect(place.list)
    context = {
        "section": "results" if noun == "imported" else place.list,
        "name": name,
        "place": place,
        "row": row,
        "back": address_of(row),
        "archive": reverse(f"archive-{noun}", args=[row_id]),
        "deletion": deletion(row),
    }
    return render(request, "filing/delete.html", context)
