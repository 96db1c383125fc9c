"""What the pages say about populations: counts in words, bands, tables and the figure of their error EDFs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.population import FloatArray
from engine.statistics import anytime_edf_band, edf_band, error_edf, failure_bounds
from engine.statistics.edf import EdfBand, ErrorEdf
from engine.statistics.sequential import anytime_median
from webapp import plots
from webapp.estimates import estimated_mean
from webapp.figures import Figure, LegendEntry, Table, text_columns
from webapp.models import Regime, Space
from webapp.queries import TrainedPopulation
from webapp.wording import NBSP, fixed, percent

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Shown:
    """A population as a page shows it; ``name`` tells it apart from the others on the page."""

    space: Space
    regime: Regime
    trained: TrainedPopulation
    name: str

    @property
    def key(self) -> str:
        return f"p{self.pair}"

    @property
    def pair(self) -> str:
        """As it stands in an address."""
        return f"{self.space.pk}-{self.regime.pk}"

    @property
    def slot(self) -> int:
        return self.space.slot

    @property
    def n(self) -> int:
        return self.trained.population.n

    @property
    def errors(self) -> FloatArray:
        return self.trained.population.errors

    @cached_property
    def edf(self) -> ErrorEdf:
        return error_edf(self.errors)

    @cached_property
    def band(self) -> EdfBand:
        """The band for a fixed n once nothing is to come; until then the one that may be looked at again and again."""
        return anytime_edf_band(self.errors) if self.trained.pending else edf_band(self.errors)

    @property
    def curve(self) -> plots.Curve:
        return plots.Curve(self.key, self.slot, self.edf, self.band if self.band.half_width < 1 else None)

    @property
    def counts(self) -> str:
        return counts_in_words(self.trained)

    @property
    def legend(self) -> LegendEntry:
        note = f"n {self.n} [{fixed(self.edf.min)} | {fixed(self.edf.mean)}]"
        return LegendEntry(self.key, self.slot, self.name, note)


def counts_in_words(trained: TrainedPopulation) -> str:
    """n used, f failed, p pending; and what else there is to know before trusting n."""
    population = trained.population
    said = f"{population.n:,} used, {population.failed:,} failed, {population.pending:,} pending"
    if len(trained.ahead):
        said += f", {len(trained.ahead):,} finished ahead"
    if trained.cancelled:
        said += f", {trained.cancelled:,} cancelled"
    return said


def middle_of(shown: Shown) -> tuple[str, str, str]:
    """Name, value and note of the tile that says where the errors lie: the median while runs are to come."""
    if not shown.n:
        return "Median error so far", "–", "no sample used yet"
    if not shown.trained.pending:
        mean = estimated_mean(shown.errors)
        low, high = mean.interval
        return "Mean error", f"{fixed(mean.value)}{NBSP}%", f"n {mean.n}, 95{NBSP}%: {fixed(low)}–{fixed(high)}"
    median = anytime_median(shown.errors)
    note = f"n {median.n}, an interval from n 50 on"
    if shown.band.half_width < 0.5:
        low, high = median.interval
        note = f"n {median.n}, 95{NBSP}% at every look: {fixed(low)}–{fixed(high)}"
    return "Median error so far", f"{fixed(median.value)}{NBSP}%", note


def edf_shown(populations: Sequence[Shown], *, csv: str, element: str = "edf") -> Figure:
    """The figure of error EDFs with everything around it. Every population must have a sample."""
    curves = [shown.curve for shown in populations]
    ahead = np.concatenate([shown.trained.ahead for shown in populations])
    span = plots.edf_range(curves, more=ahead)
    return Figure(
        element=element,
        plot=plots.edf_figure(curves, x_range=span, ahead=ahead),
        caption=_edf_caption(populations, ahead),
        table=quantile_table(populations),
        size="tall",
        csv=csv,
        legend=[shown.legend for shown in populations],
    )


def _edf_caption(populations: Sequence[Shown], ahead: FloatArray) -> str:
    medians = [f"half of {shown.name} below {fixed(float(np.median(shown.errors)))}{NBSP}%" for shown in populations]
    sentences = [f"{medians[0][0].upper()}{medians[0][1:]}" + "".join(f", {text}" for text in medians[1:]) + "."]
    sentences += [_band_sentence(shown, alone=len(populations) == 1) for shown in populations]
    if len(ahead):
        sentences.append(
            f"Only the finished prefix in draw order counts, because cheap networks finish first; "
            f"the {len(ahead)} finished ahead of it are the grey marks below."
        )
    return " ".join(sentences)


def _band_sentence(shown: Shown, *, alone: bool) -> str:
    whose = "Band" if alone else f"Band of {shown.name}"
    width = f"± {fixed(shown.band.half_width, 3)}"
    if shown.band.half_width >= 1:
        return f"{whose}: none yet; it says something from n = 50 on while runs are to come (n = {shown.n})."
    if shown.trained.pending:
        return f"{whose}: 95{NBSP}% at every look, {width}; it narrows as n grows."
    return f"{whose}: simultaneous, 95{NBSP}%, {width}."


def quantile_table(populations: Sequence[Shown]) -> Table:
    columns = text_columns("Share of designs", *(f"{shown.name}, error (%)" for shown in populations))
    rows = [
        [percent(share, 0), *(fixed(float(np.quantile(shown.errors, share))) for shown in populations)]
        for share in QUANTILES
    ]
    return Table("Quantiles of the error", columns, rows)


def failure_sentence(shown: Shown) -> str:
    """How far the failed runs could move the EDF, whatever their errors would have been; empty without any."""
    failed = shown.trained.population.failed
    if not failed or not shown.n:
        return ""
    bounds = failure_bounds(shown.errors, failed=failed)
    most = failed / (bounds.n + bounds.failed)
    return (
        f"Failed runs never count as an error of 100{NBSP}%. With {failed} of {bounds.n + failed} failed the EDF moves "
        f"by at most {fixed(most, 3)}."
    )
