"""Populations: the finished samples of one space under one regime as columns, read without building objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.backends.utils import CursorWrapper

from engine.spaces import space_from_json
from engine.spaces.sampling import Counted
from engine.statistics.population import Population, Range
from webapp.models import OWN_DOING, Regime, Sample, SampleBatch, Space

ErrorChoice = Literal["final", "best"]
ERROR_COLUMNS: Mapping[str, str] = {"final": "error", "best": "best_error"}
SAMPLE_ID = "sample_id"
COMPLEXITIES = ("flops", "params", "acts")
# More rows than this are not read into one page; the newest batches beyond it are left out and counted as ahead.
LARGEST_POPULATION = 200_000
COPY_HEADER, COPY_TRAILER = 19, 2  # bytes before and after the rows in PostgreSQL's binary COPY


@dataclass(frozen=True, eq=False)
class TrainedPopulation:
    """What has been trained of one space under one regime.

    Attributes
    ----------
    population : Population
        The finished prefix of each batch, in draw order; column ``sample_id`` beside parameters and complexity. Its
        ``failed`` samples failed by their own doing (webapp.models.FailureKind), its ``missing`` ones otherwise.
    ahead : ndarray
        Errors (percent) of samples that finished beyond the prefix of their batch: shown pale, never used.
    cancelled : int
        Samples that will not be trained because somebody cancelled them.
    in_order : ndarray or None
        What became of the samples in the order in which they were drawn, whatever their batch, to the first that is
        to come, so that it only ever grows at its end: errors (percent), inf for those that failed by their own doing,
        nan for other failures. None where no draw order is known.
    in_order_ids : ndarray or None
        The sample of each value of ``in_order``, as in column ``sample_id``.
    repeated : int
        Samples that are left out because an older batch drew the same design.
    looked_at : bool
        Whether the plan changed after its first run had ended: more designs were added, or some were cancelled.
    """

    population: Population
    ahead: npt.NDArray[np.float64]
    cancelled: int = 0
    in_order: npt.NDArray[np.float64] | None = None
    in_order_ids: npt.NDArray[np.float64] | None = None
    repeated: int = 0
    looked_at: bool = False

    @property
    def pending(self) -> int:
        return self.population.pending

    def inside(self, ranges: Mapping[str, Range]) -> TrainedPopulation:
        """The samples inside the ranges alone, also of ``in_order``, which leaves out what says nothing then."""
        population = self.population.filter(ranges)
        unknown = population.failed and not population.failures
        if unknown or self.in_order is None or self.in_order_ids is None:
            return replace(self, population=population, in_order=None, in_order_ids=None)
        known = np.concatenate([population[SAMPLE_ID], population.failures.get(SAMPLE_ID, [])])
        kept = np.isin(self.in_order_ids, known)
        return replace(self, population=population, in_order=self.in_order[kept], in_order_ids=self.in_order_ids[kept])


# Samples whose design an older batch of the same seed holds too, unless it was cancelled there: each design counts
# once. Only batches from before seeds were unique have any. Which batches, is for the statement to add.
REPEATED = """
    SELECT sample.id, younger.space_id, younger.regime_id, younger.id AS batch_id
    FROM webapp_samplebatch younger JOIN webapp_sample sample ON sample.batch_id = younger.id
    WHERE younger.old_double AND EXISTS (
        SELECT 1 FROM webapp_samplebatch older
        JOIN webapp_sample first ON first.batch_id = older.id AND first.position = sample.position
        WHERE older.space_id = younger.space_id AND older.regime_id = younger.regime_id AND older.seed = younger.seed
            AND older.id < younger.id
            AND NOT EXISTS (SELECT 1 FROM webapp_run WHERE sample_id = first.id AND state = 'cancelled')
    )
"""

# The frontier of a batch is the first position that has not ended, or was cancelled: only what lies before it is an
# unbiased sample, because cheap networks finish first. A batch that is not drawn yet is all to come. Which batches, is
# for the statement to add, with those that are repeated.
FRONTIER = """
    SELECT batch.id, batch.space_id, batch.regime_id, batch.size, batch.state, coalesce((
        SELECT min(run.position) FROM webapp_run run
        WHERE run.batch_id = batch.id AND run.state IN ('queued', 'running', 'cancelled')
            AND run.sample_id NOT IN (SELECT id FROM repeated)
    ), 2147483647) AS position
    FROM webapp_samplebatch batch
