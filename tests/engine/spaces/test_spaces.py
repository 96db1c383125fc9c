"""Spaces: exact sizes, and membership with its reasons."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.designs import AnyNetDesign, RegNetDesign, Trunk
from engine.errors import InvalidDesign
from engine.spaces import RULES, AnyNetSpace, RegNetSpace, presets, space_from_json
from engine.spaces.laws import choice, log_uniform, uniform


def anynet(**changes):
    values = {
        "stages": 2,
        "depths": uniform(low=1, high=3),
        "widths": choice([8, 16, 32], weights=[1, 2, 1]),
        "bottleneck_ratios": choice([1, 2]),
        "group_widths": choice([1, 8]),
    }
    return AnyNetSpace(**{**values, **changes})


def regnet(**changes):
    values = {
        "stages": (1, 4),
        "depth": uniform(low=2, high=7),
        "w_0": uniform(low=8, high=24, step=8),
        "w_a": uniform(low=0, high=32, step=4),
        "w_m": choice([1.5, 2, 2.25, 2.5]),
        "group_width": choice([1, 8]),
    }
    return RegNetSpace(**{**values, **changes})


def all_anynets(space):
    """Every design whose parameters the laws of an AnyNet space of two stages can give."""
    pairs = [list(itertools.product(*(law.values.tolist() for law in getattr(space, name))))
             for name in ("depths", "widths", "bottleneck_ratios", space.group_parameter)]  # fmt: skip
    for depths, widths, ratios, groups in itertools.product(*pairs):
        yield AnyNetDesign(
            trunk=space.trunk,
            stage_depths=depths,
            stage_widths=widths,
            stage_strides=space.stage_strides,
            bottleneck_ratios=ratios,
            **{space.group_parameter: groups},
        )


def all_regnets(space):
    """Every valid design whose parameters the laws of a RegNet space can give, for one ratio and group width."""
    laws = (space.depth, space.w_0, space.w_a, space.w_m)
    for depth, w_0, w_a, w_m in itertools.product(*(law.values.tolist() for law in laws)):
        try:
            yield RegNetDesign(depth=depth, w_0=w_0, w_a=w_a, w_m=w_m, group_width=1)
        except InvalidDesign:
            continue


@pytest.mark.parametrize("count", range(5))
def test_size_of_an_anynet_space_is_the_number_of_designs_it_contains(count):
    for rules in itertools.combinations(RULES, count):
        space = anynet(rules=rules)
        assert space.size() == sum(bool(space.contains(design)) for design in all_anynets(space)), rules


def test_laws_of_single_stages_are_counted():
    space = anynet(depths=(choice([2, 5]), uniform(low=1, high=4)), rules=("depths_non_decreasing",))
    assert space.sequences["depths"].count() == 3
    assert space.size() == sum(bool(space.contains(design)) for design in all_anynets(space))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stages": (2, 3)},
        {"stages": (4, 4)},
        {"tie": "w_0_equals_w_a"},
        {"stage_width_limit": 40},
        {"stage_depth_limit": 2},
        {"stage_width_limit": 64, "stage_depth_limit": 3, "stages": (1, 3)},
        {"w_a": choice([2.5, 4, 8, 16, 40.1]), "w_m": choice([1.2, 2.56, 4, 9])},
        {"depth": choice([3, 6, 12]), "tie": "w_0_equals_w_a"},
    ],
)
def test_size_of_a_regnet_space_is_the_number_of_designs_it_contains(changes):
    space = regnet(**changes)
    generations = sum(bool(space.contains(design)) for design in all_regnets(space))
    assert space.size() == generations * 2
    assert generations > 0


@settings(max_examples=25, deadline=None)
@given(
    w_m=st.lists(st.sampled_from([1.2, 1.44, 1.5, 1.69, 1.96, 2, 2.25, 2.56, 2.89, 3, 4, 9]), min_size=1, max_size=3,
                 unique=True),
    lowest=st.integers(1, 9),
    highest_w_0=st.integers(1, 4),
    step=st.sampled_from([1, 2, 2.5, 4, 8]),
    stages=st.sampled_from([(1, 1), (1, 3), (2, 2), (3, 4), (1, 8)]),
    limits=st.sampled_from([(None, None), (48, None), (None, 3)]),
)  # fmt: skip
def test_counting_regnets_by_steps_equals_looking_at_each(w_m, lowest, highest_w_0, step, stages, limits):
    space = regnet(
        depth=uniform(low=lowest, high=lowest + 3),
        w_0=uniform(low=8, high=8 * highest_w_0, step=8),
        w_a=uniform(low=0, high=12 * step, step=step),
        w_m=choice(w_m),
        group_width=choice([1]),
        stages=stages,
        stage_width_limit=limits[0],
        stage_depth_limit=limits[1],
    )
    assert space.size() == sum(bool(space.contains(design)) for design in all_regnets(space))


@pytest.mark.parametrize("rules", [(), tuple(RULES)])
def test_probabilities_of_an_anynet_space_sum_to_1(rules):
    space = anynet(rules=rules)
    total = sum(math.exp(space.log_probability(design)) for design in all_anynets(space))
    assert total == pytest.approx(1)


def test_a_rule_conditions_the_law():
    free, ruled = anynet(), anynet(rules=("widths_non_decreasing",))
    inside = [design for design in all_anynets(free) if ruled.contains(design)]
    share = sum(math.exp(free.log_probability(design)) for design in inside)
    for design in inside[::17]:
        assert math.exp(ruled.log_probability(design)) == pytest.approx(math.exp(free.log_probability(design)) / share)


def test_a_shared_value_has_the_product_of_its_probabilities():
    space = anynet(group_widths=choice([1, 8], weights=[1, 3]), rules=("shared_group_width",))
    assert space.sequences["group_widths"].log_probabilities(np.array([[8], [8]]))[0] == pytest.approx(math.log(9 / 10))


def test_a_design_outside_has_no_probability():
    assert presets.space("AnyNetX-A").log_probability(presets.design("ResNet-50")) == -math.inf
    assert presets.space("RegNetX").log_probability(presets.design("RegNetX-400MF")) == -math.inf


def test_a_law_that_varies_by_stage_is_not_uniform():
    assert anynet(widths=choice([8, 16])).is_uniform
    assert not anynet().is_uniform
    assert regnet().is_uniform
    assert not regnet(w_0=log_uniform(low=8, high=32, step=8)).is_uniform


@pytest.mark.parametrize("name", presets.space_names())
def test_presets_survive_json(name):
    space = presets.space(name)
    assert space_from_json(json.loads(json.dumps(space.to_json()))) == space


def test_json_of_an_anynet_space():
    assert presets.space("AnyNetX-B").to_json() == {
        "kind": "anynet",
        "schema": 1,
        "stages": 4,
        "stem": "simple",
        "stem_width": 32,
        "block": "residual_bottleneck",
        "depths": {"kind": "uniform", "low": 1, "high": 16, "step": 1},
        "widths": {"kind": "log_uniform", "low": 8, "high": 1024, "step": 8},
        "bottleneck_ratios": {"kind": "choice", "values": [1, 2, 4]},
        "group_widths": {"kind": "power_of_two", "low": 1, "high": 32},
        "stage_strides": [2, 2, 2, 2],
        "se_ratio": 0.0,
        "head_width": 0,
        "rules": ["shared_bottleneck_ratio"],
    }


def test_laws_of_single_stages_survive_json():
    space = anynet(widths=(choice([8]), choice([16])))
    assert isinstance(space.to_json()["widths"], list)
    assert space_from_json(space.to_json()) == space


def test_rules_stand_in_one_order_whatever_order_they_are_given_in():
    assert anynet(rules=tuple(reversed(RULES))) == anynet(rules=tuple(RULES))


def test_every_parameter_that_varies_has_a_path():
    design = AnyNetDesign(
        stage_depths=[1, 2], stage_widths=[8, 16],
        stage_strides=[2, 2], bottleneck_ratios=[1, 2], group_widths=[1, 8],
    ).to_json()  # fmt: skip
    paths = anynet().parameter_paths()
    assert list(paths) == ["d_1", "d_2", "w_1", "w_2", "b_1", "b_2", "g_1", "g_2"]
    assert [design[key][at] for key, at in paths.values()] == [1, 2, 8, 16, 1, 2, 1, 8]


def test_shared_and_fixed_parameters_have_one_path_or_none():
    assert list(presets.space("AnyNetX-C").parameter_paths())[8:] == ["bottleneck_ratio", "group_width"]
    assert presets.space("AnyNetX-C").parameter_paths()["group_width"] == ("group_widths", 0)
    assert list(presets.space("AnyNetV-A").parameter_paths()) == [f"{x}_{k}" for x in "dw" for k in (1, 2, 3, 4)]
    assert "groups_1" in presets.space("ResNeXt-A").parameter_paths()
    assert list(presets.space("RegNetX").parameter_paths()) == ["depth", "w_0", "w_a", "w_m", "group_width"]
    assert "w_a" not in presets.space("RegNetX-w_0-w_a").parameter_paths()


def test_membership_names_the_first_parameter_that_fails():
    space = presets.space("AnyNetX-A")
    resnet = presets.design("ResNet-50")
    assert space.contains(resnet).reason == "stem is imagenet, not simple."
    same_stem = AnyNetSpace(
        trunk=Trunk(stem="imagenet", stem_width=64), depths=space.depths, widths=space.widths,
        group_widths=space.group_widths,
        bottleneck_ratios=space.bottleneck_ratios, stage_strides=(1, 2, 2, 2),
    )  # fmt: skip
    assert same_stem.contains(resnet).reason == "w_4 = 2048 is not a value of its law: log-uniform, 8 to 1,024, step 8."
    failing = [part.name for part in same_stem.contains(resnet).parts if not part.holds]
    assert failing == ["w_4", "g_1", "g_2", "g_3", "g_4"]


def test_membership_names_the_rule_that_fails():
    design = AnyNetDesign(
        stage_depths=[1] * 4, stage_widths=[16, 8, 8, 8],
        stage_strides=[2] * 4,
    )  # fmt: skip
    assert presets.space("AnyNetX-C").contains(design)
    answer = presets.space("AnyNetX-D").contains(design)
    assert not answer
    assert answer.reason == "Widths non-decreasing: not so for 16, 8, 8, 8."


def test_another_number_of_stages_is_outside():
    answer = presets.space("AnyNetX-A-3-stages").contains(presets.design("RegNetX-400MF"))
    assert answer.reason == "stages is 4, not 3."


def test_published_regnets_lie_in_the_anynet_spaces_they_were_refined_from():
    inside = [name for name in presets.design_names() if presets.space("AnyNetX-D").contains(presets.design(name))]
    assert inside == ["RegNetX-200MF", "RegNetX-400MF", "RegNetX-800MF"]


def test_a_design_given_stage_by_stage_is_in_no_regnet_space():
    answer = presets.space("RegNetX").contains(presets.design("RegNetX-400MF").to_anynet())
    assert not answer
    assert "stage by stage" in answer.reason


def test_groups_given_the_other_way_round_are_compared_as_adjusted():
    space = presets.space("ResNeXt-A")
    values = {"trunk": Trunk(stem="cifar", stem_width=16), "stage_depths": [1, 2, 4],
              "stage_widths": [16, 32, 64], "stage_strides": [1, 2, 2], "bottleneck_ratios": [1, 2, 4]}  # fmt: skip
    assert space.contains(AnyNetDesign(**values, groups=[1, 2, 4]))
    assert space.contains(AnyNetDesign(**values, group_widths=[16, 8, 4]))
    assert space.contains(AnyNetDesign(**values, group_widths=[2, 8, 4])).reason.startswith("groups_1 = 8")


def test_limits_of_complexity_are_part_of_membership():
    laws = {"depth": uniform(low=12, high=28), "w_0": choice([24]), "w_a": choice([24.48]), "w_m": choice([2.54]),
            "group_width": choice([16])}  # fmt: skip
    design = presets.design("RegNetX-400MF")
    assert RegNetSpace(**laws, params_limit=(3, 5.5), acts_limit=6.5).contains(design)
    assert RegNetSpace(**laws, params_limit=(1, 1)).contains(design).reason == (
        "5,157,512 params at 224 px with 1,000 classes, where less than 1,397,679 is allowed."
    )
    assert not RegNetSpace(**laws, acts_limit=1).contains(design)
    assert RegNetSpace(**laws, acts_limit=6.5).contains(design, resolution=32)
    # Laws and stages alone make the probability; the limits are part of the acceptance under a regime.
    assert RegNetSpace(**laws, acts_limit=1).log_probability(design) == pytest.approx(math.log(1 / 17))
