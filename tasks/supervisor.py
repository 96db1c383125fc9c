"""One machine's worker: a process for each training slot, one for drawing, and the upkeep of the queue on a timer.

The supervisor never loads torch. Each slot is a fresh process (exec, never a fork: a fork after torch has used two
threads hangs) with an environment of its own; one that dies is replaced, and all end with the supervisor, because it
holds the other end of their standard input.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.conf import settings
from django.db import close_old_connections, connection

from tasks.celery import DEFAULT_QUEUE, TRAINING_QUEUE
from tasks.processes import DATABASE_AWAY, HOUSEKEEPING, ROLE
from tasks.publish import MOST_PERMITS, publish_draw, top_up_permits
from tasks.slot_plans import ONE_THREAD, SlotPlan
from webapp import services
from webapp.processes import KeptAlive

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
GRACE_SECONDS = 30.0


@dataclass
class Child(KeptAlive):
    """One process of this machine. One that has lived for a whole lease is started again at once."""

    name: str
    queue: str
    extra_environment: Mapping[str, str]
    worker_id: UUID | None = None  # fresh at every start; that of the last one until then

    healthy_seconds = settings.LEASE_SECONDS

    def launch(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "--app", "tasks.celery", "--quiet", "worker", "--queues", self.queue]
        command += ["--pool", "threads", "--concurrency", "1", "--hostname", f"{self.name}-{os.getpid()}@%h"]
        command += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
        worker_id = uuid4()
        identity = {
            "NETSPACE_WORKER": str(worker_id),
            "NETSPACE_REPLACES": str(self.worker_id or ""),
            "PGAPPNAME": f"{self.name} {worker_id}",  # names the process in the database's own lists
        }
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            # Without Celery's start-up checks, which would load every page of the web app into each slot.
            env={**os.environ, "CELERY_SKIP_CHECKS": "1", **self.extra_environment, **identity},
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the supervisor alone
        )
        self.worker_id = worker_id
        return process

    def find_dead(self, now: float) -> UUID | None:
        """Keep it alive; its identity as a worker where it was found dead just now."""
        worker_id = self.worker_id
        ended = self.keep_alive(now)
        if ended is None:
            return None
        logger.warning("The process %s %s; it is started again, and its work goes back to the queue.", self.name, ended)
        return worker_id

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
        self.forget()


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
                dead = [worker for child in children if (worker := child.find_dead(now)) is not None]
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
    """Reap, pump, wake draws and tell of batches that have ended; what can't be done now is left for the next time.

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
        services.tell_of_batches()
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
