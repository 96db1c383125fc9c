"""Populations in a few numbers, for lists: counted at the first look after a change, and kept with their version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from webapp import services
from webapp.models import KeptSummary, Regime, Space, Team
from webapp.queries.populations import FRONTIER, OWN_FAILURES, REPEATED
from webapp.queries.versions import OF_EACH_BATCH, VERSION

OUTLINE_SHARES = [k / 48 for k in range(49)]  # of the samples that lie below each quantile


@dataclass(frozen=True)
class Outline:
    """A population in a few numbers: errors in percent; ``quantiles`` are evenly spaced from lowest to highest.

    Of those that finished; ``failed`` more failed by their own doing, so that its curve ends at ``top``.
    """

    space_id: int
    n: int
    min: float
    mean: float
    quantiles: tuple[float, ...]
    failed: int = 0

    @property
    def top(self) -> float:
        """The share that finished."""
        return self.n / (self.n + self.failed)


@dataclass(frozen=True)
class PopulationSummary:
    """One line about a population: enough for lists, never for a finding. ``outline`` is None while none is used."""

    space_id: int
    regime_id: int
    regime_name: str
    batches: int
    designs: int
    trained: int
    mean_error: float | None
    pending: int
    failed: int
    archived: bool = False  # its space or its regime
    outline: Outline | None = None
    missing: int = 0  # ended without saying anything of their network
    repeated: int = 0  # left out, since an older batch drew the same designs


# What is kept counts only where it is of the very version that the population has now.
KEPT = f"""
WITH population AS (
    SELECT batch.space_id, batch.regime_id, {VERSION} AS version
    FROM webapp_samplebatch batch
    JOIN webapp_space space ON space.id = batch.space_id
    {OF_EACH_BATCH}
    WHERE space.team_id = %(team)s AND (%(space)s::bigint IS NULL OR batch.space_id = %(space)s)
        AND (%(regime)s::bigint IS NULL OR batch.regime_id = %(regime)s)
    GROUP BY batch.space_id, batch.regime_id
)
SELECT space.id, regime.id, regime.name, space.archived_at IS NOT NULL OR regime.archived_at IS NOT NULL,
    population.version, kept.batches, kept.designs, kept.trained, kept.mean_error, kept.pending, kept.failed,
    kept.missing, kept.repeated, kept.used, kept.lowest, kept.mean, kept.quantiles
FROM population
JOIN webapp_space space ON space.id = population.space_id
JOIN webapp_regime regime ON regime.id = population.regime_id
LEFT JOIN webapp_keptsummary kept ON kept.space_id = population.space_id AND kept.regime_id = population.regime_id
    AND kept.version = population.version
ORDER BY space.id, regime.name, regime.id
"""  # noqa: S608  (constants of these modules)

# Version and numbers come from one statement, so that they are of the same moment.
RECOUNT = f"""
WITH population AS (
    SELECT * FROM unnest(%(spaces)s::bigint[], %(regimes)s::bigint[]) AS population (space_id, regime_id)
), repeated AS MATERIALIZED (
    {REPEATED} AND (younger.space_id, younger.regime_id) IN (SELECT space_id, regime_id FROM population)
), frontier AS MATERIALIZED (
    {FRONTIER}
    JOIN population ON population.space_id = batch.space_id AND population.regime_id = batch.regime_id
), own_failures AS MATERIALIZED (
    {OWN_FAILURES}
), batches AS (
    SELECT batch.space_id, batch.regime_id, {VERSION} AS version, count(*) AS batches,
        sum(batch.size - again.designs) AS designs, sum(again.designs) AS repeated,
        sum(run.pending + coalesce(undrawn.designs, 0)) AS pending, sum(run.failed) AS failed,
        sum(run.missing) AS missing
    FROM frontier batch
    {OF_EACH_BATCH}
    CROSS JOIN LATERAL (SELECT count(*) AS designs FROM repeated WHERE batch_id = batch.id) AS again
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE to_come) AS pending, count(*) FILTER (WHERE ended AND own) AS failed,
            count(*) FILTER (
                WHERE ended AND NOT own AND (SELECT error FROM webapp_sample WHERE id = sample_id) IS NULL
            ) AS missing
        FROM (
            SELECT sample_id, bool_or(state IN ('queued', 'running')) AS to_come, bool_and(state = 'failed') AS ended,
                sample_id IN (SELECT sample_id FROM own_failures) AS own
            FROM webapp_run
            WHERE batch_id = batch.id AND state <> 'done' AND sample_id NOT IN (SELECT id FROM repeated)
            GROUP BY sample_id
        ) AS sample
    ) AS run
    LEFT JOIN LATERAL (
        SELECT batch.size - count(*) AS designs FROM webapp_sample
        WHERE batch_id = batch.id
    ) AS undrawn ON batch.state IN ('requested', 'drawing')
    GROUP BY batch.space_id, batch.regime_id
), samples AS (
    SELECT frontier.space_id, frontier.regime_id, count(*) AS trained, avg(error) AS mean_error,
        count(*) FILTER (WHERE used) AS used, min(error) FILTER (WHERE used) AS lowest,
        avg(error) FILTER (WHERE used) AS mean,
        percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY error) FILTER (WHERE used) AS quantiles
    FROM frontier
    JOIN webapp_sample sample ON sample.batch_id = frontier.id AND sample.error IS NOT NULL
        AND sample.id NOT IN (SELECT id FROM repeated)
    CROSS JOIN LATERAL (SELECT sample.position < frontier.position AS used) AS _
    GROUP BY frontier.space_id, frontier.regime_id
)
SELECT space_id, regime_id, version, batches, designs::int, coalesce(trained, 0), mean_error, pending::int, failed::int,
    missing::int, repeated::int, coalesce(used, 0), lowest, mean, quantiles
