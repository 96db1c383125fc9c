"""How far the widths of AnyNet designs lie from a quantised linear function, against their error."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from engine.designs import AnyNetDesign, design_from_json
from engine.designs.linear_fit import fit_quantized_linear
from engine.errors import InvalidDesign
from engine.statistics import rank_correlation
from engine.statistics.population import FloatArray
from webapp import plots
from webapp.models import Family
from webapp.pages.drivers import correlation_words
from webapp.pages.figures import Figure
from webapp.pages.findings import Shown, quarter_table
from webapp.queries import SAMPLE_ID, load_designs, stored_designs

MOST_FITTED = 200  # a fit takes about a millisecond, and 200 show whether e_fit goes with the error
COLUMN = "e_fit"


def fits(shown: Shown, rows: np.ndarray) -> FloatArray | None:
    """e_fit of the samples at ``rows``, shape (rows,), NaN where it was not looked at or no RegNet has the stages.

    At most 200 of them, evenly spaced in draw order, so that they are as good a sample as all. None for a RegNet space,
    whose widths are quantised linear by design, and for imports without designs.
    """
    if shown.space is not None and shown.space.family != Family.ANYNET:
        return None
    if shown.kept:
        return shown.kept.fits
    looked_at = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_FITTED)).astype(int))
    ids = shown.trained.population[SAMPLE_ID][rows[looked_at]].astype(int).tolist()
    designs = load_designs(shown.imported, rows=ids) if shown.imported else stored_designs(ids)
    if not designs:
        return None
    column = np.full(len(rows), np.nan)
    for place, pk in zip(looked_at, ids, strict=True):
        design = design_from_json(designs[pk]) if pk in designs else None
        if isinstance(design, AnyNetDesign):
            column[place] = fit_of(design.to_anynet().stage_depths, design.to_anynet().stage_widths)
    return column if np.isfinite(column).any() else None


@lru_cache(maxsize=20_000)
def fit_of(depths: tuple[int, ...], widths: tuple[int, ...]) -> float:
    """e_fit of the best fit on the grid, NaN where there is none; remembered, because a design never changes."""
    try:
        return fit_quantized_linear(stage_depths=depths, stage_widths=widths, refine=False).error
    except InvalidDesign:
        return float("nan")


def fit_figure(shown: Shown, source: Any, fitted: FloatArray, errors: FloatArray) -> Figure:
    """e_fit against error, in the source that all scatters of the page share; ``errors`` are those of its points."""
    known = np.isfinite(fitted)
    values, errors = fitted[known], errors[known]
    return Figure(
        element=f"by-{COLUMN}",
        plot=plots.scatter_figure(source, COLUMN, label="e_fit", slot=shown.slot, best=None),
        caption=f"How far the widths lie from the closest quantised linear function; {_fit_words(values, errors)}.",
        table=quarter_table(values, errors, "e_fit"),
        size="mid",
        title=COLUMN,
        note=f"({len(values)} of {shown.n} fitted)" if len(values) < shown.n else "",
    )


def _fit_words(values: FloatArray, errors: FloatArray) -> str:
    if len(values) < 2 or np.ptp(values) == 0 or np.ptp(errors) == 0:
        return f"n = {len(values)}, too few or too equal for a correlation"
    return correlation_words(rank_correlation(values, errors))
