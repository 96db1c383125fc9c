"""The published RegNets: their stages and complexity, exact and as the papers' tables round them."""

from __future__ import annotations

import pytest

from engine.designs import RegNetDesign
from engine.designs.complexity import complexity
from engine.spaces import presets
from tests.conformance.oracles import cases

# params and flops in millions, acts in millions, as published with [DNDS] (tables 7 and 8 of its appendix).
PUBLISHED_PARAMS = {
    "RegNetX-200MF": 2_684_792,
    "RegNetX-400MF": 5_157_512,
    "RegNetX-600MF": 6_196_040,
    "RegNetX-800MF": 7_259_656,
    "RegNetX-1.6GF": 9_190_136,
    "RegNetX-3.2GF": 15_296_552,
    "RegNetX-4.0GF": 22_118_248,
    "RegNetX-6.4GF": 26_209_256,
    "RegNetX-8.0GF": 39_572_648,
    "RegNetX-12GF": 46_106_056,
    "RegNetX-16GF": 54_278_536,
    "RegNetX-32GF": 107_811_560,
    "RegNetY-200MF": 3_162_996,
    "RegNetY-400MF": 4_344_144,
    "RegNetY-600MF": 6_055_160,
    "RegNetY-800MF": 6_263_168,
    "RegNetY-1.6GF": 11_202_430,
    "RegNetY-3.2GF": 19_436_338,
    "RegNetY-4.0GF": 20_646_656,
    "RegNetY-6.4GF": 30_583_252,
    "RegNetY-8.0GF": 39_180_068,
    "RegNetY-12GF": 51_822_544,
    "RegNetY-16GF": 83_590_140,
    "RegNetY-32GF": 145_046_770,
    "ResNet-50": 25_557_032,
    "ResNeXt-50-32x4d": 25_028_904,
}


@pytest.mark.parametrize("name", PUBLISHED_PARAMS)
def test_published_networks_have_their_published_number_of_parameters(name):
    assert complexity(presets.design(name), resolution=224).params == PUBLISHED_PARAMS[name]


@pytest.mark.parametrize("name", [name for name in PUBLISHED_PARAMS if name.startswith("RegNet")])
def test_published_regnets_are_near_the_flops_in_their_name(name):
    size = name.partition("-")[2]
    nominal = float(size[:-2]) * {"MF": 1e6, "GF": 1e9}[size[-2:]]
    assert complexity(presets.design(name), resolution=224).flops == pytest.approx(nominal, rel=0.02)


def test_the_golden_value_of_regnetx_400mf():
    design = presets.design("RegNetX-400MF")
    assert design.to_anynet().stage_widths == (32, 64, 160, 384)
    assert design.to_anynet().stage_depths == (1, 2, 7, 12)
    cost = complexity(design, resolution=224)
    assert (cost.flops, cost.params, cost.acts) == (397_678_568, 5_157_512, 3_143_272)


def test_zoo_of_the_authors():
    checked = cases("model_zoo.json")
    for case in checked:
        design = presets.design(case["name"])
        assert isinstance(design, RegNetDesign)
        given = case["parameters"]
        assert (design.depth, design.w_0, design.w_a, design.w_m, design.group_width) == (
            given["depth"], given["w0"], given["wa"], given["wm"], given["group_w"],
        ), case["name"]  # fmt: skip
        assert design.trunk.se_ratio == (given["se_r"] if given["se_on"] else 0)
        stages = design.to_anynet()
        for ours, theirs in (("stage_widths", "widths"), ("stage_depths", "depths"), ("group_widths", "group_ws")):
            assert list(getattr(stages, ours)) == case["stages"][theirs], case["name"]
        cost = complexity(design, resolution=case["im_size"], num_classes=case["num_classes"])
        assert vars(cost) == case["exact"], case["name"]
        table = case["published_table"]
        for value, unit, shown in (
            (cost.flops, 1e9, table["flops_b"]),
            (cost.params, 1e6, table["params_m"]),
            (cost.acts, 1e6, table["acts_m"]),
        ):
            # One flops entry of the table is rounded up from 6.46 to 6.5.
            assert value / unit == pytest.approx(shown, abs=0.06), case["name"]
    assert len(checked) >= 10
