"""The queue: claim and finish of no-op runs against the bare statements, and the claim's latency as the table grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from benchmarks.queue_waits import print_waits
from benchmarks.services import app_on_own_services

CLAIMERS = 8
SECONDS = 5.0


def main() -> None:
    with app_on_own_services() as address:
        print(f"claim + finish of no-op runs, {CLAIMERS} claimers, {SECONDS:.0f} s each (runs/s):")
        _fill(queued=20_000, done=0)
        ours = _rate(_claim_and_finish)
        bare = _rate(lambda: _bare_loop(address))
        print(f"  ours {ours:,.0f}   a bare psycopg2 loop {bare:,.0f}   ratio {ours / bare:.2f}")
        print("claim latency, one claimer (ms):")
        first = None
        for queued, done in ((1_000, 0), (20_000, 100_000), (100_000, 1_000_000)):
            _fill(queued=queued, done=done)
            p50, p99 = np.percentile(_latencies(300), [50, 99]) * 1000
            first = first or p99
            print(f"  {queued:>9,} queued, {done:>9,} done: median {p50:6.2f}, p99 {p99:6.2f}, ratio {p99 / first:.2f}")
        _fill(queued=1_000, done=0)
        print_waits(address, lambda queued: _fill(queued=queued, done=0))


def _fill(*, queued: int, done: int) -> None:
    """One batch with this many waiting and finished runs, without drawing as many designs."""
    from django.db import connection

    from tests.webapp import rows
    from webapp.models import User

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE webapp_user CASCADE")
        cursor.execute("TRUNCATE webapp_team CASCADE")
    assert not User.objects.exists()
    batch = rows.a_study(size=1)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO webapp_sample (batch_id, position, drawn, design, design_key, flops, params, acts)
            SELECT batch_id, number, drawn, design, 'design ' || number, flops, params, acts
            FROM webapp_sample, generate_series(1, %s) AS number WHERE position = 0
            """,
            [queued + done - 1],
        )
        cursor.execute(
            """
            INSERT INTO webapp_run (sample_id, batch_id, position, replicate, state, attempt, lost_workers, errors,
                queued_at, ended_at, final_error, best_error, device_kind, versions, failure_kind, failure_message)
            SELECT id, batch_id, position, 0, CASE WHEN position <= %s THEN 'done' ELSE 'queued' END, 1, 0, 0, now(),
                now(), CASE WHEN position <= %s THEN 30 END, CASE WHEN position <= %s THEN 30 END, '', '{}', '', ''
            FROM webapp_sample WHERE batch_id = %s AND position > 0
            """,
            [done, done, done, batch.pk],
        )
        cursor.execute("ANALYZE")


def _rate(work: Callable[[], Callable[[], bool]]) -> float:
    """Runs a second of all claimers together."""
    counts = [0] * CLAIMERS
    stop = time.perf_counter() + SECONDS

    def claimer(number: int) -> None:
        from django.db import connection

        step = work()
        while time.perf_counter() < stop and step():
            counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=claimer, args=(number,)) for number in range(CLAIMERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def _claim_and_finish() -> Callable[[], bool]:
    from tests.webapp import rows
    from webapp import services

    worker = rows.a_worker()

    def step() -> bool:
        claim = rows.claim(worker)
        return claim is not None and services.record_result(claim, rows.Result(), device_slots=1)  # type: ignore[arg-type]

    return step


def _bare_loop(address: str) -> Callable[[], bool]:
    import psycopg2

    connection = psycopg2.connect(address)

    def step() -> bool:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE webapp_run SET state = 'running', attempt = attempt + 1, lease_until = now() + interval '60 s' "
                "WHERE id = (SELECT id FROM webapp_run WHERE state = 'queued' ORDER BY position LIMIT 1 "
                "FOR UPDATE SKIP LOCKED) RETURNING id, sample_id, attempt"
            )
            row = cursor.fetchone()
        if row is None:
            return False
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE webapp_run SET state = 'done', lease_until = NULL, final_error = 30, best_error = 29 "
                "WHERE id = %s AND attempt = %s AND state = 'running'",
                [row[0], row[2]],
            )
            cursor.execute("UPDATE webapp_sample SET error = 30, best_error = 29 WHERE id = %s", [row[1]])
        return True

    return step


def _latencies(count: int) -> np.ndarray:
    from tests.webapp import rows

    worker = rows.a_worker()
    seconds = np.empty(count)
    for k in range(count):
        started = time.perf_counter()
        assert rows.claim(worker) is not None
        seconds[k] = time.perf_counter() - started
    return seconds
