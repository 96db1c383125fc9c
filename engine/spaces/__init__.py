"""Spaces: laws of parameters with rules between them, counted, drawn from, and proven to lie inside each other."""

from __future__ import annotations

from engine.spaces.anynet import AnyNetSpace
from engine.spaces.checks import RULES
from engine.spaces.regnet import RegNetSpace
from engine.spaces.space import Space, space_from_json

__all__ = ["RULES", "AnyNetSpace", "RegNetSpace", "Space", "space_from_json"]
