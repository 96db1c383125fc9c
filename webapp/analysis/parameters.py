"""One column of a population against its error: where the best designs lie, and the errors by quarters of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.statistics import rank_correlation
from engine.statistics.bootstrap import EmpiricalBootstrap
from engine.statistics.correlation import Correlation
from engine.statistics.fronts import Front
from engine.statistics.population import FloatArray
from webapp.analysis import statistics
from webapp.analysis.errors import quarter_table
from webapp.analysis.fronts import front_of
from webapp.analysis.populations import FIT, AnalysedPopulation, with_unit
from webapp.analysis.statistics import BoolArray
from webapp.analysis.tables import Table
from webapp.queries import COMPLEXITIES


@dataclass(frozen=True, eq=False)
class ColumnAgainstError:
    """A parameter or complexity that varies; a complexity has its ``front``, in the unit of the population."""

    population: AnalysedPopulation
    name: str
    best: EmpiricalBootstrap
    front: Front | None

    @property
    def is_cost(self) -> bool:
        return self.name in COMPLEXITIES

    @property
    def scale(self) -> float:
        """How many of the population's unit are one of the axis: complexities are shown in millions."""
        return 1e6 if self.is_cost else 1

    @property
    def values(self) -> FloatArray:
        """In the unit of the axis."""
        return self.population.samples[self.name][self.known] / self.scale

    @property
    def known(self) -> BoolArray:
        """The samples that have a value, shape (n,)."""
        return np.isfinite(self.population.samples[self.name])

    @property
    def n_words(self) -> str:
        """Of how many samples it is computed."""
        n, every = int(self.known.sum()), self.population.n
        return f"n = {n}" if n == every else f"n = {n}, {every - n} have no {self.name}"

    @property
    def table(self) -> Table:
        unit = "millions" if self.is_cost else ""
        return quarter_table(
            self.values, self.population.errors[self.known], with_unit(self.name), self.name, unit=unit
        )


def varying_columns(population: AnalysedPopulation) -> list[str]:
    """Parameters, then complexities, of which not all samples have the same value."""
    columns = [*population.parameters, *population.costs, *population.partly_known]
    return [name for name in columns if _varies(population.samples[name])]


def _varies(values: FloatArray) -> bool:
    known = values[np.isfinite(values)]
    return len(known) > 1 and bool(np.ptp(known) > 0)


def column_against_error(population: AnalysedPopulation, name: str) -> ColumnAgainstError:
    values = population.samples[name]
    known = np.isfinite(values)
    best = statistics.best_range(values[known], population.errors[known])
    front = front_of(population, name) if name in population.costs else None
    return ColumnAgainstError(population, name, best, front)


@dataclass(frozen=True, eq=False)
class FitAgainstError:
    """e_fit of the fitted samples against their error (percent); no correlation where they are too few or too equal."""

    fits: FloatArray
    errors: FloatArray

    @property
    def correlation(self) -> Correlation | None:
        if len(self.fits) < 2 or np.ptp(self.fits) == 0 or np.ptp(self.errors) == 0:
            return None
        return rank_correlation(self.fits, self.errors)

    @property
    def table(self) -> Table:
        return quarter_table(self.fits, self.errors, FIT, FIT)


def fit_against_error(population: AnalysedPopulation) -> FitAgainstError | None:
    """None where no sample was fitted."""
    if population.fits is None:
        return None
    known = np.isfinite(population.fits)
    return FitAgainstError(population.fits[known], population.errors[population.drawn_rows][known])
