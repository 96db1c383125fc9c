"""The quantised linear fit: the paper's two examples, and what it promises for any stages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.designs import AnyNetDesign, RegNetDesign, Trunk
from engine.designs.linear_fit import fit_error, fit_errors, fit_quantized_linear
from engine.designs.windows import Window
from engine.errors import InvalidDesign
from engine.spaces import presets
from engine.spaces.sampling import draw_designs

FIRST = {"stage_depths": [2, 4, 5, 5], "stage_widths": [64, 128, 272, 704]}
SECOND = {"stage_depths": [1, 1, 3, 5], "stage_widths": [32, 144, 256, 448]}


def written_out(stages, fit):
    widths = np.repeat(stages["stage_widths"], stages["stage_depths"])
    return math.sqrt(np.mean(np.log(widths / np.repeat(fit.stage_widths, fit.stage_depths)) ** 2))


def test_the_first_example_of_the_paper():
    fit = fit_quantized_linear(**FIRST, refine=False)
    assert 27 <= fit.w_a <= 30
    assert 72 <= fit.w_0 <= 80
    assert fit.w_m == 1.9
    assert 0.268 <= fit.error <= 0.269
    assert fit_error(**FIRST, w_0=80, w_a=30, w_m=1.9) == pytest.approx(0.2690, abs=5e-5)


def test_the_second_example_of_the_paper():
    fit = fit_quantized_linear(**SECOND, refine=False)
    assert 75 <= fit.w_a <= 76
    assert fit.w_0 == 32
    assert fit.w_m == 2.0
    assert fit.error == pytest.approx(0.1015, abs=5e-5)
    assert fit_error(**SECOND, w_0=48, w_a=61, w_m=2.2) == pytest.approx(0.197, abs=5e-4)


@pytest.mark.parametrize("stages", [FIRST, SECOND])
def test_the_local_search_goes_on_from_the_grid(stages):
    grid, refined = fit_quantized_linear(**stages, refine=False), fit_quantized_linear(**stages)
    assert refined.error < grid.error
    for fit in (grid, refined):
        assert fit.error == pytest.approx(written_out(stages, fit))
        assert sum(fit.stage_depths) == fit.depth == sum(stages["stage_depths"])
        assert len(fit.stage_widths) == 4
        assert fit_error(**stages, w_0=fit.w_0, w_a=fit.w_a, w_m=fit.w_m) == pytest.approx(fit.error)


def test_a_regnet_on_the_grid_fits_itself():
    design = RegNetDesign(depth=16, w_0=48, w_a=28, w_m=2.1, group_width=8)
    fit = fit_quantized_linear(design)
    assert fit.error == pytest.approx(0, abs=1e-12)
    assert fit.stage_widths == design.to_anynet().stage_widths
    assert fit_error(design, w_0=48, w_a=28, w_m=2.1) == pytest.approx(0, abs=1e-12)


def test_one_stage_is_fitted_by_its_width():
    fit = fit_quantized_linear(stage_depths=[7], stage_widths=[96])
    assert (fit.w_0, fit.error) == (96, pytest.approx(0, abs=1e-12))


def test_another_number_of_stages_is_infinitely_far():
    assert fit_error(**FIRST, w_0=64, w_a=0, w_m=2) == math.inf


def test_many_designs_have_the_errors_of_each():
    designs = draw_designs(presets.space("AnyNetX-A"), size=12, seed=2, resolution=224).designs
    designs += draw_designs(presets.space("RegNetX"), size=6, seed=2, resolution=224).designs
    errors = fit_errors(designs)
    assert errors == pytest.approx([fit_quantized_linear(design).error for design in designs])
    assert errors == pytest.approx([fit_error(design) for design in designs])
    on_the_grid = [fit_quantized_linear(design, refine=False).error for design in designs]
    assert fit_errors(designs, refine=False).tolist() == on_the_grid


def test_regnets_are_fitted_far_better_than_anynets():
    window = Window(flops=(360e6, 400e6))
    means = [
        fit_errors(draw_designs(presets.space(name), size=40, seed=0, window=window, resolution=224).designs).mean()
        for name in ("RegNetX", "AnyNetX-E", "AnyNetX-A")
    ]
    assert means[0] < 0.2 * means[1]
    assert means[1] < means[2]


def test_stages_that_no_regnet_has_are_refused_and_not_a_number_among_many():
    stages = {"stage_depths": [2000, 1000], "stage_widths": [64, 128]}
    with pytest.raises(InvalidDesign, match="No RegNet of 3000 blocks was found with 2 stages"):
        fit_quantized_linear(**stages)
    design = AnyNetDesign(trunk=Trunk(block="plain"), stage_strides=[2, 2], **stages)
    assert np.isnan(fit_errors([design])).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 64)), min_size=1, max_size=4))
def test_no_neighbour_on_the_grid_is_better(stages):
    given_stages = {"stage_depths": [d for d, _ in stages], "stage_widths": [8 * w for _, w in stages]}
    try:
        fit = fit_quantized_linear(**given_stages, refine=False)
    except InvalidDesign:
        return
    assert fit.error == pytest.approx(written_out(given_stages, fit))
    for w_0, w_a, w_m in ((8, 0, 0), (-8, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 0.1), (0, 0, -0.1)):
        near = (fit.w_0 + w_0, fit.w_a + w_a, round(fit.w_m + w_m, 1))
        if 8 <= near[0] <= 256 and 0 <= near[1] <= 256 and 1.1 <= near[2] <= 3:
            error = fit_error(**given_stages, w_0=near[0], w_a=near[1], w_m=near[2])
            assert error >= fit.error - 1e-9


def test_five_hundred_regnets_fit_themselves_without_error():
    designs = draw_designs(presets.space("RegNetX"), size=500, seed=4, resolution=224).designs
    generated = [design.as_generated() for design in designs]
    errors = [
        fit_quantized_linear(stage_depths=stages.stage_depths, stage_widths=stages.stage_widths).error
        for stages in generated
    ]
    assert max(errors) == pytest.approx(0, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    depth=st.integers(2, 40),
    w_0=st.integers(1, 40),
    w_a=st.floats(1, 300),
    w_m=st.floats(1.15, 4) | st.sampled_from([1.5, 2.0, 2.5, 3.0]),
)
def test_a_regnet_of_any_parameters_fits_itself(depth, w_0, w_a, w_m):
    try:
        stages = RegNetDesign(depth=depth, w_0=8 * w_0, w_a=w_a, w_m=w_m, group_width=8).as_generated()
        fit = fit_quantized_linear(stage_depths=stages.stage_depths, stage_widths=stages.stage_widths)
    except InvalidDesign:  # no such RegNet, or none on the grid with as many stages
        return
    assert fit.error == pytest.approx(0, abs=1e-9)
    assert fit.stage_depths == stages.stage_depths
    assert fit.stage_widths == stages.stage_widths


def test_a_fit_is_never_worse_than_the_parameters_a_design_was_drawn_with():
    designs = draw_designs(presets.space("RegNetX"), size=60, seed=5, resolution=224).designs
    for design in designs:  # their widths are adjusted for groups, so that few have an error of 0
        own = fit_error(design, w_0=design.w_0, w_a=design.w_a, w_m=design.w_m)
        assert fit_error(design) <= own + 1e-9


def test_the_fit_is_written_with_few_decimals():
    stages = RegNetDesign(depth=22, w_0=24, w_a=24.48, w_m=2.54, group_width=8).as_generated()
    fit = fit_quantized_linear(stage_depths=stages.stage_depths, stage_widths=stages.stage_widths)
    assert fit.error == pytest.approx(0, abs=1e-9)
    assert (fit.w_m, fit.w_a) == (round(fit.w_m, 4), round(fit.w_a, 1))
