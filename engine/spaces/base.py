"""What spaces of both kinds have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from engine.checks import JsonObject
from engine.designs import Design, Trunk
from engine.spaces.laws import choice
from engine.spaces.sequences import LawSequence

ONE = choice([1])


class BaseSpace(ABC):
    """A set of designs with one trunk and a probability law on them."""

    kind: ClassVar[str]
    trunk: Trunk

    @property
    @abstractmethod
    def sequences(self) -> dict[str, LawSequence]:
        """The joint laws of the parameters, by name."""

    @property
    def is_uniform(self) -> bool:
        """Whether all designs of the space are equally likely."""
        return all(sequence.is_uniform for sequence in self.sequences.values())

    @abstractmethod
    def size(self) -> int:
        """How many parameter vectors the space holds, exactly."""

    @abstractmethod
    def log_probability(self, design: Design) -> float:
        """Natural logarithm of the probability of the design's parameters as drawn; minus infinity outside."""

    @abstractmethod
    def to_json(self) -> JsonObject:
        """The space as JSON-able values, with "kind" and "schema"."""

    def log_probability_of(self, values: Mapping[str, Sequence[float]]) -> float:
        """Natural logarithm of the probability that the laws give these values, one list for each of ``sequences``."""
        columns = {name: np.array(values[name])[:, None] for name in self.sequences}
        return sum(float(law.log_probabilities(columns[name])[0]) for name, law in self.sequences.items())
