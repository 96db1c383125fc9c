"""Populations: finished prefixes as columns."""

from __future__ import annotations

import math

import pytest

from engine.spaces.sampling import Counted
from tests.webapp import pages, rows
from webapp import queries, services
from webapp.analysis import Selection, analyse
from webapp.analysis.selection import TrainedId
from webapp.models import FailureKind, Run, RunState, Sample, SampleBatch

pytestmark = pytest.mark.django_db


def trained_of(batch: SampleBatch) -> queries.TrainedPopulation:
    return queries.load_trained(space=batch.space, regime=batch.regime)


def test_the_columns_are_the_parameters_as_drawn_the_complexity_and_the_error() -> None:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, 31.0, 32.0, 33.0])
    population = queries.load_population(space=batch.space, regime=batch.regime)
    samples = list(Sample.objects.filter(batch=batch).order_by("position"))
    assert population.errors.tolist() == [30.0, 31.0, 32.0, 33.0]
    assert population["flops"].tolist() == [sample.flops for sample in samples]
    assert population["sample_id"].tolist() == [sample.pk for sample in samples]
    assert population["w_a"].tolist() == [sample.drawn["w_a"] for sample in samples]
    assert (population.failed, population.pending) == (0, 0)


def test_a_shared_parameter_of_an_anynet_is_one_column_and_a_stage_has_its_own() -> None:
    team, user = rows.a_team()
    _, batch = pages.trained(
        team, user, rows.a_regime(team, user), name="C", preset="AnyNetX-C-small", errors=[30.0, 31.0]
    )
    population = trained_of(batch).population
    assert {"bottleneck_ratio", "group_width", "d_1", "w_3"} <= set(population.names)
    first = Sample.objects.get(batch=batch, position=0).drawn
    assert population["w_3"][0] == first["stage_widths"][2]
    assert population["bottleneck_ratio"][0] == first["bottleneck_ratios"][0]


def test_the_best_epochs_error_can_be_chosen() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0, 31.0])
    best = queries.load_population(space=batch.space, regime=batch.regime, error="best")
    assert best.errors.tolist() == [29.0, 30.0]


def test_only_the_finished_prefix_counts_while_a_batch_runs() -> None:
    batch = rows.a_study(size=6)
    worker = rows.a_worker()
    pages.finish(batch, [30.0, 31.0])
    slow = rows.claim(worker)  # position 2 still trains
    pages.finish(batch, [33.0, 34.0])
    trained = trained_of(batch)
    assert trained.population.errors.tolist() == [30.0, 31.0]
    assert trained.ahead.tolist() == [33.0, 34.0]
    assert trained.pending == 2
    assert slow is not None
    services.record_result(slow, rows.Result(final_error=32.0), device_slots=1)
    assert trained_of(batch).population.errors.tolist() == [30.0, 31.0, 32.0, 33.0, 34.0]


def test_a_failed_sample_is_counted_and_never_an_error_of_100() -> None:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, 32.0])
    trained = trained_of(batch)
    assert trained.population.errors.tolist() == [30.0, 32.0]
    assert (trained.population.failed, trained.pending) == (1, 1)


def test_a_sample_with_a_replicate_to_come_has_not_ended() -> None:
    batch = rows.a_study(size=2, replicates=2)
    pages.finish(batch, [30.0, 32.0, 40.0])
    trained = trained_of(batch)
    assert trained.population.errors.tolist() == [31.0]
    assert trained.pending == 1


def test_cancelled_samples_end_the_prefix_and_are_neither_failed_nor_pending() -> None:
    batch = rows.a_study(size=5)
    pages.finish(batch, [30.0])
    rows.claim()
    pages.finish(batch, [32.0])
    services.cancel_batch(batch=batch, actor=batch.created_by)
    trained = trained_of(batch)
    assert trained.population.errors.tolist() == [30.0]
    assert (trained.population.failed, trained.pending, trained.cancelled) == (0, 0, 3)
    assert trained.ahead.tolist() == [32.0]


