"""Flops, params and acts of many designs at once, in integers (docs/method.md, section 2).

Everything is an array with one entry a design, or a plain number that holds for all of them. Flops are
multiply-adds of one forward pass of one image, acts the output elements of convolutions, linear layers and max-pools.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.checks import whole_number
from engine.designs.anynet import AnyNetDesign
from engine.designs.design import Design
from engine.designs.parameters import MOST_STAGES
from engine.designs.regnet import RegNetDesign
from engine.designs.stages import Numbers, adjust_stages, generate_stages
from engine.designs.trunk import Trunk
from engine.errors import InvalidDesign

Ints = NDArray[np.int64]
# One number for all designs, or an array with an entry for each.
Number = Any
Scalar = TypeVar("Scalar", bound=np.generic)

LARGEST_RESOLUTION = 2**16
STEM_KERNELS = {"cifar": 3, "simple": 3, "imagenet": 7}


@dataclass(frozen=True)
class Complexity:
    """What one design costs.

    Attributes
    ----------
    flops : int
        Multiply-adds of one forward pass of one image.
    params : int
        Learnable parameters.
    acts : int
        Elements of the outputs of all convolutions, linear layers and max-pools for one image.
    """

    flops: int
    params: int
    acts: int


@dataclass(frozen=True)
class Complexities:
    """What many designs cost: arrays of int64 of shape (n,), in the units of `Complexity`."""

    flops: Ints
    params: Ints
    acts: Ints

    def __len__(self) -> int:
        return len(self.flops)

    def __getitem__(self, index: int) -> Complexity:
        return Complexity(int(self.flops[index]), int(self.params[index]), int(self.acts[index]))


@dataclass(frozen=True, kw_only=True)
class DesignColumns:
    """Adjusted designs that share a trunk, as columns.

    ``depths``, ``widths``, ``inner_widths`` and ``group_widths`` have shape (stages, n); a stage of depth 0 does not
    exist. ``stage_strides`` has an entry for each stage, a number for all designs or an array of shape (n,).
    """

    trunk: Trunk
    stage_strides: Sequence[Number]
    depths: Ints
    widths: Ints
    inner_widths: Ints
    group_widths: Ints

    def __len__(self) -> int:
        return int(self.depths.shape[1])


def adjusted_columns(
    *,
    depths: Ints,
    widths: Ints,
    bottleneck_ratios: Numbers,
    divisors: Ints,
    by_number: bool = False,
    trunk: Trunk,
    stage_strides: Sequence[Number],
) -> tuple[DesignColumns, NDArray[np.bool_]]:
    """Columns of designs adjusted for group compatibility, and for which of them that was possible.

    ``depths`` and ``widths`` have shape (stages, n); the ratios and the widths or numbers of the groups have it too, or
    (n,) where all stages share them.
    """
    adjusted = adjust_stages(
        widths=widths,
        bottleneck_ratios=np.broadcast_to(bottleneck_ratios, widths.shape),
        divisors=np.broadcast_to(divisors, widths.shape),
        by_number=by_number,
    )
    columns = DesignColumns(
        trunk=trunk,
        stage_strides=stage_strides,
        depths=depths,
        widths=adjusted.widths,
        inner_widths=adjusted.inner_widths,
        group_widths=adjusted.group_widths,
    )
    return columns, np.asarray((adjusted.mended | (depths == 0)).all(axis=0))


def complexity(design: Design, *, resolution: int, in_channels: int = 3, num_classes: int = 1000) -> Complexity:
    """What one design costs; see `complexities`."""
    return complexities([design], resolution=resolution, in_channels=in_channels, num_classes=num_classes)[0]


def complexities(
    designs: Sequence[Design] | DesignColumns, *, resolution: int, in_channels: int = 3, num_classes: int = 1000
) -> Complexities:
    """What many designs cost, counted exactly from arrays.

    Parameters
    ----------
    designs : sequence of AnyNetDesign or RegNetDesign, or DesignColumns
        Adjusted for group compatibility where they are not yet.
    resolution : int
        Side of the square input image in pixels.
    in_channels : int
        Channels of the input image.
    num_classes : int
        Outputs of the last linear layer.

    Returns
    -------
    Complexities
        One row a design, in the order given.

    Raises
    ------
    InvalidDesign
        Where a count does not fit in 64 bits, naming it and the position of the design.
    """
    image = check_image(resolution=resolution, in_channels=in_channels, num_classes=num_classes)
    if isinstance(designs, DesignColumns):
        return _refuse_overflow(*count_columns(designs, **image))
    counts = np.zeros((3, len(designs)), dtype=np.int64)
    fits = np.ones(len(designs), dtype=bool)
    for positions, columns in _columns_by_trunk(designs):
        counted, fits[positions] = count_columns(columns, **image)
        counts[:, positions] = counted.flops, counted.params, counted.acts
    return _refuse_overflow(Complexities(*counts), fits)


def check_image(*, resolution: object, in_channels: object, num_classes: object) -> dict[str, int]:
    """The three numbers as ints, after checking them."""
    largest = {"resolution": LARGEST_RESOLUTION}
    given = {"resolution": resolution, "in_channels": in_channels, "num_classes": num_classes}
    return {
        name: whole_number(value, parameter=name, error=InvalidDesign, high=largest.get(name, 2**31))
        for name, value in given.items()
    }


def count_columns(
    columns: DesignColumns, *, resolution: int, in_channels: int, num_classes: int
) -> tuple[Complexities, NDArray[np.bool_]]:
    """The complexities of columns, and which of them fit in 64 bits; the entries of the others are meaningless."""
    image = (resolution, in_channels, num_classes)
    fits = np.ones(len(columns), dtype=bool)
    if len(columns) and _bound(columns, *image) >= 2**63:
        # Some design may be too large: count in floats too, whose error is far below the factor of two left.
        for count in _count(_numbers(columns, np.float64), *image):
            fits &= np.broadcast_to(count < 2.0**62, len(columns))
    with np.errstate(over="ignore"):
        counts = _count(_numbers(columns, np.int64), *image)
    return Complexities(*(np.broadcast_to(count, len(columns)) for count in counts)), fits


def _bound(columns: DesignColumns, resolution: int, in_channels: int, num_classes: int) -> int:
    """A cheap upper bound of every count, as an int of Python, which can't overflow."""
    stages = (columns.widths, columns.inner_widths, columns.group_widths)
    widest = max(
        columns.trunk.stem_width,
        columns.trunk.head_width,
        in_channels,
        num_classes,
        *(int(np.max(values)) for values in stages),
    )
    blocks = sum(int(depth.max()) for depth in columns.depths)
    return (blocks + 3) * 64 * widest**2 * resolution**2


