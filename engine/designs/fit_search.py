"""The search for the RegNet closest to stages that lie near one: by where its stages begin, then by their widths.

Block j of a RegNet has level round(ln(1 + r j) / ln m), r = w_a / w_0 and m = w_m, and level k the width w_0 m^k
rounded to 8 ([DNDS] Eq. 2 to 4). So where stages begin depends on r and m alone, and widths on w_0 and m alone:

- level k begins at block j where (m^(k - 1/2) - 1) / j <= r < (m^(k - 1/2) - 1) / (j - 1). Every two of these ends
  meet at one m at most, so the m that begin stages at given blocks are an interval.
- Within it, the widths change only where w_0 m^k passes the middle of two multiples of 8, and between these places the
  error is constant: looking at one m in each stretch finds the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engine.designs.stages import WIDTH_QUANTUM, Floats, Ints

MULTIPLIERS = np.geomspace(1.02, 64, 400)  # among which all beginnings of stages are looked for
MOST_LOOKED_FOR = 400  # stages times blocks
LARGEST_MULTIPLIER = 1e4
HALVINGS = 40
EXACTLY_SEARCHED = 6  # beginnings of stages, the most promising ones
MOST_STRETCHES = 4_000  # of m, looked at for one w_0; more only where widths are far beyond any network's
FAR = 0.3  # e_fit; what lies further off is left to a local search
SIDE_STEPS = 3  # of w_0, to either side of where it would be if widths were not rounded
NO_ERROR = 1e-9  # squared; the least that is not 0 is larger for every width
MARGIN = 1e-6  # relative: so far inside an interval its end is not felt


@dataclass(frozen=True)
class Beginnings:
    """Places where the stages of RegNets of so many stages and blocks can begin.

    ``blocks``, shape (n, stages - 1), holds the first block of each stage but the first; ``low`` and ``high``, shape
    (n,), the w_m that can begin them there.
    """

    blocks: Ints
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Found:
    """A RegNet by its parameters, with its squared error (the sum over the blocks)."""

    w_0: int
    w_a: float
    w_m: float
    error: float


@lru_cache(maxsize=256)
def beginnings(stages: int, depth: int) -> Beginnings:
    """Those of RegNets with exactly this many stages, each of a level of its own, that some w_m of a fine grid has.

    None for very deep networks, which have too many; of these only the design's own beginnings are searched.
    """
    if stages == 1:
        return Beginnings(np.zeros((1, 0), dtype=np.int64), np.array([1.0]), np.array([LARGEST_MULTIPLIER]))
    if stages * depth > MOST_LOOKED_FOR:
        return Beginnings(np.zeros((0, stages - 1), dtype=np.int64), np.zeros(0), np.zeros(0))
    levels = np.arange(1, stages + 1)[:, None]
    different: set[tuple[int, ...]] = set()
    for multiplier in MULTIPLIERS.tolist():
        reach = multiplier ** (levels - 0.5) - 1
        slopes = np.unique(reach / np.arange(1, depth + 1))
        middles = np.append((slopes[:-1] + slopes[1:]) / 2, 2 * slopes[-1])
        starts = np.ceil(reach / middles).astype(np.int64).T
        fits = (np.diff(starts, axis=1) > 0).all(axis=1) & (starts[:, -2] < depth) & (starts[:, -1] >= depth)
        different.update(map(tuple, starts[fits, :-1].tolist()))
    blocks = np.array(sorted(different), dtype=np.int64).reshape(-1, stages - 1)
    return _possible(blocks, depth)


def _possible(blocks: Ints, depth: int) -> Beginnings:
    """Those of these beginnings that a RegNet can have."""
    low, high = _multipliers(blocks, depth)
    possible = low * (1 + MARGIN) < high * (1 - MARGIN)
    return Beginnings(blocks[possible], low[possible], high[possible])


def _multipliers(blocks: Ints, depth: int) -> tuple[Floats, Floats]:
    """The open interval of w_m that begins stages at these blocks, shape (n,) each; empty where low >= high."""
    n, count = blocks.shape
    # The next level begins at none of the blocks: an upper end of r like the others.
    before = np.concatenate([blocks, np.full((n, 1), depth)], axis=1) - 1
    level, other = (axis.ravel() for axis in np.meshgrid(np.arange(count), np.arange(count + 1), indexing="ij"))
    different = level != other
    level, other = level[different], other[different]
    with np.errstate(divide="ignore"):
        wanted = blocks[:, level] / before[:, other]
    roots = _roots(level + 0.5, other + 0.5, wanted)
    rising = level > other
    high = roots[:, rising].min(axis=1, initial=LARGEST_MULTIPLIER)
    return roots[:, ~rising].max(axis=1, initial=1.0), high


def _roots(power: Floats, other: Floats, wanted: Floats) -> Floats:
    """Where (m^power - 1) / (m^other - 1), which is monotonic in m, is as ``wanted``; 1 or the largest if nowhere.

    ``power`` and ``other`` have shape (pairs,), ``wanted`` (n, pairs).
    """
    low, high = np.zeros(wanted.shape), np.full(wanted.shape, math.log(LARGEST_MULTIPLIER))
    rising = power > other
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (np.expm1(power * middle) / np.expm1(other * middle) < wanted) == rising
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(np.exp((low + high) / 2))


def _with(own: Ints, known: Beginnings, depth: int) -> Beginnings:
    """The known beginnings, and the design's own: one that few w_m have may be missing among the known."""
    if (known.blocks == own).all(axis=1).any():
        return known
    more = _possible(own[None], depth)
    return Beginnings(
        np.concatenate([known.blocks, more.blocks]),
        np.concatenate([known.low, more.low]),
        np.concatenate([known.high, more.high]),
    )


