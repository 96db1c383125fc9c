"""Which restriction of a space its samples support: a search whose p-value allows for everything that was tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics.bootstrap import CELLS_AT_ONCE, best_drawn_law, permutations_of
from engine.statistics.checks import networks_with
from engine.statistics.population import FloatArray, Population
from engine.statistics.theta import estimate_theta

FEWEST_KEPT = 5  # networks; a restriction that keeps fewer is not suggested
ALPHA = 0.05
TOLERANCE = 1e-9  # of a z: rounding must not make equal ones differ
DROP = 2.0  # points, of which `RefinementSearch.needed` says how many networks would show it
POWER = 0.8  # how often they would

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Refinement:
    """A restriction of the space and what it would have left of the networks; a suggestion, never applied.

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
    z : float
        Mean rank of the errors inside against that of all, in standard errors: negative where the child is better.
    p_search : float
        How often the best of all candidates is as good as this where the errors are shuffled.
    theta : float
        Share of the pairs in which a network inside beats one outside; optimistic, as the restriction was chosen by it.
    mean_difference : float or None
        Mean error inside minus mean error of all, of those that finished, in points; None where none inside did.
    n, n_parent : int
        Networks inside, and all.
    """

    parameter: str
    low: float | None
    high: float | None
    rule: str
    origin: str
    z: float
    p_search: float
    theta: float
    mean_difference: float | None
    n: int
    n_parent: int


@dataclass(frozen=True)
class RefinementSearch:
    """All candidates that were tried, the best supported first.

    Attributes
    ----------
    refinements : tuple of Refinement
        By rising z.
    p_search : float
        Of the first; 1 where there is none.
    n : int
        Networks searched in: failures count, unless their parameters are not known.
    needed : int or None
        About how many more networks would show, in four of five cases, a restriction to half of the designs whose
        errors are lower by 2 points than those of the other half; 0 where these should have, None where no number
        would.
    """

    refinements: tuple[Refinement, ...]
    p_search: float
    n: int
    needed: int | None

    @property
    def candidates(self) -> int:
        """How many restrictions were tried."""
        return len(self.refinements)


@dataclass(frozen=True, eq=False)
class _Candidate:
    inside: BoolArray
    origin: str
    parameter: str = ""
    low: float | None = None
    high: float | None = None
    rule: str = ""


@dataclass(frozen=True, eq=False)
class _Shuffles:
    """The ranks of the errors in some orders, and their weights in the empirical bootstrap: shape (orders, n) each."""

    ranks: FloatArray
    weights: FloatArray

    def scores(self, sums: FloatArray, kept: IntArray | int) -> FloatArray:
        """z of sums of ranks of so many networks, shape (orders,); inf where they are too few or all."""
        n = self.ranks.shape[1]
        row = self.ranks[0]
        k = np.asarray(kept, dtype=np.float64)
        allowed = (k >= FEWEST_KEPT) & (k < n)
        k = np.where(allowed, k, 1.0)
        spread = float(row.var(ddof=1)) if n > 1 else 0.0
        if spread == 0:
            return np.where(allowed, 0.0, np.inf) + np.zeros(len(sums))
        scores = (sums / k - (n + 1) / 2) / np.sqrt(spread * (n - k) / (n * k))
        return np.where(allowed, scores, np.inf)


class _Column:
    """The values of a parameter in rising order: a range of it is a stretch of them."""

    def __init__(self, values: FloatArray) -> None:
        self.order = np.argsort(values, kind="stable")
        self.rising = values[self.order]
        self.first = np.searchsorted(self.rising, self.rising, side="left")
        self.after = np.searchsorted(self.rising, self.rising, side="right")

    def quantile_stretches(self) -> list[tuple[int, int]]:
        """Without the highest or the lowest quarter, and the lower and the upper half; halves don't overlap."""
        n = len(self.rising)
        quarters = [math.ceil(n * share) - 1 for share in (0.25, 0.5, 0.75)]
        lower = [(0, int(self.after[place])) for place in quarters[:0:-1]]
        return lower + [(int(self.after[place]), n) for place in quarters[:2]]

    def bootstrap_stretches(self, weights: FloatArray) -> tuple[IntArray, IntArray]:
        """That of the empirical bootstrap for each row of weights in rising order of the values."""
        cumulative = np.cumsum(weights, axis=1)
        low, high = (
            np.minimum((cumulative < probability - 1e-12).sum(axis=1), len(self.rising) - 1)
            for probability in (0.025, 0.975)
        )
        return self.first[low], self.after[high]

    def best_scores(self, shuffles: _Shuffles) -> FloatArray:
        """The smallest z of the candidates of this parameter for each order, shape (orders,)."""
        sums = np.zeros((len(shuffles.ranks), len(self.rising) + 1))
        np.cumsum(shuffles.ranks[:, self.order], axis=1, out=sums[:, 1:])
        start, end = self.bootstrap_stretches(shuffles.weights[:, self.order])
        rows = np.arange(len(sums))
        best = shuffles.scores(sums[rows, end] - sums[rows, start], end - start)
        for low, high in self.quantile_stretches():
            best = np.minimum(best, shuffles.scores(sums[:, high] - sums[:, low], high - low))
        return best


