"""Machines and devices: which are alive, and what each is training."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection

from webapp.models import Team

WORKERS_SHOWN = 200
LATEST_EPOCHS = 10
BADGES = {
    "ended": "cancelled",
    "silent": "paused",
    "draining": "running",
    "drained": "paused",
    "training": "running",
    "idle": "waiting",
}


@dataclass(frozen=True)
class WorkerLine:
    """One training slot as the list shows it; the run is named only to the team that owns it."""

    id: UUID
    host: str
    device: str
    device_kind: str
    slot: int
    started_at: datetime
    last_seen: datetime
    seconds_silent: float
    ended_at: datetime | None
    busy: bool
    sample_id: int | None
    position: int | None
    space_name: str
    epochs: int
    epoch_seconds: float | None
    memory: int | None
    draining: bool
    lacks: list[str]

    @property
    def epochs_per_minute(self) -> float | None:
        """By the last epochs of the run in hand, not by the time between them."""
        return 60 / self.epoch_seconds if self.epoch_seconds else None

    @property
    def silent(self) -> bool:
        return self.ended_at is None and self.seconds_silent > settings.LEASE_SECONDS

    @property
    def word(self) -> str:
        if self.ended_at is not None:
            return "ended"
        if self.silent:
            return "silent"
        if self.draining:
            return "draining" if self.busy else "drained"
        return "training" if self.busy else "idle"

    @property
    def badge(self) -> str:
        """The class of the badge that fits the word."""
        return BADGES[self.word]


# Only the database's clock says how long a worker has been silent. What it lacks are data sets for which runs of the
# team wait.
WORKERS = """
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT regime.data_set FROM webapp_samplebatch batch
    JOIN webapp_regime regime ON regime.id = batch.regime_id AND regime.team_id = %(team)s
    WHERE EXISTS (SELECT 1 FROM webapp_run WHERE batch_id = batch.id AND state = 'queued')
)
SELECT worker.id, worker.host, worker.device, worker.device_kind, worker.slot, worker.started_at, worker.last_seen,
    extract(epoch FROM now() - worker.last_seen)::float8, worker.ended_at, run.id IS NOT NULL,
    CASE WHEN space.team_id = %(team)s THEN run.sample_id END,
    CASE WHEN space.team_id = %(team)s THEN run.position END,
    CASE WHEN space.team_id = %(team)s THEN space.name ELSE '' END,
    coalesce(epochs.done, 0)::int, epochs.seconds::float8, worker.memory, worker.draining,
    ARRAY(SELECT data_set FROM wanted WHERE NOT worker.data_sets @> to_jsonb(data_set) ORDER BY 1)
FROM webapp_worker worker
LEFT JOIN LATERAL (
    SELECT * FROM webapp_run WHERE worker_id = worker.id AND state = 'running' ORDER BY id DESC LIMIT 1
) AS run ON true
LEFT JOIN LATERAL (
    SELECT max(number) AS done, avg(seconds) AS seconds FROM (
        SELECT number, seconds FROM webapp_epoch WHERE run_id = run.id ORDER BY number DESC LIMIT %(epochs)s
    ) AS latest
) AS epochs ON true
LEFT JOIN webapp_samplebatch batch ON batch.id = run.batch_id
LEFT JOIN webapp_space space ON space.id = batch.space_id
WHERE worker.ended_at IS NULL AND worker.last_seen > now() - interval '7 days'
    OR worker.ended_at > now() - interval '1 day'
ORDER BY worker.ended_at IS NOT NULL, worker.last_seen < now() - %(silent)s * interval '1 second',
    worker.host, worker.device, worker.slot, worker.started_at DESC
LIMIT %(limit)s
"""


def worker_lines(team: Team, *, limit: int = WORKERS_SHOWN) -> list[WorkerLine]:
    """The living and the silent of the last week, and those that ended in the last day, living ones first."""
    with connection.cursor() as cursor:
        values = {"team": team.pk, "silent": settings.LEASE_SECONDS, "limit": limit, "epochs": LATEST_EPOCHS}
        cursor.execute(WORKERS, values)
        return [WorkerLine(*row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Capacity:
    """What the installation can do now."""

    slots: int
    machines: int
    training: int
    silent: int


def capacity() -> Capacity:
    """Slots that were heard of within one lease, their machines, and the silent ones."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FILTER (WHERE alive), count(DISTINCT host) FILTER (WHERE alive),
                count(*) FILTER (WHERE alive AND busy), count(*) FILTER (WHERE NOT alive)
            FROM (
                SELECT worker.host, worker.last_seen > now() - %(silent)s * interval '1 second' AS alive,
                    EXISTS (SELECT 1 FROM webapp_run WHERE worker_id = worker.id AND state = 'running') AS busy
                FROM webapp_worker worker
                WHERE worker.ended_at IS NULL AND worker.last_seen > now() - interval '1 day'
            ) AS slot
            """,
            {"silent": settings.LEASE_SECONDS},
        )
        return Capacity(*cursor.fetchone())


def slots_on(batch_id: int) -> tuple[int, int]:
    """How many slots on how many machines train this batch now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(DISTINCT worker.id), count(DISTINCT worker.host)
            FROM webapp_run run JOIN webapp_worker worker ON worker.id = run.worker_id
            WHERE run.batch_id = %s AND run.state = 'running'
            """,
            [batch_id],
        )
        slots, machines = cursor.fetchone()
        return int(slots), int(machines)


@dataclass(frozen=True)
class Holders:
    """The living slots that have a data set, and their machines by name."""

    slots: int
    machines: list[str]


def data_set_holders() -> dict[str, Holders]:
    """By the name of the data set, as the workers reported what they found; one that nobody has is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT found.name, count(*)::int, array_agg(DISTINCT worker.host ORDER BY worker.host)
            FROM webapp_worker worker CROSS JOIN LATERAL jsonb_array_elements_text(worker.data_sets) AS found(name)
            WHERE worker.ended_at IS NULL AND worker.last_seen > now() - %s * interval '1 second'
            GROUP BY found.name ORDER BY found.name
            """,
            [settings.LEASE_SECONDS],
        )
        return {name: Holders(slots, machines) for name, slots, machines in cursor.fetchall()}
