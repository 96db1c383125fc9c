"""Designs given stage by stage (docs/method.md, sections 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.checks import LARGEST_WHOLE, JsonObject, sequence, set_fields, whole_number
from engine.designs.parameters import (
    LARGEST_STRIDE,
    MOST_STAGES,
    bottleneck_ratio,
    values_from_json,
    values_to_json,
)
from engine.designs.stages import Adjusted, adjust_stages
from engine.designs.trunk import Trunk, check_trunk
from engine.errors import InvalidDesign

REQUIRED_KEYS = ("stem", "stem_width", "block", "stage_depths", "stage_widths", "stage_strides")


@dataclass(frozen=True, kw_only=True)
class AnyNetDesign:
    """A network given stage by stage.

    Parameters
    ----------
    trunk : Trunk
        Stem, block and head.
    stage_depths, stage_widths, stage_strides : sequence of int
        Blocks, channels and stride of each of the 1 to 8 stages.
    bottleneck_ratios : sequence of float
        Width over inner width, per stage; empty for 1 everywhere. Below 1 its inverse must be whole.
    group_widths : sequence of int
        Channels a group of the 3x3 convolutions, per stage; empty (with ``groups`` empty) for 1 everywhere.
    groups : sequence of int
        Number of groups per stage, instead of ``group_widths``.

    Raises
    ------
    InvalidDesign
        Naming the parameter and the value, where they describe no network.
    """

    trunk: Trunk = field(default_factory=Trunk)
    stage_depths: tuple[int, ...]
    stage_widths: tuple[int, ...]
    stage_strides: tuple[int, ...]
    bottleneck_ratios: tuple[float, ...] = ()
    group_widths: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_trunk(self.trunk, InvalidDesign)
        depths = _wholes("stage_depths", self.stage_depths)
        stages = len(depths)
        if not 1 <= stages <= MOST_STAGES:
            raise InvalidDesign(
                f"stage_depths must have 1 to {MOST_STAGES} entries, got {stages}.",
                parameter="stage_depths",
                value=depths,
            )
        set_fields(
            self,
            stage_depths=depths,
            stage_widths=_wholes("stage_widths", self.stage_widths, stages),
            stage_strides=_wholes("stage_strides", self.stage_strides, stages, high=LARGEST_STRIDE),
        )
        ratios = sequence(self.bottleneck_ratios, parameter="bottleneck_ratios", error=InvalidDesign) or (1.0,) * stages
        _check_length("bottleneck_ratios", ratios, stages)
        set_fields(self, bottleneck_ratios=tuple(bottleneck_ratio("bottleneck_ratios", b) for b in ratios))
        groups = sequence(self.groups, parameter="groups", error=InvalidDesign)
        widths = sequence(self.group_widths, parameter="group_widths", error=InvalidDesign)
        if groups and widths:
            raise InvalidDesign("A design has group_widths or groups, not both.", parameter="groups", value=self.groups)
        set_fields(
            self,
            groups=_wholes("groups", groups, stages) if groups else (),
            group_widths=() if groups else _wholes("group_widths", widths or (1,) * stages, stages),
        )
        for name in ("bottleneck_ratios", "group_widths", "groups"):
            for value in getattr(self, name):
                self.trunk.check_without_bottleneck(name, [value], given=value, error=InvalidDesign)
        _check_mendable(self)

    @property
    def inner_widths(self) -> tuple[int, ...]:
        """Width of the 3x3 convolutions of each stage, after group compatibility."""
        return tuple(_adjust(self).inner_widths.tolist())

    def to_anynet(self) -> AnyNetDesign:
        """The design adjusted for group compatibility, with ``group_widths``; one already adjusted stays as it is."""
        adjusted = _adjust(self)
        return AnyNetDesign(
            trunk=self.trunk,
            stage_depths=self.stage_depths,
            stage_widths=tuple(adjusted.widths.tolist()),
            stage_strides=self.stage_strides,
            bottleneck_ratios=self.bottleneck_ratios,
            group_widths=tuple(adjusted.group_widths.tolist()),
        )

    def key(self) -> str:
        """A name of the network: two designs with one key build the same network, whatever their parameters."""
        adjusted, trunk = _adjust(self), self.trunk
        parts = [f"{trunk.stem}{trunk.stem_width}", trunk.block]
        for letter, values in (
            ("d", self.stage_depths),
            ("w", adjusted.widths.tolist()),
            ("s", self.stage_strides),
            ("i", adjusted.inner_widths.tolist()),
            ("g", adjusted.group_widths.tolist()),
        ):
            # One value for all stages is written once, which keeps most keys short.
            parts.append(letter + ",".join(map(str, values if len(set(values)) > 1 else values[:1])))
        parts[2] += f"/{len(self.stage_depths)}"
        return "-".join([*parts, f"se{trunk.se_ratio}", f"h{trunk.head_width}"])

    def to_json(self) -> JsonObject:
        """The design as JSON-able values, with "kind" and "schema"."""
        values = values_to_json(self, "anynet")
        del values["group_widths" if self.groups else "groups"]
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> AnyNetDesign:
        """The design that `to_json` wrote.

        Raises
        ------
        InvalidDesign
            For another kind or schema version, unknown or missing keys, and values that describe no network.
        """
        unchecked: dict[str, Any] = values_from_json(cls, data, kind="anynet", required=REQUIRED_KEYS)
        return cls(**unchecked)


def _wholes(name: str, values: object, stages: int | None = None, high: int = LARGEST_WHOLE) -> tuple[int, ...]:
    entries = sequence(values, parameter=name, error=InvalidDesign)
    if stages is not None:
        _check_length(name, entries, stages)
    return tuple(whole_number(value, parameter=name, error=InvalidDesign, high=high) for value in entries)


def _check_length(name: str, values: tuple[object, ...], stages: int) -> None:
    if len(values) != stages:
        raise InvalidDesign(
            f"{name} must have one entry for each of the {stages} stages, got {len(values)}.",
            parameter=name,
            value=values,
        )


def _adjust(design: AnyNetDesign) -> Adjusted:
    return adjust_stages(
        widths=np.array(design.stage_widths),
        bottleneck_ratios=np.array(design.bottleneck_ratios),
        divisors=np.array(design.groups or design.group_widths),
        by_number=bool(design.groups),
    )


def _check_mendable(design: AnyNetDesign) -> None:
    """Refuse stages that no adjustment makes whole, and squeezes to no channel at all."""
    se_ratio = design.trunk.se_ratio
    if se_ratio == 0 and all(ratio < 1 or ratio.is_integer() for ratio in design.bottleneck_ratios):
        return
    adjusted = _adjust(design)
    for stage in np.flatnonzero(~adjusted.mended):
        ratio = design.bottleneck_ratios[stage]
        raise InvalidDesign(
            f"bottleneck_ratios = {ratio:g} allows no whole width near {design.stage_widths[stage]} in stage "
            f"{stage + 1}.",
            parameter="bottleneck_ratios",
            value=ratio,
        )
    narrowest = min(design.trunk.stem_width, *adjusted.widths.tolist())
    if se_ratio and round(narrowest * se_ratio) < 1:
        raise InvalidDesign(
            f"se_ratio = {se_ratio:g} squeezes a width of {narrowest} to nothing.",
            parameter="se_ratio",
            value=se_ratio,
        )
