"""Intervals hold as often as they say and claims are as rare: the reduced form of `python -m benchmarks coverage`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import CASES, LAWS, claim_rate, coverage, truth_of

REPETITIONS = 60
LEAST = 0.87  # of 60: an interval that holds in 95 % of cases falls below in 1 of 100


@pytest.mark.parametrize(("law", "n"), [("gamma", 16), ("6 % stuck", 32), ("10 % failed", 16)])
@pytest.mark.parametrize("case", ["one", "cost", "half"])
def test_intervals_of_few_networks_hold(case: str, law: str, n: int) -> None:
    for what, (held, width) in coverage(CASES[case], law, n, repetitions=REPETITIONS).items():
        assert held >= LEAST, (what, held, width)


@pytest.mark.parametrize("law", ["whole percents", "lognormal"])
def test_theta_differences_and_ks_distances_hold(law: str) -> None:
    for what, (held, _) in coverage(CASES["two"], law, 12, repetitions=30).items():
        assert held >= LEAST, what


def test_what_designs_tell_and_several_spaces_hold() -> None:
    found = coverage(CASES["designs"], "gamma", 64, repetitions=40) | coverage(
        CASES["pooled"], "gamma", 32, repetitions=40
    )
    assert {"median with what designs tell", "several spaces: mean"} <= set(found)
    assert all(held >= 0.85 for held, _ in found.values()), found


def test_the_usual_interval_of_a_mean_would_fail_here() -> None:
    rng, mean, held = np.random.default_rng(0), float(truth_of("6 % stuck").mean()), 0
    for _ in range(REPETITIONS):
        errors = LAWS["6 % stuck"](rng, 16)
        half_width = stats.t.ppf(0.975, 15) * errors.std(ddof=1) / math.sqrt(16)
        held += abs(errors.mean() - mean) <= half_width
    assert held / REPETITIONS < 0.8
    assert coverage(CASES["one"], "6 % stuck", 16, repetitions=REPETITIONS)["mean"][0] >= 0.95


@pytest.mark.parametrize(
    ("what", "repetitions"),
    [
        ("a difference of 2 equal spaces", 60),
        ("a difference at any look, to 4 n pairs", 100),
        ("a restriction, where errors are noise", 60),
        ("a parameter that matters, where errors are noise", 60),
    ],
)
def test_of_equal_spaces_and_noise_little_is_claimed(what: str, repetitions: int) -> None:
    assert claim_rate(what, "6 % stuck", 16, repetitions=repetitions) <= 0.13  # 0.05 passes this in 199 of 200