"""

# The samples of these batches whose network failed by its own doing: half of its replicates or more did.
OWN_FAILURES = f"""
    SELECT run.sample_id FROM webapp_run run JOIN frontier ON frontier.id = run.batch_id
    WHERE run.state = 'failed' AND run.failure_kind IN ({", ".join(f"'{kind.value}'" for kind in OWN_DOING)})
    GROUP BY run.sample_id
    HAVING 2 * count(*) >= (SELECT count(*) FROM webapp_run WHERE sample_id = run.sample_id)
"""  # noqa: S608  (constants)

OF_POPULATION = f"""
WITH repeated AS MATERIALIZED ({REPEATED}
        AND younger.space_id = %(space)s AND younger.regime_id = %(regime)s AND %(batch)s::bigint IS NULL
), frontier AS ({FRONTIER}
    WHERE batch.space_id = %(space)s AND batch.regime_id = %(regime)s
        AND (%(batch)s::bigint IS NULL OR batch.id = %(batch)s)
)
"""
# More designs were planned than there were when the first run ended, or fewer are to be trained.
LOOKED_AT = """
    SELECT 1 FROM webapp_plan plan
    WHERE plan.space_id = %(space)s AND plan.regime_id = %(regime)s AND (plan.changed OR EXISTS (
        SELECT 1 FROM webapp_samplebatch batch
        WHERE batch.space_id = plan.space_id AND batch.regime_id = plan.regime_id
            AND batch.state NOT IN ('exhausted', 'failed')
            AND batch.size > coalesce((plan.designs ->> batch.id::text)::integer, 0)
    ))
"""
COUNTS = f"""{OF_POPULATION}
SELECT
    (SELECT count(DISTINCT run.sample_id) FROM webapp_run run JOIN frontier ON frontier.id = run.batch_id
     WHERE run.state IN ('queued', 'running') AND run.sample_id NOT IN (SELECT id FROM repeated)),
    (SELECT count(DISTINCT run.sample_id) FROM webapp_run run JOIN frontier ON frontier.id = run.batch_id
     WHERE run.state = 'cancelled' AND run.sample_id NOT IN (SELECT id FROM repeated)),
    (SELECT coalesce(sum(size - (SELECT count(*) FROM webapp_sample WHERE batch_id = frontier.id)), 0)
     FROM frontier WHERE state IN ('requested', 'drawing')),
    (SELECT count(*) FROM repeated),
    EXISTS ({LOOKED_AT})
"""  # noqa: S608  (constants)

# A row a sample that has an error, or ended without one inside the prefix of its batch: whether it lies inside, whether
# all samples drawn before it (their ids say so, also where a batch was extended after a later one) have ended, and what
# it has.
COLUMNS = f"""
SELECT (sample.position < frontier.position)::int::float8,
    (sample.id < coalesce((
        SELECT min(run.sample_id) FROM webapp_run run JOIN frontier ON frontier.id = run.batch_id
        WHERE run.state IN ('queued', 'running') AND run.sample_id NOT IN (SELECT id FROM repeated)
    ), 9223372036854775807))::int::float8,
    sample.id::float8,
    coalesce(sample.{{error}}, CASE WHEN sample.id IN ({OWN_FAILURES}) THEN 'Infinity' ELSE 'NaN' END::float8),
    sample.flops::float8, sample.params::float8, sample.acts::float8{{parameters}}
FROM webapp_sample sample JOIN frontier ON frontier.id = sample.batch_id
WHERE (sample.error IS NOT NULL OR sample.position < frontier.position) AND sample.id NOT IN (SELECT id FROM repeated)
ORDER BY sample.batch_id, sample.position
LIMIT %(limit)s
"""  # noqa: S608  (constants)


def load_population(*, space: Space, regime: Regime, error: ErrorChoice = "final") -> Population:
    """The population of a space under a regime: parameters as drawn, complexity, error, with the sample's id.

    While a batch runs only its finished prefix counts (docs/statistics.md); ``pending`` says how many are to come.
    """
    return load_trained(space=space, regime=regime, error=error).population


def load_trained(
    *, space: Space, regime: Regime, error: ErrorChoice = "final", batch: SampleBatch | None = None,
    parameters: bool = True,
) -> TrainedPopulation:  # fmt: skip
    """The population, or one batch's part of it, with what the prefix rule leaves out; parameters on demand."""
    paths = space_from_json(space.definition).parameter_paths() if parameters else {}
    values: dict[str, Any] = {
        "space": space.pk,
        "regime": regime.pk,
        "batch": batch.pk if batch else None,
        "limit": LARGEST_POPULATION,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, values)
        pending, cancelled, undrawn, repeated, looked_at = cursor.fetchone()
        table = _copied(cursor, *_columns_statement(paths, error, values), width=7 + len(paths))
    in_prefix, ids, errors = table[:, 0] == 1, table[:, 2], table[:, 3]
    before = np.flatnonzero(in_prefix & (table[:, 1] == 1))
    drawn = before[np.argsort(ids[before])]
    return TrainedPopulation(
        _population(table, paths, pending=pending + int(undrawn)),
        ahead=errors[~in_prefix],
        cancelled=cancelled,
        in_order=errors[drawn],
        in_order_ids=ids[drawn],
        repeated=repeated,
        looked_at=looked_at,
    )


