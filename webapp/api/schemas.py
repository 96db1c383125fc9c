"""What goes in and comes out, for checking and for the OpenAPI schema. Definitions are the engine's own JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from ninja import Field, Schema
from pydantic import ConfigDict

from engine.spaces.containment import Proof
from engine.statistics import Verdict
from webapp.analysis.comparing import MOST_PAIRS
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
FAILED_MEANS = "failed by their network's own doing: worse than every error"
MISSING_MEANS = "ended without saying anything of their network, such as by a lost worker"
REPEATED_MEANS = "left out, since an older batch drew the same designs"
LOOKED_AT_MEANS = "designs were added or cancelled after the first run had ended, so after somebody could look"


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
    warning: str = Field("", description="what to know of its seed, told when it is queued")
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
    seed: int | None = Field(
        None, ge=0, le=LARGEST_SEED, description="one that no batch of the team has where you give none"
    )
    priority: int = Field(0, ge=-100, le=100)


class Extend(Strict):
    size: int = Field(ge=1, le=LARGEST_BATCH)


class Pause(Strict):
    finish_running: bool = False


class Priority(Strict):
    priority: int = Field(ge=-100, le=100)


class Retry(Strict):
    kind: str = Field("", description="of failure; all where empty")


class ImportRows(Strict):
    """One list a column, all of one length: numbers, texts, booleans, null for an empty cell."""

    columns: dict[str, list[int | float | str | bool | None]]


class NewImport(ImportRows):
    name: str
    source: str = Field("", max_length=200, description="where the rows come from, for people")
    roles: dict[str, str] = Field(default_factory=dict, description="column: role or role:unit; guessed where left out")
    statuses: dict[str, str] = Field(default_factory=dict, description="word: finished, failed or left_out")
    data_set: str = Field("", max_length=80)
    resolution: int | None = Field(None, ge=1, le=100_000)
    epochs: float | None = Field(None, ge=0, le=1_000_000)


class ImportOut(FiledOut):
    id: int
    name: str
    source: str
    n: int = Field(description="rows with an error")
    failed: int = Field(description="rows without one by their own doing, behind every error")
    left_out: int
    data_set: str
    resolution: int | None
    epochs: float | None
    version: int = Field(description="grows whenever its rows change")
    roles: dict[str, str]
    created_at: datetime


class Imports(Schema):
    items: list[ImportOut]
    total: int


class SampleColumns(Schema):
    n: int
    columns: dict[str, Column]


class PopulationLine(Schema):
    space: int
    regime: int
    designs: int
    trained: int
    failed: int = Field(description=FAILED_MEANS)
    missing: int = Field(description=MISSING_MEANS)
    repeated: int = Field(description=REPEATED_MEANS)
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
    failed: int = Field(description=FAILED_MEANS)
    missing: int = Field(description=MISSING_MEANS)
    repeated: int = Field(description=REPEATED_MEANS)
    pending: int
    cancelled: int
    looked_at: bool = Field(description=LOOKED_AT_MEANS)
    ahead: int = Field(description="finished beyond the prefix of their batch, and not used yet")
    columns: dict[str, Column]


class Interval(Schema):
    value: float | None = Field(description="null where it lies among the failed networks")
    low: float | None = Field(description="null where the interval is open at that end, or there is none")
    high: float | None
    confidence: float


class Finding(Schema):
    """One population; errors in percent, null where no network finished.

    While ``pending`` is above 0 the interval of the median holds at every look, and says nothing (0 to 100) below 50
    networks. Once it is 0 it is for a number of networks fixed beforehand.
    """

    population: str
    name: str = Field(description="of its space, with its regime where the answer has several; of its import")
    n: int = Field(description="networks that finished or failed by their own doing")
    failed: int = Field(description=FAILED_MEANS)
    missing: int = Field(description=MISSING_MEANS)
    repeated: int = Field(description=REPEATED_MEANS)
    pending: int
    cancelled: int
    looked_at: bool = Field(description=LOOKED_AT_MEANS)
    min: float | None
    median: Interval | None = Field(description="failures counted; its interval is exact")
    mean: Interval | None = Field(
        description="of those that finished; without an interval while pending is above 0 and below 16 of them"
    )


class PairOut(Schema):
    """Two populations; first is the one with the lower errors, as far as can be told. The surest pair comes first."""

    first: str
    second: str
    verdict: Verdict = Field(
        description=(
            "a_lower: first has lower errors; alike: theta lies within 0.4 to 0.6; not_shown: no difference is shown, "
            "which does not say that there is none; too_few: no outcome of so few networks could show a difference; "
            "all_tied: all have the same error, or all failed; nothing: one has no network yet; open: not decided in "
            f"draw order yet; budget_used: not decided in draw order by the first {MOST_PAIRS:,} pairs"
        )
    )
    at_every_look: bool = Field(
        description="whether verdict and p_value are those in draw order, because runs are to come or networks were "
        "added or withdrawn after results could be seen"
    )
    p_value: float | None = Field(
        description="of the verdict, allowing for all pairs; null where nothing can be tested"
    )
    theta: Interval | None = Field(
        description="how often a network of first has a lower error than one of second, 0 to 1, ties half; for "
        "numbers of networks fixed beforehand, and for all pairs together"
    )
    median_difference: Interval | None = Field(
        description="median of error of first minus error of second over all pairs of networks, in percentage points; "
        "null where more than half of one failed"
    )
    n: tuple[int, int] = Field(description="networks of first and of second that finished or failed")
    failed: tuple[int, int]
    left_out: tuple[int, int] = Field(description="runs that say nothing of their network, not among n")
    ks_distance: Interval = Field(description="largest distance of the two EDFs, 0 to 1; of this pair alone")
    ks_p_value_holm: float = Field(description="corrected for all pairs of this answer")
    mean_difference: Interval | None = Field(
        description="first minus second, of those that finished; without an interval below 16 of each"
    )


class InOrderOut(Schema):
    """Two populations compared network by network in draw order: all of it holds however often one looks.

    ``theta`` holds at its confidence and the verdict at the same, so that all comparisons of this answer hold together
    at 0.95.
    """

    first: str
    second: str
    verdict: Verdict = Field(
        description=(
            "a_lower: first has lower errors; b_lower: second has; alike: theta lies within 0.4 to 0.6; open: more "
            f"networks may decide it; budget_used: not decided by the first {MOST_PAIRS:,} pairs, and more are not "
            "looked at"
        )
    )
    pairs: int = Field(description="pairs looked at: won, lost, tied and left out together")
    won: int = Field(description="pairs in which first has the lower error; a failure is worse than any error")
    lost: int = Field(description="pairs in which second has")
    tied: int
    left_out: int = Field(description="pairs in which a run says nothing of its network")
    theta: Interval = Field(description="share of the pairs that first wins, 0 to 1, ties half")
    p_value: float = Field(description="holds at every look, and corrected for all comparisons (Bonferroni)")
    decided_at: int | None = Field(description="number of the pair that decided it, from 1; null where none has")


class AnalysisQuery(Schema):
    p: list[str] = Field([], description="populations such as 1-2 (space and regime), or i3 (an import); at most 7")
    error: Literal["final", "best"] = "final"


class AnalysisOut(Schema):
    error: Literal["final", "best"]
    finding: str | None = Field(
        description=(
            "the sentences at the head of its page: while runs are to come, or where networks were added after "
            "results could be seen, they hold at every look, else for numbers of networks fixed beforehand; null "
            "where no network is used yet"
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
