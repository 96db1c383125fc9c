"""The version of a population: it changes with whatever an analysis or a summary shows of it, and with nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import BatchVersion, DrawCause, FailureKind, Run, Sample, SampleBatch

pytestmark = pytest.mark.django_db


def pair(batch: SampleBatch) -> tuple[int, int]:
    return batch.space_id, batch.regime_id


def version_of(batch: SampleBatch) -> str:
    return queries.population_versions([pair(batch)])[pair(batch)]


@pytest.fixture
def batch() -> SampleBatch:
    """A batch of four designs, none trained, beside another population of the same space."""
    batch = rows.a_study(size=4)
    other = rows.a_regime(batch.space.team, batch.created_by, name="another")
    rows.a_batch(batch.space, other, batch.created_by, size=1)
    services.set_priority(batch=batch, priority=1, actor=batch.created_by)
    return batch


@contextmanager
def watched(batch: SampleBatch) -> Iterator[Callable[[], bool]]:
    """Answers whether the batch's population has changed since; that of no other has."""
    pairs = set(SampleBatch.objects.values_list("space_id", "regime_id"))
    before = queries.population_versions(pairs)

    def changed() -> bool:
        after = queries.population_versions(pairs)
        assert {key for key in pairs if before[key] != after[key]} <= {pair(batch)}
        return before[pair(batch)] != after[pair(batch)]

    yield changed


def claimed() -> services.Claim:
    claim = rows.claim()
    assert claim is not None
    return claim


def extend(batch: SampleBatch) -> None:
    services.extend_batch(batch=batch, size=6, actor=batch.created_by)


def a_result(batch: SampleBatch) -> None:
    pages.finish(batch, [30.0])


def a_failure(batch: SampleBatch) -> None:
    pages.finish(batch, [FailureKind.DIVERGED])


def a_cancellation(batch: SampleBatch) -> None:
    services.cancel_batch(batch=batch, actor=batch.created_by)


def another_batch(batch: SampleBatch) -> None:
    rows.a_batch(batch.space, batch.regime, batch.created_by, size=1, drawn=False)


def retry_failed(batch: SampleBatch) -> None:
    services.retry_failed_runs(batch=batch, actor=batch.created_by)


def retry_cancelled(batch: SampleBatch) -> None:
    services.retry_failed_runs(batch=batch, actor=batch.created_by, cancelled=True)


def draw(_: SampleBatch) -> None:
    rows.draw_requested()


def fail_the_draw(_: SampleBatch) -> None:
    claim = services.claim_draw()
    assert claim is not None
    services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message="Too few.")


def lose_a_run_for_good(_: SampleBatch) -> None:
    for _ in range(services.runs.LOST_WORKER_LIMIT):
        rows.end_lease(claimed().run_id)
        services.reap_lost_runs()


def delete(batch: SampleBatch) -> None:
    services.delete(row=batch, actor=batch.created_by)


CHANGES: dict[str, tuple[list[Callable[[SampleBatch], None]], Callable[[SampleBatch], None]]] = {
    "a result": ([], a_result),
    "a failure": ([], a_failure),
    "a run lost for good": ([], lose_a_run_for_good),
    "a cancellation": ([], a_cancellation),
    "another batch": ([], another_batch),
    "an extension": ([], extend),
    "the draw of an extension": ([extend], draw),
    "an extension that fails": ([extend], fail_the_draw),
    "a retry of failed runs": ([a_failure], retry_failed),
    "a retry of cancelled runs": ([a_cancellation], retry_cancelled),
    "a deletion": ([a_cancellation], delete),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_a_population_changes_its_version_and_no_others(batch: SampleBatch, change: str) -> None:
    before, write = CHANGES[change]
    for step in before:
        step(batch)
    batch.refresh_from_db()
    with watched(batch) as changed:
        write(batch)
        assert changed()


def test_every_result_changes_the_version_again(batch: SampleBatch) -> None:
    versions = [version_of(batch)]
    for _ in range(4):
        a_result(batch)
        versions.append(version_of(batch))
    assert len(set(versions)) == 5


def test_a_replicate_that_ends_changes_the_version_though_its_sample_has_no_error_yet() -> None:
    batch = rows.a_study(size=1, replicates=2)
    with watched(batch) as changed:
        a_result(batch)
        assert changed()


def test_claims_and_signs_of_life_and_orders_to_the_queue_change_no_version(batch: SampleBatch) -> None:
    with watched(batch) as changed:
        claim = claimed()
        services.renew_lease(claim)
        services.record_epoch(claim, rows.EpochOf())
        services.release_run(claim)
        claim = claimed()
        services.record_failure(claim, kind=FailureKind.OUT_OF_MEMORY, message="It waits again.")
        rows.end_lease(claimed().run_id)
        services.reap_lost_runs()
        services.pause_batch(batch=batch, actor=batch.created_by)
        services.resume_batch(batch=batch, actor=batch.created_by)
        services.add_tag(row=batch, tag="mine", actor=batch.created_by)
        assert not changed()


def test_a_renewed_draw_changes_no_version() -> None:
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, drawn=False)
    claim = services.claim_draw()
    assert claim is not None
    with watched(batch) as changed:
        services.renew_draw(claim)
        assert not changed()


