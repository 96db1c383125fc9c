"""Training a run: claim, train, record. The one module of the web project's side that loads torch, inside a slot."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from celery import signals
from django.conf import settings
from django.db import close_old_connections, connection

from engine.errors import DataMissing, InvalidDesign, TrainingError, TrainingInterrupted
from tasks.celery import app
from tasks.processes import DATABASE_AWAY, SLOT, end_with_supervisor, has_role, poll, start_thread
from tasks.slot import CurrentRun, Slot
from webapp import queries, services
from webapp.models import FailureKind
from webapp.services import Claim, Lease

if TYPE_CHECKING:
    from engine.training.loop import CheckpointStore, EpochResult, ResidentData, TrainingResult
    from engine.training.regimes import Regime

logger = logging.getLogger(__name__)
T = TypeVar("T")

RESIDENT_DATA_SETS = 2
RETRY_WRITE_SECONDS = 1.0
NICENESS = 5  # where all share one machine, pages answer first; alone on it a slot loses nothing

_slot: Slot | None = None
_resident: OrderedDict[tuple[Any, ...], ResidentData] = OrderedDict()


@app.task(name="tasks.training.train_next")
def train_next() -> None:
    """One permit: train one run, or do nothing where none can be claimed."""
    if _slot is not None:
        train_one(_slot)


def train_one(slot: Slot) -> bool:
    """Claim a run, train it, record what came of it. False where there was nothing to do."""
    with slot.lock:
        if slot.stopping.is_set():
            return False
        close_old_connections()
        claim = services.claim_run(worker_id=slot.worker_id, data_sets=slot.data_sets)
        if claim is None:
            return False
        slot.current = CurrentRun(claim)
        try:
            _train_and_record(slot, slot.current)
        finally:
            slot.current = None
    return True


def _train_and_record(slot: Slot, run: CurrentRun) -> None:
    claim = run.claim
    try:
        result = _train(slot, run)
    except TrainingInterrupted:
        if run.lease is not Lease.LOST:
            _write(run, lambda: services.release_run(claim))
        return
    except DataMissing as error:
        _give_up_data_set(slot, run, error)
        return
    except TrainingError as error:
        _fail(slot, run, FailureKind(error.kind), str(error))
        return
    except InvalidDesign as error:
        _fail(slot, run, FailureKind.INVALID_DESIGN, str(error))
        return
    except MemoryError as error:
        _fail(slot, run, FailureKind.OUT_OF_MEMORY, str(error) or "The process ran out of memory.")
        return
    except Exception as error:
        logger.exception("Run %s failed by an error of the code.", claim.run_id)
        _fail(slot, run, FailureKind.CODE_ERROR, f"{type(error).__name__}: {error}")
        return
    _record_result(slot, run, result)


def _record_result(slot: Slot, run: CurrentRun, result: TrainingResult) -> None:
    claim = run.claim
    try:
        recorded = _write(run, lambda: services.record_result(claim, result, device_slots=slot.device_slots))
    except Exception as error:  # a result that the tables refuse would else be trained again as if its worker had died
        logger.exception("The result of run %s can't be stored.", claim.run_id)
        _fail(slot, run, FailureKind.CODE_ERROR, f"Its result can't be stored: {type(error).__name__}: {error}")
        return
    if recorded:
        try:
            _checkpoints(claim).clear()
        except OSError as error:
            logger.warning("The checkpoints of run %s could not be removed: %s", claim.run_id, error)


def _give_up_data_set(slot: Slot, run: CurrentRun, error: DataMissing) -> None:
    """A data set that has gone since the last look is other machines' work; one that is there but unreadable fails."""
    slot.find_data_sets()
    if run.claim.regime.data_set in slot.data_sets:
        _fail(slot, run, FailureKind.DATA_MISSING, str(error))
    else:
        logger.warning("Run %s goes back to the queue: %s", run.claim.run_id, error)
        _write(run, lambda: services.release_run(run.claim))


def _train(slot: Slot, run: CurrentRun) -> TrainingResult:
    from engine.training.loop import train_network

    claim = run.claim
    return train_network(
        design=claim.design,
        recipe=claim.regime.recipe,
        data=_resident_data(claim.regime, slot.device),
        seed=claim.seed,
        device=slot.device,
        on_epoch=lambda epoch: _record_epoch(run, epoch),
        on_step=run.step,
        should_stop=slot.should_stop,
        time_limit=claim.regime.time_limit,
        checkpoints=_checkpoints(claim),
    )


