"""What the parent's trained samples say about a proposed child, before anything of it is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.utils.functional import cached_property

from engine.designs import design_from_json
from engine.statistics import edf_band
from engine.statistics import what_if as inside_of_all
from engine.statistics.edf import EdfBand
from engine.statistics.population import Population
from engine.statistics.refine import WhatIf as WhatIfResult
from webapp.analysis import statistics, tables
from webapp.analysis.errors import QUANTILES, error_column
from webapp.analysis.insides import holds, inside
from webapp.analysis.populations import EngineSpace, SpacePopulation, quantile_of
from webapp.analysis.statistics import BoolArray
from webapp.analysis.tables import Column, Table
from webapp.queries import SAMPLE_ID, drawn_designs
from webapp.wording import NBSP, between, counted, fixed, p_text, signed, within

MOST_ASKED = 1_000  # samples whose designs are asked one by one, where the columns can't tell


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The answer; ``result`` is None where no sample, or every one, lies inside."""

    sentence: str
    parent: SpacePopulation
    result: WhatIfResult | None = None

    @cached_property
    def band(self) -> EdfBand | None:
        """Of the error EDF of the samples inside."""
        return edf_band(self.result.population) if self.result else None


def what_if(parent: SpacePopulation, child: EngineSpace) -> WhatIf:
    """The samples of ``parent`` that lie inside ``child``."""
    samples, kept = _asked(child, parent)
    among = f"the {counted(samples.n, 'sample')} of {parent.name}"
    if samples.n < parent.n:
        among = f"the first {samples.n:,} samples of {parent.name}"
    if not kept.any():
        return WhatIf(f"None of {among} lies inside, so they say nothing about it.", parent)
    if kept.all():
        return WhatIf(f"All of {among} lie inside: for what was trained it changes nothing.", parent)
    result = inside_of_all(samples, kept)
    return WhatIf(_sentence(result, among), parent, result)


def _asked(child: EngineSpace, parent: SpacePopulation) -> tuple[Population, BoolArray]:
    """The samples that are asked, and which of them lie inside."""
    samples = parent.samples
    kept = inside(child, parent.engine_space, samples)
    if kept is not None:
        return samples, kept
    first = samples.select(np.arange(samples.n) < MOST_ASKED)
    ids = first[SAMPLE_ID].astype(int).tolist()
    designs = drawn_designs(ids)
    return first, np.array([holds(child, design_from_json(designs[pk]), parent.regime) for pk in ids], dtype=bool)


def _sentence(result: WhatIfResult, among: str) -> str:
    lies = "lies" if result.n == 1 else "lie"
    said = (
        f"{result.n:,} of {among} {lies} inside: mean error {fixed(result.edf.mean)}{NBSP}% "
        f"{within(statistics.estimated_mean(result.population.errors).interval)}, {signed(result.mean_difference)}"
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


def what_if_table(parent: SpacePopulation, result: WhatIfResult) -> Table:
    """Quantiles of the error of the samples inside, beside those of all."""
    columns = [
        Column("Share of designs", "share", tables.Share),
        error_column("Inside", "inside"),
        error_column(parent.name, "all"),
    ]
    errors = result.population.errors
    rows = [[tables.Share(share), quantile_of(errors, share), parent.quantile(share)] for share in QUANTILES]
    return Table("What if: quantiles of the error", columns, rows)


def what_if_steps(parent: SpacePopulation, result: WhatIfResult) -> Table:
    """The steps of both EDFs, one row an error."""
    curves = [("inside", result.edf), (parent.name, parent.edf)]
    columns = [
        Column("Samples", "samples", tables.Text),
        Column("Error (%)", "error", unit="percent"),
        Column("Fraction", "fraction"),
    ]
    rows = [
        [tables.Text(name), tables.Number(error), tables.Number(fraction)]
        for name, edf in curves
        for error, fraction in zip(edf.errors.tolist(), edf.fractions.tolist(), strict=True)
    ]
    return Table("What if", columns, rows)
