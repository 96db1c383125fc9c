"""Summaries of populations are kept, and equal to a count of the samples after any history."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import (
    OWN_DOING,
    BatchState,
    FailureKind,
    KeptSummary,
    Regime,
    Run,
    RunState,
    SampleBatch,
    Space,
    Team,
)
from webapp.queries import PopulationSummary

pytestmark = pytest.mark.django_db
TO_COME = (RunState.QUEUED, RunState.RUNNING)


def counted_by_hand(space: Space, regime: Regime) -> PopulationSummary:
    """From the rows, one after the other, by the sentences of docs/statistics.md."""
    batches = list(SampleBatch.objects.filter(space=space, regime=regime).order_by("pk"))
    errors, used, pending, failed, missing, repeated = [], [], 0, 0, 0, 0
    drawn: set[tuple[int, int]] = set()  # seeds and positions of designs that were not cancelled
    for batch in batches:
        samples = list(batch.samples.order_by("position").prefetch_related("runs"))
        in_prefix, counted = True, set(drawn)
        for sample in samples:
            states = {run.state for run in sample.runs.all()}
            if RunState.CANCELLED not in states:
                drawn.add((batch.seed, sample.position))
            if (batch.seed, sample.position) in counted:
                repeated += 1
                continue
            in_prefix = in_prefix and not states & {*TO_COME, RunState.CANCELLED}
            pending += bool(states & set(TO_COME))
            if states <= {RunState.DONE, RunState.FAILED} and sample.error is None:
                own = sum(run.failure_kind in OWN_DOING for run in sample.runs.all())
                failed += 2 * own >= sample.runs.count()
                missing += 2 * own < sample.runs.count()
            if sample.error is not None:
                errors.append(sample.error)
                used += [sample.error] if in_prefix else []
        if batch.state in {BatchState.REQUESTED, BatchState.DRAWING}:
            pending += batch.size - len(samples)
    outline = None
    if used:
        quantiles = np.quantile(used, queries.OUTLINE_SHARES, method="inverted_cdf")
        middle = pytest.approx(np.mean(used))
        outline = queries.Outline(space.pk, len(used), min(used), middle, tuple(quantiles), failed)
    mean = pytest.approx(np.mean(errors)) if errors else None
    return PopulationSummary(
        space.pk, regime.pk, regime.name, len(batches), sum(batch.size for batch in batches) - repeated, len(errors),
        mean, pending, failed, False, outline, missing, repeated,
    )  # fmt: skip


def check(team: Team) -> None:
    summaries = {(line.space_id, line.regime_id): line for line in queries.population_summaries(team)}
    pairs = set(SampleBatch.objects.filter(space__team=team).values_list("space_id", "regime_id"))
    assert set(summaries) == pairs
    for space_id, regime_id in pairs:
        by_hand = counted_by_hand(Space.objects.get(pk=space_id), Regime.objects.get(pk=regime_id))
        assert summaries[space_id, regime_id] == by_hand


class History:
    """Whatever people and workers do, chosen by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.team, self.user = rows.a_team()
        self.spaces = [rows.a_space(self.team, self.user, name=name) for name in ("A", "B")]
        self.regimes = [rows.a_regime(self.team, self.user, name=f"R{k}", replicates=k) for k in (1, 2)]
        self.worker = rows.a_worker()
        self.claims: list[services.Claim] = []

    def step(self) -> None:
        steps = [self.queue, self.draw, self.claim, self.claim, self.claim, self.end, self.end, self.end, self.change]
        self.chance.choice(steps)()

    def queue(self) -> None:
        space, regime = self.chance.choice(self.spaces), self.chance.choice(self.regimes)
        size, seed = self.chance.randint(1, 5), self.chance.randint(0, 3)
        try:
            services.create_sample_batch(space=space, regime=regime, size=size, seed=seed, actor=self.user)
        except services.SeedTaken:  # older versions took it
            rows.an_old_double(space, regime, self.user, size=size, seed=seed)

    def draw(self) -> None:
        rows.draw_requested()

    def claim(self) -> None:
        claim = rows.claim(self.worker)
        self.claims += [claim] if claim else []

    def end(self) -> None:
        if not self.claims:
            return
        claim = self.claims.pop(self.chance.randrange(len(self.claims)))
        error = round(self.chance.uniform(5, 90), 2)
        self.chance.choice(
            [
                *[lambda: services.record_result(claim, rows.Result(error, error / 2), device_slots=1)] * 4,  # type: ignore[arg-type]
                lambda: services.record_failure(claim, kind=FailureKind.DIVERGED, message="It diverged."),
                lambda: services.record_failure(claim, kind=FailureKind.CODE_ERROR, message="A mistake."),
                lambda: services.release_run(claim),
            ]
        )()

    def change(self) -> None:
        batches = list(SampleBatch.objects.order_by("pk"))
        if not batches:
            return
        batch = self.chance.choice(batches)
        with suppress(services.Refused):
            self.chance.choice(
                [
                    lambda: services.cancel_batch(batch=batch, actor=self.user),
                    lambda: services.retry_failed_runs(batch=batch, actor=self.user),
                    lambda: services.retry_failed_runs(batch=batch, actor=self.user, cancelled=True),
                    lambda: services.extend_batch(batch=batch, size=batch.size + 2, actor=self.user),
                    lambda: services.delete(row=batch, actor=self.user),
                ]
            )()


