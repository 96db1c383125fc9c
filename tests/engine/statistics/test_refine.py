"""What a restriction would leave, and which are suggested."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics import compare_errors, suggest_refinements, what_if
from engine.statistics.population import Population


def population(n: int = 200) -> Population:
    """w_m matters (best about 2.3), depth does not."""
    rng = np.random.default_rng(0)
    w_m = rng.integers(20, 31, n) / 10
    errors = 40 + 20 * (w_m - 2.3) ** 2 + rng.random(n)
    return Population.from_columns({"w_m": w_m, "depth": rng.integers(12, 29, n), "error": errors})


def test_what_if_is_the_parents_samples_inside() -> None:
    parent = population()
    inside = parent["w_m"] <= 2.5
    result = what_if(parent, inside)
    assert np.array_equal(result.population["w_m"], parent["w_m"][inside])
    assert (result.n, result.n_parent, result.edf.n) == (int(inside.sum()), 200, int(inside.sum()))
    assert result.mean_difference == pytest.approx(parent.errors[inside].mean() - parent.errors.mean())
    assert result.interval[0] < result.mean_difference < result.interval[1] < 0
    assert result.p_value == pytest.approx(compare_errors(parent.errors[inside], parent.errors[~inside]).p_value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(30, 40), st.booleans()), min_size=1, max_size=30))
def test_the_distance_is_that_between_the_inside_and_all(rows: list[tuple[int, bool]]) -> None:
    errors, inside = np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows])
    parent = Population.from_columns({"error": errors})
    if not inside.any():
        with pytest.raises(InvalidPopulation, match="samples lies inside"):
            what_if(parent, inside)
        return
    result = what_if(parent, inside)
    expected = stats.ks_2samp(errors[inside], errors, method="exact").statistic
    assert result.ks_distance == pytest.approx(expected)
    assert result.mean_difference == pytest.approx(errors[inside].mean() - errors.mean())


def test_a_child_that_holds_all_samples_changes_nothing() -> None:
    result = what_if(population(), np.ones(200, dtype=bool))
    assert (result.ks_distance, result.p_value, result.mean_difference, result.interval) == (0.0, 1.0, 0.0, (0.0, 0.0))


def test_the_restriction_that_matters_is_suggested_first() -> None:
    parent = population()
    suggestions = suggest_refinements(parent, parameters=["depth", "w_m"])
    assert suggestions[0].parameter == "w_m"
    assert suggestions[0].p_adjusted < 0.001
    drops = [suggestion.mean_difference for suggestion in suggestions]
    assert drops == sorted(drops)
    assert all(suggestion.p_adjusted >= suggestion.p_value for suggestion in suggestions)
    assert all(suggestion.candidates == len(suggestions) for suggestion in suggestions)


def test_a_suggestion_says_what_it_would_have_left() -> None:
    parent = population()
    for suggestion in suggest_refinements(parent, parameters=["w_m"]):
        inside = parent.filter({"w_m": (suggestion.low, suggestion.high)})
        assert (suggestion.n, suggestion.n_parent) == (inside.n, 200)
        assert suggestion.mean_difference == pytest.approx(inside.errors.mean() - parent.errors.mean())


def test_unused_rules_are_candidates() -> None:
    parent = population()
    suggestions = suggest_refinements(parent, parameters=[], rules={"widths_non_decreasing": parent["w_m"] < 2.5})
    assert [(s.rule, s.origin, s.parameter, s.low, s.high) for s in suggestions] == [
        ("widths_non_decreasing", "rule", "", None, None)
    ]


def test_what_keeps_too_few_or_everything_is_not_suggested() -> None:
    parent = population()
    few = np.arange(200) < 4
    rules = {"few": few, "all": np.ones(200, dtype=bool)}
    assert suggest_refinements(parent, parameters=[], rules=rules) == ()
    assert suggest_refinements(Population.from_columns({"b": [1, 1], "error": [40, 41]}), parameters=["b"]) == ()


def test_a_rule_that_does_not_fit_the_samples_is_refused() -> None:
    with pytest.raises(InvalidPopulation, match="mask must be 200 booleans"):
        suggest_refinements(population(), parameters=[], rules={"widths_non_decreasing": [True]})


def test_restrictions_that_keep_the_same_samples_are_one() -> None:
    errors = np.linspace(40, 60, 40)
    parent = Population.from_columns({"b": np.repeat([1.0, 2.0], 20), "error": errors})
    kept = [(s.low, s.high) for s in suggest_refinements(parent, parameters=["b"])]
    assert sorted(kept, key=str) == [(1.0, 1.0), (2.0, None)]
