"""Importance of parameters."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import InvalidPopulation
from engine.spaces import laws
from engine.statistics import parameter_importance
from engine.statistics.population import Population

DEPTH = laws.uniform(low=1, high=16)
RATIO = laws.choice([1, 2, 4])
SLOPE = laws.uniform(low=0.1, high=25.6, step=0.1)  # 256 values


def population(n: int = 400, seed: int = 0, depth_matters: float = 1.0) -> Population:
    rng = np.random.default_rng(seed)
    depth, ratio, slope = (rng.choice(law.values, n, p=law.probabilities) for law in (DEPTH, RATIO, SLOPE))
    errors = 50 + depth_matters * np.abs(depth - 9) + 2 * rng.random(n)
    return Population.from_columns({"depth": depth, "ratio": ratio, "slope": slope, "error": errors})


@pytest.mark.parametrize("known", [{"depth": DEPTH, "ratio": RATIO, "slope": SLOPE}, None])
def test_what_sets_the_best_apart_comes_first(known: dict[str, laws.Law] | None) -> None:
    result = parameter_importance(population(), parameters=["slope", "depth", "ratio"], laws=known)
    first, *others = result.parameters
    assert first.parameter == "depth"
    assert first.share > 0.9
    assert first.interval[0] > 0.8
    assert all(other.share < 0.05 for other in others)
    assert (result.n, result.n_best) == (400, 100)


def test_the_distance_is_the_variance_of_the_ratio_of_laws() -> None:
    # Half the values hold all of the best: the ratio is 2 on one half and 0 on the other, its variance 1.
    depth = np.tile(np.arange(1, 17), 100)
    errors = np.where(depth <= 8, 40.0, 60.0)
    samples = Population.from_columns({"depth": depth, "error": errors})
    result = parameter_importance(samples, parameters=["depth"], laws={"depth": DEPTH}, fraction=0.5)
    assert result.parameters[0].distance == pytest.approx(1.0, abs=0.01)
    assert result.parameters[0].share == 1.0


@pytest.mark.parametrize("known", [{"depth": DEPTH, "ratio": RATIO, "slope": SLOPE}, {}])
def test_chance_alone_gives_no_distance_however_many_values(known: dict[str, laws.Law]) -> None:
    names = ["depth", "ratio", "slope"]
    drawn = [parameter_importance(population(80, seed, 0.0), parameters=names, laws=known) for seed in range(150)]
    for name in names:
        distances = [row.distance for result in drawn for row in result.parameters if row.parameter == name]
        assert abs(np.mean(distances)) < 4 * np.std(distances) / np.sqrt(len(distances))


def test_a_window_that_bends_the_law_does_not_count_as_importance_against_the_samples() -> None:
    whole = population(800, depth_matters=0.0)
    kept = whole.filter({"depth": (12, None)})
    against_samples = parameter_importance(kept, parameters=["depth"]).parameters[0]
    against_law = parameter_importance(kept, parameters=["depth"], laws={"depth": DEPTH}).parameters[0]
    assert abs(against_samples.distance) < 0.2
    assert against_law.distance > 1


def test_shares_sum_to_one_and_lie_in_their_intervals() -> None:
    result = parameter_importance(population(), parameters=["depth", "ratio", "slope"])
    assert sum(row.share for row in result.parameters) == pytest.approx(1)
    assert all(0 <= row.interval[0] <= row.interval[1] <= 1 for row in result.parameters)
    evidence = [row.evidence for row in result.parameters]
    assert evidence == sorted(evidence, reverse=True)


def test_the_p_value_allows_for_all_parameters() -> None:
    rng = np.random.default_rng(6)
    claims = 0
    for _ in range(100):
        columns = {name: rng.integers(1, 9, 60) for name in "abcdef"}
        noise = Population.from_columns({**columns, "error": 40 + rng.gamma(1.6, 6, 60)})
        result = parameter_importance(noise, parameters=list("abcdef"))
        claims += min(row.p_value for row in result.parameters) <= 0.05
    assert claims <= 11
    assert parameter_importance(population(), parameters=["slope", "depth"]).parameters[0].p_value == 0.001


def test_failures_are_samples_that_are_not_among_the_best() -> None:
    depth = np.tile([1.0, 2.0], 40)
    errors = 40 + np.random.default_rng(7).random(80)
    failing = Population.from_columns({"depth": depth, "error": errors}, failures={"depth": [3.0] * 80})
    result = parameter_importance(failing, parameters=["depth"])
    assert (result.n, result.n_best) == (160, 40)
    assert result.parameters[0].p_value == 0.001


def test_a_parameter_of_one_value_has_no_importance() -> None:
    samples = Population.from_columns({"b": np.ones(20), "error": np.arange(20)})
    for known in ({"b": laws.choice([1])}, None):
        row = parameter_importance(samples, parameters=["b"], laws=known).parameters[0]
        assert (row.distance, row.share, row.interval, row.groups) == (pytest.approx(0), 0.0, (0.0, 0.0), 1)
        assert (row.evidence, row.p_value) == (0.0, 1.0)


def test_values_are_joined_to_a_few_groups() -> None:
    groups = {
        row.parameter: row.groups
        for row in parameter_importance(population(), parameters=["ratio", "slope"]).parameters
    }
    assert groups == {"ratio": 3, "slope": 8}


def test_a_value_outside_its_law_is_refused() -> None:
    samples = Population.from_columns({"depth": np.full(20, 17), "error": np.arange(20)})
    with pytest.raises(InvalidPopulation, match="depth 17 is not a value of its law"):
        parameter_importance(samples, parameters=["depth"], laws={"depth": DEPTH})


def test_too_few_samples_are_refused() -> None:
    samples = Population.from_columns({"depth": np.arange(7), "error": np.arange(7)})
    with pytest.raises(InvalidPopulation, match="at least 2 are needed"):
        parameter_importance(samples, parameters=["depth"])
