"""The search of the top bar: names of spaces and regimes, numbers of batches and samples."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from webapp import queries
from webapp.access import TeamRequest, team_page

LONGEST = 120


@team_page
def search_page(request: TeamRequest) -> HttpResponse:
    sought = request.GET.get("q", "").strip()[:LONGEST]
    found = queries.search(request.team, sought) if sought else None
    return render(request, "search.html", {"sought": sought, "found": found})
