"""Designs: what a network is made of, what it costs, and how close its widths are to a quantised linear function."""

from __future__ import annotations

from engine.designs.anynet import AnyNetDesign
from engine.designs.design import Design, design_from_json
from engine.designs.parameters import MOST_STAGES
from engine.designs.regnet import RegNetDesign
from engine.designs.trunk import BLOCKS, BOTTLENECK_BLOCKS, STEMS, TRUNK_KEYS, Trunk

__all__ = [
    "BLOCKS",
    "BOTTLENECK_BLOCKS",
    "MOST_STAGES",
    "STEMS",
    "TRUNK_KEYS",
    "AnyNetDesign",
    "Design",
    "RegNetDesign",
    "Trunk",
    "design_from_json",
]
