"""A space of either kind."""

from __future__ import annotations

from collections.abc import Mapping

from engine.checks import one_of
from engine.errors import InvalidSpace
from engine.spaces.anynet import AnyNetSpace
from engine.spaces.regnet import RegNetSpace

Space = AnyNetSpace | RegNetSpace


def space_from_json(data: Mapping[str, object]) -> Space:
    """The space of either kind that its ``to_json`` wrote.

    Raises
    ------
    InvalidSpace
        For an unknown kind or schema version, unknown or missing keys, and values that describe no space.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if one_of(kind, ("anynet", "regnet"), parameter="kind", error=InvalidSpace) == "anynet":
        return AnyNetSpace.from_json(data)
    return RegNetSpace.from_json(data)
