"""Whether one space lies inside another: proven, refuted by a design, or neither."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidSpace
from engine.spaces import RULES, presets
from engine.spaces.candidates import draw_candidates
from engine.spaces.containment import Containment, containment
from engine.spaces.laws import choice, uniform
from tests.engine.spaces.random_spaces import random_pair
from tests.engine.spaces.test_spaces import all_anynets, all_regnets, anynet, regnet

CHAIN = ["AnyNetX-E", "AnyNetX-D", "AnyNetX-C", "AnyNetX-B", "AnyNetX-A"]


def of_presets(child: str, parent: str) -> Containment:
    return containment(presets.space(child), presets.space(parent))


@pytest.mark.parametrize("seed", range(0, 300, 20))
def test_no_random_draw_contradicts_an_answer(seed):
    for child, parent in map(random_pair, range(seed, seed + 20)):
        answer = containment(child, parent)
        proven = {part.name for part in answer.parts if part.answer == "proven"}
        for design in designs_of(child, seed):
            assert not broken_parts(parent, design) & proven, (child, parent)
            assert answer.answer != "proven" or parent.contains(design)
        for part in answer.parts:
            assert (part.witness is not None) == (part.answer == "refuted")
            if part.witness is not None:
                assert child.contains(part.witness)
                assert part.name in broken_parts(parent, part.witness)


def broken_parts(parent, design):
    return {part.name for part in parent.contains(design).parts if not part.holds}


def designs_of(space, seed, *, most=50):
    """Random designs that the space contains."""
    candidates = draw_candidates(space, np.random.default_rng(10_000 + seed), 1000)
    accepted = candidates.kept[candidates.reasons[candidates.kept] == 0][:most]
    return [one for one in (candidates.design(int(at)) for at in accepted) if space.contains(one)]


def test_random_pairs_have_each_of_the_three_answers_and_most_are_decided():
    answers = [containment(*random_pair(seed)).answer for seed in range(60)]
    assert {"proven", "refuted", "not_proven"} == set(answers)
    assert answers.count("not_proven") < 6


@pytest.mark.parametrize(("child", "parent"), [*itertools.combinations(CHAIN, 2)])
def test_each_refinement_of_the_paper_lies_in_those_before_and_not_the_other_way(child, parent):
    assert of_presets(child, parent).answer == "proven"
    back = of_presets(parent, child)
    assert back.answer == "refuted"
    assert ": not so for " in back.reason
    assert not presets.space(child).contains(back.witness)
    assert presets.space(parent).contains(back.witness)


def test_a_space_lies_in_itself():
    for name in presets.space_names():
        assert of_presets(name, name).answer == "proven", name


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
    answer = of_presets(child, parent)
    assert (answer.answer, answer.reason, answer.witness) == ("proven", "", None)
    assert all(part.answer == "proven" and part.reason for part in answer.parts)
    assert all(presets.space(parent).contains(design) for design in designs_of(presets.space(child), 3))


@pytest.mark.parametrize(
    ("child", "parent", "name", "reason"),
    [
        ("RegNetX", "AnyNetX-D", "d_3", "is not a value of its law: uniform, 1 to 16, step 1."),
        ("RegNetX-in-AnyNetX-D", "AnyNetX-E", "depths_non_decreasing", "Depths non-decreasing: not so for "),
        ("RegNetX", "RegNetX-w_m-2", "w_m", "is not a value of its law: choice of 2."),
        ("RegNetX", "RegNetX-w_0-w_a", "w_0_equals_w_a", ", where both are equal."),
        ("RegNetX", "RegNetX-constrained", "params_limit", " params at 224 px with 1,000 classes, where less than "),
        ("RegNetX-3-stages", "RegNetX", "stages", "stages is 3, where 4 is allowed."),
        ("RegNetX", "RegNetX-in-AnyNetX-D", "group_width", "is not a value of its law: powers of two, 8 to 32."),
        ("RegNetX", "AnyNetX-A-3-stages", "stages", "stages is 4, not 3."),
        ("AnyNetX-A", "RegNetX", "kind", "designs given by depth, w_0, w_a and w_m, not stage by stage."),
        ("AnyNetR-A", "AnyNetX-A", "g_1", "is not a value of its law: powers of two, 1 to 32."),
        ("AnyNetY-A", "AnyNetX-A", "se_ratio", "se_ratio is 0.25, not 0."),
    ],
)  # fmt: skip
def test_a_design_that_lies_outside_refutes_and_names_its_part(child, parent, name, reason):
    answer = of_presets(child, parent)
    assert answer.answer == "refuted"
    assert reason in answer.reason
    assert next(part.name for part in answer.parts if part.answer == "refuted") == name


def test_parts_that_no_witness_breaks_are_not_said_to_be_refuted():
    answers = {part.name: part.answer for part in of_presets("RegNetX", "AnyNetX-D").parts}
    # The deepest design of 28 blocks has at most so many in its first stages: a bound allows 25, no design was found.
    assert (answers["d_1"], answers["d_4"], answers["w_1"]) == ("not_proven", "refuted", "proven")


def test_a_bound_that_no_design_attains_is_counted():
    child = regnet()
    widest = max(max(design.as_generated().stage_widths) for design in all_regnets(child) if child.contains(design))
    assert (widest, child.widest_stage(4, 4)) == (272, 344)
    answer = containment(child, replace(child, stage_width_limit=widest))
    assert answer.answer == "proven"
    assert answer.parts[-1].reason == f"Counted: all {child.size():,} parameter vectors here meet it."
    assert containment(child, replace(child, stage_width_limit=widest - 8)).answer == "refuted"


def test_what_is_neither_proven_nor_refuted_says_what_is_missing():
    # Params below F million: as good as no design has so few, and no bound says it.
    child = regnet(params_limit=(0, 0.001))
    answer = containment(child, regnet(w_m=choice([1.5, 2, 2.25])))
    assert (answer.answer, answer.witness) == ("not_proven", None)
    assert answer.reason == "The law here gives w_m = 2.5, the parent's law does not: choice of 1.5, 2, 2.25."


def test_a_space_without_a_valid_generation_lies_in_every_space():
    nothing = regnet(depth=choice([1]), stages=(4, 4))
    assert nothing.size() == 0
    for parent in (regnet(), anynet()):
        assert containment(nothing, parent).answer == "proven"


def test_a_range_of_stages_is_proven_where_all_designs_have_one_number():
    child = regnet(stages=(1, 2), w_a=choice([0]))
    parent = anynet(stages=1, trunk=child.trunk, depths=uniform(low=1, high=9), widths=uniform(low=8, high=64, step=8))
    assert containment(child, parent).answer == "proven"


def test_a_limit_that_the_laws_keep_anyway_is_implied():
    assert containment(regnet(), regnet(stage_width_limit=10_000, stage_depth_limit=7)).answer == "proven"
    assert containment(regnet(), regnet(stage_width_limit=64)).answer == "refuted"
    assert containment(regnet(), regnet(stage_depth_limit=3)).answer == "refuted"


def test_a_rule_that_the_laws_keep_anyway_is_implied():
    child = anynet(widths=(choice([8, 16]), choice([16, 32])), group_widths=choice([8]))
    assert containment(child, anynet(rules=("widths_non_decreasing", "shared_group_width"))).answer == "proven"
    assert containment(anynet(stages=1), anynet(stages=1, rules=tuple(RULES))).answer == "proven"


def test_the_same_spaces_have_the_same_answer_and_witness():
    first, second = (of_presets("RegNetX", "AnyNetX-D") for _ in range(2))
    assert first == second


@settings(max_examples=30, deadline=None)
@given(
    ranges=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), min_size=4, max_size=4),
    rules=st.tuples(st.sets(st.sampled_from(sorted(RULES))), st.sets(st.sampled_from(sorted(RULES)))),
)
def test_small_spaces_given_by_stages_are_proven_or_refuted_as_their_designs_say(ranges, rules):
    laws = [uniform(low=low, high=low + more) for low, more in ranges]
    small = {"widths": choice([8, 16]), "group_widths": choice([1]), "bottleneck_ratios": choice([1, 2])}
    child = anynet_or_none(depths=tuple(laws[:2]), rules=tuple(rules[0]), **small)
    parent = anynet_or_none(depths=tuple(laws[2:]), rules=tuple(rules[1]), **small)
    if child and parent:
        outside = [one for one in all_anynets(child) if child.contains(one) and not parent.contains(one)]
        assert containment(child, parent).answer == ("refuted" if outside else "proven")


def anynet_or_none(**changes):
    try:
        return anynet(**changes)
    except InvalidSpace:
        return None
