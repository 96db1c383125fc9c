"""The EDF with what drawn designs tell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.errors import InvalidPopulation
from engine.statistics import predicted_edf, quantile_interval
from engine.statistics.predicted import Columns


def drawn_columns(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "depth": rng.integers(1, 17, n),
        "width": np.exp(rng.normal(4, 1, n)),
        "block": rng.choice(["plain", "residual"], n),
        "constant": np.ones(n),
    }


def errors_of(columns: dict[str, np.ndarray], rng: np.random.Generator, *, stuck: float = 0.0) -> np.ndarray:
    """Deeper and wider is better, residual by 5 points; noise of 2 points."""
    n = len(columns["depth"])
    errors = 70 - 6 * np.log(columns["depth"]) - 2 * np.log(columns["width"]) - 5 * (columns["block"] == "residual")
    errors = errors + rng.normal(0, 2, n)
    return np.where(rng.random(n) < stuck, 90.0, np.clip(errors, 0, 100))


def test_designs_make_the_median_surer_than_the_trained_networks_alone() -> None:
    rng, ratios = np.random.default_rng(0), []
    for _ in range(10):
        columns = drawn_columns(100, rng)
        errors = errors_of(columns, rng)
        result = predicted_edf(errors, columns, drawn_columns(4_000, rng))
        (low, high), alone = result.median_interval, quantile_interval(errors)
        ratios.append((high - low) / (alone[1] - alone[0]))
        assert result.says_more
        assert result.r_squared > 0.7
        assert low <= result.median <= high
        assert result.worth == round(100 / ratios[-1] ** 2)
        assert (result.n, result.drawn) == (100, 4_000)
    assert np.mean(ratios) < 0.8


def test_the_curve_never_falls_and_lies_between_a_tenth_and_nine_tenths() -> None:
    rng = np.random.default_rng(1)
    columns = drawn_columns(80, rng)
    errors = errors_of(columns, rng)
    result = predicted_edf(errors, columns, drawn_columns(500, rng))
    assert (np.diff(result.fractions) >= 0).all()
    plain = np.searchsorted(np.sort(errors), result.errors, side="right") / 80
    assert plain.min() >= 0.1
    assert plain.max() <= 0.9
    assert (result.lower <= result.upper).all()


def test_the_true_curve_and_median_lie_inside_often_enough() -> None:
    rng = np.random.default_rng(2)
    truth = np.sort(errors_of(many := drawn_columns(200_000, rng), rng, stuck=0.02))
    median, held, points, inside = float(np.median(truth)), 0, 0, 0
    assert len(many) == 4
    for _ in range(60):
        columns = drawn_columns(60, rng)
        result = predicted_edf(errors_of(columns, rng, stuck=0.02), columns, drawn_columns(1_000, rng))
        held += result.median_interval[0] <= median <= result.median_interval[1]
        for error, low, high in zip(result.errors[::6], result.lower[::6], result.upper[::6], strict=True):
            points += 1
            inside += low <= np.searchsorted(truth, error, side="right") / len(truth) <= high
    assert held >= 53
    assert inside / points >= 0.92


def test_designs_that_tell_nothing_are_not_shown_and_do_little_harm() -> None:
    rng = np.random.default_rng(3)
    columns, errors = drawn_columns(100, rng), 40 + rng.gamma(1.6, 6, 100)
    result = predicted_edf(errors, columns, drawn_columns(1_000, rng))
    assert result.r_squared < 0.2
    assert not result.says_more
    alone = quantile_interval(errors)
    assert result.median_interval[1] - result.median_interval[0] < 1.4 * (alone[1] - alone[0])


def test_failures_rank_behind_every_error_and_what_says_nothing_is_left_out() -> None:
    rng = np.random.default_rng(4)
    columns = drawn_columns(70, rng)
    errors = errors_of(columns, rng)
    errors[:10], errors[60:] = math.inf, math.nan
    result = predicted_edf(errors, columns, drawn_columns(300, rng))
    assert result.n == 60
    assert result.errors.max() <= np.nanmax(errors[10:60])
    failing = predicted_edf(np.full(70, math.inf), columns, drawn_columns(300, rng))
    assert (failing.median, failing.median_interval, failing.worth) == (math.inf, (math.inf, math.inf), None)


def test_equal_errors_and_constant_columns_say_what_they_are() -> None:
    rng = np.random.default_rng(5)
    columns = {"a": np.ones(20)}
    result = predicted_edf(np.full(20, 50.0), columns, {"a": np.ones(100)})
    assert (result.median, result.r_squared, result.says_more) == (50.0, pytest.approx(0, abs=0.2), False)
    zeros = predicted_edf(50 + rng.random(20), {"a": rng.integers(-1, 2, 20)}, {"a": rng.integers(-1, 2, 50)})
    assert zeros.n == 20


@pytest.mark.parametrize(
    ("errors", "columns", "of_drawn", "sentence"),
    [
        ([1.0] * 3, {}, {}, "must hold the same parameters, got none and none"),
        ([1.0] * 3, {"a": [1] * 3}, {"b": [1]}, "must hold the same parameters, got a and b"),
        ([1.0] * 3, {"a": [1] * 2}, {"a": [1]}, "columns must be one a network, got 2 for 3 errors"),
        ([1.0] * 3, {"a": [1] * 3, "b": [1]}, {"a": [1], "b": [1]}, "columns: b must have one value a design"),
        ([1.0] * 3, {"a": [1] * 3}, {"a": []}, "columns_of_drawn: a must have one value a design"),
        ([1.0] * 3, {"a": [1, 2, math.nan]}, {"a": [1]}, "columns: a must hold finite numbers"),
        ([1.0, math.nan, 2.0], {"a": [1] * 3}, {"a": [1]}, "at least 3 networks that say something, got 2"),
    ],
)
def test_columns_are_checked(errors: list[float], columns: Columns, of_drawn: Columns, sentence: str) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        predicted_edf(errors, columns, of_drawn)
