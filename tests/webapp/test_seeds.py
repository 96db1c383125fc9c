"""A space, a regime and a seed are queued once; related spaces with one seed are told."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Sequence
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction
from django.test import Client

from engine.spaces import presets
from tests.webapp import api_calls, pages, rows
from webapp import queries, services
from webapp.models import FailureKind, Regime, SampleBatch, Space, User


def queue(batch: SampleBatch, *, seed: int = 0, regime: Regime | None = None, size: int = 2) -> SampleBatch:
    return services.create_sample_batch(
        space=batch.space, regime=regime or batch.regime, size=size, seed=seed, actor=batch.created_by
    )


def a_child(space: Space, user: User, *, name: str = "child") -> Space:
    return services.create_space(
        team=space.team, name=name, space=presets.space("RegNetX-small"), actor=user, parent=space
    )


def dropped(batch: SampleBatch) -> None:
    services.cancel_batch(batch=batch, actor=batch.created_by)
    services.delete(row=batch, actor=batch.created_by)


@pytest.mark.django_db
def test_a_draw_is_queued_once_and_the_refusal_names_its_batch() -> None:
    batch = rows.a_study()
    with pytest.raises(services.SeedTaken) as refusal:
        queue(batch)
    assert str(refusal.value) == (
        f"Batch {batch.pk} has already drawn this space under quick with seed 0: extend batch {batch.pk} instead, "
        "or choose another seed."
    )
    assert queue(batch, seed=1).seed == 1
    assert queue(batch, regime=rows.a_regime(batch.space.team, batch.created_by, name="slow")).seed == 0


@pytest.mark.django_db
def test_a_batch_that_is_not_drawn_yet_holds_its_seed_too() -> None:
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, drawn=False)
    with pytest.raises(services.SeedTaken, match="is already to draw"):
        queue(batch)


@pytest.mark.django_db
def test_a_batch_that_ended_without_designs_or_was_deleted_gives_its_seed_free() -> None:
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, drawn=False)
    services.cancel_batch(batch=batch, actor=user)
    second = queue(batch)
    rows.draw_requested()
    services.cancel_batch(batch=second, actor=user)
    with pytest.raises(
        services.SeedTaken, match=f"queue the cancelled runs of batch {second.pk} again, or choose another seed"
    ):
        queue(batch)
    services.delete(row=second, actor=user)
    assert queue(batch).seed == 0


@pytest.mark.django_db
def test_under_several_regimes_all_are_queued_or_none_and_each_that_has_the_seed_is_named() -> None:
    batch = rows.a_study()
    team, user = batch.space.team, batch.created_by
    slow, slower = (rows.a_regime(team, user, name=name) for name in ("slow", "slower"))
    other = queue(batch, regime=slower)
    with pytest.raises(services.SeedTaken) as refusal:
        services.create_sample_batches(
            space=batch.space, regimes=[slower, slow, batch.regime], size=2, seed=0, actor=user
        )
    assert refusal.value.batches == [batch, other]
    assert "under quick" in str(refusal.value)
    assert "under slower" in str(refusal.value)
    assert SampleBatch.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_equal_requests_at_once_one_is_refused() -> None:
    first = rows.a_study()
    start, ends = threading.Barrier(4), []

    def request() -> None:
        start.wait()
        try:
            ends.append(queue(first, seed=5))
        except services.SeedTaken as refusal:
            ends.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=request) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 4
    assert sum(isinstance(end, SampleBatch) for end in ends) == 1
    assert SampleBatch.objects.filter(seed=5).count() == 1


@pytest.mark.django_db
def test_the_table_itself_holds_no_second_batch_of_a_seed() -> None:
    batch = rows.a_study()
    with pytest.raises(IntegrityError, match="batch_once_a_seed"), transaction.atomic():
        SampleBatch.objects.create(space=batch.space, regime=batch.regime, size=1, seed=0, created_by=batch.created_by)


@pytest.mark.django_db
def test_a_free_seed_is_none_that_the_team_has_used(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = rows.a_study()
    queue(batch, seed=1)
    drawn = iter([0, 1, 1, 7])
    monkeypatch.setattr("webapp.queries.seeds.secrets.randbelow", lambda below: next(drawn))
    assert queries.free_seed(batch.space.team) == 7


@pytest.mark.django_db
def test_the_form_shows_at_the_seed_which_batch_has_it(client: Client) -> None:
    batch = rows.a_study()
    client.force_login(batch.created_by, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/batches/new/?space={batch.space_id}&regime={batch.regime_id}"
    sent = pages.posted(client.get(address).content.decode())
    assert sent["seed"] != "0"
    answer = client.post("/batches/new/", sent | {"seed": "0"}).content.decode()
    error = re.search(r'id="id_seed_error">(.*?)</small>', answer)
    assert error is not None
    assert error[1].startswith(f'<a href="/batches/{batch.pk}/">Batch {batch.pk}</a> has already drawn this space')
    assert SampleBatch.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("upwards", [False, True])
def test_the_form_warns_of_the_seed_of_a_related_space_and_takes_it_from_who_insists(
    client: Client, upwards: bool
) -> None:
    batch = rows.a_study()
    space, user = batch.space, batch.created_by
    child = a_child(a_child(space, user), user, name="grandchild")
    if upwards:
        dropped(batch)
        batch, child = rows.a_batch(child, batch.regime, user), space
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    sent = {"space": child.pk, "regime": batch.regime_id, "size": "3", "seed": "0"}
    answer = client.post("/batches/new/", sent).content.decode()
    assert f"Seed 0 is also that of batch {batch.pk} of {batch.space} under quick, of the same lineage" in answer
    assert pages.posted(answer)["same_seed"] == "0"
    assert SampleBatch.objects.count() == 1
    assert client.post("/batches/new/", sent | {"seed": "1", "same_seed": "0"}).status_code == 302
    assert client.post("/batches/new/", sent | {"same_seed": "0"}).status_code == 302
    assert sorted(SampleBatch.objects.filter(space=child).values_list("seed", flat=True)) == [0, 1]


@pytest.mark.django_db
def test_a_space_that_is_not_related_may_have_the_same_seed() -> None:
    batch = rows.a_study()
    user = batch.created_by
    other = rows.a_space(batch.space.team, user, name="other")
    sibling = a_child(batch.space, user)
    assert queries.related_draws(other, [batch.regime], 0) == []
    assert queries.related_draws(sibling, [batch.regime], 0) == [batch]
    assert queries.related_draws(sibling, [batch.regime], 1) == []
    dropped(batch)
    rows.a_batch(sibling, batch.regime, user)
    assert queries.related_draws(a_child(batch.space, user, name="sibling"), [batch.regime], 0) == []


@pytest.mark.django_db
def test_the_api_refuses_a_seed_that_is_taken_and_tells_of_related_ones() -> None:
    batch = rows.a_study()
    script = api_calls.caller(batch.created_by, batch.space.team)
    body = {"space": batch.space_id, "regime": batch.regime_id, "size": 2}
    status, answer = script.post("/batches", body | {"seed": 0})
    assert (status, answer["parameter"], answer["value"]) == (422, "seed", "0")
    assert answer["error"].startswith(f"Batch {batch.pk} has already drawn this space under quick with seed 0")
    status, answer = script.post("/batches", body)
    assert (status, answer["warning"]) == (201, "")
    assert answer["seed"] != 0
    child = a_child(batch.space, batch.created_by)
    status, answer = script.post("/batches", body | {"space": child.pk, "seed": 0})
    assert status == 201
    assert answer["warning"].startswith(f"Seed 0 is also that of batch {batch.pk}")


def doubled(batch: SampleBatch, *, size: int = 0) -> SampleBatch:
    """A batch of the same seed, drawn, as versions before took it."""
    double = rows.an_old_double(batch.space, batch.regime, batch.created_by, size=size or batch.size, seed=batch.seed)
    rows.draw_requested()
    return double


def trained_of(batch: SampleBatch) -> queries.TrainedPopulation:
    return queries.load_trained(space=batch.space, regime=batch.regime)


def finish(batch: SampleBatch, errors: Sequence[float | FailureKind]) -> None:
    """Train the next runs of this batch while all others are held."""
    others = SampleBatch.objects.exclude(pk=batch.pk)
    others.update(paused=True)
    pages.finish(batch, errors)
    others.update(paused=False)


@pytest.mark.django_db
def test_a_design_that_was_drawn_twice_counts_once_by_the_run_of_the_older_batch() -> None:
    batch = rows.a_study(size=3)
    double = doubled(batch, size=5)
    finish(double, [20.0, 21.0, 22.0, 23.0, FailureKind.DIVERGED])
    trained = trained_of(batch)
    assert (trained.population.errors.tolist(), trained.pending, trained.repeated) == ([23.0], 3, 3)
    assert trained.population.failed == 1
    assert trained.in_order is not None
    assert trained.in_order.tolist() == []
    finish(batch, [30.0, FailureKind.CODE_ERROR, 32.0])
    trained = trained_of(batch)
    assert trained.population.errors.tolist() == [30.0, 32.0, 23.0]
    assert (trained.population.failed, trained.population.missing, trained.repeated) == (1, 1, 3)
    assert trained.in_order is not None
    assert trained.in_order.tolist() == pytest.approx([30.0, math.nan, 32.0, 23.0, math.inf], nan_ok=True)
    (line,) = queries.population_summaries(batch.space.team)
    assert (line.designs, line.trained, line.failed, line.missing, line.repeated) == (5, 3, 1, 1, 3)


@pytest.mark.django_db
def test_what_was_cancelled_in_the_older_batch_counts_by_the_younger_one() -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0])
    services.cancel_batch(batch=batch, actor=batch.created_by)
    double = doubled(batch)
    third = doubled(batch)
    finish(double, [20.0, 21.0, 22.0])
    finish(third, [40.0, 41.0, 42.0])
    trained = trained_of(batch)
    assert (trained.population.errors.tolist(), trained.repeated) == ([30.0, 21.0, 22.0], 4)


@pytest.mark.django_db
def test_a_double_alone_shows_all_of_its_own_runs() -> None:
    batch = rows.a_study(size=2)
    double = doubled(batch)
    finish(double, [20.0, 21.0])
    alone = queries.load_trained(space=batch.space, regime=batch.regime, batch=double)
    assert (alone.population.errors.tolist(), alone.repeated) == ([20.0, 21.0], 0)


@pytest.mark.django_db
def test_an_older_batch_that_is_extended_takes_over_the_designs_of_its_double() -> None:
    batch = rows.a_study(size=1)
    double = doubled(batch, size=2)
    finish(batch, [30.0])
    finish(double, [20.0, 21.0])
    assert trained_of(batch).population.errors.tolist() == [30.0, 21.0]
    services.extend_batch(batch=batch, size=2, actor=batch.created_by)
    rows.draw_requested()
    assert (trained_of(batch).population.errors.tolist(), trained_of(batch).pending) == ([30.0], 1)


@pytest.mark.django_db
def test_doctor_finds_what_is_drawn_twice() -> None:
    batch = rows.a_study(size=2)
    call_command("doctor", stdout=(out := StringIO()))
    assert out.getvalue() == "No designs are drawn twice.\n"
    double = doubled(batch)
    with pytest.raises(CommandError) as error:
        call_command("doctor", stdout=(out := StringIO()))
    assert error.value.returncode == 1
    assert out.getvalue() == (
        f"Batch {double.pk} (team Vision) draws the same designs as batch {batch.pk}: both of RegNetX under quick "
        "with seed 0.\n"
    )
    dropped(batch)
    call_command("doctor", stdout=StringIO())
