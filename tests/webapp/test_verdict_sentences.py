"""What the head of a page says of two spaces in every case, word for word, and that page, files and lists agree."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from html import unescape
from typing import Any

import numpy as np
import pytest

from engine import statistics
from engine.statistics.population import Population
from tests.webapp import pages, rows
from tests.webapp.api_calls import caller
from webapp.analysis import SpacePopulation
from webapp.analysis.comparing import compare_pairs, pair_table, theta_ends
from webapp.analysis.finding import Finding, finding, short_finding
from webapp.analysis.in_order import verdict_sentence
from webapp.analysis.normalising import compare_at_cost
from webapp.models import FailureKind, Regime, ResultPage, Space
from webapp.queries import TrainedPopulation
from webapp.wording import p_value

FAILED, SILENT = math.inf, math.nan  # by its own doing, and in a way that says nothing of the network
LOOKED = (
    "Networks were added or withdrawn after results could be seen, so this is the verdict that allows for looking; a "
    "plain test would not."
)


def population(
    name: str,
    outcomes: Sequence[float] | Any,
    *,
    pending: int = 0,
    looked_at: bool = False,
    in_order: Sequence[float] | None = None,
    has_order: bool = True,
    regime: Regime | None = None,
    total: int | None = None,
    flops: Sequence[float] | None = None,
) -> SpacePopulation:
    """``flops`` are of the networks that finished."""
    values = np.array(outcomes, dtype=float)
    samples = Population.from_columns(
        {"error": values[np.isfinite(values)]} | ({} if flops is None else {"flops": flops}),
        failed=int(np.isinf(values).sum()),
        missing=int(np.isnan(values).sum()),
        pending=pending,
    )
    order = (values if in_order is None else np.array(in_order, dtype=float)) if has_order else None
    data = TrainedPopulation(samples, ahead=np.array([]), in_order=order, looked_at=looked_at)
    return SpacePopulation(space=Space(slot=1), regime=regime or Regime(), data=data, name=name, total=total)


def spread(low: float, high: float, n: int) -> list[float]:
    return [float(x) for x in np.linspace(low, high, n)]


def shuffled(values: Sequence[float], seed: int) -> list[float]:
    return [float(x) for x in np.random.default_rng(seed).permutation(np.array(values, dtype=float))]


def of(*populations: SpacePopulation) -> Finding:
    """The finding with plain spaces."""
    result = finding(populations, compare_pairs(populations))
    return Finding(plain(result.headline), tuple(map(plain, result.details)))


def short(*populations: SpacePopulation) -> str:
    result = short_finding(populations, compare_pairs(populations))
    return plain(f"{result.words} {result.note}")


def in_order(*populations: SpacePopulation) -> str:
    pair = compare_pairs(populations)[0]
    assert pair.in_order is not None
    return plain(verdict_sentence(pair, pair.in_order))


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


# Finished batches


def test_one_is_lower() -> None:
    both = population("B", spread(40, 60, 40)), population("A", spread(30, 50, 40))
    assert of(*both) == Finding(
        "A has lower errors than B: a network of A beats one of B in 87 % of pairs (95 %: 77–93 %), p < 0.001.",
        ("In the median pair the error of A is lower by 10.0 points (6.9–13.1); n = 40 and 40.",),
    )
    assert short(*both) == "A lower in 87 % of pairs (77–93 %; p < 0.001; n 40 and 40)"


CUT = [32, 34, 35, 40, 45, 45, 46, 49], [40, 41, 46, 46, 48, 51, 54, 54]


def test_an_interval_that_the_test_cuts_says_on_which_side_of_a_half_it_lies() -> None:
    both = population("A", CUT[0]), population("B", CUT[1])
    test = statistics.compare_errors(*CUT)
    assert test.verdict is statistics.Verdict.A_LOWER
    assert test.interval[0] == 0.5
    share, high, p = f"{100 * test.theta:.0f}", f"{100 * test.interval[1]:.0f}", f"{test.p_value:.3f}"
    result = of(*both)
    assert result.headline == (
        f"A has lower errors than B: a network of A beats one of B in {share} % of pairs "
        f"(95 %: above 50 %, up to {high} %), p = {p}."
    )
    assert test.difference is not None
    assert test.difference_interval is not None
    assert result.details == (
        f"In the median pair the error of A is lower by {-test.difference:.1f} points "
        f"(above 0, up to {-test.difference_interval[0]:.1f}); n = 8 and 8.",
    )
    assert short(*both) == f"A lower in {share} % of pairs (above 50 %, up to {high} %; p = {p}; n 8 and 8)"


@pytest.mark.parametrize(
    ("interval", "differs", "words"),
    [
        ((0.84, 0.93), True, "84–93 %"),
        ((0.5, 0.96), True, "above 50 %, up to 96 %"),
        ((0.04, 0.5), True, "from 4 %, below 50 %"),
        ((0.44, 0.5), False, "44–50 %"),
        ((0.0, 1.0), False, "0–100 %"),
    ],
)
def test_an_end_of_a_half_is_named_by_its_side_only_where_one_is_lower(
    interval: tuple[float, float], differs: bool, words: str
) -> None:
    assert plain(theta_ends(interval, differs=differs)) == words


def test_a_difference_inside_the_margin_is_slight() -> None:
    both = population("A", spread(30, 60, 1000)), population("B", spread(31.2, 61.2, 1000))
    assert of(*both) == Finding(
        "A has slightly lower errors than B: a network of A beats one of B in 54 % of pairs (95 %: 51–56 %), inside "
        "the margin of 40–60 % that counts as alike, p = 0.003.",
        ("In the median pair the error of A is lower by 1.2 points (0.4–2.0); n = 1,000 and 1,000.",),
    )
    assert short(*both) == "A slightly lower in 54 % of pairs (51–56 %; p = 0.003; n 1,000 and 1,000)"


def test_a_difference_that_rounds_to_a_half_shows_its_decimals() -> None:
    both = population("A", spread(30, 60, 60_000)), population("B", spread(30.12, 60.12, 60_000))
    assert of(*both).headline == (
        "A has slightly lower errors than B: a network of A beats one of B in 50.40 % of pairs (95 %: above 50 %, up "
        "to 51 %), inside the margin of 40–60 % that counts as alike, p = 0.017."
    )


def test_where_most_of_both_have_one_error_the_median_pair_has_no_difference() -> None:
    result = of(population("A", [*[30.0] * 18, 31, 31]), population("B", [*[30.0] * 11, *[31.0] * 9]))
    assert result.headline.startswith("A has lower errors than B: a network of A beats one of B in 68 % of pairs (")
    assert result.details == (
        "In the median pair the errors are less than 0.1 points apart (at most 1.0); n = 20 and 20.",
    )


def test_no_difference_is_shown() -> None:
    both = population("A", spread(30, 50, 12)), population("B", spread(31, 52, 12))
    assert of(*both) == Finding(
        "No difference between A and B is shown: a network of A beats one of B in 56 % of pairs (95 %: 32–77 %), "
        "p = 0.63.",
        ("The median difference, A minus B, is −1.5 points (−7.5 to +4.5); n = 12 and 12.",),
    )
    assert short(*both) == "no difference shown (p = 0.63; n 12 and 12)"


def test_two_are_alike_within_the_margin() -> None:
    both = population("A", spread(30, 60, 1000)), population("B", spread(30.2, 60.2, 1000))
    assert of(*both) == Finding(
        "A and B are alike within the margin: a network of A beats one of B in 51 % of pairs (95 %: 48–53 %, margin "
        "40–60 %), p = 0.62.",
        ("The median difference, A minus B, is −0.2 points (−1.0 to +0.6); n = 1,000 and 1,000.",),
    )
    assert short(*both) == "alike within the margin (p = 0.62; n 1,000 and 1,000)"


def test_too_few_to_tell_apart_says_how_many_it_takes() -> None:
    two = population("A", [30, 31, 32]), population("B", [40, 41, 42, FAILED])
    assert of(*two) == Finding(
        "Too few networks to tell A and B apart: 3 and 4 of them ended.",
        (
            "With 1 comparison at least 4 of each are needed.",
            "0 of 3 networks of A and 1 of 4 of B failed and rank behind every error.",
        ),
    )
    assert short(*two) == "too few to tell apart (n 3 and 4)"
    three = of(*two[:1], population("B", [40, 41, 42]), population("C", [50, 51, 52]))
    assert three.details[0] == "With 3 comparisons at least 5 of each are needed."


# Failures


def test_some_failures_are_named_with_their_spaces() -> None:
    both = population("A", spread(30, 50, 100)), population("B", [*spread(34, 54, 93), *[FAILED] * 7])
    assert of(*both) == Finding(
        "A has lower errors than B: a network of A beats one of B in 70 % of pairs (95 %: 63–77 %), p < 0.001.",
        (
            "In the median pair the error of A is lower by 4.8 points (3.0–6.7); n = 100 and 100.",
            "0 of 100 networks of A and 7 of 100 of B failed and rank behind every error.",
        ),
    )


def test_failures_open_the_interval_of_the_difference() -> None:
    a, b = [30, 31, 32, 33, FAILED, FAILED], [29, 31, 33, 35, FAILED, FAILED]
    assert of(population("A", a), population("B", b)).details[0] == (
        "The median difference, A minus B, is 0.0 points (no interval yet); n = 6 and 6."
    )
    few = of(population("A", [30, 31, 32, 33]), population("B", [29, 31, FAILED, FAILED]))
    assert few.details[0] == (
        "In half of the pairs or more a network failed, so there is no median difference in points; n = 4 and 4."
    )


def test_where_most_of_one_failed_that_is_said_first() -> None:
    both = population("A", [*spread(30, 50, 15), FAILED]), population("B", [35, 45, 55, *[FAILED] * 13])
    assert of(*both) == Finding(
        "More than half of the networks of B failed: 13 of 16 of B, 1 of 16 of A.",
        (
            "Counting a failure as worse than any error, a network of A beats one of B in 90 % of pairs "
            "(95 %: 72–97 %): A has lower errors; p < 0.001.",
            "Of those that finished alone, one of A beats one of B in 67 % of pairs (no difference shown). No "
            "difference in points is printed.",
        ),
    )
    assert short(*both) == "A lower in 90 % of pairs, failures counted (72–97 %; p < 0.001; n 16 and 16)"


def test_where_most_of_both_failed_both_are_named() -> None:
    both = population("A", [*spread(30, 50, 7), *[FAILED] * 9]), population("B", [35, 45, 55, *[FAILED] * 13])
    assert of(*both) == Finding(
        "More than half of the networks of A and of B failed: 9 of 16 of A, 13 of 16 of B.",
        (
            "Counting a failure as worse than any error, a network of A beats one of B in 64 % of pairs "
            "(95 %: 45–79 %): no difference is shown; p = 0.10.",
            "Of those that finished alone, one of A beats one of B in 67 % of pairs (no difference shown). No "
            "difference in points is printed.",
        ),
    )
    assert short(*both) == "no difference shown, failures counted (p = 0.10; n 16 and 16)"


def test_two_of_one_name_are_counted_apart() -> None:
    result = of(population("A", spread(30, 50, 16)), population("A", [35, *[FAILED] * 15]))
    assert result.headline == "More than half of the networks of A failed: 15 of 16 of A, 0 of 16 of A."


def test_who_is_lower_only_for_the_failures_of_the_other_loses_among_those_that_finished() -> None:
    result = of(population("A", spread(40, 50, 40)), population("B", [*spread(30, 35, 14), *[FAILED] * 26]))
    assert result.headline == "More than half of the networks of B failed: 26 of 40 of B, 0 of 40 of A."
    assert result.details[-1] == (
        "Of those that finished alone, one of A beats one of B in below 1 % of pairs (B lower). No difference in "
        "points is printed."
    )
    assert result.details[0].startswith(
        "Counting a failure as worse than any error, a network of A beats one of B in 65 % of pairs ("
    )


def test_where_all_of_one_failed_there_is_no_difference_in_points() -> None:
    both = population("A", spread(30, 50, 16)), population("B", [FAILED] * 16)
    assert of(*both) == Finding(
        "More than half of the networks of B failed: 16 of 16 of B, 0 of 16 of A.",
        (
            "Counting a failure as worse than any error, a network of A beats one of B in over 99 % of pairs "
            "(95 %: 87–100 %): A has lower errors; p < 0.001.",
            "No network of B finished, so there is no difference in points.",
        ),
    )
    assert short(*both) == "A lower in over 99 % of pairs, failures counted (87–100 %; p < 0.001; n 16 and 16)"


def test_where_all_failed_there_is_nothing_to_tell() -> None:
    both = population("A", [FAILED] * 5), population("B", [FAILED] * 7)
    assert of(*both) == Finding("No network of A or B finished: all 12 failed.")
    assert short(*both) == "all failed (n 5 and 7)"


def test_equal_errors_tell_nothing_apart() -> None:
    both = population("A", [30.0] * 12), population("B", [30.0] * 12)
    assert of(*both) == Finding(
        "All 24 networks of A and B have the same error, 30.0 %.", ("Nothing tells them apart.",)
    )
    assert short(*both) == "all of the same error (n 12 and 12)"
    assert of(population("A", [30.0]), population("B", [30.0])) == Finding(
        "Both networks of A and B have the same error, 30.0 %.",
        ("Nothing tells them apart.", "With 1 comparison at least 4 of each are needed."),
    )


@pytest.mark.parametrize(
    ("error", "data_set", "chance"),
    [
        (90.0, "fashion-mnist", ", which is chance for 10 classes: none has learnt"),
        (89.9, "fashion-mnist", ""),
        (90.0, "none-known", ""),
    ],
)
def test_the_error_of_guessing_means_that_none_has_learnt(error: float, data_set: str, chance: str) -> None:
    regime = Regime(data_set=data_set)
    both = (population(name, [error] * 12, regime=regime) for name in "AB")
    assert of(*both).headline == f"All 24 networks of A and B have the same error, {error} %{chance}."


def test_runs_that_say_nothing_are_counted_and_left_out() -> None:
    a, b = spread(30, 50, 40), spread(40, 60, 40)
    whole = of(population("A", a), population("B", b))
    some = of(population("A", [*a, SILENT, SILENT]), population("B", [*b, SILENT]))
    assert some.headline == whole.headline
    assert some.details == (
        *whole.details,
        "3 runs ended without saying anything of their networks (their machine was lost, say) and are left out.",
    )
    assert of(population("A", [*a, SILENT]), population("B", b)).details[-1] == (
        "1 run ended without saying anything of its network (its machine was lost, say) and is left out."
    )


# Shapes


def test_curves_that_cross_are_told_where_neither_is_lower() -> None:
    narrow, wide = spread(48, 52, 60), spread(30, 70, 60)
    result = of(population("A", narrow), population("B", wide))
    assert result.headline == (
        "No difference between A and B is shown: a network of A beats one of B in 50 % of pairs (95 %: 38–62 %), "
        "p = 1.00."
    )
    assert statistics.ks_test(narrow, wide).distance == pytest.approx(0.45)
    assert result.details == (
        "The median difference, A minus B, is 0.0 points (−5.1 to +5.1); n = 60 and 60.",
        "Their curves differ in shape (KS D = 0.45, p < 0.001): neither is lower throughout.",
    )


# While runs are to come


def at_equal_flops(first: SpacePopulation, second: SpacePopulation) -> Finding:
    pairs = compare_pairs([first, second])
    equal = compare_at_cost(pairs[0].first, pairs[0].second, "flops")
    result = finding([first, second], pairs, equal)
    return Finding(plain(result.headline), tuple(map(plain, result.details)))


def by_flops(name: str, *, flops: Sequence[float], shift: float = 0.0, seed: int = 0) -> SpacePopulation:
    """Networks whose errors fall with their flops alone, but for a shift."""
    noise = np.random.default_rng(seed).normal(0, 1, len(flops))
    return population(name, 80 - 30 * np.array(flops) + shift + noise, flops=flops)


def test_a_difference_that_larger_networks_explain_is_said_in_the_headline() -> None:
    result = at_equal_flops(
        by_flops("Small", flops=spread(0.5, 1.2, 60)), by_flops("Large", flops=spread(0.8, 1.5, 60), seed=1)
    )
    assert result.headline.startswith("Large has lower errors than Small, but none is shown at equal flops: ")
    (told,) = [sentence for sentence in result.details if sentence.startswith("Their flops differ; ")]
    assert told.startswith("Their flops differ; at equal flops a network of ")
    assert told.endswith(": no difference is shown there.")


def test_a_difference_that_stays_at_equal_flops_is_said_to_stay() -> None:
    result = at_equal_flops(
        by_flops("B", flops=spread(0.5, 1.2, 60), shift=20), by_flops("A", flops=spread(0.6, 1.3, 60), seed=1)
    )
    assert result.headline.startswith("A has lower errors than B: ")
    assert any(sentence.endswith(": A has lower errors there.") for sentence in result.details)


def test_a_difference_that_turns_at_equal_flops_is_said_to_turn() -> None:
    result = at_equal_flops(
        by_flops("Small", flops=spread(0.5, 1.2, 60)), by_flops("Large", flops=spread(0.8, 2.0, 60), shift=8, seed=1)
    )
    assert result.headline.startswith("Large has lower errors than Small, but Small has at equal flops: ")


def test_spaces_without_common_flops_are_not_compared_at_equal_ones() -> None:
    result = at_equal_flops(by_flops("B", flops=spread(0.5, 0.8, 20)), by_flops("A", flops=spread(1.0, 1.3, 20)))
    assert "Their flops differ, and overlap too little to compare them at equal flops." in result.details


def test_a_verdict_while_runs_are_to_come_holds_at_every_look() -> None:
    a, b = shuffled(spread(30, 50, 40), 1), shuffled(spread(40, 60, 40), 2)
    both = population("A", a, pending=10), population("B", b, pending=50)
    assert of(*both) == Finding(
        "A has lower errors than B so far: A wins 33 of 40 pairs, 82 % (95 % at every look: 62–96 %), p < 0.001 at "
        "every look.",
        ("60 runs to come; n = 40 pairs in draw order.",),
    )
    assert short(*both) == "A lower in 82 % of pairs so far (62–96 %; p < 0.001 at every look; n 40 and 40)"
    assert in_order(*both) == (
        "Decided after 12 of 40 pairs: a network of A beats one of B more often than not. A won 33, B 7, 0 tied: 82 % "
        "(95 % at every look: 62–96 %), p < 0.001 at every look."
    )


def test_no_difference_is_shown_so_far() -> None:
    a, b = shuffled(spread(30, 50, 20), 1), shuffled([*spread(30, 50, 10), *[FAILED] * 10], 2)
    both = population("A", a, pending=1), population("B", b)
    assert of(*both) == Finding(
        "No difference between A and B is shown so far: A wins 14 of 20 pairs, 70 % (95 % at every look: 44–93 %), "
        "p = 0.099 at every look.",
        (
            "1 run to come; n = 20 pairs in draw order.",
            "0 of 20 networks of A and 10 of 20 of B failed and rank behind every error.",
        ),
    )
    assert short(*both) == "no difference shown so far (p = 0.099 at every look; n 20 and 20)"


def test_before_the_first_pair_there_is_nothing_to_test() -> None:
    both = population("A", [30.0], pending=1), population("B", [31.0], pending=3, in_order=[])
    assert of(*both) == Finding(
        "No difference between A and B is shown so far: no pair of networks has ended.",
        ("4 runs to come; n = 0 pairs in draw order.",),
    )
    assert in_order(*both) == "Still open after 0 pairs: more may decide it."


def test_all_pairs_won_are_a_hundred_percent_of_them() -> None:
    both = population("A", [30.0, 31.0], pending=1), population("B", [40.0, 41.0, 42.0])
    assert of(*both).headline == (
        "No difference between A and B is shown so far: A wins 2 of 2 pairs, 100 % (95 % at every look: 14–100 %), "
        "p = 0.73 at every look."
    )


def test_pairs_that_are_tied_or_say_nothing_are_named() -> None:
    both = population("A", [30, 31, SILENT, FAILED], pending=1), population("B", [40, 31, 32, FAILED])
    assert of(*both).headline.startswith(
        "No difference between A and B is shown so far: A wins 1 of 3 pairs with 2 ties, 67 % ("
    )
    assert in_order(*both).startswith(
        "Still open after 4 pairs: more may decide it. A won 1, B 0, 2 tied, 1 left out: 67 %"
    )


def test_evidence_without_a_side_says_that_the_curves_may_cross() -> None:
    rng = np.random.default_rng(4)
    narrow, far = rng.normal(50, 2, 120).round(1), np.where(rng.random(120) < 0.5, 20.0, 80.0)
    both = population("A", narrow, pending=3), population("B", far)
    assert of(*both) == Finding(
        "A and B differ, but not clearly in who is lower: A wins 72 of 120 pairs, 60 % (95 % at every look: 48–74 %), "
        "p = 0.024 at every look.",
        ("3 runs to come; n = 120 pairs in draw order.", "Their curves may cross: see the EDF."),
    )
    assert short(*both) == "different, not clearly in who is lower (p = 0.024 at every look; n 120 and 120)"


def test_a_batch_that_was_extended_gets_the_verdict_that_allows_for_looking() -> None:
    a, b = shuffled(spread(30, 50, 40), 1), shuffled(spread(40, 60, 40), 2)
    both = population("A", a, looked_at=True), population("B", b)
    assert of(*both) == Finding(
        "A has lower errors than B: A wins 33 of 40 pairs, 82 % (95 % at every look: 62–96 %), p < 0.001 at every "
        "look.",
        ("n = 40 pairs in draw order.", LOOKED),
    )
    table = pair_table(compare_pairs(both))
    assert "First beats second (% of pairs), 95 %, not allowing for looking" in [one.title for one in table.columns]
    assert "p_at_every_look" in table.fields
    assert "p_holm" not in table.fields


def test_without_an_order_nothing_is_said_before_the_end() -> None:
    a, b = spread(30, 50, 12), spread(40, 60, 12)
    running = population("A", a, pending=2), population("B", b, has_order=False)
    assert of(*running) == Finding(
        "There is no verdict on A and B yet: runs are to come, and without the order in which their networks were "
        "drawn no test may be looked at before its end."
    )
    assert short(*running) == "no verdict so far (n 12 and 12)"
    extended = population("A", a, looked_at=True), population("B", b, has_order=False)
    assert of(*extended) == Finding(
        "There is no verdict on A and B: networks were added or withdrawn after results could be seen, and without the "
        "order in which their networks were drawn no test allows for that."
    )


def test_a_pair_with_a_plain_test_keeps_its_p_beside_those_at_every_look() -> None:
    a, b = shuffled(spread(30, 50, 40), 1), shuffled(spread(40, 60, 40), 2)
    c = population("C", spread(50, 70, 40), has_order=False)
    pairs = compare_pairs([population("A", a, pending=1), population("B", b, has_order=False), c])
    table = pair_table(pairs)
    values = table.as_columns()
    for row, pair in enumerate(pairs):
        assert values["p_holm"][row] == (None if pair.by_order else pair.of_all.p_adjusted)
        assert values["p_at_every_look"][row] is None  # no order is known of two
    assert sum(pair.by_order for pair in pairs) == 2


# One space


def test_one_space_is_described_by_its_median() -> None:
    assert of(population("A", spread(30, 60, 100))) == Finding(
        "Half of the 100 networks of A have an error of at most 45.0 % (95 %: 41.8–48.2)."
    )
    failing = population("A", [*spread(30, 60, 97), *[FAILED] * 3, SILENT])
    assert of(failing) == Finding(
        "Half of the 100 networks of A have an error of at most 45.5 % (95 %: 42.2–48.8).",
        (
            "3 networks failed and rank behind every error.",
            "1 run ended without saying anything of its network (its machine was lost, say) and is left out.",
        ),
    )
    assert of(population("A", [*spread(30, 60, 97), FAILED])).details == (
        "1 network failed and ranks behind every error.",
    )
    assert short(failing) == "median error 45.5 % (42.2–48.8; n 100)"


def test_one_space_of_which_many_failed_has_no_upper_end_or_no_median() -> None:
    many = population("A", [*spread(30, 60, 9), *[FAILED] * 7])
    assert (
        of(many).headline == "Half of the 16 networks of A have an error of at most 58.1 % (95 %: 41.2, no upper end)."
    )
    half = population("A", [30.0, 31.0, FAILED, FAILED, SILENT])
    assert of(half) == Finding(
        "Half or more of the networks of A failed: 2 of 4.",
        ("1 run ended without saying anything of its network (its machine was lost, say) and is left out.",),
    )
    assert short(half) == "half or more failed (n 4)"
    assert of(population("A", [FAILED] * 4)) == Finding("No network of A finished: all 4 that ended failed.")
    assert of(population("A", [FAILED], pending=2)) == Finding(
        "No network of A finished so far: the only one that ended failed."
    )


def test_one_space_of_one_network_or_of_some_so_far() -> None:
    assert of(population("A", [30.0])) == Finding("The one network of A has an error of 30.0 % (no interval yet).")
    running = population("A", spread(30, 60, 60), pending=4)
    assert of(running) == Finding(
        "Half of the 60 networks of A used so far have an error of at most 45.0 % (95 % at every look: 35.6–54.4)."
    )


# Several, and what to know before trusting it


def test_of_several_pairs_the_surest_is_told_with_how_many_are_decided() -> None:
    third = population("C", spread(40.2, 60.2, 40))
    three = population("A", spread(30, 50, 40)), population("B", spread(40, 60, 40)), third
    assert of(*three) == Finding(
        "A has lower errors than B: a network of A beats one of B in 87 % of pairs (95 % for all 3 pairs together: "
        "75–94 %), p < 0.001.",
        (
            "In the median pair the error of A is lower by 10.0 points (6.4–13.6); n = 40 and 40.",
            "2 of 3 pairs are decided; this is the one of smallest p.",
        ),
    )
    none = [population(name, spread(30, 50 + k, 9)) for k, name in enumerate("ABC")]
    assert of(*none).details[-1] == "None of the 3 pairs is decided; this is the one of smallest p."


def test_while_runs_are_to_come_the_interval_holds_for_all_pairs_too() -> None:
    three = [
        population(name, shuffled(spread(low, low + 20, 40), low), pending=1)
        for name, low in (("A", 30), ("B", 40), ("C", 41))
    ]
    assert "(95 % for all 3 pairs together at every look: " in of(*three).headline


def test_other_regimes_and_filters_are_told() -> None:
    regimes = Regime(pk=1), Regime(pk=2)
    result = of(
        population("A", spread(30, 50, 9), regime=regimes[0]),
        population("B", spread(30, 51, 9), regime=regimes[1], total=20),
    )
    assert result.details[1:] == (
        "They were trained under different regimes, which may be what tells them apart.",
        "The filter was chosen by hand: p is as if it had been chosen before the errors were seen.",
    )


def test_names_are_taken_as_they_are() -> None:
    odd = population("No difference, 100 % {0} <b>", spread(30, 50, 16)), population("=B; x", [35, *[FAILED] * 15])
    result = of(*odd)
    assert result.headline == (
        "More than half of the networks of =B; x failed: 15 of 16 of =B; x, 0 of 16 of No difference, 100 % {0} <b>."
    )
    assert ": No difference, 100 % {0} <b> has lower errors; p < 0.001." in result.details[0]


# From the headline to the last file


class Study:
    """Two spaces under one regime, trained to what they are given; the page of both is saved as a result."""

    def __init__(self, first: Sequence[float | FailureKind], second: Sequence[float | FailureKind]) -> None:
        self.team, self.user = rows.a_team()
        self.client = pages.client_of(self.user)
        self.regime = rows.a_regime(self.team, self.user)
        make = (self.team, self.user, self.regime)
        self.first, _ = pages.trained(*make, name="First", preset="RegNetX-small", errors=first)
        self.second, _ = pages.trained(*make, name="Second", preset="RegNetX-small", errors=second)
        self.query = f"?p={self.first.pk}-{self.regime.pk}&p={self.second.pk}-{self.regime.pk}"
        self.client.post(f"/results/new/{self.query}", {"title": "Both", "notes": ""})

    def text(self, address: str) -> str:
        response = self.client.get(address)
        assert response.status_code == 200, address
        return plain(unescape(response.content.decode()))

    def csv(self, table: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.text(f"/analyses/tables/{table}.csv{self.query}"))))

    def api(self) -> dict[str, Any]:
        status, answer = caller(self.user, self.team).get(f"/analyses{self.query}")
        assert status == 200
        found: dict[str, Any] = answer
        return found

    def everywhere(self) -> list[str]:
        """The page, the saved page, the frozen page and the offline report."""
        page = f"/results/{ResultPage.objects.get().pk}/"
        texts = [self.text(f"/analyses/{self.query}"), self.text(page)]
        texts.append(self.text(f"/analyses/report.html{self.query}"))
        self.client.post(f"{page}freeze/")
        return [*texts, self.text(page)]


@pytest.mark.django_db
def test_a_study_in_which_half_of_one_space_diverged_reads_the_same_everywhere() -> None:
    a, b = shuffled(spread(30, 40, 16), 1), shuffled(spread(29, 39, 7), 2)
    study = Study(a, [*b, *[FailureKind.DIVERGED] * 9])
    outcomes = [*b, *[FAILED] * 9]
    test, shape = statistics.compare_errors(a, outcomes), statistics.ks_test(a, outcomes)
    low, high = (f"{100 * end:.0f}" for end in test.interval)
    share, p = f"{100 * test.theta:.0f}", p_value(test.p_value)
    verdict = "First has lower errors" if test.differs else "no difference is shown"
    alone = statistics.compare_errors(a, b)
    listed = study.text("/results/")
    for text in study.everywhere():
        assert (
            '<h1 class="finding">More than half of the networks of Second failed: 9 of 16 of Second, 0 of 16 of First.'
            "</h1>"
        ) in text
        assert (
            f"Counting a failure as worse than any error, a network of First beats one of Second in {share} % of pairs "
            f"(95 %: {low}–{high} %): {verdict}; p = {p}."
        ) in text
        assert f"one of First beats one of Second in {100 * alone.theta:.0f} % of pairs (" in text
        assert "half of Second or more failed" in text
        assert "Failed, which rank behind every error and keep a curve from its top: 9 of 16 of Second." in text
        tables = pages.tables(text)
        _, second = tables["Populations"]
        assert (second["n"], second["Failed"], second["Missing"]) == ("16", "9", "0")
        assert second["Median (%), 95 %"].startswith("among the failed")
        (pair,) = tables["Pairwise tests"]
        assert pair["First beats second (% of pairs), 95 %"] == f"{share} ({low}–{high})"
        assert pair["Median difference (points), 95 %"] == "–"
        assert (pair["p, Holm"], pair["Second failed"]) == (p, "9 of 16")
    words = f"First lower in {share} % of pairs" if test.differs else "no difference shown"
    assert f"<td>{words}, failures counted <span" in listed
    (row,) = study.csv("pairwise-tests")
    assert float(row["theta_percent"]) == 100 * test.theta
    assert (row["second_failed_total"], row["second_failed"], row["median_difference_points"]) == ("16", "9", "")
    assert float(row["ks_distance"]) == shape.distance
    answer = study.api()
    (found,) = answer["pairs"]
    assert (found["verdict"], found["failed"], found["n"]) == (test.verdict, [0, 9], [16, 16])
    assert found["theta"]["value"] == pytest.approx(test.theta)
    assert found["median_difference"] is None
    assert answer["populations"][1]["median"]["value"] is None
    assert answer["finding"].startswith("More than half of the networks of Second failed")


@pytest.mark.django_db
def test_a_space_of_which_all_failed_does_not_vanish() -> None:
    study = Study(spread(30, 40, 6), [FailureKind.DIVERGED] * 6)
    listed = study.text("/results/")
    for text in study.everywhere():
        assert "More than half of the networks of Second failed: 6 of 6 of Second, 0 of 6 of First." in text
        assert "No network of Second finished, so there is no difference in points." in text
        assert "n 6, 6 failed" in text  # the legend
        _, second = pages.tables(text)["Populations"]
        assert second["Space"] == "Second"
        assert (second["n"], second["Failed"], second["Best of n (%)"]) == ("6", "6", "–")
        assert [one["Verdict"] for one in pages.tables(text)["Pairwise tests"]] == ["First lower"]
    assert "First lower in over 99 % of pairs, failures counted" in listed
    assert [row["space"] for row in study.csv("populations")] == ["First", "Second"]
    assert [row["second_failed"] for row in study.csv("pairwise-tests")] == ["6"]
    answer = study.api()
    assert [(one["n"], one["failed"], one["min"]) for one in answer["populations"]] == [(6, 0, 30.0), (6, 6, None)]
    assert [pair["verdict"] for pair in answer["pairs"]] == ["a_lower"]


@pytest.mark.django_db
def test_where_all_of_both_failed_the_page_says_so() -> None:
    study = Study([FailureKind.DIVERGED] * 4, [FailureKind.INVALID_DESIGN] * 4)
    for text in study.everywhere():
        assert "No network of First or Second finished: all 8 failed." in text
        assert [one["Failed"] for one in pages.tables(text)["Populations"]] == ["4", "4"]
    assert "all failed" in study.text("/results/")
    assert [row["failed"] for row in study.csv("populations")] == ["4", "4"]
    assert study.api()["pairs"][0]["verdict"] == "all_tied"


@pytest.mark.django_db
def test_failures_by_machines_move_no_verdict_and_are_counted_as_missing() -> None:
    a, b = shuffled(spread(30, 40, 8), 1), shuffled(spread(36, 46, 8), 2)
    study = Study(a, [*b[:4], FailureKind.CODE_ERROR, FailureKind.LOST_WORKER, *b[4:]])
    test = statistics.compare_errors(a, b)
    for text in study.everywhere():
        assert f"in {100 * test.theta:.0f} % of pairs (95 %: " in text
        assert (
            "2 runs ended without saying anything of their networks (their machine was lost, say) and are left out."
            in text
        )
        assert "Hatched: where the EDF would lie, whatever the missing ones had given (2 of 10 of Second, " in text
        _, second = pages.tables(text)["Populations"]
        assert (second["n"], second["Failed"], second["Missing"]) == ("8", "0", "2")
    (row,) = study.csv("pairwise-tests")
    assert (float(row["theta_percent"]), row["second_failed_total"]) == (100 * test.theta, "8")
    answer = study.api()
    (pair,) = answer["pairs"]
    assert (pair["verdict"], pair["p_value"], pair["left_out"]) == (test.verdict, test.p_value, [0, 2])
    assert [(one["n"], one["missing"]) for one in answer["populations"]] == [(8, 0), (8, 2)]
