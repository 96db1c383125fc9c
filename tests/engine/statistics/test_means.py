"""Intervals of means and of their differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidPopulation
from engine.statistics import mean_difference_interval, mean_interval
from engine.statistics.means import bounded_mean_interval

ERRORS = st.lists(st.floats(0, 100) | st.sampled_from([0.0, 40.0, 100.0]), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(ERRORS)
def test_the_mean_lies_in_its_interval_and_that_in_the_range_of_errors(errors: list[float]) -> None:
    result = mean_interval(errors)
    assert -1e-9 <= result.low <= result.mean + 1e-9
    assert result.mean - 1e-9 <= result.high <= 100 + 1e-9
    assert (result.n, result.mean) == (len(errors), pytest.approx(np.mean(errors)))


def test_the_order_of_the_errors_makes_no_difference() -> None:
    errors = 40 + np.random.default_rng(0).gamma(2, 3, 30)
    assert mean_interval(errors).interval == pytest.approx(mean_interval(errors[::-1]).interval)


def test_failures_and_what_says_nothing_are_left_out() -> None:
    whole = mean_interval([40.0, 45.0, 50.0])
    assert mean_interval([math.inf, 40.0, 45.0, math.nan, 50.0]) == whole


def test_one_network_says_nothing_of_the_mean() -> None:
    assert mean_interval([40.0]).interval == (0.0, 100.0)


def test_equal_errors_still_allow_for_one_unseen_network() -> None:
    result = mean_interval([12.0] * 20)
    assert result.low == 12.0
    assert 25 < result.high < 30
    assert mean_interval([100.0] * 20).interval == pytest.approx((100.0, 100.0))


def test_the_expansion_above_500_networks_agrees_with_the_rows() -> None:
    errors = 40 + np.random.default_rng(1).gamma(2, 3, 501)
    assert mean_interval(errors).interval == pytest.approx(mean_interval(errors[:500]).interval, abs=0.08)


def test_a_higher_confidence_gives_a_wider_interval() -> None:
    errors = 40 + np.random.default_rng(1).gamma(2, 3, 30)
    narrow, wide = (mean_interval(errors, confidence=level) for level in (0.9, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_interval_of_a_difference_turns_round_with_it() -> None:
    rng = np.random.default_rng(2)
    a, b = 40 + rng.gamma(2, 3, 20), 45 + rng.gamma(2, 3, 30)
    one, other = mean_difference_interval(a, b), mean_difference_interval(b, a)
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))
    assert one.mean == pytest.approx(a.mean() - b.mean())
    assert (one.n_a, one.n_b) == (20, 30)


def test_values_of_another_range_have_an_interval_in_it() -> None:
    assert bounded_mean_interval(np.array([0.0, 0.0]), (0.0, 1.0))[0] == 0.0
    low, high = bounded_mean_interval(np.array([0.2, 0.4, 0.4]), (0.0, 1.0))
    assert 0 < low < 1 / 3 < high < 1


@pytest.mark.parametrize(
    ("errors", "sentence"),
    [
        ([], "errors must hold at least 1 network that finished, got 0"),
        ([math.inf, math.nan], "errors must hold at least 1 network that finished, got 0"),
        ([101.0], "errors, row 0: must be a percentage from 0 to 100"),
        ([[1.0]], "errors must have one dimension, got 2"),
        (["a"], "errors must hold numbers"),
    ],
)
def test_what_has_no_mean_is_refused(errors: list[float], sentence: str) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        mean_interval(errors)
    with pytest.raises(InvalidPopulation, match="confidence must lie between 0 and 1"):
        mean_interval([1.0], confidence=1.0)
