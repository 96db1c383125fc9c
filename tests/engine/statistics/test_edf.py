"""Error distributions and what surrounds them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics import (
    anytime_edf_band,
    area_under_edf,
    common_limits,
    edf_band,
    error_edf,
    failure_bounds,
    median_error,
    normalised_edf,
)
from engine.statistics.population import Population

ERRORS = st.lists(st.floats(0, 100) | st.sampled_from([40.0, 41.0]), min_size=1, max_size=30)


def test_the_edf_is_exact_steps_with_minimum_and_mean() -> None:
    edf = error_edf([50.0, 40.0, 45.0, 45.0])
    assert edf.errors.tolist() == [40.0, 45.0, 45.0, 50.0]
    assert edf.fractions.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert (edf.n, edf.min, edf.mean) == (4, 40.0, 45.0)


def test_the_edf_counts_errors_strictly_below() -> None:
    edf = error_edf([50.0, 40.0, 45.0, 45.0])
    assert [edf.at(error) for error in (40.0, 40.1, 45.0, 45.1, 50.0, 50.1)] == [0.0, 0.25, 0.25, 0.75, 0.75, 1.0]


def test_a_population_can_be_given_instead_of_errors() -> None:
    assert error_edf(Population.from_columns({"error": [1.0, 2.0]})).mean == 1.5


@pytest.mark.parametrize("function", [error_edf, edf_band, anytime_edf_band])
def test_no_samples_are_refused(function: object) -> None:
    with pytest.raises(InvalidPopulation, match="at least 1 sample, got 0"):
        function([])  # type: ignore[operator]


def test_nan_never_reaches_a_statistic() -> None:
    assert error_edf([1.0, math.nan]).n == 1
    with pytest.raises(InvalidPopulation, match="at least 1 sample, got 0"):
        error_edf([math.nan])


def test_failures_rank_behind_every_error() -> None:
    edf = error_edf([41.0, math.inf, 39.0, math.inf])
    assert (edf.errors.tolist(), edf.fractions.tolist()) == ([39.0, 41.0], [0.25, 0.5])
    assert (edf.n, edf.failed, edf.min, edf.mean) == (4, 2, 39.0, 40.0)
    assert edf_band([41.0, math.inf, 39.0, math.inf]).half_width == edf_band([1.0, 2.0, 3.0, 4.0]).half_width


def test_a_population_of_failures_alone_has_an_edf_that_never_rises() -> None:
    edf = error_edf([math.inf] * 3)
    assert (edf.n, len(edf.errors), edf.at(100.0)) == (3, 0, 0.0)
    assert math.isnan(edf.mean)
    assert edf_band([math.inf] * 3).quantile_interval(0.5) == (0.0, math.inf)


def test_the_median_lies_beyond_every_error_where_half_failed() -> None:
    errors = [40.0, 41.0, 42.0, 43.0, *[math.inf] * 6]
    assert median_error(errors).value == math.inf
    assert median_error(errors).interval == (41.0, math.inf)
    assert median_error([*range(20), math.inf, math.inf]).interval == (5.0, 16.0)


@settings(max_examples=40, deadline=None)
@given(ERRORS, st.randoms(use_true_random=False))
def test_the_edf_does_not_depend_on_the_order(errors: list[float], random: object) -> None:
    shuffled = sorted(errors, key=lambda _: random.random())  # type: ignore[attr-defined]
    one, other = error_edf(errors), error_edf(shuffled)
    assert np.array_equal(one.errors, other.errors)
    assert (one.n, one.min, one.mean) == (other.n, other.min, pytest.approx(other.mean))
    assert np.all(np.diff(one.fractions) > 0)
    assert one.fractions[-1] == 1.0


@settings(max_examples=40, deadline=None)
@given(ERRORS)
def test_bands_hold_the_edf_and_stay_within_0_and_1(errors: list[float]) -> None:
    for band in (edf_band(errors), anytime_edf_band(errors, start=1)):
        right_of = np.searchsorted(band.errors, band.errors, side="right") / band.n
        assert np.all((band.lower >= 0) & (band.lower <= right_of) & (right_of <= band.upper) & (band.upper <= 1))
        assert np.all(np.diff(band.lower) >= 0)
        assert np.all(np.diff(band.upper) >= 0)


def test_the_band_has_the_half_width_of_dvoretzky_kiefer_and_wolfowitz() -> None:
    assert edf_band(np.full(500, 40.0)).half_width == pytest.approx(0.0607, abs=5e-5)
    assert edf_band([40.0]).half_width == 1.0


@pytest.mark.parametrize(("n", "half_width"), [(100, 0.250), (500, 0.116)])
def test_the_anytime_band_has_the_published_half_width(n: int, half_width: float) -> None:
    assert anytime_edf_band(np.linspace(30, 60, n)).half_width == pytest.approx(half_width, abs=5e-4)


def test_the_anytime_band_says_nothing_before_its_start() -> None:
    band = anytime_edf_band(np.linspace(30, 60, 49))
    assert (band.half_width, band.lower.max(), band.upper.min()) == (1.0, 0.0, 1.0)
    assert band.quantile_interval() == (0.0, 100.0)


def test_a_smaller_alpha_gives_a_wider_band() -> None:
    errors = np.linspace(30, 60, 200)
    for band in (edf_band, anytime_edf_band):
        assert band(errors, alpha=0.01).half_width > band(errors, alpha=0.05).half_width


def test_the_anytime_band_misses_the_truth_at_any_moment_rarely() -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(100):
        errors = 100 * rng.random(300)
        looks = [np.sort(errors[:n]) / 100 for n in range(50, 301, 10)]
        distances = [stats.kstest(look, "uniform", method="asymp").statistic for look in looks]
        widths = [anytime_edf_band(100 * look).half_width for look in looks]
        missed += any(distance > width for distance, width in zip(distances, widths, strict=True))
    assert missed <= 5


def test_quantiles_are_read_off_the_band() -> None:
    errors = np.arange(1.0, 101.0)
    band = edf_band(errors)  # half-width 0.136
    assert band.quantile_interval(0.5) == (37.0, 64.0)
    assert band.quantile_interval(0.05) == (0.0, 19.0)
    assert band.quantile_interval(0.95) == (82.0, 100.0)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_levels_outside_0_and_1_are_refused(alpha: float) -> None:
    with pytest.raises(InvalidPopulation, match="alpha must lie between 0 and 1"):
        edf_band([1.0], alpha=alpha)


def test_the_area_is_the_integral_of_the_edf() -> None:
    errors = np.random.default_rng(1).uniform(30, 70, 200)
    edf = error_edf(errors)
    grid = np.linspace(0, 50, 20_001)
    integral = np.trapezoid([edf.at(error) for error in grid], grid) / 50
    area = area_under_edf(errors, up_to=50)
    assert area.area == pytest.approx(integral, abs=1e-3)
    assert area.interval[0] < area.area < area.interval[1]


def test_the_area_has_its_limits() -> None:
    assert area_under_edf([0.0, 0.0], up_to=50).area == 1.0
    assert area_under_edf([60.0, 70.0], up_to=50).area == 0.0
    assert area_under_edf([60.0], up_to=50).interval[1] > 0.9  # one network says next to nothing
    assert area_under_edf([math.inf, math.nan, 25.0], up_to=50).area == 0.25
    with pytest.raises(InvalidPopulation, match="up_to"):
        area_under_edf([1.0], up_to=0)


def test_every_used_bin_of_complexity_weighs_the_same() -> None:
    edf = normalised_edf([40.0, 50.0, 60.0, 70.0], [1.0, 1.5, 9.5, 20.0], limits=(0.0, 10.0), bins=10)
    # 1.0 lies in the first bin, 1.5 in the second, 9.5 in the last, 20.0 outside.
    assert edf.weights.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert (edf.n, edf.left_out, edf.bins_used) == (3, 1, 3)
    crowded = normalised_edf([40.0, 50.0, 60.0], [1.2, 1.5, 9.5], limits=(0.0, 10.0), bins=10)
    assert crowded.weights.tolist() == pytest.approx([0.25, 0.25, 0.5])
    assert crowded.mean == pytest.approx(52.5)


def test_the_lower_limit_is_outside_and_the_upper_inside() -> None:
    edf = normalised_edf([1.0, 2.0, 3.0], [0.0, 5.0, 10.0])
    assert edf.errors.tolist() == [2.0, 3.0]
    assert edf.limits == (0.0, 10.0)


def test_failures_weigh_like_others_of_their_cost_and_lie_behind_every_error() -> None:
    edf = normalised_edf([40.0, math.inf, 60.0, math.nan], [1.2, 1.5, 9.5, 9.6], limits=(0.0, 10.0))
    assert (edf.n, edf.failed, edf.left_out) == (3, 1, 0)
    assert edf.fractions.tolist() == pytest.approx([0.25, 0.75])
    assert edf.mean == pytest.approx((0.25 * 40 + 0.5 * 60) / 0.75)
    assert math.isnan(normalised_edf([40.0, math.inf], [1.0, 2.0]).mean)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 50)), min_size=2, max_size=30), st.integers(1, 12))
def test_weights_sum_to_one_within_equal_bins(rows: list[tuple[float, int]], bins: int) -> None:
    errors, costs = [row[0] for row in rows], [row[1] for row in rows]
    edf = normalised_edf(errors, costs, limits=(0, 50), bins=bins)
    assert edf.n + edf.left_out == len(rows)
    assert edf.weights.sum() == pytest.approx(1)
    assert edf.fractions[-1] == pytest.approx(1)
    assert edf.min <= edf.mean + 1e-9


def test_common_limits_are_what_all_populations_reach() -> None:
    assert common_limits([1, 5, 9], [3, 12], [0, 7]) == (3.0, 7.0)
    with pytest.raises(InvalidPopulation, match="at least one sample"):
        common_limits([1, 2], [])


def test_nothing_inside_the_limits_is_refused() -> None:
    with pytest.raises(InvalidPopulation, match="No sample has a complexity above 5 and at most 5"):
        normalised_edf([1.0, 2.0], [5.0, 5.0])


def test_failed_samples_lie_behind_every_error_so_that_the_edf_of_all_never_reaches_one() -> None:
    bounds = failure_bounds([40.0, 50.0, 60.0], failed=1)
    assert bounds.lower.tolist() == bounds.upper.tolist() == [0.25, 0.5, 0.75]


def test_missing_samples_widen_the_edf_by_what_they_could_have_been() -> None:
    bounds = failure_bounds([40.0, 50.0, 60.0], failed=0, missing=1)
    assert bounds.lower.tolist() == [0.25, 0.5, 0.75]
    assert bounds.upper.tolist() == [0.5, 0.75, 1.0]
    for lost in (0.0, 45.0, 100.0):
        edf = error_edf([40.0, 50.0, 60.0, lost])
        for error, lower, upper in zip(bounds.errors, bounds.lower, bounds.upper, strict=True):
            assert lower <= edf.at(error + 1e-9) <= upper


def test_failed_and_missing_samples_count_together() -> None:
    bounds = failure_bounds([40.0, 50.0], failed=1, missing=1)
    assert bounds.total == 4
    assert bounds.lower.tolist() == [0.25, 0.5]
    assert bounds.upper.tolist() == [0.5, 0.75]


def test_without_failures_the_bounds_are_the_edf() -> None:
    bounds = failure_bounds([40.0, 50.0], failed=0)
    assert bounds.lower.tolist() == bounds.upper.tolist() == [0.5, 1.0]
    with pytest.raises(InvalidPopulation, match="failed must be at least 0"):
        failure_bounds([1.0], failed=-1)
    with pytest.raises(InvalidPopulation, match="missing must be at least 0"):
        failure_bounds([1.0], failed=0, missing=-1)
