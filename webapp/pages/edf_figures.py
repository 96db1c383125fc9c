"""The figure of error EDFs with everything around it: of an analysis, of a batch, at equal complexity, of a what-if."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.statistics.edf import ErrorEdf, NormalisedEdf
from engine.statistics.population import FloatArray
from webapp import plots
from webapp.analysis import AnalysedPopulation
from webapp.analysis.errors import quantile_table
from webapp.analysis.normalising import Normalised, normalised_quantiles
from webapp.analysis.what_if import WhatIf, what_if_table
from webapp.pages.figures import Figure, LegendEntry
from webapp.wording import NBSP, fixed, joined, significant, within

EDF = "edf"
WHAT_IF = "what-if"
INSIDE = "inside"  # key of the curve


def curve_of(population: AnalysedPopulation) -> plots.Curve:
    band = population.band if population.band.half_width < 1 else None
    return plots.Curve(population.key, population.slot, population.edf, band, population.failure_bounds)


def legend_of(population: AnalysedPopulation) -> LegendEntry:
    return LegendEntry(population.key, population.slot, population.name, _size_words(population.edf))


def _size_words(edf: ErrorEdf | NormalisedEdf) -> str:
    """n 16, 2 failed [23.2 | 28.9]."""
    failed = f", {edf.failed:,} failed" if edf.failed else ""
    return f"n {edf.n:,}{failed}" + (f" [{fixed(edf.min)} | {fixed(edf.mean)}]" if len(edf.errors) else "")


def edf_figure(populations: Sequence[AnalysedPopulation], *, csv: str = "") -> Figure:
    """Of each population a network must say something."""
    ahead = np.concatenate([one.ahead for one in populations])

    def draw() -> plots.Plot:
        curves = [curve_of(one) for one in populations]
        return plots.edf_figure(curves, x_range=plots.edf_range(curves, more=ahead), ahead=ahead)

    return Figure(
        element=EDF,
        draw=draw,
        caption=_edf_caption(populations, ahead),
        table=quantile_table(populations),
        size="tall",
        csv=csv,
        legend=[legend_of(one) for one in populations],
    )


def _edf_caption(populations: Sequence[AnalysedPopulation], ahead: FloatArray) -> str:
    medians = [
        f"half of {one.name} or more failed"
        if math.isinf(one.median.value)
        else f"half of {one.name} below {fixed(one.median.value)}{NBSP}% {within(one.median.interval)}"
        for one in populations
    ]
    looks = " at every look" if any(one.pending for one in populations) else ""
    sentences = [
        f"{medians[0][0].upper()}{medians[0][1:]}"
        + "".join(f", {text}" for text in medians[1:])
        + f"; in brackets 95{NBSP}%{looks}."
    ]
    sentences += [_band_sentence(one, alone=len(populations) == 1) for one in populations]
    if failing := [one for one in populations if one.failed]:
        failed = joined([f"{one.failed:,} of {one.networks:,} of {one.name}" for one in failing])
        sentences.append(f"Failed, which rank behind every error and keep a curve from its top: {failed}.")
    if missing := [one for one in populations if one.missing]:
        sentences.append(_margin_sentence(missing))
    if any(one.n > plots.MOST_STEPS for one in populations):
        sentences.append("Steps are drawn to a thousandth; every sample is computed with.")
    if len(ahead):
        sentences.append(
            f"Only the finished prefix in draw order counts, because cheap networks finish first; "
            f"the {len(ahead)} finished ahead of it are the grey marks below."
        )
    return " ".join(sentences)


def _band_sentence(population: AnalysedPopulation, *, alone: bool) -> str:
    whose = "Band" if alone else f"Band of {population.name}"
    width = f"±{NBSP}{fixed(population.band.half_width, 3)}"
    if population.band.half_width >= 1:
        return (
            f"{whose}: none yet; it says something from n = 50 on while runs are to come (n = {population.networks})."
        )
    if population.pending:
        return f"{whose}: 95{NBSP}% at every look, {width}; it narrows as n grows."
    return f"{whose}: simultaneous, 95{NBSP}%, {width}."


def _margin_sentence(populations: Sequence[AnalysedPopulation]) -> str:
    """How far runs that say nothing could move the EDFs; their bounds are what is hatched."""
    margins = []
    for one in populations:
        total = one.networks + one.missing
        margins.append(f"{one.missing:,} of {total:,} of {one.name}, ± {fixed(one.missing / total, 3)} at most")
    return f"Hatched: where the EDF would lie, whatever the missing ones had given ({'; '.join(margins)})."


def normalised_figure(normalised: Normalised, *, csv: str = "") -> Figure:
    """The weighted EDFs in place of the plain ones."""
    both = normalised.populations
    low, high = (significant(limit / 1e6) for limit in normalised.limits)
    widths = joined([f"± {fixed(one.band.half_width, 3)} for {one.name}" for one in both])
    left_out = joined([f"{one.edf.left_out} of {one.population.networks} of {one.name}" for one in both])

    def draw() -> plots.Plot:
        curves = [
            plots.Curve(one.population.key, one.population.slot, one.edf, one.band if one.band.half_width < 1 else None)
            for one in both
        ]
        return plots.edf_figure(curves, x_range=plots.edf_range(curves))

    return Figure(
        element=EDF,
        draw=draw,
        caption=(
            f"Normalised by {normalised.cost}: every tenth of the common range, {low} to {high} M, weighs the same in "
            f"each population. Outside of it and left out: {left_out}. Bands: 95{NBSP}%, {widths}, from the effective "
            "numbers of samples, which count a crowded tenth for less."
        ),
        table=normalised_quantiles(normalised),
        size="tall",
        csv=csv,
        legend=[
            LegendEntry(
                one.population.key,
                one.population.slot,
                one.name,
                _size_words(one.edf),
            )
            for one in both
        ],
    )


def what_if_figure(answer: WhatIf) -> Figure | None:
    """None where no sample, or every one, lies inside."""
    parent, result = answer.parent, answer.result
    if result is None:
        return None
    slot = 5 if parent.slot != 5 else 1

    def draw() -> plots.Plot:
        band = answer.band
        curves = [
            plots.Curve(INSIDE, slot, result.edf, band if band and band.half_width < 1 else None),
            plots.Curve(parent.key, parent.slot, parent.edf),
        ]
        return plots.edf_figure(curves, x_range=plots.edf_range(curves), height=224)

    note = _size_words(result.edf)
    return Figure(
        element=WHAT_IF,
        draw=draw,
        caption=answer.sentence,
        table=what_if_table(parent, result),
        size="mid",
        legend=[LegendEntry(INSIDE, slot, "Inside", note), legend_of(parent)],
    )
