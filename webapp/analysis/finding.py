"""The finding of an analysis in words: a short headline, and the sentences that stand under it.

Every sentence is about the one verdict of the pair that answers best, or says why there is none; what each may claim is
in docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import InvalidRegime
from engine.statistics import Verdict, fewest_to_differ
from engine.statistics.comparisons import LOWER, Comparison
from engine.statistics.sequential import SequentialComparison
from engine.training.datasets import data_set_facts
from webapp.analysis import statistics
from webapp.analysis.comparing import ALPHA, PopulationPair, decided, theta_ends, verdict_words
from webapp.analysis.in_order import in_order_share
from webapp.analysis.normalising import EqualCostPair
from webapp.analysis.populations import AnalysedPopulation
from webapp.wording import (
    NBSP,
    between,
    counted,
    fixed,
    joined,
    level_words,
    p_text,
    says_something,
    share_words,
    signed,
    signed_ends,
)

LOOKED = (
    "Networks were added or withdrawn after results could be seen, so this is the verdict that allows for looking; a "
    "plain test would not."
)
BY_HAND = "The filter was chosen by hand: p is as if it had been chosen before the errors were seen."


@dataclass(frozen=True)
class Finding:
    """The ``headline``, one sentence with the numbers it rests on, and the sentences under it."""

    headline: str
    details: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join([self.headline, *self.details])


@dataclass(frozen=True)
class ShortFinding:
    """The finding in a few words, and the numbers that it rests on."""

    words: str
    note: str


def finding(
    populations: Sequence[AnalysedPopulation],
    pairs: Sequence[PopulationPair],
    at_equal_cost: EqualCostPair | None = None,
) -> Finding:
    """What is found of the populations that have a network which says something, at least one of them.

    ``pairs`` are all of theirs, the surest first; ``at_equal_cost`` compares that one where its complexities differ.
    """
    if not pairs:
        return _of_one(populations[0])
    pair = pairs[0]
    said = _by_order(pair) if pair.by_order else _of_all(pair, at_equal_cost)
    return Finding(said.headline, (*said.details, *_notes(pair, populations, pairs)))


def _of_all(pair: PopulationPair, at_equal_cost: EqualCostPair | None) -> Finding:
    """Of numbers of networks that were fixed beforehand."""
    test, names = pair.of_all, f"{pair.first.name} and {pair.second.name}"
    if test.verdict is Verdict.NOTHING:
        return Finding(f"There is nothing to compare {names} by.")
    if test.verdict is Verdict.ALL_TIED:
        return _all_tied(pair)
    if test.verdict is Verdict.TOO_FEW:
        return Finding(
            f"Too few networks to tell {names} apart: {test.n[0]:,} and {test.n[1]:,} of them ended.",
            (_fewest_needed(pair), *_failures(pair.first, pair.second)),
        )
    if test.mostly_failures:
        return _mostly_failures(pair)
    details = [_points(pair), *_failures(pair.first, pair.second)]
    if not test.differs and pair.shape_p <= ALPHA:
        details.append(_shape_words(pair))
    bold = _verdict_words(pair)
    if at_equal_cost:
        bold += _but_at_equal_cost(pair, at_equal_cost)
        details.append(_at_equal_cost_words(at_equal_cost))
    return Finding(f"{bold}: {_beats(pair)}, {p_text(test.p_adjusted)}.", tuple(details))


def _but_at_equal_cost(pair: PopulationPair, equal: EqualCostPair) -> str:
    """What the headline adds where the verdict at equal complexity is another one; empty where it is the same."""
    cost = equal.cost
    if equal.result.verdict is Verdict.NOTHING:
        return ""
    if not equal.result.differs:
        return f", but none is shown at equal {cost}" if pair.differs else ""
    if not pair.differs:
        return f", but {equal.first.name} has lower errors at equal {cost}"
    return "" if equal.first is pair.first else f", but {equal.first.name} has at equal {cost}"


def _at_equal_cost_words(equal: EqualCostPair) -> str:
    cost = equal.cost
    if equal.result.verdict is Verdict.NOTHING:
        return f"Their {cost} differ, and overlap too little to compare them at equal {cost}."
    verdict = f"{equal.first.name} has lower errors there" if equal.result.differs else "no difference is shown there"
    return f"Their {cost} differ; at equal {cost} {equal.beats}: {verdict}."


def _fewest_needed(pair: PopulationPair) -> str:
    fewest = fewest_to_differ(pairs=pair.pairs, alpha=ALPHA)
    return f"With {counted(pair.pairs, 'comparison')} at least {fewest} of each are needed."


def _failures(*populations: AnalysedPopulation) -> Iterator[str]:
    """How many networks of each failed, where any did."""
    if any(one.failed for one in populations):
        (first, *others) = [(_of_n(one.failed, one.networks), one.name) for one in populations]
        counts = [f"{first[0]} networks of {first[1]}", *(f"{count} of {name}" for count, name in others)]
        yield f"{joined(counts)} failed and rank behind every error."


def _verdict_words(pair: PopulationPair) -> str:
    first, second = pair.first.name, pair.second.name
    if pair.differs:
        slightly = "slightly " if pair.of_all.by_little else ""
        return f"{first} has {slightly}lower errors than {second}"
    if pair.verdict is Verdict.ALIKE:
        return f"{first} and {second} are alike within the margin"
    return f"No difference between {first} and {second} is shown"


def _beats(pair: PopulationPair) -> str:
    """A network of A beats one of B in 89 % of pairs (95 %: 84–93 %)."""
    test = pair.of_all
    margin = f"{100 * (0.5 - test.margin):.0f}–{100 * (0.5 + test.margin):.0f}{NBSP}%"
    share = share_words(test.theta)
    if test.differs and share == "50":
        share = fixed(100 * test.theta, 2)
    said = f"a network of {pair.first.name} beats one of {pair.second.name} in {share}{NBSP}% of pairs"
    ends = f"{level_words(test.level, test.pairs)}: {theta_ends(test.interval, differs=test.differs)}"
    if test.by_little:
        return f"{said} ({ends}), inside the margin of {margin} that counts as alike"
    return f"{said} ({ends}, margin {margin})" if test.verdict is Verdict.ALIKE else f"{said} ({ends})"


def _points(pair: PopulationPair) -> str:
    """How far apart they are in the median pair, with the numbers of networks."""
    test = pair.of_all
    n = f"n{NBSP}={NBSP}{test.n[0]:,} and {test.n[1]:,}"
    if test.difference is None or test.difference_interval is None or not math.isfinite(test.difference):
        return f"In half of the pairs or more a network failed, so there is no median difference in points; {n}."
    if test.differs:
        return f"In the median pair {_lower_by(test.difference, test.difference_interval, pair)}; {n}."
    difference, ends = signed(test.difference), signed_ends(test.difference_interval)
    return f"The median difference, {pair.first.name} minus {pair.second.name}, is {difference} points ({ends}); {n}."


def _lower_by(difference: float, interval: tuple[float, float], pair: PopulationPair) -> str:
    """By how much the first is lower: the difference and its interval lie at or below 0."""
    least, most = -interval[1], -interval[0]
    from_zero = round(least, 1) <= 0
    if round(difference, 1) == 0:
        ends = "no upper end" if math.isinf(most) else f"at most {fixed(most)}"
        return f"the errors are less than 0.1 points apart ({ends})"
    if math.isinf(most):
        ends = "above 0" if from_zero else f"at least {fixed(least)}"
    else:
        ends = f"above 0, up to {fixed(most)}" if from_zero else f"{fixed(least)}–{fixed(most)}"
    return f"the error of {pair.first.name} is lower by {fixed(-difference)} points ({ends})"


def _all_tied(pair: PopulationPair) -> Finding:
    first, second, n = pair.first.name, pair.second.name, sum(pair.of_all.n)
    every = "both" if n == 2 else f"all {n:,}"
    few = [_fewest_needed(pair)] if min(pair.of_all.n) < fewest_to_differ(pairs=pair.pairs, alpha=ALPHA) else []
    if not pair.first.n:
        return Finding(f"No network of {first} or {second} finished: {every} failed.", tuple(few))
    error = float(pair.first.errors[0])
    chance = _chance_words(error, [pair.first, pair.second])
    return Finding(
        f"{every.capitalize()} networks of {first} and {second} have the same error, {fixed(error)}{NBSP}%{chance}.",
        ("Nothing tells them apart.", *few),
    )


def _chance_words(error: float, populations: Sequence[AnalysedPopulation]) -> str:
    """That an error is what guessing gives, where it is; empty otherwise."""
    classes = {_classes(one) for one in populations}
    if len(classes) != 1 or not (number := classes.pop()) or abs(error - 100 * (1 - 1 / number)) > 0.05:
        return ""
    return f", which is chance for {number:,} classes: none has learnt"


def _classes(population: AnalysedPopulation) -> int:
    """Of the data set; 0 where it is not known."""
    try:
        return data_set_facts(population.regime.data_set).num_classes if population.regime else 0
    except InvalidRegime:
        return 0


def _mostly_failures(pair: PopulationPair) -> Finding:
    test = pair.of_all
    both = sorted((pair.first, pair.second), key=lambda one: 2 * one.failed <= one.networks)
    most = joined([f"of {one.name}" for one in both if 2 * one.failed > one.networks])
    counts = ", ".join(f"{_of_n(one.failed, one.networks)} of {one.name}" for one in both)
    verdict = "no difference is shown"
    if test.differs:
        slightly = "slightly " if test.by_little else ""
        verdict = f"{pair.first.name} has {slightly}lower errors"
    elif test.verdict is Verdict.ALIKE:
        verdict = "they are alike within the margin"
    details = (
        f"Counting a failure as worse than any error, {_beats(pair)}: {verdict}; {p_text(test.p_adjusted)}.",
        _without_failures(pair),
    )
    return Finding(f"More than half of the networks {most} failed: {counts}.", details)


def _without_failures(pair: PopulationPair) -> str:
    first, second = pair.first, pair.second
    if not first.n or not second.n:
        without = joined([one.name for one in (first, second) if not one.n], "or")
        return f"No network of {without} finished, so there is no difference in points."
    alone = statistics.compared_alone(first.errors, second.errors, pairs=pair.pairs)
    return (
        f"Of those that finished alone, one of {first.name} beats one of {second.name} in {share_words(alone.theta)}"
        f"{NBSP}% of pairs ({_in_five_words(alone, pair)}). No difference in points is printed."
    )


def _in_five_words(test: Comparison, pair: PopulationPair) -> str:
    return {
        Verdict.TOO_FEW: "too few to tell",
        Verdict.NOT_SHOWN: "no difference shown",
        Verdict.ALL_TIED: "all of the same error",
    }.get(test.verdict, verdict_words(test.verdict, pair.first.name, pair.second.name))


def _shape_words(pair: PopulationPair) -> str:
    """That the curves differ, where neither is shown to be lower; that they cross only where both sides show it."""
    distance = f"KS{NBSP}D{NBSP}={NBSP}{fixed(pair.shape.distance, 2)}, {p_text(pair.shape_p)}"
    if _cross(pair):
        return f"Their curves differ in shape ({distance}): neither is lower throughout."
    return f"Their curves differ in shape ({distance}): see the EDF."


def _cross(pair: PopulationPair) -> bool:
    """Whether each of the EDFs lies above the other somewhere, by a one-sided test of each at the level."""
    a, b = np.sort(pair.first.outcomes), np.sort(pair.second.outcomes)
    at = np.concatenate([a, b])
    apart = np.searchsorted(a, at, side="right") / len(a) - np.searchsorted(b, at, side="right") / len(b)
    effective = len(a) * len(b) / (len(a) + len(b))
    return all(math.exp(-2 * effective * most**2) <= ALPHA for most in (max(apart.max(), 0), max(-apart.min(), 0)))


def _by_order(pair: PopulationPair) -> Finding:
    """While runs are to come, or after the plan was changed: what holds at every look."""
    names = f"{pair.first.name} and {pair.second.name}"
    running = pair.first.pending or pair.second.pending
    so_far = " so far" if running else ""
    result = pair.in_order
    if result is None:
        return _without_order(names, running=bool(running))
    if result.verdict in LOWER:
        bold = f"{pair.first.name} has lower errors than {pair.second.name}{so_far}"
    elif result.verdict is Verdict.ALIKE:
        bold = f"{names} are alike within the margin{so_far}"
    elif result.differs_without_side:
        bold = f"{names} differ, but not clearly in who is lower"
    else:
        bold = f"No difference between {names} is shown{so_far}"
    return Finding(f"{bold}: {_pairs_won(pair, result)}.", tuple(_order_details(pair, result)))


def _without_order(names: str, *, running: bool) -> Finding:
    unknown = "without the order in which their networks were drawn no test"
    if running:
        return Finding(
            f"There is no verdict on {names} yet: runs are to come, and {unknown} may be looked at before its end."
        )
    return Finding(
        f"There is no verdict on {names}: networks were added or withdrawn after results could be seen, and {unknown} "
        "allows for that."
    )


def _pairs_won(pair: PopulationPair, result: SequentialComparison) -> str:
    compared = result.n - result.left_out
    if not compared:
        return "no pair of networks has ended"
    ties = f" with {counted(result.tied, 'tie')}" if result.tied else ""
    return (
        f"{pair.first.name} wins {result.won:,} of {counted(compared, 'pair')}{ties}, "
        f"{in_order_share(result, pairs=pair.pairs)}, {p_text(pair.p_in_order or 0.0)} at every look"
    )


def _order_details(pair: PopulationPair, result: SequentialComparison) -> Iterator[str]:
    to_come = pair.first.pending + pair.second.pending
    n = f"n{NBSP}={NBSP}{counted(result.n, 'pair')} in draw order"
    yield f"{counted(to_come, 'run')} to come; {n}." if to_come else f"{n}."
    yield from _failures(pair.first, pair.second)
    if result.differs_without_side:
        yield "Their curves may cross: see the EDF."
    if pair.first.looked_at or pair.second.looked_at:
        yield LOOKED


def _notes(
    pair: PopulationPair, populations: Sequence[AnalysedPopulation], pairs: Sequence[PopulationPair]
) -> Iterator[str]:
    """What to know before trusting the sentence above."""
    regimes = {one.regime.pk for one in (pair.first, pair.second) if one.regime}
    if len(regimes) > 1:
        yield "They were trained under different regimes, which may be what tells them apart."
    yield from _missing_words(populations)
    if any(one.is_filtered for one in populations):
        yield BY_HAND
    if len(pairs) > 1:
        answered = decided(pairs)
        are = f"{answered} of {len(pairs)} pairs {'is' if answered == 1 else 'are'}"
        yield f"{are if answered else f'None of the {len(pairs)} pairs is'} decided; this is the one of smallest p."


def _of_n(failed: int, n: int) -> str:
    return f"{failed:,} of {n:,}"


def _of_one(population: AnalysedPopulation) -> Finding:
    details = []
    if population.failed and math.isfinite(population.median.value):
        ranks = "rank" if population.failed > 1 else "ranks"
        details.append(f"{counted(population.failed, 'network')} failed and {ranks} behind every error.")
    return Finding(_half_of_one(population), (*details, *_missing_words([population])))


def _half_of_one(population: AnalysedPopulation) -> str:
    n, failed, name = population.networks, population.failed, population.name
    so_far = " so far" if population.pending else ""
    if failed == n:
        every = "the only one that ended" if n == 1 else f"all {n:,} that ended"
        return f"No network of {name} finished{so_far}: {every} failed."
    median = population.median
    if math.isinf(median.value):
        return f"Half or more of the networks of {name} failed{so_far}: {_of_n(failed, n)}."
    ends = "no interval yet"
    if says_something(median.interval):
        looks = " at every look" if population.pending else ""
        ends = f"95{NBSP}%{looks}: {between(median.interval).strip('()')}"
    used = " used so far" if population.pending else ""
    if n == 1:
        return f"The one network of {name}{used} has an error of {fixed(median.value)}{NBSP}% ({ends})."
    return f"Half of the {n:,} networks of {name}{used} have an error of at most {fixed(median.value)}{NBSP}% ({ends})."


def _missing_words(populations: Sequence[AnalysedPopulation]) -> Iterator[str]:
    missing = sum(one.missing for one in populations)
    if missing == 1:
        yield "1 run ended without saying anything of its network (its machine was lost, say) and is left out."
    elif missing:
        yield (
            f"{missing:,} runs ended without saying anything of their networks (their machine was lost, say) and are "
            "left out."
        )


def short_finding(populations: Sequence[AnalysedPopulation], pairs: Sequence[PopulationPair]) -> ShortFinding:
    """The finding of a list's line, with its uncertainty."""
    sizes = f"n{NBSP}{joined([f'{population.networks:,}' for population in populations])}"
    so_far = " so far" if any(population.pending for population in populations) else ""
    if not pairs:
        return _short_of_one(populations[0], so_far, sizes)
    pair = pairs[0]
    looks = " at every look" if pair.by_order else ""
    tested = f"{p_text(pair.p_value)}{looks}; {sizes}" if pair.p_value is not None else sizes
    failures = ", failures counted" if pair.of_all.mostly_failures and pair.first.n else ""
    if pair.by_order and pair.in_order and pair.in_order.differs_without_side:
        return ShortFinding(f"different, not clearly in who is lower{failures}", f"({tested})")
    if not pair.differs:
        return ShortFinding(f"{_short_words(pair)}{so_far}{failures}", f"({tested})")
    slightly = "slightly " if not pair.by_order and pair.of_all.by_little else ""
    words = f"{pair.first.name} {slightly}lower in {share_words(pair.theta)}{NBSP}% of pairs{so_far}{failures}"
    return ShortFinding(words, f"({theta_ends(pair.interval, differs=True)}; {tested})")


def _short_words(pair: PopulationPair) -> str:
    """Of a pair of which neither is lower."""
    if pair.verdict is Verdict.ALL_TIED:
        return "all of the same error" if pair.first.n else "all failed"
    if pair.by_order and pair.in_order is None:
        return "no verdict"
    return {
        Verdict.ALIKE: "alike within the margin",
        Verdict.TOO_FEW: "too few to tell apart",
        Verdict.NOTHING: "nothing to compare",
    }.get(pair.verdict, "no difference shown")


def _short_of_one(population: AnalysedPopulation, so_far: str, sizes: str) -> ShortFinding:
    if population.failed == population.networks:
        return ShortFinding(f"all failed{so_far}", f"({sizes})")
    median = population.median
    if math.isinf(median.value):
        return ShortFinding(f"half or more failed{so_far}", f"({sizes})")
    ends = between(median.interval).strip("()") if says_something(median.interval) else "no interval yet"
    return ShortFinding(f"median error {fixed(median.value)}{NBSP}%{so_far}", f"({ends}; {sizes})")
