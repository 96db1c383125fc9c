"""Named spaces and designs."""

from __future__ import annotations

import math

import pytest

from engine.designs.windows import Window
from engine.spaces import presets
from engine.spaces.sampling import draw_designs

SIZES = {
    "AnyNetX-A": (16 * 128 * 3 * 6) ** 4,
    "AnyNetX-B": (16 * 128 * 6) ** 4 * 3,
    "AnyNetX-C": (16 * 128) ** 4 * 3 * 6,
    "AnyNetX-D": 16**4 * math.comb(131, 4) * 18,
    "AnyNetX-E": math.comb(19, 4) * math.comb(131, 4) * 18,
    "AnyNetX-A-3-stages": (16 * 128 * 3 * 6) ** 3,
    "AnyNetX-E-5-stages": math.comb(20, 5) * math.comb(132, 5) * 18,
    "AnyNetR-A": (16 * 128 * 3) ** 4,
    "AnyNetV-A": (16 * 128) ** 4,
    "AnyNetVR-E": math.comb(19, 4) * math.comb(131, 4),
    "AnyNetY-C": (16 * 128) ** 4 * 3 * 6,
    "Vanilla": (9 * 12) ** 3,
    "ResNet": (9 * 12) ** 3,
    "ResNeXt-A": (5 * 5 * 3 * 3) ** 3,
    "ResNeXt-B": (5 * 5 * 3 * 5) ** 3,
    "AnyNetX-A-small": (6 * 32 * 3 * 6) ** 3,
    # Checked once against the generation of each of the 79 million triples of w_0, w_a and w_m.
    "RegNetX": 453_577_440 * 16,
}


# [DNDS] section 3.2 and table 1 quote these rounded sizes; D and E are estimates by 4! that ignore equal widths.
QUOTED_SIZES = {
    "AnyNetX-A": 1.8e18,
    "AnyNetX-B": 6.8e16,
    "AnyNetX-C": 3.2e14,
    "AnyNetX-D": 1.3e13,
    "AnyNetX-E": 5.5e11,
    "RegNetX-paper": 3.0e8,
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_exact(name):
    assert presets.space(name).size() == SIZES[name]


@pytest.mark.parametrize("letter", "ABC")
def test_exact_sizes_agree_with_the_papers_rounded_ones(letter):
    exact, quoted = presets.space(f"AnyNetX-{letter}").size(), QUOTED_SIZES[f"AnyNetX-{letter}"]
    assert quoted == pytest.approx(exact, rel=0.03)


def test_the_papers_estimates_of_d_and_e_ignore_equal_neighbours():
    assert presets.space("AnyNetX-D").size() > QUOTED_SIZES["AnyNetX-D"]
    assert presets.space("AnyNetX-E").size() > QUOTED_SIZES["AnyNetX-E"]


def test_the_laws_of_the_papers_regnet_give_about_its_quoted_size_before_generation():
    vectors = math.prod(one.count() for one in presets.space("RegNetX-paper").sequences.values())
    assert vectors == pytest.approx(QUOTED_SIZES["RegNetX-paper"], rel=0.1)


def test_there_are_24_published_regnets_and_two_classics():
    names = presets.design_names()
    assert sum(name.startswith("RegNetX-") for name in names) == 12
    assert sum(name.startswith("RegNetY-") for name in names) == 12
    assert {"ResNet-50", "ResNeXt-50-32x4d"} < set(names)


def test_every_family_of_four_stages_has_a_small_variant():
    names = presets.space_names()
    assert {"AnyNetX-A-small", "AnyNetX-E-small", "AnyNetY-C-small", "RegNetX-small", "ResNeXt-B-small"} < set(names)
    assert not any(name.endswith("stages-small") for name in names)


@pytest.mark.parametrize("name", [name for name in presets.space_names() if name.endswith("-small")])
def test_small_variants_have_three_narrow_shallow_stages(name):
    space = presets.space(name)
    assert (space.trunk.stem, space.trunk.stem_width) == ("cifar", 16)
    draw = draw_designs(space, size=20, seed=1, resolution=14, in_channels=1, num_classes=10)
    for design in draw.designs:
        stages = design.as_generated() if space.kind == "regnet" else design
        assert len(stages.stage_depths) == 3
        assert max(stages.stage_depths) <= 6
        assert max(stages.stage_widths) <= 256
        assert stages.stage_strides == (2, 2, 2)


@pytest.mark.parametrize(
    "name", ["AnyNetX-A-small", "AnyNetX-C-small", "AnyNetX-D-small", "AnyNetX-E-small", "RegNetX-small"]
)
def test_small_variants_hold_hundreds_of_networks_in_the_window_for_a_cpu(name):
    window = Window(flops=(700_000, 780_000))
    draw = draw_designs(
        presets.space(name), size=500, seed=0, window=window, resolution=14, in_channels=1, num_classes=10,
        max_candidates=400_000,
    )  # fmt: skip
    assert draw.acceptance > 0.002


def test_anynetr_has_one_group_a_stage():
    draw = draw_designs(presets.space("AnyNetR-A"), size=20, seed=0, resolution=64)
    for design in draw.designs:
        adjusted = design.to_anynet()
        assert adjusted.group_widths == adjusted.inner_widths


def test_regnetr_has_one_group_a_stage():
    draw = draw_designs(presets.space("RegNetR"), size=10, seed=0, resolution=64)
    for design in draw.designs:
        adjusted = design.to_anynet()
        assert adjusted.group_widths == adjusted.inner_widths
