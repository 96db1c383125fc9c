"""What the search of the top bar finds within a team."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from webapp.models import ImportedPopulation, Membership, Regime, ResultPage, Sample, SampleBatch, Space, Team

NUMBER = re.compile(r"(?:batch|sample)?\s*#?([0-9]{1,18})", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """Rows of one kind; ``more`` says that others match as well."""

    kind: str
    rows: list[Any]
    more: bool


def search(team: Team, sought: str, *, tag: str = "", archived: bool = False, most: int = 10) -> list[Found]:
    """What holds the text in its name, title, note or address, carries the tag, or has the number; by kind.

    At most ``most`` rows of each kind, in one statement a kind however many there are; kinds without any are left out.
    """
    match = NUMBER.fullmatch(sought)
    number = Q(pk=int(match[1])) if match else Q(pk__in=[])
    filed = Q() if archived else Q(archived_at=None)
    tagged = Q(tags__contains=[tag]) if tag else Q(pk__in=[])

    def of_team(rows: QuerySet[Any], *fields: str, also: Q | None = None) -> QuerySet[Any]:
        text = reduce(or_, [Q(**{f"{name}__icontains": sought}) for name in fields], tagged)
        return rows.filter(text if also is None else text | also, filed)

    batches = SampleBatch.objects.filter(space__team=team).select_related("space", "regime")
    people = Membership.objects.filter(team=team).select_related("user")
    pages = ResultPage.objects.filter(team=team).defer("snapshot", "notes", "analysis")
    kinds: dict[str, QuerySet[Any]] = {
        "space": of_team(Space.objects.filter(team=team), "name", "note").order_by("name"),
        "regime": of_team(Regime.objects.filter(team=team), "name", "data_set").order_by("name"),
        "batch": of_team(batches, also=number).order_by("-pk"),
        "sample": Sample.objects.filter(number, batch__space__team=team).select_related("batch__space"),
        "result": of_team(pages, "title", "notes").order_by("-updated_at"),
        "imported": of_team(ImportedPopulation.objects.filter(team=team), "name", "source").order_by("name"),
        "person": people.filter(Q(user__name__icontains=sought) | Q(user__email__icontains=sought)).order_by(
            "user__name", "user__email"
        ),
    }
    found = [(kind, list(rows[: most + 1])) for kind, rows in kinds.items()]
    return [Found(kind, rows[:most], len(rows) > most) for kind, rows in found if rows]
