"""An analysis: what was asked for, the populations, and every result, each computed when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from django.utils.functional import cached_property

from engine.statistics.edf import ErrorEdf, NormalisedEdf
from engine.statistics.search import SampleSizeStudy
from webapp import queries
from webapp.analysis.comparing import PopulationPair, compare_pairs, compared_in_order
from webapp.analysis.drivers import Drivers, drivers
from webapp.analysis.finding import Finding, ShortFinding, finding, short_finding
from webapp.analysis.narrowing import restricted
from webapp.analysis.normalising import EqualCostPair, Normalised, compare_at_cost, normalise
from webapp.analysis.pooling import poolable, pooled_sentence
from webapp.analysis.populations import (
    AnalysedPopulation,
    EngineSpace,
    FilePopulation,
    SpacePopulation,
    load_populations,
)
from webapp.analysis.reach import CostTest, cost_tests, sample_size_study
from webapp.analysis.selection import SelectedRows, Selection, find_rows
from webapp.analysis.suggestions import Suggestions, suggestions
from webapp.analysis.what_if import WhatIf, what_if
from webapp.memory import Memory
from webapp.models import Regime, Team
from webapp.queries import COMPLEXITIES, SAMPLE_ID

MOST_BYTES = 256_000_000  # of the columns of all analyses that a process remembers


@dataclass(frozen=True, eq=False)
class Analysis:
    """What an analysis shows; ``version`` changes with whatever it would show otherwise.

    Everything below is computed once, when it is first asked for: a part alone costs its part.
    """

    selection: Selection
    populations: Sequence[AnalysedPopulation]
    version: str = ""

    @cached_property
    def compared(self) -> list[AnalysedPopulation]:
        """The populations of which a network says something, also where all of them failed."""
        return [one for one in self.populations if one.networks]

    @cached_property
    def used(self) -> list[AnalysedPopulation]:
        """Those of which a network finished."""
        return [one for one in self.compared if one.n]

    @property
    def is_empty(self) -> bool:
        return not self.compared

    @property
    def pending(self) -> bool:
        return any(one.pending for one in self.compared)

    @cached_property
    def focused(self) -> AnalysedPopulation:
        """The population looked at parameter by parameter: that of the selection, else the one of lowest median.

        One with errors where there is any. Its parameters may not be loaded; `focus` has them.
        """
        choice = self.used or self.compared
        lowest = min(choice, key=lambda one: one.median.value)
        return next((one for one in choice if one.token == self.selection.focus), lowest)

    @cached_property
    def focus(self) -> AnalysedPopulation:
        """The same with its parameters."""
        return self.with_parameters(self.focused)

    def with_parameters(self, population: AnalysedPopulation) -> AnalysedPopulation:
        """A population of the analysis with its parameters loaded: of the same samples, whatever has come since."""
        if isinstance(population, FilePopulation) or population.has_parameters:
            return population
        rows = SelectedRows(((population.space, population.regime),), ())
        (whole,) = load_populations(self.selection, rows)
        loaded, known = whole.samples, population.samples
        samples = loaded.select(
            np.isin(loaded[SAMPLE_ID], known[SAMPLE_ID]),
            failures=np.isin(loaded.failures[SAMPLE_ID], known.failures[SAMPLE_ID]),
        )
        samples = replace(samples, pending=known.pending, missing=known.missing)
        data = replace(population.data, population=samples)
        return replace(population, data=data, has_parameters=True)

    @cached_property
    def regimes(self) -> list[Regime]:
        return list({one.regime.pk: one.regime for one in self.compared if one.regime}.values())

    @cached_property
    def costs(self) -> list[str]:
        """The complexities that every population knows."""
        return [cost for cost in COMPLEXITIES if all(cost in one.costs for one in self.used)]

    @cached_property
    def pairs(self) -> list[PopulationPair]:
        """Of all that have a network which says something, the surest first."""
        return compare_pairs(self.compared)

    @cached_property
    def in_order(self) -> list[PopulationPair]:
        """Those of which the draw order is known, the surest in it first."""
        return compared_in_order(self.pairs)

    @cached_property
    def at_equal_cost(self) -> EqualCostPair | None:
        """The surest pair at equal complexity, by the one in which its populations differ most surely; else None."""
        if not self.pairs:
            return None
        pair = self.pairs[0]
        both = {pair.first.token, pair.second.token}
        differing = [test for test in self.cost_tests if test.differs and {test.first.token, test.second.token} == both]
        if not differing:
            return None
        cost = min(differing, key=lambda test: test.p_adjusted).cost
        return compare_at_cost(pair.first, pair.second, cost, pairs=pair.pairs)

    @cached_property
    def finding(self) -> Finding:
        return finding(self.compared, self.pairs, self.at_equal_cost)

    @cached_property
    def short_finding(self) -> ShortFinding:
        return short_finding(self.compared, self.pairs)

    @cached_property
    def normalised(self) -> Normalised | None:
        """None where the populations are compared as they are."""
        return normalise(self.used, self.selection.normalise) if self.selection.normalise else None

    @property
    def drawn_edfs(self) -> list[tuple[AnalysedPopulation, ErrorEdf | NormalisedEdf]]:
        """At equal complexity where that is asked for and possible."""
        if self.normalised and self.normalised.populations:
            return [(one.population, one.edf) for one in self.normalised.populations]
        return [(one, one.edf) for one in self.compared]

    @cached_property
    def cost_tests(self) -> list[CostTest]:
        return cost_tests(self.compared)

    @cached_property
    def drivers(self) -> Drivers:
        return drivers(self.focus)

    @cached_property
    def suggestions(self) -> Suggestions:
        return suggestions(self.focus)

    @cached_property
    def restrictions(self) -> tuple[str, ...]:
        """Those asked about: the selection's, else the best one suggested where it is better supported than chance."""
        if not self.selection.what_if and self.suggestions.supported:
            return (self.suggestions.lines[0].restriction,)
        return self.selection.what_if

    @cached_property
    def child(self) -> EngineSpace | None:
        """The space of the focus with the restrictions; None where they change nothing or it has no laws."""
        space = self.focus.engine_space
        if space is None:
            return None
        child = restricted(space, self.restrictions)
        return None if child == space else child

    @cached_property
    def what_if(self) -> WhatIf | None:
        if self.child is None or not isinstance(self.focus, SpacePopulation):
            return None
        return what_if(self.focus, self.child)

    @cached_property
    def pooled(self) -> str:
        """What all populations say about the child together, where that is asked; else empty."""
        if not self.selection.pool or self.child is None or not isinstance(self.focus, SpacePopulation):
            return ""
        return pooled_sentence(self.focus, self.used, self.child)

    @property
    def can_pool(self) -> bool:
        """Whether more than one population could be asked about the child."""
        if self.selection.pool or self.child is None or not isinstance(self.focus, SpacePopulation):
            return False
        return len(poolable(self.focus, self.used, self.child)) > 1

    @cached_property
    def largest(self) -> AnalysedPopulation:
        return max(self.used, key=lambda one: one.n)

    @cached_property
    def sample_size_study(self) -> SampleSizeStudy | None:
        return sample_size_study(self.largest)

    @property
    def bytes(self) -> int:
        """About how much memory its columns take once all are loaded."""
        return sum(8 * (len(one.column_names) + 2) * one.n for one in self.populations)


