"""Drawing: the exact conditioned law, within the window, the same for the same seed, and never for ever."""

from __future__ import annotations

import itertools
import json
import math
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.designs import AnyNetDesign, Trunk
from engine.designs.complexity import complexities, count_columns
from engine.designs.windows import Window
from engine.errors import EngineError, SamplingExhausted
from engine.spaces import RULES, AnyNetSpace, RegNetSpace, presets
from engine.spaces.candidates import CODES, REASONS, draw_candidates
from engine.spaces.laws import choice, log_uniform, uniform
from engine.spaces.sampling import CHUNK, Counted, Draw, count_accepted, draw_designs, wilson_interval

PAPER = Window(flops=(360e6, 400e6))


def draw(name_or_space, **changes) -> Draw:
    space = presets.space(name_or_space) if isinstance(name_or_space, str) else name_or_space
    return draw_designs(space, **{"size": 30, "seed": 0, "window": PAPER, "resolution": 224, **changes})


def tiny(**changes):
    values = {
        "stages": 2,
        "trunk": Trunk(stem="cifar", stem_width=8),
        "depths": choice([1, 2, 3], weights=[3, 2, 1]),
        "widths": log_uniform(low=8, high=24, step=8),
        "bottleneck_ratios": choice([1, 2]),
        "group_widths": choice([1, 8], weights=[1, 3]),
    }
    return AnyNetSpace(**{**values, **changes})


@pytest.mark.parametrize("name", presets.space_names())
def test_every_drawn_design_lies_in_its_space_with_the_complexity_reported(name):
    space = presets.space(name)
    drawn = draw_designs(space, size=12, seed=5, resolution=64, num_classes=10)
    for design in drawn.designs:
        assert space.contains(design, **({"resolution": 64, "num_classes": 10} if space.kind == "regnet" else {}))
    found = complexities(drawn.designs, resolution=64, num_classes=10)
    for counted, reported in ((found.flops, drawn.flops), (found.params, drawn.params), (found.acts, drawn.acts)):
        assert counted.tolist() == reported.tolist()


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["AnyNetX-A-small", "AnyNetX-E-small", "AnyNetR-B-small", "RegNetX-small", "RegNetY-small"]),
    seed=st.integers(0, 2**63 - 1),
    flops=st.tuples(st.integers(300_000, 800_000), st.integers(900_000, 2_000_000)),
    params=st.sampled_from([None, (None, 60_000), (5_000, None)]),
)
def test_every_drawn_design_lies_in_the_window(name, seed, flops, params):
    space = presets.space(name)
    drawn = draw_designs(
        space,
        size=8,
        seed=seed,
        window=Window(flops=flops, params=params),
        resolution=14,
        in_channels=1,
        num_classes=10,
    )
    assert ((drawn.flops >= flops[0]) & (drawn.flops <= flops[1])).all()
    if params:
        low, high = params
        assert ((drawn.params >= (low or 0)) & (drawn.params <= (high or np.inf))).all()
    assert all(space.contains(design) for design in drawn.designs)
    assert len({design.key() for design in drawn.designs}) == 8


@pytest.mark.parametrize("name", ["AnyNetX-A", "AnyNetX-E", "RegNetX"])
def test_the_same_seed_gives_the_same_list_and_another_seed_another(name):
    first, again, other = draw(name), draw(name), draw(name, seed=1)
    assert first.designs == again.designs
    assert first.report() == again.report()
    assert first.designs != other.designs


@pytest.mark.parametrize("name", ["AnyNetX-A", "AnyNetX-E", "RegNetX"])
def test_the_first_designs_do_not_depend_on_how_many_are_asked_for(name):
    few, many = draw(name, size=7), draw(name, size=600)
    assert few.tried < CHUNK < many.tried
    assert many.designs[:7] == few.designs
    assert many.flops[:7].tolist() == few.flops.tolist()


def test_a_draw_is_pinned_for_ever():
    # Batches are extended by drawing them again: a changed list would mix two.
    keys = [design.key() for design in draw("AnyNetX-A", size=2).designs]
    keys += [design.key() for design in draw("RegNetX", size=2).designs]
    assert keys == PINNED


