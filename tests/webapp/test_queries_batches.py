"""Progress of batches, and what lists of batches hold."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import BatchState, FailureKind, Run, SampleBatch

pytestmark = pytest.mark.django_db


def progress_of(batch: SampleBatch) -> queries.BatchProgress:
    return queries.batch_progress([batch.pk])[batch.pk]


def test_a_batch_that_waits_for_its_draw_has_all_its_designs_to_come() -> None:
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, size=7, drawn=False)
    progress = progress_of(batch)
    assert (progress.size, progress.waiting, progress.runs, progress.state) == (7, 7, 7, BatchState.REQUESTED)
    assert progress.active
    assert progress.seconds_left is None
    assert progress.word == "waiting"


def test_the_counts_equal_a_recount_of_the_rows() -> None:
    batch = rows.a_study(size=6)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, 40.0])
    rows.claim()
    progress = progress_of(batch)
    states = list(Run.objects.filter(batch=batch).values_list("state", flat=True))
    for state in ("queued", "running", "done", "failed", "cancelled"):
        assert getattr(progress, state) == states.count(state), state
    assert (progress.ended, progress.runs, progress.word) == (3, 6, "running")


def test_replicates_count_as_runs_of_their_own() -> None:
    batch = rows.a_study(size=3, replicates=2)
    assert progress_of(batch).runs == 6


def test_the_rate_is_that_of_the_time_worked_and_gives_the_time_left() -> None:
    batch = rows.a_study(size=10)
    pages.finish(batch, [30.0] * 4)
    now = timezone.now()
    for minutes, run in enumerate(Run.objects.filter(batch=batch, state="done").order_by("position")):
        run.started_at, run.ended_at = (
            now - timedelta(minutes=12 - 3 * minutes),
            now - timedelta(minutes=9 - 3 * minutes),
        )
        run.save()
    progress = progress_of(batch)
    assert progress.rate_per_hour == pytest.approx(20, rel=0.02)
    assert progress.seconds_left == pytest.approx(6 / 20 * 3600, rel=0.02)


def test_work_of_more_than_an_hour_ago_does_not_slow_the_rate() -> None:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, 31.0])
    old, new = Run.objects.filter(batch=batch, state="done").order_by("position")
    now = timezone.now()
    for run, ended in ((old, now - timedelta(hours=5)), (new, now)):
        run.started_at, run.ended_at = ended - timedelta(minutes=6), ended
        run.save()
    assert progress_of(batch).rate_per_hour == pytest.approx(10, rel=0.02)


def test_a_break_before_the_runs_in_hand_does_not_slow_the_rate() -> None:
    batch = rows.a_study(size=10)
    pages.finish(batch, [30.0, 31.0])
    ended = timezone.now() - timedelta(minutes=40)
    Run.objects.filter(batch=batch, state="done").update(started_at=ended - timedelta(minutes=3), ended_at=ended)
    for _ in range(2):
        assert rows.claim() is not None
    progress = progress_of(batch)
    assert progress.rate_per_hour == pytest.approx(40, rel=0.02)
    assert progress.seconds_left == pytest.approx(8 / 40 * 3600, rel=0.02)


def test_a_paused_batch_has_no_time_left() -> None:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0])
    services.pause_batch(batch=batch, actor=batch.created_by)
    progress = progress_of(batch)
    assert (progress.word, progress.seconds_left) == ("paused", None)


def test_an_extended_batch_keeps_what_it_has_and_waits_for_the_rest() -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0, 31.0, 32.0])
    services.extend_batch(batch=batch, size=8, actor=batch.created_by)
    progress = progress_of(batch)
    assert (progress.done, progress.waiting, progress.runs) == (3, 5, 8)


def test_progress_of_many_batches_is_two_statements(django_assert_num_queries) -> None:
    first = rows.a_study(size=2)
    more = [rows.a_batch(first.space, first.regime, first.created_by, size=2, seed=seed) for seed in range(1, 6)]
    with django_assert_num_queries(2):
        found = queries.batch_progress([batch.pk for batch in [first, *more]])
    assert len(found) == 6
    assert queries.batch_progress([]) == {}


def test_the_progress_of_a_batch_that_has_ended_is_counted_once(django_assert_num_queries) -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, 31.0])
    ended = queries.batch_progress([batch.pk])
    with django_assert_num_queries(1):
        assert queries.batch_progress([batch.pk]) == ended
    services.retry_failed_runs(batch=batch, actor=batch.created_by)
    assert queries.batch_progress([batch.pk])[batch.pk].queued == 1
    pages.finish(batch, [32.0])
    assert queries.batch_progress([batch.pk])[batch.pk].done == 3


def test_failures_are_grouped_by_kind_and_message() -> None:
    batch = rows.a_study(size=4)
    kinds = [FailureKind.DIVERGED, FailureKind.DIVERGED, FailureKind.TIMED_OUT]
    pages.finish(batch, kinds)
    groups = queries.failure_groups([batch.pk])
    assert [(group.kind, group.runs) for group in groups] == [(FailureKind.DIVERGED, 2), (FailureKind.TIMED_OUT, 1)]


def test_the_queue_lists_higher_priorities_first_and_paused_batches_last() -> None:
    first = rows.a_study(size=2)
    actor = first.created_by
    second, third = (rows.a_batch(first.space, first.regime, actor, size=2, seed=seed) for seed in (1, 2))
    services.set_priority(batch=third, priority=10, actor=actor)
    services.pause_batch(batch=first, actor=actor)
    assert list(queries.active_batches(first.space.team)) == [third, second, first]


def test_another_teams_batches_are_in_no_list() -> None:
    rows.a_study(size=2)
    other, _ = rows.a_team("Audio", "other@example.org")
    for listed in (
        queries.active_batches,
        queries.ended_batches,
        queries.finished_batches,
        queries.batches_with_failures,
    ):
        assert not listed(other).exists()


def test_a_page_of_runs_holds_fifty_of_those_asked_for() -> None:
    batch = rows.a_study(size=60)
    runs = queries.iterate_runs(batch)
    first, last = queries.run_page(batch, runs), queries.run_page(batch, runs, page=99)
    assert [line.run.position for line in first.lines] == list(range(50))
    assert (last.number, last.first, last.last, last.total, last.next) == (2, 51, 60, 60, None)


def test_every_word_of_a_batch_is_a_condition_that_finds_it_and_no_other() -> None:
    batch = rows.a_study(size=3)
    team, user = batch.space.team, batch.created_by

    def found() -> list[str]:
        rows_of_team = queries.team_batches(team).filter(pk=batch.pk)
        return [word for word, condition in queries.BATCH_WORDS.items() if rows_of_team.filter(condition).exists()]

    def check(word: str) -> None:
        assert found() == [word] == [progress_of(batch).word]

    check("waiting")
    claim = rows.claim()
    check("running")
    services.pause_batch(batch=batch, actor=user)
    check("paused")
    services.resume_batch(batch=batch, actor=user)
    services.cancel_batch(batch=batch, actor=user)
    assert claim is not None
    check("cancelled")
    services.retry_failed_runs(batch=batch, actor=user, cancelled=True)
    pages.finish(batch, [30.0, FailureKind.DIVERGED])
    services.cancel_batch(batch=batch, actor=user)
    check("done")
    services.extend_batch(batch=batch, size=4, actor=user)
    check("waiting")
    services.claim_draw()
    check("running")
    SampleBatch.objects.filter(pk=batch.pk).update(state="exhausted", cause="exhausted", lease_until=None)
    check("failed")


def test_a_page_of_runs_takes_a_bounded_number_of_statements(django_assert_max_num_queries) -> None:
    batch = rows.a_study(size=20)
    pages.finish(batch, [30.0] * 10)
    with django_assert_max_num_queries(4):
        lines = queries.run_page(batch, queries.iterate_runs(batch)).lines
        assert all(line.depths and line.run.sample_id for line in lines)
