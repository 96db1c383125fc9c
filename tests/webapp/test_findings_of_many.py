"""The sentences at the head of a page allow for how many populations it compares."""

from __future__ import annotations

import numpy as np
import pytest

from engine import statistics
from engine.statistics.comparisons import LOWER
from engine.statistics.population import Population
from webapp.analysis import AnalysedPopulation, SpacePopulation
from webapp.analysis.comparing import compare_pairs
from webapp.analysis.finding import finding
from webapp.analysis.normalising import normalise, normalised_sentence
from webapp.models import Regime, Space
from webapp.queries import TrainedPopulation
from webapp.wording import p_text


def populations(count: int, *, seed: int, shift: float = 0.0) -> list[AnalysedPopulation]:
    """Of one law, all but the first worse by a shift."""
    rng = np.random.default_rng(seed)
    several: list[AnalysedPopulation] = []
    for k in range(count):
        errors = rng.normal(50 + (shift if k else 0), 4, 40)
        columns = {"flops": np.tile(np.arange(1e6, 11e6, 1e6), 4), "error": errors}
        trained = TrainedPopulation(Population.from_columns(columns), ahead=np.array([]), in_order=errors)
        several.append(SpacePopulation(space=Space(slot=k + 1), regime=Regime(), data=trained, name="ABCDEFG"[k]))
    return several


def test_the_finding_of_many_alike_populations_seldom_names_a_difference() -> None:
    named = plain = named_at_equal_flops = 0
    for seed in range(40):
        alike = populations(6, seed=seed)
        pairs = compare_pairs(alike)
        plain += pairs[0].of_all.p_value <= 0.05
        named += "lower errors" in finding(alike, pairs).headline
        named_at_equal_flops += "has a lower mean error" in normalised_sentence(normalise(alike, "flops"))
    assert plain >= 8  # what the tests of single pairs would call a difference
    assert named <= 4
    assert named_at_equal_flops <= 5


def test_the_numbers_of_a_finding_say_for_how_many_pairs_they_hold() -> None:
    two, three = populations(2, seed=0, shift=9), populations(3, seed=0, shift=9)
    of_two, of_three = (finding(some, compare_pairs(some)).text.replace("\xa0", " ") for some in (two, three))
    assert of_two.startswith("A has lower errors than B: a network of A beats one of B in ")
    assert "(95 %: " in of_two
    assert "pairs are decided" not in of_two
    assert of_three.startswith("A has lower errors than ")
    assert "(95 % for all 3 pairs together: " in of_three
    assert of_three.endswith("2 of 3 pairs are decided; this is the one of smallest p.")
    errors = [one.outcomes for one in three]
    surest = min(statistics.compare_all(errors), key=lambda one: one.p_adjusted)
    assert surest.level == pytest.approx(1 - 0.05 / 3)
    assert p_text(surest.p_adjusted).replace("\xa0", " ") in of_three


@pytest.mark.parametrize(("count", "comparisons"), [(2, 1), (3, 3)])
def test_the_p_value_of_a_comparison_in_draw_order_allows_for_all_of_them(count: int, comparisons: int) -> None:
    pairs = compare_pairs(populations(count, seed=1, shift=3))
    assert len(pairs) == comparisons
    results = [(pair, pair.in_order) for pair in pairs if pair.in_order]
    assert len(results) == comparisons
    assert any(result.p_value < 1 / comparisons for _, result in results)
    for pair, result in results:
        assert result.alpha == pytest.approx(0.05 / comparisons)
        assert pair.p_in_order == pytest.approx(min(1.0, comparisons * result.p_value))
        assert (pair.p_in_order <= 0.05) == (result.verdict in LOWER or result.differs_without_side)
