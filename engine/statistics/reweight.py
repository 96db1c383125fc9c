"""An estimate of one space from samples of others, weighted by the ratio of their laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.checks import JsonObject
from engine.designs import Design
from engine.errors import InvalidPopulation
from engine.spaces.base import BaseSpace
from engine.spaces.proofs import is_proven
from engine.spaces.sequences import LawSequence
from engine.statistics.bootstrap import resampled_rows, weighted_percentiles
from engine.statistics.checks import Errors, check_errors, check_share
from engine.statistics.population import FloatArray

FEWEST_EFFECTIVE = 10.0
RESAMPLES = 2_000
# In the JSON of a space; two spaces whose other entries are equal differ in laws and rules alone.
LAWS_AND_RULES = frozenset(
    {"depths", "widths", "bottleneck_ratios", "group_widths", "groups", "rules"}
    | {"depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width", "tie"}
)


@dataclass(frozen=True, eq=False)
class Source:
    """Finished samples of one space.

    Attributes
    ----------
    errors : array_like of shape (n,) or Population
        Percent, n at least 1.
    designs : sequence of AnyNetDesign or RegNetDesign
        The n designs as drawn, before group compatibility.
    space : AnyNetSpace or RegNetSpace
        Where they were drawn from.
    acceptance : float
        Share of the space's draws that the regime's window accepts, where it is known exactly; else the estimate
        (accepted - 1) / (drawn - 1). It only matters where samples of several spaces are pooled.
    accepted, drawn : int
        Candidates that the window accepted, repeated ones included, of so many: `engine.spaces.sampling.Counted`.
        None are drawn where the acceptance is exact.
    """

    errors: Errors
    designs: Sequence[Design]
    space: BaseSpace
    acceptance: float = 1.0
    accepted: int = 0
    drawn: int = 0

    def __post_init__(self) -> None:
        errors = check_errors(self.errors)
        if len(self.designs) != len(errors):
            raise InvalidPopulation(
                f"designs must be one a sample, got {len(self.designs)} for {len(errors)} errors.", parameter="designs"
            )
        if not 0 < self.acceptance <= 1:
            raise InvalidPopulation(
                f"acceptance must lie above 0 and at most at 1, got {self.acceptance}.", parameter="acceptance"
            )
        if not 0 <= self.accepted <= self.drawn or (self.drawn > 0 and not self.accepted):
            raise InvalidPopulation(
                f"accepted must be at least 1 and at most drawn, got {self.accepted} of {self.drawn}.",
                parameter="accepted",
                value=self.accepted,
            )
        object.__setattr__(self, "errors", errors)
        if self.accepted > 1:
            object.__setattr__(self, "acceptance", (self.accepted - 1) / (self.drawn - 1))
        elif self.accepted:
            object.__setattr__(self, "acceptance", 1 / self.drawn)

    def acceptances(self, rng: np.random.Generator, size: int) -> FloatArray:
        """Acceptances that would have been counted as likely, shape (size,); the exact one where it is known."""
        if not self.drawn:
            return np.full(size, self.acceptance)
        return rng.beta(self.accepted, self.drawn - self.accepted + 1, size=size)


@dataclass(frozen=True, eq=False)
class Reweighted:
    """What weighted samples of other spaces say about the target; all intervals are 95 % bootstrap intervals.

    Attributes
    ----------
    errors, weights, fractions : ndarray of shape (n,)
        Errors in percent, rising, their weights (sum 1) and the weighted EDF just right of each error; samples that
        the target does not contain are left out.
    mean, median : float
        Percent.
    mean_interval, median_interval : tuple[float, float]
    effective_n : float
        (sum w)^2 / sum w^2: about how many samples of the target's own would say as much.
    n, left_out : int
        Samples of positive weight, and the others.
    """

    errors: FloatArray
    weights: FloatArray
    fractions: FloatArray
    mean: float
    mean_interval: tuple[float, float]
    median: float
    median_interval: tuple[float, float]
    effective_n: float
    n: int
    left_out: int


def reweight(sources: Sequence[Source], target: BaseSpace, *, confidence: float = 0.95, seed: int = 0) -> Reweighted:
    """Estimate the error distribution of a space from samples of others under the same regime.

    A sample x has weight q(x) / sum_j (n_j / N) p_j(x), q and p_j the laws of the target and of the sources (each p_j
    divided by its acceptance): importance sampling with the balance heuristic of Veach & Guibas 1995, self-normalised.
    Each resample of the bootstrap draws the acceptances that are not exact anew, from Beta(accepted,
    drawn - accepted + 1).
    Where the target's law is the source's own conditioned, the weights are 0 and 1 and it is a `what_if`.

    Parameters
    ----------
    sources : sequence of Source
        At least one.
    target : AnyNetSpace or RegNetSpace
    confidence : float
    seed : int
        Of the bootstrap, which resamples within each source, 2,000 times.

    Raises
    ------
    InvalidPopulation
        Where parametrisations differ, the target reaches designs that no source does, or fewer than ten effective
        samples remain.
    """
    check_share(confidence, name="confidence")
    if not sources:
        raise InvalidPopulation("Reweighting needs at least one source.", parameter="sources")
    _check_covered([source.space for source in sources], target)
    counts = np.array([len(source.designs) for source in sources])
    errors = np.concatenate([check_errors(source.errors) for source in sources])
    parts, wanted = _probabilities_of(sources, target, counts)
    weights = wanted / (1 / np.array([source.acceptance for source in sources]) @ parts)
    effective = float(weights.sum() ** 2 / np.sum(weights**2)) if weights.any() else 0.0
    if effective < FEWEST_EFFECTIVE:
        raise InvalidPopulation(
            f"The samples are worth {effective:.1f} of the target's own, at least {FEWEST_EFFECTIVE:.0f} are needed.",
            parameter="sources",
            value=effective,
        )
    rng = np.random.default_rng(seed)
    inverse = 1 / np.stack([source.acceptances(rng, RESAMPLES) for source in sources], axis=1)
    means, medians = _resampled(errors, parts, wanted, inverse, counts, rng)
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    kept = np.flatnonzero(weights > 0)
    kept = kept[np.argsort(errors[kept], kind="stable")]
    shares = weights[kept] / weights.sum()
    return Reweighted(
        errors=errors[kept],
        weights=shares,
        fractions=np.minimum(np.cumsum(shares), 1.0),
        mean=float(shares @ errors[kept]),
        mean_interval=_quantiles(means, tails),
        median=weighted_percentiles(errors[kept], shares, (0.5,))[0],
        median_interval=_quantiles(medians, tails),
        effective_n=effective,
        n=len(kept),
        left_out=len(errors) - len(kept),
    )


def _probabilities_of(
    sources: Sequence[Source], target: BaseSpace, counts: npt.NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """For each design the probability in each source times its share of all samples, shape (sources, n); the target's.

    Acceptances are left out.
    """
    designs = [design for source in sources for design in source.designs]
    shares = counts / counts.sum()
    parts = np.stack(
        [share * _probabilities(source.space, designs) for share, source in zip(shares, sources, strict=True)]
    )
    covered = parts.any(axis=0)
    if not covered.all():
        position = int(np.argmin(covered))
        raise InvalidPopulation(
            f"Design {position} lies outside all the spaces the designs were drawn from.",
            parameter="designs",
            value=position,
        )
    return parts, _probabilities(target, designs)


def _probabilities(space: BaseSpace, designs: Sequence[Design]) -> FloatArray:
    return np.exp([space.log_probability(design) for design in designs])


def _resampled(
    errors: FloatArray,
    parts: FloatArray,
    wanted: FloatArray,
    inverse: FloatArray,
    counts: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Weighted means and medians of resamples, each of shape (resamples,); sources keep their sizes.

    ``inverse``, shape (resamples, sources), holds what each source's probabilities are multiplied with.
    """
    order = np.argsort(errors, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    rising, parts, wanted = errors[order], parts[:, order], wanted[order]
    means, medians = [], []
    starts, done = np.cumsum(counts) - counts, 0
    chunks = zip(*(resampled_rows(int(n), rng, RESAMPLES, width=len(errors)) for n in counts), strict=True)
    for chunk in chunks:
        rows = np.concatenate([rank[start + part] for start, part in zip(starts, chunk, strict=True)], axis=1)
        flat = rows + len(errors) * np.arange(len(rows))[:, None]
        times = np.bincount(flat.ravel(), minlength=len(rows) * len(errors)).reshape(len(rows), len(errors))
        weighted = times * (wanted / (inverse[done : done + len(rows)] @ parts))
        done += len(rows)
        cumulative = np.cumsum(weighted, axis=1)
        total = cumulative[:, -1]
        some = total > 0  # a resample may by chance hold none of the samples that count
        means.append(weighted[some] @ rising / total[some])
        medians.append(rising[(cumulative < total[:, None] / 2).sum(axis=1)[some]])
    return np.concatenate(means), np.concatenate(medians)


def _quantiles(values: FloatArray, probabilities: tuple[float, float]) -> tuple[float, float]:
    low, high = np.quantile(values, probabilities)
    return float(low), float(high)


def _check_covered(sources: Sequence[BaseSpace], target: BaseSpace) -> None:
    """Refuse a target that reaches designs which no source could have drawn.

    Several sources that differ in laws and rules alone may cover it together: each value of the target has the set of
    sources that can draw it, and a combination of values is covered where those sets have a source in common. It
    suffices to combine the different sets.
    """
    for source in sources:
        if _shape(source) != _shape(target):
            raise InvalidPopulation("Sources and target must have the same parameters and stages.", parameter="sources")
    if any(is_proven(target, source) for source in sources):
        return
    alike = [source for source in sources if _without_laws(source) == _without_laws(target)]
    covering = {frozenset(index for index, source in enumerate(alike) if _rules_hold(source, target))}
    for name, sequence in target.sequences.items():
        for sets in _drawable(sequence, [source.sequences[name] for source in alike]):
            covering = {before & now for before in covering for now in sets}
    if not alike or frozenset() in covering:
        raise InvalidPopulation(
            "The target reaches designs that none of the sources could have drawn.", parameter="sources"
        )


def _shape(space: BaseSpace) -> dict[str, int]:
    """The names of the parameters, and how many stages each has."""
    return {name: len(sequence.laws) for name, sequence in space.sequences.items()}


def _without_laws(space: BaseSpace) -> JsonObject:
    """All that is fixed for every design of the space: stem, block, limits."""
    return {key: value for key, value in space.to_json().items() if key not in LAWS_AND_RULES}


def _rules_hold(source: BaseSpace, target: BaseSpace) -> bool:
    """Whether all designs of the target meet the rules of the source."""
    return all(sequence.implies(source.sequences[name].relation) for name, sequence in target.sequences.items())


def _drawable(target: LawSequence, sources: Sequence[LawSequence]) -> Iterator[set[frozenset[int]]]:
    """For each place of a parameter, the different sets of sources that can draw one of the target's values there."""
    able = [
        np.array([np.isin(support, source.laws[place].values) for source in sources])
        for place, support in enumerate(target.supports())
    ]
    if target.relation == "equal":  # one value for all places at once
        able = [np.logical_and.reduce(able)]
    for by_source in able:
        yield {frozenset(np.flatnonzero(value).tolist()) for value in by_source.T}
