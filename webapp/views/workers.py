"""Machines and devices."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from webapp import queries
from webapp.access import TeamRequest, team_page


@team_page
def worker_list(request: TeamRequest) -> HttpResponse:
    context = {"section": "workers", "workers": queries.worker_lines(request.team), "capacity": queries.capacity()}
    return render(request, "workers/list.html", context)
