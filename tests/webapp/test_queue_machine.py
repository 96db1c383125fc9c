"""The rules of the queue as a state machine: any order of what workers, people and reapers do, against a simple model.

Several holders act, also those whose lease was lost long ago; after every step the tables are compared with the model,
which knows one state a run, an attempt that only grows, and at most one result. Numbers are the invariants of
docs/architecture.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.webapp import rows
from webapp import queries, services
from webapp.models import OWN_DOING, Epoch, FailureKind, Run, RunState, Sample, SampleBatch, Worker
from webapp.services import Claim, Lease
from webapp.services.runs import ERROR_LIMITS, LOST_WORKER_LIMIT

LARGEST = 5
ERRORS = st.integers(0, 100).map(float)


@dataclass
class ModelRun:
    """What the model knows of one run."""

    batch_id: int
    sample_id: int
    order: tuple[int, int]
    state: RunState = RunState.QUEUED
    attempt: int = 0
    lost_workers: int = 0
    errors: int = 0
    worker: UUID | None = None
    lease_over: bool = False
    result: float | None = None
    failure: str = ""

    def leave(self, state: RunState, failure: str = "") -> None:
        self.state, self.failure, self.lease_over = state, failure, False


@dataclass
class ModelBatch:
    """What the model knows of one batch."""

    id: int
    person: int
    priority: int = 0
    paused: bool = False
    finish_running: bool = False


class QueueMachine(RuleBasedStateMachine):
    """The queue beside its model; each example runs in a savepoint that is rolled back."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.runs: dict[int, ModelRun] = {}
        self.batches = {row.pk: ModelBatch(row.pk, row.created_by_id) for row in SampleBatch.objects.all()}
        self.workers = list(Worker.objects.order_by("slot").values_list("pk", flat=True))
        self.draining: set[UUID] = set()
        self.reads_runs()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)
        queries.batches.PROGRESS_MEMORY.clear()  # versions that were rolled back come again with other runs

    def reads_runs(self) -> None:
        """Take up the runs that a draw has added."""
        for run in Run.objects.exclude(pk__in=self.runs):
            self.runs[run.pk] = ModelRun(run.batch_id, run.sample_id, (run.position, run.replicate))

    def row(self, batch: ModelBatch) -> SampleBatch:
        return SampleBatch.objects.select_related("space__team", "created_by").get(pk=batch.id)

    def held(self, claim: Claim) -> ModelRun | None:
        run = self.runs[claim.run_id]
        return run if run.state == RunState.RUNNING and run.attempt == claim.attempt else None

    def lease(self, claim: Claim) -> Lease:
        run = self.held(claim)
        if run is None:
            return Lease.LOST
        batch = self.batches[run.batch_id]
        return Lease.PAUSED if batch.paused and not batch.finish_running else Lease.HELD

    def next_run(self) -> int | None:
        """By priority, then the person's running runs, then the batch's, then age, then the place in the batch."""
        running = [run for run in self.runs.values() if run.state == RunState.RUNNING]
        people = Counter(self.batches[run.batch_id].person for run in running)
        batches = Counter(run.batch_id for run in running)

        def place(item: tuple[int, ModelRun]) -> tuple[Any, ...]:
            batch = self.batches[item[1].batch_id]
            return -batch.priority, people[batch.person], batches[batch.id], batch.id, item[1].order

        waiting = [
            (key, run)
            for key, run in self.runs.items()
            if run.state == RunState.QUEUED and not self.batches[run.batch_id].paused
        ]
        return min(waiting, key=place)[0] if waiting else None

    # What workers do.

    @rule(target=claims, worker=st.integers(0, 2))
    def claim(self, worker: int) -> Any:
        return self._claim(worker)

    def _claim(self, worker: int) -> Any:
        expected = None if self.workers[worker] in self.draining else self.next_run()
        claim = services.claim_run(worker_id=self.workers[worker], data_sets=rows.DATA_SETS)
        if expected is None:
            assert claim is None
            return multiple()
        assert claim is not None
        assert claim.run_id == expected
        run = self.runs[expected]
        run.state, run.attempt, run.worker = RunState.RUNNING, run.attempt + 1, self.workers[worker]
        assert claim.attempt == run.attempt
        return claim

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        self._renew(claim)

    def _renew(self, claim: Claim) -> None:
        assert services.read_lease(claim) is self.lease(claim)
        assert services.renew_lease(claim) is self.lease(claim)
        if run := self.held(claim):
            run.lease_over = False

    @rule(claim=claims, number=st.integers(1, 3))
    def record_epoch(self, claim: Claim, number: int) -> None:
        self._record_epoch(claim, number)

    def _record_epoch(self, claim: Claim, number: int) -> None:
        before = list(Epoch.objects.filter(run=claim.run_id).values())
        written = services.record_epoch(claim, rows.EpochOf(number=number))
        assert written == (self.held(claim) is not None)
        if not written:
            assert list(Epoch.objects.filter(run=claim.run_id).values()) == before

    @rule(claim=claims, error=ERRORS)
    def record_result(self, claim: Claim, error: float) -> None:
        self._record_result(claim, error)

    def _record_result(self, claim: Claim, error: float) -> None:
        run = self.runs[claim.run_id]
        again = run.state == RunState.DONE and run.attempt == claim.attempt
        result: Any = rows.Result(final_error=error, best_error=error)
        stored = services.record_result(claim, result, device_slots=1)
        assert stored == (again or self.held(claim) is not None)
        if self.held(claim):
            run.leave(RunState.DONE)
            run.result = error

    @rule(claim=claims, kind=st.sampled_from([FailureKind.DIVERGED, FailureKind.OUT_OF_MEMORY, FailureKind.CODE_ERROR]))
    def record_failure(self, claim: Claim, kind: FailureKind) -> None:
        self._record_failure(claim, kind)

    def _record_failure(self, claim: Claim, kind: FailureKind) -> None:
        run = self.held(claim)
        state = services.record_failure(claim, kind=kind, message="so")
        if run is None:
            assert state is None
            return
        retried = run.errors < ERROR_LIMITS.get(kind, 0)
        run.errors += 1
        run.leave(RunState.QUEUED if retried else RunState.FAILED, "" if retried else kind)
        assert state == run.state

    @rule(claim=consumes(claims))
    def release(self, claim: Claim) -> None:
        run = self.held(claim)
        assert services.release_run(claim) == (run is not None)
        if run:
            run.leave(RunState.QUEUED)

    # What goes wrong, and who puts it right.

    @rule(number=st.integers(0, 20))
    def lease_ends(self, number: int) -> None:
        running = [key for key, run in self.runs.items() if run.state == RunState.RUNNING]
        if running:
            key = running[number % len(running)]
            rows.end_lease(key)
            self.runs[key].lease_over = True

    @rule(worker=st.integers(0, 2))
    def process_dies(self, worker: int) -> None:
        lost = [r for r in self.runs.values() if r.state == RunState.RUNNING and r.worker == self.workers[worker]]
        assert services.end_dead_worker(self.workers[worker]) == len(lost)
        for run in lost:
            run.lease_over = True

    @rule()
    def reap(self) -> None:
        self._reap()

    def _reap(self) -> None:
        lost = [run for run in self.runs.values() if run.lease_over]
        assert services.reap_lost_runs() == len(lost)
        for run in lost:
            run.lost_workers += 1
            failed = run.lost_workers >= LOST_WORKER_LIMIT
            run.leave(RunState.FAILED if failed else RunState.QUEUED, FailureKind.LOST_WORKER if failed else "")

    @rule(target=claims, claim=claims, worker=st.integers(0, 2), late=st.sampled_from(["epoch", "result", "failure"]))
    def change_hands(self, claim: Claim, worker: int, late: str) -> Any:
        """A run is lost, often claimed again at once, and its old holder goes on writing."""
        if run := self.held(claim):
            rows.end_lease(claim.run_id)
            run.lease_over = True
            self._reap()
        new = self._claim(worker)
        if late == "epoch":
            self._record_epoch(claim, 1)
        elif late == "result":
            self._record_result(claim, 50.0)
        else:
            self._record_failure(claim, FailureKind.DIVERGED)
        self._renew(claim)
        return new

    # What people do.

    @rule(number=st.integers(0, 2), finish_running=st.booleans())
    def pause(self, number: int, finish_running: bool) -> None:
        batch = self.batch(number)
        changes = (batch.paused, batch.finish_running) != (True, finish_running)
        row = self.row(batch)
        assert services.pause_batch(batch=row, actor=row.created_by, finish_running=finish_running) == changes
        batch.paused, batch.finish_running = True, finish_running

    @rule(number=st.integers(0, 2))
    def resume(self, number: int) -> None:
        batch = self.batch(number)
        row = self.row(batch)
        waiting = sum(r.state == RunState.QUEUED for r in self.runs.values() if r.batch_id == batch.id)
        assert services.resume_batch(batch=row, actor=row.created_by) == waiting
        batch.paused = batch.finish_running = False

    @rule(number=st.integers(0, 2), priority=st.integers(-1, 1))
    def prioritise(self, number: int, priority: int) -> None:
        batch = self.batch(number)
        row = self.row(batch)
        services.set_priority(batch=row, priority=priority, actor=row.created_by)
        batch.priority = priority

    @rule(number=st.integers(0, 2))
    def cancel(self, number: int) -> None:
        batch = self.batch(number)
        row = self.row(batch)
        open_ = [r for r in self.runs.values() if r.batch_id == batch.id and r.state in {"queued", "running"}]
        assert services.cancel_batch(batch=row, actor=row.created_by) == len(open_)
        for run in open_:
            run.leave(RunState.CANCELLED)

    @rule(number=st.integers(0, 2), cancelled=st.booleans(), kind=st.sampled_from(["", "diverged", "lost_worker"]))
    def retry(self, number: int, cancelled: bool, kind: str) -> None:
        batch = self.batch(number)
        row = self.row(batch)
        kind = "" if cancelled else kind
        state = RunState.CANCELLED if cancelled else RunState.FAILED
        again = [
            r
            for r in self.runs.values()
            if r.batch_id == batch.id and r.state == state and (not kind or r.failure == kind)
        ]
        assert services.retry_failed_runs(batch=row, actor=row.created_by, kind=kind, cancelled=cancelled) == len(again)
        for run in again:
            run.leave(RunState.QUEUED)
            run.lost_workers = run.errors = 0

    @rule(number=st.integers(0, 2))
    def extend(self, number: int) -> None:
        row = self.row(self.batch(number))
        if row.size < LARGEST and not row.paused:  # the draw of a paused batch would wait
            services.extend_batch(batch=row, size=row.size + 1, actor=row.created_by)
            assert rows.draw_requested() == 2
            self.reads_runs()

    @rule(worker=st.integers(0, 2))
    def drain_or_put_back(self, worker: int) -> None:
        key = self.workers[worker]
        row = self.row(self.batch(0))
        about: Any = {"worker": Worker(pk=key, host="machine"), "team": row.space.team, "actor": row.created_by}
        if key in self.draining:
            assert services.undrain_worker(**about)
        elif Worker.objects.get(pk=key).ended_at is None:
            assert services.drain_worker(**about)
            self.draining.add(key)
            return
        self.draining.discard(key)

    def batch(self, number: int) -> ModelBatch:
        return sorted(self.batches.values(), key=lambda batch: batch.id)[number]

    # What always holds.

    @invariant()
    def the_runs_are_as_the_model_says(self) -> None:  # invariants 1, 3, 4, 5 and 14
        columns = ("state", "attempt", "lost_workers", "errors", "final_error", "failure_kind")
        stored = {row[0]: row[1:] for row in Run.objects.values_list("pk", *columns)}
        assert stored == {
            key: (run.state, run.attempt, run.lost_workers, run.errors, run.result, run.failure)
            for key, run in self.runs.items()
        }

    @invariant()
    def a_sample_has_its_error_when_all_its_replicates_have_ended(self) -> None:  # invariant 7
        replicates: dict[int, list[ModelRun]] = {}
        for run in self.runs.values():
            replicates.setdefault(run.sample_id, []).append(run)
        for sample_id, error in Sample.objects.values_list("pk", "error"):
            runs = replicates[sample_id]
            results = [run.result for run in runs if run.result is not None]
            ended = all(run.state in (RunState.DONE, RunState.FAILED) for run in runs)
            failed = sum(run.failure in OWN_DOING for run in runs)
            known = results and ended and 2 * failed < len(runs)
            assert error == (pytest.approx(sum(results) / len(results)) if known else None)

    @invariant()
    def the_counters_equal_a_recount(self) -> None:  # invariant 15
        for key, progress in queries.batch_progress(self.batches).items():
            counted = Counter(str(run.state) for run in self.runs.values() if run.batch_id == key)
            assert counted == Counter({state: n for state in RunState.values if (n := getattr(progress, state))})

    @invariant()
    def no_epoch_is_of_an_attempt_to_come(self) -> None:  # invariant 4
        for run_id, attempt in Epoch.objects.values_list("run_id", "attempt"):
            assert 1 <= attempt <= self.runs[run_id].attempt


@pytest.mark.django_db
def test_the_queue_follows_its_rules_in_any_order() -> None:
    first = rows.a_study(size=2, replicates=2)
    person = services.create_user(email="other@example.org", password="correct horse battery")
    rows.a_batch(first.space, first.regime, first.created_by, size=1, seed=1)
    rows.a_batch(first.space, first.regime, person, size=1, seed=2)
    for slot in range(3):
        rows.a_worker(slot=slot)
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Without Phase.shrink, which takes minutes on a database; add it while hunting a failure.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
