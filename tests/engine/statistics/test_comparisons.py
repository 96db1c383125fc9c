"""Two populations compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics import Verdict, compare_all, compare_errors, fewest_to_differ, holm, ks_test
from engine.statistics.population import FloatArray
from engine.statistics.theta import (
    _random_subsets,
    _studentised,
    estimate_theta,
    median_of_differences,
    p_value_of_theta,
)

OUTCOMES = st.lists(
    st.sampled_from([39.0, 40.0, 41.5, 60.0, math.inf, math.nan]) | st.floats(0, 100), min_size=1, max_size=14
)


def gamma(rng: np.random.Generator, n: int, *, shift: float = 0.0) -> FloatArray:
    return np.minimum(np.round(39 + shift + rng.gamma(1.6, 10 / 1.6, n), 1), 100)


@settings(max_examples=40, deadline=None)
@given(OUTCOMES, OUTCOMES)
def test_swapping_the_populations_mirrors_everything(a: list[float], b: list[float]) -> None:
    one, other = compare_errors(a, b), compare_errors(b, a)
    mirrored = {Verdict.A_LOWER: Verdict.B_LOWER, Verdict.B_LOWER: Verdict.A_LOWER}
    assert other.verdict == mirrored.get(one.verdict, one.verdict)
    assert (other.n, other.failed, other.left_out) == (one.n[::-1], one.failed[::-1], one.left_out[::-1])
    if one.verdict is Verdict.NOTHING:
        return
    assert other.theta == pytest.approx(1 - one.theta)
    assert other.p_value == pytest.approx(one.p_value, abs=0.02)  # the random splits are others
    assert other.interval == pytest.approx((1 - one.interval[1], 1 - one.interval[0]))
    if one.difference is not None and one.difference_interval is not None:
        assert other.difference == pytest.approx(-one.difference)
        assert other.difference_interval == pytest.approx((-one.difference_interval[1], -one.difference_interval[0]))


@settings(max_examples=60, deadline=None)
@given(OUTCOMES, OUTCOMES, st.integers(1, 4))
def test_intervals_never_contradict_the_verdict(a: list[float], b: list[float], pairs: int) -> None:
    compared = compare_errors(a, b, pairs=pairs)
    low, high = compared.interval
    assert 0 <= low <= high <= 1
    if compared.verdict is Verdict.A_LOWER:
        assert low >= 0.5
        assert compared.theta > 0.5
    elif compared.verdict is Verdict.B_LOWER:
        assert high <= 0.5
    else:
        assert low <= 0.5 <= high
    if compared.difference is not None and compared.difference_interval is not None:
        nearest, furthest = compared.difference_interval
        assert nearest <= furthest
        assert (compared.verdict is Verdict.A_LOWER) <= (furthest <= 0 and compared.difference <= 0)
        assert (compared.verdict is Verdict.NOT_SHOWN) <= (nearest <= 0 <= furthest)


def test_the_split_of_ten_thousand_against_few_equals_the_direct_computation() -> None:
    rng = np.random.default_rng(3)
    for n, m in ((5, 6), (4, 9), (7, 7)):
        pooled = np.sort(rng.integers(40, 46, n + m).astype(float))
        pooled[-1] = math.inf
        places = np.array(list(combinations(range(n + m), n)))
        inside = np.zeros((len(places), n + m), dtype=bool)
        np.put_along_axis(inside, places, True, axis=1)
        direct = [estimate_theta(pooled[row], pooled[~row]).studentised for row in inside]
        assert _studentised(pooled, places) == pytest.approx(direct)


def test_random_subsets_are_uniform() -> None:
    subsets = _random_subsets(7, 3, np.random.default_rng(0))
    assert np.all(np.diff(subsets, axis=1) > 0)
    counts = np.unique(subsets, axis=0, return_counts=True)[1]
    assert len(counts) == math.comb(7, 3)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_population_of_which_most_failed_is_the_worse_one_and_gets_no_points() -> None:
    compared = compare_errors([38.0, 38.5, *[math.inf] * 10], [41.0, 43.0, 44.0, 45.0, 46.0, 47.0, 48.0, 49.0])
    assert compared.verdict is Verdict.B_LOWER
    assert compared.mostly_failures
    assert (compared.failed, compared.difference) == ((10, 0), None)


def test_all_failures_against_none_is_a_comparison_and_all_against_all_is_a_tie() -> None:
    failed = [math.inf] * 8
    assert compare_errors(failed, [40.0 + k for k in range(8)]).verdict is Verdict.B_LOWER
    assert compare_errors(failed, failed).verdict is Verdict.ALL_TIED
    assert compare_errors([90.0] * 12, [90.0] * 12).verdict is Verdict.ALL_TIED


def test_what_says_nothing_is_left_out_and_counted() -> None:
    compared = compare_errors([40.0, None, 41.0], [math.nan])  # type: ignore[list-item]
    assert (compared.verdict, compared.n, compared.left_out) == (Verdict.NOTHING, (2, 0), (1, 1))
    assert math.isnan(compared.theta)


@pytest.mark.parametrize(("pairs", "fewest"), [(1, 4), (3, 5), (15, 6)])
def test_too_few_is_said_where_no_outcome_could_show_a_difference(pairs: int, fewest: int) -> None:
    assert fewest_to_differ(pairs=pairs) == fewest
    a, b = np.arange(1.0, fewest + 1), np.arange(50.0, 50 + fewest)
    assert compare_errors(a, b, pairs=pairs).verdict is Verdict.A_LOWER
    assert compare_errors(a[1:], b[1:], pairs=pairs).verdict is Verdict.TOO_FEW


def test_alike_needs_many_networks() -> None:
    rng = np.random.default_rng(5)
    a, b = gamma(rng, 500), gamma(rng, 500)
    assert compare_errors(a, b).verdict is Verdict.ALIKE
    assert compare_errors(a[:8], b[:8]).verdict is Verdict.NOT_SHOWN


def test_a_sure_but_small_difference_is_called_small() -> None:
    rng = np.random.default_rng(1)
    compared = compare_errors(gamma(rng, 8_000), gamma(rng, 8_000, shift=0.5))
    assert compared.verdict is Verdict.A_LOWER
    assert compared.by_little


def test_holm_over_all_pairs_decides_several_populations() -> None:
    rng = np.random.default_rng(2)
    errors = [gamma(rng, 40), gamma(rng, 40, shift=3), gamma(rng, 40, shift=20)]
    compared = compare_all(errors)
    alone = [compare_errors(a, b).p_value for a, b in combinations(errors, 2)]
    assert [one.p_value for one in compared] == alone
    assert [one.p_adjusted for one in compared] == holm(alone).tolist()
    assert [one.level for one in compared] == pytest.approx([1 - 0.05 / 3] * 3)


def stuck(rng: np.random.Generator, n: int) -> FloatArray:
    return np.where(rng.random(n) < 0.06, 90.0, 8 + rng.gamma(2, 3, n))


@pytest.mark.parametrize("law", [gamma, stuck])
def test_equal_spaces_are_told_apart_in_one_of_twenty_cases(law: Callable[..., FloatArray]) -> None:
    rng = np.random.default_rng(0)
    wrong = [p_value_of_theta(law(rng, 8), law(rng, 8)) <= 0.05 for _ in range(300)]
    assert 0.02 <= np.mean(wrong) <= 0.085


def test_some_of_six_equal_spaces_are_told_apart_in_one_of_twenty_cases() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(60):
        errors = [stuck(rng, 8) for _ in range(6)]
        wrong += min(holm([p_value_of_theta(a, b) for a, b in combinations(errors, 2)])) <= 0.05
    assert wrong / 60 <= 0.12


def test_the_median_of_very_many_differences_is_that_of_all() -> None:
    rng = np.random.default_rng(4)
    a, b = np.append(gamma(rng, 2_500), [math.inf] * 30), np.append(gamma(rng, 2_001), [math.inf] * 10)
    with np.errstate(invalid="ignore"):
        differences = np.nan_to_num(a[:, None] - b, nan=0.0, posinf=math.inf, neginf=-math.inf)
    assert median_of_differences(a, b) == pytest.approx(float(np.median(differences)), abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"alpha": 1.0}, "alpha must lie"),
        ({"margin": 0.0}, "margin must lie"),
        ({"pairs": 0}, "pairs must be at least 1"),
    ],
)
def test_settings_are_checked(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        compare_errors([1.0, 3.0], [2.0, 4.0], **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("errors", [[101.0], [-1.0], [-math.inf], [[1.0]], ["?"]])
def test_what_is_no_error_is_refused(errors: list[float]) -> None:
    with pytest.raises(InvalidPopulation, match="errors_b"):
        compare_errors([2.0], errors)


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
    assert ks_test([40.0, math.inf], [math.inf, math.inf]).distance == 0.5
    with pytest.raises(InvalidPopulation, match="needs a column of numbers"):
        ks_test([], [1.0])
