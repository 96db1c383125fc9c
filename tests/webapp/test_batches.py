"""Queueing, drawing and extending batches."""

from __future__ import annotations

import pytest

from engine.spaces.sampling import Counted, draw_designs
from tests.webapp import rows
from webapp import services
from webapp.models import BatchState, DrawCause, Run, Sample, SampleBatch

pytestmark = pytest.mark.django_db


def test_a_drawn_batch_holds_its_samples_as_drawn_and_adjusted_with_their_complexity() -> None:
    batch = rows.a_study(size=5)
    assert batch.state == BatchState.READY
    samples = list(batch.samples.order_by("position"))
    assert [sample.position for sample in samples] == [0, 1, 2, 3, 4]
    low, high = 700_000, 780_000
    assert all(low <= sample.flops <= high for sample in samples)
    assert {sample.drawn["kind"] for sample in samples} != {sample.design["kind"] for sample in samples}
    assert batch.report["tried"] >= 5
    assert Run.objects.filter(batch=batch).count() == 5


def test_a_second_delivery_of_a_draw_adds_nothing() -> None:  # invariant 11
    team, user = rows.a_team()
    rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, size=3, drawn=False)
    claim = services.claim_draw()
    assert claim is not None
    assert services.claim_draw() is None
    draw = draw_designs(
        claim.space, size=3, seed=0, window=claim.regime.window, resolution=14, in_channels=1, num_classes=10
    )
    assert services.store_samples(claim=claim, draw=draw, counted=Counted(2_000, 9_000)) == 3
    assert services.store_samples(claim=claim, draw=draw) == 0
    report = SampleBatch.objects.get().report
    assert (report["found"], report["accepted"], report["drawn"]) == (3, 2_000, 9_000)
    assert Sample.objects.count() == 3


def test_a_lost_draw_is_drawn_again_and_the_late_one_stores_nothing() -> None:
    team, user = rows.a_team()
    rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, size=2, drawn=False)
    late = services.claim_draw()
    assert late is not None
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE webapp_samplebatch SET lease_until = now() - interval '1 second'")
    assert services.reap_lost_draws() == 1
    assert rows.draw_requested() == 2
    assert not services.fail_draw(claim=late, cause=DrawCause.CODE_ERROR, message="late")
    assert SampleBatch.objects.get().state == BatchState.READY


def test_extending_a_batch_keeps_its_first_designs() -> None:
    batch = rows.a_study(size=3)
    before = list(batch.samples.order_by("position").values_list("design_key", flat=True))
    services.extend_batch(batch=batch, size=6, actor=batch.created_by)
    assert rows.draw_requested() == 3
    after = list(batch.samples.order_by("position").values_list("design_key", flat=True))
    assert after[:3] == before
    assert len(after) == 6


@pytest.mark.parametrize("size", [0, -1, 10_001, 10**9])
def test_a_size_outside_the_quota_is_refused_by_name(size: int) -> None:
    team, user = rows.a_team()
    with pytest.raises(services.Refused, match="size must lie between 1 and 10,000"):
        rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, size=size)
    assert not SampleBatch.objects.exists()


def test_a_space_is_fixed_once_a_batch_exists() -> None:
    batch = rows.a_study()
    from engine.spaces import space_from_json

    with pytest.raises(services.Refused, match="is fixed"):
        services.update_space(
            row=batch.space, name="other", space=space_from_json(batch.space.definition), actor=batch.created_by
        )


def test_a_name_is_taken_once_a_team() -> None:
    team, user = rows.a_team()
    rows.a_space(team, user)
    with pytest.raises(services.Refused, match="The name RegNetX is taken"):
        rows.a_space(team, user)


def test_spaces_get_the_colour_that_is_used_least() -> None:
    team, user = rows.a_team()
    slots = [rows.a_space(team, user, name=f"space {k}").slot for k in range(8)]
    assert slots == [1, 2, 3, 4, 5, 6, 7, 1]


def test_a_space_and_a_regime_of_different_teams_make_no_batch() -> None:
    team, user = rows.a_team()
    other, stranger = rows.a_team("Audio", "stranger@example.org")
    with pytest.raises(services.Refused, match="different teams"):
        rows.a_batch(rows.a_space(team, user), rows.a_regime(other, stranger), user)


def test_a_cancelled_batch_that_was_never_drawn_ends() -> None:
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, drawn=False)
    services.cancel_batch(batch=batch, actor=user)
    assert services.claim_draw() is None
    batch.refresh_from_db()
    assert batch.state == BatchState.FAILED
