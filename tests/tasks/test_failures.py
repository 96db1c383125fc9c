"""Each kind of failure for real, with its own words, and the next run on that worker is unaffected."""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.tasks import fleet
from tests.tasks.studies import Study, count, epochs_of, run_of
from webapp import services
from webapp.models import FailureKind, Run, RunState, Sample, SampleBatch, Worker

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="limits other processes by prlimit"),
]

GIB = 2**30


def failure(batch: SampleBatch) -> tuple[str, str]:
    run = run_of(batch)
    return run.failure_kind, run.failure_message


def open_transactions() -> int:
    """Sessions other than ours that have been in one transaction for half a second."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND xact_start < clock_timestamp() - interval '0.5 s' AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def test_failures_are_told_apart_and_leave_the_worker_able_to_train(tmp_path: Path) -> None:
    study = Study()
    log = tmp_path / "log"
    with fleet.worker(log):
        fleet.wait_for(lambda: Worker.objects.exists(), log=log)
        worker = Worker.objects.get()

        # No file may grow beyond 4 KB now: what a full disk does to a checkpoint.
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        full = study.queue("a full disk", epochs=2)
        fleet.wait_for(lambda: count(RunState.FAILED) == 1, log=log)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

        diverged = study.queue("a huge learning rate", learning_rate=1000, epochs=20)
        late = study.queue("a time limit", epochs=10_000, time_limit=3)
        elsewhere = study.queue("a data set that is not here", data_set="cifar-10")
        good = study.queue("nothing wrong")
        fleet.wait_for(lambda: count(RunState.DONE) == 1 and count(RunState.FAILED) == 3, log=log)

    kind, message = failure(full)
    assert kind == FailureKind.BAD_CHECKPOINT
    assert "could not be written" in message
    assert "File too large" in message
    kind, message = failure(diverged)
    assert kind == FailureKind.DIVERGED
    assert message.startswith("The loss was no longer finite in epoch")
    assert failure(late) == (FailureKind.TIMED_OUT, "The training took longer than its time limit of 3 seconds.")
    assert epochs_of(late) > 0
    assert (run_of(elsewhere).state, run_of(elsewhere).attempt) == (RunState.QUEUED, 0)
    assert run_of(good).worker_id == worker.pk
    assert all(run.attempt == 1 for run in Run.objects.exclude(batch=elsewhere))
    assert Sample.objects.filter(error__isnull=False).count() == 1
    assert Worker.objects.count() == 1


def test_out_of_memory_is_tried_once_more_in_a_fresh_process_and_then_failed(tmp_path: Path) -> None:
    study = Study()
    huge = study.queue("too large")
    sample = Sample.objects.get(batch=huge)
    # 40 GB of weights: refused at once by the limit, and nothing is computed before.
    widths = [100_000] * len(sample.design["stage_widths"])
    sample.design |= {"stage_widths": widths, "group_widths": [100_000] * len(widths)}
    sample.save()
    good = study.queue("nothing wrong")
    log = tmp_path / "log"
    with fleet.worker(log) as supervisor:
        resource.prlimit(supervisor.pid, resource.RLIMIT_AS, (12 * GIB, 12 * GIB))  # its processes inherit it
        fleet.wait_for(lambda: count(RunState.DONE) == 1, log=log)
    run = run_of(huge)
    assert (run.state, run.failure_kind, run.attempt) == (RunState.FAILED, FailureKind.OUT_OF_MEMORY, 2)
    assert run.failure_message.startswith("The memory of the device did not suffice")
    assert run.lost_workers == 0
    assert run_of(good).attempt == 1
    assert Worker.objects.count() == 3


def test_killed_and_paused_runs_end_to_the_bit_like_an_uninterrupted_one(tmp_path: Path) -> None:  # invariants 12, 13
    study = Study()
    epochs = 15
    whole = study.queue("whole", epochs=epochs)
    killed = study.queue("killed", epochs=epochs)
    torn = study.queue("torn", epochs=epochs)
    log, checkpoints = tmp_path / "log", tmp_path / "checkpoints"
    with fleet.worker(log, NETSPACE_CHECKPOINTS=str(checkpoints)):
        fleet.wait_for(lambda: count(RunState.DONE, whole) == 1, log=log)
        fleet.wait_for(lambda: epochs_of(killed) >= 3, log=log)
        assert open_transactions() == 0  # invariant 17
        os.kill(Worker.objects.get(ended_at=None).pid, signal.SIGKILL)

        fleet.wait_for(lambda: epochs_of(torn) >= 3, log=log)
        services.pause_batch(batch=torn, actor=study.user)
        fleet.wait_for(lambda: count(RunState.QUEUED, torn) == 1, log=log)
        newest, before = sorted(checkpoints.glob(f"run-{run_of(torn).pk}-*.checkpoint"), reverse=True)
        newest.write_bytes(newest.read_bytes()[:-1])
        services.resume_batch(batch=torn, actor=study.user)
        fleet.wait_for(lambda: count(RunState.DONE) == 3, log=log)
        assert list(checkpoints.iterdir()) == []

    def measured(batch: SampleBatch) -> list[tuple[int, float, float, float]]:
        columns = ("number", "train_loss", "train_error", "test_error")
        return list(run_of(batch).epochs.order_by("number").values_list(*columns))

    assert len(measured(whole)) == epochs
    assert measured(killed) == measured(torn) == measured(whole)
    assert run_of(killed).final_error == run_of(torn).final_error == run_of(whole).final_error
    assert run_of(killed).lost_workers == 1
    assert run_of(torn).lost_workers == 0
    last_before = run_of(killed).epochs.filter(attempt=1).count()
    assert 3 <= last_before < epochs  # it went on where it was, and did not begin anew
    kept = run_of(torn).epochs.filter(attempt=1).count()
    assert kept == int(before.name.split("-")[2])
