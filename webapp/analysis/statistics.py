"""Statistics of whole populations that are asked for again and again, computed once a process.

The key is a digest of the very numbers that go in, or their version, so a new sample is another key: nothing is ever
served stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from engine.designs import AnyNetDesign, design_from_json
from engine.designs.linear_fit import fit_errors
from engine.statistics import (
    FEWEST_FOR_A_MEAN,
    best_of,
    compare_all,
    compare_at_equal_cost,
    compare_errors,
    compare_sequentially,
    empirical_bootstrap,
    ks_test,
    mean_difference_interval,
    mean_interval,
    parameter_importance,
    random_search_curve,
    sample_size_study,
    suggest_refinements,
)
from engine.statistics.best import BestOf
from engine.statistics.bootstrap import EmpiricalBootstrap
from engine.statistics.comparisons import Comparison, KsTest
from engine.statistics.equal_cost import EqualCostComparison
from engine.statistics.importance import ParameterImportance
from engine.statistics.means import MeanEstimate
from engine.statistics.population import FloatArray, Population
from engine.statistics.search import RandomSearchCurve, SampleSizeStudy
from engine.statistics.sequential import SequentialComparison
from engine.statistics.suggestions import RefinementSearch
from webapp.memory import Memory

MOST = 512  # results kept; each is small
STUDY_REPEATS = 50
MOST_FITTED = 200  # they show whether e_fit goes with the error, and take a tenth of a second
MOST_FITS_KEPT = 20_000

Result = TypeVar("Result")
BoolArray = npt.NDArray[np.bool_]
_results: Memory[Any] = Memory(MOST)
_fits: Memory[float] = Memory(MOST_FITS_KEPT)


def _remember(key: bytes, compute: Callable[[], Result]) -> Result:
    result: Result = _results.recall(key, compute)
    return result


def _digest(what: str, *arrays: npt.NDArray[Any]) -> bytes:
    digest = blake2b(what.encode(), digest_size=16)
    for array in arrays:
        values = np.ascontiguousarray(array)
        digest.update(str(values.shape).encode())
        digest.update(values.view(np.uint8).data)
    return digest.digest()


def _of_columns(what: str, population: Population, names: Sequence[str]) -> bytes:
    failures = [population.failures[name] for name in names if name in population.failures]
    columns = (*(population[name] for name in names), *failures)
    return _digest(f"{what} {list(names)}", population.outcomes, *columns)


def at_version(what: str, version: str, compute: Callable[[], Result]) -> Result:
    """Whatever is computed from what has this version; the version must have been read first (queries.versions)."""
    return _remember(_digest(f"{what} at {version}"), compute)


def estimated_mean(errors: FloatArray) -> MeanEstimate:
    """`engine.statistics.mean_interval`."""
    return _remember(_digest("mean", errors), lambda: mean_interval(errors))


def compared(outcomes: Sequence[FloatArray]) -> list[Comparison]:
    """`engine.statistics.compare_all`."""
    return _remember(_digest("compared", *outcomes), lambda: compare_all(outcomes))


def compared_alone(errors_a: FloatArray, errors_b: FloatArray, *, pairs: int) -> Comparison:
    """`engine.statistics.compare_errors` of one of so many pairs."""
    key = _digest(f"compared alone of {pairs}", errors_a, errors_b)
    return _remember(key, lambda: compare_errors(errors_a, errors_b, pairs=pairs))


def distance(outcomes_a: FloatArray, outcomes_b: FloatArray) -> KsTest:
    """`engine.statistics.ks_test`."""
    return _remember(_digest("distance", outcomes_a, outcomes_b), lambda: ks_test(outcomes_a, outcomes_b))


def means_compared(errors_a: FloatArray, errors_b: FloatArray) -> tuple[float, tuple[float, float] | None]:
    """Mean of A minus mean of B (points) with its interval, None where too few finished for one."""
    difference = float(errors_a.mean() - errors_b.mean())
    if min(len(errors_a), len(errors_b)) < FEWEST_FOR_A_MEAN:
        return difference, None
    return difference, _remember(
        _digest("means", errors_a, errors_b), lambda: mean_difference_interval(errors_a, errors_b).interval
    )


def compared_at_equal_cost(
    first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray], *, pairs: int
) -> EqualCostComparison:
    """`engine.statistics.compare_at_equal_cost` of outcomes and costs of two populations."""
    return _remember(
        _digest(f"at equal cost {pairs}", *first, *second),
        lambda: compare_at_equal_cost(*first, *second, pairs=pairs),
    )


def compared_in_order(errors_a: FloatArray, errors_b: FloatArray, *, alpha: float, budget: int) -> SequentialComparison:
    """`engine.statistics.compare_sequentially`."""
    return _remember(
        _digest(f"in order {alpha} {budget}", errors_a, errors_b),
        lambda: compare_sequentially(errors_a, errors_b, alpha=alpha, budget=budget),
    )


def sample_sizes(errors: FloatArray) -> SampleSizeStudy:
    """`engine.statistics.sample_size_study` of the powers of two up to half of the samples."""
    sizes = [2**k for k in range((len(errors) // 2).bit_length())]
    return _remember(_digest("sizes", errors), lambda: sample_size_study(errors, sizes=sizes, repeats=STUDY_REPEATS))


def best_of_many(outcomes: FloatArray, m: int) -> BestOf:
    """`engine.statistics.best_of`."""
    return _remember(_digest(f"best of {m}", outcomes), lambda: best_of(outcomes, m))


def search_curve(errors: FloatArray, *, sizes: Sequence[int]) -> RandomSearchCurve:
    """`engine.statistics.random_search_curve`."""
    return _remember(_digest(f"curve {sizes}", errors), lambda: random_search_curve(errors, sizes=sizes))


def importance(population: Population, parameters: Sequence[str]) -> ParameterImportance:
    """`engine.statistics.parameter_importance`."""
    key = _of_columns("importance", population, parameters)
    return _remember(key, lambda: parameter_importance(population, parameters=parameters))


def refinements(population: Population, parameters: Sequence[str], rules: dict[str, BoolArray]) -> RefinementSearch:
    """`engine.statistics.suggest_refinements`."""
    key = _of_columns("refinements", population, parameters) + _digest(f"{list(rules)}", *rules.values())
    return _remember(key, lambda: suggest_refinements(population, parameters=parameters, rules=rules))


def best_range(values: FloatArray, errors: FloatArray) -> EmpiricalBootstrap:
    """`engine.statistics.empirical_bootstrap`: where the best designs have a parameter."""
    return _remember(_digest("best range", values, errors), lambda: empirical_bootstrap(values, errors))


def linear_fits(
    ids: npt.NDArray[np.int_], load_designs: Callable[[Sequence[int]], Mapping[int, dict[str, Any]]]
) -> FloatArray | None:
    """e_fit of samples by their ids, shape (ids,), NaN where it was not computed or no RegNet has the stages.

    At most 200 of them, evenly spaced, so that they are as good a sample as all. None where there are no designs.
    """
    places = np.unique(np.linspace(0, len(ids) - 1, min(len(ids), MOST_FITTED)).astype(int))
    fitted = ids[places].tolist()
    designs = load_designs(fitted)
    anynets = {}
    for place, pk in zip(places, fitted, strict=True):
        design = design_from_json(designs[pk]) if pk in designs else None
        if isinstance(design, AnyNetDesign):
            anynets[place] = design.to_anynet()
    column = np.full(len(ids), np.nan)
    column[list(anynets)] = grid_fits(list(anynets.values()))
    return column if np.isfinite(column).any() else None


def grid_fits(designs: Sequence[AnyNetDesign]) -> list[float]:
    """e_fit of the best fit on the grid, NaN where there is none; remembered, because a design never changes."""
    stages = [(design.stage_depths, design.stage_widths) for design in designs]
    fits = {key: fit for key in stages if (fit := _fits.get(key)) is not None}
    missing = {key: design for key, design in zip(stages, designs, strict=True) if key not in fits}
    for key, fit in zip(missing, fit_errors(list(missing.values()), refine=False).tolist(), strict=True):
        fits[key] = fit
        _fits.put(key, fit)
    return [fits[key] for key in stages]
