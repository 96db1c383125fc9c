"""Figures in print size: the Bokeh figure of a page drawn once more by matplotlib, as SVG or PNG.

It reads the same figure that the page embeds, so no plot is described twice: one function a kind of glyph. A glyph
that has none is an error, and a test draws every figure of webapp/plots.py. Names that people give are drawn as they
are, never as mathematics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from bokeh.models import NumeralTickFormatter
from bokeh.models.annotations import Annotation, BoxAnnotation, Span
from bokeh.models.renderers import GlyphRenderer
from bokeh.models.scales import LogScale
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

WIDTH = 3.5  # inches: one column of a two-column paper
TALL, LOW = 2.4, 1.9  # of the axes; the legend comes on top
LEGEND_LINE = 0.16
DPI = 300
MOST_VECTOR_POINTS = 3_000  # more points of a scatter become one picture inside the SVG

# The light theme of static/site.css (a test compares them).
PALETTE = {
    "01": "#1a1e23", "02": "#57606a", "03": "#eceff2", "04": "#ffffff", "05": "#4a4dc0", "06": "#9aa2ac",
    "07": "#b3261e", "11": "#0072b2", "12": "#d55e00", "13": "#009e73", "14": "#cc79a7", "15": "#000000",
    "16": "#e69f00", "17": "#56b4e9",
}  # fmt: skip

mpl.rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": 8,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": PALETTE["06"],
        "axes.labelcolor": PALETTE["01"],
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": PALETTE["03"],
        "grid.linewidth": 0.6,
        "xtick.color": PALETTE["06"],
        "ytick.color": PALETTE["06"],
        "xtick.labelcolor": PALETTE["02"],
        "ytick.labelcolor": PALETTE["02"],
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "legend.frameon": False,
        "text.parse_math": False,
        "svg.fonttype": "path",  # looks the same wherever the file is opened
        "svg.hashsalt": "netspace",
    }
)


@dataclass(frozen=True)
class Label:
    """A line of the legend: the colour and dash of a curve, and its name."""

    slot: int
    dash: str | Sequence[int]
    text: str


def print_figure(plot: Any, *, kind: Literal["svg", "png"], labels: Sequence[Label] = (), tall: bool = False) -> bytes:
    """The figure as a file: 3.5 inches wide, text of 8 points; PNG with 300 dots an inch."""
    height = (TALL if tall else LOW) + LEGEND_LINE * len(labels)
    drawn = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = drawn.add_subplot()
    for annotation in (*plot.center, *plot.above, *plot.below, *plot.left, *plot.right):
        _draw_annotation(axes, annotation)
    for renderer in plot.renderers:
        if isinstance(renderer, GlyphRenderer):
            _draw_glyph(axes, renderer)
        else:
            _draw_annotation(axes, renderer)
    _dress(axes, plot)
    if labels:
        _legend(drawn, labels)
    target = BytesIO()
    drawn.savefig(target, format=kind, dpi=DPI, metadata={"Date": None} if kind == "svg" else {"Software": None})
    return target.getvalue()


def _dress(axes: Axes, plot: Any) -> None:
    """Labels, ranges and ticks."""
    axes.set_xlabel(plot.xaxis.axis_label or "")
    axes.set_ylabel(plot.yaxis.axis_label or "")
    for span, limit in ((plot.x_range, axes.set_xlim), (plot.y_range, axes.set_ylim)):
        start, end = getattr(span, "start", None), getattr(span, "end", None)
        if isinstance(start, (int, float)) and isinstance(end, (int, float)) and start < end:
            limit(float(start), float(end))
    for scale, set_scale in ((plot.x_scale, axes.set_xscale), (plot.y_scale, axes.set_yscale)):
        if isinstance(scale, LogScale):
            set_scale("log")
    for bokeh_axis, axis in ((plot.xaxis, axes.xaxis), (plot.yaxis, axes.yaxis)):
        ticks = getattr(bokeh_axis.ticker, "ticks", None)
        if ticks:
            axis.set_ticks([float(tick) for tick in ticks])
        elif getattr(bokeh_axis.ticker, "min_interval", 0) >= 1:
            axis.set_major_locator(MaxNLocator(integer=True))
        formatter = bokeh_axis.formatter
        if isinstance(formatter, NumeralTickFormatter) and "%" in str(formatter.format):
            axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    for grid, which in ((plot.xgrid, "x"), (plot.ygrid, "y")):
        if grid.grid_line_color is None:
            axes.grid(visible=False, axis="x" if which == "x" else "y")


def _legend(drawn: Figure, labels: Sequence[Label]) -> None:
    handles = [Line2D([], [], color=_space(label.slot), linewidth=1.2, linestyle=_dash(label.dash)) for label in labels]
    legend = drawn.legend(
        handles, [label.text for label in labels], loc="outside upper left", handlelength=2.6, labelspacing=0.2,
        borderpad=0.1,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)


# --- glyphs ---


def _draw_glyph(axes: Axes, renderer: Any) -> None:
    name = type(renderer.glyph).__name__
    draw = GLYPHS.get(name)
    if draw is None:
        raise NotImplementedError(f"There is no way to print a glyph {name}.")
    draw(axes, renderer.glyph, renderer.data_source.data)


def _values(spec: Any, data: Any) -> Any:
    """What a property of a glyph stands for: a column's values, or one value."""
    if isinstance(spec, str) and spec in data:
        return np.asarray(data[spec])
    field = getattr(spec, "field", None)
    return np.asarray(data[field]) if field is not None else getattr(spec, "value", spec)