FROM batches LEFT JOIN samples USING (space_id, regime_id)
"""  # noqa: S608  (constants of these modules)


def population_summaries(
    team: Team, *, space: Space | None = None, regime: Regime | None = None
) -> list[PopulationSummary]:
    """Every pair of space and regime of the team that has a batch; in one statement where none has changed.

    ``mean_error`` (percent) is over all finished samples, so it is shown only where nothing is pending.
    """
    values = {"team": team.pk, "space": space.pk if space else None, "regime": regime.pk if regime else None}
    with connection.cursor() as cursor:
        cursor.execute(KEPT, values)
        rows = cursor.fetchall()
    changed = recount_populations([(row[0], row[1]) for row in rows if row[5] is None])
    if changed:
        services.keep_summaries(changed)
    fresh = {(row.space_id, row.regime_id): row for row in changed}
    summaries = []
    for space_id, regime_id, name, archived, *kept in rows:
        # A population whose last batch was deleted between the two statements is in neither.
        numbers = fresh.get((space_id, regime_id)) if kept[1] is None else _summary(space_id, regime_id, *kept)
        if numbers is not None:
            summaries.append(_line(numbers, name, archived=archived))
    return summaries


def population_outlines(team: Team, regime: Regime) -> dict[int, Outline]:
    """Of every space of the team that has a used sample under the regime, by the space's id."""
    lines = population_summaries(team, regime=regime)
    return {line.space_id: line.outline for line in lines if line.outline}


def recount_populations(pairs: Sequence[tuple[int, int]]) -> list[KeptSummary]:
    """Each of these populations counted from its samples, not stored; those without a batch are left out."""
    if not pairs:
        return []
    spaces, regimes = zip(*pairs, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT, {"spaces": list(spaces), "regimes": list(regimes), "shares": OUTLINE_SHARES})
        return [_summary(*row) for row in cursor.fetchall()]


def _summary(
    space_id: int, regime_id: int, version: str, batches: int, designs: int, trained: int, mean_error: float | None,
    pending: int, failed: int, missing: int, repeated: int, used: int, lowest: float | None, mean: float | None,
    quantiles: list[float] | None,
) -> KeptSummary:  # fmt: skip
    return KeptSummary(
        space_id=space_id, regime_id=regime_id, version=version, batches=batches, designs=designs, trained=trained,
        mean_error=mean_error, pending=pending, failed=failed, missing=missing, repeated=repeated, used=used,
        lowest=lowest, mean=mean, quantiles=quantiles or [],
    )  # fmt: skip


def _line(row: KeptSummary, regime_name: str, *, archived: bool) -> PopulationSummary:
    outline = None
    if row.lowest is not None and row.mean is not None:
        outline = Outline(row.space_id, row.used, row.lowest, row.mean, tuple(row.quantiles), row.failed)
    return PopulationSummary(
        row.space_id, row.regime_id, regime_name, row.batches, row.designs, row.trained, row.mean_error, row.pending,
        row.failed, archived, outline, row.missing, row.repeated,
    )  # fmt: skip
