"""Designs: what a network is made of, what it costs, and how close its widths are to a quantised linear function."""

from __future__ import annotations

from engine.designs.design import (
    BLOCKS,
    BOTTLENECK_BLOCKS,
    MOST_STAGES,
    STEMS,
    AnyNetDesign,
    Design,
    RegNetDesign,
    design_from_json,
)

__all__ = [
    "BLOCKS",
    "BOTTLENECK_BLOCKS",
    "MOST_STAGES",
    "STEMS",
    "AnyNetDesign",
    "Design",
    "RegNetDesign",
    "design_from_json",
]
