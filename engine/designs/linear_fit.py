"""The quantised linear fit: which RegNet comes closest to given stages ([DNDS] section 3.3 and Figure 6).

For a design of d blocks with widths w_j, d stays and w_0, w_a, w_m are searched to minimise
e_fit = sqrt(mean_j ln(w_j / fitted_j)^2) among the RegNets with the same number of stages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.checks import LARGEST_WHOLE, sequence, whole_number
from engine.designs.design import Design
from engine.designs.fit_search import closest
from engine.designs.parameters import MOST_STAGES, regnet_parameters
from engine.designs.stages import LARGEST_REGNET_DEPTH, WIDTH_QUANTUM, Floats, Ints, level_widths, stage_starts
from engine.errors import InvalidDesign

# The grid: [DNDS] searches w_0 and w_a up to 256.
GRID_W_0 = np.arange(8, 257, 8)
GRID_W_A = np.arange(257)
GRID_W_M = np.arange(11, 31) / 10
# The local search tries this many steps of w_a and w_m to either side, and ends below the smallest step of w_m.
SIDE_STEPS = 4
SMALLEST_STEP = 5e-4
LOWEST_W_M = 1.05


@dataclass(frozen=True, kw_only=True)
class LinearFit:
    """The RegNet closest to a design.

    Attributes
    ----------
    depth, w_0, w_a, w_m
        Its parameters.
    error : float
        e_fit, the root mean square of ln(width / fitted width) over the blocks.
    stage_depths, stage_widths : tuple of int
        Its stages.
    """

    depth: int
    w_0: int
    w_a: float
    w_m: float
    error: float
    stage_depths: tuple[int, ...]
    stage_widths: tuple[int, ...]


def fit_quantized_linear(
    design: Design | None = None,
    *,
    stage_depths: Sequence[int] | None = None,
    stage_widths: Sequence[int] | None = None,
    refine: bool = True,
) -> LinearFit:
    """Fit a quantised linear function to the widths of the blocks.

    Parameters
    ----------
    design : AnyNetDesign or RegNetDesign, optional
        Whose stages to fit, after group compatibility; or give the stages themselves.
    stage_depths, stage_widths : sequence of int, optional
        Blocks and widths of the stages.
    refine : bool
        Whether to search on from the best point of the grid (w_0 in steps of 8, w_a of 1, w_m of 0.1), and where
        stages begin and how wide they are (`engine.designs.fit_search`): a RegNet then fits itself with error 0.

    Returns
    -------
    LinearFit

    Raises
    ------
    InvalidDesign
        For stages that make no sense, and where no RegNet of the grid has as many stages and blocks.
    """
    stages = _stages(design, stage_depths, stage_widths)
    best = _fit(stages, *_grid_points(len(stages.depths), stages.depth), refine=refine)
    if best is None:
        raise InvalidDesign(
            f"No RegNet of {stages.depth} blocks was found with {len(stages.depths)} stages.",
            parameter="stage_depths",
            value=tuple(stages.depths.tolist()),
        )
    return best


def fit_error(
    design: Design | None = None,
    *,
    stage_depths: Sequence[int] | None = None,
    stage_widths: Sequence[int] | None = None,
    w_0: int | None = None,
    w_a: float | None = None,
    w_m: float | None = None,
) -> float:
    """e_fit of a design: of its best fit, or of the three parameters where they are given.

    Infinite where the parameters give another number of stages.
    """
    if w_0 is None and w_a is None and w_m is None:
        return fit_quantized_linear(design, stage_depths=stage_depths, stage_widths=stage_widths).error
    stages = _stages(design, stage_depths, stage_widths)
    given = regnet_parameters(depth=stages.depth, w_0=w_0, w_a=w_a, w_m=w_m, error=InvalidDesign)
    return stages.fit_of(given["w_0"], given["w_a"], given["w_m"]).error


def fit_errors(designs: Sequence[Design], *, refine: bool = True) -> Floats:
    """e_fit of the best fit of each design; NaN where no RegNet has as many stages and blocks.

    Returns
    -------
    ndarray of shape (n,)
    """
    errors = np.full(len(designs), np.nan)
    groups: dict[tuple[int, int], list[int]] = {}
    stages = [_stages(design, None, None) for design in designs]
    for position, fitted in enumerate(stages):
        groups.setdefault((len(fitted.depths), fitted.depth), []).append(position)
    for (count, depth), positions in groups.items():
        points = _grid_points(count, depth)
        for position in positions:
            best = _fit(stages[position], *points, refine=refine)
            if best is not None:
                errors[position] = best.error
    return errors


@dataclass(frozen=True)
class _Runs:
    """Blocks of one width, one run after the other, of many RegNets.

    ``firsts`` holds the number of the first block of the second run, the third and so on, the searched depth where
    there is none; ``widths`` the width of the first run, the second and so on. Both have shape (most, n).
    """

    firsts: Ints
    widths: Ints

    def have(self, stages: int, depth: int) -> NDArray[np.bool_]:
        """Which of the RegNets have exactly this many runs within this many blocks."""
        enough = self.firsts[stages - 2] < depth if stages > 1 else np.ones(self.firsts.shape[1], dtype=bool)
        return np.asarray(enough & (self.firsts[stages - 1] >= depth))

    def take(self, columns: Ints | NDArray[np.bool_], stages: int, depth: int) -> _Runs:
        """A selection of the RegNets, cut to this many runs and blocks."""
        return _Runs(np.minimum(self.firsts[:stages, columns], depth), self.widths[:stages, columns])


def _runs(w_0: Floats, w_a: Floats, w_m: Floats, *, depth: int, most: int) -> _Runs:
    """The first ``most`` runs of RegNets, whether or not each level has blocks and a width of its own."""
    last_level = np.log1p(w_a / w_0 * (depth - 1)) / np.log(w_m)
    levels = int(last_level.max()) + 2
    starts = stage_starts(w_0=w_0, w_a=w_a, w_m=w_m, levels=levels, depth=depth)
    widths = level_widths(w_0=w_0, w_m=w_m, levels=levels)
    firsts = np.full((most, len(w_0)), depth)
    run_widths = np.repeat(widths[:1], most, axis=0)
    runs = np.ones(len(w_0), dtype=np.int64)
    for level in range(1, levels):
        columns = np.flatnonzero((starts[level - 1] < starts[level]) & (runs <= most))
        columns = columns[widths[level, columns] > run_widths[runs[columns] - 1, columns]]
        firsts[runs[columns] - 1, columns] = starts[level - 1, columns]
        runs[columns] += 1
        columns = columns[runs[columns] <= most]
        run_widths[runs[columns] - 1, columns] = widths[level, columns]
    return _Runs(firsts, run_widths)


@dataclass(frozen=True)
class _Stages:
    """The stages to fit."""

    depths: Ints
    widths: Ints

    @property
    def depth(self) -> int:
        return int(self.depths.sum())

    def fit_of(self, w_0: float, w_a: float, w_m: float) -> LinearFit:
        """The fit with these parameters and its exact error: infinite if they give another number of stages."""
        parameters = (np.array([float(value)]) for value in (w_0, w_a, w_m))
        runs = _runs(*parameters, depth=self.depth, most=len(self.depths))
        depths = tuple(np.diff(runs.firsts[:, 0], prepend=0).tolist())
        widths = tuple(runs.widths[:, 0].tolist())
        error = math.inf
        if runs.have(len(self.depths), self.depth)[0]:
            logs = np.log(np.repeat(self.widths, self.depths) / np.repeat(widths, depths))
            error = math.sqrt(np.mean(logs**2))
        return LinearFit(
            depth=self.depth, w_0=int(w_0), w_a=w_a, w_m=w_m, error=error, stage_depths=depths, stage_widths=widths
        )

    def errors_at(self, w_0: Floats, w_a: Floats, w_m: Floats) -> Floats:
        """e_fit of many parameters; infinite where they give another number of stages."""
        count = len(self.depths)
        runs = _runs(w_0, w_a, w_m, depth=self.depth, most=count)
        return np.where(runs.have(count, self.depth), self.errors(runs), np.inf)

    def errors(self, runs: _Runs) -> Floats:
        """e_fit of many runs that end at this depth: fast, and exact to about half of the digits."""
        logs = np.repeat(np.log(self.widths), self.depths)
        sums = np.concatenate([[0.0], np.cumsum(logs)])
        total = np.full(runs.firsts.shape[1], float(logs @ logs))
        begin: Any = 0
        for end, width in zip(runs.firsts, np.log(runs.widths), strict=True):
            total += width * (width * (end - begin) - 2 * (sums[end] - sums[begin]))
            begin = end
        return np.asarray(np.sqrt(np.maximum(total, 0.0) / self.depth))


def _stages(design: Design | None, depths: object, widths: object) -> _Stages:
    if design is not None:
        adjusted = design.to_anynet()
        depths, widths = adjusted.stage_depths, adjusted.stage_widths
    checked = [
        [
            whole_number(
                value,
                parameter=name,
                error=InvalidDesign,
                high=LARGEST_REGNET_DEPTH if name == "stage_depths" else LARGEST_WHOLE,
            )
            for value in sequence(values, parameter=name, error=InvalidDesign)
        ]
        for name, values in (("stage_depths", depths), ("stage_widths", widths))
    ]
    if len(checked[0]) != len(checked[1]) or not 1 <= len(checked[0]) <= MOST_STAGES:
        raise InvalidDesign(
            f"stage_depths and stage_widths must have 1 to {MOST_STAGES} entries each, as many of one as of the other; "
            f"got {len(checked[0])} and {len(checked[1])}.",
            parameter="stage_widths",
            value=widths,
        )
    return _Stages(np.array(checked[0]), np.array(checked[1]))


@lru_cache(maxsize=1)
def _grid() -> tuple[Floats, _Runs]:
    """All points of the grid, shape (3, n), with their runs."""
    points, firsts, widths = [], [], []
    for multiplier in GRID_W_M:
        w_0, w_a = (axis.ravel().astype(np.float64) for axis in np.meshgrid(GRID_W_0, GRID_W_A, indexing="ij"))
        w_m = np.full(len(w_0), multiplier)
        runs = _runs(w_0, w_a, w_m, depth=LARGEST_REGNET_DEPTH, most=MOST_STAGES)
        points.append(np.stack([w_0, w_a, w_m]))
        firsts.append(runs.firsts)
        widths.append(runs.widths)
    return np.concatenate(points, axis=1), _Runs(np.concatenate(firsts, axis=1), np.concatenate(widths, axis=1))


def _grid_points(stages: int, depth: int) -> tuple[Floats, _Runs]:
    """The points of the grid that give this many stages and blocks; of neighbours with the same stages the first."""
    points, runs = _grid()
    chosen = np.flatnonzero(runs.have(stages, depth))
    cut = runs.take(chosen, stages, depth)
    columns = np.concatenate([cut.firsts, cut.widths])
    first = np.ones(len(chosen), dtype=bool)
    first[1:] = (columns[:, 1:] != columns[:, :-1]).any(axis=0)
    return points[:, chosen[first]], cut.take(first, stages, depth)


def _fit(stages: _Stages, points: Floats, runs: _Runs, *, refine: bool) -> LinearFit | None:
    """The best fit among the points, whose runs are given; None if there are no points.

    To refine it, stages near those of a RegNet are searched exactly, and others beside the best point.
    """
    if not points.shape[1]:
        return None
    errors = stages.errors(runs)
    best = int(np.argmin(errors))
    found, error = tuple(points[:, best].tolist()), float(errors[best])
    if not refine:
        return stages.fit_of(*found)
    exact = _exactly(stages)
    if exact is not None and exact.error <= error:
        return exact
    return stages.fit_of(*_refined(stages, found, error))


def _exactly(stages: _Stages) -> LinearFit | None:
    """The best fit of the search that finds every RegNet itself."""
    found = closest(stages.depths, stages.widths)
    return None if found is None else stages.fit_of(found.w_0, found.w_a, found.w_m)


def _refined(stages: _Stages, found: tuple[float, float, float], error: float) -> tuple[float, float, float]:
    """The best point nearby: tries neighbours in ever finer steps, until the steps of w_m are small."""
    sides = np.arange(-SIDE_STEPS, SIDE_STEPS + 1) / SIDE_STEPS
    step_w_a, step_w_m = 1.0, 0.1
    while step_w_m > SMALLEST_STEP:
        w_0, w_a, w_m = found
        near = (
            np.maximum(w_0 + WIDTH_QUANTUM * np.arange(-1, 2), WIDTH_QUANTUM),
            np.maximum(np.round(w_a + step_w_a * sides, 6), 0.0),
            np.maximum(np.round(w_m + step_w_m * sides, 6), LOWEST_W_M),
        )
        points = [axis.ravel() for axis in np.meshgrid(*near, indexing="ij")]
        errors = stages.errors_at(points[0], points[1], points[2])
        best = int(np.argmin(errors))
        if errors[best] < error - 1e-7:
            found, error = (float(points[0][best]), float(points[1][best]), float(points[2][best])), float(errors[best])
        else:
            step_w_a, step_w_m = step_w_a / SIDE_STEPS, step_w_m / SIDE_STEPS
    return found
