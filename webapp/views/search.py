"""The search of the top bar: a page, and while one types the panel below the field."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from webapp import queries
from webapp.access import TeamRequest, team_page
from webapp.forms.tags import tag_in_text

LONGEST = 120
OF_A_KIND, OF_A_KIND_WHILE_TYPING = 10, 4


@team_page
def search_page(request: TeamRequest) -> HttpResponse:
    sought = request.GET.get("q", "").strip()[:LONGEST]
    typing, archived = request.headers.get("HX-Target") == "finder", "archived" in request.GET
    if typing and not sought:
        return HttpResponse()
    most = OF_A_KIND_WHILE_TYPING if typing else OF_A_KIND
    tag = tag_in_text(sought)
    found = queries.search(request.team, sought, tag=tag, archived=archived, most=most) if sought else []
    context = {"sought": sought, "tag": tag, "found": found, "archived": archived, "typing": typing}
    return render(request, "search/found.html" if typing else "search/search.html", context)