def test_a_row_changed_by_hand_changes_the_version(batch: SampleBatch) -> None:
    a_result(batch)
    with watched(batch) as changed:
        Sample.objects.filter(batch=batch, position=0).update(error_std=1.0)
        assert changed()
    with watched(batch) as changed:
        Sample.objects.filter(batch=batch, position=0).update(error_std=1.0)  # as it was
        assert not changed()


def test_a_change_that_is_rolled_back_leaves_the_version(batch: SampleBatch) -> None:
    with watched(batch) as changed:
        with transaction.atomic():
            a_result(batch)
            transaction.set_rollback(True)
        assert not changed()


def test_versions_of_any_number_of_populations_are_one_statement(batch: SampleBatch, django_assert_num_queries) -> None:
    pairs = [*set(SampleBatch.objects.values_list("space_id", "regime_id")), (0, 0)]
    with django_assert_num_queries(1):
        versions = queries.population_versions(pairs)
    assert list(versions) == pairs
    assert [bool(versions[key]) for key in pairs] == [True, True, False]
    assert queries.population_versions([]) == {}


def changes_of(batch: SampleBatch) -> int:
    return sum(BatchVersion.objects.filter(batch=batch).values_list("version", flat=True))


def together(*writes: Callable[[], object]) -> None:
    """Each with a connection of its own, at the same time."""
    barrier, errors = threading.Barrier(len(writes)), []

    def run(write: Callable[[], object]) -> None:
        barrier.wait()
        try:
            write()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(write,)) for write in writes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@pytest.mark.django_db(transaction=True)
def test_results_that_are_recorded_at_the_same_time_lose_no_change() -> None:
    batch = rows.a_study(size=24)
    before = changes_of(batch)
    claims = [claimed() for _ in range(24)]

    def record(mine: list[services.Claim]) -> None:
        for claim in mine:
            assert services.record_result(claim, rows.Result(), device_slots=1)  # type: ignore[arg-type]

    together(*(lambda mine=claims[k::6]: record(mine) for k in range(6)))
    assert changes_of(batch) == before + 2 * 24  # the run's, and the sample's


@pytest.mark.django_db(transaction=True)
def test_statements_over_several_batches_never_wait_for_each_other_in_a_ring() -> None:
    team, user = rows.a_team()
    space, regime = rows.a_space(team, user), rows.a_regime(team, user)
    batches = [rows.a_batch(space, regime, user, size=8, seed=seed) for seed in range(4)]
    ids = list(Sample.objects.order_by("batch_id", "position").values_list("id", flat=True))

    def change(mine: list[int], order: str) -> None:
        for error in range(20):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE webapp_sample AS sample SET error_std = %s "  # noqa: S608  (ASC or DESC)
                    f"FROM (SELECT id FROM webapp_sample WHERE id = ANY(%s) ORDER BY batch_id {order}) AS chosen "
                    "WHERE sample.id = chosen.id",
                    [error, mine],
                )

    together(lambda: change(ids[::2], "ASC"), lambda: change(ids[1::2], "DESC"))
    assert len({changes_of(batch) for batch in batches}) == 1
    assert Run.objects.count() == 32
