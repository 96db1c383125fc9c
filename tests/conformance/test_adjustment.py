"""Group compatibility, equal with the authors' code."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InvalidDesign
from tests.conformance.oracles import cases, ratios, stages_design


def test_group_compatibility_equals_the_authors():
    checked = [case for case in cases("block_adjust.json") if case["kind"] != "rejected"]
    for case in checked:
        adjusted = stages_design(**case["input"]).to_anynet()
        assert list(adjusted.stage_widths) == case["expected"]["widths"], case["id"]
        assert list(adjusted.group_widths) == case["expected"]["group_ws"], case["id"]
        assert adjusted.bottleneck_ratios == ratios(case["expected"]["bot_muls"]), case["id"]
        assert adjusted.to_anynet() == adjusted, case["id"]
    assert len(checked) >= 114


def test_what_the_authors_refuse_is_refused():
    checked = [case for case in cases("block_adjust.json") if case["kind"] == "rejected"]
    for case in checked:
        given = dict(case["input"])
        # A multiplier of 0 has no inverse; our ratio for it is as impossible.
        given["bot_muls"] = [multiplier or float("inf") for multiplier in given["bot_muls"]]
        with pytest.raises(InvalidDesign):
            stages_design(**given)
    assert len(checked) >= 2


def scaled_by_one(given: dict[str, Any]) -> dict[str, Any]:
    """What their scaling of a network does with factor 1: it brings widths and groups to its own steps."""
    groups = [g if g <= 2 else 4 if g <= 5 else round(g / 8) * 8 for g in given["group_ws"]]
    return {**given, "widths": [max(8, round(w / 8) * 8) for w in given["widths"]], "group_ws": groups}


def test_what_the_authors_sweep_does_before_it_counts_is_that_scaling_and_the_same_adjustment():
    checked = cases("sweep_standardize.json")
    for case in checked:
        adjusted = stages_design(**scaled_by_one(case["input"])).to_anynet()
        expected = case["expected"]
        assert list(adjusted.stage_depths) == expected["depths"], case["id"]
        assert list(adjusted.stage_widths) == expected["widths"], case["id"]
        assert list(adjusted.group_widths) == expected["group_ws"], case["id"]
        assert adjusted.bottleneck_ratios == ratios(expected["bot_muls"]), case["id"]
    assert len(checked) >= 41
