"""What spaces of both kinds have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import numpy as np

from engine.checks import JsonObject, json_object
from engine.designs.parameters import SCHEMA
from engine.designs.trunk import TRUNK_KEYS, Trunk
from engine.errors import InvalidSpace
from engine.spaces.answers import Answer
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
    def contains_space(self, child: BaseSpace) -> Answer:
        """Whether every design of the child provably lies in this space."""

    def is_subset_of(self, parent: BaseSpace) -> Answer:
        """Whether every design of this space provably lies in the parent: ``reason`` and ``parts`` say why not."""
        return parent.contains_space(self)

    def log_probability_of(self, values: Mapping[str, Any]) -> float:
        """Natural logarithm of the probability that the laws give these values, one list for each of ``sequences``."""
        columns = {name: np.array(values[name])[:, None] for name in self.sequences}
        return sum(float(law.log_probabilities(columns[name])[0]) for name, law in self.sequences.items())


def values_from_json(
    data: Mapping[str, Any], *, kind: str, keys: Collection[str], required: Collection[str]
) -> JsonObject:
    """The arguments of a space from its JSON, with a `Trunk` and with laws still as JSON."""
    values = json_object(
        data, kind=kind, schema=SCHEMA, keys=(*TRUNK_KEYS, *keys), required=required, error=InvalidSpace
    )
    return {"trunk": Trunk.take_from(values), **values}
