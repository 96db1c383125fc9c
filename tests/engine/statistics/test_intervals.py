"""Intervals of quantiles, of differences of medians and of the KS distance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics import (
    ks_interval,
    ks_test,
    median_error,
    normalised_band,
    normalised_edf,
    quantile_interval,
)


def skewed_errors(n: int, seed: int = 0) -> np.ndarray:
    return np.minimum(38 + np.random.default_rng(seed).gamma(2, 4, n), 100)


def test_the_interval_of_a_median_of_ten_lies_between_its_second_and_ninth_error() -> None:
    # P(at most 1 of 10 below) = 11 / 1024 = 0.011, P(at most 2) = 56 / 1024 = 0.055: the second is the innermost.
    assert quantile_interval(np.arange(10.0)) == (1.0, 8.0)


def test_a_median_has_ends_from_six_samples_on() -> None:
    assert quantile_interval([1.0, 2.0, 3.0, 4.0, 5.0]) == (0.0, 100.0)  # 2 / 32 = 0.0625 outside of all five
    assert quantile_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == (1.0, 6.0)
    assert median_error([40.0]).interval == (0.0, 100.0)


@pytest.mark.parametrize("n", [7, 40, 301])
@pytest.mark.parametrize("probability", [0.1, 0.5, 0.8])
def test_quantile_intervals_are_scipys(n: int, probability: float) -> None:
    errors = skewed_errors(n)
    expected = stats.quantile_test(errors, q=0.0, p=probability).confidence_interval(0.95)
    ours = quantile_interval(errors, probability)
    for end, scipy, open_end in zip(ours, expected, (0.0, 100.0), strict=True):
        assert end == (open_end if math.isnan(scipy) else scipy)


@pytest.mark.parametrize("probability", [0.05, 0.5])
def test_quantile_intervals_hold_the_quantile_often_enough(probability: float) -> None:
    rng = np.random.default_rng(0)
    intervals = [quantile_interval(100 * rng.random(30), probability) for _ in range(400)]
    assert np.mean([low <= 100 * probability <= high for low, high in intervals]) >= 0.94


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_quantile_intervals_are_ordered_and_hold_the_sample_quantile(errors: list[float], probability: float) -> None:
    low, high = quantile_interval(errors, probability)
    assert low <= np.quantile(errors, probability, method="inverted_cdf") <= high


def test_the_median_is_the_samples_median_with_its_interval() -> None:
    errors = skewed_errors(80)
    result = median_error(errors)
    assert (result.value, result.n) == (np.median(errors), 80)
    assert result.interval == quantile_interval(errors)


def test_the_interval_of_the_distance_has_its_half_width() -> None:
    assert ks_interval(0.5, n_a=100, n_b=100) == pytest.approx((0.5 - 0.19206, 0.5 + 0.19206), abs=1e-4)
    assert ks_interval(0.05, n_a=20, n_b=20)[0] == 0.0
    assert ks_interval(0.95, n_a=20, n_b=20)[1] == 1.0


def test_the_interval_holds_zero_where_the_test_rejects_nothing() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(50, 5, 300), rng.normal(50 + 1.2 * rng.random(), 5, 400)
        p = stats.ks_2samp(a, b, method="asymp").pvalue
        if abs(p - 0.05) > 0.01:  # the law of the test has further terms than the interval
            assert (ks_test(a, b).interval[0] == 0.0) == (p > 0.05)


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.6, 1.0])
def test_the_interval_holds_the_distance_of_the_true_laws(shift: float) -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        a, b = rng.random(40), rng.random(25) + shift  # D of two uniform laws is their shift
        low, high = ks_test(50 * a, 50 * b).interval
        held += low <= shift <= high
    assert held >= 190


def test_equal_weights_give_the_normalised_band_the_half_width_of_the_plain_one() -> None:
    costs = np.tile(np.arange(1.0, 11.0), 4)
    edf = normalised_edf(skewed_errors(40), costs, limits=(0.0, 10.0))
    assert edf.effective_n == pytest.approx(40)
    assert normalised_band(edf).half_width == pytest.approx(math.sqrt(math.log(40) / 80))


def test_unequal_weights_are_worth_fewer_samples() -> None:
    edf = normalised_edf([40.0, 50.0, 60.0], [1.2, 1.5, 9.5], limits=(0.0, 10.0))
    assert edf.effective_n == pytest.approx(1 / (2 * 0.25**2 + 0.5**2))


def test_the_normalised_band_holds_the_whole_true_curve_often_enough() -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(200):
        costs = 1 - np.sqrt(rng.random(60))  # crowded below, thin above
        edf = normalised_edf(100 * rng.random(60), costs, limits=(0.0, 1.0))  # uniform errors in every bin
        band = normalised_band(edf)
        truth = edf.errors / 100
        before = np.concatenate([[0.0], edf.fractions[:-1]])
        missed += bool(np.any((np.maximum(edf.fractions - truth, truth - before)) > band.half_width))
    assert missed <= 10


def test_quantiles_are_read_off_the_normalised_band() -> None:
    edf = normalised_edf(np.arange(1.0, 101.0), np.tile(np.arange(1.0, 11.0), 10), limits=(0.0, 10.0))
    assert normalised_band(edf).quantile_interval(0.5) == (37.0, 64.0)  # as of 100 equal samples


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: quantile_interval([]), "at least 1 sample"),
        (lambda: quantile_interval([1.0], 1.0), "probability must lie between 0 and 1"),
        (lambda: median_error([1.0], confidence=2), "confidence must lie between 0 and 1"),
        (lambda: ks_interval(0.5, n_a=0, n_b=5), "n_a and n_b must be above 0"),
    ],
)
def test_settings_are_checked(call: object, sentence: str) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        call()  # type: ignore[operator]
