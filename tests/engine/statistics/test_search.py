"""Random search and the number of samples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics import edf_band, random_search_curve, sample_size_study


def test_the_curve_equals_enumeration() -> None:
    errors = [45.0, 40.0, 50.0, 40.0, 61.0]
    curve = random_search_curve(errors)
    for m in range(1, 6):
        expected = np.mean([min(subset) for subset in itertools.combinations(errors, m)])
        assert curve.at(m) == pytest.approx(expected)
    assert curve.m.tolist() == [1, 2, 3, 4, 5]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_the_curve_falls_from_the_mean_to_the_minimum(errors: list[float]) -> None:
    curve = random_search_curve(errors)
    assert curve.expected_min[0] == pytest.approx(np.mean(errors))
    assert curve.expected_min[-1] == pytest.approx(min(errors))
    assert np.all(np.diff(curve.expected_min) <= 1e-9)


def test_the_curve_of_a_large_population_equals_the_hypergeometric_law() -> None:
    errors = np.sort(np.random.default_rng(0).uniform(30, 90, 3_000))
    curve = random_search_curve(errors)
    for m in (1, 2, 31, 32, 33, 500, 2_999, 3_000):
        # P(the minimum exceeds the k-th lowest) = P(none of the k + 1 lowest among the m drawn)
        exceeds = stats.hypergeom.pmf(0, len(errors), np.arange(1, len(errors)), m)
        assert curve.at(m) == pytest.approx(errors[0] + np.diff(errors) @ exceeds, abs=1e-9)


def test_a_point_off_the_curve_is_refused() -> None:
    with pytest.raises(InvalidPopulation, match="m must be at most 2, got 3"):
        random_search_curve([1.0, 2.0]).at(3)
    with pytest.raises(InvalidPopulation, match="m must be on the curve, got 2"):
        random_search_curve([1.0, 2.0, 3.0], sizes=[1, 3]).at(2)
    with pytest.raises(InvalidPopulation, match=r"sizes must lie between 1 and 2, got \[1, 3\]"):
        random_search_curve([1.0, 2.0], sizes=[3, 1])


def test_a_curve_at_some_sizes_has_those_points_of_the_whole_curve() -> None:
    errors = np.random.default_rng(1).uniform(30, 90, 3_000)
    sizes = [1, 2, 31, 32, 33, 500, 2_999, 3_000]
    curve, whole = random_search_curve(errors, sizes=[*reversed(sizes), 31]), random_search_curve(errors)
    assert (curve.m.tolist(), curve.n) == (sizes, 3_000)
    assert curve.expected_min == pytest.approx([whole.at(m) for m in sizes], abs=1e-9)


def test_all_samples_are_at_no_distance_from_themselves() -> None:
    study = sample_size_study(np.arange(64))
    assert study.m.tolist() == [1, 2, 4, 8, 16, 32, 64]
    assert study.distance[-1] == 0.0
    assert np.all(np.diff(study.distance) < 0)
    assert np.all((study.low <= study.distance) & (study.distance <= study.high))


def test_distances_are_those_of_scipy_even_with_ties() -> None:
    errors = np.random.default_rng(5).integers(30, 36, 40).astype(float)
    study = sample_size_study(errors, sizes=[9], repeats=50, seed=2)
    rng = np.random.default_rng(2)
    rising = np.sort(errors)
    subsets = [rising[rng.permutation(40)[:9]] for _ in range(50)]
    expected = [stats.ks_2samp(subset, errors, method="asymp").statistic for subset in subsets]
    assert study.distance[0] == pytest.approx(np.mean(expected))


def test_the_dkw_width_is_shown_beside() -> None:
    study = sample_size_study(np.arange(50), sizes=[50])
    assert study.band_half_width[0] == pytest.approx(edf_band(np.arange(50)).half_width)


def test_a_study_of_one_sample_or_of_equal_errors_has_no_distance() -> None:
    assert sample_size_study([40.0]).distance.tolist() == [0.0]
    assert sample_size_study(np.full(8, 40.0)).distance.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("arguments", "sentence"), [({"sizes": [0]}, "sizes"), ({"sizes": [3]}, "sizes"), ({"repeats": 0}, "repeats")]
)
def test_sizes_and_repeats_are_checked(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        sample_size_study([1.0, 2.0], **arguments)  # type: ignore[arg-type]
