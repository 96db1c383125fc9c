"""Spaces and regimes of a team, as their lists and pages show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count

from django.db.models import Count, Max, QuerySet

from webapp.models import Regime, Space, Team
from webapp.queries.summaries import PopulationSummary, population_summaries

LONGEST_WISH = 110  # of the 120 characters of a name


@dataclass(frozen=True)
class SpaceLine:
    """A space in the lineage: how deep it stands below its oldest ancestor, and what was trained of it."""

    space: Space
    level: int
    populations: tuple[PopulationSummary, ...]

    @property
    def trained(self) -> int:
        return sum(line.trained for line in self.populations)

    @property
    def only(self) -> PopulationSummary | None:
        """Its population where there is one regime and nothing to come: the one whose mean may stand alone."""
        return self.populations[0] if len(self.populations) == 1 and not self.populations[0].pending else None


def team_spaces(team: Team) -> QuerySet[Space]:
    return Space.objects.filter(team=team).order_by("name")


def free_space_name(team: Team, wish: str) -> str:
    """The name, or the first of it with 2, 3 ... behind it that no space of the team has."""
    wish = wish[:LONGEST_WISH].strip()
    taken = set(Space.objects.filter(team=team, name__startswith=wish).values_list("name", flat=True))
    return next(name for name in chain([wish], (f"{wish} {k}" for k in count(2))) if name not in taken)


def space_lines(team: Team, spaces: QuerySet[Space] | None = None) -> list[SpaceLine]:
    """Some spaces of the team, or all, each child below its parent where that is among them."""
    populations: dict[int, list[PopulationSummary]] = {}
    for line in population_summaries(team):
        populations.setdefault(line.space_id, []).append(line)
    rows = list(team_spaces(team) if spaces is None else spaces)
    return [SpaceLine(space, level, tuple(populations.get(space.pk, ()))) for space, level in _by_lineage(rows)]


def _by_lineage(spaces: list[Space]) -> Iterator[tuple[Space, int]]:
    children: dict[int | None, list[Space]] = {}
    known = {space.pk for space in spaces}
    for space in spaces:
        children.setdefault(space.parent_id if space.parent_id in known else None, []).append(space)
    waiting = [(space, 0) for space in reversed(children.get(None, []))]
    while waiting:
        space, level = waiting.pop()
        yield space, level
        waiting += [(child, level + 1) for child in reversed(children.get(space.pk, []))]


@dataclass(frozen=True)
class MethodFacts:
    """What the step bar of a space says: its newest batch, and what is trained under which regime."""

    latest_batch_id: int | None
    populations: tuple[PopulationSummary, ...]

    @property
    def trained(self) -> int:
        return sum(line.trained for line in self.populations)

    @property
    def ended(self) -> int:
        """Designs with an error or without one."""
        return sum(line.trained + line.failed + line.missing for line in self.populations)

    @property
    def pending(self) -> int:
        return sum(line.pending for line in self.populations)


def method_facts(space: Space) -> MethodFacts:
    latest = space.batches.aggregate(latest=Max("id"))["latest"]
    populations = population_summaries(space.team, space=space) if latest else []
    return MethodFacts(latest, tuple(populations))


def team_regimes(team: Team, *, archived: bool = False) -> QuerySet[Regime]:
    """The team's regimes with the number of batches under each, the most used first; archived ones when asked for."""
    rows = Regime.objects.filter(team=team)
    return (
        (rows if archived else rows.filter(archived_at=None))
        .select_related("created_by")
        .annotate(batch_count=Count("batches"))
        .order_by("-batch_count", "name")
    )
