"""One machine's worker: a process for each training slot, one for drawing, and the upkeep of the queue on a timer.

The supervisor never loads torch. Each slot is a fresh process (exec, never a fork: a fork after torch has used two
threads hangs) with an environment of its own; one that dies is replaced, and all end with the supervisor, because it
holds the other end of their standard input.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db import close_old_connections, connection

from tasks.celery import DEFAULT_QUEUE, TRAINING_QUEUE
from tasks.processes import DATABASE_AWAY, HOUSEKEEPING, ROLE, SLOT
from tasks.publish import MOST_PERMITS, publish_draw, top_up_permits
from webapp import services

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
GRACE_SECONDS = 30.0
LONGEST_RESTART_WAIT = 30.0

# One thread a slot: two threads in each of two processes on two cores train 25 to 40 times slower than one.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# glibc otherwise returns the memory of every step to the system and faults it in again; one arena, because the
# training thread is not the main one. 32 MiB is the largest threshold that glibc accepts.
KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
}


@dataclass(frozen=True)
class SlotPlan:
    """One training slot: its number on this machine, its device, and how many slots share that device."""

    number: int
    device: str
    device_slots: int

    def environment(self) -> dict[str, str]:
        """What a slot's process sees; its GPU is always cuda:0 there, since it sees no other."""
        on_gpu = self.device.startswith("cuda:")
        return {
            **ONE_THREAD,
            **KEEP_MEMORY,
            ROLE: SLOT,
            "NETSPACE_SLOT": str(self.number),
            "NETSPACE_DEVICE": "cuda:0" if on_gpu else "cpu",
            "NETSPACE_DEVICE_NAME": self.device,
            "NETSPACE_DEVICE_SLOTS": str(self.device_slots),
            "CUDA_VISIBLE_DEVICES": self.device.removeprefix("cuda:") if on_gpu else "",
        }


def count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_gpus() -> int:
    """The GPUs that torch can use, asked in a process of its own; none where no driver is there to ask."""
    if shutil.which("nvidia-smi") is None and not Path("/dev/nvidia0").exists():
        return 0
    answer = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return int(answer.stdout) if answer.returncode == 0 else 0


def plan_slots(*, devices: str = "auto", slots_per_device: int | None = None) -> list[SlotPlan]:
    """The slots of this machine.

    Parameters
    ----------
    devices : str
        "auto" (every GPU, or the CPU where there is none), "cpu", or a list such as "cuda:0,cuda:1".
    slots_per_device : int, optional
        By default one a GPU, and one a core on the CPU.

    Raises
    ------
    ValueError
        An unknown device, a GPU that is not there, or more CPU slots than cores.
    """
    cores = count_cores()
    if devices == "auto":
        names = [f"cuda:{k}" for k in range(count_gpus())] or ["cpu"]
    else:
        names = [name.strip() for name in devices.split(",") if name.strip()]
        _check_devices(names)
    if slots_per_device is not None and slots_per_device < 1:
        raise ValueError(f"slots-per-device must be at least 1, got {slots_per_device}.")
    if names == ["cpu"] and slots_per_device is not None and slots_per_device > cores:
        raise ValueError(f"slots-per-device must be at most the {cores} cores for the CPU, got {slots_per_device}.")
    per_device = slots_per_device or (cores if names == ["cpu"] else 1)
    pairs = [(name, per_device) for name in names for _ in range(per_device)]
    return [SlotPlan(number, name, shared) for number, (name, shared) in enumerate(pairs)]


def _check_devices(names: Sequence[str]) -> None:
    gpus = count_gpus() if any(name.startswith("cuda:") for name in names) else 0
    for name in names:
        index = name.removeprefix("cuda:")
        if name != "cpu" and not (name.startswith("cuda:") and index.isdecimal() and int(index) < gpus):
            raise ValueError(f"devices must be auto, cpu or cuda:<index> of {gpus} GPUs found, got {name}.")
    if not names or len(set(names)) < len(names) or ("cpu" in names and len(names) > 1):
        raise ValueError(
            f"devices must be the CPU alone or a list of different GPUs, got {', '.join(names) or 'none'}."
        )


