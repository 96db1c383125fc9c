"""What a slot and its supervisor do in moments that a real worker seldom meets."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from tasks import slot as slots
from tasks import supervisor, training
from tasks.slot import CurrentRun, Slot
from tasks.supervisor import Child
from tests.tasks import fleet
from tests.webapp import rows
from webapp import services
from webapp.models import Run, RunState, Worker
from webapp.services import Lease
from webapp.services.workers import MAINTENANCE_LOCK

pytestmark = pytest.mark.django_db


@pytest.fixture
def slot() -> Slot:
    """A registered slot with a run in hand."""
    rows.a_study(size=2)
    slot = Slot(device="cpu", number=0, device_slots=1, device_kind="a processor")
    slot.register()
    claim = services.claim_run(worker_id=slot.worker_id, data_sets=rows.DATA_SETS)
    assert claim is not None
    slot.current = CurrentRun(claim)
    return slot


class Database:
    """A write that fails so many times because the database is away."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    def write(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise OperationalError("the connection is lost")
        return "written"


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "RETRY_WRITE_SECONDS", 0.001)
    monkeypatch.setattr(training.connection, "close", lambda: None)  # the test's own transaction lives in it


@pytest.mark.usefixtures("no_waiting")
def test_a_result_whose_write_fails_is_written_again_while_the_lease_lives(slot: Slot) -> None:  # invariant 18
    assert slot.current is not None
    database = Database(failures=3)
    assert training._write(slot.current, database.write) == "written"
    assert database.calls == 4


@pytest.mark.usefixtures("no_waiting")
def test_a_result_is_given_up_when_the_lease_is_over(slot: Slot) -> None:  # invariant 18
    run = slot.current
    assert run is not None
    database = Database(failures=10**9)
    timer = threading.Timer(0.05, lambda: setattr(run, "lease", Lease.LOST))
    timer.start()
    assert training._write(run, database.write) is None
    assert database.calls > 1


@pytest.mark.usefixtures("no_waiting")
def test_a_result_that_the_tables_refuse_fails_its_run_at_once(slot: Slot) -> None:
    assert slot.current is not None
    impossible: Any = rows.Result(final_error=130.0)
    training._record_result(slot, slot.current, impossible)
    run = rows.run_of(slot.current.claim)
    assert (run.state, run.failure_kind) == (RunState.FAILED, "code_error")
    assert "can't be stored" in run.failure_message


def test_without_a_word_from_the_database_for_a_lease_the_run_is_given_up(slot: Slot) -> None:  # invariant 2
    run = slot.current
    assert run is not None
    slot._give_up_when_overdue(run.renewed_at + settings.LEASE_SECONDS - 1)
    assert not slot.should_stop()
    slot._give_up_when_overdue(run.renewed_at + settings.LEASE_SECONDS + 1)
    assert slot.should_stop()


def test_a_training_that_makes_no_step_ends_its_process_instead_of_renewing(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:  # invariant 19
    class Ended(BaseException):
        pass

    def end(code: int) -> None:
        raise Ended(code)

    run = slot.current
    assert run is not None
    monkeypatch.setattr(slots.os, "_exit", end)
    rows.end_lease(run.claim.run_id)  # so that a renewal shows
    before = Run.objects.get(pk=run.claim.run_id).lease_until
    late = run.moved_at + settings.STALL_SECONDS + 1
    with pytest.raises(Ended, match=str(slots.STUCK_EXIT_CODE)):
        slot._watch(late)
    assert Run.objects.get(pk=run.claim.run_id).lease_until == before
    run.step(1)
    run.moved_at = late
    slot._watch(late)
    assert Run.objects.get(pk=run.claim.run_id).lease_until != before


def test_a_slot_whose_row_was_removed_registers_again(slot: Slot) -> None:  # invariant 10
    Worker.objects.all().delete()
    slot._show_life()
    assert Worker.objects.get().pk == slot.worker_id
    assert services.claim_run(worker_id=slot.worker_id, data_sets=rows.DATA_SETS) is not None


def test_a_data_set_that_appears_is_found_at_the_next_sign_of_life(slot: Slot) -> None:
    slot.current = None
    slot.data_sets = ()
    slot._show_life()
    assert "digits" in Worker.objects.get().data_sets


@pytest.mark.django_db(transaction=True)
def test_a_machine_that_hangs_with_the_lock_keeps_no_other_from_reaping() -> None:  # invariant 9
    rows.a_study(size=1)
    claim = rows.claim()
    assert claim is not None
    rows.end_lease(claim.run_id)
    with psycopg2.connect(fleet.environment()["DATABASE_URL"]) as hung, hung.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MAINTENANCE_LOCK])
        supervisor.do_upkeep()
    assert rows.run_of(claim).state == RunState.QUEUED


class AProcess:
    """What subprocess.Popen gives, for a process that has ended already."""

    pid, stdin = 1, None

    def poll(self) -> int:
        return 1


def test_every_start_of_a_process_is_another_worker_and_says_which_one_it_replaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # invariant 10
    given: list[dict[str, str]] = []

    def start(command: list[str], *, env: dict[str, str], **_: Any) -> AProcess:
        given.append(env)
        return AProcess()

    monkeypatch.setattr(subprocess, "Popen", start)
    child = Child("slot-0", "training", {})
    now = time.monotonic()
    assert child.find_dead(now) is None
    assert str(child.find_dead(now)) == given[0]["NETSPACE_WORKER"]
    assert len(given) == 1  # it had not lived for long
    child.find_dead(child.restart_at)
    assert given[1]["NETSPACE_WORKER"] != given[0]["NETSPACE_WORKER"] == given[1]["NETSPACE_REPLACES"]


def test_a_process_that_cannot_be_started_for_a_while_replaces_the_one_before_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[dict[str, str]] = []

    def start(command: list[str], *, env: dict[str, str], **_: Any) -> AProcess:
        given.append(env)
        if len(given) in (2, 3):
            raise BlockingIOError("Resource temporarily unavailable")
        return AProcess()

    monkeypatch.setattr(subprocess, "Popen", start)
    child = Child("slot-0", "training", {})
    for _ in range(5):
        child.find_dead(max(child.restart_at, time.monotonic()))
    assert {env["NETSPACE_REPLACES"] for env in given[1:]} == {given[0]["NETSPACE_WORKER"]}
    assert len(given) == 4


def test_a_slot_that_starts_removes_the_checkpoints_that_nobody_will_resume(
    slot: Slot, tmp_path: Path, settings: Any
) -> None:
    settings.CHECKPOINT_FOLDER = tmp_path
    done, cancelled = Run.objects.order_by("position")
    assert slot.current is not None
    result: Any = rows.Result()
    services.record_result(slot.current.claim, result, device_slots=1)
    services.cancel_batch(batch=cancelled.batch, actor=cancelled.batch.created_by)
    elsewhere = done.pk + 10_000
    for run_id in (done.pk, cancelled.pk, elsewhere):
        (tmp_path / f"run-{run_id}-000001-000001.checkpoint").touch()
    (tmp_path / f"run-{done.pk}-000002-000001.123.tmp").touch()
    (tmp_path / "notes").touch()

    def left() -> set[str]:
        return {file.name.rsplit("-00", 2)[0] for file in tmp_path.iterdir()}

    training.remove_spent_checkpoints()
    assert left() == {f"run-{cancelled.pk}", f"run-{elsewhere}", "notes"}  # it may still be queued again
    Run.objects.filter(pk=cancelled.pk).update(ended_at=timezone.now() - timedelta(days=8))
    training.remove_spent_checkpoints()
    assert left() == {f"run-{elsewhere}", "notes"}