Versions = Mapping[tuple[int, int], str]  # by the ids of a space and a regime

_analyses: Memory[Analysis] = Memory(MOST_BYTES, size=lambda analysis: analysis.bytes + 10_000)


def analyse(selection: Selection, team: Team, rows: SelectedRows | None = None) -> Analysis:
    """The analysis of a team's populations as they are now, remembered until one of them changes.

    ``rows`` are those of the selection where they have been found already. Raises `UnknownPopulation` where the team
    lacks one, `InvalidSelection` where none has a column to filter by.
    """
    return _analyse(selection, team, rows or find_rows(selection, team))


def _analyse(selection: Selection, team: Team, rows: SelectedRows) -> Analysis:
    version = version_of(rows, versions_of([rows]))
    return remembered(
        team,
        selection,
        version,
        lambda: Analysis(selection, load_populations(selection, rows, parameters=False), version),
    )


def remembered(team: Team, selection: Selection, version: str, make: Callable[[], Analysis]) -> Analysis:
    """The analysis of that version; never that of another team."""
    return _analyses.recall((team.pk, selection, version), make)


def forget() -> None:
    """Forget all analyses, as a fresh process would."""
    _analyses.clear()


def versions_of(several: Iterable[SelectedRows]) -> Versions:
    """The versions of the trained populations of some selections, in one statement."""
    return queries.population_versions((space.pk, regime.pk) for rows in several for space, regime in rows.trained)


def version_of(rows: SelectedRows, versions: Versions) -> str:
    """A text that changes with the populations: their samples, and what else of them is shown."""
    parts = [
        f"{space.pk}-{regime.pk}:{versions[space.pk, regime.pk] or space.definition}:"
        f"{space.name}:{space.slot}:{regime.name}"
        for space, regime in rows.trained
    ]
    parts += [f"i{one.pk}:{one.version}:{one.name}:{one.slot}" for one in rows.imported]
    return blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
