"""Spaces: exact sizes, membership and proofs of inclusion, with their reasons."""

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
    assert answer.reason == "No stage narrower than the one before: not so for 16, 8, 8, 8."


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
        "5,157,512, where less than 1,397,679 is allowed."
    )
    assert not RegNetSpace(**laws, acts_limit=1).contains(design)
    assert RegNetSpace(**laws, acts_limit=6.5).contains(design, resolution=32)
    # Laws and stages alone make the probability; the limits are part of the acceptance under a regime.
    assert RegNetSpace(**laws, acts_limit=1).log_probability(design) == pytest.approx(math.log(1 / 17))


CHAIN = ["AnyNetX-E", "AnyNetX-D", "AnyNetX-C", "AnyNetX-B", "AnyNetX-A"]


@pytest.mark.parametrize(("child", "parent"), [*itertools.combinations(CHAIN, 2)])
def test_each_refinement_of_the_paper_lies_in_those_before_and_not_the_other_way(child, parent):
    assert presets.space(child).is_subset_of(presets.space(parent))
    answer = presets.space(parent).is_subset_of(presets.space(child))
    assert not answer
    assert answer.reason.endswith("not implied.")


def test_a_space_lies_in_itself():
    for name in presets.space_names():
        assert presets.space(name).is_subset_of(presets.space(name)), name


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        ("RegNetX-in-AnyNetX-D", "AnyNetX-D"),
        ("RegNetX-in-AnyNetX-D", "AnyNetX-A"),
        ("RegNetX-small", "AnyNetX-D-small"),
        ("RegNetX-w_m-2", "RegNetX"),
        ("RegNetX-w_0-w_a", "RegNetX"),
        ("RegNetX-constrained", "RegNetX"),
    ],
)
def test_refinements_of_presets_are_proven(child, parent):
    answer = presets.space(child).is_subset_of(presets.space(parent))
    assert answer
    assert answer.reason == ""
    assert all(part.holds and part.reason for part in answer.parts)


@pytest.mark.parametrize(
    ("child", "parent", "reason"),
    [
        ("RegNetX", "AnyNetX-D", "d_1 can be up to 25, but in the parent it is uniform, 1 to 16, step 1."),
        ("RegNetX-in-AnyNetX-D", "AnyNetX-E", "No stage with fewer blocks than the one before: not implied."),
        ("RegNetX", "RegNetX-w_m-2", "w_m can be 3, but in the parent it is choice of 2."),
        ("RegNetX", "RegNetX-w_0-w_a", "w_0 and w_a are not always equal."),
        ("RegNetX", "RegNetX-constrained", "params_limit is 3, 5.5 in the parent, here none."),
        ("RegNetX-3-stages", "RegNetX", "3 stages, the parent allows 4."),
        ("RegNetX", "RegNetX-in-AnyNetX-D", "group_width can be 128, but in the parent it is powers of two, 8 to 32."),
        ("RegNetX", "AnyNetX-A-3-stages", "stages is 4, not 3."),
        ("AnyNetX-A", "RegNetX", "A space of stages given one by one can't be shown to lie in a RegNet space."),
        ("AnyNetR-A", "AnyNetX-A", "The space gives groups by their number, the parent the other way round."),
        ("AnyNetY-A", "AnyNetX-A", "se_ratio is 0.25, not 0."),
    ],
)  # fmt: skip
def test_what_is_not_implied_is_named(child, parent, reason):
    answer = presets.space(child).is_subset_of(presets.space(parent))
    assert not answer
    assert answer.reason == reason


def test_all_bounds_that_a_regnet_space_breaks_are_listed():
    answer = presets.space("RegNetX").is_subset_of(presets.space("AnyNetX-D"))
    failing = [part.name for part in answer.parts if not part.holds]
    assert failing == ["d_1", "d_2", "d_3", "d_4", "w_3", "w_4", "g_1", "g_2", "g_3", "g_4"]


def test_a_limit_that_the_laws_keep_anyway_is_implied():
    parent = regnet(stage_width_limit=10_000, stage_depth_limit=7)
    assert regnet().is_subset_of(parent)
    assert not regnet().is_subset_of(regnet(stage_width_limit=64))
    assert not regnet().is_subset_of(regnet(stage_depth_limit=3))


def test_a_rule_that_the_laws_keep_anyway_is_implied():
    child = anynet(widths=(choice([8, 16]), choice([16, 32])), group_widths=choice([8]))
    assert child.is_subset_of(anynet(rules=("widths_non_decreasing", "shared_group_width")))


@settings(max_examples=30, deadline=None)
@given(
    ranges=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), min_size=4, max_size=4),
    rules=st.tuples(st.sets(st.sampled_from(sorted(RULES))), st.sets(st.sampled_from(sorted(RULES)))),
)
def test_a_proven_subset_contains_no_design_outside_its_parent(ranges, rules):
    laws = [uniform(low=low, high=low + more) for low, more in ranges]
    small = {"widths": choice([8, 16]), "group_widths": choice([1]), "bottleneck_ratios": choice([1, 2])}
    child = anynet_or_none(depths=tuple(laws[:2]), rules=tuple(rules[0]), **small)
    parent = anynet_or_none(depths=tuple(laws[2:]), rules=tuple(rules[1]), **small)
    if child and parent:
        outside = [one for one in all_anynets(child) if child.contains(one) and not parent.contains(one)]
        assert bool(child.is_subset_of(parent)) == (not outside)


def anynet_or_none(**changes):
    try:
        return anynet(**changes)
    except ValueError:
        return None


@pytest.mark.parametrize("name", ["RegNetX-in-AnyNetX-D", "RegNetX-small"])
def test_generated_stages_keep_the_bounds_that_proofs_rely_on(name):
    space = presets.space(name)
    parent = presets.space("AnyNetX-D" if name.endswith("D") else "AnyNetX-D-small")
    generator = np.random.default_rng(3)
    drawn = {key: one.draw(generator, 300) for key, one in space.sequences.items()}
    checked = 0
    for at in range(300):
        values = {key: column[:, at].tolist() for key, column in drawn.items()}
        w_0, w_a = values.pop("w")
        try:
            design = RegNetDesign(
                w_0=w_0, w_a=w_a, trunk=space.trunk,
                **{key: value[0] for key, value in values.items()},
            )  # fmt: skip
        except InvalidDesign:
            continue
        if space.contains(design):
            checked += 1
            assert parent.contains(design)
    assert checked > 5
