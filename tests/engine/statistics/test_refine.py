"""What the networks of a space say about a proposed child of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidPopulation
from engine.statistics import Verdict, compare_errors, what_if
from engine.statistics.population import Population


def population(n: int = 200, failed: int = 0) -> Population:
    """w_m matters (best about 2.3), depth does not."""
    rng = np.random.default_rng(0)
    w_m = rng.integers(20, 31, n) / 10
    errors = 40 + 20 * (w_m - 2.3) ** 2 + rng.random(n)
    columns = {"w_m": w_m, "depth": rng.integers(12, 29, n), "error": errors}
    failures = {"w_m": np.full(failed, 3.0), "depth": np.full(failed, 12.0)}
    return Population.from_columns(columns, failures=failures if failed else None)


def test_what_if_compares_the_inside_with_the_outside() -> None:
    parent = population()
    inside = parent["w_m"] <= 2.5
    result = what_if(parent, inside)
    assert result.comparison == compare_errors(parent.errors[inside], parent.errors[~inside])
    assert result.comparison.verdict is Verdict.A_LOWER
    assert np.array_equal(result.errors, parent.errors[inside])
    assert (result.n, result.n_parent, result.edf.n) == (int(inside.sum()), 200, int(inside.sum()))
    assert result.effect == pytest.approx(parent.errors[inside].mean() - parent.errors.mean())
    assert result.effect is not None
    assert result.interval[0] < result.effect < result.interval[1] < 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(30, 40) | st.sampled_from([math.inf, math.nan]), st.booleans()), max_size=30))
def test_the_effect_is_the_mean_inside_against_that_of_all(rows: list[tuple[float, bool]]) -> None:
    errors, inside = np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows], dtype=bool)
    if not (inside & ~np.isnan(errors)).any():
        with pytest.raises(InvalidPopulation, match="networks lies inside"):
            what_if(errors, inside)
        return
    result, finite = what_if(errors, inside), np.isfinite(errors)
    if not (inside & finite).any():
        assert result.effect is None
        return
    assert result.effect == pytest.approx(errors[inside & finite].mean() - errors[finite].mean())
    assert result.interval[0] <= result.effect <= result.interval[1]


def test_a_child_that_holds_all_samples_changes_nothing() -> None:
    result = what_if(population(), np.ones(200, dtype=bool))
    assert (result.effect, result.interval, result.comparison.verdict) == (0.0, (0.0, 0.0), Verdict.NOTHING)


def test_failures_count_in_theta_where_it_is_known_which_lie_inside() -> None:
    parent = population(failed=20)
    inside = parent["depth"] < 20
    finished = what_if(parent, inside)
    assert (finished.n_parent, finished.comparison.failed) == (200, (0, 0))
    with_failures = what_if(parent, np.concatenate([inside, np.ones(20, dtype=bool)]))
    assert (with_failures.n_parent, with_failures.comparison.failed) == (220, (20, 0))
    assert with_failures.comparison.theta < finished.comparison.theta
    assert with_failures.effect == pytest.approx(finished.effect)


@pytest.mark.parametrize("inside", [[1, 0], [True], [[True, False]]])
def test_an_inside_that_does_not_fit_the_errors_is_refused(inside: object) -> None:
    with pytest.raises(InvalidPopulation, match="inside must be"):
        what_if([40.0, 50.0], inside)  # type: ignore[arg-type]
