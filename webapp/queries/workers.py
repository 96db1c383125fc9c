"""Machines and devices: which are alive, and what each is training."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection

from webapp.models import Team

SHOWN = 200


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

    @property
    def silent(self) -> bool:
        return self.ended_at is None and self.seconds_silent > settings.LEASE_SECONDS

    @property
    def word(self) -> str:
        if self.ended_at is not None:
            return "ended"
        if self.silent:
            return "silent"
        return "training" if self.busy else "idle"

    @property
    def badge(self) -> str:
        """The class of the badge that fits the word."""
        return {"ended": "cancelled", "silent": "paused", "training": "running", "idle": "waiting"}[self.word]


# Only the database's clock says how long a worker has been silent.
WORKERS = """
SELECT worker.id, worker.host, worker.device, worker.device_kind, worker.slot, worker.started_at, worker.last_seen,
    extract(epoch FROM now() - worker.last_seen)::float8, worker.ended_at, run.id IS NOT NULL,
    CASE WHEN space.team_id = %(team)s THEN run.sample_id END,
    CASE WHEN space.team_id = %(team)s THEN run.position END,
    CASE WHEN space.team_id = %(team)s THEN space.name ELSE '' END,
    (SELECT count(*) FROM webapp_epoch epoch WHERE epoch.run_id = run.id AND epoch.attempt = run.attempt)::int
FROM webapp_worker worker
LEFT JOIN LATERAL (
    SELECT * FROM webapp_run WHERE worker_id = worker.id AND state = 'running' ORDER BY id DESC LIMIT 1
) AS run ON true
LEFT JOIN webapp_samplebatch batch ON batch.id = run.batch_id
LEFT JOIN webapp_space space ON space.id = batch.space_id
WHERE worker.ended_at IS NULL AND worker.last_seen > now() - interval '7 days'
    OR worker.ended_at > now() - interval '1 day'
ORDER BY worker.ended_at IS NOT NULL, worker.last_seen < now() - %(silent)s * interval '1 second',
    worker.host, worker.device, worker.slot, worker.started_at DESC
LIMIT %(limit)s
"""


def worker_lines(team: Team, *, limit: int = SHOWN) -> list[WorkerLine]:
    """The living and the silent of the last week, and those that ended in the last day, living ones first."""
    with connection.cursor() as cursor:
        cursor.execute(WORKERS, {"team": team.pk, "silent": settings.LEASE_SECONDS, "limit": limit})
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