def _checkpoints(claim: Claim) -> CheckpointStore:
    from engine.training.loop import CheckpointStore

    return CheckpointStore(settings.CHECKPOINT_FOLDER, f"run-{claim.run_id}", attempt=claim.attempt)


def _record_epoch(run: CurrentRun, epoch: EpochResult) -> None:
    """An epoch's row is worth little beside the run: with the database away it is left out, the result is not."""
    try:
        if not services.record_epoch(run.claim, epoch):
            run.lease = Lease.LOST
    except DATABASE_AWAY:
        connection.close()


def _fail(slot: Slot, run: CurrentRun, kind: FailureKind, message: str) -> None:
    _write(run, lambda: services.record_failure(run.claim, kind=kind, message=message))
    if kind is FailureKind.OUT_OF_MEMORY:
        # The next run starts in a fresh process: memory that fell apart once stays in pieces.
        slot.stopping.set()
        os.kill(os.getpid(), signal.SIGTERM)


def _write(run: CurrentRun, write: Callable[[], T]) -> T | None:
    """Repeat a write that the database was away for, while the lease lives (the heartbeat ends it)."""
    while run.lease is not Lease.LOST:
        try:
            return write()
        except DATABASE_AWAY as error:
            connection.close()
            logger.warning("Run %s could not be recorded yet: %s", run.claim.run_id, str(error).strip())
            time.sleep(RETRY_WRITE_SECONDS)
    return None


def _resident_data(regime: Regime, device: str) -> ResidentData:
    """The data set of a regime as tensors on the device, kept from run to run."""
    from engine.training.loop import ResidentData

    key = (regime.data_set, regime.resolution, regime.train_images, regime.test_images, device)
    if key not in _resident:
        _resident[key] = ResidentData.load(regime, data_folder=settings.DATA_FOLDER, device=device)
        while len(_resident) > RESIDENT_DATA_SETS:
            _resident.popitem(last=False)
    _resident.move_to_end(key)
    return _resident[key]


def remove_spent_checkpoints() -> None:
    """Remove checkpoints that nobody resumes: of runs that ended, where the process that should have died before."""
    from engine.training.loop import CheckpointStore

    if not settings.CHECKPOINT_FOLDER.is_dir():
        return
    found = (re.match(r"run-(\d{1,18})-", file.name) for file in settings.CHECKPOINT_FOLDER.iterdir())
    for run_id in queries.without_use_for_checkpoints({int(match[1]) for match in found if match}):
        try:
            CheckpointStore(settings.CHECKPOINT_FOLDER, f"run-{run_id}").clear()
        except OSError as error:
            logger.warning("The checkpoints of run %s could not be removed: %s", run_id, error)


def run_slot() -> None:
    """Be a training slot: load torch, register as a worker, keep the heartbeat, find work by polling."""
    from engine.training.devices import device_kind, find_device, versions

    slot = Slot.from_environment()
    slot.device_kind, slot.versions = device_kind(find_device(slot.device)), versions()

    def work() -> bool:
        global _slot
        if _slot is None:  # the database may have been away at the first try
            slot.register()
            start_thread(slot.beat, name="heartbeat")
            _slot = slot
            remove_spent_checkpoints()
        return train_one(slot)

    poll(work, slot.stopping)


# Not worker_ready, which waits for the broker: a slot works without one.
@signals.celeryd_after_setup.connect
def _on_start(**_: object) -> None:
    if has_role(SLOT):
        end_with_supervisor()
        os.nice(NICENESS)  # of this thread, and so of all that it starts
        start_thread(run_slot, name="poll")


@signals.worker_shutting_down.connect
def _on_shutting_down(**_: object) -> None:
    if _slot is not None:
        _slot.stopping.set()


@signals.worker_shutdown.connect
def _on_shutdown(**_: object) -> None:
    if _slot is not None:
        with _slot.lock:  # the polling thread may still be giving its run back
            try:
                services.end_worker(_slot.worker_id)
            except DATABASE_AWAY:
                connection.close()
