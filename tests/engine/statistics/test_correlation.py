"""Correlations with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics import cost_correlation, rank_correlation


def test_rank_correlation_is_scipys_with_an_interval_around_it() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(80)
    errors = 40 + 10 * values + 5 * rng.random(80)
    result, expected = rank_correlation(values, errors), stats.spearmanr(values, errors)
    assert (result.coefficient, result.p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    assert result.interval[0] < result.coefficient < result.interval[1]
    assert result.n == 80


def test_cost_correlation_is_scipys_with_its_interval() -> None:
    rng = np.random.default_rng(0)
    acts = rng.random(50)
    times = acts + rng.random(50)
    result, expected = cost_correlation(acts, times), stats.pearsonr(acts, times)
    assert result.coefficient == pytest.approx(expected.statistic)
    assert result.interval == pytest.approx(tuple(expected.confidence_interval()))


def test_the_interval_of_rho_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's rho of a bivariate normal law with r = 0.6
    covered = 0
    for _ in range(200):
        x = rng.standard_normal(100)
        y = 0.6 * x + 0.8 * rng.standard_normal(100)
        low, high = rank_correlation(x, 50 + 10 * np.tanh(y)).interval
        covered += low <= truth <= high
    assert 0.9 <= covered / 200 <= 0.99


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=20))
def test_correlations_are_bounded_or_refused(rows: list[tuple[int, int]]) -> None:
    values, errors = [row[0] for row in rows], [row[1] for row in rows]
    if len(set(values)) == 1 or len(set(errors)) == 1:
        with pytest.raises(InvalidPopulation, match="needs two different ones"):
            rank_correlation(values, errors)
        return
    for result in (rank_correlation(values, errors), cost_correlation(values, errors)):
        assert -1 <= result.interval[0] <= result.coefficient <= result.interval[1] <= 1
        assert 0 <= result.p_value <= 1


def test_two_samples_correlate_perfectly_and_prove_nothing() -> None:
    for result in (rank_correlation([1, 2], [40.0, 41.0]), cost_correlation([1, 2], [40.0, 41.0])):
        assert (result.coefficient, result.interval, result.p_value) == (pytest.approx(1.0), (-1.0, 1.0), 1.0)


def test_a_single_sample_is_refused() -> None:
    with pytest.raises(InvalidPopulation, match="at least 2 samples"):
        rank_correlation([1.0], [40.0])
    with pytest.raises(InvalidPopulation, match="at least 2 samples"):
        cost_correlation([1.0], [40.0])
