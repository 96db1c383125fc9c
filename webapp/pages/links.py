"""Where the parts of an analysis lead: told by whoever shows it, according to who looks.

A page is rendered with the links of its viewer. Whoever may not go somewhere gets no address for it, and the templates
write the words alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from django.urls import reverse

from webapp.analysis import AnalysedPopulation, FilePopulation, Selection, SpacePopulation
from webapp.analysis.narrowing import narrows
from webapp.analysis.selection import range_values
from webapp.analysis.tables import Target
from webapp.models import Regime

POPULATION_FILES = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}


@dataclass(frozen=True)
class Links:
    """The addresses for one viewer of one analysis; every method answers an empty text where there is no way.

    Attributes
    ----------
    page : str
        The address below which the page's own parts and files lie; empty where they are inside or not offered.
    query : str
        What stands behind those addresses, with its question mark: an analysis is in its address, a saved page is not.
    app : str or None
        What stands before the address of a page of the app: nothing on a page, the app's own origin in a file, None
        for a visitor, to whom the rest of the app is closed.
    may_write : bool
    other_views : bool
        Whether the page leads to other views of the same analysis.
    """

    page: str = ""
    query: str = ""
    app: str | None = None
    may_write: bool = False
    other_views: bool = False

    @property
    def has_files(self) -> bool:
        return bool(self.page)

    def population(self, population: AnalysedPopulation) -> str:
        """The page of its space, or its own where it was imported."""
        if isinstance(population, FilePopulation):
            return self._inside("imported", population.imported.pk)
        return self._inside("space", population.space.pk)

    def regime(self, regime: Regime) -> str:
        return self._inside("regime", regime.pk)

    def sample(self, population: AnalysedPopulation, sample: int) -> str:
        """The page of one of its samples; ``sample`` of an imported one is the number of its row."""
        if isinstance(population, FilePopulation):
            return (page := self.population(population)) and f"{page}?row={sample}#rows"
        return self._inside("sample", sample)

    def target(self, target: Target, populations: Iterable[AnalysedPopulation]) -> str:
        """Where a cell of a table leads."""
        population = next(one for one in populations if one.token == target.population)
        return self.population(population) if target.sample is None else self.sample(population, target.sample)

    def refine(self, population: AnalysedPopulation) -> str:
        """The form that refines its space; imports have no laws to refine."""
        if not self.may_write or not isinstance(population, SpacePopulation):
            return ""
        return self._inside("refine-space", population.space.pk)

    def refine_with(self, population: AnalysedPopulation, restrictions: Sequence[str], reason: str) -> str:
        """The same form filled in with restrictions and what supports them; empty where they don't narrow the space."""
        form = self.refine(population)
        if not form or not isinstance(population, SpacePopulation):
            return ""
        if not narrows(population.engine_space, restrictions):
            return ""
        note = f"Analysis of {population.space.name} under {population.regime.name}, n = {population.n:,}: {reason}"
        narrow = [("narrow", restriction) for restriction in restrictions]
        return f"{form}?{urlencode([*narrow, ('note', note)], safe=':')}"

    def view(self, selection: Selection, *, anchor: str = "") -> str:
        """Another view of the same populations."""
        if not self.other_views:
            return ""
        return f"{reverse('analyses')}?{urlencode(selection.values, safe=':')}{anchor}"

    def part(self, name: str) -> str:
        """A part of the page that is asked for when it comes near the window."""
        return self._own(f"parts/{name}")

    def figure(self, element: str, kind: Literal["svg", "png"]) -> str:
        return self._own(f"figures/{element}.{kind}")

    def table(self, slug: str, kind: Literal["csv", "parquet", "json"] = "csv") -> str:
        return self._own(f"tables/{slug}.{kind}")

    def edf_steps(self) -> str:
        """The steps of every EDF as CSV."""
        return self._own("edf.csv")

    def report(self) -> str:
        """The whole page as one file."""
        return self._own("report.html")

    def samples(self, population: AnalysedPopulation, kind: str) -> str:
        """Its samples as csv, json or parquet: those that are left where a filter is on."""
        if not self.page or not self.query:  # a saved page has its populations below it
            return self._own(f"populations/{population.token}.{kind}")
        query = urlencode([("error", population.error), *range_values(population.ranges)])
        if isinstance(population, FilePopulation):
            return f"{reverse('imported-file', args=[population.imported.pk, kind])}?{query}"
        return f"{reverse('population-file', args=[population.space.pk, population.regime.pk, kind])}?{query}"

    def sample_files(self, population: AnalysedPopulation) -> list[tuple[str, str]]:
        """The same as a list: what kind, and where."""
        return [(word, self.samples(population, kind)) for kind, word in POPULATION_FILES.items()]

    def _own(self, path: str) -> str:
        return f"{self.page}{path}{self.query}" if self.page else ""

    def _inside(self, name: str, pk: int) -> str:
        return "" if self.app is None else f"{self.app}{reverse(name, args=[pk])}"
