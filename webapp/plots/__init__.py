"""The look of every plot: one Bokeh theme, one function a kind of figure, typed by the engine's results.

Colours are placeholders ("#0b0a" + two digits) that static/plots.js replaces by the page's custom properties just
before it embeds, so that one JSON serves the light and the dark theme. Lists use inline SVG (sparkline, thumbnail,
swatch), which follows the theme through CSS classes and needs no script at all. Text in a figure is a fixed word or a
parameter's name, never a name that a person gave: those stand in the HTML around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    BoxSelectTool,
    BoxZoomTool,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LassoSelectTool,
    NumeralTickFormatter,
    ResetTool,
    TapTool,
    Tool,
)
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.plotting import figure
from bokeh.themes import Theme

from engine.statistics.bootstrap import EmpiricalBootstrap
from engine.statistics.edf import EdfBand, ErrorEdf, FailureBounds, NormalisedEdf
from webapp.plots.documents import document_json

FloatArray = npt.NDArray[np.float64]
Plot = Any  # a model of Bokeh, which has no types of its own
PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, MUTED, GRID, PAGE, ACCENT, AXIS, FAILED = (f"#0b0a0{k}" for k in range(1, 8))
SPACE_COLOURS = {k: f"#0b0a1{k}" for k in range(1, 8)}  # slot of a space, the same on every page
SPACE_DASHES: dict[int, str | list[int]] = {
    1: "solid",
    2: [9, 4],
    3: [2, 3],
    4: [10, 4, 2, 4],
    5: [16, 4],
    6: [5, 5],
    7: [1, 4],
}

# The toolbar lies inside the frame and appears under the pointer; its own background is white in every theme.
TOOLBAR_STYLE = ":host { background-color: transparent !important; }"

THEME = Theme(
    json={
        "attrs": {
            "Plot": {
                "background_fill_color": None,
                "border_fill_color": None,
                "outline_line_color": None,
                "min_border_left": 44,
                "min_border_right": 8,
                "min_border_top": 6,
            },
            "Axis": {
                "axis_line_color": AXIS,
                "major_tick_line_color": AXIS,
                "minor_tick_line_color": None,
                "major_tick_in": 0,
                "major_tick_out": 4,
                "major_label_text_font": FONT,
                "major_label_text_font_size": "12px",
                "major_label_text_color": MUTED,
                "axis_label_text_font": FONT,
                "axis_label_text_font_size": "13px",
                "axis_label_text_font_style": "normal",
                "axis_label_text_color": INK,
                "axis_label_standoff": 6,
            },
            "Grid": {"grid_line_color": GRID},
            "Toolbar": {"logo": None, "autohide": True},
        }
    }
)


MOST_STEPS = 1_000  # levels of an EDF as drawn: a third of a pixel each, far below what a line's width hides


@dataclass(frozen=True, eq=False)
class Curve:
    """A population as drawn: the key its legend button names, its space's slot, its EDF and, where known, its band.

    ``failures`` bounds the EDF of all its samples where some failed.
    """

    key: str
    slot: int
    edf: ErrorEdf | NormalisedEdf
    band: EdfBand | None = None
    failures: FailureBounds | None = None


@dataclass(frozen=True, eq=False)
class DrawnFront:
    """A front of error against a cost as drawn: rising costs in the unit of the axis, falling errors (percent).

    ``labels`` say what each is where the points below don't, because only a part of them is drawn.
    """

    costs: FloatArray
    errors: FloatArray
    labels: Sequence[str] = ()


def page_plots(figures: Mapping[str, Any]) -> dict[str, Any]:
    """What goes into the page's one ``script[data-plots]``: element id -> figure, all in one document."""
    roots = {plot.id: element for element, plot in figures.items()}
    items = [{"docid": "page", "roots": roots, "root_ids": list(roots)}]
    return {"docs": {"page": document_json(list(figures.values()), THEME)}, "items": items}


def base_figure(
    height: int, x_label: str | None, y_label: str | None, *, tools: Sequence[Tool] = (), **more: Any
) -> Any:
    """An empty plot with the axes and tools that all have in common."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location="right" if tools else None,
        toolbar_inner=True,
        x_axis_label=x_label,
        y_axis_label=y_label,
        **more,
    )
    plot.add_tools(*tools)  # `figure` compares them all with each other first
    plot.toolbar.stylesheets = [TOOLBAR_STYLE]
    plot.toolbar.active_drag = None  # a finger that scrolls the page must not zoom the plot
    return plot


def edf_range(curves: Sequence[Curve], *, more: FloatArray | None = None) -> tuple[float, float]:
    """The range of error (percent) that shows every step of every curve."""
    ends = [end for curve in curves if len(curve.edf.errors) for end in (curve.edf.errors[0], curve.edf.errors[-1])]
    if more is not None and len(more):
        ends += [more.min(), more.max()]
    if not ends:
        return 0.0, 100.0
    low, high = float(min(ends)), float(max(ends))
    margin = max(0.04 * (high - low), 0.5)
    return max(0.0, low - margin), min(100.0, high + margin)


def _steps(errors: FloatArray, fractions: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Exact steps of the EDF from low to high: just right of the k-th error the value is k/n.

    It ends below 1 where some failed, and stays at 0 where all did.
    """
    x = np.concatenate([[low], errors, [max(high, errors[-1]) if len(errors) else high]])
    y = np.concatenate([[0], fractions, fractions[-1:] if len(fractions) else [0]])
    return x, y