def closest(depths: Ints, widths: Ints) -> Found | None:
    """The RegNet closest to these stages, shape (stages,) each; None where none is near, or has as many stages."""
    depth, count = int(depths.sum()), len(depths)
    known = _with(np.cumsum(depths)[:-1], beginnings(count, depth), depth)
    n = len(known.blocks)
    logs = np.log(widths)
    sums = np.concatenate([[0.0], np.cumsum(np.repeat(logs, depths))])
    ends = np.concatenate([np.zeros((n, 1), np.int64), known.blocks, np.full((n, 1), depth)], axis=1)
    sizes, totals = np.diff(ends, axis=1), np.diff(sums[ends], axis=1)
    squares = float(depths @ logs**2)
    relaxed, nearest = _relaxed(sizes, totals, squares, known)
    best: Found | None = None
    # The own ones first: where widths are small, rounding makes those of a RegNet itself look less promising.
    own = np.flatnonzero((known.blocks == np.cumsum(depths)[:-1]).all(axis=1))
    for row in [*own.tolist(), *np.argsort(relaxed, kind="stable")[:EXACTLY_SEARCHED].tolist()]:
        if relaxed[row] > FAR**2 * depth or (best is not None and relaxed[row] >= best.error):
            continue
        stages = _Stages(sizes[row], totals[row], squares, float(known.low[row]), float(known.high[row]))
        found = stages.best(float(nearest[row]))
        if found is not None and (best is None or found.error < best.error):
            best = found
        if best is not None and best.error <= NO_ERROR:
            break
    return best


def _relaxed(sizes: Ints, totals: Floats, squares: float, known: Beginnings) -> tuple[Floats, Floats]:
    """The squared error of each beginning if widths were not rounded, and the w_0 it has then, shape (n,) each.

    The logarithms of the widths then lie on a straight line, fitted to those of the blocks by least squares.
    """
    levels = np.arange(sizes.shape[1])
    n = sizes.sum(axis=1)
    middle, height = sizes @ levels / n, totals.sum(axis=1) / n
    spread = (sizes * (levels - middle[:, None]) ** 2).sum(axis=1)
    slope = ((totals - sizes * height[:, None]) @ levels) / np.where(spread > 0, spread, 1.0)
    slope = np.clip(slope, np.log(known.low), np.log(known.high))
    line = height[:, None] + slope[:, None] * (levels - middle[:, None])
    return squares + (sizes * line**2 - 2 * line * totals).sum(axis=1), np.exp(line[:, 0])


