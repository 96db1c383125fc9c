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
from webapp.analysis.comparing import ALPHA, PopulationPair, decided, verdict_words
from webapp.analysis.in_order import in_order_share, interval_words
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

    ``pairs`` are all of theirs, the surest first.
    """
    if not pairs:
        return _of_one(populations[0])
    pair = pairs[0]
    said = _by_order(pair) if pair.by_order else _of_all(pair)
    return Finding(said.headline, (*said.details, *_notes(pair, populations, pairs)))


def _of_all(pair: PopulationPair) -> Finding:
    """Of numbers of networks that were fixed beforehand."""
    test, names = pair.of_all, f"{pair.first.name} and {pair.second.name}"
    if test.verdict is Verdict.NOTHING:
        return Finding(f"There is nothing to compare {names} by.")
    if test.verdict is Verdict.ALL_TIED:
        return _all_tied(pair)
    if test.verdict is Verdict.TOO_FEW:
        fewest = fewest_to_differ(pairs=pair.pairs, alpha=ALPHA)
        return Finding(
            f"Too few networks to tell {names} apart: {test.n[0]:,} and {test.n[1]:,} of them ended.",
            (f"With {counted(pair.pairs, 'comparison')} at least {fewest} of each are needed.",),
        )
    if test.mostly_failures:
        return _mostly_failures(pair)
    details = [_points(test, pair.second.name)]
    if any(test.failed):
        details.append(
            f"{_of_n(test.failed[0], test.n[0])} and {_of_n(test.failed[1], test.n[1])} networks failed and rank "
            "behind every error."
        )
    if not test.differs and pair.shape_p <= ALPHA:
        details.append(_shape_words(pair))
    return Finding(f"{_verdict_words(pair)}: {_beats(pair)}, {p_text(test.p_adjusted)}.", tuple(details))


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
    said = (
        f"a network of {pair.first.name} beats one of {pair.second.name} in {share_words(test.theta)}{NBSP}% of pairs"
    )
    level, (low, high) = level_words(test.level, test.pairs), test.interval
    ends = f"{level}: {interval_words((low, high), test.differs)}"
    if test.by_little:
        return f"{said} ({ends}), inside the margin of {margin} that counts as alike"
    return f"{said} ({ends}, margin {margin})" if test.verdict is Verdict.ALIKE else f"{said} ({ends})"


def _points(test: Comparison, second: str) -> str:
    """How far apart they are in the median pair, with the numbers of networks."""
    n = f"n{NBSP}={NBSP}{test.n[0]:,} and {test.n[1]:,}"
    if test.difference is None or test.difference_interval is None or not math.isfinite(test.difference):
        return f"In half of the pairs a network failed, so they have no median difference; {n}."
    low, high = test.difference_interval
    if not test.differs:
        ends = {
            (True, True): "no interval yet",
            (True, False): f"at most {signed(high)}",
            (False, True): f"at least {signed(low)}",
            (False, False): f"{signed(low)} to {signed(high)}",
        }[math.isinf(low), math.isinf(high)]
        return f"The median difference is {signed(test.difference)} points ({ends}); {n}."
    least, most = -high, -low
    from_zero = round(least, 1) <= 0
    ends = f"{fixed(least)}–{fixed(most)}"
    if math.isinf(most):
        ends = "above 0" if from_zero else f"at least {fixed(least)}"
    elif from_zero:
        ends = f"above 0, up to {fixed(most)}"
    drop = fixed(abs(test.difference))
    return f"In the median pair its error is lower by {drop} points ({ends}) than that of {second}; {n}."


def _all_tied(pair: PopulationPair) -> Finding:
    names = f"{pair.first.name} and {pair.second.name}"
    if not pair.first.n:
        return Finding(f"{_none_finished([pair.first, pair.second])}.")
    error = float(pair.first.errors[0])
    chance = _chance_words(error, [pair.first, pair.second])
    return Finding(
        f"All {sum(pair.of_all.n):,} networks of {names} have the same error, {fixed(error)}{NBSP}%{chance}.",
        ("Nothing tells them apart.",),
    )


def _none_finished(populations: Sequence[AnalysedPopulation]) -> str:
    names, n = joined([one.name for one in populations], "or"), sum(one.networks for one in populations)
    return f"No network of {names} finished: {'the only one' if n == 1 else f'all {n:,}'} failed"


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
    numbers = dict(zip((pair.first.name, pair.second.name), zip(test.failed, test.n, strict=True), strict=True))
    most = [name for name, (failed, n) in numbers.items() if 2 * failed > n]
    counts = "; ".join(
        f"{_of_n(*numbers[name])} of {name}" for name in sorted(numbers, key=lambda name: name not in most)
    )
    alone = statistics.compared([pair.first.errors, pair.second.errors])[0] if pair.first.n and pair.second.n else None
    details = [
        f"Counting a failure as worse than any error, {_beats(pair)}: "
        f"{_words_of(test, pair).replace('No difference', 'no difference')}; {p_text(test.p_adjusted)}."
    ]
    if alone is None:
        details.append("No difference in points is printed, as one of them has no network that finished.")
    else:
        details.append(
            f"Of those that finished alone: {share_words(alone.theta)}{NBSP}% ({_in_five_words(alone, pair)}). No "
            "difference in points is printed."
        )
    return Finding(f"More than half of the networks of {joined(most)} failed: {counts}.", tuple(details))


def _words_of(test: Comparison, pair: PopulationPair) -> str:
    if test.differs:
        return f"{pair.first.name} has lower errors"
    return "they are alike within the margin" if test.verdict is Verdict.ALIKE else "no difference is shown"


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
    return f"Their curves differ in shape ({distance}): see where in the EDF."


def _cross(pair: PopulationPair) -> bool:
    """Whether each of the EDFs lies above the other somewhere, by a one-sided test of each at the level."""
    a, b = np.sort(pair.first.outcomes), np.sort(pair.second.outcomes)
    at = np.concatenate([a, b])
    apart = np.searchsorted(a, at, side="right") / len(a) - np.searchsorted(b, at, side="right") / len(b)
    effective = len(a) * len(b) / (len(a) + len(b))
    return all(math.exp(-2 * effective * most**2) <= ALPHA for most in (max(apart.max(), 0), max(-apart.min(), 0)))


def _by_order(pair: PopulationPair) -> Finding:
    """While runs are to come, or after the plan was changed: what holds at every look."""
    first, second = pair.first, pair.second
    names = f"{first.name} and {second.name}"
    running = first.pending or second.pending
    so_far = " so far" if running else ""
    result = pair.in_order
    if result is None:
        return Finding(
            f"There is no verdict on {names} yet: runs are to come, and without the order in which their networks were "
            "drawn no test may be looked at before its end."
        )
    if result.verdict in LOWER:
        bold = f"{first.name} has lower errors than {second.name}{so_far}"
    elif result.verdict is Verdict.ALIKE:
        bold = f"{first.name} and {second.name} are alike within the margin{so_far}"
    elif result.differs_without_side:
        bold = f"{names} differ{so_far}, but not clearly in who is lower"
    else:
        bold = f"No difference between {names} is shown{so_far}"
    headline = f"{bold}: {_pairs_won(pair, result)}, {p_text(pair.p_in_order or 1.0)} at every look."
    return Finding(headline, tuple(_order_details(pair, result)))


def _pairs_won(pair: PopulationPair, result: SequentialComparison) -> str:
    if not result.won + result.lost + result.tied:
        return "no pair of networks has ended"
    ties = f" with {counted(result.tied, 'tie')}" if result.tied else ""
    pairs = counted(result.n - result.left_out, "pair")
    return f"{pair.first.name} wins {result.won:,} of {pairs}{ties}, {in_order_share(result, pair.pairs)}"


def _order_details(pair: PopulationPair, result: SequentialComparison) -> Iterator[str]:
    to_come = pair.first.pending + pair.second.pending
    if to_come:
        yield f"{counted(to_come, 'run')} to come; n{NBSP}={NBSP}{counted(result.n, 'pair')} in draw order."
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
        yield (
            f"{answered} of {len(pairs)} pairs {'is' if answered == 1 else 'are'} decided; this one is the surest."
            if answered
            else f"None of the {len(pairs)} pairs is decided."
        )


def _of_n(failed: int, n: int) -> str:
    return f"{failed:,} of {n:,}"


def _of_one(population: AnalysedPopulation) -> Finding:
    n, failed = population.networks, population.failed
    so_far = " used so far" if population.pending else ""
    missing = tuple(_missing_words([population]))
    if failed == n:
        return Finding(f"{_none_finished([population])}.", missing)
    if n == 1:
        return Finding(
            f"The one network of {population.name}{so_far} has an error of {fixed(population.edf.min)}{NBSP}%.", missing
        )
    median = population.median
    if math.isinf(median.value):
        return Finding(f"Half or more of the {n:,} networks of {population.name}{so_far} failed: {failed:,}.", missing)
    looks = " at every look" if population.pending else ""
    ends = "no interval yet"
    if says_something(median.interval):
        ends = f"95{NBSP}%{looks}: {between(median.interval).strip('()')}"
    details = []
    if failed:
        details.append(f"{counted(failed, 'network')} failed and rank{'s' if failed == 1 else ''} behind every error.")
    return Finding(
        f"Half of the {n:,} networks of {population.name}{so_far} have an error of at most "
        f"{fixed(median.value)}{NBSP}% ({ends}).",
        (*details, *missing),
    )


def _missing_words(populations: Sequence[AnalysedPopulation]) -> Iterator[str]:
    missing = sum(one.missing for one in populations)
    if missing == 1:
        yield "1 run, such as that of a lost machine, says nothing of its network and is left out."
    elif missing:
        yield f"{missing:,} runs, such as those of a lost machine, say nothing of their networks and are left out."


def short_finding(populations: Sequence[AnalysedPopulation], pairs: Sequence[PopulationPair]) -> ShortFinding:
    """The finding of a list's line, with its uncertainty."""
    sizes = f"n{NBSP}{joined([f'{population.networks:,}' for population in populations])}"
    so_far = " so far" if any(population.pending for population in populations) else ""
    if not pairs:
        return _short_of_one(populations[0], so_far, sizes)
    pair = pairs[0]
    looks = " at every look" if pair.by_order else ""
    tested = f"{p_text(pair.p_value)}{looks}; {sizes}" if pair.p_value is not None else sizes
    if pair.verdict not in LOWER:
        words = {
            Verdict.ALIKE: "alike within the margin",
            Verdict.TOO_FEW: "too few to tell apart",
            Verdict.ALL_TIED: "all of the same error" if pair.first.n else "all failed",
            Verdict.NOTHING: "nothing to compare",
        }.get(pair.verdict, "no difference shown")
        return ShortFinding(words + so_far, f"({tested})")
    ends = interval_words(pair.interval, differs=True)
    words = f"{pair.first.name} lower in {share_words(pair.theta)}{NBSP}% of pairs{so_far}"
    if pair.of_all.mostly_failures:
        words += ", failures counted"
    return ShortFinding(words, f"({ends}; {tested})")


def _short_of_one(population: AnalysedPopulation, so_far: str, sizes: str) -> ShortFinding:
    if population.failed == population.networks:
        return ShortFinding("all failed", f"({sizes})")
    median = population.median
    if math.isinf(median.value):
        return ShortFinding("half or more failed", f"({sizes})")
    ends = between(median.interval).strip("()") if says_something(median.interval) else "no interval yet"
    return ShortFinding(f"median error {fixed(median.value)}{NBSP}%{so_far}", f"({ends}; {sizes})")
