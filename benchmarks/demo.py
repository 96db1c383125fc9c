"""The demo's study: wall time, images a second of a slot, memory, and what share of the slots' time was no training."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg2

from benchmarks.timing import TookLonger
from webapp import embedded

ROOT = Path(__file__).resolve().parent.parent
WITHIN = 3600.0  # seconds

# From the moment the batches are queued to the end of the last run, over all slots that trained.
FIGURES = """
SELECT count(*), count(DISTINCT worker_id), sum(train_seconds),
       extract(epoch FROM max(run.ended_at) - min(batch.created_at)),
       extract(epoch FROM max(run.ended_at) - min(run.started_at)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY train_images_per_second),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY test_images_per_second),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY train_seconds), max(peak_memory)
FROM webapp_run run JOIN webapp_samplebatch batch ON batch.id = run.batch_id WHERE run.state = 'done'
"""

# Claim, network, record and whatever lies between one run of a slot and its next, beside the epochs themselves.
BESIDE_EPOCHS = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY beside), max(beside) FROM (
    SELECT extract(epoch FROM ended_at - lag(ended_at) OVER (PARTITION BY worker_id ORDER BY ended_at))
           - (SELECT sum(seconds) FROM webapp_epoch WHERE run_id = run.id) AS beside
    FROM webapp_run run WHERE state = 'done'
) AS runs
"""


def main(size: int = 16) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "var"
        seconds = _run_demo(folder, size)
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        figures, (beside, most_beside) = _answers(folder, FIGURES, BESIDE_EPOCHS)
    runs, slots, trained, span, busy_span, train_rate, test_rate, median_run, peak = figures
    print(f"the whole demo, start to clean end: {seconds:.0f} s; the study of 2 x {size}: {span:.0f} s")
    print(f"{runs} runs on {slots} slots; median run {median_run:.1f} s")
    print(f"images/s of a slot, median: training {train_rate:,.0f}, evaluation {test_rate:,.0f}")
    print(f"largest process {largest:,.0f} MiB, of a training slot {peak / 2**20:,.0f} MiB")
    of_study, of_work = (1 - float(trained) / (slots * float(seconds)) for seconds in (span, busy_span))
    print(f"a run beside its epochs: median {1000 * beside:.0f} ms, at most {1000 * most_beside:.0f} ms")
    print(f"slots' time outside training: {of_study:.1%} of the study, {of_work:.1%} from first claim to last result")


def _run_demo(folder: Path, size: int) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(os.environ)
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    environment |= {"NETSPACE_VAR": str(folder), "NETSPACE_DATA": str(ROOT / "var" / "data")}
    started = time.perf_counter()
    command = [sys.executable, "manage.py", "demo", "--size", str(size), "--port", str(port), "--exit"]
    try:
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=WITHIN)
    except subprocess.TimeoutExpired:
        raise TookLonger(WITHIN) from None
    return time.perf_counter() - started


def _answers(folder: Path, *queries: str) -> list[tuple[float, ...]]:
    """The one row of each query, asked of the demo's database."""
    services = embedded.Services()
    running = services.start(folder)
    try:
        connection = psycopg2.connect(running.database_url)
        rows = []
        with connection, connection.cursor() as cursor:
            for query in queries:
                cursor.execute(query)
                rows += cursor.fetchall()
        connection.close()
    finally:
        services.stop()
    return rows