@dataclass(frozen=True)
class _Stages:
    """Stages that begin at given blocks: their sizes, the sums of the logarithms of the widths to fit, the w_m."""

    sizes: Ints
    totals: Floats
    squares: float
    low: float
    high: float

    @property
    def targets(self) -> Floats:
        """The width that each stage would best have."""
        return np.asarray(np.exp(self.totals / self.sizes))

    def best(self, w_0: float) -> Found | None:
        """The best w_m and w_0, one near the given, with a w_a that begins the stages there; None where widths tie."""
        near = {round(w_0 / WIDTH_QUANTUM) + step for step in range(-SIDE_STEPS, SIDE_STEPS + 1)}
        best: tuple[float, int, float] | None = None
        for number in {round(float(self.targets[0]) / WIDTH_QUANTUM), *near, 1}:
            if number < 1:
                continue
            multipliers = _stretches(WIDTH_QUANTUM * number, self.targets, self.low, self.high)
            widths = _rounded(WIDTH_QUANTUM * number, multipliers, len(self.sizes))
            logs = np.log(widths)
            errors = self.squares + (logs**2) @ self.sizes - 2 * logs @ self.totals
            errors[(np.diff(widths, axis=1) <= 0).any(axis=1)] = np.inf
            place = int(np.argmin(errors))
            if math.isfinite(errors[place]) and (best is None or errors[place] < best[0]):
                best = float(errors[place]), WIDTH_QUANTUM * number, float(multipliers[place])
        return None if best is None else _with_slope(self.sizes, *best)


def _stretches(w_0: int, targets: Floats, low: float, high: float) -> Floats:
    """One w_m of each stretch of constant widths, as far as the best of this w_0 can lie."""
    levels = np.arange(1, len(targets))
    if not len(levels):
        return np.array([2.0])
    near = np.maximum(targets[1:, None] + WIDTH_QUANTUM * np.array([-1.0, 1.0]), w_0 * 0.5) / w_0
    reach = near ** (1 / levels[:, None])
    first, last = min(max(low, float(reach.min())), high), max(min(high, float(reach.max())), low)
    ends = [np.array([first, last])]
    for level in levels.tolist():
        below, above = (w_0 * end**level / WIDTH_QUANTUM for end in (first, last))
        middles = np.arange(math.floor(below), min(math.ceil(above), math.floor(below) + MOST_STRETCHES)) + 0.5
        ends.append((middles * WIDTH_QUANTUM / w_0) ** (1 / level))
    cuts = np.unique(np.concatenate(ends))
    cuts = cuts[(cuts >= first) & (cuts <= last)]
    return np.concatenate([cuts[:1], (cuts[:-1] + cuts[1:]) / 2, cuts[-1:]])


def _rounded(w_0: int, multipliers: Floats, stages: int) -> Floats:
    """Widths of the levels, shape (multipliers, stages)."""
    factors = np.ones((len(multipliers), stages))
    factors[:, 1:] = multipliers[:, None]
    widths: Floats = np.rint(w_0 * np.cumprod(factors, axis=1) / WIDTH_QUANTUM) * WIDTH_QUANTUM
    return widths


def _with_slope(sizes: Ints, error: float, w_0: int, multiplier: float) -> Found:
    """The RegNet with the w_a in the middle of those that begin the stages there; written short where that is exact."""
    starts = np.cumsum(sizes)
    levels = np.arange(1, len(sizes) + 1)

    def slopes(w_m: float) -> tuple[float, float]:
        reach = w_0 * (w_m ** (levels - 0.5) - 1)
        with np.errstate(divide="ignore"):
            ends = reach / (starts - 1)
        return float((reach[:-1] / starts[:-1]).max(initial=0.0)), float(ends.min())

    low, high = slopes(multiplier)
    if len(sizes) == 1:
        return Found(w_0, 0.0, 2.0, error)
    short = _short(multiplier * (1 - 1e-4), multiplier * (1 + 1e-4))
    if np.array_equal(_rounded(w_0, np.array([short]), len(sizes)), _rounded(w_0, np.array([multiplier]), len(sizes))):
        ends = slopes(short)
        if ends[0] * (1 + MARGIN) < ends[1]:
            multiplier, (low, high) = short, ends
    return Found(w_0, _short(low, min(high, 2 * low + 1)), multiplier, error)


def _short(low: float, high: float) -> float:
    """The number of fewest decimals well inside the two, or their middle."""
    middle, room = (low + high) / 2, (high - low) / 4
    for digits in range(12):
        short = round(middle, digits)
        if abs(short - middle) <= room:
            return short
    return middle
