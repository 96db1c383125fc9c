"""What next: restrictions that the samples of a space suggest, each ready to become a child of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.spaces import RULES
from engine.statistics.suggestions import DROP, Refinement, RefinementSearch
from webapp.analysis import statistics, tables
from webapp.analysis.insides import failed_rows, inside
from webapp.analysis.narrowing import narrowed, restriction
from webapp.analysis.populations import AnalysedPopulation, range_words
from webapp.analysis.statistics import BoolArray
from webapp.analysis.tables import Column, Table
from webapp.space_words import RULE_WORDS
from webapp.wording import NBSP, counted, p_text, share_words

MOST_SHOWN = 6

ALPHA = 0.05
NOTHING_TO_SUGGEST = (
    "No restriction to suggest: one must keep at least five networks, leave some out and hold more of the better ones."
)

COLUMNS = (
    Column("Restriction", "restriction", tables.Text),
    Column("Inside beats outside (% of pairs)", "theta", unit="percent"),
    Column("Change of the mean error (points)", "mean_difference", unit="points"),
    Column("Networks kept", "networks_kept", tables.CountOf),
    Column("p, for all tried", "p_search", tables.PValue),
)


@dataclass(frozen=True)
class Suggestion:
    """``restriction`` is what an address holds to ask for it."""

    words: str
    restriction: str
    result: Refinement


@dataclass(frozen=True)
class Suggestions:
    """The best restriction of each parameter and rule, the best supported first.

    ``supported`` says that the first is better than chance explains, allowing for all that were tried; ``headline`` and
    ``details`` say it in words.
    """

    lines: list[Suggestion]
    tried: int
    supported: bool
    headline: str
    details: str

    @property
    def sentence(self) -> str:
        return f"{self.headline} {self.details}".rstrip()


def suggestions(population: AnalysedPopulation) -> Suggestions:
    """Of the parameters of a population; rules too where its space is known."""
    samples = population.samples
    if not samples.n:
        return Suggestions([], 0, False, NOTHING_TO_SUGGEST, "")
    search = statistics.refinements(samples, population.parameters, _rules(population))
    best: dict[str, Refinement] = {}
    for refinement in search.refinements:
        if refinement.z < 0:
            best.setdefault(refinement.parameter or refinement.rule, refinement)
    lines = [_line(refinement) for refinement in list(best.values())[:MOST_SHOWN]]
    supported = bool(lines) and search.p_search <= ALPHA
    return Suggestions(lines, search.candidates, supported, *_words(search, lines, supported=supported))


def _words(search: RefinementSearch, lines: list[Suggestion], *, supported: bool) -> tuple[str, str]:
    if not lines:
        return NOTHING_TO_SUGGEST, ""
    first, best, tried = lines[0].words, lines[0].result, counted(search.candidates, "restriction")
    if supported:
        return (
            f"{first[0].upper()}{first[1:]} is better supported than chance:",
            f"networks inside beat those outside in {share_words(best.theta)}{NBSP}% of pairs, "
            f"{p_text(best.p_search)} allowing for all {tried} tried. The figure is optimistic, being the best of "
            f"{search.candidates}; a fresh batch of the narrowed space tells.",
        )
    more = f"About {search.needed:,} more would show a drop of {DROP:.0f} points." if search.needed else ""
    return (
        f"No restriction is supported by these {counted(search.n, 'network')}",
        f"({p_text(best.p_search)} allowing for all {tried} tried); the best of them is {first}. {more}".rstrip(),
    )


def _rules(population: AnalysedPopulation) -> dict[str, BoolArray]:
    """For each rule the space does not have, which samples meet it."""
    space = population.engine_space
    if space is None:
        return {}
    masks: dict[str, BoolArray] = {}
    for rule in RULES:
        child = narrowed(space, rule)
        kept = inside(child, space, population.samples) if child != space else None
        if kept is None:
            continue
        failed = inside(child, space, failed_rows(population.samples)) if population.samples.failures else None
        masks[rule] = kept if failed is None else np.concatenate([kept, failed])
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
            tables.Number(100 * line.result.theta, digits=0),
            tables.Number(line.result.mean_difference, style="signed"),
            tables.CountOf(line.result.n, line.result.n_parent),
            tables.PValue(line.result.p_search),
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
