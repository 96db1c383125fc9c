"""What next: restrictions that the samples of a space suggest, each ready to become a child of it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np

from engine.spaces import AnyNetSpace, RegNetSpace
from engine.spaces.checks import RULES
from engine.statistics.refine import Refinement
from webapp.pages import remembered
from webapp.pages.findings import Shown, range_words
from webapp.pages.insides import BoolArray, inside
from webapp.pages.narrowing import narrowed, restriction
from webapp.space_words import RULE_WORDS
from webapp.wording import NBSP, p_text, signed

MOST_SHOWN = 6


@dataclass(frozen=True)
class Suggestion:
    """``asked`` is the restriction as an address holds it, ``refine_url`` the form that has it filled in."""

    words: str
    asked: str
    refine_url: str
    result: Refinement


@dataclass(frozen=True)
class Suggestions:
    """The best restriction of each parameter and rule, the largest drop of the mean error first."""

    lines: list[Suggestion]
    tried: int
    sentence: str


def suggestions(shown: Shown, parameters: list[str], space: AnyNetSpace | RegNetSpace | None) -> Suggestions:
    """Of the parameters of a population; rules too where its space is known."""
    population = shown.trained.population
    rules = _rules(space, shown) if space else {}
    found = remembered.refinements(population, parameters, rules) if population.n else ()
    best: dict[str, Refinement] = {}
    for one in found:
        if one.mean_difference < 0:
            best.setdefault(one.parameter or one.rule, one)
    lines = [_line(shown, one) for one in list(best.values())[:MOST_SHOWN]]
    return Suggestions(lines, len(found), _sentence(shown, lines))


def _rules(space: AnyNetSpace | RegNetSpace, shown: Shown) -> dict[str, BoolArray]:
    """For each rule the space does not have, which samples meet it."""
    masks: dict[str, BoolArray] = {}
    for rule in RULES:
        child = narrowed(space, rule)
        kept = inside(child, space, shown.trained.population) if child != space else None
        if kept is not None:
            masks[rule] = np.asarray(kept)
    return masks


def _line(shown: Shown, result: Refinement) -> Suggestion:
    asked = result.rule or restriction(result.parameter, result.low, result.high)
    url = shown.refine_url()
    return Suggestion(
        words=RULE_WORDS[result.rule] if result.rule else range_words(result.parameter, result.low, result.high),
        asked=asked,
        refine_url=f"{url}?{urlencode([('narrow', asked)], safe=':')}" if url else "",
        result=result,
    )


def asked_words(asked: str) -> str:
    """A restriction of an address in words; what is none stays as it stands there."""
    column, _, limits = asked.partition(":")
    if not limits:
        return RULE_WORDS.get(asked, asked)
    try:
        low, high = (float(bound) if bound else None for bound in limits.split(":"))
    except ValueError:
        return asked
    return range_words(column, low, high)


def _sentence(shown: Shown, lines: list[Suggestion]) -> str:
    if not lines:
        return (
            "No restriction to suggest: one must keep at least five samples, leave some out and lower the mean error."
        )
    first = lines[0].result
    low, high = first.interval
    drop = (
        f"{signed(first.mean_difference)} (95{NBSP}%: {signed(low)}, {signed(high)}), "
        f"{first.n:,} of {first.n_parent:,} designs stay, {p_text(first.p_adjusted)} after Holm"
    )
    if high < 0:
        return f"The largest drop of the mean error of {shown.name} comes from {lines[0].words}: {drop}."
    return f"No restriction lowers the mean error of {shown.name} for sure; the best is {lines[0].words}: {drop}."
