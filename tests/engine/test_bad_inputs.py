"""What makes no sense is refused, with the parameter and the value in a sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from engine.designs import AnyNetDesign, RegNetDesign, Trunk, design_from_json
from engine.designs.complexity import complexity
from engine.designs.linear_fit import fit_error, fit_quantized_linear
from engine.designs.windows import Window
from engine.errors import EngineError, InvalidDesign, InvalidRegime, InvalidSpace, SamplingExhausted
from engine.spaces import AnyNetSpace, RegNetSpace, presets, space_from_json
from engine.spaces.laws import Law, choice, log_uniform, power_of_two, uniform
from engine.spaces.sampling import draw_designs

NAN, INF = math.nan, math.inf


def anynet(**changes: Any) -> AnyNetDesign:
    values: dict[str, Any] = {
        "stage_depths": (1, 2),
        "stage_widths": (32, 64),
        "stage_strides": (2, 2),
        "bottleneck_ratios": (1, 2),
        "group_widths": (8, 16),
        **changes,
    }
    return AnyNetDesign(trunk=Trunk.take_from(values), **values)


def regnet(**changes: Any) -> RegNetDesign:
    values: dict[str, Any] = {"depth": 13, "w_0": 24, "w_a": 36.44, "w_m": 2.49, "group_width": 8}
    return RegNetDesign(**{**values, **changes})


BAD_DESIGNS: list[tuple[Any, dict[str, Any], str]] = [
    (anynet, {"stem": "resnet"}, "stem"),
    (anynet, {"stem": None}, "stem"),
    (anynet, {"stem_width": 0}, "stem_width"),
    (anynet, {"stem_width": "32"}, "stem_width"),
    (anynet, {"stem_width": True}, "stem_width"),
    (anynet, {"block": "transformer"}, "block"),
    (anynet, {"stage_depths": ()}, "stage_depths"),
    (anynet, {"stage_depths": (1,) * 9}, "stage_depths"),
    (anynet, {"stage_depths": (1, 0)}, "stage_depths"),
    (anynet, {"stage_depths": (1, -2)}, "stage_depths"),
    (anynet, {"stage_depths": (1, 2.5)}, "stage_depths"),
    (anynet, {"stage_depths": (1, NAN)}, "stage_depths"),
    (anynet, {"stage_depths": "12"}, "stage_depths"),
    (anynet, {"stage_depths": 3}, "stage_depths"),
    (anynet, {"stage_widths": (32,)}, "stage_widths"),
    (anynet, {"stage_widths": (0, 64)}, "stage_widths"),
    (anynet, {"stage_widths": (32, 2**64)}, "stage_widths"),
    (anynet, {"stage_widths": (32, 10**30)}, "stage_widths"),
    (anynet, {"stage_widths": ("32", 64)}, "stage_widths"),
    (anynet, {"stage_widths": (32, 10**5000)}, "stage_widths"),
    (anynet, {"stage_widths": np.array(3)}, "stage_widths"),
    (anynet, {"stage_widths": np.ones((2, 2))}, "stage_widths"),
    (anynet, {"stem": "x" * 10_000}, "stem"),
    (anynet, {"stage_strides": (2, 0)}, "stage_strides"),
    (anynet, {"stage_strides": (2, 2, 2)}, "stage_strides"),
    (anynet, {"bottleneck_ratios": (1, 0)}, "bottleneck_ratios"),
    (anynet, {"bottleneck_ratios": (1, -1)}, "bottleneck_ratios"),
    (anynet, {"bottleneck_ratios": (1, 0.3)}, "bottleneck_ratios"),
    (anynet, {"bottleneck_ratios": (1, NAN)}, "bottleneck_ratios"),
    (anynet, {"bottleneck_ratios": (1, INF)}, "bottleneck_ratios"),
    (anynet, {"bottleneck_ratios": (1, 1e-9)}, "bottleneck_ratios"),
    (anynet, {"bottleneck_ratios": (1, 1.5), "stage_widths": (32, 65), "group_widths": (8, 1)}, "bottleneck_ratios"),
    (anynet, {"group_widths": (8, 0)}, "group_widths"),
    (anynet, {"group_widths": (8,)}, "group_widths"),
    (anynet, {"groups": (2, 2)}, "groups"),
    (anynet, {"group_widths": (), "groups": (0, 1)}, "groups"),
    (anynet, {"se_ratio": -0.25}, "se_ratio"),
    (anynet, {"se_ratio": 1.5}, "se_ratio"),
    (anynet, {"se_ratio": 0.001}, "se_ratio"),
    (anynet, {"head_width": -1}, "head_width"),
    (anynet, {"block": "vanilla", "group_widths": (1, 1)}, "bottleneck_ratios"),
    (anynet, {"block": "plain", "bottleneck_ratios": (1, 1)}, "group_widths"),
    (anynet, {"block": "residual_basic", "bottleneck_ratios": (), "group_widths": (), "se_ratio": 0.25}, "se_ratio"),
    (regnet, {"depth": 0}, "depth"),
    (regnet, {"depth": 10**9}, "depth"),
    (regnet, {"depth": "13"}, "depth"),
    (regnet, {"w_0": 20}, "w_0"),
    (regnet, {"w_0": 0}, "w_0"),
    (regnet, {"w_0": -8}, "w_0"),
    (regnet, {"w_a": -1}, "w_a"),
    (regnet, {"w_a": NAN}, "w_a"),
    (regnet, {"w_a": INF}, "w_a"),
    (regnet, {"w_m": 1}, "w_m"),
    (regnet, {"w_m": 0.9}, "w_m"),
    (regnet, {"w_m": 1.01}, "w_m"),
    (regnet, {"w_a": 200, "w_0": 8}, "w_m"),
    (regnet, {"w_m": 10**13, "w_a": 10**12}, "stage_widths"),
    (regnet, {"depth": 5000}, "depth"),
    (regnet, {"bottleneck_ratio": 0}, "bottleneck_ratio"),
    (regnet, {"group_width": 0}, "group_width"),
    (regnet, {"group_width": 2.5}, "group_width"),
    (regnet, {"stage_stride": 0}, "stage_stride"),
]


@pytest.mark.parametrize(("build", "changes", "parameter"), BAD_DESIGNS)
def test_bad_designs_are_refused_by_parameter(build, changes, parameter):
    with pytest.raises(InvalidDesign) as caught:
        build(**changes)
    assert caught.value.parameter == parameter
    assert parameter in str(caught.value)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 250


SPACE = {"depths": uniform(low=1, high=4), "widths": uniform(low=8, high=64, step=8)}
LAWS = {"depth": uniform(low=4, high=8), "w_0": choice([8]), "w_a": choice([8]), "w_m": choice([2])}

BAD_SPACES: list[tuple[Any, dict[str, Any], str]] = [
    (uniform, {"low": 5, "high": 4}, "low"),
    (uniform, {"low": 1, "high": 4, "step": 0}, "step"),
    (uniform, {"low": 1, "high": 4, "step": -1}, "step"),
    (uniform, {"low": 1, "high": 4, "step": NAN}, "step"),
    (uniform, {"low": 1, "high": "4"}, "high"),
    (uniform, {"low": None, "high": 4}, "low"),
    (uniform, {"low": 8, "high": 20, "step": 8}, "high"),
    (uniform, {"low": 4, "high": 16, "step": 8}, "low"),
    (uniform, {"low": 1, "high": 10**8}, "step"),
    (uniform, {"low": 1, "high": INF}, "high"),
    (log_uniform, {"low": 0, "high": 4}, "low"),
    (log_uniform, {"low": -4, "high": 4}, "low"),
    (power_of_two, {"low": 5, "high": 7}, "low"),
    (power_of_two, {"low": 0, "high": 7}, "low"),
    (choice, {"values": []}, "values"),
    (choice, {"values": [1, 1]}, "values"),
    (choice, {"values": [1, NAN]}, "values"),
    (choice, {"values": "12"}, "values"),
    (choice, {"values": 12}, "values"),
    (choice, {"values": [1, 2], "weights": [0, 0]}, "weights"),
    (choice, {"values": [1, 2], "weights": [1, -1]}, "weights"),
    (choice, {"values": [1, 2], "weights": [1]}, "weights"),
    (Law, {"kind": "zipf", "low": 1, "high": 2, "step": 1}, "kind"),
    (AnyNetSpace, {**SPACE, "stages": 0}, "stages"),
    (AnyNetSpace, {**SPACE, "stages": 9}, "stages"),
    (AnyNetSpace, {**SPACE, "stages": (3, 5)}, "stages"),
    (AnyNetSpace, {**SPACE, "depths": uniform(low=0, high=4)}, "depths"),
    (AnyNetSpace, {**SPACE, "depths": choice([1.5])}, "depths"),
    (AnyNetSpace, {**SPACE, "depths": (uniform(low=1, high=4),) * 3}, "depths"),
    (AnyNetSpace, {**SPACE, "depths": 3}, "depths"),
    (AnyNetSpace, {**SPACE, "widths": None}, "widths"),
    (AnyNetSpace, {**SPACE, "bottleneck_ratios": choice([0.3])}, "bottleneck_ratios"),
    (AnyNetSpace, {**SPACE, "bottleneck_ratios": choice([0])}, "bottleneck_ratios"),
    (AnyNetSpace, {**SPACE, "group_widths": choice([1]), "groups": choice([1])}, "groups"),
    (AnyNetSpace, {**SPACE, "trunk": Trunk(block="vanilla"), "group_widths": choice([8])}, "group_widths"),
    (AnyNetSpace, {**SPACE, "trunk": "simple"}, "trunk"),
    (RegNetSpace, {**LAWS, "trunk": None}, "trunk"),
    (Trunk, {"stem_width": -5}, "stem_width"),
    (AnyNetSpace, {**SPACE, "stage_strides": (2, 2)}, "stage_strides"),
    (AnyNetSpace, {**SPACE, "rules": ("widths_increasing",)}, "rules"),
    (AnyNetSpace, {**SPACE, "rules": (["widths_non_decreasing"],)}, "rules"),
    (AnyNetSpace, {**SPACE, "rules": ("shared_group_width",), "groups": choice([1])}, "rules"),
    (AnyNetSpace, {**SPACE, "stages": 2, "widths": (choice([64]), choice([8])),
                   "rules": ("widths_non_decreasing",)}, "rules"),
    (RegNetSpace, {**LAWS, "stages": (4, 3)}, "stages"),
    (RegNetSpace, {**LAWS, "stages": (1, 9)}, "stages"),
    (RegNetSpace, {**LAWS, "w_0": choice([12])}, "w_0"),
    (RegNetSpace, {**LAWS, "w_m": choice([1])}, "w_m"),
    (RegNetSpace, {**LAWS, "w_a": choice([-8])}, "w_a"),
    (RegNetSpace, {**LAWS, "depth": choice([0])}, "depth"),
    (RegNetSpace, {**LAWS, "tie": "w_0_is_depth"}, "tie"),
    (RegNetSpace, {**LAWS, "w_m": uniform(low=2, high=3, step=1e-5), "w_0": uniform(low=8, high=8000, step=8)}, "w_m"),
    (RegNetSpace, {**LAWS, "w_a": choice([16]), "tie": "w_0_equals_w_a"}, "tie"),
    (RegNetSpace, {**LAWS, "stage_width_limit": 0}, "stage_width_limit"),
    (RegNetSpace, {**LAWS, "params_limit": (3,)}, "params_limit"),
    (RegNetSpace, {**LAWS, "acts_limit": -1}, "acts_limit"),
    (RegNetSpace, {**LAWS, "trunk": Trunk(block="plain"), "bottleneck_ratio": choice([2])}, "bottleneck_ratio"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "values", "parameter"), BAD_SPACES)
def test_bad_laws_and_spaces_are_refused_by_parameter(build, values, parameter):
    with pytest.raises(InvalidSpace) as caught:
        build(**values)
    assert caught.value.parameter == parameter
    assert str(caught.value).endswith(".")


DESIGN_JSON = anynet().to_json()
SPACE_JSON = presets.space("AnyNetX-A").to_json()
REGNET_JSON = presets.space("RegNetX").to_json()

BAD_JSON: list[tuple[Any, Any, str]] = [
    (design_from_json, {**DESIGN_JSON, "colour": 1}, "colour"),
    (design_from_json, {**DESIGN_JSON, "schema": 2}, "schema"),
    (design_from_json, {**DESIGN_JSON, "schema": True}, "schema"),
    (design_from_json, {**DESIGN_JSON, "kind": "resnet"}, "kind"),
    (design_from_json, {key: value for key, value in DESIGN_JSON.items() if key != "stem"}, "stem"),
    (design_from_json, {key: value for key, value in DESIGN_JSON.items() if key != "schema"}, "schema"),
    (design_from_json, [], "kind"),
    (RegNetDesign.from_json, DESIGN_JSON, "kind"),
    (design_from_json, {**DESIGN_JSON, "trunk": {}}, "trunk"),
    (space_from_json, {**SPACE_JSON, "stem_width": -5}, "stem_width"),
    (space_from_json, {**SPACE_JSON, "colour": 1}, "colour"),
    (space_from_json, {**SPACE_JSON, "schema": 0}, "schema"),
    (space_from_json, {**SPACE_JSON, "kind": 3}, "kind"),
    (
        space_from_json,
        {**SPACE_JSON, "depths": {"kind": "uniform", "low": 1, "high": 2, "step": 1, "p": 1}},
        "depths.p",
    ),
    (space_from_json, {**SPACE_JSON, "depths": {"kind": "uniform", "low": 2, "high": 1, "step": 1}}, "depths.low"),
    (space_from_json, {**REGNET_JSON, "w_m": {"kind": "choice", "values": []}}, "w_m.values"),
    (space_from_json, {**REGNET_JSON, "w_m": None}, "w_m.kind"),
    (space_from_json, None, "kind"),
    (Law.from_json, {"kind": "uniform", "values": [1]}, "values"),
    (Window.from_json, {"time": [1, 2]}, "time"),
    (Window.from_json, [], "window"),
]


@pytest.mark.parametrize(("read", "data", "parameter"), BAD_JSON)
def test_json_of_another_shape_is_refused(read, data, parameter):
    with pytest.raises(EngineError) as caught:
        read(data)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("window", "parameter"),
    [
        ({"flops": (2, 1)}, "flops"),
        ({"flops": (-1, 1)}, "flops"),
        ({"params": (NAN, 1)}, "params"),
        ({"acts": (1, 10**30)}, "acts"),
        ({"acts": (1, 2, 3)}, "acts"),
        ({"flops": 5}, "flops"),
        ({"flops": ("1", 2)}, "flops"),
    ],
)
def test_bad_windows_are_refused_by_parameter(window, parameter):
    with pytest.raises(InvalidRegime) as caught:
        Window(**window)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"size": 0}, "size"),
        ({"size": 1.5}, "size"),
        ({"size": 10**6}, "size"),
        ({"seed": -1}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"resolution": 0}, "resolution"),
        ({"in_channels": 0}, "in_channels"),
        ({"num_classes": NAN}, "num_classes"),
        ({"max_candidates": 0}, "max_candidates"),
        ({"max_seconds": 0}, "max_seconds"),
    ],
)
def test_bad_draws_are_refused_by_parameter(changes, parameter):
    arguments: dict[str, Any] = {"size": 1, "seed": 0, "resolution": 32, **changes}
    with pytest.raises(EngineError) as caught:
        draw_designs(presets.space("AnyNetX-A"), **arguments)
    assert caught.value.parameter == parameter
    assert not isinstance(caught.value, SamplingExhausted)


def test_unknown_presets_are_refused_by_name():
    with pytest.raises(InvalidSpace, match="AnyNetX-Z"):
        presets.space("AnyNetX-Z")
    with pytest.raises(InvalidDesign, match="LeNet"):
        presets.design("LeNet")


@pytest.mark.parametrize(
    "changes", [{"resolution": 0}, {"resolution": "224"}, {"num_classes": 0}, {"in_channels": 1.5}]
)
def test_complexity_refuses_images_that_make_no_sense(changes):
    with pytest.raises(InvalidDesign) as caught:
        complexity(anynet(), **{"resolution": 32, **changes})
    assert caught.value.parameter in changes


@pytest.mark.parametrize(
    ("stages", "parameter"),
    [
        (([1, 2], [8]), "stage_widths"),
        (([], []), "stage_widths"),
        (([0, 2], [8, 16]), "stage_depths"),
        (([1, 2], [8, NAN]), "stage_widths"),
        ((None, None), "stage_depths"),
    ],
)
def test_stages_that_make_no_sense_are_not_fitted(stages, parameter):
    with pytest.raises(InvalidDesign) as caught:
        fit_quantized_linear(stage_depths=stages[0], stage_widths=stages[1])
    assert caught.value.parameter == parameter


def test_the_parameters_of_a_fit_are_checked():
    with pytest.raises(InvalidDesign) as caught:
        fit_error(stage_depths=[1, 2], stage_widths=[8, 16], w_0=8, w_a=8, w_m=1)
    assert caught.value.parameter == "w_m"
