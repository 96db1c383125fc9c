"""Real workers on real networks: what is killed, paused or stopped goes on and nothing is lost."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tasks.training import NICENESS
from tests.tasks import fleet
from tests.tasks.studies import Study, count, epochs_of, run_of
from webapp import queries, services
from webapp.models import BatchState, Run, RunState, Sample, SampleBatch, Worker

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


def a_queued_study(*, size: int, epochs: int) -> SampleBatch:
    """A batch of tiny networks, still to be drawn; more epochs make longer runs."""
    return Study().queue("digits", size=size, epochs=epochs, drawn=False)


def slot_pid() -> int:
    return Worker.objects.filter(ended_at=None).latest("started_at").pid


def test_a_worker_draws_and_trains_what_is_queued(tmp_path: Path) -> None:
    batch = a_queued_study(size=2, epochs=1)
    log = tmp_path / "log"
    with fleet.worker(log):
        fleet.wait_for(lambda: count(RunState.DONE) == 2, log=log)
    batch.refresh_from_db()
    assert batch.state == BatchState.READY
    assert all(0 <= sample.error <= 100 for sample in Sample.objects.all() if sample.error is not None)
    assert Sample.objects.filter(error=None).count() == 0
    run = Run.objects.first()
    assert run is not None
    assert run.epochs.count() == 1
    assert run.train_images_per_second
    assert run.versions["torch"]
    population = queries.load_population(space=batch.space, regime=batch.regime)
    assert population.n == 2
    worker = Worker.objects.get()
    assert worker.ended_at is not None


def test_a_slot_killed_in_the_middle_is_replaced_and_its_run_is_done(tmp_path: Path) -> None:
    a_queued_study(size=2, epochs=8)
    log = tmp_path / "log"
    with fleet.worker(log):
        fleet.wait_for(lambda: Run.objects.filter(state=RunState.RUNNING, epochs__isnull=False).exists(), log=log)
        killed = slot_pid()
        nicer_than_pages = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        assert os.getpriority(os.PRIO_PROCESS, killed) == nicer_than_pages
        os.kill(killed, signal.SIGKILL)
        fleet.wait_for(lambda: count(RunState.DONE) == 2, log=log)
        assert slot_pid() != killed
    assert "The process slot-0 was killed by SIGKILL; it is started again" in log.read_text()
    assert sum(Run.objects.values_list("lost_workers", flat=True)) == 1
    assert Run.objects.filter(epochs__number=8).count() == 2


def test_the_processes_of_a_killed_supervisor_end_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with fleet.worker(log) as supervisor:
        fleet.wait_for(lambda: Worker.objects.exists(), log=log)
        pid = slot_pid()
        supervisor.kill()
        supervisor.wait()
        fleet.wait_for(lambda: not fleet.is_alive(pid), log=log)


def test_a_paused_batch_gives_its_running_run_back_and_goes_on_when_resumed(tmp_path: Path) -> None:
    batch = a_queued_study(size=1, epochs=25)
    log = tmp_path / "log"
    with fleet.worker(log):
        fleet.wait_for(lambda: Run.objects.filter(state=RunState.RUNNING, epochs__isnull=False).exists(), log=log)
        services.pause_batch(batch=batch, actor=batch.created_by)
        fleet.wait_for(lambda: count(RunState.QUEUED) == 1, log=log)
        run = Run.objects.get()
        assert (run.lost_workers, run.errors) == (0, 0)
        services.resume_batch(batch=batch, actor=batch.created_by)
        fleet.wait_for(lambda: count(RunState.DONE) == 1, log=log)
    assert list(Run.objects.get().epochs.order_by("number").values_list("number", flat=True)) == list(range(1, 26))


def test_a_stopped_worker_gives_its_run_back(tmp_path: Path) -> None:
    a_queued_study(size=1, epochs=200)
    log = tmp_path / "log"
    with fleet.worker(log) as supervisor:
        fleet.wait_for(lambda: count(RunState.RUNNING) == 1, log=log)
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(120)
    run = Run.objects.get()
    assert (run.state, run.lost_workers, run.errors) == (RunState.QUEUED, 0, 0)
    assert Worker.objects.get().ended_at is not None


def test_a_worker_without_redis_finds_its_work_by_polling(tmp_path: Path) -> None:  # invariant 11
    a_queued_study(size=1, epochs=1)
    log = tmp_path / "log"
    with fleet.worker(log, REDIS_URL="redis://127.0.0.1:1/0"):
        fleet.wait_for(lambda: count(RunState.DONE) == 1, log=log)


def test_people_s_orders_reach_a_worker_in_the_middle_of_a_run(tmp_path: Path) -> None:  # invariant 16
    study = Study()
    first, second, third = (study.queue(name, epochs=5_000) for name in ("first", "second", "third"))
    log = tmp_path / "log"
    with fleet.worker(log):
        fleet.wait_for(lambda: epochs_of(first) > 0, log=log)
        services.cancel_batch(batch=first, actor=study.user)
        fleet.wait_for(lambda: epochs_of(second) > 0, log=log)
        assert run_of(first).state == RunState.CANCELLED

        services.pause_batch(batch=second, actor=study.user, finish_running=True)
        worker = Worker.objects.get()
        services.drain_worker(worker=worker, team=study.team, actor=study.user)
        before = epochs_of(second)
        fleet.wait_for(lambda: epochs_of(second) > before + 20, log=log)  # neither of them ends a run

        services.cancel_batch(batch=second, actor=study.user)
        fleet.wait_for(lambda: memory_told(), log=log)
        assert run_of(third).attempt == 0
        services.undrain_worker(worker=worker, team=study.team, actor=study.user)
        fleet.wait_for(lambda: epochs_of(third) > 0, log=log)


def memory_told() -> bool:
    return Worker.objects.filter(memory__gt=10_000_000).exists()


def test_two_machines_that_share_only_the_two_addresses_do_each_others_runs(tmp_path: Path) -> None:
    """The checkpoint of the killed one lies in its own folder: its run begins anew on the other one."""
    study = Study()
    batch = study.queue("long", epochs=12)
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    with fleet.worker(logs[0], NETSPACE_VAR=str(tmp_path / "first")) as first:
        fleet.wait_for(lambda: epochs_of(batch) > 2, log=logs[0])
        first.kill()
        first.wait()
        with fleet.worker(logs[1], NETSPACE_VAR=str(tmp_path / "second")):
            fleet.wait_for(lambda: count(RunState.DONE) == 1, log=logs[1])
    run = run_of(batch)
    assert (run.attempt, run.lost_workers, run.errors) == (2, 1, 0)
    assert list((tmp_path / "first" / "checkpoints").iterdir())
    assert list(run.epochs.order_by("number").values_list("number", "attempt")) == [(k, 2) for k in range(1, 13)]