def suggest_refinements(
    population: Population,
    *,
    parameters: Sequence[str],
    rules: Mapping[str, npt.ArrayLike] | None = None,
    seed: int = 0,
) -> RefinementSearch:
    """Candidate restrictions, the best supported first, with a p-value that allows for all that were tried.

    The candidates: each parameter narrowed to its empirical bootstrap interval, without its lowest or highest
    quarter, to its lower or upper half; and each rule. Those that keep fewer than five networks, or all, are dropped.
    The whole search is repeated for 999 random orders of the errors (199 above 2,000 networks), each with the
    candidates found anew (Westfall & Young 1993): p is the share of searches whose best candidate is as good.

    Parameters
    ----------
    population : Population
        Its failures rank behind every error where their parameters are known, and are left out where not.
    parameters : sequence of str
        Columns that are parameters of the space.
    rules : mapping of str to array_like of bool, optional
        For each rule the space does not have yet, which networks meet it: of shape (n,), or (n + failed,) with the
        failures last.
    seed : int
        Of the random orders.
    """
    outcomes, columns, masks = _known(population, parameters, rules or {})
    candidates = list(_candidates(outcomes, columns, masks))
    n = len(outcomes)
    if not candidates:
        return RefinementSearch((), 1.0, n, None)
    # Row 0 of the best of each search is that of the errors as they are.
    best = _best_of_each_order(outcomes, columns, masks, np.random.default_rng(seed))
    refinements = [_refinement(candidate, outcomes, best) for candidate in candidates]
    refinements.sort(key=lambda refinement: refinement.z)
    return RefinementSearch(tuple(refinements), refinements[0].p_search, n, _needed(outcomes, best[1:]))


def _known(
    population: Population, parameters: Sequence[str], rules: Mapping[str, npt.ArrayLike]
) -> tuple[FloatArray, dict[str, FloatArray], dict[str, BoolArray]]:
    """Outcomes, columns and masks of the networks of which all are known."""
    masks = {name: np.asarray(mask) for name, mask in rules.items()}
    of_all = all(mask.size == len(population.outcomes) for mask in masks.values())
    outcomes, columns, known = networks_with(population, parameters, failures=of_all)
    for mask in masks.values():
        if mask.dtype != np.bool_ or mask.shape != known.shape:
            raise InvalidPopulation(
                f"The mask must be {len(known)} booleans, got {mask.dtype} of shape {mask.shape}.", parameter="rules"
            )
    return outcomes, columns, {name: mask[known] for name, mask in masks.items()}


def _candidates(
    outcomes: FloatArray, columns: Mapping[str, FloatArray], masks: Mapping[str, BoolArray]
) -> Iterator[_Candidate]:
    n = len(outcomes)
    for parameter, values in columns.items():
        seen = set()
        for candidate in _ranges(outcomes, parameter, values) if n else ():
            kept = candidate.inside.tobytes()
            if FEWEST_KEPT <= candidate.inside.sum() < n and kept not in seen:
                seen.add(kept)
                yield candidate
    for rule, inside in masks.items():
        if FEWEST_KEPT <= inside.sum() < n:
            yield _Candidate(inside, "rule", rule=rule)


