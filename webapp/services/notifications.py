"""Telling people what happened to a batch, once an event; the rows are the outbox of the mails too (services.mails).

That a batch has ended shows only in its last run, and of two workers that end its last two runs at once neither sees
the other's. So whoever ends a run looks where nothing of the batch waits any more, and every machine's upkeep looks at
all batches whose end was not told yet. Both take the batch's row first, mark it, and tell in the same transaction; they
never wait for that row, because who cancels the batch holds it while waiting for their run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from webapp.models import Concern, Notification, NotificationKind, Run, RunState, SampleBatch, User
from webapp.wording import counted

# A few designs of a wide space diverge without anything being wrong; a fifth of the ended runs, and more than a pair
# of them, points at the regime, the data or a machine, and is worth a look before the rest is trained.
FEWEST_FAILED = 3
DONE_A_FAILED = 4  # at most so many done runs beside each failed one: a fifth
BATCHES_A_LOOK = 100
MAIL_DELAY = timedelta(minutes=1)  # who sees it on a page meanwhile gets no mail, and what ends together shares one

# Done runs are counted no further than the comparison needs.
STANDING = """
SELECT batch.id,
    batch.state = 'ready' AND NOT EXISTS (
        SELECT 1 FROM webapp_run WHERE batch_id = batch.id AND state IN ('queued', 'running')
    ) AS ended,
    NOT batch.failures_told AND failed.runs >= %(fewest)s AND (
        SELECT count(*) FROM (
            SELECT 1 FROM webapp_run WHERE batch_id = batch.id AND state = 'done'
            LIMIT %(done_a_failed)s * failed.runs + 1
        ) AS done
    ) <= %(done_a_failed)s * failed.runs AS failing
FROM webapp_samplebatch batch CROSS JOIN LATERAL (
    SELECT count(*) AS runs FROM webapp_run WHERE batch_id = batch.id AND state = 'failed'
) AS failed
WHERE NOT batch.end_told AND (%(ids)s::bigint[] IS NULL OR batch.id = ANY(%(ids)s::bigint[]))
"""
TAKE = f"""
SELECT id FROM webapp_samplebatch
WHERE id IN (SELECT id FROM ({STANDING}) AS standing WHERE ended OR failing)
ORDER BY id LIMIT {BATCHES_A_LOOK} FOR UPDATE SKIP LOCKED
"""  # noqa: S608  (constants of this module)


@transaction.atomic
def tell_of_batches(batch_id: int | None = None) -> int:
    """Tell of ends and of many failures that were not told yet, of one batch or of all; returns of how many batches.

    A batch whose row somebody else holds is passed over: the next upkeep comes back to it.
    """
    taken = [row[0] for row in _standing(TAKE, None if batch_id is None else [batch_id])]
    if not taken:
        return 0
    # Asked again now that the rows are held: what was committed between the question and the lock counts.
    standing = _standing(STANDING, taken)
    ended = [row[0] for row in standing if row[1]]
    failing = [row[0] for row in standing if row[2]]
    SampleBatch.objects.filter(pk__in=ended).update(end_told=True)
    SampleBatch.objects.filter(pk__in=failing).update(failures_told=True)
    runs = _runs_by_state(taken)
    batches = SampleBatch.objects.select_related("space").in_bulk([*ended, *failing])
    for batch in batches.values():
        if batch.pk in ended:  # which says how many have failed
            _tell(batch, NotificationKind.ENDED, _ended_words(runs[batch.pk]))
        else:
            _tell(batch, NotificationKind.FAILING, _failing_words(runs[batch.pk]))
    return len(batches)


def _standing(statement: str, ids: Sequence[int] | None) -> list[tuple[int, bool, bool]]:
    values: dict[str, Any] = {"ids": ids, "fewest": FEWEST_FAILED, "done_a_failed": DONE_A_FAILED}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _runs_by_state(batch_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    runs: dict[int, dict[str, int]] = {batch_id: dict.fromkeys(RunState.values, 0) for batch_id in batch_ids}
    rows = Run.objects.filter(batch__in=batch_ids).values_list("batch_id", "state").annotate(Count("id"))
    for batch_id, state, count in rows:
        runs[batch_id][state] = count
    return runs


def _ended_words(runs: dict[str, int]) -> str:
    others = [f"{runs[state]:,} {state}" for state in (RunState.FAILED, RunState.CANCELLED) if runs[state]]
    return ", ".join([f"{counted(runs[RunState.DONE], 'run')} done", *others]) + "."


def _failing_words(runs: dict[str, int]) -> str:
    failed = runs[RunState.FAILED]
    return f"{failed:,} of the {counted(failed + runs[RunState.DONE], 'run')} that ended so far have failed."


def tell_not_drawn(*, batch_id: int, why: str) -> None:
    """For whoever ended a draw without designs, or without those that a batch was to be extended by."""
    batch = SampleBatch.objects.select_related("space").get(pk=batch_id)
    left = Run.objects.filter(batch=OuterRef("pk"), state__in=[RunState.QUEUED, RunState.RUNNING])
    SampleBatch.objects.filter(~Exists(left), pk=batch_id).update(end_told=True)
    _tell(batch, NotificationKind.NOT_DRAWN, why)


def tell_cancelled(*, batch: SampleBatch, actor: User, runs: int) -> None:
    """For whoever cancelled ``runs`` of a batch and holds its row: the others are told."""
    SampleBatch.objects.filter(pk=batch.pk).update(end_told=True)
    done = Run.objects.filter(batch=batch, state=RunState.DONE).count()
    what = f"{counted(runs, 'run')}; {done:,} done before stay" if runs else "its draw"
    _tell(batch, NotificationKind.CANCELLED, f"{actor} cancelled {what}.", but=actor)


def _tell(batch: SampleBatch, kind: NotificationKind, said: str, *, but: User | None = None) -> None:
    """One notification for everybody concerned, in the transaction of what it tells."""
    Notification.objects.bulk_create(
        Notification(
            user=person,
            team_id=batch.space.team_id,
            batch=batch,
            kind=kind,
            said=said,
            mail_due_at=Now() + MAIL_DELAY if person.notify_by_mail else None,
        )
        for person in _concerned(batch)
        if person != but
    )


def _concerned(batch: SampleBatch) -> QuerySet[User]:
    """The team's people who want to hear of this batch: who queued it, and who asked to hear of all."""
    people = User.objects.filter(is_active=True, memberships__team=batch.space.team_id)
    return people.filter(Q(notify_of=Concern.TEAM) | Q(notify_of=Concern.OWN, pk=batch.created_by_id))


def mark_read(*, user: User, batch: SampleBatch | None = None) -> int:
    """Of one batch, or all of the person's; returns how many were unread. What was read is not mailed any more."""
    unread = Notification.objects.filter(user=user, read_at=None)
    if batch is not None:
        unread = unread.filter(batch=batch)
    return unread.update(read_at=Now(), mail_due_at=None)


@transaction.atomic
def choose_notifications(*, user: User, notify_of: Concern, by_mail: bool) -> None:
    user.notify_of, user.notify_by_mail = notify_of, by_mail
    user.save(update_fields=["notify_of", "notify_by_mail"])
    if not by_mail:  # nor those that still wait
        Notification.objects.filter(user=user, mail_due_at__isnull=False).update(mail_due_at=None)
