"""Which restrictions are suggested, and with what right."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from engine.errors import InvalidPopulation
from engine.statistics import empirical_bootstrap, suggest_refinements
from engine.statistics.population import Population
from engine.statistics.theta import estimate_theta
from tests.engine.statistics.test_refine import population


def test_the_restriction_that_matters_is_suggested_first() -> None:
    search = suggest_refinements(population(), parameters=["depth", "w_m"])
    first = search.refinements[0]
    assert (first.parameter, first.p_search, search.p_search) == ("w_m", 0.001, 0.001)
    assert first.theta > 0.7
    assert [one.z for one in search.refinements] == sorted(one.z for one in search.refinements)
    assert search.candidates == len(search.refinements)
    assert all(one.p_search > 0.05 for one in search.refinements if one.parameter == "depth")


def test_a_suggestion_says_what_it_would_have_left() -> None:
    parent = population()
    for suggestion in suggest_refinements(parent, parameters=["w_m"]).refinements:
        inside = parent.filter({"w_m": (suggestion.low, suggestion.high)})
        outside = np.setdiff1d(parent.errors, inside.errors)
        assert (suggestion.n, suggestion.n_parent) == (inside.n, 200)
        assert suggestion.mean_difference == pytest.approx(inside.errors.mean() - parent.errors.mean())
        assert suggestion.theta == pytest.approx(estimate_theta(inside.errors, outside).theta)


def test_the_candidates_are_the_empirical_bootstraps_interval_quarters_and_halves() -> None:
    parent = population()
    best = empirical_bootstrap(parent["w_m"], parent)
    ranges = {(one.low, one.high) for one in suggest_refinements(parent, parameters=["w_m"]).refinements}
    first, middle, third = np.quantile(parent["w_m"], (0.25, 0.5, 0.75), method="inverted_cdf")
    above = [parent["w_m"][parent["w_m"] > quantile].min() for quantile in (first, middle)]
    assert ranges == {(best.low, best.high), (None, third), (None, middle), (above[0], None), (above[1], None)}


def test_z_is_that_of_a_rank_sum_test() -> None:
    parent = Population.from_columns({"b": np.arange(12.0), "error": np.arange(12.0)})
    half = next(one for one in suggest_refinements(parent, parameters=["b"]).refinements if one.high == 5.0)
    # Mean rank 3.5 of 6 of 12, against 6.5 with a standard error of sqrt(13 * 6 / (12 * 6)).
    assert half.z == pytest.approx(-3 / math.sqrt(13 / 12))


def test_the_p_value_is_the_share_of_all_orders_whose_best_candidate_is_as_good() -> None:
    errors = np.array([40.0, 41.0, 42.0, 43.0, 44.0, 45.0])
    kept = [{0, 1, 2, 3, 4}, {1, 2, 3, 4, 5}]
    rules = {str(inside): [row in inside for row in range(6)] for inside in kept}
    search = suggest_refinements(Population.from_columns({"error": errors}), parameters=[], rules=rules)
    orders = list(itertools.permutations(range(6)))
    least = min(sum(errors[list(inside)]) for inside in kept)
    as_good = [min(sum(errors[order[i]] for i in inside) for inside in kept) <= least for order in orders]
    assert search.candidates == 2
    assert search.p_search == pytest.approx(np.mean(as_good), abs=0.05)


def test_unused_rules_are_candidates() -> None:
    parent = population()
    search = suggest_refinements(parent, parameters=[], rules={"widths_non_decreasing": parent["w_m"] < 2.5})
    assert [(one.rule, one.origin, one.parameter, one.low, one.high) for one in search.refinements] == [
        ("widths_non_decreasing", "rule", "", None, None)
    ]
    assert search.p_search == 0.001


def test_failures_rank_behind_every_error_where_their_parameters_are_known() -> None:
    rng = np.random.default_rng(3)
    columns = {"depth": rng.integers(1, 5, 60), "error": 40 + rng.random(60)}
    plain = Population.from_columns(columns)
    failing = Population.from_columns(columns, failures={"depth": [5.0] * 30 + [math.nan]})
    assert suggest_refinements(plain, parameters=["depth"]).p_search > 0.05
    search = suggest_refinements(failing, parameters=["depth"])
    assert (search.n, search.p_search) == (90, 0.001)
    assert search.refinements[0].high == 4.0
    unknown = Population.from_columns(columns, failed=31)
    assert suggest_refinements(unknown, parameters=["depth"]).n == 60


def test_a_rule_may_say_which_failures_meet_it() -> None:
    rng = np.random.default_rng(3)
    failing = Population.from_columns(
        {"depth": rng.integers(1, 5, 60), "error": 40 + rng.random(60)}, failures={"depth": [5.0] * 30}
    )
    known = np.concatenate([np.ones(60, dtype=bool), np.zeros(30, dtype=bool)])
    assert suggest_refinements(failing, parameters=[], rules={"rule": known}).p_search == 0.001
    assert suggest_refinements(failing, parameters=[], rules={"rule": known[:60]}).candidates == 0


def test_what_keeps_too_few_or_everything_is_not_suggested() -> None:
    rules = {"few": np.arange(200) < 4, "all": np.ones(200, dtype=bool)}
    search = suggest_refinements(population(), parameters=[], rules=rules)
    assert (search.refinements, search.p_search, search.needed) == ((), 1.0, None)
    pair = Population.from_columns({"b": [1, 1], "error": [40, 41]})
    assert suggest_refinements(pair, parameters=["b"]).candidates == 0
    empty = Population.from_columns({"b": [], "error": []})
    assert suggest_refinements(empty, parameters=["b"]).candidates == 0


def test_equal_errors_support_nothing() -> None:
    tied = Population.from_columns({"b": np.arange(20.0), "error": np.full(20, 90.0)})
    search = suggest_refinements(tied, parameters=["b"])
    assert search.p_search == 1.0
    assert {one.z for one in search.refinements} == {0.0}


def test_a_rule_that_does_not_fit_the_samples_is_refused() -> None:
    with pytest.raises(InvalidPopulation, match="mask must be 200 booleans"):
        suggest_refinements(population(), parameters=[], rules={"widths_non_decreasing": [True]})


def test_restrictions_that_keep_the_same_samples_are_one() -> None:
    errors = np.linspace(40, 60, 40)
    parent = Population.from_columns({"b": np.repeat([1.0, 2.0], 20), "error": errors})
    kept = [(one.low, one.high) for one in suggest_refinements(parent, parameters=["b"]).refinements]
    assert sorted(kept, key=str) == [(1.0, 1.0), (2.0, None)]


def test_many_networks_are_searched_in_parts_of_bounded_memory() -> None:
    rng = np.random.default_rng(0)
    many = Population.from_columns({"b": rng.random(20_100), "error": 40 + rng.random(20_100)})
    search = suggest_refinements(many, parameters=["b"])
    assert search.n == 20_100
    assert search.p_search * 200 == pytest.approx(round(search.p_search * 200))


def test_shuffled_errors_are_seldom_better_supported_than_chance() -> None:
    rng = np.random.default_rng(5)
    claims = 0
    for _ in range(60):
        columns = {name: rng.integers(1, 20, 32) for name in "abcdef"}
        noise = Population.from_columns({**columns, "error": 40 + rng.gamma(1.6, 4, 32)})
        claims += suggest_refinements(noise, parameters=list("abcdef")).p_search <= 0.05
    assert claims <= 8


def test_as_many_more_networks_as_it_says_show_a_drop_of_two_points() -> None:
    rng = np.random.default_rng(4)

    def drawn(n: int, drop: float) -> Population:
        columns = {name: rng.integers(1, 31, n) for name in "ab"}
        errors = 42 + rng.gamma(1.6, 4, n) - drop * (columns["a"] <= 15)
        return Population.from_columns({**columns, "error": errors})

    needed = suggest_refinements(drawn(100, 0.0), parameters=["a", "b"]).needed
    assert needed is not None
    shows = [suggest_refinements(drawn(100 + needed, 2.0), parameters=["a", "b"]).p_search <= 0.05 for _ in range(25)]
    assert sum(shows) >= 14
    assert suggest_refinements(drawn(3_000, 0.0), parameters=["a", "b"]).needed == 0
