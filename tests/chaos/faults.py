"""The faults: what is done to the fleet, each by name. A fault says which runs it hit, to see when they go on."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from redis import Redis

from tests.chaos.machines import LEASE_SECONDS, Machine, Services, send, wait_until
from webapp import services
from webapp.models import Run, RunState, Sample, SampleBatch, Team, User, Worker

COMMIT_WAIT_SECONDS = 6.0


@dataclass
class Fleet:
    """Everything that a fault may be done to."""

    servers: Services
    machines: list[Machine]
    checkpoints: Path
    team: Team
    user: User
    random: random.Random
    hit_at: float = 0.0
    hit: list[int] = field(default_factory=list)

    def strike(self, runs: list[int]) -> None:
        """Note the moment of the fault and the runs that it hits."""
        self.hit_at, self.hit = time.time(), runs

    def machine(self) -> Machine:
        return self.random.choice(self.machines)

    def redis(self) -> Redis:
        return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)

    def slot(self) -> tuple[Machine, int | None]:
        """A machine and its slot's process, one that trains now unless none does for a while."""
        training: list[Machine] = []

        def found() -> bool:
            training[:] = [machine for machine in self.machines if runs_of(machine.child("slot-0"))]
            return bool(training)

        wait_until(found, within=8)
        machine = self.random.choice(training or self.machines)
        return machine, machine.child("slot-0")

    def batch(self) -> SampleBatch | None:
        """A batch with something to come."""
        left = [RunState.QUEUED, RunState.RUNNING]
        batches = list(SampleBatch.objects.filter(runs__state__in=left).distinct().order_by("id"))
        return self.random.choice(batches) if batches else None


def runs_of(pid: int | None) -> list[int]:
    """The runs that a process trains now."""
    return list(
        Run.objects.filter(state=RunState.RUNNING, worker__pid=pid, worker__ended_at=None).values_list("pk", flat=True)
    )


def running() -> list[int]:
    return list(Run.objects.filter(state=RunState.RUNNING).values_list("pk", flat=True))


# Processes.


def kill_slot(fleet: Fleet) -> None:
    _machine, pid = fleet.slot()
    time.sleep(fleet.random.uniform(0, 1))
    fleet.strike(runs_of(pid))
    send(pid, signal.SIGKILL)


def kill_slot_in_checkpoint(fleet: Fleet) -> None:
    _machine, pid = fleet.slot()
    wait_until(lambda: any(fleet.checkpoints.glob(f"*.{pid}.tmp")), within=3)
    send(pid, signal.SIGKILL)
    fleet.strike(runs_of(pid))


def kill_slot_in_claim(fleet: Fleet) -> None:
    """Its row is locked, so that the commit of its next claim waits for us."""
    _machine, pid = fleet.slot()
    with _locked(Worker.objects.filter(pid=pid or 0, ended_at=None)):
        _wait_for_blocked_session()
        send(pid, signal.SIGKILL)
        time.sleep(0.2)


def kill_slot_in_result(fleet: Fleet) -> None:
    _machine, pid = fleet.slot()
    runs = runs_of(pid)
    with _locked(Sample.objects.filter(runs__in=runs)):
        _wait_for_blocked_session()
        fleet.strike(runs)
        send(pid, signal.SIGKILL)
        time.sleep(0.2)


def kill_supervisor(fleet: Fleet) -> None:
    machine, pid = fleet.slot()
    fleet.strike(runs_of(pid))
    send(machine.supervisor, signal.SIGKILL)
    if machine.process is not None:
        machine.process.wait()
    time.sleep(fleet.random.uniform(0, 2))
    machine.start()


def kill_housekeeping(fleet: Fleet) -> None:
    send(fleet.machine().child("housekeeping"), signal.SIGKILL)


def stop_slot_beyond_its_lease(fleet: Fleet) -> None:
    _machine, pid = fleet.slot()
    time.sleep(fleet.random.uniform(0, 1))
    fleet.strike(runs_of(pid))
    with _stopped([pid]):
        time.sleep(LEASE_SECONDS + fleet.random.uniform(0, 2))


def stop_machine_beyond_its_leases(fleet: Fleet) -> None:
    machine, pid = fleet.slot()
    fleet.strike(runs_of(pid))
    with _stopped([machine.supervisor, *machine.children()]):
        time.sleep(LEASE_SECONDS + fleet.random.uniform(0, 2))


def end_machine(fleet: Fleet) -> None:
    """SIGTERM, as an operator or SLURM would send it, and started again."""
    machine, pid = fleet.slot()
    fleet.strike(runs_of(pid))
    machine.stop()
    machine.start()


# Checkpoints.