def test_a_batch_not_drawn_yet_is_all_pending() -> None:
    team, user = rows.a_team()
    batch = rows.a_batch(rows.a_space(team, user), rows.a_regime(team, user), user, size=9, drawn=False)
    assert trained_of(batch).pending == 9


def test_batches_of_one_space_and_regime_pool_in_draw_order_and_can_be_told_apart() -> None:
    first = rows.a_study(size=2)
    pages.finish(first, [30.0, 31.0])
    second = rows.a_batch(first.space, first.regime, first.created_by, size=2, seed=1)
    pages.finish(second, [20.0, 21.0])
    assert trained_of(first).population.errors.tolist() == [30.0, 31.0, 20.0, 21.0]
    alone = queries.load_trained(space=first.space, regime=first.regime, batch=second, parameters=False)
    assert alone.population.errors.tolist() == [20.0, 21.0]
    assert "w_a" not in alone.population


def test_other_regimes_and_other_spaces_stay_out() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0, 31.0])
    other = rows.a_regime(batch.space.team, batch.created_by, name="another")
    assert queries.load_population(space=batch.space, regime=other).n == 0


def test_a_population_is_read_in_two_statements_whatever_its_size(django_assert_num_queries) -> None:
    batch = rows.a_study(size=12)
    pages.finish(batch, [20.0 + k for k in range(12)])
    space, regime = batch.space, batch.regime
    with django_assert_num_queries(2):
        assert queries.load_population(space=space, regime=regime).n == 12


def test_summaries_count_samples_by_space_and_regime() -> None:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, 32.0])
    team = batch.space.team
    (line,) = queries.population_summaries(team)
    assert (line.trained, line.failed, line.pending, line.designs) == (2, 1, 1, 4)
    assert line.mean_error == pytest.approx(31.0)
    assert Run.objects.filter(state=RunState.QUEUED).count() == 1
    other, _ = rows.a_team("Audio", "other@example.org")
    assert queries.population_summaries(other) == []


def test_spaces_are_listed_below_their_parents() -> None:
    team, user = rows.a_team()
    parent = rows.a_space(team, user, name="Z")
    child = services.create_space(
        team=team, name="A child", space=rows.presets.space("RegNetX-small"), actor=user, parent=parent
    )
    rows.a_space(team, user, name="B")
    lines = queries.space_lines(team)
    assert [(line.space.name, line.level) for line in lines] == [("B", 0), ("Z", 0), (child.name, 1)]


def in_order_of(batch: SampleBatch) -> list[float]:
    found = trained_of(batch).in_order
    assert found is not None
    return found.tolist()


def test_what_became_of_samples_stands_in_draw_order_with_failures_in_their_places() -> None:
    batch = rows.a_study(size=6)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, 32.0, FailureKind.CODE_ERROR, 31.0])
    assert in_order_of(batch) == pytest.approx([30.0, math.inf, 32.0, math.nan, 31.0], nan_ok=True)
    trained = trained_of(batch)
    assert trained.population.errors.tolist() == [30.0, 32.0, 31.0]
    assert (trained.population.failed, trained.population.missing) == (1, 1)
    ids = batch.samples.order_by("position").values_list("pk", flat=True)
    assert trained.in_order_ids is not None
    assert trained.in_order_ids.tolist() == list(ids)[:5]


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_by_the_networks_own_doing_ranks_last_and_any_other_says_nothing(kind: FailureKind) -> None:
    batch = rows.a_study(size=1)
    (run,) = batch.runs.all()
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED, failure_kind=kind)
    population = trained_of(batch).population
    own = kind in {"diverged", "out_of_memory", "timed_out", "invalid_design"}
    assert kind.is_own_doing == own
    assert (population.failed, population.missing) == ((1, 0) if own else (0, 1))
    assert population.outcomes.tolist() == ([math.inf] if own else [])


