"""What people do to the queue: fair shares, both kinds of pause, drained workers, cancelled and extended batches."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection

from engine.spaces.sampling import Draw, draw_designs
from tests.webapp import rows
from webapp import services
from webapp.models import BatchState, DrawCause, FailureKind, Run, RunState, Sample, SampleBatch, User, Worker
from webapp.services import Lease

pytestmark = pytest.mark.django_db


def claimed_batches(count: int) -> list[int]:
    worker = rows.a_worker()
    return [claim.batch_id for _ in range(count) if (claim := rows.claim(worker))]


def another_user(batch: SampleBatch) -> User:
    return services.create_user(email="other@example.org", password="correct horse battery")


def drawn(claim: services.DrawClaim) -> Draw:
    return draw_designs(
        claim.space, size=claim.size, seed=claim.seed, window=claim.regime.window, resolution=14, in_channels=1,
        num_classes=10,
    )  # fmt: skip


def end_draw_leases() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webapp_samplebatch SET lease_until = now() - interval '1 s' WHERE state = 'drawing'")


def test_two_people_get_equal_shares_however_many_batches_each_has_queued() -> None:
    first = rows.a_study(size=6)
    second = rows.a_batch(first.space, first.regime, first.created_by, size=6, seed=1)
    third = rows.a_batch(first.space, first.regime, another_user(first), size=6, seed=2)
    batches = claimed_batches(8)
    assert batches.count(third.pk) == 4
    assert batches.count(first.pk) == batches.count(second.pk) == 2


def test_priority_comes_before_fairness() -> None:
    first = rows.a_study(size=3)
    other = rows.a_batch(first.space, first.regime, another_user(first), size=3, seed=1)
    services.set_priority(batch=first, priority=1, actor=first.created_by)
    assert claimed_batches(4) == [first.pk] * 3 + [other.pk]


def test_a_pause_after_the_current_runs_lets_them_go_on_and_starts_no_others() -> None:
    batch = rows.a_study()
    claim = rows.claim()
    assert claim is not None
    assert services.pause_batch(batch=batch, actor=batch.created_by, finish_running=True)
    assert services.read_lease(claim) is services.renew_lease(claim) is Lease.HELD
    assert rows.claim() is None
    assert services.record_result(claim, rows.Result(), device_slots=1)  # type: ignore[arg-type]
    assert services.resume_batch(batch=batch, actor=batch.created_by) == 3
    assert rows.claim() is not None


def test_one_kind_of_pause_turns_into_the_other_and_both_end_with_resume() -> None:
    batch = rows.a_study()
    claim = rows.claim()
    assert claim is not None
    user = batch.created_by
    assert services.pause_batch(batch=batch, actor=user, finish_running=True)
    assert not services.pause_batch(batch=batch, actor=user, finish_running=True)
    assert services.pause_batch(batch=batch, actor=user)
    assert services.read_lease(claim) is Lease.PAUSED
    services.resume_batch(batch=batch, actor=user)
    batch.refresh_from_db()
    assert (batch.paused, batch.finish_running) == (False, False)


def test_a_drained_worker_keeps_its_run_and_claims_no_more_until_it_is_put_back() -> None:
    batch = rows.a_study()
    worker_id = rows.a_worker()
    claim = rows.claim(worker_id)
    assert claim is not None
    worker = Worker.objects.get(pk=worker_id)
    about = {"worker": worker, "team": batch.space.team, "actor": batch.created_by}
    assert services.drain_worker(**about)
    assert not services.drain_worker(**about)
    assert services.renew_lease(claim) is Lease.HELD
    assert rows.claim(worker_id) is None
    assert rows.claim() is not None
    assert services.undrain_worker(**about)
    assert rows.claim(worker_id) is not None


def test_the_process_that_replaces_a_drained_one_is_drained_and_a_worker_started_anew_is_not() -> None:
    batch = rows.a_study()
    old = Worker.objects.get(pk=rows.a_worker())
    services.drain_worker(worker=old, team=batch.space.team, actor=batch.created_by)
    new = services.register_worker(
        worker_id=uuid4(), host="machine", pid=2, slot=0, device="cpu", device_kind="a processor", device_slots=1,
        data_sets=rows.DATA_SETS, versions={}, replaces=old.pk,
    )  # fmt: skip
    assert new.draining
    assert not Worker.objects.get(pk=rows.a_worker()).draining


def test_a_worker_whose_row_was_removed_is_given_nothing_and_told_so() -> None:  # invariant 10
    rows.a_study()
    worker_id = rows.a_worker()
    Worker.objects.all().delete()
    assert rows.claim(worker_id) is None
    assert not services.touch_worker(worker_id, data_sets=rows.DATA_SETS)


def test_a_sign_of_life_tells_the_data_sets_and_the_memory_of_now() -> None:
    worker_id = rows.a_worker()
    assert services.touch_worker(worker_id, data_sets=["digits"], memory=5)
    worker = Worker.objects.get()
    assert (worker.data_sets, worker.memory) == (["digits"], 5)


def test_a_row_that_cannot_be_read_fails_and_the_next_run_is_claimed() -> None:  # invariant 2
    rows.a_study(size=2)
    Sample.objects.filter(position=0).update(design={"kind": "unheard of"})
    claim = rows.claim()
    assert claim is not None
    assert rows.run_of(claim).position == 1
    broken = Run.objects.get(position=0)
    assert (broken.state, broken.failure_kind) == (RunState.FAILED, FailureKind.INVALID_DESIGN)
    assert "can't be read" in broken.failure_message


def test_a_batch_is_trained_while_more_of_it_is_drawn() -> None:  # invariant 2
    batch = rows.a_study(size=2)
    services.extend_batch(batch=batch, size=4, actor=batch.created_by)
    assert rows.claim() is not None
    assert services.count_claimable_runs(at_most=10) == 1


def test_an_extension_that_finds_no_designs_leaves_the_batch_as_it_was() -> None:
    batch = rows.a_study(size=2)
    services.extend_batch(batch=batch, size=4, actor=batch.created_by)
    claim = services.claim_draw()
    assert claim is not None
    assert services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message="Too few designs.")
    batch.refresh_from_db()
    assert (batch.state, batch.size, batch.message) == (BatchState.READY, 2, "Not extended: Too few designs.")
    assert batch.cause == ""
    assert rows.claim() is not None


def test_cancelled_runs_of_a_batch_that_was_being_extended_can_be_queued_again_and_claimed() -> None:  # invariant 2
    batch = rows.a_study(size=2)
    services.extend_batch(batch=batch, size=4, actor=batch.created_by)
    assert services.cancel_batch(batch=batch, actor=batch.created_by) == 2
    batch.refresh_from_db()
    assert (batch.state, batch.size) == (BatchState.READY, 2)
    assert services.retry_failed_runs(batch=batch, actor=batch.created_by, cancelled=True) == 2
    assert rows.claim() is not None


def test_a_draw_that_goes_on_keeps_its_lease_and_a_lost_one_is_told() -> None:
    team, user = rows.a_team()
    rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, size=2, drawn=False)
    claim = services.claim_draw()
    assert claim is not None
    end_draw_leases()
    assert services.renew_draw(claim)
    assert services.reap_lost_draws() == 0
    end_draw_leases()
    assert services.reap_lost_draws() == 1
    assert not services.renew_draw(claim)


def test_extensions_do_not_use_up_the_retries_of_a_draw_and_three_losses_do() -> None:  # invariant 14
    batch = rows.a_study(size=1)
    for size in (2, 3, 4):
        services.extend_batch(batch=batch, size=size, actor=batch.created_by)
        rows.draw_requested()
    services.extend_batch(batch=batch, size=6, actor=batch.created_by)
    for lost in (1, 2, 3):
        assert services.claim_draw() is not None
        end_draw_leases()
        services.reap_lost_draws()
        batch.refresh_from_db()
        assert batch.state == (BatchState.REQUESTED if lost < 3 else BatchState.READY)
    assert (batch.size, batch.lost_workers, batch.cause) == (4, 3, "")
    assert "3 times" in batch.message


def test_an_undrawn_batch_whose_draw_is_lost_three_times_fails() -> None:  # invariant 14
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, size=2, drawn=False)
    for _ in range(3):
        assert services.claim_draw() is not None
        end_draw_leases()
        services.reap_lost_draws()
    batch.refresh_from_db()
    assert (batch.state, batch.cause) == (BatchState.FAILED, DrawCause.LOST_WORKER)
    assert services.claim_draw() is None


def test_a_cancelled_draw_stores_nothing() -> None:  # invariant 16
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, size=2, drawn=False)
    claim = services.claim_draw()
    assert claim is not None
    draw = drawn(claim)
    services.cancel_batch(batch=batch, actor=user)
    assert services.store_samples(claim=claim, draw=draw) == 0
    assert not Run.objects.exists()
