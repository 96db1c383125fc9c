"""Which samples lie inside a child: the columns say what the designs say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.spaces import AnyNetSpace, RegNetSpace, presets
from engine.spaces.laws import choice, power_of_two, uniform
from engine.spaces.sampling import draw_designs
from engine.statistics.population import Population
from webapp.analysis.insides import failed_rows, inside
from webapp.analysis.narrowing import narrowed, narrows, restricted, restriction


def drawn(space: AnyNetSpace | RegNetSpace, *, size: int = 60) -> tuple[Population, list[Any]]:
    """Designs of a space, and their columns as the database gives them."""
    draw = draw_designs(space, size=size, seed=1, resolution=14, in_channels=1, num_classes=10)
    columns: dict[str, Any] = {name: getattr(draw, name) for name in ("flops", "params", "acts")}
    for name, path in space.parameter_paths().items():
        column = []
        for design in draw.designs:
            value: Any = design.to_json()
            for step in path:
                value = value[step]
            column.append(value)
        columns[name] = column
    return Population.from_columns({**columns, "error": np.linspace(10, 20, size)}), draw.designs


CHILDREN = [
    ("AnyNetX-A-small", ["w_2:16:128"]),
    ("AnyNetX-A-small", ["shared_group_width"]),
    ("AnyNetX-A-small", ["widths_non_decreasing", "d_1::4"]),
    ("AnyNetX-A-small", ["depths_non_decreasing", "b_3:2:"]),
    ("AnyNetX-C-small", ["bottleneck_ratio:1:2"]),
    ("AnyNetX-C-small", ["widths_non_decreasing"]),
    ("AnyNetX-D-small", ["group_width:2:8", "w_1::64"]),
    ("RegNetX-small", ["w_m:2.2:2.6"]),
    ("RegNetX-small", ["depth:5:9", "w_a::40"]),
]


@pytest.mark.parametrize(("preset", "asked"), CHILDREN)
def test_the_columns_say_what_each_design_says(preset: str, asked: list[str]) -> None:
    parent = presets.space(preset)
    child = restricted(parent, asked)
    assert child != parent
    population, designs = drawn(parent)
    kept = inside(child, parent, population)
    assert kept is not None
    assert kept.tolist() == [bool(child.contains(design)) for design in designs]


def test_limits_of_a_regnet_are_read_off_its_complexity() -> None:
    parent = presets.space("RegNetX-small")
    assert isinstance(parent, RegNetSpace)
    population, designs = drawn(parent)
    child = replace(parent, acts_limit=float(np.median(population["acts"] / np.sqrt(population["flops"] / 1e9)) / 1e6))
    kept = inside(child, parent, population)
    images = {"resolution": 14, "in_channels": 1, "num_classes": 10}
    assert kept is not None
    assert 0 < kept.sum() < len(designs)
    assert kept.tolist() == [bool(child.contains(design, **images)) for design in designs]


def test_a_parent_whose_rule_shares_a_parameter_has_one_column_for_all_stages() -> None:
    parent = presets.space("AnyNetX-B-small")
    population, designs = drawn(parent)
    assert "bottleneck_ratio" in population
    child = narrowed(parent, "bottleneck_ratio:2:4")
    assert inside(child, parent, population).tolist() == [bool(child.contains(design)) for design in designs]  # type: ignore[union-attr]


def test_the_columns_cannot_tell_about_stages_that_are_generated() -> None:
    parent = presets.space("RegNetX-small")
    assert isinstance(parent, RegNetSpace)
    population, _ = drawn(parent, size=5)
    assert inside(replace(parent, stage_width_limit=64), parent, population) is None
    assert inside(presets.space("AnyNetX-A-small"), parent, population) is None


def test_no_sample_gives_an_empty_answer() -> None:
    parent = presets.space("RegNetX-small")
    population, _ = drawn(parent, size=1)
    assert inside(parent, parent, population.select(np.array([False]))).tolist() == []  # type: ignore[union-attr]


def test_a_restriction_survives_its_address() -> None:
    assert restriction("w_m", 2.26, None) == "w_m:2.26:"
    assert restriction("depth", None, 20) == "depth::20"
    space = presets.space("RegNetX-small")
    assert isinstance(space, RegNetSpace)
    assert narrowed(space, "w_m:2.26:").w_m.low == 2.26  # type: ignore[union-attr]
    assert narrowed(space, "depth::9").depth.high == 9  # type: ignore[union-attr]
    assert narrowed(space, "depth::9").depth == replace(space.depth, high=9)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "nonsense", ["", ":", "::", "w_m", "w_m:", "w_m:a:b", "w_m:nan:1", "w_m:1:2:3", "no_rule", "w_m:9:1", "w_m:inf:"]
)
def test_what_makes_no_sense_leaves_the_space_as_it_is(nonsense: str) -> None:
    space = presets.space("RegNetX-small")
    assert narrowed(space, nonsense) == space


def test_a_rule_is_added_once() -> None:
    space = presets.space("AnyNetX-A-small")
    child = restricted(space, ["widths_non_decreasing", "widths_non_decreasing"])
    assert isinstance(child, AnyNetSpace)
    assert child.rules == ("widths_non_decreasing",)


@pytest.mark.parametrize(
    ("preset", "asked", "does"),
    [
        ("RegNetX-small", ["w_m:2:2.5"], True),
        ("RegNetX-small", ["w_m:1:9"], False),  # all values
        ("RegNetX-small", ["w_m:7:9"], False),  # none
        ("RegNetX-small", ["w_m:1:9", "depth::6"], True),
        ("RegNetX-small", ["widths_non_decreasing"], False),  # no rule of this family
        ("AnyNetX-A-small", ["widths_non_decreasing"], True),
        ("AnyNetX-E-small", ["widths_non_decreasing"], False),  # a rule that it has
        ("AnyNetX-A-small", ["g_1:0.5:40"], False),
        ("AnyNetX-A-small", ["made_up"], False),
        ("AnyNetX-A-small", [], False),
    ],
)
def test_only_a_restriction_that_leaves_something_out_narrows(preset: str, asked: list[str], does: bool) -> None:
    space = presets.space(preset)
    assert narrows(space, asked) == does
    assert (restricted(space, asked) == space) == (not does)


def test_a_range_without_a_power_of_two_at_its_end_keeps_the_law_as_it_is() -> None:
    space = replace(presets.space("RegNetX-small"), group_width=power_of_two(low=3, high=40))
    assert narrowed(space, "group_width:4:32") == space


def test_values_that_the_rules_exclude_narrow_nothing() -> None:
    space = presets.space("AnyNetX-D-small")
    laws = (uniform(low=8, high=64, step=8), uniform(low=8, high=256, step=8), choice([64]))
    assert not narrows(replace(space, widths=laws), ["w_2:8:64"])


@pytest.mark.parametrize(("preset", "restrictions"), CHILDREN)
def test_failed_samples_lie_inside_as_if_they_had_finished(preset: str, restrictions: list[str]) -> None:
    space = presets.space(preset)
    finished, _ = drawn(space)
    columns = {name: finished[name] for name in finished.names if name != "error"}
    failing = Population.from_columns({**columns, "error": finished.errors}, failures=columns)
    child = restricted(space, restrictions)
    kept = inside(child, space, finished)
    failed = inside(child, space, failed_rows(failing))
    assert kept is not None
    assert failed is not None
    assert np.array_equal(kept, failed)


def test_a_failure_of_which_a_value_is_not_known_lies_outside() -> None:
    space = presets.space("AnyNetX-A-small")
    finished, _ = drawn(space)
    columns = {name: finished[name] for name in finished.names if name != "error"}
    unknown = {name: np.full(3, np.nan) for name in columns}
    failing = Population.from_columns({**columns, "error": finished.errors}, failures=unknown)
    failed = inside(restricted(space, ["d_1::4"]), space, failed_rows(failing))
    assert failed is not None
    assert not failed.any()
