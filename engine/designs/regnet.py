"""Designs given by RegNet's parameters (docs/method.md, section 4; [DNDS] section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.checks import JsonObject, set_fields, whole_number
from engine.designs.anynet import AnyNetDesign
from engine.designs.parameters import (
    LARGEST_STRIDE,
    MOST_STAGES,
    bottleneck_ratio,
    regnet_parameters,
    values_from_json,
    values_to_json,
)
from engine.designs.stages import generate_stages
from engine.designs.trunk import Trunk, check_trunk
from engine.errors import InvalidDesign

REQUIRED_KEYS = ("depth", "w_0", "w_a", "w_m", "group_width")


@dataclass(frozen=True, kw_only=True)
class RegNetDesign:
    """A network given by RegNet's parameters ([DNDS] section 3.3).

    Parameters
    ----------
    trunk : Trunk
        Stem, block and head.
    depth : int
        Number of blocks of all stages together.
    w_0 : int
        Initial width, a multiple of 8.
    w_a : float
        Slope of the linear widths, at least 0.
    w_m : float
        Width multiplier between stages, above 1.
    bottleneck_ratio : float
        Width over inner width, of all stages. Below 1 its inverse must be whole.
    group_width : int
        Channels a group of the 3x3 convolutions, of all stages.
    stage_stride : int
        Stride of each stage.

    Raises
    ------
    InvalidDesign
        Naming the parameter and the value; also where two stages would get one width or a stage no block.
    """

    trunk: Trunk = field(default_factory=Trunk)
    depth: int
    w_0: int
    w_a: float
    w_m: float
    bottleneck_ratio: float = 1.0
    group_width: int
    stage_stride: int = 2

    def __post_init__(self) -> None:
        check_trunk(self.trunk, InvalidDesign)
        set_fields(
            self,
            **regnet_parameters(depth=self.depth, w_0=self.w_0, w_a=self.w_a, w_m=self.w_m, error=InvalidDesign),
            bottleneck_ratio=bottleneck_ratio("bottleneck_ratio", self.bottleneck_ratio),
            group_width=whole_number(self.group_width, parameter="group_width", error=InvalidDesign),
            stage_stride=whole_number(
                self.stage_stride, parameter="stage_stride", error=InvalidDesign, high=LARGEST_STRIDE
            ),
        )
        for name in ("bottleneck_ratio", "group_width"):
            value = getattr(self, name)
            self.trunk.check_without_bottleneck(name, [value], given=value, error=InvalidDesign)
        self.as_generated()

    def as_generated(self) -> AnyNetDesign:
        """The stages that Eq. 2 to 4 of [DNDS] give, not yet adjusted for group compatibility."""
        depths, widths = self._stages()
        return AnyNetDesign(
            trunk=self.trunk,
            stage_depths=depths,
            stage_widths=widths,
            stage_strides=(self.stage_stride,) * len(depths),
            bottleneck_ratios=(self.bottleneck_ratio,) * len(depths),
            group_widths=(self.group_width,) * len(depths),
        )

    def to_anynet(self) -> AnyNetDesign:
        """The design stage by stage, adjusted for group compatibility."""
        return self.as_generated().to_anynet()

    def key(self) -> str:
        """A name of the network: two designs with one key build the same network, whatever their parameters."""
        return self.as_generated().key()

    def to_json(self) -> JsonObject:
        """The design as JSON-able values, with "kind" and "schema"."""
        return values_to_json(self, "regnet")

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> RegNetDesign:
        """The design that `to_json` wrote; raises `InvalidDesign` as `AnyNetDesign.from_json` does."""
        unchecked: dict[str, Any] = values_from_json(cls, data, kind="regnet", required=REQUIRED_KEYS)
        return cls(**unchecked)

    def _stages(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        generated = generate_stages(
            depth=np.array([self.depth]),
            w_0=np.array([float(self.w_0)]),
            w_a=np.array([self.w_a]),
            w_m=np.array([self.w_m]),
            levels=MOST_STAGES,
        )
        if generated.too_many[0]:
            raise InvalidDesign(
                f"w_m = {self.w_m:g} gives more than {MOST_STAGES} stages; raise it, or lower w_a or depth.",
                parameter="w_m",
                value=self.w_m,
            )
        if generated.merged[0]:
            raise InvalidDesign(
                f"w_m = {self.w_m:g} with w_0 = {self.w_0} and w_a = {self.w_a:g} leaves a stage without blocks, "
                f"or gives two stages one width.",
                parameter="w_m",
                value=self.w_m,
            )
        stages = int(generated.stages[0])
        return tuple(generated.depths[:stages, 0].tolist()), tuple(generated.widths[:stages, 0].tolist())
