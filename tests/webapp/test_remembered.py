"""What is remembered equals what is computed, and new samples are never answered with old ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import statistics
from engine.designs.linear_fit import fit_errors, fit_quantized_linear
from engine.spaces import presets
from engine.spaces.sampling import draw_designs
from engine.statistics.population import Population
from webapp.analysis import statistics as remembered
from webapp.memory import Memory


def population(seed: int, n: int = 40) -> Population:
    rng = np.random.default_rng(seed)
    columns = {name: rng.integers(1, 9, n) for name in ("depth", "w_m")}
    return Population.from_columns({**columns, "error": 40 + columns["w_m"] + rng.normal(0, 1, n)})


def test_results_are_the_engines() -> None:
    samples = population(0)
    rules = {"widths_non_decreasing": samples["depth"] > 4}
    assert remembered.refinements(samples, ["depth", "w_m"], rules) == statistics.suggest_refinements(
        samples, parameters=["depth", "w_m"], rules=rules
    )
    assert remembered.importance(samples, ["w_m"]) == statistics.parameter_importance(samples, parameters=["w_m"])
    other = population(9)
    outcomes = [samples.errors, other.errors]
    assert remembered.compared(outcomes) == statistics.compare_all(outcomes)
    assert remembered.compared_alone(*outcomes, pairs=3) == statistics.compare_errors(*outcomes, pairs=3)
    assert remembered.distance(*outcomes) == statistics.ks_test(*outcomes)
    expected_means = statistics.mean_difference_interval(samples, other)
    means = remembered.means_compared(*outcomes)
    assert means == (samples.errors.mean() - other.errors.mean(), expected_means.interval)
    assert remembered.means_compared(samples.errors[:15], other.errors)[1] is None
    compared = remembered.compared_in_order(samples.errors, other.errors, alpha=0.01, budget=20)
    expected = statistics.compare_sequentially(samples.errors, other.errors, alpha=0.01, budget=20)
    assert (compared.verdict, compared.interval, compared.n) == (expected.verdict, expected.interval, 20)
    assert remembered.best_of_many(samples.errors, 8) == statistics.best_of(samples, 8)
    curve = remembered.search_curve(samples.errors, sizes=[1, 3, 6, 16, 40])
    expected = statistics.random_search_curve(samples, sizes=[1, 3, 6, 16, 40])
    assert np.array_equal(curve.m, expected.m)
    assert np.array_equal(curve.expected_min, expected.expected_min)
    assert remembered.sample_sizes(samples.errors).m.tolist() == [1, 2, 4, 8, 16]


def test_fits_are_the_engines_and_each_design_is_fitted_once(monkeypatch: Any) -> None:
    designs = [
        design.to_anynet()
        for design in draw_designs(presets.space("AnyNetX-A"), size=9, seed=0, resolution=224).designs
    ]
    expected = [fit_quantized_linear(design, refine=False).error for design in designs]
    assert remembered.grid_fits([*designs[:6], designs[0]]) == [*expected[:6], expected[0]]
    fitted: list[Any] = []
    monkeypatch.setattr(remembered, "fit_errors", lambda new, **how: fitted.extend(new) or fit_errors(new, **how))
    assert remembered.grid_fits(designs) == expected
    assert fitted == designs[6:]


def test_another_sample_parameter_or_rule_is_another_result(monkeypatch: Any) -> None:
    first, second = population(1), population(2)
    rule = first["depth"] > 4
    found = [
        remembered.refinements(first, ["w_m"], {}),
        remembered.refinements(second, ["w_m"], {}),
        remembered.refinements(first, ["depth"], {}),
        remembered.refinements(first, ["w_m"], {"a": rule}),
        remembered.refinements(first, ["w_m"], {"a": ~rule}),
    ]
    assert len({str(one) for one in found}) == 5
    monkeypatch.setattr(remembered, "suggest_refinements", None)  # would fail if it were asked again
    assert remembered.refinements(population(1), ["w_m"], {}) is found[0]


def test_the_least_recently_used_is_forgotten_once_there_is_too_much() -> None:
    memory: Memory[str] = Memory(6, size=len)
    for word in ("aa", "bb", "cc"):
        assert memory.recall(word, lambda word=word: word) == word  # type: ignore[misc]
    assert memory.recall("aa", lambda: "computed again") == "aa"
    assert memory.recall("dd", lambda: "dd") == "dd"
    assert memory.recall("bb", lambda: "bx") == "bx"
    assert len(memory) == 3


def test_what_is_larger_than_the_memory_is_answered_and_not_kept() -> None:
    memory: Memory[str] = Memory(3, size=len)
    memory.recall("a", lambda: "a")
    assert memory.recall("long", lambda: "long") == "long"
    assert memory.recall("a", lambda: "computed again") == "a"
    assert len(memory) == 1
    memory.clear()
    assert memory.recall("a", lambda: "b") == "b"
