"""Fronts and best designs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidPopulation
from engine.statistics import best_designs, error_cost_front


def test_a_front_holds_what_no_other_beats() -> None:
    front = error_cost_front([50.0, 45.0, 46.0, 40.0, 41.0], [1.0, 2.0, 3.0, 9.0, 10.0])
    assert front.rows.tolist() == [0, 1, 3]
    assert front.costs.tolist() == [1.0, 2.0, 9.0]
    assert front.errors.tolist() == [50.0, 45.0, 40.0]


def test_samples_alike_in_both_stay_together_and_half_ties_are_beaten() -> None:
    assert error_cost_front([40.0, 40.0, 41.0], [1.0, 1.0, 1.0]).rows.tolist() == [0, 1]
    assert error_cost_front([40.0, 40.0], [2.0, 1.0]).rows.tolist() == [1]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(30, 36), st.integers(0, 6)), min_size=1, max_size=25))
def test_fronts_equal_the_definition(samples: list[tuple[int, int]]) -> None:
    front = error_cost_front([e for e, _ in samples], [c for _, c in samples])
    expected = [
        index
        for index, (error, cost) in enumerate(samples)
        if not any(e <= error and c <= cost and (e, c) != (error, cost) for e, c in samples)
    ]
    assert sorted(front.rows.tolist()) == expected
    assert np.all(np.diff(front.costs) >= 0)
    assert np.all(np.diff(front.errors) <= 0)


def test_best_designs_are_the_lowest_errors_with_shared_ranks() -> None:
    best = best_designs([40.0, 39.0, 40.0, 50.0], count=3)
    assert best.rows.tolist() == [1, 0, 2]
    assert best.errors.tolist() == [39.0, 40.0, 40.0]
    assert best.ranks.tolist() == [1, 2, 2]
    assert best.rank_intervals is None


def test_more_designs_than_there_are_gives_all() -> None:
    assert best_designs([40.0, 39.0], count=10).rows.tolist() == [1, 0]


def test_ranks_are_uncertain_as_far_as_replicates_differ() -> None:
    errors = [38.0, 38.1, 44.0, 60.0]
    sure = best_designs(errors, standard_errors=np.zeros(4))
    assert sure.rank_intervals is not None
    assert sure.rank_intervals.tolist() == [[1, 1], [2, 2], [3, 3], [4, 4]]
    unsure = best_designs(errors, count=3, standard_errors=np.full(4, 0.3))
    assert unsure.rank_intervals is not None
    assert unsure.rank_intervals.tolist() == [[1, 2], [1, 2], [3, 3]]


def test_settings_are_checked() -> None:
    with pytest.raises(InvalidPopulation, match="count must be at least 1"):
        best_designs([1.0], count=0)
    with pytest.raises(InvalidPopulation, match="standard_errors must be at least 0"):
        best_designs([1.0], standard_errors=[-1.0])
