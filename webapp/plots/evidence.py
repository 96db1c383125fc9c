"""Plots of how far the evidence reaches; the look is that of `webapp.plots`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import NumeralTickFormatter
from bokeh.models.annotations import Span

from engine.statistics.search import SampleSizeStudy
from engine.statistics.sequential import SequentialComparison
from webapp.plots import ACCENT, MUTED, SPACE_COLOURS, SPACE_DASHES, FloatArray, base_figure

MOST_LOOKS = 500  # points of a path as drawn


@dataclass(frozen=True, eq=False)
class Line:
    """A curve of one population: the key its legend button names, its slot, points from left to right.

    It is drawn pale to the right of ``pale_from``.
    """

    key: str
    slot: int
    x: FloatArray
    y: FloatArray
    pale_from: float = np.inf


def search_figure(lines: Sequence[Line], *, height: int = 224) -> Any:
    """Lowest error that the best of so many samples reaches, on average; samples on a logarithmic axis."""
    plot = base_figure(height, "samples tried", "best error (%)", x_axis_type="log")
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    for line in lines:
        style = {"line_color": SPACE_COLOURS[line.slot], "line_dash": SPACE_DASHES[line.slot], "line_width": 2}
        known = int(np.searchsorted(line.x, line.pale_from, side="right"))
        plot.line(x=line.x[:known], y=line.y[:known], name=line.key, **style)
        rest = max(0, known - 1)  # from the last known point on
        plot.line(x=line.x[rest:], y=line.y[rest:], name=line.key, line_alpha=0.35, **style)
    return plot


def sample_size_figure(study: SampleSizeStudy, *, key: str, slot: int, height: int = 224) -> Any:
    """KS distance of a random part to the whole, with its 95 % range; dashed: the band against the truth."""
    plot = base_figure(height, "samples kept", "KS distance", x_axis_type="log", y_range=(0, 1))
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    colour, m = SPACE_COLOURS[slot], study.m.astype(float)
    plot.varea(x=m, y1=study.low, y2=study.high, fill_color=colour, fill_alpha=0.13, name=key)
    plot.line(x=m, y=study.band_half_width, line_color=MUTED, line_dash=[4, 4], line_width=1.5, name=key)
    plot.line(x=m, y=study.distance, line_color=colour, line_width=2, name=key)
    plot.scatter(x=m, y=study.distance, size=5, line_color=None, fill_color=colour, name=key)
    return plot


def in_order_figure(compared: SequentialComparison, *, slot: int, height: int = 224) -> Any:
    """The confidence sequence of the share of pairs that A wins; dashed: where both count as alike."""
    plot = base_figure(height, "pairs compared", "share lower", y_range=(0, 1))
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    path, colour = compared.path, SPACE_COLOURS[slot]
    kept = np.unique(np.linspace(0, len(path.pairs) - 1, min(len(path.pairs), MOST_LOOKS)).astype(int))
    wins = np.cumsum((path.outcomes + 1) / 2)  # a tie is half a win
    x, share = path.pairs[kept].astype(float), (wins / np.arange(1, len(wins) + 1))[kept]
    plot.varea(x=x, y1=path.low[kept], y2=path.high[kept], fill_color=colour, fill_alpha=0.13)
    plot.line(x=x, y=share, line_color=colour, line_width=2)
    for location, dash in ((0.5, "solid"), (0.5 - compared.margin, [4, 4]), (0.5 + compared.margin, [4, 4])):
        plot.add_layout(Span(location=location, dimension="width", line_color=MUTED, line_dash=dash, line_width=1.5))
    if compared.decided_at is not None:
        plot.add_layout(Span(location=compared.decided_at, dimension="height", line_color=ACCENT, line_width=1.5))
    return plot


def shares_figure(
    label: str, edges: FloatArray, lines: Sequence[tuple[str, int, FloatArray]], *, height: int = 136
) -> Any:
    """How a complexity is spread in each population: the share of its samples in each bin, as outlines."""
    top = max((float(shares.max()) for _, _, shares in lines), default=1.0)
    plot = base_figure(height, label, "share", x_range=(edges[0], edges[-1]), y_range=(0, 1.1 * top or 1.0))
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.yaxis.ticker.desired_num_ticks = 3
    plot.xaxis.ticker.desired_num_ticks = 5
    for key, slot, shares in lines:
        x = np.concatenate([edges, edges[-1:]])
        y = np.concatenate([shares, [shares[-1], 0.0]])
        style = {"line_color": SPACE_COLOURS[slot], "line_dash": SPACE_DASHES[slot], "line_width": 2}
        plot.step(x=x, y=y, mode="after", name=key, **style)
    return plot
