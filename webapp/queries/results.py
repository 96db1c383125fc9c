"""Result pages: a team's list, and when the populations of a live one last changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from webapp import services
from webapp.models import ResultPage, Run, RunState, ShareLink, Team


def result_pages(team: Team) -> QuerySet[ResultPage]:
    """The latest first, archived ones too, with ``shared`` where a link works."""
    pages = ResultPage.objects.filter(team=team).select_related("created_by", "updated_by")
    return pages.annotate(shared=Exists(services.open_links().filter(page=OuterRef("pk")))).order_by(
        "-updated_at", "-pk"
    )


def working_links(page: ResultPage) -> QuerySet[ShareLink]:
    return services.open_links().filter(page=page).select_related("created_by").order_by("-created_at", "-pk")


def last_trained(pairs: Iterable[tuple[int, int]]) -> datetime | None:
    """When the latest run of these spaces and regimes was done."""
    chosen = Q(pk__in=[])
    for space_id, regime_id in pairs:
        chosen |= Q(batch__space_id=space_id, batch__regime_id=regime_id)
    latest: datetime | None = Run.objects.filter(chosen, state=RunState.DONE).aggregate(at=Max("ended_at"))["at"]
    return latest
