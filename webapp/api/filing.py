"""Tags and the archive, the same for spaces, regimes and batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db.models import QuerySet
from ninja import Router, Schema
from ninja.params.functions import Path

from webapp import services
from webapp.access import TeamRequest
from webapp.api.names import checked_tag
from webapp.api.schemas import FiledPage, Tags, or_problem
from webapp.api.tokens import WRITER
from webapp.models import Team
from webapp.models.filing import Filed

Row = TypeVar("Row", bound=Filed)


def filed(chosen: FiledPage, rows: QuerySet[Row]) -> QuerySet[Row]:
    """Those of the rows that a list is asked for."""
    if chosen.tag is not None:
        rows = rows.filter(tags__contains=[checked_tag(chosen.tag, parameter="tag")])
    return rows if chosen.archived is None else rows.filter(archived_at__isnull=not chosen.archived)


def filing_of(row: Filed) -> dict[str, object]:
    return {"tags": row.tags, "archived_at": row.archived_at}


def add_filing(
    router: Router,
    noun: str,
    out: type[Schema],
    *,
    find: Callable[[Team, int], Row],
    answer: Callable[[Row], dict[str, object]],
) -> None:
    """The operations of a noun; each answers the row as it stands after it."""
    number = f"{noun}_id"

    def path(verb: str) -> str:
        return f"/{{id:{number}}}/{verb}"

    @router.put(path("tags"), response=or_problem(out), auth=WRITER, operation_id=f"set_{noun}_tags")
    def set_tags(request: TeamRequest, body: Tags, row_id: int = Path(alias=number)) -> dict[str, object]:
        """Let it carry exactly these tags."""
        tags = {checked_tag(tag, parameter="tags") for tag in body.tags}
        services.set_tags(row=find(request.team, row_id), tags=tags, actor=request.user)
        return answer(find(request.team, row_id))

    @router.post(path("archive"), response=or_problem(out), auth=WRITER, operation_id=f"archive_{noun}")
    def archive(request: TeamRequest, row_id: int = Path(alias=number)) -> dict[str, object]:
        """Put it away: the pages' lists leave it out, analyses still count it."""
        services.archive(row=find(request.team, row_id), actor=request.user)
        return answer(find(request.team, row_id))

    @router.post(path("bring-back"), response=or_problem(out), auth=WRITER, operation_id=f"bring_back_{noun}")
    def bring_back(request: TeamRequest, row_id: int = Path(alias=number)) -> dict[str, object]:
        """Take it out of the archive."""
        services.bring_back(row=find(request.team, row_id), actor=request.user)
        return answer(find(request.team, row_id))
