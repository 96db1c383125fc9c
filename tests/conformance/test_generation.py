"""RegNet's generation of stages, equal with the authors' code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.designs import MOST_STAGES, RegNetDesign
from engine.designs.stages import Generated, generate_stages
from engine.errors import InvalidDesign
from tests.conformance.oracles import cases

LEVELS = 400


def generated(checked: list[dict[str, Any]]) -> Generated:
    def column(name: str) -> Any:
        return np.array([float(case[name]) for case in checked])

    depth = np.array([case["d"] for case in checked])
    return generate_stages(depth=depth, w_0=column("w0"), w_a=column("wa"), w_m=column("wm"), levels=LEVELS)


def runs(widths: Any, depths: Any) -> tuple[list[int], list[int]]:
    """The different widths with their blocks, where some levels have no block or the width of another."""
    found: dict[int, int] = {}
    for width, depth in zip(widths.tolist(), depths.tolist(), strict=True):
        if depth:
            found[width] = found.get(width, 0) + depth
    return list(found), list(found.values())


def test_generated_stages_equal_the_authors():
    checked = cases("regnet_generation.json")
    stages = generated(checked)
    for at, case in enumerate(checked):
        expected = case["expected"]
        widths, depths = runs(stages.widths[:, at], stages.depths[:, at])
        assert (widths, depths) == (expected["widths"], expected["depths"]), case["id"]
        assert np.repeat(widths, depths).tolist() == expected["block_widths"], case["id"]
        assert stages.stages[at] == expected["total_stages"], case["id"]
        assert stages.merged[at] == (expected["num_stages"] != expected["total_stages"]), case["id"]
    assert len(checked) >= 195


def test_a_design_is_refused_exactly_where_the_authors_stages_disagree():
    checked = cases("regnet_generation.json")
    for case in checked:
        expected = case["expected"]
        values = {"depth": case["d"], "w_0": case["w0"], "w_a": case["wa"], "w_m": case["wm"], "group_width": 1}
        if expected["num_stages"] == expected["total_stages"] <= MOST_STAGES:
            stages = RegNetDesign(**values).as_generated()
            assert list(stages.stage_widths) == expected["widths"], case["id"]
            assert list(stages.stage_depths) == expected["depths"], case["id"]
        else:
            with pytest.raises(InvalidDesign):
                RegNetDesign(**values)
