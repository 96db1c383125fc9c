"""From samples to the next space: what a restriction would leave, and which restrictions promise most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import empirical_bootstrap, mean_interval
from engine.statistics.comparisons import holm, ks_test
from engine.statistics.edf import ErrorEdf, error_edf
from engine.statistics.population import FloatArray, Population

FEWEST_KEPT = 5  # samples; a restriction that keeps fewer is not suggested
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The parent's finished samples that lie inside a proposed child.

    Attributes
    ----------
    population : Population
        Those samples; a subset of the parent's, and a valid sample of the child only where the child's law is the
        parent's conditioned (narrowed ranges of the same law, added rules).
    edf : ErrorEdf
    ks_distance : float
        D between the EDF of the samples inside and that of all.
    ks_interval : tuple[float, float]
        Its 95 % interval, given how many lie inside.
    p_value : float
        Two-sided KS test of the samples inside against those outside: all contain the ones inside, which no
        two-sample test allows for.
    mean_difference : float
        Mean error inside minus mean error of all, percentage points: negative where the child is better.
    interval : tuple[float, float]
        Its 95 % bootstrap interval, given how many lie inside.
    n, n_parent : int
        Samples inside, and all.
    """

    population: Population
    edf: ErrorEdf
    ks_distance: float
    ks_interval: tuple[float, float]
    p_value: float
    mean_difference: float
    interval: tuple[float, float]
    n: int
    n_parent: int


@dataclass(frozen=True)
class Refinement:
    """A restriction of the space and what it would have left of the samples; a suggestion, never applied.

    Attributes
    ----------
    parameter : str
        The column narrowed to ``low`` to ``high`` (both included); empty for a rule.
    low, high : float or None
        None where that end stays as it is.
    rule : str
        Name of the rule added; empty for a range.
    origin : str
        ``bootstrap``, ``quantile`` or ``rule``: where the candidate comes from.
    mean_difference, interval, p_value, n, n_parent
        As in `WhatIf`.
    p_adjusted : float
        Holm-adjusted over all candidates tried. The candidates were found in the same samples, so even this is
        optimistic: a fresh batch has to confirm it.
    candidates : int
        How many were tried.
    """

    parameter: str
    low: float | None
    high: float | None
    rule: str
    origin: str
    mean_difference: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    n: int
    n_parent: int
    candidates: int


@dataclass(frozen=True, eq=False)
class _Candidate:
    inside: BoolArray
    origin: str
    parameter: str = ""
    low: float | None = None
    high: float | None = None
    rule: str = ""


@dataclass(frozen=True)
class _Effect:
    ks_distance: float
    ks_interval: tuple[float, float]
    p_value: float
    mean_difference: float
    interval: tuple[float, float]


def what_if(parent: Population, inside: npt.ArrayLike, *, seed: int = 0) -> WhatIf:
    """What the parent's finished samples say about a proposed child.

    Parameters
    ----------
    parent : Population
    inside : array_like of bool, shape (n,)
        Which samples the child contains.

    Raises
    ------
    InvalidPopulation
        Where none lies inside.
    """
    population = parent.select(inside)
    if population.n == 0:
        raise InvalidPopulation(f"None of the {parent.n} samples lies inside the proposed space.", parameter="inside")
    effect = _effect(parent.errors, np.asarray(inside), seed=seed)
    return WhatIf(
        population=population,
        edf=error_edf(population),
        ks_distance=effect.ks_distance,
        ks_interval=effect.ks_interval,
        p_value=effect.p_value,
        mean_difference=effect.mean_difference,
        interval=effect.interval,
        n=population.n,
        n_parent=parent.n,
    )


def suggest_refinements(
    population: Population,
    *,
    parameters: Sequence[str],
    rules: Mapping[str, npt.ArrayLike] | None = None,
    seed: int = 0,
) -> tuple[Refinement, ...]:
    """Candidate restrictions ranked by the drop of the mean error, the largest first.

    The candidates: each parameter narrowed to its empirical bootstrap interval, without its lowest or highest
    quarter, to its lower or upper half; and each rule. Those that keep fewer than five samples, or all, are dropped.

    Parameters
    ----------
    population : Population
    parameters : sequence of str
        Columns that are parameters of the space.
    rules : mapping of str to array_like of bool, shape (n,), optional
        For each rule the space does not have yet, which samples meet it.
    seed : int
    """
    candidates = list(_candidates(population, parameters, rules or {}))
    effects = [_effect(population.errors, candidate.inside, seed=seed) for candidate in candidates]
    adjusted = holm([effect.p_value for effect in effects])
    refinements = [
        Refinement(
            parameter=candidate.parameter,
            low=candidate.low,
            high=candidate.high,
            rule=candidate.rule,
            origin=candidate.origin,
            mean_difference=effect.mean_difference,
            interval=effect.interval,
            p_value=effect.p_value,
            p_adjusted=float(p_adjusted),
            n=int(candidate.inside.sum()),
            n_parent=population.n,
            candidates=len(candidates),
        )
        for candidate, effect, p_adjusted in zip(candidates, effects, adjusted, strict=True)
    ]
    return tuple(sorted(refinements, key=lambda refinement: refinement.mean_difference))


def _effect(errors: FloatArray, inside: BoolArray, *, seed: int) -> _Effect:
    """The errors inside against all of them.

    All = inside and outside, so both the distance and the difference to all are those between inside and outside,
    two independent samples, times the share outside.
    """
    if inside.all():
        return _Effect(ks_distance=0.0, ks_interval=(0.0, 0.0), p_value=1.0, mean_difference=0.0, interval=(0.0, 0.0))
    a, b = errors[inside], errors[~inside]
    test = ks_test(a, b)
    share = 1 - float(inside.mean())
    low, high = mean_interval(a, b, seed=seed) if min(len(a), len(b)) > 1 else (-100.0, 100.0)
    nearest, furthest = test.interval
    return _Effect(
        ks_distance=share * test.distance,
        ks_interval=(share * nearest, share * furthest),
        p_value=test.p_value,
        mean_difference=share * float(a.mean() - b.mean()),
        interval=(share * low, share * high),
    )


def _candidates(
    population: Population, parameters: Sequence[str], rules: Mapping[str, npt.ArrayLike]
) -> Iterator[_Candidate]:
    for parameter in parameters:
        seen = set()
        for candidate in _ranges(population, parameter):
            kept = int(candidate.inside.sum())
            if FEWEST_KEPT <= kept < population.n and candidate.inside.tobytes() not in seen:
                seen.add(candidate.inside.tobytes())
                yield candidate
    for rule, inside in rules.items():
        if FEWEST_KEPT <= population.select(inside).n < population.n:
            yield _Candidate(np.asarray(inside), "rule", rule=rule)


def _ranges(population: Population, parameter: str) -> Iterator[_Candidate]:
    values = population[parameter]
    best = empirical_bootstrap(values, population)
    yield _Candidate((values >= best.low) & (values <= best.high), "bootstrap", parameter, best.low, best.high)
    first, middle, third = (float(v) for v in np.quantile(values, (0.25, 0.5, 0.75), method="inverted_cdf"))
    for high in (third, middle):
        yield _Candidate(values <= high, "quantile", parameter, high=high)
    for quantile in (first, middle):
        above = values[values > quantile]  # the next value up, so that the two halves do not overlap
        if above.size:
            low = float(above.min())
            yield _Candidate(values >= low, "quantile", parameter, low=low)