def drawn_steps(fractions: FloatArray) -> npt.NDArray[np.intp]:
    """Which steps of an EDF are drawn: up to a thousand all, else the first to reach each thousandth, and the last."""
    if len(fractions) <= MOST_STEPS:
        return np.arange(len(fractions))
    levels = np.floor(fractions * MOST_STEPS)
    kept = np.flatnonzero(np.diff(levels, prepend=-1) > 0)
    return np.union1d(kept, [len(fractions) - 1])


def edf_figure(
    curves: Sequence[Curve], *, x_range: tuple[float, float], height: int = 352, ahead: FloatArray | None = None
) -> Any:
    """Error EDFs with their simultaneous bands; ``ahead`` marks errors that finished ahead and are not used."""
    low, high = x_range
    tools = (BoxZoomTool(), ResetTool())
    plot = base_figure(height, "error (%)", "share of designs below", tools=tools, x_range=x_range, y_range=(0, 1.02))
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.yaxis.ticker = FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1])
    for curve in curves:
        if curve.band is not None and len(curve.edf.errors):
            _draw_band(plot, curve, curve.band, low, high)
        if curve.failures is not None:
            _draw_margin(plot, curve, curve.failures, low, high)
    for curve in curves:
        _draw_edf(plot, curve, low, high)
    if ahead is not None and len(ahead):
        marks = {"size": 14, "line_width": 1.5, "line_color": MUTED, "line_alpha": 0.8}
        plot.scatter(x=ahead, y=np.full(len(ahead), 0.02), marker="dash", angle=np.pi / 2, name="ahead", **marks)
    return plot


def _draw_band(plot: Any, curve: Curve, band: EdfBand, low: float, high: float) -> None:
    kept = drawn_steps(curve.edf.fractions)
    x = np.concatenate([[low], band.errors[kept], [max(high, band.errors[-1])]])
    lower = np.concatenate([[0], band.lower[kept], band.lower[-1:]])
    upper = np.concatenate([[band.half_width], band.upper[kept], band.upper[-1:]])
    colour = SPACE_COLOURS[curve.slot]
    plot.varea_step(x=x, y1=lower, y2=upper, step_mode="after", fill_color=colour, fill_alpha=0.13, name=curve.key)


def _draw_margin(plot: Any, curve: Curve, bounds: FailureBounds, low: float, high: float) -> None:
    """Hatched: where the EDF of all lies; the failed ones never reach it, of the missing ones nothing is known."""
    kept = drawn_steps(curve.edf.fractions)
    x = np.concatenate([[low], bounds.errors[kept], [max(high, bounds.errors[-1])]])
    lower = np.concatenate([[0], bounds.lower[kept], bounds.lower[-1:]])
    upper = np.concatenate([[bounds.missing / bounds.total], bounds.upper[kept], bounds.upper[-1:]])
    hatch = {"hatch_pattern": "right_diagonal_line", "hatch_scale": 6, "hatch_weight": 0.75, "hatch_alpha": 0.5}
    colour = SPACE_COLOURS[curve.slot]
    plot.varea_step(
        x=x, y1=lower, y2=upper, step_mode="after", fill_alpha=0, hatch_color=colour, name=curve.key, **hatch
    )


def _draw_edf(plot: Any, curve: Curve, low: float, high: float) -> None:
    kept = drawn_steps(curve.edf.fractions)
    x, y = _steps(curve.edf.errors[kept], curve.edf.fractions[kept], low, high)
    source = ColumnDataSource({"x": x, "y": y})
    line = {"line_color": SPACE_COLOURS[curve.slot], "line_width": 2, "line_dash": SPACE_DASHES[curve.slot]}
    plot.step("x", "y", source=source, mode="after", name=curve.key, **line)
    # A step glyph answers no hover, an unseen line over the same points does; the point before is the step's value.
    hidden = {"line_alpha": 0, "nonselection_line_alpha": 0, "muted_line_alpha": 0}
    unseen = plot.line("x", "y", source=source, line_color=SPACE_COLOURS[curve.slot], name=curve.key, **hidden)
    tip = "@y{0.0 %} below @x{0.0} %"
    plot.add_tools(HoverTool(visible=False, renderers=[unseen], tooltips=tip, mode="vline", line_policy="prev"))