PINNED = [
    "simple32-residual_bottleneck-d3,11,16,5/4-w184,80,16,432-s2-i46,40,8,432-g1,2,2,8-se0.0-h0",
    "simple32-residual_bottleneck-d8,9,4,3/4-w72,16,8,16-s2-i72,8,2,8-g4,8,2,8-se0.0-h0",
    "simple32-residual_bottleneck-d1,1,4,7/4-w32,80,216,544-s2-i32,80,216,544-g8-se0.0-h0",
    "simple32-residual_bottleneck-d1,2,6,14/4-w16,40,72,288-s2-i16,40,72,288-g16,40,72,72-se0.0-h0",
]


def enumerated(space):
    """Every design of a tiny space with its probability, only of those whose widths keep their order once adjusted."""
    names = ("depths", "widths", "bottleneck_ratios", "group_widths")
    laws = [list(itertools.product(*(law.values.tolist() for law in getattr(space, name)))) for name in names]
    weights = {}
    for depths, widths, ratios, groups in itertools.product(*laws):
        design = AnyNetDesign(
            trunk=space.trunk, stage_depths=depths, stage_widths=widths,
            stage_strides=space.stage_strides, bottleneck_ratios=ratios, group_widths=groups,
        )  # fmt: skip
        ordered = "widths_non_decreasing" not in space.rules or np.all(np.diff(design.to_anynet().stage_widths) >= 0)
        if ordered and space.contains(design):
            weights[design] = math.exp(space.log_probability(design))
    return weights


@pytest.mark.parametrize("rules", [(), ("shared_group_width", "widths_non_decreasing"), tuple(RULES)])
def test_candidates_follow_the_law_of_a_small_space(rules):
    space = tiny(rules=rules)
    weights = enumerated(space)
    candidates = draw_candidates(space, np.random.default_rng(11), 60_000)
    kept = np.flatnonzero(candidates.reasons == 0)
    counts = Counter(tuple(tuple(column[:, at].tolist()) for column in candidates.drawn.values()) for at in kept)
    names = {(d.stage_depths, d.stage_widths, d.bottleneck_ratios, d.group_widths): w for d, w in weights.items()}
    assert set(counts) <= set(names)
    total = sum(names.values())
    expected = [len(kept) * weight / total for weight in names.values()]
    observed = [counts[name] for name in names]
    assert len(names) > 30
    assert stats.chisquare(observed, expected).pvalue > 0.01


def test_the_share_of_candidates_kept_is_the_share_of_the_law():
    space = tiny(rules=("widths_non_decreasing",))
    candidates = draw_candidates(space, np.random.default_rng(2), 60_000)
    share = float((candidates.reasons == 0).mean())
    assert share == pytest.approx(sum(enumerated(space).values()), abs=0.01)
    assert set(candidates.reasons.tolist()) == {0, CODES["order_after_adjustment"]}


def test_the_law_within_a_window_is_the_conditioned_law():
    space = tiny()
    weights = enumerated(space)
    window = Window(flops=(20_000, 60_000))
    inside = {}
    for design, weight in weights.items():
        (flops,) = complexities([design], resolution=8).flops.tolist()
        if 20_000 <= flops <= 60_000:
            inside[design.key()] = inside.get(design.key(), 0) + weight
    firsts = Counter(
        draw_designs(space, size=1, seed=s, window=window, resolution=8).designs[0].key() for s in range(300)
    )
    assert set(firsts) <= set(inside)
    likely = sorted(inside, key=lambda key: inside[key])[-8:]
    total = sum(inside.values())
    expected = [300 * inside[key] / total for key in likely]
    observed = [firsts[key] for key in likely]
    rest = (300 - sum(observed), 300 - sum(expected))
    assert stats.chisquare([*observed, rest[0]], [*expected, rest[1]]).pvalue > 0.01


def test_a_small_space_is_drawn_to_its_last_network():
    # Groups of 32 and of 64 are one group in stages so narrow: each network has two parameter vectors.
    space = tiny(rules=tuple(RULES), group_widths=choice([32, 64]))
    networks = {design.key() for design in enumerated(space)}
    drawn = draw_designs(space, size=len(networks), seed=0, resolution=8)
    assert {design.key() for design in drawn.designs} == networks
    assert drawn.rejected["repeated"] > 0
    with pytest.raises(SamplingExhausted, match="had been drawn before"):
        draw_designs(space, size=len(networks) + 1, seed=0, resolution=8, max_candidates=50_000)