def _population(table: npt.NDArray[np.float64], paths: Iterable[str], *, pending: int) -> Population:
    """The samples inside the prefix, those that failed by their own doing apart."""
    columns = {name: table[:, k] for k, name in enumerate([SAMPLE_ID, "error", *COMPLEXITIES, *paths], start=2)}
    ordered = {name: columns[name] for name in [*paths, *COMPLEXITIES, "error", SAMPLE_ID]}
    in_prefix, errors = table[:, 0] == 1, columns["error"]
    used, failed = in_prefix & np.isfinite(errors), in_prefix & np.isinf(errors)
    return Population.from_columns(
        {name: column[used] for name, column in ordered.items()},
        pending=pending,
        missing=int((in_prefix & np.isnan(errors)).sum()),
        failures={name: column[failed] for name, column in ordered.items() if name != "error"},
    )


def drawn_designs(sample_ids: Sequence[int]) -> dict[int, dict[str, object]]:
    """The designs of some samples as they were drawn, as JSON."""
    return dict(Sample.objects.filter(pk__in=sample_ids).values_list("pk", "drawn"))


def acceptances(regime: Regime, space_ids: Sequence[int]) -> dict[int, Counted]:
    """How many of each space's candidates the regime's window accepted, over all batches that say so.

    Batches of one seed draw the same candidates and count once. One from before candidates were counted on has those
    of its own draw; its acceptance counts networks that were drawn before among the accepted, as it must.
    """
    batches = SampleBatch.objects.filter(regime=regime, space_id__in=space_ids, report__has_key="tried")
    counted: dict[int, dict[int, Counted]] = {pk: {} for pk in space_ids}
    for space_id, seed, report in batches.order_by("size").values_list("space_id", "seed", "report"):
        own = Counted(round(report["acceptance"] * report["tried"]), report["tried"])
        if "drawn" in report:
            own = Counted(report["accepted"], report["drawn"])
        counted[space_id][seed] = own
    sums = {pk: Counted(sum(c.accepted for c in of.values()), sum(c.drawn for c in of.values()))
            for pk, of in counted.items()}  # fmt: skip
    return {pk: total for pk, total in sums.items() if total.accepted}


def stored_designs(sample_ids: Sequence[int]) -> dict[int, dict[str, object]]:
    """The designs of some samples after group compatibility, as JSON."""
    return dict(Sample.objects.filter(pk__in=sample_ids).values_list("pk", "design"))


def _columns_statement(
    paths: Mapping[str, Sequence[str | int]], error: ErrorChoice, values: Mapping[str, object]
) -> tuple[str, dict[str, object]]:
    """The statement with one extracted column a parameter; paths travel as arguments, never as SQL."""
    parameters = "".join(f", coalesce((sample.drawn #>> %(path{k})s)::float8, 'NaN')" for k in range(len(paths)))
    statement = OF_POPULATION + COLUMNS.format(error=ERROR_COLUMNS[error], parameters=parameters)
    arguments = {f"path{k}": [str(step) for step in path] for k, path in enumerate(paths.values())}
    return statement, {**values, **arguments}


def _copied(
    cursor: CursorWrapper, statement: str, values: Mapping[str, object], *, width: int
) -> npt.NDArray[np.float64]:
    """The rows of a statement that selects ``width`` columns of float8, none null, shape (n, width).

    COPY in its binary form makes every row the same number of bytes, so they become an array without a Python object
    for each value: at 20,000 rows a third of the time of fetching them.
    """
    copied = BytesIO()
    cursor.copy_expert(f"COPY ({cursor.mogrify(statement, values).decode()}) TO STDOUT (FORMAT binary)", copied)
    row = np.dtype([("fields", ">i2"), ("cells", [("bytes", ">i4"), ("value", ">f8")], (width,))])
    count = (copied.tell() - COPY_HEADER - COPY_TRAILER) // row.itemsize
    rows = np.frombuffer(copied.getbuffer(), dtype=row, offset=COPY_HEADER, count=count)
    return np.asarray(rows["cells"]["value"], dtype=np.float64).reshape(count, width)
