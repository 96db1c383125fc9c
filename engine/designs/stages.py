"""Stages as integer arrays: RegNet's generation and group compatibility, for many designs at once.

Arrays have one row a stage and one column a design. A stage of depth 0 does not exist; such stages come last.
Single designs go through the same functions as arrays of one column, so that no rule is written twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.checks import LARGEST_WHOLE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# Whole numbers as int64, others as float64.
Numbers = NDArray[np.int64 | np.float64]

WIDTH_QUANTUM = 8
LARGEST_REGNET_DEPTH = 4096


@dataclass(frozen=True)
class Generated:
    """Stages that RegNet's parameters generate, before group compatibility.

    ``widths`` and ``depths`` have shape (levels, n). ``stages`` counts the levels in use, ``too_many`` marks designs
    with more blocks than the levels asked for hold, ``merged`` those with fewer distinct widths than levels, which
    describe no network.
    """

    widths: Ints
    depths: Ints
    stages: Ints
    too_many: NDArray[np.bool_]
    merged: NDArray[np.bool_]


def stage_starts(*, w_0: Floats, w_a: Floats, w_m: Floats, levels: int, depth: int) -> Ints:
    """The number of the first block at or above each level 1..``levels``; ``depth`` where none lies before it.

    A block j has the level round(ln(u_j / w_0) / ln(w_m)), u_j = w_0 + w_a * j ([DNDS] Eq. 2 and 3), half to even.

    Parameters
    ----------
    w_0, w_a, w_m : ndarray of shape (n,)
        With w_0 > 0, w_a >= 0, w_m > 1.
    levels : int
        How many levels above level 0 to look at.
    depth : int
        The largest depth of interest.

    Returns
    -------
    ndarray of shape (levels, n)
    """
    log_m = np.log(w_m)
    half_levels = np.arange(levels)[:, None] + 0.5
    with np.errstate(divide="ignore", over="ignore"):
        exact = w_0 * np.expm1(half_levels * log_m) / w_a
    exact = np.minimum(exact, float(depth))
    starts: Floats = np.ceil(exact)
    # Close to a whole number the last bits decide: there Eq. 2 and 3 are evaluated literally, as the definition.
    rows, columns = np.nonzero((np.abs(exact - np.rint(exact)) <= 1e-9 * (1.0 + exact)) & (exact < depth))
    if len(rows):
        block = np.rint(exact[rows, columns])
        level = np.rint(np.log((w_0[columns] + w_a[columns] * block) / w_0[columns]) / log_m[columns])
        starts[rows, columns] = np.minimum(np.where(level > rows, block, block + 1), depth)
    return starts.astype(np.int64)


def level_widths(*, w_0: Floats, w_m: Floats, levels: int) -> Ints:
    """Widths of the levels 0..``levels``-1, multiples of 8; shape (levels, n). They are capped beyond any design."""
    factors = np.empty((levels, len(w_0)))
    factors[0] = 1.0
    with np.errstate(over="ignore"):
        # Products instead of powers: the same bits on every machine, and exact wherever a tie is.
        for level in range(1, levels):
            factors[level] = factors[level - 1] * w_m
        widths: Floats = np.rint(w_0 * factors / WIDTH_QUANTUM) * WIDTH_QUANTUM
    return np.minimum(widths, 2.0 * LARGEST_WHOLE).astype(np.int64)


def generate_stages(*, depth: Ints, w_0: Floats, w_a: Floats, w_m: Floats, levels: int) -> Generated:
    """Stages of many RegNets ([DNDS] Eq. 2 to 4).

    Parameters
    ----------
    depth : ndarray of int, shape (n,)
        Numbers of blocks, at least 1.
    w_0, w_a, w_m : ndarray of float, shape (n,)
    levels : int
        The most stages to look at.
    """
    starts = stage_starts(w_0=w_0, w_a=w_a, w_m=w_m, levels=levels, depth=int(depth.max(initial=1)))
    widths = level_widths(w_0=w_0, w_m=w_m, levels=levels)
    ends = np.minimum(starts, depth)
    depths = np.diff(ends, axis=0, prepend=0)
    used = starts[:-1] < depth
    stages = 1 + used.sum(axis=0)
    skipped = used & (depths[1:] == 0)
    equal = used & (widths[1:] == widths[:-1])
    return Generated(
        widths=widths,
        depths=depths,
        stages=stages,
        too_many=starts[-1] < depth,
        merged=(skipped | equal).any(axis=0),
    )


@dataclass(frozen=True)
class Adjusted:
    """Stages after group compatibility: ``inner_widths`` is w/b, a multiple of ``group_widths``.

    ``mended`` is False where the rule finds no whole width, which a ratio above 1 that is not whole can cause.
    """

    widths: Ints
    inner_widths: Ints
    group_widths: Ints
    mended: NDArray[np.bool_]


def adjust_stages(*, widths: Ints, bottleneck_ratios: Numbers, divisors: Ints, by_number: bool = False) -> Adjusted:
    """Make stage widths divisible into groups (docs/method.md, section 2), for arrays of any one shape.

    Parameters
    ----------
    widths : ndarray of int
    bottleneck_ratios : ndarray of float
        Above 0; below 1 their inverses are whole.
    divisors : ndarray of int
        The widths of the groups; their numbers where ``by_number``.
    """
    divisor: Any = divisors
    ratios = np.asarray(bottleneck_ratios, dtype=np.float64)
    if ratios.size and ratios.min() < 1:
        factors = np.where(ratios < 1, np.rint(1 / ratios), 1.0)
        inner = np.where(ratios < 1, widths * factors, np.floor(widths / ratios + 1e-9))
        inner = np.maximum(inner, 1.0)
        divisor = np.minimum(divisor, inner)
        multiple: Floats = np.lcm(divisor.astype(np.int64), factors.astype(np.int64)).astype(np.float64)
        inner = np.maximum(np.rint(inner / multiple) * multiple, multiple)
        exact = np.where(ratios < 1, inner / factors, inner * ratios)
    else:
        inner = np.maximum(np.floor(widths / ratios + 1e-9), 1.0)
        divisor = np.minimum(divisor, inner)
        inner = np.maximum(np.rint(inner / divisor) * divisor, divisor)
        exact = inner * ratios
    whole = np.rint(exact)
    return Adjusted(
        widths=whole.astype(np.int64),
        inner_widths=inner.astype(np.int64),
        group_widths=(inner / divisor if by_number else divisor).astype(np.int64),
        mended=np.abs(exact - whole) <= 1e-9 * exact,
    )
