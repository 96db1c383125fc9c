"""Checks of the arguments that all statistics share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.errors import InvalidPopulation
from engine.statistics.population import FloatArray, Population, column_of, refuse_rows

Errors = npt.ArrayLike | Population


def check_errors(errors: Errors, *, name: str = "errors", at_least: int = 1) -> FloatArray:
    """The errors (percent) as float64 of shape (n,): finite, 0 to 100, n at least ``at_least``."""
    if not isinstance(errors, Population):
        errors = Population.from_columns({"error": errors})
    if errors.n < at_least:
        samples = "sample" if at_least == 1 else "samples"
        raise InvalidPopulation(
            f"{name} must hold at least {at_least} {samples}, got {errors.n}.", parameter=name, value=errors.n
        )
    return errors.errors


def check_outcomes(errors: Errors, *, name: str = "errors") -> FloatArray:
    """What became of each network, float64 of shape (n,): percent, inf (failed by its own doing) or nan (says nothing).

    Of a `Population` the errors of its samples, and an inf for each that failed by its own doing.
    """
    if isinstance(errors, Population):
        return errors.outcomes
    values = column_of(errors, what=name, parameter=name)
    bad = (values < 0) | ((values > 100) & (values != math.inf))
    wanted = "a percentage from 0 to 100, inf (failed by its own doing) or nan (says nothing)"
    refuse_rows(values, bad, what=name, wanted=wanted, parameter=name)
    return values


def check_outcomes_of(errors: Errors, n: int, *, name: str, what: str) -> FloatArray:
    """The outcomes that ``what``, a column of n values, belongs to.

    Of a `Population` those of the samples that finished where n is their number, else all of `Population.outcomes`.
    """
    if isinstance(errors, Population) and n == errors.n:
        return errors.errors
    outcomes = check_outcomes(errors, name=name)
    if len(outcomes) != n:
        raise InvalidPopulation(
            f"{what} must be one a network, got {n} for {len(outcomes)} {name}.", parameter=what, value=n
        )
    return outcomes


def check_costs(errors: Errors, costs: npt.ArrayLike, *, names: tuple[str, str]) -> tuple[FloatArray, FloatArray]:
    """Outcomes and the cost of each, without those that say nothing (nan) or whose cost is not known (nan)."""
    name, what = names
    column = column_of(costs, what=what, parameter=what)
    outcomes = check_outcomes_of(errors, len(column), name=name, what=what)
    if np.isinf(column).any():
        raise InvalidPopulation(f"{what} must be finite numbers, or nan where not known.", parameter=what)
    kept = ~np.isnan(outcomes) & ~np.isnan(column)
    return outcomes[kept], column[kept]


def networks_with(
    population: Population, names: Sequence[str], *, failures: bool = True
) -> tuple[FloatArray, dict[str, FloatArray], npt.NDArray[np.bool_]]:
    """Outcomes and columns of the networks of which all these columns are known, and which networks these are.

    Failures are among them where their columns are known, unless they are asked to be left out.
    """
    outcomes, columns = population.errors, {name: population[name] for name in names}
    if failures and set(names) <= set(population.failures):
        outcomes = population.outcomes
        columns = {name: np.concatenate([column, population.failures[name]]) for name, column in columns.items()}
    known = np.ones(len(outcomes), dtype=bool)
    for column in columns.values():
        known &= ~np.isnan(column)
    return outcomes[known], {name: column[known] for name, column in columns.items()}, known


def check_said(errors: Errors, *, name: str = "errors") -> tuple[FloatArray, int]:
    """The rising errors (percent) of the networks that finished, and how many failed by their own doing.

    What says nothing (nan) is left out; at least one must say something.
    """
    outcomes = check_outcomes(errors, name=name)
    finished = np.sort(outcomes[np.isfinite(outcomes)])
    failed = int(np.isinf(outcomes).sum())
    if not len(finished) + failed:
        raise InvalidPopulation(f"{name} must hold at least 1 sample, got 0.", parameter=name, value=0)
    return finished, failed


def check_values(values: npt.ArrayLike, *, n: int, name: str = "values") -> FloatArray:
    """One number a sample as float64 of shape (n,), all finite."""
    column = Population.from_columns({name: values, "error": np.zeros(n)})[name]
    refuse_rows(column, ~np.isfinite(column), what=f"Column {name}", wanted="a finite number", parameter=name)
    return column


def check_margin(margin: float) -> float:
    """How far from 1/2 theta may lie in what counts as alike."""
    if not 0 < margin < 0.5:
        raise InvalidPopulation(f"margin must lie between 0 and 0.5, got {margin}.", parameter="margin", value=margin)
    return margin


def check_share(share: float, *, name: str) -> float:
    """A number strictly between 0 and 1, such as ``alpha``."""
    if not 0 < share < 1:
        raise InvalidPopulation(f"{name} must lie between 0 and 1, got {share}.", parameter=name, value=share)
    return share
