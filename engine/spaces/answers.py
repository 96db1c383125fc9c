"""Answers about spaces, part by part: whether a design lies inside, and in words why or why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.designs.trunk import TRUNK_KEYS, Trunk
from engine.spaces.laws import Law


@dataclass(frozen=True)
class Part:
    """One parameter or rule of an answer: its name, whether it holds, and in a sentence why or why not."""

    name: str
    holds: bool
    reason: str


@dataclass(frozen=True)
class Answer:
    """Yes or no, as the truth value of the object, with one part for each parameter and rule looked at."""

    parts: tuple[Part, ...]

    def __bool__(self) -> bool:
        return all(part.holds for part in self.parts)

    @property
    def reason(self) -> str:
        """The first reason why not; empty where the answer is yes."""
        return next((part.reason for part in self.parts if not part.holds), "")


NOT_BY_STAGES = Part(
    "kind", False, "A RegNet space holds designs given by depth, w_0, w_a and w_m, not stage by stage."
)


def trunk_parts(trunk: Trunk, wanted: Trunk) -> Iterator[Part]:
    """Whether two trunks agree, value by value."""
    for name in TRUNK_KEYS:
        yield equal_part(name, getattr(trunk, name), getattr(wanted, name))


def equal_part(name: str, value: object, wanted: object) -> Part:
    """Whether a value is the one that is wanted."""
    if value == wanted:
        return Part(name, True, f"{name} is {value_words(value)}.")
    return Part(name, False, f"{name} is {value_words(value)}, not {value_words(wanted)}.")


def value_part(name: str, law: Law, value: float) -> Part:
    """Whether a law gives the value."""
    if law.position(value) is None:
        return Part(name, False, f"{name} = {value:g} is not a value of its law: {law.describe()}.")
    return Part(name, True, f"{name} = {value:g} is a value of its law: {law.describe()}.")


def range_words(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def value_words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value_words(entry) for entry in value)
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