def test_acceptance_is_the_share_of_candidates_that_meet_every_condition():
    drawn = draw("AnyNetX-A", size=200)
    rejected = sum(number for reason, number in drawn.rejected.items() if reason != "repeated")
    assert drawn.acceptance == (drawn.tried - rejected) / drawn.tried
    assert sum(drawn.rejected.values()) + 200 == drawn.tried
    low, high = drawn.acceptance_interval
    assert low < drawn.acceptance < high
    assert set(drawn.rejected) <= set(REASONS)


def test_the_estimated_size_is_acceptance_times_size_for_uniform_laws():
    space = tiny(depths=uniform(low=1, high=3), widths=uniform(low=8, high=32, step=8), group_widths=choice([1, 8]))
    drawn = draw_designs(space, size=100, seed=0, window=Window(params=(None, 20_000)), resolution=8)
    assert drawn.estimated_size == pytest.approx(drawn.acceptance * space.size())


def test_the_estimated_size_is_near_the_truth_for_other_laws():
    space = tiny()
    window = Window(flops=(20_000, None))
    truth = sum(complexities([one], resolution=8).flops[0] >= 20_000 for one in enumerated(space))
    drawn = draw_designs(space, size=150, seed=1, window=window, resolution=8)
    assert abs(drawn.estimated_size - truth) < 4 * drawn.estimated_size_error
    assert drawn.estimated_size_error < 0.3 * truth


def test_the_wilson_interval():
    low, high = wilson_interval(10, 100)
    assert (low, high) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson_interval(0, 50)[0] == 0
    assert wilson_interval(50, 50)[1] == 1


def test_limits_of_generated_stages_and_of_complexity_are_counted_apart():
    drawn = draw("RegNetX-in-AnyNetX-D", size=100)
    assert {"stages", "stage_width_limit", "stage_depth_limit", "flops_below", "flops_above"} <= set(drawn.rejected)
    drawn = draw("RegNetX-constrained", size=50)
    assert {"params_limit", "acts_limit"} <= set(drawn.rejected)
    assert (drawn.params < 1e6 * (3 + 5.5 * drawn.flops / 1e9)).all()
    assert (drawn.acts < 6.5e6 * np.sqrt(drawn.flops / 1e9)).all()


def test_tied_parameters_are_drawn_equal():
    assert all(design.w_0 == design.w_a for design in draw("RegNetX-w_0-w_a", size=20).designs)


def test_networks_without_a_channel_to_squeeze_are_rejected():
    space = tiny(
        widths=uniform(low=1, high=8), trunk=Trunk(stem="cifar", stem_width=8, se_ratio=0.25), group_widths=choice([1])
    )
    drawn = draw_designs(space, size=30, seed=0, resolution=8)
    assert drawn.rejected["group_compatibility"] > 0
    assert all(min(design.to_anynet().stage_widths) * 0.25 > 0.5 for design in drawn.designs)


def test_ratios_that_fit_no_whole_width_are_rejected():
    space = tiny(bottleneck_ratios=choice([1.5]), widths=uniform(low=8, high=16))
    drawn = draw_designs(space, size=20, seed=0, resolution=8)
    assert drawn.rejected["group_compatibility"] > 0


def test_candidates_beyond_64_bits_are_rejected_and_never_wrapped():
    space = tiny(widths=choice([8, 2**38]), group_widths=choice([1]))
    drawn = draw_designs(space, size=5, seed=0, resolution=224)
    assert drawn.rejected["uncountable"] > 0
    assert max(max(design.stage_widths) for design in drawn.designs) == 8
    assert (drawn.flops > 0).all()


def test_a_window_that_nothing_meets_ends_with_what_was_nearest():
    with pytest.raises(SamplingExhausted) as caught:
        draw("AnyNetX-A", window=Window(flops=(1, 1000)), max_candidates=40_000)
    message = str(caught.value)
    assert message.startswith("Only 0 of 30 designs were found among 40,000 candidates.")
    assert "100 % were rejected because flops lay above the window" in message
    assert "The nearest flops outside the window were" in message
    assert "above it." in message


def test_the_nearest_complexities_on_both_sides_are_named():
    space = tiny(depths=choice([1]), widths=choice([8, 16]), bottleneck_ratios=choice([1]), group_widths=choice([8]))
    flops = sorted(complexities([*enumerated(space)], resolution=8).flops.tolist())
    with pytest.raises(SamplingExhausted) as caught:
        draw_designs(
            space, size=1, seed=0, window=Window(flops=(flops[0] + 1, flops[0] + 2)), resolution=8, max_candidates=500
        )
    assert f"{flops[0]:,} below and {flops[1]:,} above it." in str(caught.value)