def _ranges(outcomes: FloatArray, parameter: str, values: FloatArray) -> Iterator[_Candidate]:
    column = _Column(values)
    start, end = column.bootstrap_stretches(_bootstrap_weights(outcomes)[None, column.order])
    low, high = float(column.rising[start[0]]), float(column.rising[end[0] - 1])
    yield _Candidate((values >= low) & (values <= high), "bootstrap", parameter, low, high)
    for begin, after in column.quantile_stretches():
        if begin == 0:
            high = float(column.rising[after - 1])
            yield _Candidate(values <= high, "quantile", parameter, high=high)
        elif begin < after:
            low = float(column.rising[begin])
            yield _Candidate(values >= low, "quantile", parameter, low=low)


def _bootstrap_weights(outcomes: FloatArray) -> FloatArray:
    """How likely each network is the best of a quarter of them, drawn with replacement."""
    weights = np.zeros(len(outcomes))
    rows, shares = best_drawn_law(outcomes, max(1, len(outcomes) // 4))
    weights[rows] = shares
    return weights


def _best_of_each_order(
    outcomes: FloatArray,
    columns: Mapping[str, FloatArray],
    masks: Mapping[str, BoolArray],
    rng: np.random.Generator,
) -> FloatArray:
    """The smallest z of all candidates, shape (1 + permutations,): of the errors as they are, then of each shuffle."""
    n = len(outcomes)
    ranks, weights = stats.rankdata(outcomes), _bootstrap_weights(outcomes)
    sorted_columns = [_Column(values) for values in columns.values()]
    rules = np.array(list(masks.values()), dtype=np.float64).reshape(len(masks), n)
    step, total = max(1, CELLS_AT_ONCE // n), 1 + permutations_of(n)
    best = []
    for start in range(0, total, step):
        orders = np.tile(np.arange(n), (min(step, total - start), 1))
        shuffled = orders if start else orders[1:]
        rng.permuted(shuffled, axis=1, out=shuffled)
        shuffles = _Shuffles(ranks[orders], weights[orders])
        scores = [column.best_scores(shuffles) for column in sorted_columns]
        scores += [
            shuffles.scores(sums, int(rule.sum())) for rule, sums in zip(rules, rules @ shuffles.ranks.T, strict=True)
        ]
        best.append(np.min(scores, axis=0))
    return np.concatenate(best)


def _refinement(candidate: _Candidate, outcomes: FloatArray, best: FloatArray) -> Refinement:
    inside, outside = outcomes[candidate.inside], outcomes[~candidate.inside]
    ranks = stats.rankdata(outcomes)
    z = float(_Shuffles(ranks[None], ranks[None]).scores(np.array([ranks[candidate.inside].sum()]), len(inside))[0])
    finished, all_finished = inside[np.isfinite(inside)], outcomes[np.isfinite(outcomes)]
    return Refinement(
        parameter=candidate.parameter,
        low=candidate.low,
        high=candidate.high,
        rule=candidate.rule,
        origin=candidate.origin,
        z=z,
        p_search=(1 + int(np.sum(best[1:] <= z + TOLERANCE))) / len(best),
        theta=estimate_theta(inside, outside).theta,
        mean_difference=float(finished.mean() - all_finished.mean()) if len(finished) else None,
        n=len(inside),
        n_parent=len(outcomes),
    )


def _needed(outcomes: FloatArray, best: FloatArray) -> int | None:
    """How many more networks would show a drop of 2 points in half of the designs, in four of five cases.

    Where those inside beat those outside in theta of all pairs, half of n networks have on average
    z = -(theta - 1/2) sqrt(3 n), with a spread of about 1. Solved for the n at which it passes the critical value of
    the search, the 5 % quantile of its shuffles, so often; theta is that of these errors against themselves lower by 2.
    """
    n = len(outcomes)
    of_pairs = estimate_theta(outcomes - DROP, outcomes).theta
    beyond = (of_pairs * n - 1) / (n - 1) - 0.5  # without the pairs of a network with itself, which it always wins
    if beyond <= 0:
        return None
    critical = -float(np.quantile(best, ALPHA))
    wanted = ((critical + float(stats.norm.ppf(POWER))) / beyond) ** 2 / 3
    return max(0, math.ceil(wanted) - n)
