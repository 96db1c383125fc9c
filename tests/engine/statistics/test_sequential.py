"""Comparisons and intervals that stay valid however often one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from engine.errors import InvalidPopulation
from engine.statistics import (
    Verdict,
    alpha_of_each_pair,
    anytime_edf_band,
    anytime_median,
    compare_sequentially,
)

WORKED_A = [42.3, 39.4, 43.6, 48.6, 39.8, 40.2, 39.0, 41.2, 39.4, 41.6, 39.2, 41.6]
WORKED_B = [44.0, 45.8, 51.0, 40.8, 48.3, 47.8, 58.4, 44.3, 44.7, 55.3, 53.3, 50.2]
DECIDED = 12
ERRORS = st.lists(st.sampled_from([38.0, 40.0, 42.0, math.inf, math.nan]), max_size=40)


def evidence_by_hand(a: list[float], b: list[float]) -> tuple[float, float]:
    """E_A and E_B of the pairs, term by term as they are defined."""
    won, lost = sum(x < y for x, y in zip(a, b, strict=True)), sum(x > y for x, y in zip(a, b, strict=True))
    sign = special.beta(0.5 + won, 0.5 + lost) / (special.beta(0.5, 0.5) * 2.0 ** -(won + lost))
    share = special.betaincc(0.5 + won, 0.5 + lost, 0.5)
    bets = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97]
    products = np.ones((2, len(bets)))
    for k in range(1, len(a) + 1):
        ranks = stats.rankdata([*a[:k], *b[:k]])
        h = (ranks[2 * k - 1] - ranks[k - 1]) / (2 * k - 1)
        products *= [[1 + bet * h for bet in bets], [1 - bet * h for bet in bets]]
    for_a, for_b = products.mean(axis=1)
    return (2 * share * sign + for_a) / 2, (2 * (1 - share) * sign + for_b) / 2


def test_the_evidence_is_the_mean_of_the_signs_and_the_ranks() -> None:
    a = [*WORKED_A, math.inf, 40.0, math.inf]
    b = [*WORKED_B, 40.0, 40.0, math.inf]
    path = compare_sequentially(a, b).path
    for k in range(1, len(a) + 1):
        by_hand = evidence_by_hand(a[:k], b[:k])
        assert np.exp(path.log_e_for[:, k - 1]) == pytest.approx(by_hand)
        assert path.e_values[k - 1] == pytest.approx(sum(by_hand) / 2)


def test_the_worked_example_is_decided_after_12_pairs() -> None:
    result = compare_sequentially(WORKED_A, WORKED_B)
    low = [0.03, 0.14, 0.25, 0.25, 0.25, 0.27, 0.33, 0.38, 0.42, 0.46, 0.49, 0.52]
    assert result.path.low == pytest.approx(low, abs=0.006)
    assert result.path.high == pytest.approx(np.ones(12), abs=0.006)
    assert (result.verdict, result.decided_at) == (Verdict.A_LOWER, DECIDED)
    assert (result.won, result.lost, result.tied, result.left_out, result.n) == (11, 1, 0, 0, 12)
    assert result.theta == pytest.approx(11 / 12)


def test_swapped_spaces_give_the_mirrored_result() -> None:
    one, other = compare_sequentially(WORKED_A, WORKED_B), compare_sequentially(WORKED_B, WORKED_A)
    assert (other.verdict, other.decided_at, other.p_value) == (Verdict.B_LOWER, DECIDED, one.p_value)
    assert other.interval == pytest.approx((1 - one.interval[1], 1 - one.interval[0]))
    assert other.theta == pytest.approx(1 - one.theta)


def test_the_ends_of_the_interval_solve_the_defining_equation() -> None:
    rng = np.random.default_rng(0)
    a, b = 40 + rng.random(60), 40.1 + rng.random(60)
    path = compare_sequentially(a, b, alpha=0.1).path
    won, lost = np.cumsum(path.outcomes == 1), np.cumsum(path.outcomes == -1)  # no ties
    evidence = special.betaln(0.5 + won, 0.5 + lost) - special.betaln(0.5, 0.5)
    for end, extreme in ((path.low, 0.0), (path.high, 1.0)):
        solved = evidence - special.xlogy(won, end) - special.xlog1py(lost, -end)
        # At a step where the running intersection kept an older end, today's evidence against it is smaller or larger.
        moved = np.flatnonzero((np.diff(end, prepend=extreme) != 0) & (end != extreme))
        assert moved.size > 3
        assert solved[moved] == pytest.approx(np.full(len(moved), math.log(10)), abs=1e-6)


def test_an_earlier_verdict_stands_whatever_comes_later() -> None:
    result = compare_sequentially(WORKED_A + WORKED_B * 3, WORKED_B + WORKED_A * 3)
    assert (result.verdict, result.decided_at) == (Verdict.A_LOWER, DECIDED)
    assert result.p_value <= 0.05


def test_equal_chances_end_as_alike() -> None:
    a = np.tile([40.0, 42.0], 1_000)
    result = compare_sequentially(a, a[::-1])
    assert result.verdict is Verdict.ALIKE
    assert result.decided_at is not None
    assert 0.4 <= result.path.low[result.decided_at - 1] <= result.path.high[result.decided_at - 1] <= 0.6


def test_an_intersection_that_became_empty_keeps_its_last_interval() -> None:
    result = compare_sequentially([40.0] * 100 + [42.0] * 300, [41.0] * 400)
    assert np.all(result.path.low <= result.path.high)
    assert result.verdict is Verdict.A_LOWER


def test_without_evidence_it_stays_open_until_the_budget_is_used() -> None:
    assert compare_sequentially(WORKED_A[:5], WORKED_B[:5]).verdict is Verdict.OPEN
    used = compare_sequentially(WORKED_A, WORKED_B, budget=5)
    assert (used.verdict, used.decided_at, used.n) == (Verdict.BUDGET_USED, None, 5)
    assert compare_sequentially(WORKED_A, WORKED_B, budget=12).verdict is Verdict.A_LOWER


def test_before_the_first_pair_everything_is_open() -> None:
    result = compare_sequentially([], [40.0])
    assert (result.verdict, result.p_value, result.e_value, result.theta) == (Verdict.OPEN, 1.0, 1.0, 0.5)
    assert (result.interval, result.n, len(result.path.e_values)) == ((0.0, 1.0), 0, 0)


def test_ties_are_counted_and_say_nothing() -> None:
    with_ties = compare_sequentially([40.0, 41.0, 40.0], [40.0, 42.0, 40.0])
    assert (with_ties.won, with_ties.lost, with_ties.tied) == (1, 0, 2)
    only_ties = compare_sequentially([40.0] * 9, [40.0] * 9)
    assert (only_ties.e_value, only_ties.theta) == (pytest.approx(1.0), 0.5)


def test_a_diverged_run_is_worse_than_any_error() -> None:
    result = compare_sequentially([100.0, math.inf, math.inf], [math.inf, 99.0, math.inf])
    assert result.path.outcomes.tolist() == [1, -1, 0]


def test_pairs_with_another_failure_are_left_out_and_counted() -> None:
    result = compare_sequentially([40.0, math.nan, 40.0, None], [41.0, 41.0, 41.0, 41.0])
    assert result.path.pairs.tolist() == [1, 3]
    assert (result.won, result.left_out, result.n) == (2, 2, 4)


def test_the_longer_population_waits_for_its_partners() -> None:
    assert compare_sequentially(WORKED_A, WORKED_B[:3]).n == 3


@settings(max_examples=60, deadline=None)
@given(ERRORS, ERRORS)
def test_a_path_is_bounded_and_its_interval_never_widens(a: list[float], b: list[float]) -> None:
    result = compare_sequentially(a, b)
    assert result.won + result.lost + result.tied + result.left_out == result.n == min(len(a), len(b))
    assert np.all((result.path.low >= 0) & (result.path.low <= result.path.high) & (result.path.high <= 1))
    assert np.all(np.diff(result.path.low) >= 0)
    assert np.all(np.diff(result.path.high) <= 0)
    assert 0 < result.p_value <= 1
    shorter = compare_sequentially(a[: len(b) // 2], b)
    assert np.array_equal(shorter.path.e_values, result.path.e_values[: len(shorter.path.e_values)])


def test_thousands_of_pairs_do_not_overflow() -> None:
    result = compare_sequentially(np.full(5_000, 40.0), np.full(5_000, 41.0))
    assert np.all(np.isfinite(result.path.e_values))
    assert result.decided_at == 8


def test_looking_after_every_pair_raises_few_false_alarms() -> None:
    rng = np.random.default_rng(0)
    pairs = 100 * rng.random((300, 2, 300))
    wrong = sum(compare_sequentially(a, b).verdict in {Verdict.A_LOWER, Verdict.B_LOWER} for a, b in pairs)
    assert wrong / 300 <= 0.05


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"alpha": 0.0}, "alpha must lie"),
        ({"margin": 0.5}, "margin must lie"),
        ({"budget": 0}, "budget must be at least 1"),
    ],
)
def test_settings_are_checked(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        compare_sequentially([1.0], [2.0], **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("errors", [[101.0], [-1.0], [-math.inf], [[1.0]]])
def test_what_is_no_error_is_refused(errors: list[float]) -> None:
    with pytest.raises(InvalidPopulation, match="errors_a"):
        compare_sequentially(errors, [2.0])


def test_alpha_is_shared_among_all_pairs_of_spaces() -> None:
    assert alpha_of_each_pair(0.05, spaces=2) == 0.05
    assert alpha_of_each_pair(0.06, spaces=4) == pytest.approx(0.01)
    with pytest.raises(InvalidPopulation, match="spaces must be at least 2"):
        alpha_of_each_pair(0.05, spaces=1)


def test_the_anytime_median_is_read_off_the_band() -> None:
    errors = np.linspace(30, 60, 200)
    result = anytime_median(errors)
    assert result.value == pytest.approx(45.0)
    assert result.interval == anytime_edf_band(errors).quantile_interval(0.5)
    assert anytime_median([40.0]).interval == (0.0, 100.0)
