"""The rules of the queue; numbers are the invariants of docs/architecture.md, section "What always holds"."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import Epoch, FailureKind, Run, RunState, Sample
from webapp.services import Lease
from webapp.services.runs import LOST_WORKER_LIMIT

pytestmark = pytest.mark.django_db


def finish(claim: services.Claim, **result: Any) -> bool:
    return services.record_result(claim, rows.Result(**result), device_slots=1)  # type: ignore[arg-type]


def test_a_claim_takes_the_first_position_and_raises_the_attempt() -> None:
    batch = rows.a_study(size=3)
    claim = rows.claim()
    assert claim is not None
    run = rows.run_of(claim)
    assert (run.position, run.attempt, run.state) == (0, 1, RunState.RUNNING)
    assert claim.regime.data_set == "fashion-mnist"
    assert claim.batch_id == batch.pk


def test_nothing_is_claimed_from_a_paused_batch() -> None:
    batch = rows.a_study()
    services.pause_batch(batch=batch, actor=batch.created_by)
    assert rows.claim() is None
    assert services.resume_batch(batch=batch, actor=batch.created_by) == 4
    assert rows.claim() is not None


def test_a_worker_without_the_data_set_takes_nothing() -> None:
    rows.a_study()
    assert services.claim_run(worker_id=rows.a_worker(), data_sets=["cifar-10"]) is None


def test_claims_go_to_the_higher_priority_first_and_are_shared_fairly_between_equals() -> None:
    first = rows.a_study(size=4)
    second = rows.a_batch(first.space, first.regime, first.created_by, size=4, seed=1)
    worker = rows.a_worker()
    batches = [claim.batch_id for _ in range(4) if (claim := rows.claim(worker))]
    assert sorted(batches) == sorted([first.pk, second.pk] * 2)
    services.set_priority(batch=second, priority=1, actor=second.created_by)
    batches = [claim.batch_id for _ in range(2) if (claim := rows.claim(worker))]
    assert batches == [second.pk, second.pk]


@pytest.mark.django_db(transaction=True)
def test_claims_at_the_same_time_take_different_runs() -> None:  # invariant 6
    rows.a_study(size=12)
    worker = rows.a_worker()
    taken: list[int] = []
    barrier = threading.Barrier(6)

    def claim_two() -> None:
        barrier.wait()
        try:
            taken.extend(claim.run_id for _ in range(2) if (claim := rows.claim(worker)))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim_two) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 12


@pytest.mark.django_db(transaction=True)
def test_a_claim_passes_over_a_run_that_another_claimer_is_taking() -> None:  # invariant 6
    rows.a_study(size=2)
    worker = rows.a_worker()
    taken: list[int] = []

    def take_one() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")  # a claim that waits fails here instead of hanging
            claim = rows.claim(worker)
            assert claim is not None
            taken.append(rows.run_of(claim).position)
        finally:
            connection.close()

    with transaction.atomic():
        Run.objects.select_for_update().get(position=0)
        thread = threading.Thread(target=take_one)
        thread.start()
        thread.join()
    assert taken == [1]


def test_a_result_ends_the_run_and_gives_the_sample_its_error_at_once() -> None:  # invariant 7
    rows.a_study()
    claim = rows.claim()
    assert claim is not None
    assert finish(claim, final_error=31.5, best_error=30.5)
    run = rows.run_of(claim)
    assert (run.state, run.final_error, run.lease_until) == (RunState.DONE, 31.5, None)
    assert run.versions == {"torch": "2"}
    sample = Sample.objects.get(pk=claim.sample_id)
    assert (sample.error, sample.best_error, sample.error_std) == (31.5, 30.5, None)


def test_a_sample_has_no_error_before_its_last_replicate_and_then_their_mean() -> None:
    rows.a_study(size=1, replicates=2)
    first, second = rows.claim(), rows.claim()
    assert first is not None
    assert second is not None
    assert first.seed != second.seed
    finish(first, final_error=30.0)
    assert Sample.objects.get(pk=first.sample_id).error is None
    finish(second, final_error=32.0)
    sample = Sample.objects.get(pk=first.sample_id)
    assert sample.error == 31.0
    assert sample.error_std == pytest.approx(2**0.5)


D, M = FailureKind.DIVERGED, FailureKind.CODE_ERROR  # the network's own doing, and a failure that says nothing of it


@pytest.mark.parametrize(
    ("ends", "error"),
    [
        ([30.0, 32.0], 31.0),
        ([30.0, D], None),
        ([30.0, M], 30.0),
        ([M, 30.0], 30.0),
        ([D, M], None),
        ([M, M], None),
        ([30.0, 34.0, D], 32.0),
        ([30.0, D, D], None),
        ([30.0, M, D], 30.0),
        ([30.0, M, M], 30.0),
        ([D, M, M], None),
        ([30.0, 34.0, D, D], None),
    ],
)
def test_the_error_of_a_sample_is_the_mean_of_its_replicates_unless_half_of_them_failed_by_their_own_doing(
    ends: list[float | FailureKind], error: float | None
) -> None:
    batch = rows.a_study(size=1, replicates=len(ends))
    pages.finish(batch, ends)
    assert Sample.objects.get(batch=batch).error == error
    population = queries.load_population(space=batch.space, regime=batch.regime)
    own = 2 * ends.count(D) >= len(ends)
    assert (population.n, population.failed) == (int(error is not None), int(own))
    assert population.missing == int(error is None and not own)


def test_a_retried_replicate_takes_the_error_back_until_it_has_ended_again() -> None:
    batch = rows.a_study(size=2, replicates=2)
    pages.finish(batch, [30.0, M, 40.0, 42.0])
    services.retry_failed_runs(batch=batch, actor=batch.created_by)
    assert [sample.error for sample in batch.samples.order_by("position")] == [None, 41.0]
    pages.finish(batch, [32.0])
    assert [sample.error for sample in batch.samples.order_by("position")] == [31.0, 41.0]


@pytest.mark.django_db(transaction=True)
def test_of_replicates_that_end_at_once_in_different_ways_one_sees_both() -> None:
    batch = rows.a_study(size=12, replicates=3)
    claims = [rows.claim() for _ in range(36)]

    def end(mine: list[services.Claim | None], number: int) -> None:
        try:
            for claim in mine:
                assert claim is not None
                if number:
                    finish(claim, final_error=30.0)
                else:
                    services.record_failure(claim, kind=M, message="A mistake.")
        finally:
            connection.close()

    threads = [threading.Thread(target=end, args=(claims[number::3], number)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(batch.samples.values_list("error", flat=True)) == {30.0}


def test_a_replicate_that_loses_its_last_worker_leaves_the_error_of_the_others() -> None:
    batch = rows.a_study(size=1, replicates=2)
    pages.finish(batch, [30.0])
    for _ in range(LOST_WORKER_LIMIT):
        claim = rows.claim()
        assert claim is not None
        rows.end_lease(claim.run_id)
        services.reap_lost_runs()
    assert rows.run_of(claim).state == RunState.FAILED
    assert Sample.objects.get(batch=batch).error == 30.0


def test_the_same_result_written_twice_counts_once_and_is_a_success_both_times() -> None:  # invariants 3 and 18
    rows.a_study()
    claim = rows.claim()
    assert claim is not None
    assert finish(claim, final_error=31.0)
    assert finish(claim, final_error=99.0)
    assert rows.run_of(claim).final_error == 31.0


def test_a_holder_of_an_older_attempt_writes_nothing() -> None:  # invariants 4 and 5
    rows.a_study(size=1)
    old = rows.claim()
    assert old is not None
    rows.end_lease(old.run_id)
    assert services.reap_lost_runs() == 1
    new = rows.claim()
    assert new is not None
    assert new.attempt == old.attempt + 1
    assert services.renew_lease(old) is Lease.LOST
    assert services.read_lease(old) is Lease.LOST
    assert not services.record_epoch(old, rows.EpochOf())
    assert not finish(old)
    assert services.record_failure(old, kind=FailureKind.DIVERGED, message="late") is None
    assert not services.release_run(old)
    assert services.renew_lease(new) is Lease.HELD
    assert finish(new)


def test_the_reaper_leaves_live_leases_alone() -> None:  # invariants 8 and 9
    rows.a_study()
    claim = rows.claim()
    assert claim is not None
    assert services.reap_lost_runs() == 0
    assert rows.run_of(claim).state == RunState.RUNNING


def test_a_run_whose_worker_row_has_gone_is_reaped_like_any_other() -> None:  # invariant 9
    from webapp.models import Worker

    rows.a_study()
    claim = rows.claim()
    assert claim is not None
    Worker.objects.all().delete()
    rows.end_lease(claim.run_id)
    assert services.reap_lost_runs() == 1
    assert rows.run_of(claim).state == RunState.QUEUED


@pytest.mark.django_db(transaction=True)
def test_two_reapers_at_once_return_each_lost_run_once() -> None:  # invariant 9
    rows.a_study(size=12)
    worker = rows.a_worker()
    claims = [claim for _ in range(12) if (claim := rows.claim(worker))]
    for claim in claims[:10]:
        rows.end_lease(claim.run_id)
    reaped: list[int] = []
    barrier = threading.Barrier(4)

    def reap() -> None:
        barrier.wait()
        try:
            reaped.append(services.reap_lost_runs())
        finally:
            connection.close()

    threads = [threading.Thread(target=reap) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(reaped) == 10
    assert list(Run.objects.order_by("position").values_list("lost_workers", flat=True)) == [1] * 10 + [0] * 2


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_locked_keeps_the_reaper_from_no_other() -> None:  # invariant 9
    rows.a_study(size=2)
    first, second = rows.claim(), rows.claim()
    assert first is not None
    assert second is not None
    rows.end_lease(first.run_id)
    rows.end_lease(second.run_id)
    reaped: list[int] = []

    def reap() -> None:
        reaped.append(services.reap_lost_runs())
        connection.close()

    with transaction.atomic():
        Run.objects.select_for_update().get(pk=first.run_id)
        thread = threading.Thread(target=reap)
        thread.start()
        thread.join()
    assert reaped == [1]
    assert rows.run_of(second).state == RunState.QUEUED


def test_a_lease_follows_the_clock_of_the_database_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:  # invariant 8
    from django.utils import timezone

    hour = timedelta(hours=1)
    now = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: now() + hour)
    monkeypatch.setattr("time.time", lambda: 0.0)
    rows.a_study()
    claim = rows.claim()
    assert claim is not None
    assert services.reap_lost_runs() == 0
    assert services.renew_lease(claim) is Lease.HELD
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM lease_until - now())::float8 FROM webapp_run WHERE id = %s", [claim.run_id]
        )
        assert 0 < cursor.fetchone()[0] <= 60


def test_the_runs_of_a_process_seen_dead_go_back_without_waiting_for_the_lease() -> None:
    rows.a_study(size=2)
    dead, alive = rows.a_worker(host="one"), rows.a_worker(host="two")
    lost, kept = rows.claim(dead), rows.claim(alive)
    assert lost is not None
    assert kept is not None
    assert services.end_dead_worker(dead) == 1
    assert services.reap_lost_runs() == 1
    assert rows.run_of(lost).state == RunState.QUEUED
    assert rows.run_of(kept).state == RunState.RUNNING


def test_a_design_that_loses_its_worker_three_times_fails() -> None:  # invariant 14
    rows.a_study(size=1)
    for _ in range(LOST_WORKER_LIMIT):
        claim = rows.claim()
        assert claim is not None
        rows.end_lease(claim.run_id)
        services.reap_lost_runs()
    run = Run.objects.get()
    assert (run.state, run.failure_kind, run.lost_workers) == (RunState.FAILED, FailureKind.LOST_WORKER, 3)
    assert "3 times" in run.failure_message
    assert rows.claim() is None


def test_a_diverged_run_fails_at_once_and_gets_no_error() -> None:
    rows.a_study(size=1)
    claim = rows.claim()
    assert claim is not None
    state = services.record_failure(claim, kind=FailureKind.DIVERGED, message="The loss is not finite in epoch 1.")
    assert state is RunState.FAILED
    run = rows.run_of(claim)
    assert (run.final_error, run.errors, run.lost_workers) == (None, 1, 0)
    assert Sample.objects.get().error is None


def test_out_of_memory_is_retried_once() -> None:
    rows.a_study(size=1)
    states = []
    for _ in range(2):
        claim = rows.claim()
        assert claim is not None
        states.append(services.record_failure(claim, kind=FailureKind.OUT_OF_MEMORY, message="too large"))
    assert states == [RunState.QUEUED, RunState.FAILED]


def test_a_released_run_goes_back_and_no_retry_counter_rises() -> None:
    rows.a_study(size=1)
    claim = rows.claim()
    assert claim is not None
    assert services.release_run(claim)
    run = rows.run_of(claim)
    assert (run.state, run.lost_workers, run.errors, run.worker) == (RunState.QUEUED, 0, 0, None)
    assert not services.release_run(claim)


def test_a_pause_is_heard_at_the_next_heartbeat() -> None:
    batch = rows.a_study()
    claim = rows.claim()
    assert claim is not None
    services.pause_batch(batch=batch, actor=batch.created_by)
    assert services.read_lease(claim) is Lease.PAUSED
    assert services.renew_lease(claim) is Lease.PAUSED


def test_a_cancelled_run_takes_no_late_result() -> None:  # invariant 16
    batch = rows.a_study()
    claim = rows.claim()
    assert claim is not None
    assert services.cancel_batch(batch=batch, actor=batch.created_by) == 4
    assert services.read_lease(claim) is Lease.LOST
    assert not finish(claim)
    assert Sample.objects.get(pk=claim.sample_id).error is None


def test_failed_runs_are_retried_with_fresh_counters_and_a_growing_attempt() -> None:
    batch = rows.a_study(size=1)
    claim = rows.claim()
    assert claim is not None
    services.record_failure(claim, kind=FailureKind.DIVERGED, message="not finite")
    assert services.retry_failed_runs(batch=batch, actor=batch.created_by, kind=FailureKind.OUT_OF_MEMORY) == 0
    assert services.retry_failed_runs(batch=batch, actor=batch.created_by, kind=FailureKind.DIVERGED) == 1
    again = rows.claim()
    assert again is not None
    assert again.attempt == 2


def test_a_repeated_epoch_replaces_the_earlier_attempts() -> None:
    rows.a_study(size=1)
    claim = rows.claim()
    assert claim is not None
    assert services.record_epoch(claim, rows.EpochOf(test_error=40.0))
    services.release_run(claim)
    again = rows.claim()
    assert again is not None
    assert services.record_epoch(again, rows.EpochOf(test_error=41.0))
    epoch = Epoch.objects.get()
    assert (epoch.attempt, epoch.test_error) == (2, 41.0)


def test_a_result_brings_the_epochs_whose_rows_are_missing_or_of_another_training() -> None:
    rows.a_study(size=1)
    first = rows.claim()
    assert first is not None
    for number in (1, 3):
        services.record_epoch(first, rows.EpochOf(number=number, test_error=40.0))
    services.release_run(first)
    second = rows.claim()
    assert second is not None
    epochs = tuple(rows.EpochOf(number=number, test_error=error) for number, error in ((1, 40.0), (2, 35.0), (3, 30.0)))
    assert finish(second, epochs=epochs)
    stored = Epoch.objects.order_by("number").values_list("number", "attempt", "test_error")
    assert list(stored) == [(1, 1, 40.0), (2, 2, 35.0), (3, 2, 30.0)]


def test_the_seed_of_a_run_depends_on_batch_position_and_replicate_alone() -> None:
    seed = services.runs.run_seed
    assert seed(batch_seed=0, position=3, replicate=0) == seed(batch_seed=0, position=3, replicate=0)
    assert (
        len({seed(batch_seed=b, position=p, replicate=r) for b in range(3) for p in range(3) for r in range(3)}) == 27
    )


@pytest.mark.parametrize(
    "values",
    [
        {"state": "running"},
        {"state": "done"},
        {"state": "failed"},
        {"final_error": 30.0, "best_error": 30.0},
        {"state": "done", "final_error": 130.0, "best_error": 30.0},
        {"state": "lost"},
    ],
    ids=str,
)
def test_the_database_refuses_what_must_never_be_true(values: dict[str, Any]) -> None:  # invariants 1 and 3
    rows.a_study(size=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.update(**values)
