"""What people and workers wait for: a press on "queue", ten thousand designs, a run's log, beside an old snapshot."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.timing import TookLonger, end, wait_until

DESIGNS = 10_000
PRESSES = 7
LOGS = 200
CLAIMERS = 8
# As fast as they can, and at the pace of a large fleet: 50 runs a second are a hundred slots with runs of 2 s.
PACES = {"as fast as they can": (0.0, 40.0), "50 runs/s together": (50.0, 300.0)}  # runs/s, seconds held


def print_waits(address: str, fill: Callable[[int], None]) -> None:
    """Print all of them; ``fill`` makes so many waiting runs."""
    _print_log()
    _print_large_batch(address)
    fill(60_000)
    _print_held_snapshot(address)
    _print_press()


def _print_log() -> None:
    from tests.webapp import rows
    from webapp import services

    fill_worker = rows.a_worker()
    epochs = tuple(rows.EpochOf(number=number) for number in range(1, 11))
    seconds = np.empty(LOGS)
    for k in range(LOGS):
        claim = rows.claim(fill_worker)
        assert claim is not None
        started = time.perf_counter()
        for epoch in epochs:
            services.record_epoch(claim, epoch)  # type: ignore[arg-type]
        services.record_result(claim, rows.Result(epochs=epochs), device_slots=1)  # type: ignore[arg-type]
        seconds[k] = time.perf_counter() - started
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    print(f"log a run with 10 epochs, all its writes (ms): median {p50:.1f}, p99 {p99:.1f}")


def _print_large_batch(address: str) -> None:
    """A whole batch, from the claim of its draw to its permits, against COPY of the same rows."""
    from engine.spaces.sampling import draw_designs
    from tasks.publish import publish_permits
    from tests.webapp import rows
    from webapp import services
    from webapp.models import Space

    first = Space.objects.select_related("team", "created_by").earliest("id")
    # RegNetX-small has fewer designs than that in the regime's window.
    space = rows.a_space(first.team, first.created_by, name="large", preset="AnyNetX-A-small")
    regime = rows.a_regime(first.team, first.created_by, name="large")
    rows.a_batch(space, regime, space.created_by, size=DESIGNS, seed=1, drawn=False)
    started = time.perf_counter()
    claim = services.claim_draw()
    assert claim is not None
    draw = draw_designs(
        claim.space, size=claim.size, seed=claim.seed, window=claim.regime.window,
        resolution=claim.regime.resolution, in_channels=claim.regime.in_channels, num_classes=claim.regime.num_classes,
    )  # fmt: skip
    drawn = time.perf_counter()
    runs = services.store_samples(claim=claim, draw=draw)
    stored = time.perf_counter()
    publish_permits(runs)
    ended = time.perf_counter()
    copied = _copy_seconds(address, claim.batch_id)
    ours = ended - started
    print(
        f"queue {DESIGNS:,} designs (s): {ours:.2f} (draw {drawn - started:.2f}, store {stored - drawn:.2f}, "
        f"permits {ended - stored:.2f})   COPY of as many rows {copied:.2f}   ratio {ours / copied:.1f}"
    )
    services.cancel_batch(batch=space.batches.get(pk=claim.batch_id), actor=space.created_by)


def _copy_seconds(address: str, batch_id: int) -> float:
    """The same samples and runs, copied into tables with the same columns, constraints and indexes."""
    import psycopg2

    connection = psycopg2.connect(address)
    with connection, connection.cursor() as cursor:
        content = {}
        for table, chosen in (("webapp_sample", "batch_id"), ("webapp_run", "batch_id")):
            cursor.execute(f"CREATE TABLE copy_{table} (LIKE {table} INCLUDING ALL)")
            text = io.StringIO()
            cursor.copy_expert(f"COPY (SELECT * FROM {table} WHERE {chosen} = {batch_id}) TO STDOUT", text)  # noqa: S608
            content[table] = text.getvalue()
    started = time.perf_counter()
    with connection, connection.cursor() as cursor:
        for table, text in content.items():
            cursor.copy_expert(f"COPY copy_{table} FROM STDIN", io.StringIO(text))
    seconds = time.perf_counter() - started
    with connection, connection.cursor() as cursor:
        for table in content:
            cursor.execute(f"DROP TABLE copy_{table}")
    connection.close()
    return seconds


def _print_held_snapshot(address: str) -> None:
    """The claim's latency while a transaction stays open, beside which every claim and finish leaves dead rows."""
    for pace, (rate, hold_seconds) in PACES.items():
        before = _claims_beside_work(seconds=5.0 if not rate else 20.0, rate=rate)
        with _snapshot_held(address):
            held = _claims_beside_work(seconds=hold_seconds, rate=rate)
        for words, seconds in (("no transaction held open", before), (f"one held open for {hold_seconds:.0f} s", held)):
            late = seconds[-len(seconds) // 4 :]
            p50, p99 = np.percentile(late, [50, 99]) * 1000
            print(
                f"claim of one of {CLAIMERS} at work, {pace}, {words} (ms): median {p50:.2f}, p99 {p99:.2f} "
                f"of {len(late):,}"
            )


@contextmanager
def _snapshot_held(address: str) -> Iterator[None]:
    import psycopg2

    connection = psycopg2.connect(address)
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM webapp_team")
        yield
    connection.close()


def _claims_beside_work(*, seconds: float, rate: float) -> list[float]:
    """How long each claim of one claimer took while all claim and finish, ``rate`` a second or (0) at full speed."""
    from django.db import connection

    from tests.webapp import rows
    from webapp import services

    waits: list[float] = []
    stop = time.perf_counter() + seconds

    def work(number: int) -> None:
        worker = rows.a_worker(slot=number)
        while time.perf_counter() < stop:
            started = time.perf_counter()
            claim = rows.claim(worker)
            if claim is None:
                break
            if number == 0:
                waits.append(time.perf_counter() - started)
            services.record_result(claim, rows.Result(), device_slots=1)  # type: ignore[arg-type]
            if rate:
                time.sleep(max(0.0, started + CLAIMERS / rate - time.perf_counter()))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLAIMERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def _print_press() -> None:
    """From "queue" pressed to the first run claimed by an idle, warm worker, with messages and by polling alone."""
    from django.conf import settings
    from django.db import connection

    from tests.tasks.studies import Study
    from webapp.models import Run, RunState

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE webapp_user, webapp_team CASCADE")
    study = Study()
    with _worker() as log:
        _wait_for_end(study.queue("warm-up", drawn=False).pk, log)
        for words, publish in (("with Redis", True), ("without a message", False)):
            waits = []
            for k in range(PRESSES):
                batch = _press(study, name=f"{words} {k}", publish=publish)
                _wait_for_end(batch, log)
                run = Run.objects.select_related("batch").get(batch=batch)
                assert run.state == RunState.DONE
                assert run.started_at is not None
                waits.append((run.started_at - run.batch.created_at).total_seconds())
            limit = "" if publish else f" (poll interval {settings.POLL_SECONDS:g} s)"
            print(f"from queued to training, idle warm worker, {words}{limit} (s): median {np.median(waits):.2f}, "
                  f"longest {max(waits):.2f}")  # fmt: skip


def _press(study: object, *, name: str, publish: bool) -> int:
    from tasks.publish import publish_draw

    batch = study.queue(name, drawn=False)  # type: ignore[attr-defined]
    if publish:
        publish_draw()
    return int(batch.pk)


def _wait_for_end(batch_id: int, log: Path) -> None:
    from webapp.models import Run, RunState

    try:
        wait_until(Run.objects.filter(batch=batch_id, state=RunState.DONE).exists, within=300)
    except TookLonger:
        print(f"The worker trained nothing; it said:\n{log.read_text()[-3000:]}", file=sys.stderr)
        raise


@contextmanager
def _worker() -> Iterator[Path]:
    """One slot on the CPU with the settings of production."""
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker", "--devices", "cpu", "--slots-per-device", "1"],
            env=dict(os.environ),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Path(log.name)
        finally:
            end(process)