def population_source(
    columns: Mapping[str, FloatArray], *, key: str, urls: Sequence[str], labels: Sequence[str]
) -> Plot:
    """The one source that all scatters of a population share, so that a selection in one shows in all.

    ``key`` is the population's: parts of a page with sources of their own mark the same designs by it.
    """
    # Half the bytes, and still seven digits: these are for the eye, the tables hold the numbers.
    drawn = {name: np.asarray(column, dtype=np.float32) for name, column in columns.items()}
    return ColumnDataSource({**drawn, "url": list(urls), "label": list(labels)}, name="population", tags=[key])


def scatter_figure(
    source: Any, column: str, *, label: str, slot: int, best: EmpiricalBootstrap | None, scale: float = 1,
    front: DrawnFront | None = None, height: int = 224,
) -> Any:  # fmt: skip
    """Parameter against error; shaded: empirical bootstrap, 95 %; line: its median. ``source`` is shared by all.

    Of a cost, its ``front`` lies over the points as steps.
    """
    select = BoxSelectTool()
    plot = base_figure(height, label, "error (%)", tools=(select, LassoSelectTool(), TapTool(), ResetTool()))
    plot.toolbar.active_drag = select
    if best is not None:
        shade: dict[str, Any] = {"fill_color": ACCENT, "fill_alpha": 0.1, "line_color": ACCENT, "line_alpha": 0.35}
        plot.add_layout(BoxAnnotation(left=best.low / scale, right=best.high / scale, level="underlay", **shade))
        plot.add_layout(Span(location=best.median / scale, dimension="height", line_color=ACCENT, line_width=1.5))
    colour = SPACE_COLOURS[slot]
    points = plot.scatter(
        column, "error", source=source, size=5, line_color=None, fill_color=colour, fill_alpha=0.42,
        selection_fill_color=INK, selection_fill_alpha=0.95,
        nonselection_fill_color=colour, nonselection_fill_alpha=0.12,
    )  # fmt: skip
    plot.add_tools(HoverTool(visible=False, renderers=[points], tooltips=_point_tip(source)))
    if front is not None:
        _draw_front(plot, front, colour)
    return plot


def _draw_front(plot: Any, front: DrawnFront, colour: str) -> None:
    source = ColumnDataSource({"x": front.costs, "y": front.errors})
    if front.labels:
        source.data["label"] = list(front.labels)
    plot.step("x", "y", source=source, mode="after", line_color=colour, line_width=1.5)
    marks = plot.scatter("x", "y", source=source, size=7, line_color=None, fill_color=colour)
    marks.nonselection_glyph = None  # a click that misses all of them must not pale them
    if front.labels:
        plot.add_tools(HoverTool(visible=False, renderers=[marks], tooltips="@label"))


def _point_tip(source: Any) -> list[tuple[str, str]]:
    """The sample, then its columns: the engine's names only, because those of a file are anybody's words."""
    names = [name for name in source.data if PLAIN_NAME.fullmatch(name) and name not in ("url", "label", "error")]
    return [("", "@label"), *((name, f"@{name}") for name in names)]


def stage_figure(
    widths: Sequence[int], *, fitted: Sequence[float] | None = None, linear: tuple[float, float] | None = None,
    slot: int = 1, height: int = 288,
) -> Any:  # fmt: skip
    """A design as bars of width per block; its quantised linear fit as steps, the line w_0 + w_a j behind it."""
    blocks = np.arange(1, len(widths) + 1)
    end_of_line = linear[0] + linear[1] * (len(widths) - 1) if linear else 0
    top = 1.06 * max(max(widths), end_of_line)
    plot = base_figure(height, "block", "width (channels)", x_range=(0.4, len(widths) + 0.6), y_range=(0, top))
    plot.xgrid.grid_line_color = None
    plot.xaxis.ticker.min_interval = 1
    plot.vbar(x=blocks, top=list(widths), width=0.84, fill_color=SPACE_COLOURS[slot], fill_alpha=0.3, line_color=None)
    if linear is not None:
        w_0, w_a = linear
        plot.line(x=blocks, y=w_0 + w_a * (blocks - 1), line_color=MUTED, line_dash=[4, 4], line_width=1.5)
    if fitted is not None:
        edges = np.append(blocks - 0.5, blocks[-1] + 0.5)
        plot.step(x=edges, y=np.append(fitted, fitted[-1]), mode="after", line_color=INK, line_width=2)
    return plot


