"""Real workers on real networks: what is killed, paused or stopped goes on and nothing is lost."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from engine.regimes import Recipe, Regime, regime_presets
from engine.sampling import Window
from tests.tasks import fleet
from tests.webapp import rows
from webapp import queries, services
from webapp.models import BatchState, Run, RunState, Sample, SampleBatch, Worker

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


def a_queued_study(*, size: int, epochs: int) -> SampleBatch:
    """A batch of tiny networks on the bundled digits; more epochs make longer runs."""
    team, user = rows.a_team()
    recipe = Recipe(epochs=epochs, minibatch_size=64, learning_rate=0.05)
    digits = regime_presets()["Digits on CPU"]
    regime = Regime(
        data_set="digits", resolution=8, window=Window(flops=(None, 100_000)), recipe=recipe,
        train_images=digits.train_images, test_images=digits.test_images,
    )  # fmt: skip
    row = services.create_regime(team=team, name="digits", regime=regime, actor=user)
    return rows.a_batch(rows.a_space(team, user), row, user, size=size, drawn=False)


def count(state: RunState) -> int:
    return Run.objects.filter(state=state).count()


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
        fleet.wait_for(lambda: not fleet.is_alive(pid), log=log, within=20)


def test_a_paused_batch_gives_its_running_run_back_and_goes_on_when_resumed(tmp_path: Path) -> None:
    batch = a_queued_study(size=1, epochs=25)
    log = tmp_path / "log"
    with fleet.worker(log):
        fleet.wait_for(lambda: Run.objects.filter(state=RunState.RUNNING, epochs__isnull=False).exists(), log=log)
        services.pause_batch(batch=batch, actor=batch.created_by)
        fleet.wait_for(lambda: count(RunState.QUEUED) == 1, log=log, within=20)
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
        supervisor.wait(60)
    run = Run.objects.get()
    assert (run.state, run.lost_workers, run.errors) == (RunState.QUEUED, 0, 0)
    assert Worker.objects.get().ended_at is not None


def test_a_worker_without_redis_finds_its_work_by_polling(tmp_path: Path) -> None:
    a_queued_study(size=1, epochs=1)
    log = tmp_path / "log"
    with fleet.worker(log, REDIS_URL="redis://127.0.0.1:1/0"):
        fleet.wait_for(lambda: count(RunState.DONE) == 1, log=log)
