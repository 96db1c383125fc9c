"""Who is told what about a batch: once an event, whoever ends it, and nobody else."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable

import pytest
from django.apps import apps
from django.db import connection, transaction

from tests.webapp import pages, rows
from webapp import services
from webapp.models import (
    BatchState,
    Concern,
    DrawCause,
    FailureKind,
    Membership,
    Notification,
    NotificationKind,
    Role,
    Run,
    SampleBatch,
    Team,
    User,
)
from webapp.services.runs import LOST_WORKER_LIMIT

pytestmark = pytest.mark.django_db

ENDED, CANCELLED = NotificationKind.ENDED, NotificationKind.CANCELLED
FAILING, NOT_DRAWN = NotificationKind.FAILING, NotificationKind.NOT_DRAWN
DIVERGED = FailureKind.DIVERGED


def told(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user).order_by("id").values_list("kind", flat=True))


def said(user: User) -> str:
    return Notification.objects.filter(user=user).latest("id").said


def a_mate(team: Team, name: str, notify_of: Concern, role: Role = Role.MEMBER) -> User:
    mate = pages.a_member(team, f"{name}@example.org", role)
    services.choose_notifications(user=mate, notify_of=notify_of, by_mail=True)
    return mate


def claims(count: int) -> list[services.Claim]:
    worker = rows.a_worker()
    found = [claim for _ in range(count) if (claim := rows.claim(worker))]
    assert len(found) == count
    return found


def record(claim: services.Claim) -> bool:
    return services.record_result(claim, rows.Result(), device_slots=1)  # type: ignore[arg-type]


def together(*works: Callable[[], object]) -> None:
    """Each in a thread with a connection of its own, begun at once."""
    barrier = threading.Barrier(len(works))

    def begin(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_who_queued_a_batch_is_told_when_its_last_run_has_ended_and_not_before() -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0, DIVERGED])
    assert told(batch.created_by) == []
    pages.finish(batch, [31.0])
    assert told(batch.created_by) == [ENDED]
    assert said(batch.created_by) == "2 runs done, 1 failed."


def test_a_batch_whose_last_run_fails_has_ended_too() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0, DIVERGED])
    assert told(batch.created_by) == [ENDED]


def test_an_end_between_replicates_of_one_sample_is_told() -> None:
    batch = rows.a_study(size=1, replicates=2)
    first, second = claims(2)
    record(first)
    assert told(batch.created_by) == []
    record(second)
    assert told(batch.created_by) == [ENDED]


def test_a_result_that_is_delivered_twice_is_told_once() -> None:
    batch = rows.a_study(size=1)
    claim = claims(1)[0]
    assert record(claim)
    assert record(claim)
    assert services.tell_of_batches() == 0
    assert told(batch.created_by) == [ENDED]


def test_a_notification_is_written_with_what_it_tells_or_not_at_all() -> None:
    batch = rows.a_study(size=1)
    claim = claims(1)[0]
    with transaction.atomic():
        record(claim)
        assert told(batch.created_by) == [ENDED]
        transaction.set_rollback(True)
    assert told(batch.created_by) == []
    assert not SampleBatch.objects.get().end_told


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_end_the_last_two_runs_at_once_tell_it_once() -> None:
    batch = rows.a_study(size=2)
    for _ in range(5):
        first, second = claims(2)
        together(lambda: record(first), lambda: record(second))  # noqa: B023  (joined within the round)
        together(services.tell_of_batches, services.tell_of_batches, services.tell_of_batches)
        assert told(batch.created_by) == [ENDED]
        Notification.objects.all().delete()
        Run.objects.update(state="queued", final_error=None, best_error=None)
        SampleBatch.objects.update(end_told=False)


@pytest.mark.django_db(transaction=True)
def test_an_end_that_neither_of_two_workers_could_see_is_told_by_the_upkeep() -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0])  # since of two first ends the second waits for the first, which keeps the plan
    first, second = claims(2)
    with transaction.atomic():
        record(first)
        taken = rows.stripe()
        together(lambda: (rows.leave_stripe(taken), record(second)))  # which still sees the first one running
    assert told(batch.created_by) == []
    assert services.tell_of_batches() == 1
    assert services.tell_of_batches() == 0
    assert told(batch.created_by) == [ENDED]


@pytest.mark.django_db(transaction=True)
def test_a_worker_never_waits_for_a_batch_that_somebody_holds() -> None:
    batch = rows.a_study(size=1)
    claim = claims(1)[0]
    stored: list[bool] = []

    def finish() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        stored.append(record(claim))

    with transaction.atomic():
        SampleBatch.objects.select_for_update().get(pk=batch.pk)
        together(finish)
    assert stored == [True]
    assert told(batch.created_by) == []
    assert services.tell_of_batches() == 1
    assert told(batch.created_by) == [ENDED]


def test_an_extended_batch_ends_a_second_time() -> None:
    batch = rows.a_study(size=1)
    pages.finish(batch, [30.0])
    services.extend_batch(batch=batch, size=2, actor=batch.created_by)
    assert services.tell_of_batches() == 0
    rows.draw_requested()
    assert services.tell_of_batches() == 0
    pages.finish(batch, [31.0])
    assert told(batch.created_by) == [ENDED, ENDED]


def test_a_batch_whose_failed_runs_are_retried_ends_a_second_time() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0, DIVERGED])
    services.retry_failed_runs(batch=batch, actor=batch.created_by)
    assert services.tell_of_batches() == 0
    pages.finish(batch, [31.0])
    assert told(batch.created_by) == [ENDED, ENDED]
    assert said(batch.created_by) == "2 runs done."
    services.retry_failed_runs(batch=batch, actor=batch.created_by)  # there is none
    assert services.tell_of_batches() == 0


def test_a_paused_batch_has_not_ended() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0])
    services.pause_batch(batch=batch, actor=batch.created_by)
    assert services.tell_of_batches() == 0


def test_many_failures_are_told_once_when_they_are_three_and_a_fifth() -> None:
    batch = rows.a_study(size=10)
    pages.finish(batch, [DIVERGED, DIVERGED])
    assert told(batch.created_by) == []
    pages.finish(batch, [30.0, DIVERGED])
    assert told(batch.created_by) == [FAILING]
    assert said(batch.created_by) == "3 of the 4 runs that ended so far have failed."
    pages.finish(batch, [DIVERGED])
    assert services.tell_of_batches() == 0
    assert told(batch.created_by) == [FAILING]


def test_three_failures_among_many_good_runs_are_no_news_and_one_more_is() -> None:
    batch = rows.a_study(size=20)
    pages.finish(batch, [30.0] * 13 + [DIVERGED] * 3)
    assert told(batch.created_by) == []
    pages.finish(batch, [DIVERGED])
    assert told(batch.created_by) == [FAILING]


def test_many_failures_at_the_end_are_told_with_the_end() -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [DIVERGED] * 3)
    assert told(batch.created_by) == [ENDED]
    services.extend_batch(batch=batch, size=5, actor=batch.created_by)
    rows.draw_requested()
    pages.finish(batch, [DIVERGED])
    assert told(batch.created_by) == [ENDED]  # no news: that many fail was in what was told before


def test_failures_after_a_retry_are_news_again() -> None:
    batch = rows.a_study(size=6)
    pages.finish(batch, [DIVERGED] * 3)
    services.retry_failed_runs(batch=batch, actor=batch.created_by)
    pages.finish(batch, [DIVERGED] * 3)
    assert told(batch.created_by) == [FAILING, FAILING]


def test_runs_failed_by_the_reaper_are_told_by_the_upkeep() -> None:
    batch = rows.a_study(size=1)
    for _ in range(LOST_WORKER_LIMIT):
        rows.end_lease(claims(1)[0].run_id)
        services.reap_lost_runs()
    assert services.tell_of_batches() == 1
    assert (told(batch.created_by), said(batch.created_by)) == ([ENDED], "0 runs done, 1 failed.")


def an_undrawn_batch() -> tuple[SampleBatch, services.DrawClaim]:
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, drawn=False)
    claim = services.claim_draw()
    assert claim is not None
    return batch, claim


def test_a_draw_without_designs_is_told_with_its_reason_and_is_no_end_besides() -> None:
    batch, claim = an_undrawn_batch()
    assert services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message="No design lies in the window.")
    assert not services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message="again")
    assert services.tell_of_batches() == 0
    assert (told(batch.created_by), said(batch.created_by)) == ([NOT_DRAWN], "No design lies in the window.")


def test_a_draw_that_lost_its_process_too_often_is_told_once() -> None:
    batch, _ = an_undrawn_batch()
    for attempt in range(LOST_WORKER_LIMIT):
        assert told(batch.created_by) == []
        with connection.cursor() as cursor:
            cursor.execute("UPDATE webapp_samplebatch SET lease_until = now() - interval '1 second'")
        assert services.reap_lost_draws() == 1
        assert (services.claim_draw() is None) == (attempt == LOST_WORKER_LIMIT - 1)
    assert told(batch.created_by) == [NOT_DRAWN]
    assert "died or fell silent" in said(batch.created_by)
    assert services.tell_of_batches() == 0


@pytest.mark.parametrize("waiting", [0, 1])
def test_an_extension_that_fails_is_told_and_the_end_of_the_rest_only_where_it_is_still_to_come(waiting: int) -> None:
    batch = rows.a_study(size=1 + waiting)
    pages.finish(batch, [30.0])
    services.extend_batch(batch=batch, size=5, actor=batch.created_by)
    before = told(batch.created_by)
    claim = services.claim_draw()
    assert claim is not None
    services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message="The space is too small.")
    assert told(batch.created_by) == [*before, NOT_DRAWN]
    assert said(batch.created_by).startswith("Not extended: ")
    assert services.tell_of_batches() == 0
    pages.finish(batch, [31.0] * waiting)
    assert told(batch.created_by) == ([NOT_DRAWN, ENDED] if waiting else [ENDED, NOT_DRAWN])


def test_who_cancels_is_told_nothing_and_who_queued_it_by_whom() -> None:
    batch = rows.a_study(size=3)
    mate = a_mate(batch.space.team, "mate", Concern.TEAM)
    pages.finish(batch, [30.0])
    services.cancel_batch(batch=batch, actor=mate)
    assert services.tell_of_batches() == 0
    assert (told(mate), told(batch.created_by)) == ([], [CANCELLED])
    assert said(batch.created_by) == "mate@example.org cancelled 2 runs; 1 done before stay."
    services.cancel_batch(batch=batch, actor=mate)  # nothing is left
    assert told(batch.created_by) == [CANCELLED]


def test_an_own_batch_that_one_cancels_is_no_news_except_to_others() -> None:
    batch, claim = an_undrawn_batch()
    mate = a_mate(batch.space.team, "mate", Concern.TEAM)
    services.cancel_batch(batch=batch, actor=batch.created_by)
    assert not services.fail_draw(claim=claim, cause=DrawCause.CODE_ERROR, message="late")
    assert services.tell_of_batches() == 0
    assert (told(batch.created_by), told(mate)) == ([], [CANCELLED])
    assert said(mate) == "Owner cancelled its draw."


def test_each_person_is_told_of_what_that_person_chose() -> None:
    batch = rows.a_study(size=1)
    team = batch.space.team
    own, none = a_mate(team, "own", Concern.OWN), a_mate(team, "none", Concern.NONE)
    viewer = a_mate(team, "viewer", Concern.TEAM, Role.VIEWER)
    left, disabled = a_mate(team, "left", Concern.TEAM), a_mate(team, "disabled", Concern.TEAM)
    services.remove_member(membership=Membership.objects.get(user=left), actor=left)
    User.objects.filter(pk=disabled.pk).update(is_active=False)
    _, stranger = rows.a_team("Audio", "stranger@example.org")
    services.choose_notifications(user=stranger, notify_of=Concern.TEAM, by_mail=True)
    pages.finish(batch, [30.0])
    heard = set(Notification.objects.values_list("user", flat=True))
    assert heard == {batch.created_by_id, viewer.pk}
    assert not {own.pk, none.pk} & heard


def test_who_leaves_a_team_loses_what_was_told_of_it() -> None:
    batch = rows.a_study(size=1)
    mate = a_mate(batch.space.team, "mate", Concern.TEAM)
    pages.finish(batch, [30.0])
    services.remove_member(membership=Membership.objects.get(user=mate), actor=batch.created_by)
    assert (told(mate), told(batch.created_by)) == ([], [ENDED])


def test_what_ended_before_there_were_notifications_is_never_told() -> None:
    migration = importlib.import_module("webapp.migrations.0007_notify_people_of_batches")
    ended = rows.a_study(size=1)
    pages.finish(ended, [30.0])
    going = rows.a_batch(ended.space, ended.regime, ended.created_by, size=1, seed=1)
    failed = rows.a_batch(ended.space, ended.regime, ended.created_by, size=1, seed=2, drawn=False)
    SampleBatch.objects.filter(pk=failed.pk).update(state=BatchState.FAILED, cause=DrawCause.INVALID)
    asked = rows.a_batch(ended.space, ended.regime, ended.created_by, size=1, seed=3, drawn=False)
    SampleBatch.objects.update(end_told=False)
    migration.say_that_ended_batches_were_told(apps, None)
    assert set(SampleBatch.objects.filter(end_told=False)) == {going, asked}
