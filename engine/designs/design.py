"""A design of either kind."""

from __future__ import annotations

from collections.abc import Mapping

from engine.checks import one_of
from engine.designs.anynet import AnyNetDesign
from engine.designs.regnet import RegNetDesign
from engine.errors import InvalidDesign

Design = AnyNetDesign | RegNetDesign


def design_from_json(data: Mapping[str, object]) -> Design:
    """The design of either kind that its ``to_json`` wrote.

    Raises
    ------
    InvalidDesign
        For an unknown kind, and as `AnyNetDesign.from_json`.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if one_of(kind, ("anynet", "regnet"), parameter="kind", error=InvalidDesign) == "anynet":
        return AnyNetDesign.from_json(data)
    return RegNetDesign.from_json(data)
