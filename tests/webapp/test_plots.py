"""Figures hold the numbers of the results, in colours of the page and without a person's text."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import BoxSelectTool, HoverTool, LassoSelectTool, TapTool

from engine.statistics import edf_band, empirical_bootstrap, error_edf
from webapp import plots

ERRORS = np.array([31.0, 25.0, 40.0, 25.0])


def renderers(plot: Any, kind: str) -> list[Any]:
    return [one for one in plot.renderers if type(one.glyph).__name__ == kind]


def test_the_edf_is_drawn_as_exact_steps_with_its_band() -> None:
    curve = plots.Curve("p1-2", 2, error_edf(ERRORS), edf_band(ERRORS))
    plot = plots.edf_figure([curve], x_range=(20, 45), ahead=np.array([50.0]))
    step = renderers(plot, "Step")[0]
    assert step.data_source.data["x"].tolist() == [20, 25, 25, 31, 40, 45]
    assert step.data_source.data["y"].tolist() == [0, 0.25, 0.5, 0.75, 1, 1]
    assert step.name == "p1-2"
    band = renderers(plot, "VAreaStep")[0].data_source.data
    assert np.all(np.asarray(band["y1"]) <= np.asarray(band["y2"]))
    assert renderers(plot, "Scatter")[0].data_source.data["x"].tolist() == [50.0]


def test_the_range_of_an_edf_holds_every_step_and_what_finished_ahead() -> None:
    low, high = plots.edf_range([plots.Curve("a", 1, error_edf(ERRORS))], more=np.array([60.0]))
    assert low < 25
    assert high > 60
    assert plots.edf_range([]) == (0, 100)


def test_scatters_of_a_population_share_one_source() -> None:
    columns = {"w_m": np.array([2.0, 2.5, 3.0, 2.2]), "error": ERRORS}
    source = plots.population_source(columns, key="p1-1", urls=["/a"] * 4, labels=["one"] * 4)
    best = empirical_bootstrap(columns["w_m"], ERRORS)
    first, second = (plots.scatter_figure(source, "w_m", label="w_m", slot=1, best=best) for _ in range(2))
    assert renderers(first, "Scatter")[0].data_source is renderers(second, "Scatter")[0].data_source
    shade = next(one for one in first.center if type(one).__name__ == "BoxAnnotation")
    assert (shade.left, shade.right) == (best.low, best.high)


def test_a_window_with_an_open_end_is_shaded_to_the_edge() -> None:
    plot = plots.histogram_figure(np.arange(10.0), label="flops (M)", slot=1, window=(3.0, None))
    assert any(type(one).__name__ == "BoxAnnotation" and one.left == 3.0 for one in plot.center)


def test_a_stage_figure_shows_the_width_of_every_block_and_the_fit() -> None:
    plot = plots.stage_figure([16, 16, 32], fitted=[16, 16, 24], linear=(16, 4))
    assert list(renderers(plot, "VBar")[0].data_source.data["top"]) == [16, 16, 32]
    assert list(renderers(plot, "Step")[0].data_source.data["y"]) == [16, 16, 24, 24]


def test_learning_curves_have_one_line_a_run() -> None:
    plot = plots.learning_curve_figure({"run-1": [50.0, 40.0], "run-2": [48.0]}, slot=3)
    assert [one.name for one in renderers(plot, "Line")] == ["run-1", "run-2"]


def test_a_page_has_one_document_and_only_placeholder_colours() -> None:
    curve = plots.Curve("p1-2", 1, error_edf(ERRORS), edf_band(ERRORS))
    figures = {"edf": plots.edf_figure([curve], x_range=(20, 45)), "stages": plots.stage_figure([8, 16])}
    page = plots.page_plots(figures)
    text = json.dumps(page)
    assert list(page["items"][0]["roots"].values()) == ["edf", "stages"]
    colours = set(re.findall(r'"#[0-9a-fA-F]{6}"', text))
    assert colours
    assert all(colour.startswith('"#0b0a') for colour in colours)


def test_a_page_is_written_as_bokeh_itself_writes_it() -> None:
    curve = plots.Curve("p1-2", 1, error_edf(ERRORS), edf_band(ERRORS))
    columns = {"w_m": np.array([2.0, 2.5, 3.0, 2.2]), "error": ERRORS}
    source = plots.population_source(columns, key="p1-1", urls=["/a"] * 4, labels=["one"] * 4)
    best = empirical_bootstrap(columns["w_m"], ERRORS)
    figures = [
        plots.edf_figure([curve], x_range=(20, 45), ahead=np.array([50.0])),
        *(plots.scatter_figure(source, "w_m", label="w_m", slot=1, best=best) for _ in range(2)),
        plots.stage_figure([16, 16, 32], fitted=[16, 16, 24], linear=(16, 4)),
        plots.histogram_figure(np.arange(10.0), label="flops (M)", slot=1, window=(3.0, None)),
        plots.learning_curve_figure({"run-1": [50.0, 40.0], "run-2": [48.0]}, slot=3),
    ]
    ours = plots.page_plots({f"figure-{k}": figure for k, figure in enumerate(figures)})["docs"]["page"]
    document = Document(theme=plots.THEME)
    for figure in figures:
        document.add_root(figure)
    theirs = document.to_json(deferred=False)
    assert json.dumps(ours["roots"]) == json.dumps(theirs["roots"])
    assert (ours["version"], ours["title"], set(ours)) == (theirs["version"], theirs["title"], set(theirs))


def test_lists_get_inline_pictures_without_text_of_a_person() -> None:
    assert plots.quantile_sparkline([(4, ERRORS, 1.0)], x_range=(20, 45)).startswith('<svg class="spark"')
    half = plots.quantile_sparkline([(4, ERRORS, 0.5)], x_range=(20, 45))
    assert half.endswith(',14.0"/></svg>')  # half of the height: the other half failed
    picture = plots.stage_thumbnail([8, 16, 16], slot=2, top=32, blocks=6)
    assert picture.count("<rect") == 3
    assert 'viewBox="0 0 6 48"' in picture
    assert 'class="k2"' in plots.swatch(2)
    with pytest.raises(ValueError, match="invalid literal"):
        plots.swatch("<script>")  # type: ignore[arg-type]


def test_a_front_lies_over_the_points_of_its_cost_and_is_labelled_only_where_they_are_thinned() -> None:
    source = plots.population_source({"flops": np.arange(4.0), "error": np.array([9.0, 7, 8, 5])}, key="p1-1",
                                     urls=[""] * 4, labels=[""] * 4)  # fmt: skip
    for labels in ((), ("a", "b", "c")):
        front = plots.DrawnFront(np.array([0.0, 1, 3]), np.array([9.0, 7, 5]), labels)
        plot = plots.scatter_figure(source, "flops", label="flops (M)", slot=1, best=None, front=front)
        points, steps, marks = plot.renderers
        assert points.data_source is source
        assert steps.data_source is marks.data_source
        assert marks.data_source.data["x"].tolist() == [0.0, 1.0, 3.0]
        assert marks.data_source.data["y"].tolist() == [9.0, 7.0, 5.0]
        assert len(plot.select({"type": HoverTool})) == (2 if labels else 1)


def test_designs_are_marked_by_a_box_a_lasso_or_a_tap() -> None:
    source = plots.population_source(
        {"w_m": np.arange(4.0), "error": np.arange(4.0)}, key="p1-1", urls=[""] * 4, labels=[""] * 4
    )
    plot = plots.scatter_figure(source, "w_m", label="w_m", slot=1, best=None)
    for tool in (BoxSelectTool, LassoSelectTool, TapTool):
        assert plot.select_one(tool) is not None