def histogram_figure(
    values: FloatArray, *, label: str, slot: int, window: tuple[float | None, float | None] | None = None,
    bins: int = 30, height: int = 136,
) -> Any:  # fmt: skip
    """How a complexity is spread; shaded: the regime's window, open ends run to the edge of the plot."""
    counts, edges = np.histogram(values, bins=bins)
    plot = base_figure(height, label, None, x_range=(edges[0], edges[-1]), y_range=(0, max(1, counts.max()) * 1.1))
    plot.xgrid.grid_line_color = None
    plot.yaxis.ticker.desired_num_ticks = 3
    plot.xaxis.ticker.desired_num_ticks = 5
    if window is not None:
        shade: dict[str, Any] = {"fill_color": ACCENT, "fill_alpha": 0.22, "line_color": ACCENT, "line_alpha": 0.6}
        ends: dict[str, Any] = {
            end: bound for end, bound in zip(("left", "right"), window, strict=True) if bound is not None
        }
        plot.add_layout(BoxAnnotation(level="underlay", **shade, **ends))
    bars = {"fill_color": SPACE_COLOURS[slot], "fill_alpha": 0.6, "line_color": PAGE}
    plot.quad(left=edges[:-1], right=edges[1:], bottom=0, top=counts, **bars)
    return plot


def learning_curve_figure(runs: Mapping[str, Sequence[float]], *, slot: int, height: int = 288) -> Any:
    """Test error after each epoch, one line a run; the keys are those of the legend's buttons."""
    longest = max(map(len, runs.values()))
    plot = base_figure(height, "epoch", "test error (%)", x_range=(0.8, longest + 0.2))
    for number, (key, errors) in enumerate(runs.items()):
        epochs = np.arange(1, len(errors) + 1)
        line = {"line_color": SPACE_COLOURS[slot], "line_width": 2, "line_dash": SPACE_DASHES[number % 7 + 1]}
        plot.line(x=epochs, y=list(errors), name=key, **line)
        if len(errors) == 1:
            plot.scatter(x=epochs, y=list(errors), name=key, size=6, line_color=None, fill_color=SPACE_COLOURS[slot])
    plot.xaxis.ticker.desired_num_ticks = min(10, longest)
    plot.xaxis.ticker.min_interval = 1
    return plot


def quantile_sparkline(curves: Sequence[tuple[int, Sequence[float], float]], *, x_range: tuple[float, float]) -> str:
    """Small EDFs, each a slot, evenly spaced quantiles, the lowest and the highest error at their ends, and its top.

    Inline SVG that follows the theme; the row beside it holds the numbers.
    """
    low, high = x_range
    grid = np.linspace(low, max(high, low + 1e-9), 49)
    paths = []
    for slot, quantiles, top in curves:
        # Tied quantiles are one step: the last of them holds.
        shares = np.interp(grid, *_last_of_ties(np.asarray(quantiles)), left=0, right=1)
        points = " ".join(f"{2 * k},{26 - 24 * y * top:.1f}" for k, y in enumerate(shares))
        paths.append(f'<path class="k{int(slot)}" d="M{points}"/>')
    return (
        f'<svg class="spark" viewBox="0 0 96 28" preserveAspectRatio="none" aria-hidden="true">{"".join(paths)}</svg>'
    )


def _last_of_ties(quantiles: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Different values of evenly spaced quantiles, and the share of the last of each."""
    kept = np.append(np.diff(quantiles) > 0, True)
    return quantiles[kept], np.linspace(0, 1, len(quantiles))[kept]


def stage_thumbnail(widths: Sequence[int], *, slot: int, top: int | None = None, blocks: int | None = None) -> str:
    """A design as a tiny picture, drawn to the common scale ``top`` and ``blocks`` of its list."""
    top, blocks = top or max(widths), blocks or len(widths)
    bars = "".join(
        f'<rect x="{k}" y="{48 - 48 * w / top:.1f}" width="0.86" height="{48 * w / top:.1f}"/>'
        for k, w in enumerate(widths)
    )
    name = f"width per block: {', '.join(str(int(width)) for width in widths)}"
    return (
        f'<svg class="thumb k{int(slot)}" viewBox="0 0 {int(blocks)} 48" preserveAspectRatio="none" role="img" '
        f'aria-label="{name}">{bars}</svg>'
    )


def swatch(slot: int, dash: int | None = None) -> str:
    """The line of a space as the legend shows it; with another slot's dash for the runs of one design."""
    style = "" if dash is None else f' style="--c: var(--space-{int(slot)})"'
    kind = int(dash or slot)
    return (
        f'<svg class="swatch" viewBox="0 0 32 12" aria-hidden="true"><path class="k{kind}"{style} d="M0,6 H32"/></svg>'
    )
