"""What goes in and comes out, for checking and for the OpenAPI schema. Definitions are the engine's own JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from ninja import Field, Schema
from pydantic import ConfigDict

from webapp.forms.batches import LARGEST_SEED
from webapp.services.batches import LARGEST_BATCH

LARGEST_ID = 2**63 - 1
ROWS_AT_ONCE = 50_000

Column = list[int | float | None]


class Strict(Schema):
    """A body: no name that is not known, no text for a number."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


class Problem(Schema):
    error: str = Field(description="a sentence")
    parameter: str | None = Field(description="the name of what is wrong, where one value is")
    value: str | None = Field(description="that value, shortened")


PROBLEMS = frozenset({400, 401, 403, 404, 413, 422})


def or_problem(model: type[Schema], *, status: int = 200) -> dict[Any, type[Schema]]:
    """The answers of an operation, for the schema: what was asked for, or a problem."""
    return {status: model, PROBLEMS: Problem}


class Page(Schema):
    """Which part of a list: the newest first."""

    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10**9)


class Me(Schema):
    user: str
    team: str
    role: Literal["owner", "member", "viewer"]


class SpaceLine(Schema):
    id: int
    name: str
    family: Literal["anynet", "regnet"]
    parent: int | None
    note: str
    created_at: datetime


class Spaces(Schema):
    items: list[SpaceLine]
    total: int


class Inside(Schema):
    holds: bool
    reason: str


class SpaceOut(SpaceLine):
    definition: dict[str, Any] = Field(description="JSON of engine.spaces")
    size: int = Field(description="exact number of parameter vectors")
    inside_parent: Inside | None = Field(description="whether it lies inside its parent; null without one")


class NewSpace(Strict):
    """One of ``preset``, ``definition`` and ``changes``; the last needs a ``parent`` and replaces some of its keys."""

    name: str
    note: str = ""
    preset: str | None = None
    definition: dict[str, Any] | None = None
    changes: dict[str, Any] | None = None
    parent: int | None = Field(None, ge=1, le=LARGEST_ID)


class RegimeLine(Schema):
    id: int
    name: str
    data_set: str
    created_at: datetime


class Regimes(Schema):
    items: list[RegimeLine]
    total: int


class RegimeOut(RegimeLine):
    definition: dict[str, Any] = Field(description="JSON of engine.regimes")


class NewRegime(Strict):
    """One of ``preset`` and ``definition``."""

    name: str
    preset: str | None = None
    definition: dict[str, Any] | None = None


class Progress(Schema):
    """Counts of runs; designs that are still to be drawn count as one waiting run each."""

    word: Literal["waiting", "running", "paused", "done", "failed", "cancelled"]
    active: bool = Field(description="whether anything is still to come")
    runs: int
    waiting: int
    running: int
    done: int
    failed: int
    cancelled: int
    rate_per_hour: float
    seconds_left: float | None
    ended_at: datetime | None


class BatchOut(Schema):
    id: int
    space: int
    regime: int
    size: int
    seed: int
    priority: int
    paused: bool
    state: Literal["requested", "drawing", "ready", "exhausted", "failed"] = Field(description="of the draw")
    message: str = Field(description="why a draw ended without designs")
    created_at: datetime
    progress: Progress


class Batches(Schema):
    items: list[BatchOut]
    total: int


class BatchFilter(Page):
    space: int | None = Field(None, ge=1, le=LARGEST_ID)
    regime: int | None = Field(None, ge=1, le=LARGEST_ID)


class NewBatch(Strict):
    space: int = Field(ge=1, le=LARGEST_ID)
    regime: int = Field(ge=1, le=LARGEST_ID)
    size: int = Field(ge=1, le=LARGEST_BATCH)
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="chosen for you where you give none")
    priority: int = Field(0, ge=-100, le=100)


class Extend(Strict):
    size: int = Field(ge=1, le=LARGEST_BATCH)


class Pause(Strict):
    finish_running: bool = False


class SampleColumns(Schema):
    n: int
    columns: dict[str, Column]


class PopulationLine(Schema):
    space: int
    regime: int
    designs: int
    trained: int
    failed: int
    pending: int


class Populations(Schema):
    items: list[PopulationLine]


class PopulationQuery(Schema):
    error: Literal["final", "best"] = "final"
    limit: int = Field(ROWS_AT_ONCE, ge=1, le=ROWS_AT_ONCE)
    offset: int = Field(0, ge=0, le=10**9)


class PopulationOut(Schema):
    """Rows ``offset`` to ``offset`` + the columns' length of the ``n`` samples used."""

    space: int
    regime: int
    error: Literal["final", "best"]
    n: int
    offset: int
    failed: int
    pending: int
    cancelled: int
    ahead: int = Field(description="finished beyond the prefix of their batch, and not used yet")
    columns: dict[str, Column]


class Interval(Schema):
    value: float
    low: float
    high: float
    confidence: float


class Finding(Schema):
    """One population; errors in percent, all null where no sample is used yet."""

    population: str
    name: str
    n: int
    failed: int
    pending: int
    cancelled: int
    min: float | None
    median: float | None
    mean: Interval | None = Field(description="with its interval for a fixed n: wait for pending to be 0 to rely on it")


class PairOut(Schema):
    """Two populations, the one with the lower mean first."""

    first: str
    second: str
    mean_difference: Interval = Field(description="first minus second, in percentage points")
    ks_distance: float
    ks_p_value: float
    ks_p_value_holm: float = Field(description="corrected for all pairs of this answer")


class AnalysisQuery(Schema):
    p: list[str] = Field([], description="populations such as 1-2 (space and regime), or i3 (an import); at most 7")
    error: Literal["final", "best"] = "final"


class AnalysisOut(Schema):
    error: Literal["final", "best"]
    populations: list[Finding]
    pairs: list[PairOut]
