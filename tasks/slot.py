"""One training slot: what a slot's process does between two messages and during one.

A slot trains one run at a time, whether a permit or its own polling woke it (one lock). Beside the training a
heartbeat thread renews the lease, hears pauses and cancellations, and ends the process if training is stuck, so
that a hang cannot hold a run for ever.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db import close_old_connections, connection

from engine.training.datasets import available_data_sets
from tasks.processes import DATABASE_AWAY
from webapp import services
from webapp.services import Claim, Lease

logger = logging.getLogger(__name__)

STATM = Path("/proc/self/statm")
WATCH_SECONDS = 1.0  # how soon a pause or a cancellation reaches a training, beside the heartbeat
STUCK_EXIT_CODE = 70


def memory_in_use() -> int | None:
    """Bytes of memory that this process holds now, None where the system does not say; a GPU's are not in it."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


@dataclass
class CurrentRun:
    """The run in hand, shared between the training thread and the heartbeat."""

    claim: Claim
    lease: Lease = Lease.HELD
    moved_at: float = field(default_factory=time.monotonic)
    renewed_at: float = field(default_factory=time.monotonic)

    def step(self, _number: int) -> None:
        self.moved_at = time.monotonic()


@dataclass
class Slot:
    """The identity of this process as a worker (fresh at every start), its device and the run in hand."""

    device: str
    number: int
    device_slots: int
    worker_id: UUID = field(default_factory=uuid4)
    replaces: UUID | None = None
    data_sets: tuple[str, ...] = ()
    device_kind: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    current: CurrentRun | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def from_environment(cls) -> Slot:
        """As the supervisor described it (tasks.supervisor)."""
        replaces = os.environ.get("NETSPACE_REPLACES")
        return cls(
            device=os.environ.get("NETSPACE_DEVICE", "cpu"),
            number=int(os.environ.get("NETSPACE_SLOT", "0")),
            device_slots=int(os.environ.get("NETSPACE_DEVICE_SLOTS", "1")),
            worker_id=UUID(os.environ["NETSPACE_WORKER"]) if "NETSPACE_WORKER" in os.environ else uuid4(),
            replaces=UUID(replaces) if replaces else None,
        )

    def find_data_sets(self) -> None:
        self.data_sets = available_data_sets(data_folder=settings.DATA_FOLDER)

    def register(self) -> None:
        self.find_data_sets()
        services.register_worker(
            worker_id=self.worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            slot=self.number,
            device=self.device,
            device_kind=self.device_kind,
            device_slots=self.device_slots,
            data_sets=self.data_sets,
            versions=self.versions,
            replaces=self.replaces,
        )

    def should_stop(self) -> bool:
        """Asked by the training at every step."""
        return self.stopping.is_set() or self.current is None or self.current.lease is not Lease.HELD

    def beat(self) -> None:
        """Watch the lease in hand and show a sign of life; for ever. The life of the heartbeat thread."""
        seen_at = 0.0
        while not self.stopping.wait(WATCH_SECONDS) or self.current is not None:
            now = time.monotonic()
            due = now - seen_at >= settings.HEARTBEAT_SECONDS
            try:
                close_old_connections()
                self._watch(now)
                if due:
                    self._show_life()
                    seen_at = now
            except DATABASE_AWAY:
                connection.close()
            except Exception:
                logger.exception("The heartbeat failed; going on.")
            self._give_up_when_overdue(time.monotonic())

    def _show_life(self) -> None:
        if self.current is None:
            self.find_data_sets()  # one may have been put there, or taken away, since the start
        if not services.touch_worker(self.worker_id, data_sets=self.data_sets, memory=memory_in_use()):
            self.register()  # somebody removed its row; without one it would be given no runs

    def _watch(self, now: float) -> None:
        run = self.current
        if run is None or run.lease is Lease.LOST:
            return
        if now - run.moved_at > settings.STALL_SECONDS:
            logger.error("Run %s has not moved for %.0f s; this process ends.", run.claim.run_id, now - run.moved_at)
            os._exit(STUCK_EXIT_CODE)
        if now - run.renewed_at >= settings.HEARTBEAT_SECONDS:
            run.lease = services.renew_lease(run.claim)
            run.renewed_at = now
        else:
            run.lease = services.read_lease(run.claim)

    def _give_up_when_overdue(self, now: float) -> None:
        """Without a word from the database for a whole lease somebody else may hold the run."""
        run = self.current
        if run is not None and now - run.renewed_at > settings.LEASE_SECONDS:
            run.lease = Lease.LOST