def test_more_designs_than_the_space_holds_are_refused_at_once():
    with pytest.raises(SamplingExhausted, match="the space holds 2 parameter vectors"):
        draw_designs(
            tiny(stages=1, depths=choice([1, 2]), widths=choice([8]), bottleneck_ratios=choice([1]),
                 group_widths=choice([1])),
            size=3, seed=0, resolution=8,
        )  # fmt: skip


def test_a_regnet_space_in_which_nothing_generates_is_refused_at_once():
    space = RegNetSpace(depth=choice([2]), w_0=choice([8]), w_a=choice([8]), w_m=choice([2]))
    assert space.size() == 0
    with pytest.raises(SamplingExhausted, match="holds 0 parameter vectors"):
        draw_designs(space, size=1, seed=0, resolution=32)


def test_a_draw_ends_when_its_time_is_over():
    with pytest.raises(SamplingExhausted):
        draw("AnyNetX-A", window=Window(flops=(1, 2)), max_seconds=1e-9)


def test_the_limit_of_candidates_holds_to_the_candidate():
    complete = draw("AnyNetX-A", size=5)
    assert draw("AnyNetX-A", size=5, max_candidates=complete.tried).tried == complete.tried
    with pytest.raises(SamplingExhausted):
        draw("AnyNetX-A", size=5, max_candidates=complete.tried - 1)


def test_the_report_of_a_draw_is_json():
    drawn = draw("RegNetX", size=10)
    report = json.loads(json.dumps(drawn.report()))
    assert report["found"] == 10
    assert report["tried"] == drawn.tried
    assert set(report) == {
        "found", "tried", "acceptance", "acceptance_interval", "rejected", "estimated_size", "estimated_size_error",
    }  # fmt: skip


def test_candidates_are_counted_until_enough_are_accepted():
    space, window = presets.space("AnyNetX-A"), Window(flops=(360e6, 400e6))
    counted = count_accepted(space, seed=3, window=window, resolution=224, enough=300)
    assert counted.accepted == 300
    drawn = draw_designs(space, size=300, seed=3, window=window, resolution=224)
    low, high = wilson_interval(counted.accepted, counted.drawn)
    assert low - 0.01 < drawn.acceptance < high + 0.01
    assert counted == count_accepted(space, seed=3, window=window, resolution=224, enough=300)
    assert counted != count_accepted(space, seed=4, window=window, resolution=224, enough=300)


def test_repeated_networks_count_as_accepted():
    assert count_accepted(tiny(), seed=0, resolution=32) == Counted(2_000, 2_000)


def test_counting_ends_at_the_most_candidates():
    nowhere = Window(flops=(1, 2))
    counted = count_accepted(presets.space("AnyNetX-A"), seed=0, window=nowhere, resolution=224, most=20_000)
    assert counted == Counted(0, 20_000)
    with pytest.raises(EngineError, match="enough must be at least 1"):
        count_accepted(presets.space("AnyNetX-A"), seed=0, resolution=224, enough=0)


def test_windows_survive_json_and_open_ends_are_none():
    window = Window(flops=(360e6, 400e6), params=(None, 10_000), acts=(None, None))
    assert window.to_json() == {"flops": [360_000_000, 400_000_000], "params": [None, 10_000], "acts": None}
    assert Window.from_json(json.loads(json.dumps(window.to_json()))) == window
    assert Window.from_json({}) == Window()


def test_a_large_draw_needs_little_memory():
    space = presets.space("AnyNetX-A")
    draw_designs(space, size=1, seed=0, resolution=224)
    tracemalloc.start()
    with pytest.raises(SamplingExhausted):
        draw_designs(space, size=20_000, seed=0, window=PAPER, resolution=224, max_candidates=100_000)
    draw_designs(space, size=10_000, seed=0, resolution=224)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def test_the_same_columns_give_the_same_counts_as_designs():
    space = presets.space("RegNetY")
    candidates = draw_candidates(space, np.random.default_rng(0), 500)
    counts, fits = count_columns(candidates.columns, resolution=224, in_channels=3, num_classes=1000)
    designs = [candidates.design(at) for at in candidates.kept]
    assert fits.all()
    assert counts.acts.tolist() == complexities(designs, resolution=224).acts.tolist()
