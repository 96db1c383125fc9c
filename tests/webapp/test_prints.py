"""Figures in print size: every glyph of the pages is drawn, with the colours of the light theme."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from bokeh.models import Circle
from bokeh.plotting import figure

from engine.statistics import compare_sequentially, edf_band, empirical_bootstrap, error_edf
from engine.statistics.population import Population
from webapp import plots
from webapp.plots.evidence import in_order_figure
from webapp.plots.prints import PALETTE, Label, print_figure

SITE = Path(__file__).parents[2] / "webapp" / "static" / "site.css"
ROLES = {"01": "ink", "02": "muted", "03": "plot-grid", "04": "page", "05": "accent", "06": "plot-axis", "07": "failed"}
VALUES = np.random.default_rng(0).normal(30, 4, 40)


def a_curve(slot: int) -> plots.Curve:
    return plots.Curve(f"k{slot}", slot, error_edf(VALUES + slot), edf_band(VALUES + slot))


def every_figure() -> dict[str, Any]:
    population = Population.from_columns({"w_m": VALUES / 10, "error": VALUES})
    source = plots.population_source(
        {"w_m": VALUES / 10, "error": VALUES}, key="p1-1", urls=[""] * 40, labels=[""] * 40
    )
    best = empirical_bootstrap(population["w_m"], population)
    return {
        "edf": plots.edf_figure([a_curve(1), a_curve(2)], x_range=(20, 45), ahead=VALUES[:3]),
        "scatter": plots.scatter_figure(source, "w_m", label="w_m", slot=3, best=best),
        "front": plots.scatter_figure(
            source, "w_m", label="w_m", slot=3, best=None, front=plots.DrawnFront(np.arange(3.0), np.array([9.0, 5, 4]))
        ),
        "in order": in_order_figure(compare_sequentially(VALUES - 9, VALUES[::-1]), slot=2),
        "stages": plots.stage_figure([8, 8, 16], fitted=[8.0, 8, 16], linear=(8.0, 4.0)),
        "histogram": plots.histogram_figure(VALUES, label="flops (M)", slot=1, window=(25, None)),
        "learning": plots.learning_curve_figure({"one": [50.0, 40], "two": [45.0]}, slot=2),
    }


@pytest.mark.parametrize("name", every_figure())
def test_every_kind_of_figure_prints_to_size(name: str) -> None:
    plot = every_figure()[name]
    drawn = ElementTree.fromstring(print_figure(plot, kind="svg"))  # noqa: S314  (our own file)
    assert drawn.attrib["width"] == "252pt"
    assert print_figure(plot, kind="png").startswith(b"\x89PNG")


def test_the_colours_are_those_of_the_light_theme() -> None:
    css = SITE.read_text()
    properties = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6})", css))
    for code, colour in PALETTE.items():
        name = ROLES.get(code, f"space-{code[1]}")
        assert properties[name] == colour, name


def test_no_placeholder_is_left_and_the_curves_have_their_colours() -> None:
    drawn = print_figure(every_figure()["edf"], kind="svg", labels=[Label(1, "solid", "A"), Label(2, [9, 4], "B")])
    text = drawn.decode()
    assert "#0b0a" not in text
    assert PALETTE["11"] in text
    assert PALETTE["12"] in text


def test_the_same_figure_gives_the_same_file() -> None:
    once, twice = (print_figure(every_figure()["edf"], kind="svg") for _ in range(2))
    assert once == twice


def test_a_name_is_never_mathematics() -> None:
    labels = [Label(1, "solid", "$$\\frac{1}{0$ <b> & \N{GREEK SMALL LETTER ALPHA}")]
    drawn = print_figure(every_figure()["edf"], kind="svg", labels=labels)
    assert ElementTree.fromstring(drawn) is not None  # noqa: S314  (our own file)
    assert b"<b>" not in drawn


def test_many_points_become_one_picture_inside_the_svg() -> None:
    values = np.random.default_rng(0).normal(size=5_000)
    source = plots.population_source({"a": values, "error": values}, key="p1-1", urls=[""] * 5_000, labels=[""] * 5_000)
    drawn = print_figure(plots.scatter_figure(source, "a", label="a", slot=1, best=None), kind="svg")
    assert len(drawn) < 200_000
    assert b"<image" in drawn


def test_a_glyph_that_cannot_be_printed_is_an_error_and_not_left_out() -> None:
    plot = figure()
    plot.add_glyph(plots.ColumnDataSource({"x": [1], "y": [1]}), Circle(x="x", y="y", radius=1))
    with pytest.raises(NotImplementedError, match="Circle"):
        print_figure(plot, kind="svg")
