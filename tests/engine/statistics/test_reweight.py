"""Samples of some spaces speak for another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.designs import AnyNetDesign, RegNetDesign, Trunk
from engine.errors import InvalidPopulation
from engine.spaces import AnyNetSpace, RegNetSpace, laws
from engine.statistics import Source, reweight
from engine.statistics.reweight import Reweighted

DEPTH = laws.uniform(low=1, high=16)
WIDTH = laws.log_uniform(low=8, high=64, step=8)
RATIO = laws.choice([1, 2])


def space(**changes: Any) -> AnyNetSpace:
    return AnyNetSpace(
        **{"stages": 2, "depths": DEPTH, "widths": WIDTH, "bottleneck_ratios": RATIO, "group_widths": laws.choice([8])}
        | changes
    )


WIDE = space()
RISING = space(rules=("widths_non_decreasing", "shared_bottleneck_ratio"))
UNEVEN = space(depths=laws.normal(low=1, high=16))


def drawn(law: AnyNetSpace, n: int, seed: int = 0) -> list[AnyNetDesign]:
    rng = np.random.default_rng(seed)
    values = {name: sequence.draw(rng, n).T.tolist() for name, sequence in law.sequences.items()}
    rows = zip(*(values[name] for name in ("depths", "widths", "bottleneck_ratios", "group_widths")), strict=True)
    return [
        AnyNetDesign(
            stage_depths=depths,
            stage_widths=widths,
            stage_strides=(2, 2),
            bottleneck_ratios=ratios,
            group_widths=groups,
        )
        for depths, widths, ratios, groups in rows
    ]


def errors_of(designs: list[AnyNetDesign]) -> np.ndarray:
    """Errors that depend on all parameters."""
    noise = np.random.default_rng(len(designs)).random(len(designs))
    return noise + [
        30 + sum(d.stage_depths) + d.stage_widths[0] / 8 - d.stage_widths[1] / 16 + 5 * d.bottleneck_ratios[0]
        for d in designs
    ]


def source(law: AnyNetSpace, n: int, seed: int = 0) -> Source:
    designs = drawn(law, n, seed)
    return Source(errors_of(designs), designs, law)


def true_mean(law: AnyNetSpace) -> float:
    return float(errors_of(drawn(law, 20_000, seed=99)).mean())


def test_a_space_stands_for_itself_with_equal_weights() -> None:
    samples = source(WIDE, 100)
    errors = np.sort(samples.errors)
    result = reweight([samples], WIDE)
    assert result.weights == pytest.approx(np.full(100, 0.01))
    assert result.effective_n == pytest.approx(100)
    assert (result.mean, result.median) == (pytest.approx(errors.mean()), errors[49])
    resampled = np.random.default_rng(1).choice(errors, (5_000, 100)).mean(axis=1)
    assert result.mean_interval == pytest.approx(np.quantile(resampled, (0.025, 0.975)), abs=0.2)
    assert (result.n, result.left_out) == (100, 0)


def test_a_conditioned_child_keeps_the_samples_inside_with_equal_weights() -> None:
    samples = source(WIDE, 300)
    result = reweight([samples], RISING)
    inside = [bool(RISING.contains(design)) for design in samples.designs]
    assert result.errors.tolist() == sorted(np.asarray(samples.errors)[inside])
    assert result.weights == pytest.approx(np.full(result.n, 1 / result.n))
    assert (result.n, result.left_out) == (sum(inside), 300 - sum(inside))
    assert result.fractions[-1] == pytest.approx(1)


@pytest.mark.parametrize("target", [RISING, UNEVEN])
def test_the_estimate_is_the_targets_own_mean(target: AnyNetSpace) -> None:
    truth = true_mean(target)
    estimates = [reweight([source(WIDE, 300, seed)], target) for seed in range(10)]
    assert np.mean([estimate.mean for estimate in estimates]) == pytest.approx(truth, abs=0.4)
    covered = sum(low <= truth <= high for low, high in (estimate.mean_interval for estimate in estimates))
    assert covered >= 7
    assert all(low <= one.median <= high for one in estimates for low, high in [one.median_interval])


def test_samples_of_several_spaces_pool() -> None:
    low, high = space(depths=laws.uniform(low=1, high=10)), space(depths=laws.uniform(low=6, high=16))
    sources = [source(low, 200, 1), source(high, 200, 2), source(WIDE, 200, 3)]
    result = reweight(sources, WIDE)
    assert result.mean == pytest.approx(true_mean(WIDE), abs=1)
    assert 200 < result.effective_n < 600
    assert result.mean_interval[0] < result.mean < result.mean_interval[1]


def test_the_weights_are_those_of_the_balance_heuristic() -> None:
    one, other = source(WIDE, 100, 1), source(UNEVEN, 300, 2)
    designs = [*one.designs, *other.designs]
    p, q = (np.exp([law.log_probability(design) for design in designs]) for law in (WIDE, UNEVEN))
    expected = p / (0.25 * p + 0.75 * q / 0.1)
    order = np.argsort(np.concatenate([one.errors, other.errors]), kind="stable")
    result = reweight([one, Source(other.errors, other.designs, UNEVEN, acceptance=0.1)], WIDE)
    assert result.weights == pytest.approx((expected / expected.sum())[order])


def test_a_counted_acceptance_is_estimated_without_bias_and_drawn_anew_in_each_resample() -> None:
    one, other = source(WIDE, 100, 1), source(UNEVEN, 300, 2)

    def pooled(**counts: int) -> Reweighted:
        return reweight([one, Source(other.errors, other.designs, UNEVEN, **counts)], WIDE)

    exact = reweight([one, Source(other.errors, other.designs, UNEVEN, acceptance=0.1)], WIDE)
    few, many = pooled(accepted=2, drawn=11), pooled(accepted=200_001, drawn=2_000_001)
    assert few.mean == many.mean == pytest.approx(exact.mean)
    widths = [result.mean_interval[1] - result.mean_interval[0] for result in (exact, many)]
    assert widths[0] == pytest.approx(widths[1], rel=0.15)
    counted = Source(other.errors, other.designs, UNEVEN, accepted=20, drawn=101)
    again = counted.acceptances(np.random.default_rng(0), 10_000)
    assert (again.mean(), again.std()) == pytest.approx((20 / 102, 0.039), abs=0.002)
    assert Source(other.errors, other.designs, UNEVEN, accepted=1, drawn=50).acceptance == 0.02


@pytest.mark.parametrize(
    ("law", "target", "sentence"),
    [
        (WIDE, space(stages=3), "same parameters and stages"),
        (WIDE, space(group_widths=(), groups=laws.choice([1])), "same parameters and stages"),
        (WIDE, space(depths=laws.uniform(low=1, high=17)), "none of the sources could have drawn"),
        (RISING, WIDE, "none of the sources could have drawn"),
        (WIDE, space(trunk=Trunk(stem_width=16)), "none of the sources could have drawn"),
    ],
)
def test_a_target_that_no_source_reaches_is_refused(law: AnyNetSpace, target: AnyNetSpace, sentence: str) -> None:
    with pytest.raises(InvalidPopulation, match=sentence):
        reweight([source(law, 60)], target)


def test_a_regnet_says_nothing_about_an_anynet() -> None:
    regnet = RegNetSpace(depth=DEPTH, w_0=WIDTH, w_a=WIDTH, w_m=laws.choice([2.5]), stages=(1, 4))
    design = RegNetDesign(
        depth=8, w_0=16, w_a=24, w_m=2.5, bottleneck_ratio=1, group_width=1,
    )  # fmt: skip
    samples = Source(np.full(20, 40.0), [design] * 20, regnet)
    assert reweight([samples], regnet).mean == pytest.approx(40)
    with pytest.raises(InvalidPopulation, match="same parameters and stages"):
        reweight([samples], WIDE)


def test_sources_may_cover_the_target_together_but_every_combination_must_be_covered() -> None:
    low, high = laws.uniform(low=1, high=8), laws.uniform(low=9, high=16)

    def depths(first: laws.Law, second: laws.Law, seed: int) -> Source:
        return source(space(depths=(first, second)), 60, seed)

    with pytest.raises(InvalidPopulation, match="none of the sources could have drawn"):
        reweight([depths(low, low, 0), depths(high, high, 1)], WIDE)
    four = [depths(a, b, seed) for seed, (a, b) in enumerate([(low, low), (low, high), (high, low), (high, high)])]
    assert reweight(four, WIDE).n == 240


def test_a_shared_parameter_is_covered_by_sources_of_its_values() -> None:
    ones, twos = (source(space(bottleneck_ratios=laws.choice([ratio])), 60, ratio) for ratio in (1, 2))
    assert reweight([ones, twos], space(rules=("shared_bottleneck_ratio",))).n == 120
    with pytest.raises(InvalidPopulation, match="none of the sources could have drawn"):
        reweight([ones, twos], WIDE)


def test_too_few_effective_samples_are_refused() -> None:
    with pytest.raises(InvalidPopulation, match="at least 10 are needed"):
        reweight([source(WIDE, 60)], space(depths=laws.choice([3])))


def test_a_design_outside_its_own_space_is_refused() -> None:
    strange = drawn(space(depths=laws.choice([17])), 20)
    with pytest.raises(InvalidPopulation, match="Design 0 lies outside"):
        reweight([Source(errors_of(strange), strange, WIDE)], WIDE)


def test_sources_are_checked() -> None:
    designs = drawn(WIDE, 3)
    with pytest.raises(InvalidPopulation, match="designs must be one a sample, got 3 for 2"):
        Source([40.0, 41.0], designs, WIDE)
    with pytest.raises(InvalidPopulation, match="at least 1 sample"):
        Source([], [], WIDE)
    with pytest.raises(InvalidPopulation, match="acceptance must lie above 0"):
        Source([40.0] * 3, designs, WIDE, acceptance=0.0)
    for accepted, of in ((0, 10), (11, 10), (-1, 0)):
        with pytest.raises(InvalidPopulation, match="accepted must be at least 1 and at most drawn"):
            Source([40.0] * 3, designs, WIDE, accepted=accepted, drawn=of)
    with pytest.raises(InvalidPopulation, match="at least one source"):
        reweight([], WIDE)
