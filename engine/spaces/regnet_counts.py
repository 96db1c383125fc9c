"""How many parameter vectors of a RegNet space give a valid generation, exactly.

For one w_m the stages that a design of d blocks gets depend on the ratio x = w_a / w_0 alone, and change only where a
block reaches the next level: at x = (w_m^(k - 1/2) - 1) / m for level k and block m. Between two such points one
design stands for all, so the count needs a few hundred generations for each w_m instead of one for each vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.designs.stages import Floats, Ints, Numbers, level_widths, stage_starts
from engine.spaces.sequences import LawSequence

# Relative distance under which a ratio counts as lying on a point of change.
CLOSE = 1e-11
# Bounds the memory of one step.
POINTS_AT_ONCE = 1_000_000


def count_generations(
    *,
    depths: Numbers,
    pairs: LawSequence,
    w_m: Numbers,
    stages: tuple[int, int],
    stage_width_limit: int | None,
    stage_depth_limit: int | None,
) -> int:
    """The number of (depth, w_0, w_a, w_m) with a valid generation.

    Parameters
    ----------
    depths, w_m : ndarray
        The possible values, ascending.
    pairs : LawSequence
        The laws of w_0 and w_a, perhaps tied.
    stages : tuple of int
        The fewest and the most stages.
    stage_width_limit, stage_depth_limit : int, optional
        The widest stage and the most blocks of a stage.
    """
    deepest = int(depths[-1])
    rules = _DepthCounts(depths, stages, stage_depth_limit or deepest)
    w_0, w_a = (support.astype(np.float64) for support in pairs.supports())
    multipliers = w_m.astype(np.float64)
    total = 0
    block = max(1, POINTS_AT_ONCE // (stages[1] * max(deepest, len(w_0))))
    for first in range(0, len(multipliers), block):
        part = multipliers[first : first + block]
        most = _most_stages(w_0, part, stages[1], stage_width_limit)
        if pairs.relation == "equal":
            total += _count_tied(rules, w_0, part, most, deepest)
        else:
            total += _count_untied(rules, w_0, w_a, part, most, deepest)
    return total


def counting_work(*, deepest: int, w_0: int, w_m: int, stages: int) -> int:
    """How many points `count_generations` looks at, given the largest depth and how many values there are."""
    return deepest * w_0 * w_m * stages


class _DepthCounts:
    """How many of the possible depths give a valid generation, once the blocks where levels start are known."""

    def __init__(self, depths: Numbers, stages: tuple[int, int], stage_depth_limit: int) -> None:
        self.stages, self._limit = stages, stage_depth_limit
        # Entry d is the number of possible depths up to d.
        self._up_to = np.searchsorted(depths, np.arange(int(depths[-1]) + 1), side="right")

    def count(self, starts: Ints, most_stages: Ints | int) -> Ints:
        """Depths with at most ``most_stages`` stages; ``starts`` has shape (levels, n), the result (n,)."""
        total = np.zeros(starts.shape[1], dtype=np.int64)
        valid = np.ones(starts.shape[1], dtype=bool)
        begin: Any = np.zeros(starts.shape[1], dtype=np.int64)
        for number, end in enumerate(starts, start=1):
            valid &= number <= most_stages
            if number >= self.stages[0]:
                last = np.minimum(end, begin + self._limit)
                total += np.where(valid, self._up_to[last] - self._up_to[begin], 0)
            valid &= (end > begin) & (end - begin <= self._limit)
            begin = end
        return total


def _most_stages(w_0: Floats, w_m: Floats, levels: int, width_limit: int | None) -> Ints:
    """How many stages have different widths within the limit; shape (len(w_0), len(w_m))."""
    columns = {"w_0": np.repeat(w_0, len(w_m)), "w_m": np.tile(w_m, len(w_0))}
    widths = level_widths(**columns, levels=levels)
    distinct = np.concatenate([np.ones((1, widths.shape[1]), dtype=bool), widths[1:] > widths[:-1]])
    allowed = distinct if width_limit is None else distinct & (widths <= width_limit)
    most: Ints = np.cumprod(allowed, axis=0).sum(axis=0)
    return most.reshape(len(w_0), len(w_m))


def _count_tied(rules: _DepthCounts, w_0: Floats, w_m: Floats, most: Ints, deepest: int) -> int:
    """Sum over all w_0 = w_a and all w_m; ``most`` has shape (len(w_0), len(w_m))."""
    widths, multipliers = np.repeat(w_0, len(w_m)), np.tile(w_m, len(w_0))
    starts = stage_starts(w_0=widths, w_a=widths, w_m=multipliers, levels=rules.stages[1], depth=deepest)
    return int(rules.count(starts, most.ravel()).sum())


def _count_untied(rules: _DepthCounts, w_0: Floats, w_a: Floats, w_m: Floats, most: Ints, deepest: int) -> int:
    """Sum over all pairs of w_0 and w_a and all w_m; ``most`` has shape (len(w_0), len(w_m))."""
    changes = _changes(w_m, rules.stages[1], deepest)
    between = np.concatenate([changes[:, :1] / 2, (changes[:, :-1] + changes[:, 1:]) / 2, changes[:, -1:] * 2], axis=1)
    starts = stage_starts(
        w_0=np.ones(between.size),
        w_a=between.ravel(),
        w_m=np.repeat(w_m, between.shape[1]),
        levels=rules.stages[1],
        depth=deepest,
    )
    total = 0
    for number in range(rules.stages[0], rules.stages[1] + 1):
        chosen = most == number
        if chosen.any():
            steps = _Steps(changes, rules.count(starts, number).reshape(between.shape))
            total += steps.sum(w_0, w_a, chosen)
            total += _corrections(rules, steps, w_0, w_a, w_m, chosen, number, deepest)
    return total


def _changes(w_m: Floats, levels: int, deepest: int) -> Floats:
    """The ratios w_a / w_0 at which some block reaches some level, ascending for each w_m."""
    heights = np.expm1((np.arange(levels) + 0.5) * np.log(w_m)[:, None])
    ratios = heights[:, :, None] / np.arange(1, max(deepest, 2))
    return np.sort(ratios.reshape(len(w_m), -1), axis=1)


class _Steps:
    """For each w_m, how many depths are valid as a step function of w_a / w_0."""

    def __init__(self, changes: Floats, counts: Ints) -> None:
        self._changes, self._counts = changes, counts
        jumps = np.diff(counts, axis=1)
        close = np.diff(changes, axis=1) <= CLOSE * changes[:, 1:]
        matters = jumps != 0
        # At one point two changes may undo each other, but each alone decides about a slope on that point.
        matters[:, 1:] |= close
        matters[:, :-1] |= close
        # In ascending order they are found among the slopes several times faster.
        order = np.argsort(changes[matters])
        self._rows = np.nonzero(matters)[0][order]
        self._points, self._jumps = changes[matters][order], jumps[matters][order]

    def sum(self, w_0: Floats, w_a: Floats, chosen: NDArray[np.bool_]) -> int:
        """The sum of the function over w_a and the chosen pairs of w_0 and w_m."""
        total = int((chosen * self._counts[:, 0]).sum()) * len(w_a)
        for width, picked in zip(w_0, chosen, strict=True):
            picked = picked[self._rows]
            passed = len(w_a) - np.searchsorted(w_a, self._points[picked] * width)
            total += int((self._jumps[picked] * passed).sum())
        return total

    def on_a_change(self, w_0: Floats, w_a: Floats, chosen: NDArray[np.bool_]) -> Ints:
        """Positions of w_0, w_a and w_m where the ratio lies on a change, each once; shape (3, n)."""
        found, slopes = [], np.append(w_a, np.inf)
        for row, width in enumerate(w_0):
            picked = chosen[row][self._rows]
            points, rows = self._points[picked] * width, self._rows[picked]
            above = np.searchsorted(w_a, points * (1 - CLOSE))
            hit = np.flatnonzero(slopes[above] <= points * (1 + CLOSE))
            found.append(np.stack([np.full(len(hit), row), above[hit], rows[hit]]))
        return np.unique(np.concatenate(found, axis=1), axis=1)

    def at(self, rows: Ints, w_0: Floats, w_a: Floats) -> Ints:
        """The value that `sum` counts for single vectors; all of shape (n,)."""
        passed = (self._changes[rows] * w_0[:, None] <= w_a[:, None]).sum(axis=1)
        counts: Ints = self._counts[rows, passed]
        return counts


def _corrections(
    rules: _DepthCounts,
    steps: _Steps,
    w_0: Floats,
    w_a: Floats,
    w_m: Floats,
    chosen: NDArray[np.bool_],
    number: int,
    deepest: int,
) -> int:
    """What the sum lacks where a ratio lies on a change: there the last bits of the generation itself decide."""
    widths, slopes, rows = steps.on_a_change(w_0, w_a, chosen)
    starts = stage_starts(w_0=w_0[widths], w_a=w_a[slopes], w_m=w_m[rows], levels=rules.stages[1], depth=deepest)
    return int((rules.count(starts, number) - steps.at(rows, w_0[widths], w_a[slopes])).sum())
