"""The live preview of a space: what it holds, whether it lies inside its parent, what it costs under a regime.

Everything here is bounded in candidates and in time, because it answers while somebody types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from engine.checks import JsonObject
from engine.designs import Design
from engine.designs.windows import Bounds, Window
from engine.errors import EngineError, SamplingExhausted
from engine.spaces import AnyNetSpace, RegNetSpace, space_from_json
from engine.spaces.containment import Containment, containment
from engine.spaces.sampling import Draw, draw_designs
from engine.training.regimes import Regime as EngineRegime
from webapp import plots
from webapp.analysis import tables
from webapp.analysis.populations import per_block
from webapp.analysis.tables import Column, Table
from webapp.memory import Memory
from webapp.pages.figures import Figure
from webapp.plots import FloatArray
from webapp.wording import open_range, percent, significant

SEED = 0
SPREAD = "spread-"  # of the figures' names, before that of the complexity
SPREAD_SIZE = 400  # designs whose complexity is shown, whatever the window
WINDOW_SIZE = 50  # designs drawn within the window, for its acceptance
EXAMPLES = 6
MOST_CANDIDATES = 20_000
MOST_SECONDS = 1.0
SHOWN_QUANTILE = 0.95
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
UNITS = {"G": "billions", "M": "millions"}
# While somebody types a name, or asks for the files of the figures, the space stays the same, and so does its draw.
_draws: Memory[Draw] = Memory(32)


@dataclass(frozen=True)
class Example:
    widths: list[int]
    depths: str
    stage_widths: str


@dataclass(frozen=True)
class Preview:
    """What is known of a space before anything is trained.

    ``window_problem`` says why too few designs were found within the window; ``spread_problem`` the same without one.
    """

    size: int
    parent_size: int | None
    inside: Containment | None
    spread: Draw | None
    spread_problem: str
    window: Draw | None
    window_problem: str
    examples: list[Example]
    top: int
    blocks: int
    figures: list[Figure]
    slot: int
    paths: Mapping[str, Sequence[str | int]]

    @property
    def in_window(self) -> float | None:
        """About how many parameter vectors lie in the window."""
        return None if self.window is None else self.window.estimated_size

    @property
    def times_fewer(self) -> float | None:
        return self.parent_size / self.size if self.parent_size and self.size else None


def preview(
    space: AnyNetSpace | RegNetSpace,
    *,
    parent: AnyNetSpace | RegNetSpace | None,
    regime: EngineRegime | None,
    slot: int,
) -> Preview:
    """The preview of a space, against its parent and under a regime where there are these."""
    spread, spread_problem = _draw(space, regime, Window(), SPREAD_SIZE)
    window: tuple[Draw | None, str] = (None, "")
    if regime is not None and regime.window != Window():
        window = _draw(space, regime, regime.window, WINDOW_SIZE)
    draw = window[0] or spread
    examples = [_example(design) for design in (draw.designs[:EXAMPLES] if draw else [])]
    return Preview(
        size=exact_size(space),
        parent_size=exact_size(parent) if parent is not None else None,
        inside=contained(space, parent) if parent is not None else None,
        spread=spread,
        spread_problem=spread_problem,
        window=window[0],
        window_problem=window[1],
        examples=examples,
        top=max((max(example.widths) for example in examples), default=1),
        blocks=max((len(example.widths) for example in examples), default=1),
        figures=_histograms(spread, regime, slot) if spread else [],
        slot=slot,
        paths=space.parameter_paths(),
    )


def exact_size(space: AnyNetSpace | RegNetSpace) -> int:
    """`space.size()`, remembered: a RegNet space takes a moment to count."""
    return _size(_definition(space))


def contained(child: AnyNetSpace | RegNetSpace, parent: AnyNetSpace | RegNetSpace) -> Containment:
    """Whether one space lies inside another, remembered: the search for a design outside takes a moment."""
    return _contained(_definition(child), _definition(parent))


def _definition(space: AnyNetSpace | RegNetSpace) -> str:
    return json.dumps(space.to_json(), sort_keys=True)


@lru_cache(maxsize=512)
def _size(definition: str) -> int:
    return space_from_json(json.loads(definition)).size()


@lru_cache(maxsize=512)
def _contained(child: str, parent: str) -> Containment:
    return containment(space_from_json(json.loads(child)), space_from_json(json.loads(parent)))


def _draw(
    space: AnyNetSpace | RegNetSpace, regime: EngineRegime | None, window: Window, size: int
) -> tuple[Draw | None, str]:
    """A bounded draw, or the sentence that says why there is none."""
    images: dict[str, Any] = {"resolution": 224, "in_channels": 3, "num_classes": 1000}
    if regime is not None:
        images = {name: getattr(regime, name) for name in images}
    limits: dict[str, Any] = {"max_candidates": MOST_CANDIDATES, "max_seconds": MOST_SECONDS}
    key = (json.dumps(space.to_json(), sort_keys=True), window, size, *images.values())
    try:
        return _draws.recall(
            key, lambda: draw_designs(space, size=size, seed=SEED, window=window, **images, **limits)
        ), ""
    except SamplingExhausted as error:
        return None, str(error)
    except EngineError as error:
        return None, f"No design can be drawn: {error}"


def _example(design: Design) -> Example:
    anynet = design.to_anynet()
    widths = per_block(anynet.stage_depths, anynet.stage_widths)
    return Example(widths, " ".join(map(str, anynet.stage_depths)), " ".join(map(str, anynet.stage_widths)))


def _histograms(spread: Draw, regime: EngineRegime | None, slot: int) -> list[Figure]:
    return [
        _histogram(
            name, getattr(spread, name).astype(np.float64), getattr(regime.window, name) if regime else None, slot
        )
        for name in ("flops", "params", "acts")
    ]


def _histogram(name: str, counts: FloatArray, limits: Bounds | None, slot: int) -> Figure:
    scale, unit = (1e9, "G") if float(np.median(counts)) >= 1e9 else (1e6, "M")
    low, high = limits or (None, None)
    end = max(float(np.quantile(counts, SHOWN_QUANTILE)), *(bound for bound in (low, high) if bound is not None), 1)
    visible = counts[counts <= end] / scale
    window = None
    if limits is not None:
        window = (low / scale if low is not None else None, high / scale if high is not None else None)
    return Figure(
        element=f"{SPREAD}{name}",
        draw=lambda: plots.histogram_figure(visible, label=f"{name} ({unit})", slot=slot, window=window),
        caption=_histogram_caption(len(counts) - len(visible), len(counts), window, unit),
        table=_quantile_table(name, counts, scale, unit),
        title=name,
    )


def spread_numbers(previewed: Preview, name: str) -> tuple[list[str], list[list[float]]]:
    """Head and rows of a file: the complexity of every drawn design, with its parameters as drawn."""
    if previewed.spread is None:
        return [name], []
    rows = []
    for design, count in zip(previewed.spread.designs, getattr(previewed.spread, name).tolist(), strict=True):
        values = design.to_json()
        rows.append([*(_value(values, path) for path in previewed.paths.values()), count])
    return [*previewed.paths, name], rows


def _value(values: JsonObject, path: Sequence[str | int]) -> float:
    value: Any = values
    for step in path:
        value = value[step]
    return float(value)


def _histogram_caption(beyond: int, n: int, window: Bounds | None, unit: str) -> str:
    said = "No limit in this regime."
    if window is not None:
        said = f"Shaded: the window, {open_range(*window, significant)} {unit}."
    return f"{said} The top {percent(beyond / n, 0)} are off the axis." if beyond else said


def _quantile_table(name: str, counts: FloatArray, scale: float, unit: str) -> Table:
    columns = [Column("Quantile", "share", tables.Share), Column(f"{name} ({unit})", name, unit=UNITS[unit])]
    rows = [
        [tables.Share(share), tables.Number(float(np.quantile(counts, share)) / scale, style="significant")]
        for share in QUANTILES
    ]
    return Table(f"Quantiles of {name}", columns, rows)