def _column(spec: Any, data: Any) -> Any:
    values = _values(spec, data)
    length = max((len(column) for column in data.values()), default=1)
    return np.asarray(values) if np.ndim(values) else np.full(length, values, dtype=float)


def _colour(spec: Any) -> str:
    """The light theme's colour for a placeholder, ``none`` where nothing is drawn."""
    spec = getattr(spec, "value", spec)
    if spec is None:
        return "none"
    found = re.fullmatch(r"#0b0a(\d\d)", str(spec))
    return PALETTE[found[1]] if found else str(spec)


def _space(slot: int) -> str:
    return PALETTE[f"1{slot}"]


def _dash(spec: Any) -> Any:
    """Screen pixels become points, somewhat shorter on paper."""
    spec = getattr(spec, "value", spec)
    named = {"solid": "solid", "dashed": [6, 3], "dotted": [2, 4], "dotdash": [2, 4, 6, 4], "dashdot": [6, 4, 2, 4]}
    steps: Any = named.get(spec, "solid") if isinstance(spec, str) else spec
    return (0, [0.6 * step for step in steps]) if steps and not isinstance(steps, str) else "solid"


def _stroke(glyph: Any) -> dict[str, Any]:
    return {
        "color": _colour(glyph.line_color),
        "alpha": _number(glyph.line_alpha, 1.0),
        "linewidth": 0.6 * _number(glyph.line_width, 1.0),
        "linestyle": _dash(glyph.line_dash),
    }


def _fill(glyph: Any) -> dict[str, Any]:
    return {"facecolor": _colour(glyph.fill_color), "alpha": _number(glyph.fill_alpha, 1.0), "linewidth": 0.3}


def _number(spec: Any, default: float) -> float:
    value = getattr(spec, "value", spec)
    return float(value) if isinstance(value, (int, float)) else default


def _is_unseen(glyph: Any) -> bool:
    """Lines that only answer the pointer."""
    return _number(glyph.line_alpha, 1.0) == 0


def _line(axes: Axes, glyph: Any, data: Any) -> None:
    if not _is_unseen(glyph):
        axes.plot(_column(glyph.x, data), _column(glyph.y, data), **_stroke(glyph))


def _multi_line(axes: Axes, glyph: Any, data: Any) -> None:
    for x, y in zip(_values(glyph.xs, data), _values(glyph.ys, data), strict=True):
        axes.plot(x, y, **_stroke(glyph))


def _step(axes: Axes, glyph: Any, data: Any) -> None:
    where: Any = {"after": "post", "before": "pre", "center": "mid"}[glyph.mode]
    axes.step(_column(glyph.x, data), _column(glyph.y, data), where=where, **_stroke(glyph))


def _segment(axes: Axes, glyph: Any, data: Any) -> None:
    ends = [_column(end, data) for end in (glyph.x0, glyph.x1, glyph.y0, glyph.y1)]
    for x0, x1, y0, y1 in zip(*ends, strict=True):
        axes.plot([x0, x1], [y0, y1], **_stroke(glyph))


def _area(axes: Axes, glyph: Any, data: Any) -> None:
    axes.fill_between(_column(glyph.x, data), _column(glyph.y1, data), _column(glyph.y2, data), **_area_fill(glyph))


def _area_step(axes: Axes, glyph: Any, data: Any) -> None:
    axes.fill_between(
        _column(glyph.x, data), _column(glyph.y1, data), _column(glyph.y2, data), step="post", **_area_fill(glyph)
    )


def _area_fill(glyph: Any) -> dict[str, Any]:
    return {**_fill(glyph), "linewidth": 0, "edgecolor": "none"}


