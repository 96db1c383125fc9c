"""The sentences at the head of a page allow for how many populations it compares."""

from __future__ import annotations

import numpy as np
import pytest

from engine.statistics import Verdict
from engine.statistics.population import Population
from webapp.analysis import AnalysedPopulation, SpacePopulation
from webapp.analysis.comparing import compare_pairs, finding
from webapp.analysis.in_order import compare_all_in_order
from webapp.analysis.normalising import normalise, normalised_sentence
from webapp.models import Regime, Space
from webapp.queries import TrainedPopulation


def populations(count: int, *, seed: int, shift: float = 0.0) -> list[AnalysedPopulation]:
    """Of one law, all but the first worse by a shift."""
    rng = np.random.default_rng(seed)
    shown: list[AnalysedPopulation] = []
    for k in range(count):
        errors = rng.normal(50 + (shift if k else 0), 4, 40)
        columns = {"flops": np.tile(np.arange(1e6, 11e6, 1e6), 4), "error": errors}
        trained = TrainedPopulation(Population.from_columns(columns), ahead=np.array([]), in_order=errors)
        shown.append(SpacePopulation(space=Space(slot=k + 1), regime=Regime(), data=trained, name="ABCDEFG"[k]))
    return shown


def test_the_finding_of_many_alike_populations_seldom_names_a_difference() -> None:
    named = plain = named_at_equal_flops = 0
    for seed in range(40):
        alike = populations(6, seed=seed)
        pairs = compare_pairs(alike)
        low, high = pairs[0].comparison.interval
        plain += low > 0 or high < 0
        named += "has a lower mean error" in finding(alike, pairs, [])
        named_at_equal_flops += "has a lower mean error" in normalised_sentence(normalise(alike, "flops"))
    assert plain >= 8  # what the intervals of single pairs would call a difference
    assert named <= 4
    assert named_at_equal_flops <= 5


def test_the_interval_of_a_finding_says_for_how_many_pairs_it_holds() -> None:
    two, three = populations(2, seed=0, shift=9), populations(3, seed=0, shift=9)
    said = [finding(some, compare_pairs(some), []).replace("\xa0", " ") for some in (two, three)]
    assert "(95 %: " in said[0]
    assert "A has a lower mean error than" in said[1]
    assert "(95 % for all 3 pairs together: " in said[1]


@pytest.mark.parametrize(("count", "comparisons"), [(2, 1), (3, 3)])
def test_the_p_value_of_a_comparison_in_draw_order_allows_for_all_of_them(count: int, comparisons: int) -> None:
    found = compare_all_in_order(populations(count, seed=1, shift=3))
    assert len(found) == comparisons
    assert any(one.result.p_value < 1 / comparisons for one in found)
    for one in found:
        assert one.p_value == pytest.approx(min(1.0, comparisons * one.result.p_value))
        assert (one.p_value <= 0.05) == (one.result.verdict in (Verdict.A_LOWER, Verdict.B_LOWER))
