"""Categories against error: one strip of points a level, its median as a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker

from webapp.plots import ACCENT, SPACE_COLOURS, base_figure

LONGEST_LABEL = 24
WIDTH = 0.6  # of a strip, in levels


def strip_figure(strips: Sequence[tuple[str, Sequence[float], float | None]], *, label: str, slot: int) -> Any:
    """``strips``: level, errors (percent) and their median, None where it lies among failures."""
    places = [np.full(len(errors), k) + WIDTH * _spread(len(errors)) for k, (_, errors, _) in enumerate(strips)]
    plot = base_figure(224, label, "error (%)", x_range=(-0.6, len(strips) - 0.4))
    source = ColumnDataSource({
        "x": np.concatenate(places).astype(np.float32),
        "error": np.concatenate([np.asarray(errors, dtype=np.float32) for _, errors, _ in strips]),
    })  # fmt: skip
    plot.scatter("x", "error", source=source, size=5, line_color=None, fill_color=SPACE_COLOURS[slot], fill_alpha=0.42)
    for k, (_, _, median) in enumerate(strips):
        if median is not None:
            plot.line(x=[k - 0.4, k + 0.4], y=[median, median], line_color=ACCENT, line_width=2)
    plot.xgrid.grid_line_color = None
    plot.xaxis.ticker = FixedTicker(ticks=list(range(len(strips))))
    plot.xaxis.major_label_overrides = {k: level[:LONGEST_LABEL] for k, (level, _, _) in enumerate(strips)}
    return plot


def _spread(n: int) -> Any:
    """Places from -1/2 to 1/2 that repeat with no pattern an eye could follow; the same at every look."""
    return (np.arange(n) * 0.618034) % 1 - 0.5
