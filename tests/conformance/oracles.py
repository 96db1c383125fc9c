"""Vectors made by running the authors' released code, and what they are called here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.designs import AnyNetDesign, Trunk

FOLDER = Path(os.environ.get("NETSPACE_ORACLES", Path(__file__).parents[2] / ".." / "shared" / "oracles"))
STEMS = {"res_stem_cifar": "cifar", "simple_stem_in": "simple", "res_stem_in": "imagenet"}
BLOCKS = {
    "vanilla_block": "vanilla",
    "res_basic_block": "residual_basic",
    "res_bottleneck_block": "residual_bottleneck",
    "res_bottleneck_linear_block": "residual_bottleneck_linear",
}


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of one file; the test that asks is skipped where the file is missing."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no {name} in {FOLDER}; set NETSPACE_ORACLES to the folder that holds it")
    found: list[dict[str, Any]] = json.loads(path.read_text())["cases"]
    return found


def ratios(multipliers: list[float]) -> tuple[float, ...]:
    """Their ``bot_muls`` multiply the width, our bottleneck ratios divide it."""
    return tuple(1 / multiplier for multiplier in multipliers)


def stages_design(*, widths: Any, bot_muls: Any, group_ws: Any, depths: Any = None) -> AnyNetDesign:
    """A design of bottleneck blocks with these stages."""
    return AnyNetDesign(
        stage_depths=depths or [1] * len(widths),
        stage_widths=widths,
        stage_strides=[2] * len(widths),
        bottleneck_ratios=ratios(bot_muls),
        group_widths=group_ws,
    )


def trunk_of(options: dict[str, Any]) -> Trunk:
    """The trunk that their options of an AnyNet or a RegNet stand for."""
    return Trunk(
        stem=STEMS[options["stem_type"]],
        stem_width=options["stem_w"],
        block=BLOCKS[options["block_type"]],
        se_ratio=options["se_r"] if options["se_on"] else 0.0,
        head_width=options["head_w"],
    )


def anynet_design(anynet: dict[str, Any]) -> AnyNetDesign:
    """The design that their AnyNet options stand for."""
    return AnyNetDesign(
        trunk=trunk_of(anynet),
        stage_depths=anynet["depths"],
        stage_widths=anynet["widths"],
        stage_strides=anynet["strides"],
        bottleneck_ratios=ratios(anynet["bot_muls"]),
        group_widths=anynet["group_ws"],
    )
