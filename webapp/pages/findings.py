"""What the pages say about populations: counts in words, bands, tables and the figure of their error EDFs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from django.urls import reverse

from engine.population import FloatArray
from engine.statistics import anytime_edf_band, edf_band, error_edf, failure_bounds
from engine.statistics.edf import EdfBand, ErrorEdf
from engine.statistics.sequential import anytime_median
from webapp import plots
from webapp.models import ImportedPopulation, Regime, Space
from webapp.pages.figures import Figure, LegendEntry, Table, text_columns
from webapp.pages.remembered import estimated_mean
from webapp.queries import COMPLEXITIES, ErrorChoice, TrainedPopulation
from webapp.wording import NBSP, fixed, percent, significant

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Shown:
    """A population as a page shows it; ``name`` tells it apart from the others on the page.

    It has a space and a regime, or it was ``imported`` and has neither. Where a filter is on, ``total`` is the number
    of samples before it.
    """

    space: Space | None
    regime: Regime | None
    trained: TrainedPopulation
    name: str
    imported: ImportedPopulation | None = None
    error: ErrorChoice = "final"
    total: int | None = None

    @property
    def key(self) -> str:
        return f"p{self.pair}"

    @property
    def pair(self) -> str:
        """As it stands in an address."""
        return f"i{self.imported.pk}" if self.imported else f"{self._space.pk}-{self._regime.pk}"

    @property
    def slot(self) -> int:
        return self.imported.slot if self.imported else self._space.slot

    @property
    def url(self) -> str:
        """The page of its space, or its own where it was imported."""
        if self.imported:
            return reverse("imported", args=[self.imported.pk])
        return reverse("space", args=[self._space.pk])

    @property
    def origin(self) -> tuple[str, str]:
        """Space and regime as two words for a table or a file; an imported one names its file as the regime."""
        if self.imported:
            return self.imported.name, f"imported from {self.imported.source}"
        return self._space.name, self._regime.name

    def file_url(self, kind: str, error: ErrorChoice) -> str:
        """Where its samples can be downloaded as csv, json or parquet."""
        if self.imported:
            return f"{reverse('imported-file', args=[self.imported.pk, kind])}?error={error}"
        return f"{reverse('population-file', args=[self._space.pk, self._regime.pk, kind])}?error={error}"

    @property
    def files(self) -> list[tuple[str, str]]:
        """Its samples as files: what kind, and where."""
        words = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}
        return [(word, self.file_url(kind, self.error)) for kind, word in words.items()]

    def refine_url(self, narrow: str = "") -> str:
        """The form that refines its space, with a range filled in; empty for an imported one, which has no laws."""
        if self.imported:
            return ""
        return reverse("refine-space", args=[self._space.pk]) + (f"?narrow={narrow}" if narrow else "")

    def sample_url(self, sample_id: int) -> str:
        """The page of one of its samples; ``sample_id`` of an imported one is the number of its row."""
        if self.imported:
            return f"{self.url}?row={sample_id}#rows"
        return reverse("sample", args=[sample_id])

    @property
    def costs(self) -> list[str]:
        """The complexities that are known: all of them unless it was imported without."""
        return [name for name in COMPLEXITIES if name in self.trained.population]

    @property
    def _space(self) -> Space:
        assert self.space is not None  # noqa: S101  (a population that was not imported has one)
        return self.space

    @property
    def _regime(self) -> Regime:
        assert self.regime is not None  # noqa: S101
        return self.regime

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
        band = self.band if self.band.half_width < 1 else None
        failed = self.trained.population.failed
        return plots.Curve(
            self.key, self.slot, self.edf, band, failure_bounds(self.errors, failed=failed) if failed else None
        )

    @property
    def ahead(self) -> FloatArray:
        """Errors to draw pale: what finished ahead, unless a filter is on, which these were not asked."""
        return self.trained.ahead if self.total is None else np.array([])

    @property
    def counts(self) -> str:
        left_out = self.imported.left_out if self.imported else 0
        said = counts_in_words(self.trained, of=self.total)
        return f"{said}, {left_out:,} of its file left out" if left_out else said

    @property
    def legend(self) -> LegendEntry:
        note = f"n {self.n} [{fixed(self.edf.min)} | {fixed(self.edf.mean)}]"
        return LegendEntry(self.key, self.slot, self.name, note)


def counts_in_words(trained: TrainedPopulation, *, of: int | None = None) -> str:
    """n used (``of`` so many, where a filter is on), f failed, p pending; and what else to know before trusting n."""
    population = trained.population
    used = f"{population.n:,} used" if of is None else f"{population.n:,} of {of:,} used"
    said = f"{used}, {population.failed:,} failed, {population.pending:,} pending"
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
    ahead = np.concatenate([shown.ahead for shown in populations])
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
    if any(shown.trained.population.failed for shown in populations):
        sentences.append(_margin_sentence([shown for shown in populations if shown.trained.population.failed]))
    if any(shown.n > plots.MOST_STEPS for shown in populations):
        sentences.append("Steps are drawn to a thousandth; every sample is computed with.")
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


def _margin_sentence(populations: Sequence[Shown]) -> str:
    """How far failed runs could move the EDFs; `failure_bounds` are what is hatched."""
    margins = []
    for shown in populations:
        failed = shown.trained.population.failed
        most = fixed(failed / (shown.n + failed), 3)
        margins.append(f"{failed:,} of {shown.n + failed:,} of {shown.name}, ± {most} at most")
    return f"Hatched: where the EDF of all would lie, whatever the failed ones had given ({'; '.join(margins)})."


def quantile_table(populations: Sequence[Shown]) -> Table:
    columns = text_columns("Share of designs", *(f"{shown.name}, error (%)" for shown in populations))
    return Table("Quantiles of the error", columns, quantile_rows(*(shown.errors for shown in populations)))


def quantile_rows(*errors: FloatArray) -> list[list[str]]:
    """One row a quantile, one column a population."""
    return [[percent(share, 0), *(fixed(float(np.quantile(one, share))) for one in errors)] for share in QUANTILES]


def quarter_table(values: FloatArray, errors: FloatArray, label: str) -> Table:
    """Error by the quarters of a column."""
    edges = np.unique(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    rows = []
    for k, (low, high) in enumerate(pairwise(edges)):
        inside = (values >= low if k == 0 else values > low) & (values <= high)
        if inside.any():
            kept = errors[inside]
            span = f"{significant(low)}–{significant(high)}"
            rows.append([span, str(len(kept)), fixed(kept.min()), fixed(kept.mean())])
    columns = text_columns(f"{label}, quarter", "n", "Best error (%)", "Mean error (%)")
    return Table(f"Error by {label}", columns, rows)


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
