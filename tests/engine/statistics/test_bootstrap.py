"""The empirical bootstrap equals enumeration and agrees with a long simulation."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidPopulation
from engine.statistics import empirical_bootstrap
from engine.statistics.bootstrap import best_drawn_law

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(30, 36)), min_size=1, max_size=40)


def skewed_errors(n: int, seed: int = 0) -> np.ndarray:
    return np.minimum(38 + np.random.default_rng(seed).gamma(2, 4, n), 100)


def test_the_law_of_the_best_drawn_equals_enumeration() -> None:
    errors = np.array([40.0, 39.0, 45.0, 39.0])
    wins: Counter[float] = Counter()
    for drawn in itertools.product(range(4), repeat=3):
        best = min(errors[list(drawn)])
        wins[best] += 1
    rows, weights = best_drawn_law(errors, 3)
    law = dict(zip(rows.tolist(), weights, strict=True))
    assert law[1] == law[3] == pytest.approx(wins[39.0] / 64 / 2)
    assert law[0] == pytest.approx(wins[40.0] / 64)
    assert law[2] == pytest.approx(wins[45.0] / 64)


def test_percentiles_agree_with_a_long_simulation() -> None:
    rng = np.random.default_rng(3)
    errors, values = skewed_errors(200), rng.integers(1, 100, 200).astype(float)
    rows = rng.integers(0, 200, (40_000, 50))
    kept = values[rows[np.arange(len(rows)), errors[rows].argmin(axis=1)]]
    exact = empirical_bootstrap(values, errors)
    low, median, high = np.quantile(kept, (0.025, 0.5, 0.975), method="inverted_cdf")
    assert (exact.low, exact.median, exact.high) == (low, median, high)
    assert (exact.n, exact.drawn) == (200, 50)


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(pairs: list[tuple[int, int]], random: object) -> None:
    shuffled = sorted(pairs, key=lambda _: random.random())  # type: ignore[attr-defined]
    one, other = (empirical_bootstrap([x for x, _ in some], [e for _, e in some]) for some in (pairs, shuffled))
    assert one == other
    assert one.low <= one.median <= one.high
    assert {one.low, one.median, one.high} <= {float(x) for x, _ in pairs}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 60))
def test_the_law_of_the_best_drawn_sums_to_one_and_ties_share(errors: list[int], drawn: int) -> None:
    rows, weights = best_drawn_law(np.array(errors, dtype=float), drawn)
    assert weights.sum() == pytest.approx(1)
    shares: dict[int, set[float]] = {}
    for row, weight in zip(rows, weights, strict=True):
        shares.setdefault(errors[row], set()).add(weight)
    assert all(len(share) == 1 for share in shares.values())


def test_one_sample_has_its_own_value_as_all_percentiles() -> None:
    result = empirical_bootstrap([7.0], [40.0])
    assert (result.low, result.median, result.high, result.drawn) == (7.0, 7.0, 7.0, 1)


def test_all_errors_equal_gives_the_plain_percentiles() -> None:
    result = empirical_bootstrap(np.arange(1, 101), np.full(100, 40.0))
    assert (result.low, result.median, result.high) == (3.0, 50.0, 98.0)


def test_drawing_one_of_all_gives_every_sample_the_same_chance() -> None:
    result = empirical_bootstrap(np.arange(1, 101), np.arange(100), fraction=0.01)
    assert (result.low, result.median, result.high) == (3.0, 50.0, 98.0)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_fractions_outside_their_range_are_refused(fraction: float) -> None:
    with pytest.raises(InvalidPopulation, match="fraction must lie above 0"):
        empirical_bootstrap([1.0], [1.0], fraction)


def test_values_must_be_one_a_sample_and_finite() -> None:
    with pytest.raises(InvalidPopulation, match="values has 1 rows"):
        empirical_bootstrap([1.0], [1.0, 2.0])
    with pytest.raises(InvalidPopulation, match="Column values, row 1"):
        empirical_bootstrap([1.0, np.nan], [1.0, 2.0])