def _numbers(columns: DesignColumns, dtype: type[np.int64] | type[np.float64]) -> DesignColumns:
    """The same columns with every count as ``dtype``."""
    counts = ("depths", "widths", "inner_widths", "group_widths")
    cast: dict[str, Any] = {name: np.asarray(getattr(columns, name), dtype=dtype) for name in counts}
    return replace(columns, **cast)


def _refuse_overflow(counts: Complexities, fits: NDArray[np.bool_]) -> Complexities:
    if not fits.all():
        position = int(np.argmin(fits))
        raise InvalidDesign(
            f"The complexity of design {position} is beyond 2**62, more than can be counted.",
            parameter="stage_widths",
            value=position,
        )
    return counts


def _count(
    columns: DesignColumns, resolution: int, in_channels: int, num_classes: int
) -> tuple[Number, Number, Number]:
    """Flops, params and acts, in the type of number that the columns hold."""
    trunk, number = columns.trunk, columns.widths.dtype.type
    kernel, width = STEM_KERNELS[trunk.stem] ** 2, number(trunk.stem_width)
    side: Number = resolution if trunk.stem == "cifar" else (resolution - 1) // 2 + 1
    weights = kernel * in_channels * width
    flops, params, acts = weights * side * side, weights + 2 * width, width * side * side
    if trunk.stem == "imagenet":
        side = (side - 1) // 2 + 1
        acts = acts + width * side * side
    missing = bool((columns.depths == 0).any())
    for stage, stride in enumerate(columns.stage_strides):
        depth, stage_width = columns.depths[stage], columns.widths[stage]
        out = (side - 1) // stride + 1
        if missing:
            out = np.where(depth > 0, out, side)
            stage_width = np.where(depth > 0, stage_width, width)
        inner, group = columns.inner_widths[stage], columns.group_widths[stage]
        first = _block(columns, width, stage_width, inner, group, side * side, out * out)
        later = _block(columns, stage_width, stage_width, inner, group, out * out, out * out)
        shortcut = _shortcut(columns, width, stage_width, stride, out * out)
        exists = np.minimum(depth, 1) if missing else 1
        counts = [exists * (a + b) + (depth - exists) * c for a, b, c in zip(first, shortcut, later, strict=True)]
        flops, params, acts = flops + counts[0], params + counts[1], acts + counts[2]
        side, width = out, stage_width
    head = number(trunk.head_width)
    flops = flops + width * head * side * side
    params = params + width * head + 2 * head
    acts = acts + head * side * side
    last_width: Number = np.where(head > 0, head, width)
    classifier = (last_width + 1) * num_classes
    return flops + classifier, params + classifier, acts + num_classes


