"""What pages say about one population: its counts, where its errors lie, how far failures could move its EDF."""

from __future__ import annotations

import re
from collections.abc import Iterable

from webapp.analysis import AnalysedPopulation
from webapp.wording import NBSP, fixed

LONGEST_FILE_NAME = 120


def counts_in_words(population: AnalysedPopulation) -> str:
    """n used (of so many, where a filter is on), failed, pending; and what else to know before trusting n."""
    used = f"{population.n:,} used"
    if population.total is not None:
        used = f"{population.n:,} of {population.total:,} used"
    said = f"{used}, {population.failed:,} failed, {population.pending:,} pending"
    if population.missing:
        said += f", {population.missing:,} ended without a result"
    if len(population.data.ahead):
        said += f", {len(population.data.ahead):,} finished ahead"
    if population.data.cancelled:
        said += f", {population.data.cancelled:,} cancelled"
    return f"{said}, {population.left_out:,} of its file left out" if population.left_out else said


def counts_of(populations: Iterable[AnalysedPopulation]) -> list[str]:
    """The counts of each, with its name before them."""
    return [f"{one.name}: {counts_in_words(one)}" for one in populations]


def middle_of(population: AnalysedPopulation) -> tuple[str, str, str]:
    """Name, value and note of the tile that says where the errors lie: the median while runs are to come."""
    if not population.n:
        return "Median error so far", "–", "no sample used yet"
    if not population.pending:
        mean = population.mean
        low, high = mean.interval
        return "Mean error", f"{fixed(mean.value)}{NBSP}%", f"n {mean.n}, 95{NBSP}%: {fixed(low)}–{fixed(high)}"
    median = population.median
    note = f"n {median.n}, an interval from n 50 on"
    if population.band.half_width < 0.5:
        low, high = median.interval
        note = f"n {median.n}, 95{NBSP}% at every look: {fixed(low)}–{fixed(high)}"
    return "Median error so far", f"{fixed(median.value)}{NBSP}%", note


def failure_sentence(population: AnalysedPopulation) -> str:
    """How far the failed runs could move the EDF, whatever their errors would have been; empty without any."""
    bounds = population.failure_bounds
    if bounds is None:
        return ""
    failed = bounds.failed + bounds.missing
    most = failed / bounds.total
    return (
        f"Failed runs never count as an error of 100{NBSP}%. With {failed} of {bounds.total} failed "
        f"the EDF moves by at most {fixed(most, 3)}."
    )


def file_name(population: AnalysedPopulation, *, any_error: bool = False) -> str:
    """Without its ending; it says whose samples, which error where there are two, and what is left of them.

    A file that holds ``any_error`` there is doesn't name one.
    """
    best = population.error == "best" and not any_error
    parts = [f"population-{population.token}", *(["best-error"] if best else [])]
    parts += [f"{column}-{_end(low)}-to-{_end(high)}" for column, (low, high) in population.ranges]
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", "-".join(parts))
    return name if len(name) <= LONGEST_FILE_NAME else f"{parts[0]}-filtered"


def _end(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:.12g}"
