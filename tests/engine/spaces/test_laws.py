"""Laws: their values and exact probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.spaces.laws import (
    KINDS,
    Law,
    choice,
    log_normal,
    log_uniform,
    normal,
    power_of_two,
    power_of_two_or_log_uniform,
    uniform,
)

EXAMPLES = {
    "uniform": uniform(low=1, high=16),
    "log_uniform": log_uniform(low=8, high=1024, step=8),
    "power_of_two": power_of_two(low=1, high=32),
    "power_of_two_or_log_uniform": power_of_two_or_log_uniform(low=8, high=128, step=8),
    "choice": choice([1, 2, 4], weights=[1, 1, 2]),
    "normal": normal(low=8, high=64, step=8),
    "log_normal": log_normal(low=8, high=64, step=8),
}


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_of_each_kind_are_positive_and_sum_to_1(kind):
    law = EXAMPLES[kind]
    assert law.kind == kind
    assert (law.probabilities > 0).all()
    assert math.isclose(law.probabilities.sum(), 1)
    assert (np.diff(law.values) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_survives_json(kind):
    assert Law.from_json(EXAMPLES[kind].to_json()) == EXAMPLES[kind]


def test_uniform_gives_every_multiple_the_same():
    law = uniform(low=1, high=16)
    assert law.values.tolist() == list(range(1, 17))
    assert law.probabilities.tolist() == [1 / 16] * 16


def test_log_uniform_gives_each_value_the_logarithm_down_to_the_one_before():
    law = log_uniform(low=8, high=1024, step=8)
    total = math.log(1024 / 4)
    assert len(law.values) == 128
    assert law.probabilities[0] == pytest.approx(math.log(8 / 4) / total)
    assert law.probabilities[1] == pytest.approx(math.log(16 / 8) / total)
    assert law.probabilities[-1] == pytest.approx(math.log(1024 / 1016) / total)


def test_the_lowest_value_of_log_uniform_reaches_down_a_step_where_that_is_less_than_half():
    law = log_uniform(low=8, high=256, step=0.1)
    assert law.probabilities[0] == pytest.approx(math.log(8 / 7.9) / math.log(256 / 7.9))


def test_values_are_the_floats_nearest_to_their_decimals():
    law = log_uniform(low=2, high=3, step=0.001)
    assert law.values.tolist() == [float(f"2.{k:03}") for k in range(1000)] + [3.0]


def test_power_of_two_gives_every_power_the_same():
    assert power_of_two(low=0.25, high=5).values.tolist() == [0.25, 0.5, 1, 2, 4]
    assert power_of_two(low=3, high=31).probabilities.tolist() == [1 / 3] * 3


def test_power_of_two_or_log_uniform_spreads_the_powers_from_the_step_on():
    law = power_of_two_or_log_uniform(low=1, high=32, step=8)
    assert law.values.tolist() == [1, 2, 4, 8, 16, 24, 32]
    spread = log_uniform(low=8, high=32, step=8).probabilities / 2
    assert law.probabilities == pytest.approx([1 / 6] * 3 + spread.tolist())


def test_power_of_two_or_log_uniform_without_a_power_from_the_step_on_is_powers_alone():
    assert power_of_two_or_log_uniform(low=1, high=6, step=8).values.tolist() == [1, 2, 4]


def test_power_of_two_or_log_uniform_takes_a_step_beyond_high_as_high():
    law = power_of_two_or_log_uniform(low=1, high=4, step=8)
    assert law.values.tolist() == [1, 2, 4]
    assert law.probabilities == pytest.approx([1 / 3] * 3)


def test_normal_gives_each_value_the_mass_of_its_rounding_interval():
    law = normal(low=0, high=60, step=10)
    phi = [0.5 * (1 + math.erf((x - 30) / 10 / math.sqrt(2))) for x in (0, 5, 15, 25, 35, 45, 55, 60)]
    assert law.probabilities == pytest.approx(np.diff(phi) / (phi[-1] - phi[0]))


def test_log_normal_is_normal_in_the_logarithm():
    law = log_normal(low=1, high=4)
    middle, sigma = math.log(4) / 2, math.log(4) / 6
    phi = [0.5 * (1 + math.erf((math.log(x) - middle) / sigma / math.sqrt(2))) for x in (1, 1.5, 2.5, 3.5, 4)]
    assert law.probabilities == pytest.approx(np.diff(phi) / (phi[-1] - phi[0]))


def test_a_range_of_one_value_is_certain():
    for law in (uniform(low=8, high=8, step=8), normal(low=8, high=8, step=8), log_normal(low=8, high=8, step=8)):
        assert law.values.tolist() == [8]
        assert law.probabilities.tolist() == [1]


def test_choice_is_sorted_and_leaves_out_what_has_no_weight():
    law = choice([4, 1, 2], weights=[1, 0, 3])
    assert law.values.tolist() == [2, 4]
    assert law.probabilities.tolist() == [0.75, 0.25]


def test_whole_values_are_integers_and_others_floats():
    assert choice([1.0, 2.0]).values.dtype == np.int64
    assert choice([0.25, 1]).values.dtype == np.float64


def test_position_finds_only_values_of_the_law():
    law = EXAMPLES["log_uniform"]
    assert law.position(16) == 1
    assert law.position(12) is None
    assert law.position(2000) is None


def test_the_arrays_of_a_law_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        EXAMPLES["uniform"].values[0] = 3


def test_a_law_describes_itself():
    assert EXAMPLES["log_uniform"].describe() == "log-uniform, 8 to 1,024, step 8"
    assert EXAMPLES["choice"].describe() == "choice of 1, 2, 4, weights 1, 1, 2"


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["uniform", "log_uniform", "normal", "log_normal"]),
    first=st.integers(1, 50),
    more=st.integers(0, 200),
    step=st.sampled_from([0.001, 0.1, 0.25, 1, 8]),
)
def test_values_are_exactly_the_multiples_of_the_step_in_the_range(kind, first, more, step):
    low, high = (float(f"{count * step:.6g}") for count in (first, first + more))
    law = Law(kind=kind, low=low, high=high, step=step)
    assert len(law.values) == more + 1
    assert law.values[0] == low
    assert law.values[-1] == high
    assert math.isclose(law.probabilities.sum(), 1)


@settings(max_examples=40, deadline=None)
@given(low=st.integers(1, 64), high=st.integers(1, 64), step=st.integers(1, 16))
def test_log_uniform_follows_the_logarithm_up_to_every_value(low, high, step):
    low, high = sorted((low * step, high * step))
    law = log_uniform(low=low, high=high, step=step)
    below = low - min(step, low / 2)
    assert np.cumsum(law.probabilities) == pytest.approx(np.log(law.values / below) / math.log(high / below))
