"""What the best of m networks reaches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.errors import InvalidPopulation
from engine.statistics import best_of, largest_m, median_error, quantile_interval


def test_the_best_of_one_is_the_median_with_its_interval() -> None:
    errors = np.arange(1.0, 22.0)
    result = best_of(errors, 1)
    assert result.estimate == median_error(errors).value == 11.0
    assert result.interval == quantile_interval(errors)


def test_half_of_all_searches_reach_it() -> None:
    rng = np.random.default_rng(0)
    errors = rng.permutation(10_000) / 100
    searches = rng.choice(errors, (20_000, 12)).min(axis=1)
    assert best_of(errors, 12).estimate == pytest.approx(np.median(searches), abs=0.15)


def test_above_the_largest_m_only_the_high_end_is_known() -> None:
    errors = np.arange(16.0)
    assert largest_m(16) == 3
    assert best_of(errors, 3).low == 0.0
    beyond = best_of(errors, 4)
    assert (beyond.estimate, beyond.low) == (2.0, -math.inf)
    assert beyond.high < math.inf


@pytest.mark.parametrize(("n", "m"), [(0, 0), (5, 0), (6, 1), (8, 1), (16, 3), (32, 6), (100, 18), (500, 93)])
def test_the_largest_m_grows_with_the_networks(n: int, m: int) -> None:
    assert largest_m(n) == m


def test_failures_are_the_last_and_what_says_nothing_is_left_out() -> None:
    result = best_of([40.0, math.inf, math.nan, 50.0, math.inf, 60.0, math.inf], 1)
    assert (result.n, result.estimate, result.high) == (6, 60.0, math.inf)
    assert best_of([math.inf] * 8, 1).estimate == math.inf
    assert best_of([40.0], 1).interval == (-math.inf, math.inf)


def test_equal_errors_have_an_interval_of_no_width() -> None:
    assert best_of([40.0] * 32, 6).interval == (40.0, 40.0)


def test_what_has_no_best_is_refused() -> None:
    with pytest.raises(InvalidPopulation, match="errors must hold at least 1 sample, got 0"):
        best_of([math.nan], 1)
    with pytest.raises(InvalidPopulation, match="m must be at least 1, got 0"):
        best_of([40.0], 0)
    with pytest.raises(InvalidPopulation, match="m must be a whole number, got 1"):
        best_of([40.0], 1.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidPopulation, match="n must be at least 0, got -1"):
        largest_m(-1)
