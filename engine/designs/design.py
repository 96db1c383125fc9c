"""Designs: the parameters that fix one network, as plain frozen values (docs/method.md, sections 1, 2 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np

from engine.checks import LARGEST_WHOLE, finite_number, json_object, one_of, positive_number, sequence, whole_number
from engine.designs.stages import LARGEST_REGNET_DEPTH, WIDTH_QUANTUM, Adjusted, adjust_stages, generate_stages
from engine.errors import EngineError, InvalidDesign

SCHEMA = 1
MOST_STAGES = 8
LARGEST_STRIDE = 1024
LARGEST_RATIO = 1024
STEMS = ("cifar", "simple", "imagenet")
BOTTLENECK_BLOCKS = ("residual_bottleneck", "residual_bottleneck_linear")
BLOCKS = ("plain", "plain_residual", "vanilla", "residual_basic", *BOTTLENECK_BLOCKS)


@dataclass(frozen=True, kw_only=True)
class AnyNetDesign:
    """A network given stage by stage.

    Parameters
    ----------
    stem : {"cifar", "simple", "imagenet"}
        What comes before the stages.
    stem_width : int
        Channels of the stem.
    block : str
        One of `BLOCKS`.
    stage_depths, stage_widths, stage_strides : sequence of int
        Blocks, channels and stride of each of the 1 to 8 stages.
    bottleneck_ratios : sequence of float
        Width over inner width, per stage; empty for 1 everywhere. Below 1 its inverse must be whole.
    group_widths : sequence of int
        Channels a group of the 3x3 convolutions, per stage; empty (with ``groups`` empty) for 1 everywhere.
    groups : sequence of int
        Number of groups per stage, instead of ``group_widths``.
    se_ratio : float
        Squeeze width over the width of the block's input, 0 to 1; 0 for no squeeze-and-excitation.
    head_width : int
        Channels of a 1x1 convolution before the classifier; 0 for none.

    Raises
    ------
    InvalidDesign
        Naming the parameter and the value, where they describe no network.
    """

    stem: str
    stem_width: int
    block: str
    stage_depths: tuple[int, ...]
    stage_widths: tuple[int, ...]
    stage_strides: tuple[int, ...]
    bottleneck_ratios: tuple[float, ...] = ()
    group_widths: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    se_ratio: float = 0.0
    head_width: int = 0

    def __post_init__(self) -> None:
        _normalise_trunk(self)
        depths = _wholes("stage_depths", self.stage_depths)
        stages = len(depths)
        if not 1 <= stages <= MOST_STAGES:
            raise InvalidDesign(
                f"stage_depths must have 1 to {MOST_STAGES} entries, got {stages}.",
                parameter="stage_depths",
                value=depths,
            )
        _set(self, "stage_depths", depths)
        _set(self, "stage_widths", _wholes("stage_widths", self.stage_widths, stages))
        _set(self, "stage_strides", _wholes("stage_strides", self.stage_strides, stages, high=LARGEST_STRIDE))
        ratios = sequence(self.bottleneck_ratios, parameter="bottleneck_ratios", error=InvalidDesign) or (1.0,) * stages
        _check_length("bottleneck_ratios", ratios, stages)
        _set(self, "bottleneck_ratios", tuple(bottleneck_ratio("bottleneck_ratios", b) for b in ratios))
        groups = sequence(self.groups, parameter="groups", error=InvalidDesign)
        widths = sequence(self.group_widths, parameter="group_widths", error=InvalidDesign)
        if groups and widths:
            raise InvalidDesign("A design has group_widths or groups, not both.", parameter="groups", value=self.groups)
        _set(self, "groups", _wholes("groups", groups, stages) if groups else ())
        _set(self, "group_widths", () if groups else _wholes("group_widths", widths or (1,) * stages, stages))
        names = ("bottleneck_ratios", "group_widths", "groups")
        _check_block(self.block, {name: getattr(self, name) for name in names})
        _check_mendable(self)

    @property
    def inner_widths(self) -> tuple[int, ...]:
        """Width of the 3x3 convolutions of each stage, after group compatibility."""
        return tuple(_adjust(self).inner_widths.tolist())

    def to_anynet(self) -> AnyNetDesign:
        """The design adjusted for group compatibility, with ``group_widths``; one already adjusted stays as it is."""
        adjusted = _adjust(self)
        return AnyNetDesign(
            stem=self.stem,
            stem_width=self.stem_width,
            block=self.block,
            stage_depths=self.stage_depths,
            stage_widths=tuple(adjusted.widths.tolist()),
            stage_strides=self.stage_strides,
            bottleneck_ratios=self.bottleneck_ratios,
            group_widths=tuple(adjusted.group_widths.tolist()),
            se_ratio=self.se_ratio,
            head_width=self.head_width,
        )

    def key(self) -> str:
        """A name of the network: two designs with one key build the same network, whatever their parameters."""
        adjusted = _adjust(self)
        parts = [f"{self.stem}{self.stem_width}", self.block]
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
        return "-".join([*parts, f"se{self.se_ratio}", f"h{self.head_width}"])

    def to_json(self) -> dict[str, Any]:
        """The design as JSON-able values, with "kind" and "schema"."""
        values = _to_json(self, "anynet")
        del values["group_widths" if self.groups else "groups"]
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AnyNetDesign:
        """The design that `to_json` wrote.

        Raises
        ------
        InvalidDesign
            For another kind or schema version, unknown or missing keys, and values that describe no network.
        """
        return cls(**_from_json(cls, data, "anynet"))


@dataclass(frozen=True, kw_only=True)
class RegNetDesign:
    """A network given by RegNet's parameters ([DNDS] section 3.3).

    Parameters
    ----------
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
    stem, stem_width, block, se_ratio, head_width
        As for `AnyNetDesign`.
    stage_stride : int
        Stride of each stage.

    Raises
    ------
    InvalidDesign
        Naming the parameter and the value; also where two stages would get one width or a stage no block.
    """

    depth: int
    w_0: int
    w_a: float
    w_m: float
    bottleneck_ratio: float = 1.0
    group_width: int
    stem: str = "simple"
    stem_width: int = 32
    block: str = "residual_bottleneck"
    se_ratio: float = 0.0
    head_width: int = 0
    stage_stride: int = 2

    def __post_init__(self) -> None:
        _normalise_trunk(self)
        for name, value in regnet_parameters(
            depth=self.depth, w_0=self.w_0, w_a=self.w_a, w_m=self.w_m, error=InvalidDesign
        ).items():
            _set(self, name, value)
        _set(self, "bottleneck_ratio", bottleneck_ratio("bottleneck_ratio", self.bottleneck_ratio))
        _set(self, "group_width", whole_number(self.group_width, parameter="group_width", error=InvalidDesign))
        stride = whole_number(self.stage_stride, parameter="stage_stride", error=InvalidDesign, high=LARGEST_STRIDE)
        _set(self, "stage_stride", stride)
        _check_block(self.block, {name: (getattr(self, name),) for name in ("bottleneck_ratio", "group_width")})
        self.as_generated()

    def as_generated(self) -> AnyNetDesign:
        """The stages that Eq. 2 to 4 of [DNDS] give, not yet adjusted for group compatibility."""
        depths, widths = self._stages()
        return AnyNetDesign(
            stem=self.stem,
            stem_width=self.stem_width,
            block=self.block,
            stage_depths=depths,
            stage_widths=widths,
            stage_strides=(self.stage_stride,) * len(depths),
            bottleneck_ratios=(self.bottleneck_ratio,) * len(depths),
            group_widths=(self.group_width,) * len(depths),
            se_ratio=self.se_ratio,
            head_width=self.head_width,
        )

    def to_anynet(self) -> AnyNetDesign:
        """The design stage by stage, adjusted for group compatibility."""
        return self.as_generated().to_anynet()

    def key(self) -> str:
        """A name of the network: two designs with one key build the same network, whatever their parameters."""
        return self.as_generated().key()

    def to_json(self) -> dict[str, Any]:
        """The design as JSON-able values, with "kind" and "schema"."""
        return _to_json(self, "regnet")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RegNetDesign:
        """The design that `to_json` wrote; raises `InvalidDesign` as `AnyNetDesign.from_json` does."""
        return cls(**_from_json(cls, data, "regnet"))

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


Design = AnyNetDesign | RegNetDesign


def design_from_json(data: Mapping[str, Any]) -> Design:
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


def bottleneck_ratio(parameter: str, value: Any, error: type[EngineError] = InvalidDesign) -> float:
    """The value as a ratio that group compatibility can work with: above 0, and its inverse whole below 1."""
    ratio = positive_number(value, parameter=parameter, error=error)
    if not 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
        raise error(
            f"{parameter} must lie between 1/{LARGEST_RATIO} and {LARGEST_RATIO}, got {value}.",
            parameter=parameter,
            value=value,
        )
    if ratio < 1 and abs(1 / ratio - round(1 / ratio)) > 1e-6 / ratio:
        raise error(
            f"{parameter} must be the inverse of a whole number where it is below 1, got {value}.",
            parameter=parameter,
            value=value,
        )
    return ratio


def regnet_parameters(*, depth: Any, w_0: Any, w_a: Any, w_m: Any, error: type[EngineError]) -> dict[str, Any]:
    """The four parameters as the types they should have, after checking the range of each."""
    initial = whole_number(w_0, parameter="w_0", error=error)
    if initial % WIDTH_QUANTUM:
        raise error(f"w_0 must be a multiple of {WIDTH_QUANTUM}, got {initial}.", parameter="w_0", value=w_0)
    slope = finite_number(w_a, parameter="w_a", error=error)
    if slope < 0:
        raise error(f"w_a must be at least 0, got {w_a}.", parameter="w_a", value=w_a)
    multiplier = finite_number(w_m, parameter="w_m", error=error)
    if multiplier <= 1:
        raise error(f"w_m must be above 1, got {w_m}.", parameter="w_m", value=w_m)
    blocks = whole_number(depth, parameter="depth", error=error, high=LARGEST_REGNET_DEPTH)
    return {"depth": blocks, "w_0": initial, "w_a": slope, "w_m": multiplier}


def trunk_values(
    *, stem: Any, stem_width: Any, block: Any, se_ratio: Any, head_width: Any, error: type[EngineError]
) -> dict[str, Any]:
    """What designs and spaces of both kinds share, checked and as the types they should have."""
    ratio = finite_number(se_ratio, parameter="se_ratio", error=error)
    if not 0 <= ratio <= 1:
        raise error(f"se_ratio must lie between 0 and 1, got {se_ratio}.", parameter="se_ratio", value=se_ratio)
    if ratio and block not in BOTTLENECK_BLOCKS:
        raise error(
            f"se_ratio must be 0 for the block {block}, which has no bottleneck; got {ratio:g}.",
            parameter="se_ratio",
            value=se_ratio,
        )
    return {
        "stem": one_of(stem, STEMS, parameter="stem", error=error),
        "stem_width": whole_number(stem_width, parameter="stem_width", error=error),
        "block": one_of(block, BLOCKS, parameter="block", error=error),
        "se_ratio": ratio,
        "head_width": whole_number(head_width, parameter="head_width", error=error, low=0),
    }


def _normalise_trunk(design: Design) -> None:
    values = trunk_values(
        stem=design.stem,
        stem_width=design.stem_width,
        block=design.block,
        se_ratio=design.se_ratio,
        head_width=design.head_width,
        error=InvalidDesign,
    )
    for name, value in values.items():
        _set(design, name, value)


def _set(design: Design, name: str, value: Any) -> None:
    """Frozen dataclasses are written through `object` while they normalise themselves."""
    object.__setattr__(design, name, value)


def _wholes(name: str, values: Any, stages: int | None = None, high: int = LARGEST_WHOLE) -> tuple[int, ...]:
    entries = sequence(values, parameter=name, error=InvalidDesign)
    if stages is not None:
        _check_length(name, entries, stages)
    return tuple(whole_number(value, parameter=name, error=InvalidDesign, high=high) for value in entries)


def _check_length(name: str, values: tuple[Any, ...], stages: int) -> None:
    if len(values) != stages:
        raise InvalidDesign(
            f"{name} must have one entry for each of the {stages} stages, got {len(values)}.",
            parameter=name,
            value=values,
        )


def _check_block(block: str, values_by_name: Mapping[str, tuple[float, ...]]) -> None:
    """Refuse ratios and groups other than 1 for blocks without a bottleneck."""
    if block in BOTTLENECK_BLOCKS:
        return
    for name, values in values_by_name.items():
        for value in values:
            if value != 1:
                raise InvalidDesign(
                    f"{name} must be 1 for the block {block}, which has no bottleneck; got {value:g}.",
                    parameter=name,
                    value=value,
                )


def _adjust(design: AnyNetDesign) -> Adjusted:
    return adjust_stages(
        widths=np.array(design.stage_widths),
        bottleneck_ratios=np.array(design.bottleneck_ratios),
        divisors=np.array(design.groups or design.group_widths),
        by_number=bool(design.groups),
    )


def _check_mendable(design: AnyNetDesign) -> None:
    if design.se_ratio == 0 and all(ratio < 1 or ratio.is_integer() for ratio in design.bottleneck_ratios):
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
    narrowest = min(design.stem_width, *adjusted.widths.tolist())
    if design.se_ratio and round(narrowest * design.se_ratio) < 1:
        raise InvalidDesign(
            f"se_ratio = {design.se_ratio:g} squeezes a width of {narrowest} to nothing.",
            parameter="se_ratio",
            value=design.se_ratio,
        )


def _to_json(design: Design, kind: str) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": kind, "schema": SCHEMA}
    for item in fields(design):
        value = getattr(design, item.name)
        values[item.name] = list(value) if isinstance(value, tuple) else value
    return values


def _from_json(cls: type[Design], data: Mapping[str, Any], kind: str) -> dict[str, Any]:
    names = [item.name for item in fields(cls)]
    required = [item.name for item in fields(cls) if item.default is MISSING]
    return json_object(data, kind=kind, schema=SCHEMA, keys=names, required=required, error=InvalidDesign)
