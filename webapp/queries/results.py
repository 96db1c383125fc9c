"""Result pages: a team's list, and when the populations of a live one last changed."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, F, Max, OuterRef, QuerySet

from webapp import services
from webapp.models import ResultPage, ResultPopulation, RunState, ShareLink, Team


def result_pages(team: Team) -> QuerySet[ResultPage]:
    """The latest first, archived ones too, with ``shared`` where a link works."""
    pages = ResultPage.objects.filter(team=team).select_related("created_by", "updated_by")
    return pages.annotate(shared=Exists(services.open_links().filter(page=OuterRef("pk")))).order_by(
        "-updated_at", "-pk"
    )


def working_links(page: ResultPage) -> QuerySet[ShareLink]:
    return services.open_links().filter(page=page).select_related("created_by").order_by("-created_at", "-pk")


def last_trained(page: ResultPage) -> datetime | None:
    """When the latest run of what a live page reads was done; None where none was."""
    done = ResultPopulation.objects.filter(
        page=page, space__batches__regime=F("regime"), space__batches__runs__state=RunState.DONE
    )
    latest: datetime | None = done.aggregate(at=Max("space__batches__runs__ended_at"))["at"]
    return latest
