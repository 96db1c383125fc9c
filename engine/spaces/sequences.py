"""A few values under independent laws, conditioned on a relation between neighbours: the law of one rule of a space.

The rules of order are met exactly, by dynamic programming over the supports: sorting would give another law, and
rejection would waste nearly every candidate (docs/method.md, section 5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.designs.stages import Floats, Numbers
from engine.spaces.laws import Law

Relation = Literal["free", "equal", "non_decreasing"]
Positions = NDArray[np.intp]
BELOW_ONE = math.nextafter(1.0, 0.0)


@dataclass(frozen=True)
class LawSequence:
    """Values x_1..x_k under independent laws, given that they are all equal, never decrease, or without a condition.

    Parameters
    ----------
    laws : sequence of Law
        The law of each value.
    relation : {"free", "equal", "non_decreasing"}
        The condition.
    """

    laws: tuple[Law, ...]
    relation: Relation = "free"

    @property
    def is_possible(self) -> bool:
        """Whether any values meet the relation."""
        return self.count() > 0

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all sequences that meet the relation are equally likely."""
        return all(law.is_uniform for law in self.laws)

    def count(self) -> int:
        """How many different sequences of values meet the relation, exactly."""
        if self.relation == "free":
            return math.prod(len(law.values) for law in self.laws)
        if self.relation == "equal":
            return len(self._common)
        ways = [1] * len(self.laws[-1].values)
        for law, following in zip(self.laws[-2::-1], self.laws[:0:-1], strict=True):
            tails = [*reversed([*accumulate(reversed(ways))]), 0]
            ways = [tails[start] for start in np.searchsorted(following.values, law.values)]
        return sum(ways)

    def supports(self) -> tuple[Numbers, ...]:
        """The values that each place can take, given the relation."""
        if self.relation == "free":
            return tuple(law.values for law in self.laws)
        if self.relation == "equal":
            return (self._common,) * len(self.laws)
        lowest = [*accumulate((law.values[0] for law in self.laws), max)]
        highest = [*accumulate((law.values[-1] for law in reversed(self.laws)), min)][::-1]
        return tuple(
            law.values[(law.values >= low) & (law.values <= high)]
            for law, low, high in zip(self.laws, lowest, highest, strict=True)
        )

    def implies(self, relation: Relation) -> bool:
        """Whether every sequence here meets the other relation."""
        if relation in ("free", self.relation) or self.relation == "equal" or len(self.laws) == 1:
            return True
        supports = self.supports()
        if relation == "equal":
            return all(len(support) == 1 and support[0] == supports[0][0] for support in supports)
        return all(before[-1] <= after[0] for before, after in pairwise(supports))

    def log_probabilities(self, values: Numbers) -> Floats:
        """Natural logarithms of the probabilities of columns of values, shape (k, n), that meet the relation."""
        logs = np.zeros(values.shape[1])
        for law, row in zip(self.laws, values, strict=True):
            logs += np.log(law.probabilities)[np.searchsorted(law.values, row)]
        return logs - self._log_total

    def draw(self, generator: np.random.Generator, size: int) -> Numbers:
        """``size`` independent sequences; shape (k, size)."""
        if self.relation == "equal":
            common = self._common[self._pickers[0].pick(generator.random(size))]
            return np.broadcast_to(common, (len(self.laws), size))
        rows: list[Positions] = []
        for place, (law, picker) in enumerate(zip(self.laws, self._pickers, strict=True)):
            spots = generator.random(size)
            if place and self.relation == "non_decreasing":
                starts = np.searchsorted(law.values, self.laws[place - 1].values)
                spots = picker.above(starts[rows[-1]], spots)
            rows.append(picker.pick(spots))
        return np.stack([law.values[row] for law, row in zip(self.laws, rows, strict=True)])

    def related(self, values: Sequence[float]) -> bool:
        """Whether the values meet the relation, regardless of their laws."""
        if self.relation == "equal":
            return all(before == after for before, after in pairwise(values))
        return self.relation == "free" or all(before <= after for before, after in pairwise(values))

    @cached_property
    def _common(self) -> Numbers:
        common = self.laws[0].values
        for law in self.laws[1:]:
            common = common[np.isin(common, law.values)]
        return common

    @cached_property
    def _weights(self) -> tuple[list[Floats], float]:
        """The weights to draw each place with, given the place before, and the log of the relation's probability."""
        if self.relation == "free":
            return [law.probabilities for law in self.laws], 0.0
        if self.relation == "equal":
            logs = sum(np.log(law.probabilities[np.isin(law.values, self._common)]) for law in self.laws)
            weights = np.exp(logs - np.max(logs))
            return [weights], float(np.log(weights.sum()) + np.max(logs))
        places, log_total = [self.laws[-1].probabilities], 0.0
        for law, following in zip(self.laws[-2::-1], self.laws[:0:-1], strict=True):
            tails = np.append(np.cumsum(places[-1][::-1])[::-1], 0.0)
            weights = law.probabilities * tails[np.searchsorted(following.values, law.values)]
            log_total += math.log(weights.sum())
            places.append(weights / weights.sum())
        return places[::-1], log_total

    @cached_property
    def _pickers(self) -> list[_Picker]:
        return [_Picker(weights) for weights in self._weights[0]]

    @cached_property
    def _log_total(self) -> float:
        return self._weights[1]


class _Picker:
    """Draws positions in proportion to weights, by inverting their cumulative sum with a table of first guesses."""

    def __init__(self, weights: Floats) -> None:
        self._cumulative = np.cumsum(weights) / np.sum(weights)
        self._cumulative[np.flatnonzero(weights)[-1] :] = 1.0
        self._cells = 4 * len(weights)
        self._guesses = np.searchsorted(self._cumulative, np.arange(self._cells) / self._cells, side="right")
        self._below = np.concatenate([[0.0], self._cumulative[:-1]])

    def pick(self, spots: Floats) -> Positions:
        """The position whose share of [0, 1) each spot lies in."""
        picked = self._guesses[(spots * self._cells).astype(np.intp)]
        wrong = np.flatnonzero(self._cumulative[picked] <= spots)
        picked[wrong] = np.searchsorted(self._cumulative, spots[wrong], side="right")
        return picked

    def above(self, starts: Positions, spots: Floats) -> Floats:
        """The spots moved from [0, 1) into the shares of the positions from each start on."""
        below = self._below[starts]
        return np.minimum(below + spots * (1.0 - below), BELOW_ONE)
