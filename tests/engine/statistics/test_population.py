"""A population is checked once, on construction, and never changes afterwards."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidPopulation
from engine.statistics.population import Population


def population() -> Population:
    return Population.from_columns(
        {"w_a": [10.0, 20.0, 30.0], "error": [50.0, 40.0, 45.0], "best_error": [49.0, 41.0, 39.0]}, failed=2, pending=1
    )


def test_columns_are_float64_by_name_in_the_order_given() -> None:
    assert population().names == ("w_a", "error", "best_error")
    assert population()["w_a"].dtype == np.float64
    assert population().n == len(population()) == 3
    assert "w_a" in population()
    assert list(population()) == ["w_a", "error", "best_error"]


def test_counts_of_failed_and_pending_samples_are_kept() -> None:
    assert (population().failed, population().pending) == (2, 1)


def test_a_population_may_be_empty() -> None:
    assert Population.from_columns({"error": []}).n == 0


def test_nothing_of_a_population_can_be_changed() -> None:
    frozen = population()
    with pytest.raises(ValueError, match="read-only"):
        frozen["error"][0] = 0.0
    with pytest.raises(TypeError):
        frozen.columns["error"] = np.zeros(3)  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        frozen.failed = 0  # type: ignore[misc]


def test_the_callers_array_is_copied() -> None:
    errors = np.array([1.0, 2.0])
    kept = Population.from_columns({"error": errors})
    errors[0] = 99.0
    assert kept.errors[0] == 1.0


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"w_a": [1.0]}, "needs a column error"),
        ({"error": [1.0], "w_a": [1.0, 2.0]}, "w_a has 2 rows, but error has 1"),
        ({"error": [1.0, math.nan]}, "Column error, row 1: must be a percentage from 0 to 100, got nan"),
        ({"error": [1.0, 101.0]}, "Column error, row 1: .* got 101"),
        ({"error": [-0.5]}, "Column error, row 0"),
        ({"error": [1.0], "best_error": [math.inf]}, "Column best_error, row 0"),
        (
            {"error": [1.0, 2.0], "flops": [1.0, math.inf]},
            "Column flops, row 1: must be a finite number or nan, got inf",
        ),
        ({"error": [[1.0]]}, "one dimension"),
        ({"error": ["low"]}, "Column error must hold numbers"),
    ],
)
def test_bad_columns_are_refused_with_column_and_row(columns: dict[str, list[float]], sentence: str) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        Population.from_columns(columns)


@pytest.mark.parametrize("count", ["failed", "pending", "missing"])
def test_negative_counts_are_refused(count: str) -> None:
    with pytest.raises(InvalidPopulation, match=f"{count} must be at least 0, got -1"):
        Population.from_columns({"error": [1.0]}, **{count: -1})


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(InvalidPopulation, match="no column depth"):
        population()["depth"]


def test_ranges_are_closed_and_open_ends_are_none() -> None:
    assert population().filter({"w_a": (10, 20)})["w_a"].tolist() == [10.0, 20.0]
    assert population().filter({"w_a": (None, 25), "error": (45, None)})["w_a"].tolist() == [10.0]
    assert population().filter({}).n == 3


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidPopulation, match="low <= high, got 3 to 2"):
        population().filter({"w_a": (3, 2)})


def test_a_selection_keeps_rows_and_counts() -> None:
    chosen = population().select([True, False, True])
    assert chosen["error"].tolist() == [50.0, 45.0]
    assert (chosen.failed, chosen.pending) == (2, 1)


@pytest.mark.parametrize("mask", [[True, False], [1, 0, 1]])
def test_a_mask_that_does_not_fit_is_refused(mask: list[bool]) -> None:
    with pytest.raises(InvalidPopulation, match="mask must be 3 booleans"):
        population().select(mask)


def with_failures() -> Population:
    return Population.from_columns(
        {"w_a": [10.0, 20.0, 30.0], "error": [50.0, 40.0, 45.0]}, failures={"w_a": [15.0, math.nan]}, missing=1
    )


def test_failures_are_counted_by_their_columns_and_rank_behind_every_error() -> None:
    assert with_failures().failed == 2
    assert with_failures().outcomes.tolist() == [50.0, 40.0, 45.0, math.inf, math.inf]
    assert population().outcomes.tolist() == [50.0, 40.0, 45.0, math.inf, math.inf]


def test_a_filter_drops_failures_outside_it_and_counts_them_again() -> None:
    inside = with_failures().filter({"w_a": (10, 20)})
    assert (inside.n, inside.failed, inside.missing) == (2, 1, 1)
    assert inside.failures["w_a"].tolist() == [15.0]
    assert with_failures().filter({"w_a": (20, None)}).failed == 0


def test_failures_of_unknown_columns_are_kept_by_every_filter() -> None:
    assert population().filter({"w_a": (10, 20)}).failed == 2
    assert population().filter({"w_a": (99, None)}).outcomes.tolist() == [math.inf, math.inf]


def test_a_filter_takes_the_error_of_a_failure_for_infinite() -> None:
    assert with_failures().filter({"error": (45, None)}).failed == 2
    assert with_failures().filter({"error": (None, 45)}).failed == 0


def test_failures_can_be_selected_beside_the_samples() -> None:
    chosen = with_failures().select([True, False, True], failures=[True, False])
    assert (chosen.n, chosen.failed) == (2, 1)
    assert with_failures().select([True, False, True]).failed == 2
    with pytest.raises(InvalidPopulation, match="failures must be 2 booleans"):
        with_failures().select([True, False, True], failures=[True])


@pytest.mark.parametrize(
    ("failures", "failed", "sentence"),
    [
        ({"depth": [1.0]}, None, "Failures must have the columns w_a, got depth"),
        ({"w_a": [1.0]}, 2, "failed is 2, but there are columns of 1 failures"),
        ({"w_a": ["wide"]}, None, "Column w_a must hold numbers"),
    ],
)
def test_failures_that_do_not_fit_are_refused(
    failures: dict[str, list[float]], failed: int | None, sentence: str
) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        Population.from_columns({"w_a": [1.0], "error": [2.0]}, failures=failures, failed=failed)


def test_another_error_column_can_be_used() -> None:
    assert population().using("best_error").errors.tolist() == [49.0, 41.0, 39.0]
    with pytest.raises(InvalidPopulation, match="error must be one of"):
        population().using("w_a")


def test_best_to_worst_keeps_the_order_of_ties() -> None:
    assert Population.from_columns({"error": [2.0, 1.0, 2.0, 1.0]}).best_to_worst().tolist() == [1, 3, 0, 2]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 100), max_size=20), st.floats(0, 100), st.floats(0, 100))
def test_a_filter_splits_a_population_without_loss(errors: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    whole = Population.from_columns({"error": errors})
    inside = whole.filter({"error": (low, high)})
    below, above = whole.errors < low, whole.errors > high
    assert inside.n + whole.select(below).n + whole.select(above).n == whole.n
    assert all(low <= error <= high for error in inside.errors)
