"""Flops, params and acts, equal to the integer with the authors' code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from engine.designs import RegNetDesign
from engine.designs.complexity import complexity
from engine.errors import InvalidDesign
from tests.conformance.oracles import anynet_design, cases, stages_design, trunk_of


def cost(design: Any, case: dict[str, Any]) -> dict[str, int]:
    image = {"in_channels": case.get("in_channels", 3), "num_classes": case["num_classes"]}
    return asdict(complexity(design, resolution=case["im_size"], **image))


def test_complexity_equals_the_authors():
    checked = cases("complexity.json")
    wrong = [case["id"] for case in checked if cost(anynet_design(case["anynet"]), case) != case["expected"]]
    print(f"{len(checked)} complexities checked")
    assert len(checked) >= 160
    assert wrong == []


def test_complexity_of_regnets_equals_the_authors_from_their_parameters():
    checked = [case for case in cases("complexity.json") if case["kind"] == "regnet"]
    refused, wrong = [], []
    for case in checked:
        try:
            design = regnet_design(case["regnet"])
        except InvalidDesign:
            refused.append(case)
            continue
        if cost(design, case) != case["expected"]:
            wrong.append(case["id"])
    assert len(checked) >= 32
    assert wrong == []
    # The authors' samplers drop designs with an empty level; their networks can be built, and here they are refused.
    assert all(has_an_empty_level(case["regnet"]) for case in refused)
    assert len(refused) <= len(checked) / 4


def has_an_empty_level(regnet: dict[str, Any]) -> bool:
    linear = regnet["w0"] + regnet["wa"] * np.arange(regnet["depth"])
    levels = np.unique(np.round(np.log(linear / regnet["w0"]) / np.log(regnet["wm"])))
    return len(levels) != levels[-1] + 1


def regnet_design(regnet: dict[str, Any]) -> RegNetDesign:
    return RegNetDesign(
        depth=regnet["depth"],
        w_0=regnet["w0"],
        w_a=regnet["wa"],
        w_m=regnet["wm"],
        bottleneck_ratio=1 / regnet["bot_mul"],
        group_width=regnet["group_w"],
        trunk=trunk_of(regnet),
        stage_stride=regnet["stride"],
    )


def test_stages_before_adjustment_give_the_stages_that_were_counted():
    checked = [case for case in cases("complexity.json") if "before_adjust" in case]
    for case in checked:
        adjusted = stages_design(**case["before_adjust"]).to_anynet()
        assert list(adjusted.stage_widths) == case["anynet"]["widths"], case["id"]
        assert list(adjusted.group_widths) == case["anynet"]["group_ws"], case["id"]
    assert len(checked) >= 60


def test_complexity_of_the_shipped_configurations_is_what_their_authors_publish():
    checked = cases("complexity_shipped_configs.json")
    wrong = [case["id"] for case in checked if cost(anynet_design(case["anynet"]), case) != case["expected"]]
    assert len(checked) >= 4
    assert wrong == []
