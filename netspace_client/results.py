"""What the server answers, as values. Fields that a newer server adds are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # this module exists for type checkers only
    from _typeshed import DataclassInstance


@dataclass(frozen=True, kw_only=True)
class Space:
    """``size`` is the exact number of parameter vectors.

    ``inside_parent`` is proven, refuted or not_proven, and None for a space without a parent; where it is refuted,
    ``inside_parent_witness`` is a design of the space that lies outside.
    """

    id: int
    name: str
    family: str
    parent: int | None
    note: str
    definition: dict[str, Any]
    size: int
    inside_parent: str | None
    tags: list[str]
    archived_at: str | None
    inside_parent_reason: str = ""
    inside_parent_witness: dict[str, Any] | None = None


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
    """``state`` is that of the draw, ``message`` why it ended without designs.

    ``warning`` is told when it is queued: a batch of the lineage has the same seed.
    """

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
    warning: str = ""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """``n`` rows have an error and ``failed`` ones none, by their own doing; ``version`` grows when its rows change."""

    id: int
    name: str
    source: str
    n: int
    failed: int
    left_out: int
    data_set: str
    resolution: int | None
    epochs: float | None
    version: int
    roles: dict[str, str]
    tags: list[str]
    archived_at: str | None


def imported_from(data: Mapping[str, object]) -> Imported:
    return Imported(**_known(Imported, data))


def space_from(data: Mapping[str, object]) -> Space:
    inside = data["inside_parent"]
    answer: Mapping[str, Any] = inside if isinstance(inside, Mapping) else {}
    return Space(
        **_known(Space, data)
        | {
            "inside_parent": answer.get("answer"),
            "inside_parent_reason": answer.get("reason", ""),
            "inside_parent_witness": answer.get("witness"),
        }
    )


def regime_from(data: Mapping[str, object]) -> Regime:
    return Regime(**_known(Regime, data))


def batch_from(data: Mapping[str, object]) -> Batch:
    return Batch(**_known(Batch, data) | {"progress": Progress(**_known(Progress, data["progress"]))})


def _known(kind: type[DataclassInstance], data: object) -> dict[str, Any]:
    """The fields of a value, of the types that the server's schema promises."""
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in data.items() if name in names} if isinstance(data, Mapping) else {}