@dataclass
class Child:
    """A process that is kept alive."""

    name: str
    queue: str
    extra_environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    worker_id: UUID | None = None  # fresh at every start; that of the last one until then
    started_at: float = 0.0
    restart_at: float = 0.0
    restart_wait: float = 0.0

    def start(self) -> None:
        command = [sys.executable, "-m", "celery", "--app", "tasks.celery", "--quiet", "worker", "--queues", self.queue]
        command += ["--pool", "threads", "--concurrency", "1", "--hostname", f"{self.name}-{os.getpid()}@%h"]
        command += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
        replaces, self.worker_id = self.worker_id, uuid4()
        identity = {
            "NETSPACE_WORKER": str(self.worker_id),
            "NETSPACE_REPLACES": str(replaces or ""),
            "PGAPPNAME": f"{self.name} {self.worker_id}",  # names the process in the database's own lists
        }
        self.process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            # Without Celery's start-up checks, which would load every page of the web app into each slot.
            env={**os.environ, "CELERY_SKIP_CHECKS": "1", **self.extra_environment, **identity},
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the supervisor alone
        )
        self.started_at = time.monotonic()

    def keep_alive(self, now: float) -> UUID | None:
        """Start it where it does not run; its identity as a worker when it was found dead just now."""
        if self.process is None:
            if now >= self.restart_at:
                self._try_to_start(now)
            return None
        code = self.process.poll()
        if code is None:
            return None
        self._wait_before_restart(now, healthy=now - self.started_at > settings.LEASE_SECONDS)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        logger.warning("The process %s %s; it is started again, and its work goes back to the queue.", self.name, how)
        self._close()
        return self.worker_id

    def _try_to_start(self, now: float) -> None:
        try:
            self.start()
        except OSError as error:  # no memory or no process left on the machine: others may end meanwhile
            self._wait_before_restart(now, healthy=False)
            logger.warning("The process %s can't be started (%s); trying again.", self.name, error)

    def _wait_before_restart(self, now: float, *, healthy: bool) -> None:
        """At once for one that lived longer than a lease, else longer each time."""
        self.restart_wait = 0.0 if healthy else min(2 * self.restart_wait or 1.0, LONGEST_RESTART_WAIT)
        self.restart_at = now + self.restart_wait

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def kill_after(self, deadline: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


@dataclass
class Supervisor:
    """Keeps a machine's processes alive and does the queue's upkeep until ``stop`` is set."""

    slots: Sequence[SlotPlan]
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        children = [Child(f"slot-{plan.number}", TRAINING_QUEUE, plan.environment()) for plan in self.slots]
        children.append(
            Child("housekeeping", DEFAULT_QUEUE, {**ONE_THREAD, ROLE: HOUSEKEEPING, "CUDA_VISIBLE_DEVICES": ""})
        )
        upkeep_at = 0.0
        try:
            while not self.stop.is_set():
                now = time.monotonic()
                dead = [worker for child in children if (worker := child.keep_alive(now)) is not None]
                if dead or now >= upkeep_at:
                    do_upkeep(dead)
                    upkeep_at = now + settings.POLL_SECONDS
                self.stop.wait(TICK_SECONDS)
        finally:
            stop_all(children)


def stop_all(children: Iterable[Child]) -> None:
    """Ask every process to end (running trainings give their runs back), then insist."""
    children = list(children)
    for child in children:
        child.stop()
    deadline = time.monotonic() + GRACE_SECONDS
    for child in children:
        child.kill_after(deadline)


def do_upkeep(dead: Iterable[UUID] = ()) -> None:
    """Reap, pump and wake draws; what can't be done now is left for the next time.

    ``dead`` are slots of this machine whose process has just died: their runs go back without waiting for the lease.
    """
    try:
        close_old_connections()
        for worker_id in dead:
            services.end_dead_worker(worker_id)
        # Without the lock: a machine that is stopped or cut off while it holds it would keep all others from reaping.
        lost = services.reap_lost_runs() + services.reap_lost_draws()
        if lost:
            logger.warning("%d pieces of work were lost by their workers and went back to the queue.", lost)
        _wake_workers()
    except DATABASE_AWAY as error:
        connection.close()
        logger.warning("The database is away (%s); the upkeep waits.", str(error).strip())
    except Exception:  # tables that are being migrated, say: a worker outlives them
        logger.exception("The upkeep failed; going on.")


def _wake_workers() -> None:
    """Publish the messages that are missing, one machine at a time; workers poll as well, so nothing depends on it."""
    with services.hold_maintenance_lock() as ours:
        if not ours:
            return
        claimable = services.count_claimable_runs(at_most=MOST_PERMITS)
        undrawn = services.count_requested_draws()
        if claimable:
            top_up_permits(claimable)
        if undrawn:
            publish_draw()