def corrupt_checkpoint(fleet: Fleet) -> None:
    _machine, pid = fleet.slot()
    runs = runs_of(pid)
    wait_until(lambda: any(any(fleet.checkpoints.glob(f"run-{run}-*.checkpoint")) for run in runs), within=3)
    fleet.strike(runs)
    send(pid, signal.SIGKILL)
    for run in runs:
        for file in sorted(fleet.checkpoints.glob(f"run-{run}-*.checkpoint"), reverse=True)[:1]:
            with contextlib.suppress(OSError):
                content = bytearray(file.read_bytes())
                content[fleet.random.randrange(len(content))] ^= 1
                file.write_bytes(content[: fleet.random.choice([len(content), len(content) // 2])])


def lose_checkpoints(fleet: Fleet) -> None:
    _machine, pid = fleet.slot()
    fleet.strike(runs_of(pid))
    send(pid, signal.SIGKILL)
    for file in fleet.checkpoints.glob("*.checkpoint"):
        file.unlink(missing_ok=True)


# Redis and its messages.


def flush_redis(fleet: Fleet) -> None:
    fleet.strike(running())
    with fleet.redis() as client:
        client.flushall()


def kill_redis(fleet: Fleet) -> None:
    fleet.strike(running())
    fleet.servers.kill("redis")
    time.sleep(fleet.random.uniform(0, 3))
    fleet.servers.bring_back()


def restart_redis_three_times(fleet: Fleet) -> None:
    fleet.strike(running())
    for _ in range(3):
        fleet.servers.kill("redis")
        fleet.servers.bring_back()
        time.sleep(0.8)


def deliver_messages_ten_times(fleet: Fleet) -> None:
    with fleet.redis() as client:
        for message in client.lrange("training", 0, 5):
            client.rpush("training", *[message] * 9)
    from tasks.publish import publish_draw, publish_permits

    publish_permits(10)
    publish_draw()


def send_garbage(fleet: Fleet) -> None:
    from tasks.celery import app

    for name in ("tasks.training.no_such_task", "tasks.training.train_next"):
        app.send_task(name, args=[10**18, "x"], queue="training", retry=False)
    with fleet.redis() as client:
        client.lpush("training", fleet.random.choice(["", "{", "[]", '{"body": 1}', "\x00"]))


# PostgreSQL and its connections.


def stop_postgres_at_once(fleet: Fleet) -> None:
    """The immediate shutdown: no session ends in order, and the next start recovers."""
    fleet.strike(running())
    fleet.servers.kill("postgres", signal.SIGQUIT)
    time.sleep(fleet.random.uniform(0, LEASE_SECONDS))
    fleet.servers.bring_back()


def end_connections(fleet: Fleet) -> None:
    fleet.strike(running())
    for _ in range(3):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        time.sleep(fleet.random.uniform(0, 0.5))


def end_connection_in_result(fleet: Fleet) -> None:
    _machine, pid = fleet.slot()
    runs = runs_of(pid)
    with _locked(Sample.objects.filter(runs__in=runs)):
        _wait_for_blocked_session()
        fleet.strike(runs)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) {BLOCKED}")


# Reapers and people.


def reap_twice_at_once(fleet: Fleet) -> None:
    _machine, pid = fleet.slot()
    fleet.strike(runs_of(pid))
    with _stopped([pid]):
        time.sleep(LEASE_SECONDS)
        threads = [threading.Thread(target=_reap) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _reap() -> None:
    for _ in range(10):
        services.reap_lost_runs()
        time.sleep(0.02)
    connection.close()


def pause_and_resume(fleet: Fleet) -> None:
    batch = fleet.batch()
    if batch is not None:
        services.pause_batch(batch=batch, actor=fleet.user, finish_running=fleet.random.random() < 0.5)
        time.sleep(fleet.random.uniform(0, 3))
        services.resume_batch(batch=batch, actor=fleet.user)


def cancel_and_retry(fleet: Fleet) -> None:
    batch = fleet.batch()
    if batch is not None:
        services.cancel_batch(batch=batch, actor=fleet.user)
        if fleet.random.random() < 0.5:
            time.sleep(fleet.random.uniform(0, 1))
            services.retry_failed_runs(batch=batch, actor=fleet.user, cancelled=True)


def extend(fleet: Fleet) -> None:
    batch = fleet.batch()
    if batch is not None:
        with contextlib.suppress(services.Refused):
            services.extend_batch(batch=batch, size=batch.size + 1, actor=fleet.user)


def drain_and_put_back(fleet: Fleet) -> None:
    worker = Worker.objects.filter(ended_at=None, pid=fleet.machine().child("slot-0") or 0).first()
    if worker is not None:
        services.drain_worker(worker=worker, team=fleet.team, actor=fleet.user)
        time.sleep(fleet.random.uniform(0, 2))
        services.undrain_worker(worker=worker, team=fleet.team, actor=fleet.user)


BLOCKED = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def _wait_for_blocked_session() -> None:
    def blocked() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw at first
            cursor.execute(f"SELECT count(*) {BLOCKED}")
            return bool(cursor.fetchone()[0])

    wait_until(blocked, within=COMMIT_WAIT_SECONDS)


@contextlib.contextmanager
def _locked(rows: object) -> Iterator[None]:
    """Inside, the rows of a query set are locked; what waits for them goes on afterwards."""
    with transaction.atomic():
        list(rows.select_for_update(of=("self",)))  # type: ignore[attr-defined]
        yield


@contextlib.contextmanager
def _stopped(pids: list[int | None]) -> Iterator[None]:
    stopped = [pid for pid in pids if send(pid, signal.SIGSTOP)]
    try:
        yield
    finally:
        for pid in stopped:
            send(pid, signal.SIGCONT)


FAULTS: dict[str, Callable[[Fleet], None]] = {
    fault.__name__: fault
    for fault in (
        kill_slot, kill_slot_in_checkpoint, kill_slot_in_claim, kill_slot_in_result, kill_supervisor,
        kill_housekeeping, stop_slot_beyond_its_lease, stop_machine_beyond_its_leases, end_machine, corrupt_checkpoint,
        lose_checkpoints, flush_redis, kill_redis, restart_redis_three_times, deliver_messages_ten_times, send_garbage,
        stop_postgres_at_once, end_connections, end_connection_in_result, reap_twice_at_once, pause_and_resume,
        cancel_and_retry, extend, drain_and_put_back,
    )
}  # fmt: skip
