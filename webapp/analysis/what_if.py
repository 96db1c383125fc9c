"""What the parent's trained samples say about a proposed child, before anything of it is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.utils.functional import cached_property

from engine.designs import design_from_json
from engine.statistics import FEWEST_FOR_A_MEAN, Verdict, edf_band
from engine.statistics import what_if as inside_of_all
from engine.statistics.edf import EdfBand
from engine.statistics.population import FloatArray
from engine.statistics.refine import WhatIf as WhatIfResult
from webapp.analysis import tables
from webapp.analysis.errors import QUANTILES, error_column
from webapp.analysis.insides import failed_rows, holds, inside
from webapp.analysis.populations import EngineSpace, SpacePopulation
from webapp.analysis.quantiles import quantile_of
from webapp.analysis.statistics import BoolArray
from webapp.analysis.tables import Column, Table
from webapp.queries import SAMPLE_ID, drawn_designs
from webapp.wording import NBSP, counted, fixed, p_text, share_words, signed, signed_between

MOST_ASKED = 1_000  # networks whose designs are asked one by one, where the columns can't tell


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The answer; ``result`` is None where no sample, or every one, lies inside."""

    sentence: str
    parent: SpacePopulation
    result: WhatIfResult | None = None

    @cached_property
    def band(self) -> EdfBand | None:
        """Of the error EDF of the samples inside."""
        return edf_band(self.result.errors) if self.result else None


def what_if(parent: SpacePopulation, child: EngineSpace) -> WhatIf:
    """The samples of ``parent`` that lie inside ``child``."""
    outcomes, kept = _asked(child, parent)
    among = f"the {counted(len(outcomes), 'sample')} of {parent.name}"
    if len(outcomes) < parent.networks:
        among = f"the first {len(outcomes):,} samples of {parent.name} that finished"
    if not kept.any():
        return WhatIf(f"None of {among} lies inside, so they say nothing about it.", parent)
    if kept.all():
        return WhatIf(f"All of {among} lie inside: for what was trained it changes nothing.", parent)
    result = inside_of_all(outcomes, kept)
    return WhatIf(_sentence(result, among), parent, result)


def _asked(child: EngineSpace, parent: SpacePopulation) -> tuple[FloatArray, BoolArray]:
    """The outcomes of the networks that are asked, failures last, and which of them lie inside."""
    space, samples = parent.engine_space, parent.samples
    kept = inside(child, space, samples)
    if kept is not None:
        failed = inside(child, space, failed_rows(samples)) if samples.failures else None
        return (samples.errors, kept) if failed is None else (samples.outcomes, np.concatenate([kept, failed]))
    ids, outcomes = samples[SAMPLE_ID], samples.errors
    if samples.failures and samples.n + samples.failed <= MOST_ASKED:
        ids, outcomes = np.concatenate([ids, samples.failures[SAMPLE_ID]]), samples.outcomes
    asked = ids[:MOST_ASKED].astype(int).tolist()
    designs = drawn_designs(asked)
    lies_inside = [holds(child, design_from_json(designs[pk]), parent.regime) for pk in asked]
    return outcomes[:MOST_ASKED], np.array(lies_inside, dtype=bool)


def _sentence(result: WhatIfResult, among: str) -> str:
    """By theta of the networks inside against those outside; of the means only where enough finished."""
    compared, lies = result.comparison, "lies" if result.n == 1 else "lie"
    low, high = compared.interval
    beats = f"inside beats outside in {share_words(compared.theta)}{NBSP}% of pairs"
    if min(compared.n) > 1:
        beats += f" ({100 * low:.0f}–{100 * high:.0f}{NBSP}%), {p_text(compared.p_value)}"
    verdict = {
        Verdict.A_LOWER: "It has lower errors than the rest",
        Verdict.B_LOWER: "It has higher errors than the rest",
        Verdict.ALIKE: "It and the rest are alike within the margin",
        Verdict.TOO_FEW: "They are too few to tell it from the rest",
    }.get(compared.verdict, "No difference to the rest is shown")
    said = f"{result.n:,} of {among} {lies} inside. {verdict}: {beats}."
    if result.effect is not None:
        said += f" Mean error {fixed(result.edf.mean)}{NBSP}%, {signed(result.effect)} against all of them"
        enough = min(result.finished) >= FEWEST_FOR_A_MEAN
        said += f" {signed_between(result.interval)}." if enough else "; too few for an interval of the mean."
    return (
        f"{said} In brackets 95{NBSP}%. All of it is as if the restriction had been chosen before the errors were "
        "seen: a batch of its own has to confirm it."
    )


def what_if_table(parent: SpacePopulation, result: WhatIfResult) -> Table:
    """Quantiles of the error of the samples inside, beside those of all."""
    columns = [
        Column("Share of designs", "share", tables.Share),
        error_column("Inside", "inside"),
        error_column(parent.name, "all"),
    ]
    rows = [[tables.Share(share), quantile_of(result.errors, share), parent.quantile(share)] for share in QUANTILES]
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
