"""Complexity: exact integers for one design and for many at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.designs import BLOCKS, BOTTLENECK_BLOCKS, STEMS, AnyNetDesign, RegNetDesign, Trunk
from engine.designs.complexity import DesignColumns, complexities, complexity
from engine.errors import InvalidDesign
from engine.spaces import presets


def one_by_one(design: AnyNetDesign, side: int, channels: int, classes: int) -> tuple[int, int, int]:
    """Flops, params and acts layer by layer, in plain integers."""
    design = design.to_anynet()
    total = [0, 0, 0]

    def conv(kernel, w_in, w_out, side_in, stride=1, groups=1, norm=True):
        out = (side_in - 1) // stride + 1
        weights = kernel * kernel * w_in * w_out // groups
        bias = 0 if norm else w_out
        total[0] += weights * out * out + bias * out * out
        total[1] += weights + (2 * w_out if norm else bias)
        total[2] += w_out * out * out
        return out

    side = conv(
        7 if design.trunk.stem == "imagenet" else 3,
        channels,
        design.trunk.stem_width,
        side,
        1 + (design.trunk.stem != "cifar"),
    )
    if design.trunk.stem == "imagenet":
        side = (side - 1) // 2 + 1
        total[2] += design.trunk.stem_width * side * side
    width = design.trunk.stem_width
    for stage, depth in enumerate(design.stage_depths):
        w, inner = design.stage_widths[stage], design.inner_widths[stage]
        for number in range(depth):
            stride = design.stage_strides[stage] if number == 0 else 1
            side_in = side
            if design.trunk.block in BOTTLENECK_BLOCKS:
                conv(1, width, inner, side_in)
                side = conv(3, inner, inner, side_in, stride, inner // design.group_widths[stage])
                if design.trunk.se_ratio:
                    squeeze = round(width * design.trunk.se_ratio)
                    conv(1, inner, squeeze, 1, norm=False)
                    conv(1, squeeze, inner, 1, norm=False)
                conv(1, inner, w, side)
            else:
                side = conv(3, width, w, side_in, stride)
                if design.trunk.block in ("vanilla", "residual_basic"):
                    conv(3, w, w, side)
            projects = design.trunk.block in ("plain_residual", "residual_basic", "residual_bottleneck")
            if projects and (stride != 1 or width != w):
                conv(1, width, w, side_in, stride)
            width = w
    if design.trunk.head_width:
        conv(1, width, design.trunk.head_width, side)
        width = design.trunk.head_width
    conv(1, width, classes, 1, norm=False)
    return tuple(total)


@st.composite
def anynets(draw):
    stages = draw(st.integers(1, 5))

    def listed(values):
        return draw(st.lists(values, min_size=stages, max_size=stages))

    block = draw(st.sampled_from(BLOCKS))
    bottleneck = block in BOTTLENECK_BLOCKS
    return AnyNetDesign(
        trunk=Trunk(
            stem=draw(st.sampled_from(STEMS)),
            stem_width=draw(st.integers(8, 40)),
            block=block,
            se_ratio=draw(st.sampled_from([0, 0.25, 0.5])) if bottleneck else 0,
            head_width=draw(st.sampled_from([0, 64])),
        ),
        stage_depths=listed(st.integers(1, 4)),
        stage_widths=listed(st.integers(8, 200)),
        stage_strides=listed(st.sampled_from([1, 2])),
        bottleneck_ratios=listed(st.sampled_from([0.25, 0.5, 1, 2, 4])) if bottleneck else (),
        group_widths=listed(st.integers(1, 64)) if bottleneck else (),
    )


@settings(max_examples=150, deadline=None)
@given(
    designs=st.lists(anynets(), min_size=1, max_size=4),
    side=st.integers(1, 64),
    channels=st.integers(1, 4),
    classes=st.integers(1, 100),
)
def test_many_at_once_equal_layer_by_layer(designs, side, channels, classes):
    found = complexities(designs, resolution=side, in_channels=channels, num_classes=classes)
    expected = [one_by_one(design, side, channels, classes) for design in designs]
    assert list(zip(found.flops.tolist(), found.params.tolist(), found.acts.tolist(), strict=True)) == expected
    assert {found.flops.dtype, found.params.dtype, found.acts.dtype} == {np.dtype(np.int64)}


def test_designs_of_all_kinds_are_counted_in_the_order_given():
    designs = [presets.design(name) for name in presets.design_names()]
    found = complexities(designs, resolution=224)
    for at, design in enumerate(designs):
        assert found[at] == complexity(design, resolution=224)
        assert found[at] == complexity(design.to_anynet(), resolution=224)


def test_regnets_with_different_numbers_of_stages_are_counted_together():
    designs = [RegNetDesign(depth=depth, w_0=24, w_a=24, w_m=2, group_width=8) for depth in (1, 3, 6, 12, 24)]
    assert len({len(design.to_anynet().stage_depths) for design in designs}) > 2
    found = complexities(designs, resolution=64)
    assert [found[at] for at in range(5)] == [complexity(one.to_anynet(), resolution=64) for one in designs]


def test_no_designs_cost_nothing():
    found = complexities([], resolution=32)
    assert len(found) == 0
    assert found.flops.dtype == np.int64


def design_of(width: int, depth: int = 1) -> AnyNetDesign:
    return AnyNetDesign(
        trunk=Trunk(stem="cifar", stem_width=8, block="residual_basic"),
        stage_depths=[depth],
        stage_widths=[width],
        stage_strides=[1],
    )


@pytest.mark.parametrize("design", [design_of(2**38), design_of(8, depth=2**40), design_of(2**40, depth=2**40)])
def test_counts_beyond_64_bits_are_refused_and_never_wrapped(design):
    with pytest.raises(InvalidDesign, match="design 1 is beyond"):
        complexities([design_of(8), design], resolution=224)


def test_large_counts_below_the_limit_are_exact():
    design = design_of(2**20, depth=1000)
    assert complexity(design, resolution=8).flops == one_by_one(design, 8, 3, 1000)[0] > 2**55


def test_columns_are_counted_as_their_designs():
    design = design_of(64, depth=2)
    row = {name: np.array([[value]]) for name, value in (("depths", 2), ("widths", 64), ("inner_widths", 64))}
    columns = DesignColumns(
        trunk=design.trunk, stage_strides=[1], group_widths=np.array([[1]]), **row,
    )  # fmt: skip
    assert complexities(columns, resolution=32)[0] == complexity(design, resolution=32)
