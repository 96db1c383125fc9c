"""What the pages say about populations: counts in words, bands, tables and the figure of their error EDFs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from urllib.parse import urlencode

import numpy as np
from django.urls import reverse

from engine.statistics import anytime_edf_band, anytime_mean, edf_band, error_edf, failure_bounds
from engine.statistics.bootstrap import Estimate
from engine.statistics.edf import EdfBand, ErrorEdf
from engine.statistics.intervals import median_error, quantile_interval
from engine.statistics.population import FloatArray, Range
from engine.statistics.sequential import anytime_median
from webapp import plots
from webapp.forms.filters import range_values
from webapp.models import ImportedPopulation, Regime, Space
from webapp.pages.figures import Figure, LegendEntry, Table, text_columns
from webapp.pages.remembered import estimated_mean
from webapp.queries import COMPLEXITIES, ErrorChoice, TrainedPopulation
from webapp.wording import NBSP, compact, fixed, percent, significant, within

POPULATION_FILES = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}
LONGEST_FILE_NAME = 120
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Pictures = dict[int, tuple[int, list[int]]]  # by the id of a sample: its position, and the width of every block


@dataclass(frozen=True, eq=False)
class Kept:
    """What a frozen page keeps of the designs of a population.

    ``pictures`` are those of the best and the worst, ``fits`` e_fit of the samples that are drawn (NaN where it was not
    looked at), or None where the space has none.
    """

    pictures: Pictures
    fits: FloatArray | None


@dataclass(frozen=True, eq=False)
class Shown:
    """A population as a page shows it; ``name`` tells it apart from the others on the page.

    It has a space and a regime, or it was ``imported`` and has neither. Where a filter is on, ``total`` is the number
    of samples before it and ``ranges`` what is left, by column as in the address (complexities in millions). A frozen
    one has what it ``kept`` of its designs.
    """

    space: Space | None
    regime: Regime | None
    trained: TrainedPopulation
    name: str
    imported: ImportedPopulation | None = None
    error: ErrorChoice = "final"
    total: int | None = None
    kept: Kept | None = None
    ranges: Mapping[str, Range] = field(default_factory=dict)

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
        """Where its samples can be downloaded as csv, json or parquet: those that are left where a filter is on."""
        query = urlencode([("error", error), *range_values(self.ranges)])
        if self.imported:
            return f"{reverse('imported-file', args=[self.imported.pk, kind])}?{query}"
        return f"{reverse('population-file', args=[self._space.pk, self._regime.pk, kind])}?{query}"

    @property
    def file_name(self) -> str:
        """Without its ending; it says whose samples, which error where there are two, and what is left of them."""
        parts = [f"population-{self.pair}", *(["best-error"] if self.error == "best" else [])]
        parts += [f"{column}-{_end(low)}-to-{_end(high)}" for column, (low, high) in self.ranges.items()]
        name = re.sub(r"[^A-Za-z0-9._+-]", "_", "-".join(parts))
        return name if len(name) <= LONGEST_FILE_NAME else f"{parts[0]}-filtered"

    @property
    def filter_words(self) -> str:
        """What is left of its samples; empty where all are."""
        return "; ".join(
            range_words(f"{column} (M)" if column in COMPLEXITIES else column, *ends)
            for column, ends in self.ranges.items()
        )

    @property
    def files(self) -> list[tuple[str, str]]:
        """Its samples as files: what kind, and where."""
        return [(word, self.file_url(kind, self.error)) for kind, word in POPULATION_FILES.items()]

    def files_below(self, page: str) -> list[tuple[str, str]]:
        """The same, of the samples that a saved page at this address shows."""
        return [(word, f"{page}populations/{self.pair}.{kind}") for kind, word in POPULATION_FILES.items()]

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

    @cached_property
    def mean(self) -> Estimate:
        """While runs are to come, with the asymptotic interval that may be looked at again and again."""
        return anytime_mean(self.errors) if self.trained.pending else estimated_mean(self.errors)

    @cached_property
    def median(self) -> Estimate:
        """The interval is exact; while runs are to come, it holds at every look."""
        return anytime_median(self.errors) if self.trained.pending else median_error(self.errors)

    def quantile(self, share: float) -> str:
        """A quantile of the error with its interval, as a cell."""
        return quantile_cell(self.errors, share, self.band if self.trained.pending else None)

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


def _end(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:.12g}"


def range_words(column: str, low: float | None, high: float | None) -> str:
    """w_m 2.26–2.55, w_m from 2.26, w_m up to 2.55."""
    if low is None:
        return f"{column} up to {compact(high or 0)}"
    if high is None:
        return f"{column} from {compact(low)}"
    return f"{column} {compact(low)}–{compact(high)}"


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
        mean = shown.mean
        low, high = mean.interval
        return "Mean error", f"{fixed(mean.value)}{NBSP}%", f"n {mean.n}, 95{NBSP}%: {fixed(low)}–{fixed(high)}"
    median = shown.median
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
    medians = [
        f"half of {shown.name} below {fixed(shown.median.value)}{NBSP}% {within(shown.median.interval)}"
        for shown in populations
    ]
    sentences = [
        f"{medians[0][0].upper()}{medians[0][1:]}"
        + "".join(f", {text}" for text in medians[1:])
        + f"; in brackets 95{NBSP}%{_at_every_look(populations)}."
    ]
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


def _at_every_look(populations: Sequence[Shown]) -> str:
    return " at every look" if any(shown.trained.pending for shown in populations) else ""


def _band_sentence(shown: Shown, *, alone: bool) -> str:
    whose = "Band" if alone else f"Band of {shown.name}"
    width = f"±{NBSP}{fixed(shown.band.half_width, 3)}"
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
    columns = text_columns("Share of designs", *(f"{shown.name}, error (%), 95 %" for shown in populations))
    return Table("Quantiles of the error", columns, quantile_rows(*(shown.quantile for shown in populations)))


def quantile_rows(*cells: Callable[[float], str]) -> list[list[str]]:
    """One row a quantile, one column a population, given by its cell for a share."""
    return [[percent(share, 0), *(cell(share) for cell in cells)] for share in QUANTILES]


def quantile_cell(errors: FloatArray, share: float, band: EdfBand | None = None) -> str:
    """A quantile with its exact interval, or the one that is read off a ``band``."""
    interval = band.quantile_interval(share) if band else quantile_interval(errors, share)
    return f"{fixed(float(np.quantile(errors, share)))} {within(interval)}"


def quarter_table(values: FloatArray, errors: FloatArray, label: str) -> Table:
    """Error by the quarters of a column."""
    edges = np.unique(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    rows = []
    for k, (low, high) in enumerate(pairwise(edges)):
        inside = (values >= low if k == 0 else values > low) & (values <= high)
        if inside.any():
            kept = errors[inside]
            span = f"{significant(low)}–{significant(high)}"
            rows.append([span, str(len(kept)), fixed(kept.min()), quantile_cell(kept, 0.5)])
    columns = text_columns(f"{label}, quarter", "n", "Best error (%)", "Median error (%), 95 %")
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
