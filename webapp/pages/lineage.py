"""The story of a refinement: spaces as a tree, each with its insight, its size and what was trained of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import QuerySet

from engine.spaces import space_from_json
from engine.spaces.containment import Containment
from webapp.models import Regime, Space, Team
from webapp.pages.previews import contained, exact_size
from webapp.queries import Outline, PopulationSummary, SpaceLine, space_lines, team_regimes, team_spaces

SHOWN_SHARE = 0.9  # of the errors above which a curve may run out of its small picture


@dataclass(frozen=True)
class Step:
    """One space of the tree, with its population under the chosen regime where a batch of it was queued."""

    line: SpaceLine
    summary: PopulationSummary | None

    @property
    def outline(self) -> Outline | None:
        """None while no sample is used."""
        return self.summary.outline if self.summary else None

    @property
    def space(self) -> Space:
        return self.line.space

    @cached_property
    def size(self) -> int:
        return exact_size(space_from_json(self.space.definition))

    @cached_property
    def inside(self) -> Containment | None:
        """Whether it lies inside the space that it was refined from."""
        parent = self.space.parent
        if parent is None:
            return None
        return contained(space_from_json(self.space.definition), space_from_json(parent.definition))

    @property
    def n(self) -> int:
        """How many samples are used."""
        return self.outline.n if self.outline else 0

    @property
    def mean(self) -> float | None:
        return self.outline.mean if self.outline else None

    @property
    def pair(self) -> str:
        """Its population as it stands in the address of an analysis."""
        return f"{self.space.pk}-{self.summary.regime_id}" if self.summary else ""


@dataclass(frozen=True)
class Lineage:
    """Steps in the order of the tree; ``low`` and ``high`` (percent) are the ends of all their small EDFs.

    Of a part of it the first ``repeated`` steps belong to an earlier part and are there again because the next was
    refined from them; ``goes_on`` is the oldest space whose tree goes on in the next part.
    """

    steps: list[Step]
    regime: Regime | None
    regimes: list[Regime]
    low: float
    high: float
    repeated: int = 0
    goes_on: Space | None = None

    @property
    def compare_query(self) -> str:
        """What compares up to seven of its populations in the address of an analysis."""
        return "&".join(f"p={step.pair}" for step in self.steps if step.outline)

    @property
    def trained(self) -> int:
        return sum(step.outline is not None for step in self.steps)


def lineage(
    team: Team, *, asked: Regime | None, of: Space | None = None, spaces: QuerySet[Space] | None = None
) -> Lineage:
    """The tree of some spaces of the team, or of all, or the part of it that ``of`` belongs to, under one regime.

    Without a regime asked for it is the one under which most of these spaces have trained samples.
    """
    lines = space_lines(team, (team_spaces(team) if spaces is None else spaces).select_related("parent"))
    if of is not None:
        lines = _family(lines, of)
    regimes = list(team_regimes(team))
    regime = asked or _most_used(lines, regimes)
    steps = [_step(line, regime) for line in lines]
    low, high = _ends([step.outline for step in steps if step.outline])
    return Lineage(steps, regime, regimes, low, high)


def _step(line: SpaceLine, regime: Regime | None) -> Step:
    return Step(line, next((one for one in line.populations if regime and one.regime_id == regime.pk), None))


def part(tree: Lineage, start: int, end: int) -> Lineage:
    """Its steps from a position to before another, below whatever they were refined from."""
    above, following = _ancestors(tree.steps, start), _ancestors(tree.steps, end)
    return replace(
        tree,
        steps=[*above, *tree.steps[start:end]],
        repeated=len(above),
        goes_on=following[0].space if following else None,
    )


def _ancestors(steps: Sequence[Step], position: int) -> list[Step]:
    """What the step at a position of a tree was refined from, the oldest first; none beyond the last step."""
    if position >= len(steps):
        return []
    found, level = [], steps[position].line.level
    for step in reversed(steps[:position]):
        if step.line.level < level:
            found.append(step)
            level = step.line.level
    return found[::-1]


def _family(lines: Sequence[SpaceLine], of: Space) -> list[SpaceLine]:
    """The lines from the oldest ancestor of a space to the last descendant of that."""
    families: list[list[SpaceLine]] = []
    for line in lines:
        if line.level == 0:
            families.append([])
        families[-1].append(line)
    return next((family for family in families if any(line.space.pk == of.pk for line in family)), [])


def _most_used(lines: Sequence[SpaceLine], regimes: Sequence[Regime]) -> Regime | None:
    def spaces_trained(regime: Regime) -> int:
        return sum(any(one.regime_id == regime.pk and one.trained for one in line.populations) for line in lines)

    return max(regimes, key=spaces_trained, default=None)


def _ends(outlines: Sequence[Outline]) -> tuple[float, float]:
    """One range for all, so that the small EDFs can be compared; a long tail is cut for the eye."""
    if not outlines:
        return 0.0, 100.0
    highest = [outline.quantiles[int(SHOWN_SHARE * (len(outline.quantiles) - 1))] for outline in outlines]
    return min(outline.min for outline in outlines), max(highest)
