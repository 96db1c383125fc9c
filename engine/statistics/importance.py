"""Which parameters matter: how far the best samples lie from all of them, or from the space's own law, in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import InvalidPopulation
from engine.spaces.laws import Law
from engine.statistics.bootstrap import permutations_of
from engine.statistics.checks import networks_with
from engine.statistics.population import FloatArray, Population

MOST_GROUPS = 8  # of values; more would measure noise, fewer would blur a peak
RESAMPLES = 1_000
TOLERANCE = 1e-9  # of a z: rounding must not make equal ones differ


@dataclass(frozen=True)
class Importance:
    """How much one parameter sets the best samples apart; says nothing about direction.

    Attributes
    ----------
    parameter : str
    distance : float
        Variance of the ratio (law among the best) / (law among all samples, or the space's own where it is given) over
        the groups of values, without the part that chance alone gives: 0 (or slightly below) where the parameter plays
        no role.
    share : float
        The distance, at least 0, divided by the sum over all parameters; 0 where all are 0.
    interval : tuple[float, float]
        95 % bootstrap interval of the share.
    groups : int
        Groups of values compared.
    evidence : float
        How many standard deviations the distance lies above its mean where as many random samples are taken for the
        best.
    p_value : float
        How often the most evident of all parameters is as evident as this where random samples are taken for the best;
        so it allows for all parameters.
    """

    parameter: str
    distance: float
    share: float
    interval: tuple[float, float]
    groups: int
    evidence: float
    p_value: float


@dataclass(frozen=True)
class ParameterImportance:
    """The parameters by falling evidence, of ``n`` samples of which ``n_best`` are the best."""

    parameters: tuple[Importance, ...]
    n: int
    n_best: int


@dataclass(frozen=True, eq=False)
class _Groups:
    """Values of one parameter in groups: which group each sample is in, and the weight of each group's pairs."""

    of_sample: npt.NDArray[np.intp]
    pair_weights: FloatArray


def parameter_importance(
    population: Population,
    *,
    parameters: Sequence[str],
    laws: Mapping[str, Law] | None = None,
    fraction: float = 0.25,
    seed: int = 0,
) -> ParameterImportance:
    """Importance of parameters in the manner of PED-ANOVA (Watanabe, Bansal & Hutter 2023), without its kernels.

    Neighbouring values are joined to at most eight groups of about equal probability pi_b. With n_b of the N best
    samples in group b, the variance sum_b pi_b (p_b / pi_b - 1)^2 of the ratio is estimated without bias by
    sum_b n_b (n_b - 1) / (N (N - 1) pi_b) - 1, so that a parameter of many values does not look important by chance.

    Parameters
    ----------
    population : Population
        Its failures count as samples that are not among the best, where their parameters are known.
    parameters : sequence of str
        The columns to rank.
    laws : mapping of str to Law, optional
        The space's own laws, by column. A column without one is compared with all the samples, which is the space's
        law as the rules and the complexity window left it: a window alone makes the plain law look far away.
    fraction : float
        Share of the samples that count as the best.
    seed : int

    Raises
    ------
    InvalidPopulation
        Where fewer than two samples are among the best, or a value lies outside its law's range.
    """
    outcomes, columns, _ = networks_with(population, parameters)
    n = len(outcomes)
    n_best = int(n * fraction) if 0 < fraction < 1 else 0
    if n_best < 2:
        raise InvalidPopulation(
            f"The best {fraction:g} of {n} samples are {n_best}, at least 2 are needed.", parameter="fraction"
        )
    order = np.argsort(outcomes, kind="stable")
    groups = [_groups(columns[name], name, (laws or {}).get(name)) for name in parameters]
    distances = np.array([_distances(_counts(group, order[:n_best])[None], group)[0] for group in groups])
    rng = np.random.default_rng(seed)
    resampled = _resampled_distances(groups, order, n_best, rng)
    # Resampling repeats samples, which adds to every distance: the bootstrap's law is moved back onto the estimate.
    resampled += distances - resampled.mean(axis=0)
    low, high = np.quantile(_shares(resampled), (0.025, 0.975), axis=0)
    shares = _shares(distances[None])[0]
    evidence, p_values = _evidence(distances, _shuffled_distances(groups, n, n_best, rng))
    rows = [
        Importance(
            parameter=name,
            distance=float(distances[index]),
            share=float(shares[index]),
            interval=(float(low[index]), float(high[index])),
            groups=len(groups[index].pair_weights),
            evidence=float(evidence[index]),
            p_value=float(p_values[index]),
        )
        for index, name in enumerate(parameters)
    ]
    return ParameterImportance(tuple(sorted(rows, key=lambda row: -row.evidence)), n, n_best)


def _groups(values: FloatArray, name: str, law: Law | None) -> _Groups:
    if law is None:
        support, counts = np.unique(values, return_counts=True)
        group_of_value = _group_values(counts / len(values))
        of_sample = group_of_value[np.searchsorted(support, values)]
        sizes = np.bincount(of_sample).astype(np.float64)
        # The best are drawn from these samples without replacement: a pair of them falls into a group of m with
        # probability m (m - 1) / (n (n - 1)), which takes the place of pi_b^2, so that chance alone still gives 0.
        return _Groups(of_sample, sizes * (len(values) - 1) / np.maximum(sizes * (sizes - 1), 1.0))
    positions = np.minimum(np.searchsorted(law.values, values), len(law.values) - 1)
    strange = law.values[positions] != values
    if strange.any():
        value = float(values[np.argmax(strange)])
        raise InvalidPopulation(f"{name} {value:g} is not a value of its law.", parameter=name, value=value)
    group_of_value = _group_values(law.probabilities)
    return _Groups(group_of_value[positions], 1 / np.bincount(group_of_value, weights=law.probabilities))


def _group_values(probabilities: FloatArray) -> npt.NDArray[np.intp]:
    """The group of each value, given in rising order, so that groups have about equal probability."""
    middles = np.cumsum(probabilities) - probabilities / 2
    numbers = np.minimum((middles * MOST_GROUPS).astype(np.intp), MOST_GROUPS - 1)
    group_of_value: npt.NDArray[np.intp] = np.unique(numbers, return_inverse=True)[1]
    return group_of_value


def _counts(groups: _Groups, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    return np.bincount(groups.of_sample[rows], minlength=len(groups.pair_weights)).astype(np.int64)


def _distances(counts: npt.NDArray[np.int64], groups: _Groups) -> FloatArray:
    """The estimated variance of the ratio for each row of counts, shape (rows, groups)."""
    total = counts.sum(axis=1)
    distances: FloatArray = (counts * (counts - 1)) @ groups.pair_weights / (total * (total - 1)) - 1
    return distances


def _shares(distances: FloatArray) -> FloatArray:
    """Each row's distances, at least 0, divided by their sum."""
    positive = np.maximum(distances, 0.0)
    total = positive.sum(axis=1, keepdims=True)
    return positive / np.where(total > 0, total, 1.0)


def _resampled_distances(
    groups: list[_Groups], order: npt.NDArray[np.intp], n_best: int, rng: np.random.Generator
) -> FloatArray:
    """Distances, shape (resamples, parameters), when the samples are drawn again with replacement.

    How many of the best ranks a resample's best come from has a beta law; given that, they are drawn evenly from them.
    """
    n = len(order)
    reach = np.clip(np.ceil(rng.beta(n_best, n - n_best + 1, size=RESAMPLES) * n).astype(np.intp), 1, n)
    distances = np.empty((RESAMPLES, len(groups)))
    for index, group in enumerate(groups):
        among_best = np.cumsum(np.eye(len(group.pair_weights))[group.of_sample[order]], axis=0)[reach - 1]
        distances[:, index] = _distances(rng.multinomial(n_best, among_best / reach[:, None]), group)
    return distances


def _shuffled_distances(groups: list[_Groups], n: int, n_best: int, rng: np.random.Generator) -> FloatArray:
    """Distances, shape (permutations, parameters), where random samples are taken for the best."""
    orders = permutations_of(n)
    best = np.stack([rng.permutation(n)[:n_best] for _ in range(orders)])
    rows = np.arange(orders)[:, None]
    distances = np.empty((orders, len(groups)))
    for index, group in enumerate(groups):
        size = len(group.pair_weights)
        cells = np.bincount((rows * size + group.of_sample[best]).ravel(), minlength=orders * size)
        distances[:, index] = _distances(cells.reshape(orders, size).astype(np.int64), group)
    return distances


def _evidence(distances: FloatArray, shuffled: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distances in standard deviations of the shuffled ones, and their p-values over all parameters."""
    spread = shuffled.std(axis=0)
    scale = np.where(spread > TOLERANCE, spread, np.inf)  # a parameter of one value says nothing
    middle = shuffled.mean(axis=0)
    evidence: FloatArray = (distances - middle) / scale
    largest = ((shuffled - middle) / scale).max(axis=1, initial=-np.inf)
    reached = (largest[:, None] >= evidence - TOLERANCE).sum(axis=0)
    return evidence, (1 + reached) / (1 + len(shuffled))
