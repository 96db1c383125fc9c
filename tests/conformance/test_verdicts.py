"""Verdicts, their intervals and the evidence in draw order, against values of another implementation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from engine.statistics import (
    best_of,
    compare_at_equal_cost,
    compare_errors,
    compare_sequentially,
    holm,
    largest_m,
    mean_difference_interval,
    mean_interval,
    what_if,
)
from engine.statistics.predicted import FeatureModel
from engine.statistics.theta import estimate_theta, interval_of_difference, median_of_differences, p_value_of_theta
from tests.conformance import oracles


def cases(function: str) -> list[dict[str, Any]]:
    return [case for case in oracles.cases("verdict_vectors.json") if case["function"] == function]


def numbers(column: list[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """None is nan, and "inf" a failure."""
    return np.array([math.nan if value is None else float(value) for value in column])


def test_theta_its_interval_and_its_p_value_are_reproduced() -> None:
    for case in cases("theta"):
        a, b = numbers(case["input"]["a"]), numbers(case["input"]["b"])
        wanted, near = case["output"], {"abs": case["tolerance"]}
        estimate = estimate_theta(a, b)
        assert estimate.theta == pytest.approx(wanted["theta"], **near), case["id"]
        assert estimate.interval(case["input"]["confidence"]) == pytest.approx(wanted["interval"], **near), case["id"]
        if "p" in wanted:
            assert p_value_of_theta(a, b) == pytest.approx(wanted["p"], **near), case["id"]


def test_the_median_of_all_differences_and_its_interval_are_reproduced() -> None:
    for case in cases("difference"):
        a, b = numbers(case["input"]["a"]), numbers(case["input"]["b"])
        wanted, near = case["output"], {"abs": case["tolerance"]}
        assert median_of_differences(a, b) == pytest.approx(wanted["median_of_differences"], **near), case["id"]
        interval = interval_of_difference(a, b, level=case["input"]["confidence"])
        assert interval == pytest.approx(numbers(wanted["interval"]).tolist(), **near), case["id"]


def test_whole_comparisons_are_reproduced() -> None:
    for case in cases("compare"):
        given, wanted, near = case["input"], case["output"], {"abs": case["tolerance"]}
        compared = compare_errors(
            numbers(given["a"]),
            numbers(given["b"]),
            pairs=given["pairs"],
            alpha=given["alpha"],
            margin=given["margin"],
        )
        assert compared.verdict == wanted["verdict"], case["id"]
        assert (list(compared.n), list(compared.failed)) == (wanted["n"], wanted["failed"]), case["id"]
        assert compared.mostly_failures == wanted["mostly_failures"], case["id"]
        for name in ("theta", "level", "interval"):
            assert getattr(compared, name) == pytest.approx(wanted[name], **near), (case["id"], name)
        by_chance = min(compared.n) >= 2 and math.comb(sum(compared.n), compared.n[0]) > 20_000
        if not by_chance or min(compared.n) >= 50:
            assert compared.p_value == pytest.approx(wanted["p"], **near), case["id"]
            assert compared.p_adjusted == pytest.approx(wanted["p_adjusted"], **near), case["id"]
        if wanted["difference"] is None:
            assert (compared.difference, compared.difference_interval) == (None, None), case["id"]
        else:
            assert compared.difference == pytest.approx(wanted["difference"], **near), case["id"]
            ends = numbers(wanted["difference_interval"]).tolist()
            assert compared.difference_interval == pytest.approx(ends, **near), case["id"]


def test_holms_correction_is_reproduced() -> None:
    for case in cases("holm"):
        assert holm(case["input"]["p"]).tolist() == pytest.approx(case["output"]), case["id"]


def test_comparisons_in_draw_order_are_reproduced() -> None:
    for case in cases("sequential"):
        given, wanted, near = case["input"], case["output"], {"abs": case["tolerance"]}
        compared = compare_sequentially(
            numbers(given["a"]),
            numbers(given["b"]),
            alpha=given["alpha"],
            margin=given["margin"],
            budget=given["budget"],
        )
        for name in ("verdict", "decided_at", "won", "lost", "tied", "left_out", "n"):
            assert getattr(compared, name) == wanted[name], (case["id"], name)
        assert compared.p_value == pytest.approx(wanted["p"], **near), case["id"]
        assert compared.path.log_e_values[-1] == pytest.approx(wanted["log_e"], **near), case["id"]
        assert compared.path.log_e_for[:, -1].tolist() == pytest.approx(wanted["log_e_for"], **near), case["id"]
        assert compared.theta == pytest.approx(wanted["theta"], **near), case["id"]
        assert compared.interval == pytest.approx(wanted["interval"], **near), case["id"]


def test_intervals_of_means_are_reproduced() -> None:
    for case in cases("mean_interval"):
        result = mean_interval(numbers(case["input"]["errors"]), confidence=case["input"]["confidence"])
        assert result.mean == pytest.approx(case["output"]["mean"]), case["id"]
        assert result.interval == pytest.approx(case["output"]["interval"], abs=case["tolerance"]), case["id"]
    for case in cases("mean_difference_interval"):
        difference = mean_difference_interval(numbers(case["input"]["a"]), numbers(case["input"]["b"]))
        assert difference.interval == pytest.approx(case["output"], abs=case["tolerance"]), case["id"]


def test_the_best_of_m_is_reproduced() -> None:
    for case in cases("best_of"):
        errors, wanted = numbers(case["input"]["errors"]), case["output"]
        result = best_of(errors, case["input"]["m"])
        expected = [float(wanted[name]) for name in ("estimate", "low", "high")]
        assert [result.estimate, result.low, result.high] == expected, case["id"]
        assert largest_m(len(errors)) == wanted["largest_m"], case["id"]


def test_comparisons_at_equal_cost_are_reproduced() -> None:
    for case in cases("at_equal_cost"):
        given, wanted, near = case["input"], case["output"], {"abs": case["tolerance"]}
        result = compare_at_equal_cost(numbers(given["a"]), given["cost_a"], numbers(given["b"]), given["cost_b"])
        if wanted["theta"] is None:
            assert (result.theta, result.interval, result.strata) == (None, None, 0), case["id"]
        else:
            assert result.theta == pytest.approx(wanted["theta"]["theta"], **near), case["id"]
            assert result.interval == pytest.approx(wanted["theta"]["interval"], **near), case["id"]
            assert (result.strata, list(result.used)) == (wanted["theta"]["strata"], wanted["theta"]["used"])
        if wanted["mean"] is None:
            assert (result.difference, result.difference_interval) == (None, None), case["id"]
        else:
            assert result.difference == pytest.approx(wanted["mean"]["difference"], **near), case["id"]
            assert result.difference_interval == pytest.approx(wanted["mean"]["interval"], **near), case["id"]


def test_what_a_restriction_would_change_is_reproduced() -> None:
    for case in cases("what_if"):
        effect, interval = case["output"]
        result = what_if(numbers(case["input"]["errors"]), case["input"]["inside"])
        assert result.effect == pytest.approx(effect, abs=case["tolerance"]), case["id"]
        assert result.interval == pytest.approx(interval, abs=case["tolerance"]), case["id"]


def test_the_edf_with_what_designs_tell_is_reproduced() -> None:
    for case in cases("powered_edf"):
        given, wanted, near = case["input"], case["output"], {"abs": case["tolerance"]}
        features, drawn = np.array(given["features"]), np.array(given["features_drawn"])
        model = FeatureModel.fitted(numbers(given["errors"]), features, drawn)
        share, low, high = model.at(given["at"])
        assert model.degrees == pytest.approx(wanted["degrees"], **near), case["id"]
        assert share == pytest.approx(wanted["result"][0], **near), case["id"]
        assert [low, high] == pytest.approx(wanted["result"][1], **near), case["id"]