def _block(
    columns: DesignColumns, width_in: Number, width: Number, inner: Number, group: Number, area_in: Number, area: Number
) -> tuple[Number, Number, Number]:
    """Flops, params and acts of one block without its shortcut: ``area_in`` pixels come in, ``area`` go out."""
    if columns.trunk.block in ("plain", "plain_residual"):
        weights = 9 * width_in * width
        return weights * area, weights + 2 * width, width * area
    if columns.trunk.block in ("vanilla", "residual_basic"):
        weights = 9 * width * (width_in + width)
        return weights * area, weights + 4 * width, 2 * width * area
    reduce, spatial = width_in * inner, inner * (9 * group + width)
    flops, params = reduce * area_in + spatial * area, reduce + spatial + 4 * inner + 2 * width
    acts = inner * area_in + (inner + width) * area
    if not columns.trunk.se_ratio:
        return flops, params, acts
    squeeze = np.rint(width_in * columns.trunk.se_ratio).astype(width.dtype)
    excited = np.where(squeeze > 0, inner, 0)
    excite = 2 * excited * squeeze + squeeze + excited
    return flops + excite, params + excite, acts + squeeze + excited


def _shortcut(
    columns: DesignColumns, width_in: Number, width: Number, stride: Number, area: Number
) -> tuple[Number, Number, Number]:
    """Counts of the 1x1 convolution that the first block's shortcut has where width or stride changes."""
    if columns.trunk.block not in ("plain_residual", "residual_basic", "residual_bottleneck"):
        return 0, 0, 0
    projected = width * ((width_in != width) | (np.asarray(stride) != 1))
    return projected * width_in * area, projected * (width_in + 2), projected * area


def _columns_by_trunk(designs: Sequence[Design]) -> Iterator[tuple[list[int], DesignColumns]]:
    """The designs as columns, those of one trunk and number of stages together, with their positions."""
    anynets: dict[tuple[Trunk, int, bool], list[tuple[int, AnyNetDesign]]] = defaultdict(list)
    regnets: dict[Trunk, list[tuple[int, RegNetDesign]]] = defaultdict(list)
    for position, design in enumerate(designs):
        if isinstance(design, RegNetDesign):
            regnets[design.trunk].append((position, design))
        else:
            anynets[design.trunk, len(design.stage_depths), not design.groups].append((position, design))
    for (trunk, stages, by_width), placed in anynets.items():
        anynet_columns = _anynet_columns(trunk, [design for _, design in placed], stages, by_width)
        yield [position for position, _ in placed], anynet_columns
    for trunk, generated in regnets.items():
        regnet_columns = _regnet_columns(trunk, [design for _, design in generated])
        yield [position for position, _ in generated], regnet_columns


def _shared(values: list[float]) -> Number:
    """One number where all are equal, else an array."""
    return values[0] if values.count(values[0]) == len(values) else np.array(values)


def _anynet_columns(trunk: Trunk, designs: Sequence[AnyNetDesign], stages: int, by_width: bool) -> DesignColumns:
    def rows(name: str, dtype: type[Scalar]) -> NDArray[Scalar]:
        values = chain.from_iterable(map(attrgetter(name), designs))
        return np.fromiter(values, dtype=dtype, count=len(designs) * stages).reshape(-1, stages).T

    columns, _ = adjusted_columns(
        trunk=trunk,
        stage_strides=[_shared(row.tolist()) for row in rows("stage_strides", np.int64)],
        depths=rows("stage_depths", np.int64),
        widths=rows("stage_widths", np.int64),
        bottleneck_ratios=rows("bottleneck_ratios", np.float64),
        divisors=rows("group_widths" if by_width else "groups", np.int64),
        by_number=not by_width,
    )
    return columns


def _regnet_columns(trunk: Trunk, designs: Sequence[RegNetDesign]) -> DesignColumns:
    def column(name: str, dtype: type[Scalar]) -> NDArray[Scalar]:
        return np.fromiter(map(attrgetter(name), designs), dtype=dtype, count=len(designs))

    w_0, w_a, w_m = (column(name, np.float64) for name in ("w_0", "w_a", "w_m"))
    generated = generate_stages(depth=column("depth", np.int64), w_0=w_0, w_a=w_a, w_m=w_m, levels=MOST_STAGES)
    stages = int(generated.stages.max())
    columns, _ = adjusted_columns(
        trunk=trunk,
        stage_strides=[_shared([*map(attrgetter("stage_stride"), designs)])] * stages,
        depths=generated.depths[:stages],
        widths=generated.widths[:stages],
        bottleneck_ratios=column("bottleneck_ratio", np.float64),
        divisors=column("group_width", np.int64),
    )
    return columns
