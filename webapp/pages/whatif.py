"""What the parent's trained samples say about a proposed child, before anything of it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.designs import design_from_json
from engine.spaces import AnyNetSpace, RegNetSpace
from engine.statistics import edf_band, what_if
from engine.statistics.population import Population
from engine.statistics.refine import WhatIf
from webapp import plots
from webapp.pages.figures import Figure, LegendEntry, Table, text_columns
from webapp.pages.findings import Shown, quantile_cell, quantile_rows
from webapp.pages.insides import BoolArray, inside
from webapp.pages.remembered import estimated_mean
from webapp.queries import SAMPLE_ID, drawn_designs
from webapp.wording import NBSP, between, counted, fixed, p_text, signed, within

MOST_ASKED = 1_000  # samples whose designs are asked one by one, where the columns can't tell
INSIDE = "inside"  # key of the curve
WHAT_IF = "what-if"  # name of the figure


@dataclass(frozen=True, eq=False)
class WhatIfShown:
    """The answer as a page shows it; ``figure`` and ``result`` are None where no sample lies inside."""

    sentence: str
    result: WhatIf | None = None
    figure: Figure | None = None
    parent: Shown | None = None


def what_if_shown(
    parent: Shown,
    child: AnyNetSpace | RegNetSpace,
    space: AnyNetSpace | RegNetSpace,
    *,
    element: str = WHAT_IF,
) -> WhatIfShown:
    """The samples of ``parent``, whose space is ``space``, that lie inside ``child``."""
    population, kept = _asked(child, space, parent.trained.population)
    among = f"the {counted(population.n, 'sample')} of {parent.name}"
    if population.n < parent.n:
        among = f"the first {population.n:,} samples of {parent.name}"
    if not kept.any():
        return WhatIfShown(f"None of {among} lies inside, so they say nothing about it.")
    if kept.all():
        return WhatIfShown(f"All of {among} lie inside: for what was trained it changes nothing.")
    result = what_if(population, kept)
    sentence = _sentence(result, among)
    return WhatIfShown(sentence, result, _figure(parent, result, sentence, element=element), parent)


def what_if_numbers(shown: WhatIfShown) -> tuple[list[str], list[list[Any]]]:
    """Head and rows of a file: the steps of both EDFs, one row an error."""
    assert shown.result is not None  # noqa: S101  (a figure is drawn from a result)
    assert shown.parent is not None  # noqa: S101
    curves = {"inside": shown.result.edf, shown.parent.name: shown.parent.edf}
    rows: list[list[Any]] = [
        [name, float(error), float(fraction)]
        for name, edf in curves.items()
        for error, fraction in zip(edf.errors, edf.fractions, strict=True)
    ]
    return ["samples", "error_percent", "fraction"], rows


def _asked(
    child: AnyNetSpace | RegNetSpace, space: AnyNetSpace | RegNetSpace, population: Population
) -> tuple[Population, BoolArray]:
    """The samples that are asked, and which of them lie inside."""
    kept = inside(child, space, population)
    if kept is not None:
        return population, kept
    first = population.select(np.arange(population.n) < MOST_ASKED)
    ids = first[SAMPLE_ID].astype(int).tolist()
    designs = drawn_designs(ids)
    return first, np.array([bool(child.contains(design_from_json(designs[pk]))) for pk in ids], dtype=bool)


def _sentence(result: WhatIf, among: str) -> str:
    lies = "lies" if result.n == 1 else "lie"
    said = (
        f"{result.n:,} of {among} {lies} inside: mean error {fixed(result.edf.mean)}{NBSP}% "
        f"{within(estimated_mean(result.population.errors).interval)}, {signed(result.mean_difference)}"
    )
    if 1 in (result.n, result.n_parent - result.n):
        said += " against all of them; one sample gives no interval."
    else:
        low, high = result.interval
        said += (
            f" (95{NBSP}%: {signed(low)}, {signed(high)}) against all of them, "
            f"KS{NBSP}D{NBSP}={NBSP}{fixed(result.ks_distance, 2)} {between(result.ks_interval, 2)}; "
            f"{p_text(result.p_value)} inside against outside."
        )
    return f"{said} A subset of the parent's samples: a batch has to confirm it."


def _figure(parent: Shown, result: WhatIf, sentence: str, *, element: str) -> Figure:
    slot = 5 if parent.slot != 5 else 1
    band = edf_band(result.population)
    curves = [
        plots.Curve(INSIDE, slot, result.edf, band if band.half_width < 1 else None),
        plots.Curve(parent.key, parent.slot, parent.edf),
    ]
    note = f"n {result.n} [{fixed(result.edf.min)} | {fixed(result.edf.mean)}]"
    columns = text_columns("Share of designs", "Inside, error (%), 95 %", f"{parent.name}, error (%), 95 %")
    rows = quantile_rows(lambda share: quantile_cell(result.population.errors, share), parent.quantile)
    return Figure(
        element=element,
        plot=plots.edf_figure(curves, x_range=plots.edf_range(curves), height=224),
        caption=sentence,
        table=Table("What if: quantiles of the error", columns, rows),
        size="mid",
        legend=[LegendEntry(INSIDE, slot, "Inside", note), parent.legend],
    )
