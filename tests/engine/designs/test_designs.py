"""Designs: normalisation, group compatibility, keys and JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.designs import BLOCKS, BOTTLENECK_BLOCKS, AnyNetDesign, RegNetDesign, Trunk, design_from_json
from engine.designs.complexity import complexity
from engine.errors import InvalidDesign
from engine.spaces import presets


def anynet(**changes):
    values = {
        "stage_depths": [1, 2],
        "stage_widths": [32, 64],
        "stage_strides": [2, 2],
        "bottleneck_ratios": [1, 2],
        "group_widths": [8, 16],
        **changes,
    }
    return AnyNetDesign(trunk=Trunk.take_from(values), **values)


def regnet(**changes):
    values = {"depth": 13, "w_0": 24, "w_a": 36.44, "w_m": 2.49, "group_width": 8, **changes}
    return RegNetDesign(trunk=Trunk.take_from(values), **values)


def test_sequences_become_tuples_and_whole_numbers_ints():
    design = anynet(stage_depths=np.array([1, 2]), stem_width=32.0)
    assert design.stage_depths == (1, 2)
    assert type(design.trunk.stem_width) is int
    assert all(type(depth) is int for depth in design.stage_depths)
    assert design == anynet()
    assert hash(design) == hash(anynet())


def test_ratios_and_groups_left_out_are_1():
    design = anynet(bottleneck_ratios=(), group_widths=())
    assert design.bottleneck_ratios == (1.0, 1.0)
    assert design.group_widths == (1, 1)


def test_a_width_is_brought_to_a_multiple_of_its_groups():
    adjusted = anynet(stage_widths=[40, 28], bottleneck_ratios=[1, 1], group_widths=[16, 8]).to_anynet()
    # 40/16 = 2.5 rounds to the even 2, 28/8 = 3.5 to the even 4.
    assert adjusted.stage_widths == (32, 32)


def test_groups_wider_than_the_inner_width_become_one_group():
    adjusted = anynet(stage_widths=[16, 16], bottleneck_ratios=[4, 1], group_widths=[128, 128]).to_anynet()
    assert adjusted.group_widths == (4, 16)
    assert adjusted.inner_widths == (4, 16)


def test_an_inverted_bottleneck_keeps_whole_widths():
    adjusted = anynet(stage_widths=[80, 60], bottleneck_ratios=[0.5, 0.25], group_widths=[16, 16]).to_anynet()
    assert adjusted.stage_widths == (80, 60)
    assert adjusted.inner_widths == (160, 240)
    # The inner width is a multiple of the groups and of 1/b: 61 * 4 = 244 goes to 20 times 12, and back to 60.
    assert anynet(stage_widths=[8, 61], bottleneck_ratios=[1, 0.25], group_widths=[8, 6]).to_anynet().stage_widths == (
        8,
        60,
    )


def test_groups_by_number_give_group_widths():
    adjusted = anynet(stage_widths=[64, 128], bottleneck_ratios=[2, 1], group_widths=(), groups=[4, 16]).to_anynet()
    assert adjusted.groups == ()
    assert adjusted.group_widths == (8, 8)
    assert adjusted.stage_widths == (64, 128)


def test_a_number_of_groups_that_does_not_divide_changes_the_width():
    adjusted = anynet(stage_widths=[64, 65], bottleneck_ratios=[1, 1], group_widths=(), groups=[3, 64]).to_anynet()
    assert adjusted.stage_widths == (63, 64)
    assert adjusted.group_widths == (21, 1)


def test_a_ratio_that_is_not_whole_works_where_it_gives_a_whole_width():
    assert anynet(stage_widths=[10, 20], bottleneck_ratios=[2.5, 2.5], group_widths=[2, 2]).inner_widths == (4, 8)


def test_a_regnet_generates_its_published_stages():
    stages = regnet().to_anynet()
    assert stages.stage_depths == (1, 1, 4, 7)
    assert stages.stage_widths == (24, 56, 152, 368)
    assert stages.stage_strides == (2, 2, 2, 2)


def test_generation_and_adjustment_are_two_steps():
    design = presets.design("RegNetX-1.6GF")
    assert isinstance(design, RegNetDesign)
    assert design.as_generated().stage_widths == (80, 176, 408, 912)
    assert design.to_anynet().stage_widths == (72, 168, 408, 912)


def test_slope_0_gives_one_stage():
    assert regnet(w_a=0).to_anynet().stage_depths == (13,)


def test_one_key_for_one_network():
    wide = anynet(stage_widths=[16, 16], bottleneck_ratios=[4, 1], group_widths=[128, 128])
    narrow = anynet(stage_widths=[16, 16], bottleneck_ratios=[4, 1], group_widths=[4, 16])
    by_number = anynet(stage_widths=[16, 16], bottleneck_ratios=[4, 1], group_widths=(), groups=[1, 1])
    assert wide.key() == narrow.key() == by_number.key()
    assert wide != narrow


def test_a_regnet_and_its_stages_have_one_key():
    assert regnet().key() == regnet().to_anynet().key() == regnet().as_generated().key()


@pytest.mark.parametrize(
    "changes",
    [
        {"stem": "cifar"},
        {"stem_width": 16},
        {"block": "residual_bottleneck_linear"},
        {"stage_depths": [2, 1]},
        {"stage_widths": [64, 32]},
        {"stage_strides": [1, 2]},
        {"bottleneck_ratios": [2, 2]},
        {"group_widths": [16, 16]},
        {"se_ratio": 0.25},
        {"head_width": 64},
    ],
)
def test_another_network_has_another_key(changes):
    assert anynet(**changes).key() != anynet().key()


def test_keys_differ_where_one_stage_more_repeats_the_last():
    short = anynet(stage_depths=[1], stage_widths=[8], stage_strides=[2], bottleneck_ratios=[1], group_widths=[1])
    long = anynet(stage_depths=[1] * 2, stage_widths=[8] * 2, bottleneck_ratios=[1] * 2, group_widths=[1] * 2)
    assert short.key() != long.key()


@pytest.mark.parametrize("name", presets.design_names())
def test_published_designs_survive_json_and_fit_a_short_key(name):
    design = presets.design(name)
    assert design_from_json(json.loads(json.dumps(design.to_json()))) == design
    assert len(design.key()) <= 400


def test_a_design_by_number_of_groups_survives_json():
    design = anynet(group_widths=(), groups=[2, 4])
    assert "group_widths" not in design.to_json()
    assert AnyNetDesign.from_json(design.to_json()) == design


def test_json_says_its_kind_and_schema():
    assert anynet().to_json()["kind"] == "anynet"
    assert regnet().to_json() == {
        "kind": "regnet",
        "schema": 1,
        "depth": 13,
        "w_0": 24,
        "w_a": 36.44,
        "w_m": 2.49,
        "bottleneck_ratio": 1.0,
        "group_width": 8,
        "stem": "simple",
        "stem_width": 32,
        "block": "residual_bottleneck",
        "se_ratio": 0.0,
        "head_width": 0,
        "stage_stride": 2,
    }


def test_the_longest_keys_of_plausible_designs_fit_the_database():
    design = anynet(
        stage_depths=[10_001 + k for k in range(8)],
        stage_widths=[100_000_001 + 8 * k for k in range(8)],
        stage_strides=[1, 2] * 4,
        bottleneck_ratios=[1] * 8,
        group_widths=[100_001 + k for k in range(8)],
    )
    assert len(design.key()) <= 400


@settings(max_examples=150, deadline=None)
@given(
    widths=st.lists(st.integers(1, 2048), min_size=1, max_size=8),
    data=st.data(),
)
def test_adjusted_designs_divide_evenly_and_stay_as_they_are(widths, data):
    stages = len(widths)
    ratios = data.draw(
        st.lists(st.sampled_from([0.125, 0.25, 1 / 3, 0.5, 1, 2, 3, 4]), min_size=stages, max_size=stages)
    )
    groups = data.draw(st.lists(st.integers(1, 256), min_size=stages, max_size=stages))
    by_number = data.draw(st.booleans())
    design = anynet(
        stage_depths=[1] * stages,
        stage_widths=widths,
        stage_strides=[2] * stages,
        bottleneck_ratios=ratios,
        group_widths=() if by_number else groups,
        groups=groups if by_number else (),
    )
    adjusted = design.to_anynet()
    for width, ratio, inner, group in zip(
        adjusted.stage_widths, ratios, adjusted.inner_widths, adjusted.group_widths, strict=True
    ):
        assert inner % group == 0
        assert width == pytest.approx(inner * ratio)
    assert adjusted.to_anynet() == adjusted
    assert adjusted.key() == design.key()
    assert complexity(adjusted, resolution=32) == complexity(design, resolution=32)


@settings(max_examples=100, deadline=None)
@given(
    depth=st.integers(1, 64),
    w_0=st.integers(1, 32).map(lambda k: 8 * k),
    w_a=st.floats(0, 256),
    w_m=st.floats(1.1, 4),
)
def test_generated_stages_grow_and_hold_all_blocks(depth, w_0, w_a, w_m):
    try:
        design = regnet(depth=depth, w_0=w_0, w_a=w_a, w_m=w_m)
    except InvalidDesign:
        assume(False)
    stages = design.as_generated()
    assert sum(stages.stage_depths) == depth
    assert all(before < after for before, after in zip(stages.stage_widths, stages.stage_widths[1:], strict=False))
    assert all(width % 8 == 0 for width in stages.stage_widths)
    # Equations 2 to 4 as they stand.
    linear = w_0 + w_a * np.arange(depth)
    levels = np.round(np.log(linear / w_0) / np.log(w_m))
    quantised = np.round(w_0 * np.power(w_m, levels) / 8) * 8
    assert np.repeat(stages.stage_widths, stages.stage_depths).tolist() == quantised.astype(int).tolist()


@pytest.mark.parametrize("block", sorted(set(BLOCKS) - set(BOTTLENECK_BLOCKS)))
def test_blocks_without_a_bottleneck_take_ratio_and_groups_of_1(block):
    assert anynet(block=block, bottleneck_ratios=(), group_widths=()).to_anynet().group_widths == (1, 1)
    assert regnet(block=block, group_width=1).to_anynet().group_widths == (1, 1, 1, 1)
