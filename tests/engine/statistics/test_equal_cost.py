"""Two populations at equal complexity."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.errors import InvalidPopulation
from engine.statistics import Verdict, compare_at_equal_cost
from engine.statistics.population import Population


def priced(n: int, *, factor: float = 1.0, drop: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Errors that fall by 8 points per unit of log cost, and the costs."""
    rng = np.random.default_rng(seed)
    costs = factor * 400 * np.exp(rng.normal(0, 0.4, n))
    return np.clip(90 - 8 * np.log(costs) + rng.gamma(1.6, 2, n) - drop, 0, 100), costs


def test_what_is_lower_only_because_it_costs_more_is_not_lower_at_equal_cost() -> None:
    a, b = priced(200), priced(200, factor=1.6, seed=1)
    assert b[0].mean() < a[0].mean() - 2
    result = compare_at_equal_cost(*a, *b)
    assert result.verdict is Verdict.NOT_SHOWN
    assert result.interval is not None
    assert result.interval[0] < 0.5 < result.interval[1]
    assert result.difference_interval is not None
    assert result.difference_interval[0] < 0 < result.difference_interval[1]


def test_a_difference_at_equal_cost_is_shown_on_its_side() -> None:
    a, b = priced(200, drop=4), priced(200, factor=1.3, seed=1)
    result, turned = compare_at_equal_cost(*a, *b), compare_at_equal_cost(*b, *a)
    assert (result.verdict, turned.verdict) == (Verdict.A_LOWER, Verdict.B_LOWER)
    assert result.theta == pytest.approx(1 - (turned.theta or 0))
    assert result.difference == pytest.approx(-(turned.difference or 0))
    assert result.differs


def test_more_pairs_need_more_evidence() -> None:
    alone, of_many = (compare_at_equal_cost(*priced(60), *priced(60, seed=1), pairs=pairs) for pairs in (1, 15))
    assert of_many.level == pytest.approx(1 - 0.05 / 15)
    assert alone.interval is not None
    assert of_many.interval is not None
    assert of_many.interval[0] < alone.interval[0] < alone.interval[1] < of_many.interval[1]


def test_too_little_overlap_gives_no_comparison() -> None:
    a, b = priced(30), priced(30, factor=100, seed=1)
    result = compare_at_equal_cost(*a, *b)
    assert (result.verdict, result.theta, result.interval, result.difference) == (Verdict.NOTHING, None, None, None)
    assert (result.strata, result.used) == (0, (0, 0))
    assert compare_at_equal_cost([], [], *b).limits is None


def test_strata_are_merged_until_each_holds_three_of_both_and_the_last_takes_what_remains() -> None:
    costs_a = [0.0, 0.5, 1.5, 5.5, 6.5, 7.5, 9.5, 10.0]
    costs_b = [0.0, 0.1, 0.2, 8.0, 8.0, 8.0, 8.0, 10.0]
    result = compare_at_equal_cost(np.arange(8.0), costs_a, np.arange(8.0), costs_b)
    assert (result.strata, result.used) == (2, (8, 8))
    # Of the first two bins, weighing 0.2: all pairs of 0, 1, 2 tie or alternate; of the other eight likewise.
    assert result.theta == pytest.approx(0.5)


def test_one_cost_is_one_stratum() -> None:
    result = compare_at_equal_cost([1.0, 2.0, 3.0], [7.0] * 3, [4.0, 5.0, 6.0], [7.0] * 3)
    assert (result.strata, result.theta, result.limits) == (1, 1.0, (7.0, 7.0))
    assert result.interval is not None
    assert result.interval[0] < 0.5


def test_failures_count_in_theta_and_not_in_the_means() -> None:
    (errors, costs), b = priced(40), priced(40, seed=1)
    failing = np.where(np.arange(40) % 4 == 0, math.inf, errors)
    with_failures, plain = compare_at_equal_cost(failing, costs, *b), compare_at_equal_cost(errors, costs, *b)
    assert (with_failures.theta or 0) < (plain.theta or 0) - 0.05
    assert with_failures.difference is not None
    assert math.isfinite(with_failures.difference)
    assert with_failures.finished[0] < with_failures.used[0]
    nothing_finished = compare_at_equal_cost(np.full(40, math.inf), costs, *b)
    assert (nothing_finished.theta, nothing_finished.difference) == (0.0, None)


def test_networks_that_say_nothing_or_whose_cost_is_not_known_are_left_out() -> None:
    (errors, costs), b = priced(40), priced(40, seed=1)
    more = np.append(errors, [math.nan, 20.0]), np.append(costs, [400.0, math.nan])
    assert compare_at_equal_cost(*more, *b) == compare_at_equal_cost(errors, costs, *b)


def test_a_population_comes_with_the_costs_of_its_finished_samples_or_of_all() -> None:
    (errors, costs), b = priced(40), priced(40, seed=1)
    samples = Population.from_columns({"flops": costs, "error": errors}, failures={"flops": [400.0]})
    assert compare_at_equal_cost(samples, costs, *b) == compare_at_equal_cost(errors, costs, *b)
    all_costs = np.append(costs, 400.0)
    of_all = compare_at_equal_cost(np.append(errors, math.inf), all_costs, *b)
    assert compare_at_equal_cost(samples, all_costs, *b) == of_all


def test_all_tied_networks_say_that_neither_is_lower() -> None:
    costs = np.linspace(1, 2, 40)
    result = compare_at_equal_cost(np.full(40, 50.0), costs, np.full(40, 50.0), costs)
    assert (result.theta, result.verdict) == (0.5, Verdict.NOT_SHOWN)
    assert result.interval is not None
    assert result.interval[0] < 0.48
    assert result.interval[1] > 0.52


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"costs_a": [1.0]}, "costs_a must be one a network, got 1 for 3 errors_a"),
        ({"costs_a": [1.0, 2.0, math.inf]}, "costs_a must be finite numbers"),
        ({"errors_b": [-1.0, 2.0, 3.0]}, "errors_b, row 0: must be a percentage"),
        ({"pairs": 0}, "pairs must be at least 1"),
        ({"alpha": 1.0}, "alpha must lie between 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object], sentence: str) -> None:
    given: dict[str, object] = {name: [1.0, 2.0, 3.0] for name in ("errors_a", "costs_a", "errors_b", "costs_b")}
    with pytest.raises(InvalidPopulation, match=sentence):
        compare_at_equal_cost(**(given | changes))  # type: ignore[arg-type]