def test_failed_designs_have_their_columns_and_a_filter_counts_them_again() -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, FailureKind.CODE_ERROR])
    trained = trained_of(batch)
    kept, failed, _ = batch.samples.order_by("position")
    assert trained.population.failures["w_a"].tolist() == [failed.drawn["w_a"]]
    assert trained.population.failures["flops"].tolist() == [failed.flops]
    inside = trained.inside({"sample_id": (failed.pk, failed.pk)})
    assert (inside.population.n, inside.population.failed) == (0, 1)
    assert inside.in_order is not None
    assert inside.in_order.tolist() == [math.inf]
    outside = trained.inside({"sample_id": (kept.pk, kept.pk)})
    assert (outside.population.n, outside.population.failed) == (1, 0)
    assert outside.in_order is not None
    assert outside.in_order.tolist() == [30.0]


def test_an_older_batch_that_is_extended_goes_on_at_the_end_of_the_draw_order() -> None:
    first = rows.a_study(size=2)
    pages.finish(first, [30.0, 31.0])
    second = rows.a_batch(first.space, first.regime, first.created_by, size=1, seed=1)
    pages.finish(second, [20.0])
    services.extend_batch(batch=first, size=4, actor=first.created_by)
    assert in_order_of(first) == [30.0, 31.0, 20.0]
    rows.draw_requested()
    assert in_order_of(first) == [30.0, 31.0, 20.0]
    pages.finish(first, [40.0])
    assert in_order_of(first) == [30.0, 31.0, 20.0, 40.0]
    assert trained_of(first).population.errors.tolist() == [30.0, 31.0, 40.0, 20.0]


def test_the_draw_order_ends_with_the_first_sample_to_come_so_that_it_only_grows_at_its_end() -> None:
    first = rows.a_study(size=3)
    pages.finish(first, [30.0])
    second = rows.a_batch(first.space, first.regime, first.created_by, size=2, seed=1)
    for sample, error in zip(second.samples.order_by("position"), (20.0, 21.0), strict=True):
        Sample.objects.filter(pk=sample.pk).update(error=error, best_error=error)
    second.runs.all().delete()
    assert trained_of(first).population.errors.tolist() == [30.0, 20.0, 21.0]
    assert in_order_of(first) == [30.0]
    pages.finish(first, [31.0, 32.0])
    assert in_order_of(first) == [30.0, 31.0, 32.0, 20.0, 21.0]


def test_acceptances_are_what_was_counted_on_and_for_older_batches_what_the_draw_saw() -> None:
    batch = rows.a_study(size=3)
    space, regime = batch.space, batch.regime
    report = batch.report
    own = Counted(round(report["acceptance"] * report["tried"]), report["tried"])
    assert queries.acceptances(regime, [space.pk]) == {space.pk: own}
    SampleBatch.objects.update(report=report | {"accepted": 2_000, "drawn": 40_000})
    assert queries.acceptances(regime, [space.pk]) == {space.pk: Counted(2_000, 40_000)}
    rows.a_batch(space, regime, batch.created_by, size=3, seed=9)
    assert queries.acceptances(regime, [space.pk])[space.pk].drawn > 40_000


def test_a_network_drawn_before_counts_as_accepted() -> None:
    batch = rows.a_study(size=3)
    # A nearly exhausted window: 30 of 100 candidates lay inside, of which 27 were repeated.
    SampleBatch.objects.update(report=batch.report | {"found": 3, "tried": 100, "acceptance": 0.3})
    assert queries.acceptances(batch.regime, [batch.space_id]) == {batch.space_id: Counted(30, 100)}


def test_the_focus_of_an_analysis_has_the_parameters_of_its_failures_too() -> None:
    batch = rows.a_study(size=3)
    pages.finish(batch, [30.0, FailureKind.DIVERGED])
    selection = Selection(populations=(TrainedId(batch.space_id, batch.regime_id),))
    analysis = analyse(selection, batch.space.team)
    assert "w_a" not in analysis.focused.samples.failures
    samples = analysis.focus.samples
    failed = batch.samples.get(position=1)
    assert samples.failures["w_a"].tolist() == [failed.drawn["w_a"]]
    assert (samples.n, samples.failed, samples.missing, samples.pending) == (1, 1, 0, 1)
