"""What the server answers, as values. Fields that a newer server adds are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Space:
    """``size`` is the exact number of parameter vectors; ``inside_parent`` is None for a space without a parent."""

    id: int
    name: str
    family: str
    parent: int | None
    note: str
    definition: dict[str, Any]
    size: int
    inside_parent: bool | None
    tags: list[str]
    archived_at: str | None
    inside_parent_reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Regime:
    id: int
    name: str
    data_set: str
    definition: dict[str, Any]
    tags: list[str]
    archived_at: str | None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Counts of runs; ``word`` is waiting, running, paused, done, failed or cancelled."""

    word: str
    active: bool
    runs: int
    waiting: int
    running: int
    done: int
    failed: int
    cancelled: int
    rate_per_hour: float
    seconds_left: float | None

    def __str__(self) -> str:
        return f"{self.word}: {self.done} of {self.runs} done, {self.failed} failed"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """``state`` is that of the draw, ``message`` why it ended without designs."""

    id: int
    space: int
    regime: int
    size: int
    seed: int
    priority: int
    paused: bool
    state: str
    message: str
    tags: list[str]
    archived_at: str | None
    progress: Progress


def space_from(data: Mapping[str, Any]) -> Space:
    inside = data["inside_parent"] or {}
    return Space(
        **_known(Space, data) | {"inside_parent": inside.get("holds"), "inside_parent_reason": inside.get("reason", "")}
    )


def regime_from(data: Mapping[str, Any]) -> Regime:
    return Regime(**_known(Regime, data))


def batch_from(data: Mapping[str, Any]) -> Batch:
    return Batch(**_known(Batch, data) | {"progress": Progress(**_known(Progress, data["progress"]))})


def _known(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in data.items() if name in names}
