"""The engine: drawing, complexity, exact sizes and linear fits, against plain code that takes one design at a time.

The plain code does the same work in the obvious way. Where it would take minutes it does a part, and the row shows
the time that the whole would take at that rate.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.designs.complexity import complexities
from engine.designs.linear_fit import GRID_W_0, GRID_W_A, GRID_W_M, fit_errors
from engine.designs.windows import Window
from engine.spaces import AnyNetSpace, RegNetSpace, presets
from engine.spaces.candidates import draw_candidates
from engine.spaces.laws import Law
from engine.spaces.sampling import draw_designs

WINDOW = Window(flops=(360e6, 400e6))
PART = 1_000


def main() -> None:
    print(f"{'':52}{'ours':>12}{'plain':>12}{'ratio':>15}")
    for name in ("AnyNetX-A", "AnyNetX-E", "RegNetX", "RegNetX-paper"):
        draw_row(name)
    complexity_row()
    size_row("RegNetX")
    fit_row()


def draw_row(name: str) -> None:
    """500 designs in the window, against as many plain candidates as it takes."""
    space = presets.space(name)
    ours, draw = timed(lambda: draw_designs(space, size=500, seed=0, window=WINDOW, resolution=224))
    # Drawn until their orders hold, candidates of E take hundreds of times as long.
    part = PART // 10 if name == "AnyNetX-E" else PART
    print_row(f"draw 500 {name}, {draw.tried:,} candidates", ours, plain_candidates(space, part) * draw.tried / part)


def plain_candidates(space: AnyNetSpace | RegNetSpace, number: int) -> float:
    """Seconds for so many candidates, one at a time."""
    rng = random.Random(0)  # noqa: S311  (a benchmark needs no secret)

    def draw() -> None:
        for _ in range(number):
            if isinstance(space, RegNetSpace):
                plain_regnet(space, rng)
            else:
                plain_anynet(space, rng)

    return timed(draw, repeats=1)[0]


def complexity_row() -> None:
    candidates = draw_candidates(presets.space("AnyNetX-A"), np.random.default_rng(0), 100_000)
    designs = [candidates.design(position) for position in range(100_000)]
    ours, _ = timed(lambda: complexities(candidates.columns, resolution=224))
    objects, _ = timed(lambda: complexities(designs, resolution=224))
    adjusted = [design.to_anynet() for design in designs[:PART]]
    stages = [(one.stage_depths, one.stage_widths, one.bottleneck_ratios, one.group_widths) for one in adjusted]
    plain, _ = timed(lambda: [plain_complexity(*one) for one in stages], repeats=1)
    print_row("complexity of 100,000 designs as columns", ours, plain * 100_000 / PART)
    print_row("complexity of 100,000 designs as objects", objects, plain * 100_000 / PART)


def size_row(name: str) -> None:
    """The exact size, against looking at every parameter vector."""
    space = presets.space(name)
    ours, _ = timed(space.size)
    vectors = math.prod(one.count() for one in space.sequences.values())
    plain = plain_candidates(space, PART) * vectors / PART
    print_row(f"exact size of {name}, {vectors:.1e} vectors", ours, plain)


def fit_row() -> None:
    designs = draw_designs(presets.space("AnyNetX-E"), size=500, seed=0, window=WINDOW, resolution=224).designs
    fit_errors(designs[:1])
    ours, _ = timed(lambda: fit_errors(designs, refine=False), repeats=1)
    stages = designs[0].to_anynet()
    widths = np.repeat(stages.stage_widths, stages.stage_depths).tolist()
    points = list(itertools.islice(itertools.product(GRID_W_0.tolist(), GRID_W_A.tolist(), GRID_W_M.tolist()), PART))
    plain, _ = timed(lambda: [plain_fit_error(widths, *point) for point in points], repeats=1)
    grid = len(GRID_W_0) * len(GRID_W_A) * len(GRID_W_M)
    print_row("linear fit of 500 designs on the grid", ours, plain * 500 * grid / PART)


def timed(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """The least time of a few runs, in seconds, and the last result."""
    times, result = [], None
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
    return min(times), result


def print_row(what: str, ours: float, plain: float) -> None:
    print(f"  {what:50}{spelled(ours):>12}{spelled(plain):>12}{plain / ours:>13,.0f} x", flush=True)


def spelled(seconds: float) -> str:
    if seconds < 1:
        return f"{1e3 * seconds:.1f} ms"
    return f"{seconds:.1f} s" if seconds < 1e5 else f"{seconds / 86_400:.0f} d"


def plain_draw(law: Law, rng: random.Random) -> float:
    cumulative = _CUMULATIVE.setdefault(law, list(itertools.accumulate(law.probabilities.tolist())))
    values = _VALUES.setdefault(law, law.values.tolist())
    value: float = values[min(bisect.bisect(cumulative, rng.random()), len(values) - 1)]
    return value


_CUMULATIVE: dict[Law, list[float]] = {}
_VALUES: dict[Law, list[float]] = {}


def plain_anynet(space: AnyNetSpace, rng: random.Random) -> None:
    """One candidate: draw until the orders hold, adjust, count."""
    rules = space.rules
    while True:
        depths = [plain_draw(law, rng) for law in space.depths]
        widths = [plain_draw(law, rng) for law in space.widths]
        ordered = "depths_non_decreasing" not in rules or depths == sorted(depths)
        if ordered and ("widths_non_decreasing" not in rules or widths == sorted(widths)):
            break
    ratios = [plain_draw(law, rng) for law in space.bottleneck_ratios]
    groups = [plain_draw(law, rng) for law in space.group_widths]
    stages = [plain_adjust(w, b, g) for w, b, g in zip(widths, ratios, groups, strict=True)]
    plain_complexity(depths, [w for w, _ in stages], ratios, [g for _, g in stages])


def plain_regnet(space: RegNetSpace, rng: random.Random) -> None:
    """One candidate: draw, generate, adjust, count."""
    depth, w_0, w_a, w_m, ratio, group = (
        plain_draw(law, rng)
        for law in (space.depth, space.w_0, space.w_a, space.w_m, space.bottleneck_ratio, space.group_width)
    )
    blocks = plain_block_widths(int(depth), w_0, w_a, w_m)
    widths = sorted(set(blocks))
    if len(widths) == space.stages[0]:
        stages = [plain_adjust(w, ratio, group) for w in widths]
        ratios = [ratio] * len(widths)
        plain_complexity([blocks.count(w) for w in widths], [w for w, _ in stages], ratios, [g for _, g in stages])


def plain_block_widths(depth: int, w_0: float, w_a: float, w_m: float) -> list[int]:
    levels = [round(math.log((w_0 + w_a * j) / w_0) / math.log(w_m)) for j in range(depth)]
    return [round(w_0 * w_m**level / 8) * 8 for level in levels]


def plain_fit_error(widths: list[int], w_0: float, w_a: float, w_m: float) -> float:
    fitted = plain_block_widths(len(widths), w_0, w_a, w_m)
    if len(set(fitted)) != len(set(widths)):
        return math.inf
    return math.sqrt(sum(math.log(w / f) ** 2 for w, f in zip(widths, fitted, strict=True)) / len(widths))


def plain_adjust(width: float, ratio: float, group: float) -> tuple[int, int]:
    inner = max(1, int(width / ratio))
    group = int(min(group, inner))
    inner = max(group, round(inner / group) * group)
    return int(inner * ratio), group


def plain_complexity(depths: Any, widths: Any, ratios: Any, groups: Any) -> tuple[int, int, int]:
    """Flops, params and acts block by block, of bottleneck blocks with stem `simple` 32 at 224 pixels."""
    side, width = 112, 32
    flops = params = acts = 0

    def conv(kernel: int, w_in: int, w_out: int, out: int, group: int = 0) -> None:
        nonlocal flops, params, acts
        weights = kernel * kernel * (group or w_in) * w_out
        flops += weights * out * out
        params += weights + 2 * w_out
        acts += w_out * out * out

    conv(3, 3, width, side)
    for depth, stage_width, ratio, group in zip(depths, widths, ratios, groups, strict=True):
        inner, out = int(stage_width / ratio), (side - 1) // 2 + 1
        for number in range(int(depth)):
            conv(1, width, inner, out if number else side)
            conv(3, inner, inner, out, group)
            conv(1, inner, stage_width, out)
            if number == 0:
                conv(1, width, stage_width, out)
            width = stage_width
        side = out
    return flops + 1000 * (width + 1), params + 1000 * (width + 1), acts + 1000
