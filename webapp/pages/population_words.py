"""What pages say about one population: its counts, where its errors lie, how far failures could move its EDF."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from webapp.analysis import AnalysedPopulation
from webapp.wording import NBSP, between, counted, fixed, says_something

LONGEST_FILE_NAME = 120


def counts_in_words(population: AnalysedPopulation) -> str:
    """n used (of so many, where a filter is on), failed, pending; and what else to know before trusting n."""
    used = f"{population.n:,} used"
    if population.total is not None:
        used = f"{population.n:,} of {population.total:,} used"
    said = f"{used}, {population.failed:,} failed, {population.pending:,} pending"
    if population.missing:
        said += f", {population.missing:,} missing"
    if len(population.data.ahead):
        said += f", {len(population.data.ahead):,} finished ahead"
    if population.data.cancelled:
        said += f", {population.data.cancelled:,} cancelled"
    if population.data.repeated:
        said += f", {population.data.repeated:,} drawn twice and counted once"
    return f"{said}, {population.left_out:,} of its file left out" if population.left_out else said


def counts_of(populations: Iterable[AnalysedPopulation]) -> list[str]:
    """The counts of each, with its name before them."""
    return [f"{one.name}: {counts_in_words(one)}" for one in populations]


def middle_of(population: AnalysedPopulation) -> tuple[str, str, str]:
    """Name, value and note of the tile that says where the errors lie."""
    so_far, looks = (" so far", " at every look") if population.pending else ("", "")
    name = f"Median error{so_far}"
    if not population.networks:
        return name, "–", "no sample used yet"
    median = population.median
    note = f"n {median.n}, an interval from n {50 if population.pending else 6} on"
    if says_something(median.interval):
        note = f"n {median.n}, 95{NBSP}%{looks}: {between(median.interval).strip('()')}"
    return name, "–" if math.isinf(median.value) else f"{fixed(median.value)}{NBSP}%", note


def failure_sentence(population: AnalysedPopulation) -> str:
    """What became of those that gave no error, and how far that could move the EDF; empty without any."""
    said = []
    if population.failed:
        said.append(
            f"{population.failed:,} of {counted(population.networks, 'network')} failed by their own doing: they rank "
            f"behind every error, and are never an error of 100{NBSP}%."
        )
    if bounds := population.failure_bounds:
        said.append(
            f"{bounds.missing:,} of {bounds.total:,} ended without saying anything of their network: whatever they had "
            f"given, the EDF would move by at most {fixed(bounds.missing / bounds.total, 3)}."
        )
    return " ".join(said)


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
