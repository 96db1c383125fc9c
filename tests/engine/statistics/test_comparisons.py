"""Two populations compared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics import compare_errors, holm, ks_test

ERRORS = st.lists(st.sampled_from([39.0, 40.0, 41.5, 60.0]) | st.floats(0, 100), min_size=1, max_size=20)


def test_distance_and_p_value_are_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(38, 60, 70), rng.uniform(40, 65, 90)
    result, expected = compare_errors(a, b), stats.ks_2samp(a, b)
    assert (result.ks_distance, result.p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    assert result.mean_difference == pytest.approx(a.mean() - b.mean())
    assert result.interval[0] < result.mean_difference < result.interval[1]
    assert (result.n_a, result.n_b) == (70, 90)


def test_large_populations_use_the_limiting_law() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(38, 60, 2_500), rng.uniform(38, 60, 2_400)
    assert compare_errors(a, b).p_value == pytest.approx(stats.ks_2samp(a, b, method="asymp").pvalue)


@settings(max_examples=40, deadline=None)
@given(ERRORS, ERRORS)
def test_swapping_the_populations_swaps_the_sign_only(a: list[float], b: list[float]) -> None:
    one, other = compare_errors(a, b), compare_errors(b, a)
    assert one.ks_distance == pytest.approx(other.ks_distance)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.mean_difference == pytest.approx(-other.mean_difference)
    assert 0 <= one.ks_distance <= 1
    assert 0 <= one.p_value <= 1
    assert -100 <= one.interval[0] <= one.interval[1] <= 100


def test_a_population_against_itself_shows_no_difference() -> None:
    errors = [38.0, 40.0, 44.0, 51.0]
    result = compare_errors(errors, errors)
    assert (result.ks_distance, result.p_value, result.mean_difference) == (0.0, 1.0, 0.0)
    assert result.interval[0] < 0 < result.interval[1]


def test_a_single_sample_leaves_the_difference_open() -> None:
    assert compare_errors([40.0], [41.0, 42.0]).interval == (-100.0, 100.0)


def test_equal_errors_on_both_sides_give_a_certain_difference() -> None:
    result = compare_errors(np.full(5, 40.0), np.full(7, 42.0))
    assert result.interval == (-2.0, -2.0)
    assert result.ks_distance == 1.0


def test_an_empty_population_is_named() -> None:
    with pytest.raises(InvalidPopulation, match="errors_b must hold at least 1 sample, got 0"):
        compare_errors([1.0], [])


def test_holm_equals_a_hand_computed_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []
    assert holm([0.7, 0.9]).tolist() == [1.0, 1.0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    plain = np.array(p_values)
    assert np.all(adjusted >= plain - 1e-12)
    assert np.all(adjusted <= np.minimum(1, plain * len(plain)) + 1e-12)
    assert np.all(np.diff(adjusted[np.argsort(plain, kind="stable")]) >= 0)


@pytest.mark.parametrize("p_value", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_p_value(p_value: float) -> None:
    with pytest.raises(InvalidPopulation, match="p_values must lie between 0 and 1"):
        holm([0.5, p_value])


def test_any_two_columns_can_be_tested() -> None:
    rng = np.random.default_rng(2)
    flops_a, flops_b = rng.integers(10**6, 10**9, 40), rng.integers(10**6, 2 * 10**9, 50)
    found, expected = ks_test(flops_a, flops_b), stats.ks_2samp(flops_a, flops_b, method="exact")
    assert found.distance == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.n_a, found.n_b) == (40, 50)
    with pytest.raises(InvalidPopulation, match="at least one value"):
        ks_test([], [1.0])
