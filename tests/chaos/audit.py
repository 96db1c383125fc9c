"""What the tables themselves say about a run of the chaos: triggers keep every change, SQL looks for broken rules.

A process that writes names itself by its session's application name (tasks/supervisor.py), so a write by anybody but
the holder shows. Numbers are the invariants of docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

INSTALL = """
CREATE TABLE chaos_run (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), writer text NOT NULL,
    run bigint NOT NULL, old_state text NOT NULL, new_state text NOT NULL, old_attempt int NOT NULL,
    new_attempt int NOT NULL, old_worker text, lost boolean NOT NULL, old_lease timestamptz, new_lease timestamptz
);
CREATE TABLE chaos_epoch (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), writer text NOT NULL,
    run bigint NOT NULL, number int NOT NULL, attempt int NOT NULL, again boolean NOT NULL, run_state text NOT NULL,
    run_attempt int NOT NULL, run_worker text
);
CREATE FUNCTION chaos_keep_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_run (writer, run, old_state, new_state, old_attempt, new_attempt, old_worker, lost, old_lease,
        new_lease)
    VALUES (current_setting('application_name'), OLD.id, OLD.state, NEW.state, OLD.attempt, NEW.attempt,
        OLD.worker_id::text, NEW.lost_workers > OLD.lost_workers, OLD.lease_until, NEW.lease_until);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_keep_run AFTER UPDATE ON webapp_run FOR EACH ROW EXECUTE FUNCTION chaos_keep_run();
CREATE FUNCTION chaos_keep_epoch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_epoch (writer, run, number, attempt, again, run_state, run_attempt, run_worker)
    SELECT current_setting('application_name'), NEW.run_id, NEW.number, NEW.attempt, TG_OP = 'UPDATE', state, attempt,
        worker_id::text
    FROM webapp_run WHERE id = NEW.run_id;
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_keep_epoch AFTER INSERT OR UPDATE ON webapp_epoch FOR EACH ROW
EXECUTE FUNCTION chaos_keep_epoch();
"""

ALLOWED = (
    ("queued", "running"), ("running", "done"), ("running", "failed"), ("running", "queued"), ("queued", "cancelled"),
    ("running", "cancelled"), ("failed", "queued"), ("cancelled", "queued"), ("running", "running"),
)  # fmt: skip

# Each finds rows that break a rule; none may be found.
CHECKS = {
    "transitions that nothing allows (1)": f"""
        SELECT count(*) FROM chaos_run WHERE (old_state, new_state) NOT IN {ALLOWED}
            AND (old_state, new_state) NOT IN (('queued', 'queued'), ('failed', 'failed'))""",  # noqa: S608
    "runs lost: neither ended nor in the queue (2)": """
        SELECT count(*) FROM webapp_run WHERE state NOT IN ('done', 'failed', 'cancelled')""",
    "results duplicated (3)": """
        SELECT count(*) FROM (
            SELECT run FROM chaos_run WHERE new_state = 'done' GROUP BY run HAVING count(*) > 1
        ) AS t""",
    "stale writes accepted: runs (4)": """
        SELECT count(*) FROM chaos_run WHERE old_state = 'running' AND NOT lost
            AND (new_state IN ('done', 'failed', 'queued') OR new_state = 'running' AND new_lease > at)
            AND writer NOT LIKE '%' || coalesce(old_worker, 'nobody')""",
    "stale writes accepted: epochs (4)": """
        SELECT count(*) FROM chaos_epoch WHERE attempt <> run_attempt OR run_state NOT IN ('running', 'done')
            OR writer NOT LIKE '%' || coalesce(run_worker, 'nobody')""",
    "attempts that did not grow by one at a claim, or grew elsewhere (5)": """
        SELECT count(*) FROM chaos_run WHERE new_attempt - old_attempt
            <> CASE WHEN old_state = 'queued' AND new_state = 'running' THEN 1 ELSE 0 END""",
    "samples whose error does not fit their runs (7)": """
        SELECT count(*) FROM webapp_sample sample JOIN (
            SELECT sample_id, avg(final_error) AS error, bool_and(state IN ('done', 'failed'))
                AND 2 * count(*) FILTER (WHERE failure_kind NOT IN ('', 'lost_worker')) < count(*) AS complete
            FROM webapp_run GROUP BY sample_id
        ) AS runs ON runs.sample_id = sample.id
        WHERE sample.error IS DISTINCT FROM CASE WHEN complete THEN runs.error END""",
    "live leases reaped (9)": """
        SELECT count(*) FROM chaos_run WHERE lost AND (old_lease > at OR old_state <> 'running')""",
    "finished runs that lack an epoch (12)": """
        SELECT count(*) FROM webapp_run run WHERE state = 'done' AND %(epochs)s <>
            (SELECT count(*) FROM webapp_epoch WHERE run_id = run.id AND number BETWEEN 1 AND %(epochs)s)""",
    "results that differ from another run of the same design and seed (13)": """
        SELECT count(*) FROM (
            SELECT run.position, epoch.number FROM webapp_run run JOIN webapp_epoch epoch ON epoch.run_id = run.id
            WHERE run.state = 'done' GROUP BY run.position, epoch.number
            HAVING count(DISTINCT (train_loss, train_error, test_error)) > 1
        ) AS t""",
    "runs lost more often than the limit allows (14)": """
        SELECT count(*) FROM webapp_run WHERE lost_workers > 3""",
    "failures of another kind than lost workers (14)": """
        SELECT count(*) FROM webapp_run WHERE state = 'failed' AND failure_kind <> 'lost_worker'""",
}


@dataclass(frozen=True)
class Totals:
    """What was done in all."""

    runs: int
    done: int
    failed: int
    cancelled: int
    attempts: int
    lost: int
    epochs: int
    repeated: int


def install() -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSTALL)


def broken_rules(*, epochs: int) -> dict[str, int]:
    """How often each rule was broken, by the rule's words."""
    found = {}
    with connection.cursor() as cursor:
        for words, statement in CHECKS.items():
            cursor.execute(statement.replace("LIKE '%'", "LIKE '%%'"), {"epochs": epochs})
            found[words] = int(cursor.fetchone()[0])
    return found


def totals() -> Totals:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'failed'),
                count(*) FILTER (WHERE state = 'cancelled'), coalesce(sum(attempt), 0),
                (SELECT count(*) FROM chaos_run WHERE lost),
                (SELECT count(*) FROM chaos_epoch), (SELECT count(*) FROM chaos_epoch WHERE again)
            FROM webapp_run
            """
        )
        return Totals(*cursor.fetchone())


def seconds_until_progress(run_id: int, since: float) -> float | None:
    """Seconds after ``since`` (Unix time) until the run had finished another epoch, or ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT extract(epoch FROM min(at))::float8 - %(since)s FROM (
                SELECT at FROM chaos_epoch WHERE run = %(run)s
                UNION ALL
                SELECT at FROM chaos_run WHERE run = %(run)s AND new_state IN ('done', 'failed', 'cancelled')
            ) AS progress WHERE at > to_timestamp(%(since)s)
            """,
            {"run": run_id, "since": since},
        )
        row = cursor.fetchone()
        return None if row[0] is None else float(row[0])
