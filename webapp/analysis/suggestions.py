"""What next: restrictions that the samples of a space suggest, each ready to become a child of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.spaces import RULES
from engine.statistics.refine import Refinement
from webapp.analysis import statistics, tables
from webapp.analysis.insides import inside
from webapp.analysis.narrowing import narrowed, restriction
from webapp.analysis.populations import AnalysedPopulation, range_words
from webapp.analysis.statistics import BoolArray
from webapp.analysis.tables import Column, Estimate, Table
from webapp.space_words import RULE_WORDS
from webapp.wording import NBSP, p_text, signed

MOST_SHOWN = 6

COLUMNS = (
    Column("Restriction", "restriction", tables.Text),
    Column("Change of the mean error, 95 %", "mean_difference", Estimate, unit="points"),
    Column("Designs kept", "designs_kept", tables.CountOf),
    Column("p, Holm", "p_holm", tables.PValue),
)


@dataclass(frozen=True)
class Suggestion:
    """``restriction`` is what an address holds to ask for it."""

    words: str
    restriction: str
    result: Refinement


@dataclass(frozen=True)
class Suggestions:
    """The best restriction of each parameter and rule, the largest drop of the mean error first."""

    lines: list[Suggestion]
    tried: int
    sentence: str


def suggestions(population: AnalysedPopulation) -> Suggestions:
    """Of the parameters of a population; rules too where its space is known."""
    samples = population.samples
    tried = statistics.refinements(samples, population.parameters, _rules(population)) if samples.n else ()
    best: dict[str, Refinement] = {}
    for refinement in tried:
        if refinement.mean_difference < 0:
            best.setdefault(refinement.parameter or refinement.rule, refinement)
    lines = [_line(refinement) for refinement in list(best.values())[:MOST_SHOWN]]
    return Suggestions(lines, len(tried), _sentence(population, lines))


def _rules(population: AnalysedPopulation) -> dict[str, BoolArray]:
    """For each rule the space does not have, which samples meet it."""
    space = population.engine_space
    if space is None:
        return {}
    masks: dict[str, BoolArray] = {}
    for rule in RULES:
        child = narrowed(space, rule)
        kept = inside(child, space, population.samples) if child != space else None
        if kept is not None:
            masks[rule] = np.asarray(kept)
    return masks


def _line(result: Refinement) -> Suggestion:
    if result.rule:
        return Suggestion(RULE_WORDS[result.rule], result.rule, result)
    limits = (result.parameter, result.low, result.high)
    return Suggestion(range_words(*limits), restriction(*limits), result)


def suggestion_table(suggested: Suggestions) -> Table:
    rows = [
        [
            tables.Text(line.words),
            Estimate(line.result.mean_difference, line.result.interval, style="signed"),
            tables.CountOf(line.result.n, line.result.n_parent),
            tables.PValue(line.result.p_adjusted),
        ]
        for line in suggested.lines
    ]
    return Table("Suggested refinements", COLUMNS, rows)


def restriction_words(asked: str) -> str:
    """A restriction of an address in words; what is none stays as it stands there."""
    column, _, limits = asked.partition(":")
    if not limits:
        return RULE_WORDS.get(asked, asked)
    try:
        low, high = (float(bound) if bound else None for bound in limits.split(":"))
    except ValueError:
        return asked
    if not all(bound is None or math.isfinite(bound) for bound in (low, high)):
        return asked
    return range_words(column, low, high)


def _sentence(population: AnalysedPopulation, lines: list[Suggestion]) -> str:
    if not lines:
        return (
            "No restriction to suggest: one must keep at least five samples, leave some out and lower the mean error."
        )
    first, name = lines[0].result, population.name
    low, high = first.interval
    drop = (
        f"{signed(first.mean_difference)} (95{NBSP}%: {signed(low)}, {signed(high)}), "
        f"{first.n:,} of {first.n_parent:,} designs stay, {p_text(first.p_adjusted)} after Holm"
    )
    if high < 0:
        return f"The largest drop of the mean error of {name} comes from {lines[0].words}: {drop}."
    return f"No restriction lowers the mean error of {name} for sure; the best is {lines[0].words}: {drop}."
