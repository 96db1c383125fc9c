"""The search of the top bar: a page, and while one types the panel below the field."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render

from webapp import queries
from webapp.access import TeamRequest, team_page
from webapp.forms.tags import read_tag

LONGEST = 120
OF_A_KIND, OF_A_KIND_WHILE_TYPING = 10, 4


@team_page
def search_page(request: TeamRequest) -> HttpResponse:
    sought = request.GET.get("q", "").strip()[:LONGEST]
    typing, archived = request.headers.get("HX-Target") == "finder", "archived" in request.GET
    if typing and not sought:
        return HttpResponse()
    most = OF_A_KIND_WHILE_TYPING if typing else OF_A_KIND
    found = queries.search(request.team, sought, tag=_tag(sought), archived=archived, most=most) if sought else []
    context = {"sought": sought, "found": found, "archived": archived, "typing": typing}
    return render(request, "search/found.html" if typing else "search/search.html", context)


def _tag(sought: str) -> str:
    """The tag that may be meant, written with or without a #; empty where the text is none."""
    try:
        return read_tag(sought.removeprefix("#"))
    except ValidationError:
        return ""
