"""The report of a draw, as it is stored with its batch, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.spaces.candidates import REASONS


@dataclass(frozen=True)
class LeftOut:
    """Candidates rejected for one reason, as a share (0 to 1) of all tried."""

    because: str
    share: float
    count: int


@dataclass(frozen=True)
class DrawReport:
    """What a draw took; shares between 0 and 1."""

    found: int
    tried: int
    acceptance: float
    interval: tuple[float, float]
    left_out: list[LeftOut]
    estimated_size: float | None


def read_report(stored: Mapping[str, Any]) -> DrawReport | None:
    """The report of a finished draw; None while there is none."""
    if not stored:
        return None
    low, high = stored["acceptance_interval"]
    tried = stored["tried"]
    left_out = [LeftOut(REASONS.get(name, name), count / tried, count) for name, count in stored["rejected"].items()]
    left_out.sort(key=lambda one: one.count, reverse=True)
    return DrawReport(stored["found"], tried, stored["acceptance"], (low, high), left_out, stored.get("estimated_size"))
