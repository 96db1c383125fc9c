"""What goes in and comes out, for checking and for the OpenAPI schema. Definitions are the engine's own JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from ninja import Field, Schema
from pydantic import ConfigDict

from engine.spaces.containment import Proof
from engine.statistics import Verdict
from webapp.analysis.in_order import MOST_PAIRS
from webapp.forms.batches import LARGEST_SEED
from webapp.models.filing import MOST_TAGS
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


def or_problem(model: type[Schema], *, status: int = 200) -> dict[int | frozenset[int], type[Schema]]:
    """The answers of an operation, for the schema: what was asked for, or a problem."""
    return {status: model, PROBLEMS: Problem}


class Page(Schema):
    """Which part of a list: the newest first."""

    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10**9)


class FiledPage(Page):
    tag: str | None = Field(None, description="only those that carry this tag")
    archived: bool | None = Field(None, description="only archived ones, or only the others; both where left out")


class FiledOut(Schema):
    tags: list[str] = Field(description="small letters, sorted")
    archived_at: datetime | None = Field(description="when it was put away; analyses still count it")


class Tags(Strict):
    """All that the row is to carry, in any spelling; none where the list is empty."""

    tags: list[str] = Field(max_length=MOST_TAGS)


class Me(Schema):
    user: str
    team: str
    role: Literal["owner", "member", "viewer"]


class SpaceLine(FiledOut):
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
    answer: Proof = Field(description="not_proven: neither a proof nor a design outside was found")
    reason: str = Field(description="why it is not proven, or why the witness lies outside; empty where it is proven")
    witness: dict[str, Any] | None = Field(description="where refuted, a design of the space outside its parent")


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


class RegimeLine(FiledOut):
    id: int
    name: str
    data_set: str
    created_at: datetime


class Regimes(Schema):
    items: list[RegimeLine]
    total: int


class RegimeOut(RegimeLine):
    definition: dict[str, Any] = Field(description="JSON of engine.training.regimes")


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


class BatchOut(FiledOut):
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


class BatchFilter(FiledPage):
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
    """One population; errors in percent, all null where no sample is used yet.

    While ``pending`` is above 0 the intervals hold at every look, and say nothing (0 to 100) below 50 samples. Once it
    is 0 they are for a number of samples fixed beforehand: to decide whether to train more, use ``in_order``.
    """

    population: str
    name: str = Field(description="of its space, with its regime where the answer has several; of its import")
    n: int
    failed: int
    pending: int
    cancelled: int
    min: float | None
    median: Interval | None = Field(description="its interval is exact at both times; 0 to 100 of fewer than 6 samples")
    mean: Interval | None = Field(
        description="its interval is asymptotic while pending is above 0, then BCa bootstrap; 0 to 100 of one sample"
    )


class PairOut(Schema):
    """Two populations, the one with the lower mean first; the pair with the largest difference of means first.

    All of it is for numbers of samples fixed beforehand; while runs are to come use ``in_order``.
    """

    first: str
    second: str
    mean_difference: Interval = Field(description="first minus second, in percentage points; of this pair alone")
    mean_difference_together: Interval = Field(
        description="the same, wide enough for the intervals of all pairs of this answer to hold together"
    )
    median_difference: Interval = Field(description="first minus second, in percentage points; of this pair alone")
    ks_distance: Interval = Field(description="largest distance of the two EDFs, 0 to 1; of this pair alone")
    ks_p_value: float
    ks_p_value_holm: float = Field(description="corrected for all pairs of this answer")


class InOrderOut(Schema):
    """Two populations compared design by design in draw order: all of it holds however often one looks.

    ``share`` holds at its confidence and the verdict at the same, so that all comparisons of this answer hold together
    at 0.95.
    """

    first: str = Field(description="the one with the lower mean")
    second: str
    verdict: Verdict = Field(
        description=(
            "a_lower: first has the lower error more often; b_lower: second has; alike: neither has it in more than "
            "60 % of the pairs; open: more samples may decide it; budget_used: not decided by the first "
            f"{MOST_PAIRS:,} pairs, and more are not looked at. More samples can't undo the first three, only a failed "
            "run that is queued again may."
        )
    )
    pairs: int = Field(description="pairs looked at: won, lost, tied and left out together")
    won: int = Field(description="pairs in which first has the lower error; a diverged run is worse than any error")
    lost: int = Field(description="pairs in which second has")
    tied: int
    left_out: int = Field(description="pairs in which a run failed in another way than by diverging")
    share: Interval = Field(
        description="of the pairs that are not tied, those in which first has the lower error, 0 to 1: "
        "(won + 1/2) / (won + lost + 1)"
    )
    p_value: float = Field(description="always valid, and corrected for all comparisons of this answer (Bonferroni)")
    decided_at: int | None = Field(description="number of the pair that decided it, from 1; null where none has")


class AnalysisQuery(Schema):
    p: list[str] = Field([], description="populations such as 1-2 (space and regime), or i3 (an import); at most 7")
    error: Literal["final", "best"] = "final"


class AnalysisOut(Schema):
    error: Literal["final", "best"]
    finding: str | None = Field(
        description=(
            "the sentence of its page: while runs are to come it holds at every look, then for numbers "
            "of samples fixed beforehand; null where no sample is used yet"
        )
    )
    populations: list[Finding]
    pairs: list[PairOut] = Field(description="every two that have a sample")
    in_order: list[InOrderOut] = Field(
        description="every two whose draw order is known, the surest first; it is not known of imports"
    )


class TableOut(Schema):
    name: str
    label: str = Field(description="its heading on the page")
    columns: dict[str, list[str | int | float | None]] = Field(
        description="one list a column, in the order of the table; null where a cell is empty"
    )