@pytest.mark.parametrize("seed", range(6))
def test_after_any_history_the_summaries_equal_a_count_of_the_rows(seed: int) -> None:
    history = History(seed)
    for number in range(60):
        history.step()
        if number % 6 == 0:
            check(history.team)
    check(history.team)
    call_command("recount", stdout=StringIO())


def a_population() -> SampleBatch:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, 32.0])
    return batch


def test_a_summary_is_counted_at_the_first_look_after_a_change_and_read_at_the_next(django_assert_num_queries) -> None:
    batch = a_population()
    team, regime = batch.space.team, batch.regime
    before = queries.population_summaries(team)
    with django_assert_num_queries(1):
        assert queries.population_summaries(team) == before
    pages.finish(batch, [20.0])
    assert queries.population_summaries(team)[0].trained == 3
    with django_assert_num_queries(1):
        assert queries.population_outlines(team, regime)[batch.space_id].min == 20.0


def test_only_what_has_changed_is_counted_again_and_all_of_it_at_once(django_assert_num_queries) -> None:
    team, user = rows.a_team()
    regime = rows.a_regime(team, user)
    batches = [pages.trained(team, user, regime, name=name, preset="RegNetX-small", errors=[30.0])[1] for name in "ABC"]
    with django_assert_num_queries(7):  # what is kept, the count, a savepoint's two, two locks, one write
        queries.population_summaries(team)
    untouched = KeptSummary.objects.get(space=batches[0].space)
    KeptSummary.objects.filter(pk=untouched.pk).update(failed=77)  # would be mended by a count
    for batch in batches[1:]:
        rows.a_batch(batch.space, regime, user, size=1)
    with django_assert_num_queries(7):
        first, second, third = queries.population_summaries(team)
    assert (first.failed, second.pending, third.pending) == (77, 1, 1)


def test_where_nothing_may_be_written_the_summary_is_counted_at_every_look() -> None:
    batch = a_population()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        for _ in range(2):
            (line,) = queries.population_summaries(batch.space.team)
            assert (line.trained, line.failed, line.pending) == (2, 1, 1)
        transaction.set_rollback(True)
    assert not KeptSummary.objects.exists()


def test_a_summary_goes_with_its_space_and_its_regime() -> None:
    batch = a_population()
    user = batch.created_by
    queries.population_summaries(batch.space.team)
    services.cancel_batch(batch=batch, actor=user)
    services.delete(row=batch, actor=user)
    assert queries.population_summaries(batch.space.team) == []
    services.delete(row=batch.space, actor=user)
    assert not KeptSummary.objects.exists()


def meanwhile(look: Callable[[], object]) -> None:
    """Look with a connection of its own, while this one goes on holding what it holds."""
    errors = []

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")  # a look that waits fails here instead of hanging
            look()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not errors


@pytest.mark.django_db(transaction=True)
def test_a_look_waits_for_nobody_who_holds_the_space() -> None:
    batch = a_population()
    team = batch.space.team
    with transaction.atomic():
        Space.objects.select_for_update().get(pk=batch.space_id)
        meanwhile(lambda: queries.population_summaries(team))
        assert not KeptSummary.objects.exists()
    meanwhile(lambda: queries.population_summaries(team))
    assert KeptSummary.objects.get().trained == 2


@pytest.mark.django_db(transaction=True)
def test_looks_at_the_same_time_keep_one_summary() -> None:
    batch = a_population()
    team = batch.space.team
    threads = [threading.Thread(target=meanwhile, args=(lambda: queries.population_summaries(team),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert KeptSummary.objects.get().trained == 2


def test_the_command_tells_what_differs_and_mends_it_when_asked() -> None:
    batch = a_population()
    queries.population_summaries(batch.space.team)
    call_command("recount", stdout=(out := StringIO()))
    assert "1 summaries counted again, 0 differed, 0 mended." in out.getvalue()
    KeptSummary.objects.update(trained=5, mean=1.0)
    with pytest.raises(CommandError, match="differ from a fresh count") as refusal:
        call_command("recount", stdout=(out := StringIO()))
    assert refusal.value.returncode == 1
    assert "RegNetX under quick: trained is kept as 5, not 2." in out.getvalue()
    call_command("recount", "--mend", stdout=(out := StringIO()))
    assert "1 differed, 1 mended." in out.getvalue()
    assert KeptSummary.objects.get().trained == 2
    call_command("recount", stdout=StringIO())


def test_the_command_leaves_a_summary_of_an_older_version_alone() -> None:
    batch = a_population()
    queries.population_summaries(batch.space.team)
    pages.finish(batch, [20.0])
    call_command("recount", stdout=(out := StringIO()))
    assert "0 summaries counted again" in out.getvalue()
    assert Run.objects.filter(state=RunState.QUEUED).count() == 0
