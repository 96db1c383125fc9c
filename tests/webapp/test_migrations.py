"""Rows of an older version after the migrations, and again after the way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from webapp import queries
from webapp.models import Event, FailureKind, Invitation, Plan, ResultPage, ResultPopulation, Sample, SampleBatch

pytestmark = pytest.mark.django_db(transaction=True)


def migrated(name: str = "") -> Any:
    """The database at a migration, without a name at the latest one; and its historical models."""
    executor = MigrationExecutor(connection)
    goals = [("webapp", name)] if name else executor.loader.graph.leaf_nodes("webapp")
    executor.migrate(goals)
    return MigrationExecutor(connection).loader.project_state(goals).apps


class Old:
    """A database of an older version, with one team and its owner."""

    def __init__(self, version: str) -> None:
        self.apps = migrated(version)
        self.user = self.make("User", email="owner@example.org")
        self.team = self.make("Team", name="Vision")

    def make(self, model: str, **values: Any) -> Any:
        return self.apps.get_model("webapp", model).objects.create(**values)

    def space(self, name: str = "RegNetX", team: Any = None) -> Any:
        return self.make("Space", team=team or self.team, name=name, definition={}, created_by=self.user)

    def regime(self, name: str = "quick") -> Any:
        return self.make("Regime", team=self.team, name=name, definition={}, created_by=self.user)

    def imported(self) -> Any:
        return self.make("ImportedPopulation", team=self.team, name="Elsewhere", n=1, created_by=self.user)

    def page(self, title: str, *populations: str, **values: Any) -> Any:
        analysis = {"schema": 1, "values": {"p": list(populations), "error": ["best"]}}
        people = {"created_by": self.user, "updated_by": self.user}
        return self.make("ResultPage", team=self.team, title=title, analysis=analysis, **people, **values)


@pytest.fixture
def old() -> Iterator[Old]:
    try:
        yield Old("0008_tag_and_archive")
    finally:
        migrated()


class OldQueue(Old):
    """Batches with samples and runs, as version 0016 has them."""

    def batch(self, space: Any, regime: Any, *, size: int = 2, seed: int = 0, **values: Any) -> Any:
        values = {"state": "ready", "created_by": self.user} | values
        return self.make("SampleBatch", space=space, regime=regime, size=size, seed=seed, **values)

    def sample(self, batch: Any, position: int, *runs: str | float, ended_at: datetime | None = None) -> Any:
        """With a run each: an error in percent, the kind of a failure, or the state of one without an end."""
        sample = self.make("Sample", batch=batch, position=position, drawn={}, design={}, design_key=str(position),
                           flops=1, params=1, acts=1)  # fmt: skip
        if len(runs) == 1 and isinstance(runs[0], float):
            sample.error = sample.best_error = runs[0]
            sample.save()
        for replicate, end in enumerate(runs):
            values: dict[str, Any] = {"state": end}
            if isinstance(end, float):
                values = {"state": "done", "final_error": end, "best_error": end}
            elif end in FailureKind:
                values = {"state": "failed", "failure_kind": end}
            self.make("Run", sample=sample, batch=batch, position=position, replicate=replicate,
                      ended_at=ended_at or timezone.now(), **values)  # fmt: skip
        return sample


@pytest.fixture
def old_queue() -> Iterator[OldQueue]:
    try:
        yield OldQueue("0016_read_some_rows_of_an_import")
    finally:
        migrated()


def read_by(title: str) -> set[tuple[int | None, int | None, int | None]]:
    rows = ResultPopulation.objects.filter(page__title=title)
    return set(rows.values_list("space", "regime", "imported"))


def test_live_pages_read_what_their_address_names_as_far_as_it_is_there(old: Old) -> None:
    first, second, regime, imported = old.space("first"), old.space("second"), old.regime(), old.imported()
    theirs = old.space(team=old.make("Team", name="Audio"))
    pair, other = f"{first.pk}-{regime.pk}", f"{second.pk}-{regime.pk}"
    old.page("plain", pair, other, f"i{imported.pk}")
    old.page("zeros", f"00{first.pk}-0{regime.pk}", pair, f"i000{imported.pk}")
    old.page("frozen", pair, snapshot=b"frozen", frozen_at=timezone.now())
    old.page("gone", pair, f"{first.pk}7-{regime.pk}", f"{first.pk}-{regime.pk}7", f"i{imported.pk}7", f"i{10**17}")
    old.page("strange", "", "i", "-", f"{first.pk}", f"{pair}-{regime.pk}", f"x{pair}", f"{theirs.pk}-{regime.pk}")
    old.page("archived", other, archived_at=timezone.now())
    old.make("ResultPage", team=old.team, title="none", analysis={"values": {}}, created_by=old.user,
             updated_by=old.user)  # fmt: skip

    migrated()
    assert read_by("plain") == {
        (first.pk, regime.pk, None),
        (second.pk, regime.pk, None),
        (None, None, imported.pk),
    }
    assert read_by("zeros") == {(first.pk, regime.pk, None), (None, None, imported.pk)}
    assert read_by("gone") == {(first.pk, regime.pk, None)}
    assert read_by("archived") == {(second.pk, regime.pk, None)}
    assert [read_by(title) for title in ("frozen", "strange", "none")] == [set(), set(), set()]

    apps = migrated("0008_tag_and_archive")
    assert apps.get_model("webapp", "ResultPage").objects.filter(analysis__values__p__contains=[pair]).count() == 4
    migrated()
    assert ResultPage.objects.count() == 7
    assert len(read_by("plain")) == 3


VERBS = {
    "spaces": ["created space", "changed space", "archived space", "brought back space", "deleted space"],
    "regimes": ["created regime", "changed regime", "archived regime", "brought back regime", "deleted regime"],
    "batches": [
        "queued batch", "extended to 40", "paused", "paused after the current runs", "resumed", "set priority -5 for",
        "cancelled 3 runs of", "retried 0 runs of", "archived batch", "brought back batch", "deleted batch",
    ],
    "results": [
        "saved result", "changed result", "froze result", "made result live", "shared result", "revoked link",
        "archived result", "brought back result", "deleted result",
    ],
    "imports": ["imported", "archived import", "brought back import", "deleted import"],
    "tags": [
        "took a tag off", *(f"{verb} {noun}" for verb in ("tagged", "took a tag off")
        for noun in ("space", "regime", "batch", "result", "import")),
    ],
    "people": [
        "created team", "renamed team", "invited", "invited by mail", "revoked invitation", "joined", "changed role",
        "left", "removed",
    ],
    "tokens": ["made an API token", "revoked an API token"],
    "workers": ["drained", "put back to work"],
}  # fmt: skip


def test_every_verb_that_the_log_ever_had_is_of_its_kind(old: Old) -> None:
    for verb in (verb for verbs in VERBS.values() for verb in verbs):
        old.make("Event", team=old.team, verb=verb, subject="a space, a batch or a token", at=timezone.now())
    migrated()
    recorded = {kind: list(Event.objects.filter(kind=kind).order_by("pk").values_list("verb", flat=True))
                for kind in VERBS}  # fmt: skip
    assert recorded == VERBS
    migrated("0008_tag_and_archive")
    migrated()
    assert Event.objects.filter(kind="workers").count() == 2


def test_invitations_that_the_log_tells_were_mailed_count_towards_the_limit(old: Old) -> None:
    now, audio = timezone.now(), old.make("Team", name="Audio")

    def invited(label: str, seconds: float, verb: str, team: Any = None) -> None:
        team, at = team or old.team, now + timedelta(seconds=seconds)
        old.make("Invitation", team=team, label=label, token_digest=label, created_by=old.user, created_at=at,
                 expires_at=now)  # fmt: skip
        if verb:
            old.make("Event", team=team, actor=old.user, verb=verb, subject=label, at=at + timedelta(milliseconds=3))

    invited("long ago", -1000, "")
    invited("by link", 0, "invited")
    invited("by mail", 1, "invited by mail")
    invited("of another team at the same time", 1.001, "invited", audio)
    invited("by mail at once after it", 1.01, "invited by mail")
    invited("by link at once after it", 1.02, "invited")
    old.make("Event", team=old.team, verb="invited by mail", subject="it is gone", at=now - timedelta(minutes=5))
    migrated()
    mailed = Invitation.objects.filter(by_mail=True).order_by("created_at").values_list("label", flat=True)
    assert list(mailed) == ["by mail", "by mail at once after it"]


def test_draws_that_ended_without_designs_have_the_cause_that_their_message_tells(old: Old) -> None:
    space, regime = old.space(), old.regime()
    ended = [
        ("exhausted", "Only 2 of 3 designs were found: the window rejected most.", "exhausted"),
        ("failed", "Cancelled before its designs were drawn.", "cancelled"),
        ("failed", "The process that drew its designs died or fell silent 3 times.", "lost_worker"),
        ("failed", "MemoryError: ", "code_error"),
        ("failed", "KeyError: 'w_a'", "code_error"),
        ("failed", "The window must not fall from 2 to 1.", "invalid"),
        ("failed", "", "invalid"),
        ("ready", "Not extended: Only 2 of 3 designs were found.", ""),
        ("ready", "", ""),
        ("requested", "", ""),
    ]
    for state, message, _ in ended:
        old.make("SampleBatch", space=space, regime=regime, size=3, seed=0, state=state, message=message,
                 created_by=old.user)  # fmt: skip
    migrated()
    columns = ("state", "message", "cause")
    assert list(SampleBatch.objects.order_by("pk").values_list(*columns)) == ended
    migrated("0008_tag_and_archive")
    migrated()
    assert list(SampleBatch.objects.order_by("pk").values_list(*columns)) == ended


def test_samples_of_which_some_replicates_failed_get_the_mean_of_the_others(old_queue: OldQueue) -> None:
    batch = old_queue.batch(old_queue.space(), old_queue.regime(), size=6)
    old_queue.sample(batch, 0, 30.0, 34.0, "diverged")
    old_queue.sample(batch, 1, 30.0, "diverged")
    old_queue.sample(batch, 2, 30.0, "lost_worker")
    old_queue.sample(batch, 3, 30.0, "lost_worker", "queued")
    old_queue.sample(batch, 4, "code_error")
    old_queue.sample(batch, 5, 31.0)
    migrated()
    errors = Sample.objects.order_by("position").values_list("error", flat=True)
    assert list(errors.all()) == [32.0, None, 30.0, None, None, 31.0]
    migrated("0016_read_some_rows_of_an_import")
    assert list(errors.all()) == [None, None, None, None, None, 31.0]
    migrated()
    assert list(errors.all()) == [32.0, None, 30.0, None, None, 31.0]


def test_draws_that_were_queued_twice_are_kept_and_all_but_the_oldest_marked(old_queue: OldQueue) -> None:
    space, regime, slow = old_queue.space(), old_queue.regime(), old_queue.regime("slow")
    empty = old_queue.batch(space, regime, state="exhausted", cause="exhausted")
    first, second, third = (old_queue.batch(space, regime) for _ in range(3))
    old_queue.batch(space, regime, seed=1)
    old_queue.batch(space, slow)
    for batch in (first, second, third):
        old_queue.sample(batch, 0, 30.0)
    migrated()
    marked = SampleBatch.objects.filter(old_double=True).order_by("pk")
    assert list(marked.values_list("pk", flat=True)) == [second.pk, third.pk]
    assert (SampleBatch.objects.count(), Sample.objects.count()) == (6, 3)
    assert [(double.batch.pk, double.first_id) for double in queries.old_doubles()] == [
        (second.pk, first.pk), (third.pk, first.pk),
    ]  # fmt: skip
    assert not SampleBatch.objects.get(pk=empty.pk).old_double
    migrated("0016_read_some_rows_of_an_import")
    migrated()
    assert list(marked.all().values_list("pk", flat=True)) == [second.pk, third.pk]


def test_old_rows_tell_what_was_planned_when_the_first_run_ended(old_queue: OldQueue) -> None:
    begun = timezone.now() - timedelta(days=3)
    soon, later = begun + timedelta(hours=1), begun + timedelta(days=1)

    def study(name: str, *ends: str | float, **values: Any) -> Any:
        space = old_queue.space(name)
        batch = old_queue.batch(space, regime, created_at=begun, **values)
        for position, end in enumerate(ends):
            old_queue.sample(batch, position, end, ended_at=soon if position == 0 else later)
        return batch

    regime = old_queue.regime()
    kept = study("kept", 30.0, 31.0)
    old_queue.batch(kept.space, regime, seed=1, created_at=begun)
    added = study("added", 30.0, 31.0)
    old_queue.batch(added.space, regime, seed=1, created_at=later)
    study("cancelled", 30.0, "cancelled")
    extended, early = study("extended", "diverged"), study("early", 30.0)
    study("unknown", "code_error", "queued")
    for batch, at in ((extended, later), (early, begun)):
        old_queue.make("Event", team=old_queue.team, kind="batches", verb="extended to 4", at=at,
                       subject=f"batch {batch.pk} of {batch.space.name}")  # fmt: skip
    migrated()
    plans = {plan.space.name: (plan.planned_at_first_end, plan.changed) for plan in Plan.objects.all()}
    assert plans == {
        "kept": (4, False), "added": (2, False), "cancelled": (2, True), "extended": (2, True), "early": (2, False),
    }  # fmt: skip