def _scatter(axes: Axes, glyph: Any, data: Any) -> None:
    x, y = _column(glyph.x, data), _column(glyph.y, data)
    marker = str(getattr(glyph.marker, "value", glyph.marker))
    size = 0.55 * _number(glyph.size, 5.0)
    if marker == "dash":  # upright marks along an edge
        colour, alpha = _colour(glyph.line_color), _number(glyph.line_alpha, 1.0)
        axes.scatter(x, y, marker="|", s=size**2, c=colour, alpha=alpha, linewidths=0.8)
        return
    shapes = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^", "x": "x", "cross": "+"}
    # A shape of strokes alone, such as a cross, has no face.
    colour = _colour(glyph.line_color) if marker in ("x", "cross") else _colour(glyph.fill_color)
    axes.scatter(
        x, y, marker=shapes.get(marker, "o"), s=size**2, c=colour, alpha=_number(glyph.fill_alpha, 1.0),
        linewidths=0.8 if marker in ("x", "cross") else 0, rasterized=len(x) > MOST_VECTOR_POINTS,
    )  # fmt: skip


def _bars(axes: Axes, glyph: Any, data: Any) -> None:
    x, top, width = (_column(spec, data) for spec in (glyph.x, glyph.top, glyph.width))
    bottom = _column(glyph.bottom, data)
    axes.bar(x, top - bottom, width=width, bottom=bottom, edgecolor=_colour(glyph.line_color), **_fill(glyph))


def _level_bars(axes: Axes, glyph: Any, data: Any) -> None:
    y, right, height = (_column(spec, data) for spec in (glyph.y, glyph.right, glyph.height))
    left = _column(glyph.left, data)
    axes.barh(y, right - left, height=height, left=left, edgecolor=_colour(glyph.line_color), **_fill(glyph))


def _boxes(axes: Axes, glyph: Any, data: Any) -> None:
    left, right, bottom, top = (_column(spec, data) for spec in (glyph.left, glyph.right, glyph.bottom, glyph.top))
    edge = _colour(glyph.line_color)
    axes.bar(left, top - bottom, width=right - left, bottom=bottom, align="edge", edgecolor=edge, **_fill(glyph))


GLYPHS: dict[str, Callable[[Axes, Any, Any], None]] = {
    "Line": _line,
    "MultiLine": _multi_line,
    "Step": _step,
    "Segment": _segment,
    "VArea": _area,
    "VAreaStep": _area_step,
    "Scatter": _scatter,
    "VBar": _bars,
    "HBar": _level_bars,
    "Quad": _boxes,
}


# Furniture of the screen; our legends stand in the HTML.
NOT_PRINTED = ("Legend", "Title", "ToolbarPanel")


def _draw_annotation(axes: Axes, annotation: Any) -> None:
    if isinstance(annotation, Span):
        draw = axes.axvline if annotation.dimension == "height" else axes.axhline
        location: Any = annotation.location
        draw(float(location), **_stroke(annotation))
    elif isinstance(annotation, BoxAnnotation):
        _shade(axes, annotation)
    elif isinstance(annotation, Annotation) and type(annotation).__name__ not in NOT_PRINTED:
        raise NotImplementedError(f"There is no way to print an annotation {type(annotation).__name__}.")


def _shade(axes: Axes, box: BoxAnnotation) -> None:
    """A shaded range; an end that is open runs to the edge of the plot."""
    left, right = (_bound(box.left), _bound(box.right))
    bottom, top = (_bound(box.bottom), _bound(box.top))
    colour, alpha = _colour(box.fill_color), _number(box.fill_alpha, 0.1)
    if bottom is None and top is None and left is not None and right is not None:
        axes.axvspan(left, right, facecolor=colour, alpha=alpha, edgecolor="none", zorder=0)
        for edge in (left, right):
            axes.axvline(edge, color=_colour(box.line_color), alpha=_number(box.line_alpha, 0.3), linewidth=0.5)
    elif left is None and right is None and bottom is not None and top is not None:
        axes.axhspan(bottom, top, facecolor=colour, alpha=alpha, edgecolor="none", zorder=0)
    elif None in (bottom, top) and (left is not None or right is not None):
        known = left if left is not None else right
        assert known is not None  # noqa: S101  (the condition above)
        axes.axvline(known, color=_colour(box.line_color), alpha=_number(box.line_alpha, 0.3), linewidth=0.5)
    elif left is not None and right is not None and bottom is not None and top is not None:
        axes.add_patch(Rectangle((left, bottom), right - left, top - bottom, facecolor=colour, alpha=alpha, zorder=0))


def _bound(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and np.isfinite(value) else None
