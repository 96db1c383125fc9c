"""Entries of pycls sweep files: designs in this engine's words, and errors that name the missing key."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from engine.designs import AnyNetDesign, RegNetDesign
from engine.designs.complexity import complexity
from engine.designs.sweep_files import design_from_pycls, design_parameters, errors_of_sweep_entry, is_sweep_entry
from engine.errors import EngineError, InvalidDesign, InvalidPopulation
from tests.conformance import oracles

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "sweep.json"

ANYNET = {
    "MODEL": {"TYPE": "anynet"},
    "ANYNET": {
        "STEM_TYPE": "res_stem_cifar", "STEM_W": 16, "BLOCK_TYPE": "res_bottleneck_block", "DEPTHS": [1, 2],
        "WIDTHS": [32, 64], "STRIDES": [1, 2], "BOT_MULS": [0.5, 0.25], "GROUP_WS": [8, 16], "SE_ON": True,
        "SE_R": 0.25, "HEAD_W": 0,
    },
}  # fmt: skip


def an_entry() -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(EXAMPLE.read_text())[0]
    return entry


def test_a_regnet_keeps_its_parameters_and_its_multiplier_becomes_a_ratio() -> None:
    entry = an_entry()
    entry["cfg"]["REGNET"]["BOT_MUL"] = 0.5
    design = design_from_pycls(entry["cfg"])
    assert isinstance(design, RegNetDesign)
    assert design_parameters(design) == {
        "depth": 13, "w_0": 24, "w_a": 36.44, "w_m": 2.49, "bottleneck_ratio": 2.0, "group_width": 16,
    }  # fmt: skip


def test_the_error_is_the_lowest_and_of_averaged_weights_where_they_were_tested() -> None:
    entry = an_entry()
    entry["test_epoch"] = {"epoch_ind": [1, 2, 3], "epoch_max": [3, 3, 3], "top1_err": [50.0, 40.0, 42.0]}
    found = errors_of_sweep_entry(entry)
    assert (found["error"], found["lowest_error"], found["final_error"]) == (40, 40, 42)
    assert (found["epoch_reached"], found["epochs_planned"]) == (3, 3)
    entry["test_ema_epoch"] = {"top1_err": [45.0, float("nan"), 41.0], "min_top1_err": [45.0, 45.0, 41.0]}
    found = errors_of_sweep_entry(entry)
    assert (found["error"], found["lowest_ema_error"], found["final_ema_error"]) == (41, 41, 41)


def test_a_job_that_died_has_no_error() -> None:
    found = errors_of_sweep_entry({"cfg": an_entry()["cfg"]})
    assert {name: value for name, value in found.items() if name != "epochs_planned"} == dict.fromkeys(
        name for name in found if name != "epochs_planned"
    )


def test_an_anynet_is_read_stage_by_stage() -> None:
    design = design_from_pycls(ANYNET)
    assert isinstance(design, AnyNetDesign)
    assert design.bottleneck_ratios == (2.0, 4.0)
    assert design.trunk.se_ratio == 0.25
    assert design_parameters(design) == {
        "d_1": 1, "d_2": 2, "w_1": 32, "w_2": 64, "b_1": 2, "b_2": 4, "g_1": 8, "g_2": 16,
    }  # fmt: skip


def test_published_regnets_have_the_complexity_of_the_authors_code() -> None:
    for case in oracles.cases("model_zoo.json"):
        given = case["parameters"]
        part = {
            "STEM_TYPE": given["stem_type"], "STEM_W": given["stem_w"], "BLOCK_TYPE": given["block_type"],
            "STRIDE": given["stride"], "SE_ON": given["se_on"], "SE_R": given["se_r"], "DEPTH": given["depth"],
            "W0": given["w0"], "WA": given["wa"], "WM": given["wm"], "GROUP_W": given["group_w"],
            "BOT_MUL": given["bot_mul"],
        }  # fmt: skip
        design = design_from_pycls({"MODEL": {"TYPE": "regnet"}, "REGNET": part})
        counted = complexity(design, resolution=case["im_size"], num_classes=case["num_classes"])
        assert counted.params == case["exact"]["params"], case["name"]


@pytest.mark.parametrize(
    "path",
    [
        "cfg.MODEL", "cfg.MODEL.TYPE", "cfg.REGNET", "cfg.REGNET.DEPTH", "cfg.REGNET.WA", "cfg.REGNET.GROUP_W",
    ],
)  # fmt: skip
def test_a_missing_key_is_named(path: str) -> None:
    entry = an_entry()
    *parents, key = path.split(".")
    part = entry
    for parent in parents:
        part = part[parent]
    del part[key]
    with pytest.raises(EngineError) as caught:
        design_from_pycls(entry["cfg"])
    assert f"The entry has no {path}." in str(caught.value)
    assert caught.value.parameter == path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("cfg.MODEL.TYPE", "effnet"), ("cfg.REGNET.STEM_TYPE", "odd"), ("cfg.REGNET.BLOCK_TYPE", ["x"]),
        ("cfg.REGNET.BOT_MUL", 0), ("cfg.REGNET.WM", 0.5), ("cfg.REGNET.DEPTH", "13"),
    ],
)  # fmt: skip
def test_what_describes_no_network_or_no_number_is_refused(path: str, value: Any) -> None:
    entry = copy.deepcopy(an_entry())
    *parents, key = path.split(".")
    part = entry
    for parent in parents:
        part = part[parent]
    part[key] = value
    with pytest.raises((InvalidDesign, InvalidPopulation)):
        design_from_pycls(entry["cfg"])


def test_only_objects_with_a_configuration_look_like_an_entry() -> None:
    assert is_sweep_entry(an_entry())
    assert not any(map(is_sweep_entry, ({"cfg": {}}, {"complexity": {}}, [], None, {"depth": 1})))
