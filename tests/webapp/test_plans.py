"""Whether what was planned when the first run ended was kept, or changed when somebody could have looked."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import DrawCause, FailureKind, Plan, SampleBatch

pytestmark = pytest.mark.django_db


def looked_at(batch: SampleBatch) -> bool:
    return queries.load_trained(space=batch.space, regime=batch.regime, parameters=False).looked_at


def another(batch: SampleBatch, *, seed: int = 1, drawn: bool = True) -> SampleBatch:
    return rows.a_batch(batch.space, batch.regime, batch.created_by, size=2, seed=seed, drawn=drawn)


def extend(batch: SampleBatch, size: int = 6) -> None:
    services.extend_batch(batch=batch, size=size, actor=batch.created_by)


def test_a_plan_that_is_kept_is_not_looked_at() -> None:
    batch = rows.a_study(size=2)
    assert not looked_at(batch)
    another(batch)
    pages.finish(batch, [30.0])
    assert Plan.objects.get().planned_at_first_end == 4
    pages.finish(batch, [31.0])
    assert not looked_at(batch)


def test_a_batch_that_grew_before_any_run_had_ended_counts_as_planned() -> None:
    batch = rows.a_study(size=2)
    rows.claim()
    extend(batch)
    assert not looked_at(batch)
    pages.finish(batch, [30.0])
    assert not looked_at(batch)
    assert Plan.objects.get().planned_at_first_end == 6


@pytest.mark.parametrize("end", [30.0, FailureKind.DIVERGED])
def test_designs_that_are_added_after_the_first_end_are_looked_at(end: float | FailureKind) -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [end])
    extend(batch)
    assert looked_at(batch)
    rows.draw_requested()
    assert looked_at(batch)


def test_a_second_batch_after_the_first_end_is_looked_at_and_one_of_another_regime_is_not() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0])
    other = rows.a_regime(batch.space.team, batch.created_by, name="slow")
    apart = rows.a_batch(batch.space, other, batch.created_by)
    assert not looked_at(batch)
    another(batch, drawn=False)
    assert looked_at(batch)
    assert not looked_at(apart)


def test_a_failure_that_says_nothing_of_the_network_is_no_first_end() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [FailureKind.DATA_MISSING])
    extend(batch)
    assert not looked_at(batch)


def test_designs_that_are_not_drawn_in_the_end_were_not_added() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0])
    extend(batch)
    claim = services.claim_draw()
    assert claim is not None
    services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message="The window is empty.")
    assert not looked_at(batch)


def test_waiting_runs_that_are_cancelled_after_the_first_end_are_looked_at_even_when_they_are_queued_again() -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0])
    services.cancel_batch(batch=batch, actor=batch.created_by)
    assert looked_at(batch)
    services.retry_failed_runs(batch=batch, actor=batch.created_by, cancelled=True)
    assert looked_at(batch)


def test_runs_that_are_cancelled_before_any_has_ended_are_no_part_of_the_plan_until_they_are_queued_again() -> None:
    batch = rows.a_study(size=2)
    services.cancel_batch(batch=batch, actor=batch.created_by)
    second = another(batch)
    pages.finish(second, [30.0])
    assert not looked_at(batch)
    services.retry_failed_runs(batch=batch, actor=batch.created_by, cancelled=True)
    assert looked_at(batch)


def test_a_cancellation_that_finds_nothing_to_cancel_changes_nothing() -> None:
    batch = rows.a_study(size=1)
    pages.finish(batch, [30.0])
    services.cancel_batch(batch=batch, actor=batch.created_by)
    assert not looked_at(batch)


def test_failed_runs_that_are_queued_again_change_no_plan() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0, FailureKind.DIVERGED])
    services.retry_failed_runs(batch=batch, actor=batch.created_by)
    assert not looked_at(batch)


def test_a_batch_that_is_deleted_after_the_first_end_changes_the_plan_of_the_others_and_the_last_one_ends_it() -> None:
    batch = rows.a_study(size=1)
    second = another(batch)
    pages.finish(batch, [30.0])
    pages.finish(second, [31.0, 32.0])
    services.delete(row=batch, actor=batch.created_by)
    assert looked_at(second)
    services.delete(row=second, actor=batch.created_by)
    assert not Plan.objects.exists()
    third = another(batch, seed=5)
    pages.finish(third, [33.0])
    assert not looked_at(third)


def in_a_thread(do: Callable[[], object]) -> threading.Thread:
    """With a connection of its own."""

    def run() -> None:
        try:
            do()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end_first", [True, False])
def test_an_extension_beside_the_first_end_is_looked_at_as_neither_knows_of_the_other(end_first: bool) -> None:
    batch = rows.a_study(size=2)
    claim = rows.claim()
    assert claim is not None

    def end() -> object:
        return services.record_result(claim, rows.Result(), device_slots=1)  # type: ignore[arg-type]

    first, second = (end, lambda: extend(batch)) if end_first else (lambda: extend(batch), end)
    with transaction.atomic():
        first()
        taken = rows.stripe()
        in_a_thread(lambda: (rows.leave_stripe(taken), second())).join()  # committed before the first one is
    assert Plan.objects.get().planned_at_first_end == 2
    assert looked_at(batch)


@pytest.mark.django_db(transaction=True)
def test_of_two_first_ends_at_once_one_keeps_the_plan() -> None:
    batch = rows.a_study(size=6)
    claims = [rows.claim() for _ in range(6)]
    ends = [
        in_a_thread(lambda claim=claim: services.record_result(claim, rows.Result(), device_slots=1))
        for claim in claims
    ]
    for thread in ends:
        thread.join()
    assert Plan.objects.get().designs == {str(batch.pk): 6}
    assert batch.runs.filter(state="done").count() == 6
    assert not looked_at(batch)
