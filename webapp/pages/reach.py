"""How far the evidence reaches: is n enough, what a random search finds, whether complexities are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.statistics import holm
from engine.statistics.comparisons import ks_test
from webapp.pages import remembered
from webapp.pages.figures import Figure, Table, text_columns
from webapp.pages.findings import Shown
from webapp.plots import evidence as evidence_plots
from webapp.plots.evidence import Line
from webapp.queries import COMPLEXITIES
from webapp.wording import NBSP, between, counted, fixed, joined, p_text, significant

FEWEST = 8  # samples, for a study of parts of them
SEARCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
ENOUGH_FOR_A_MEAN = 12  # samples: the BCa interval covers the mean in 48 % of cases at 2, 85 % at 10, 95 % at 30
MOST_POINTS = 200  # of a curve as drawn
MOST_BINS = 24
ALIKE = 0.05  # p-value, Holm, above which complexities count as alike


def sample_size_shown(shown: Shown) -> Figure | None:
    """How far the EDF of a part lies from that of all; None below eight samples."""
    if shown.n < FEWEST:
        return None
    study = remembered.sample_sizes(shown.errors)
    rows = [
        [f"{m:,}", f"{fixed(d, 3)} ({fixed(low, 3)}–{fixed(high, 3)})", fixed(width, 3)]
        for m, d, low, high, width in zip(
            study.m.tolist(), study.distance, study.low, study.high, study.band_half_width, strict=True
        )
    ]
    at = int(np.argmin(np.abs(np.log(study.m / 100))))
    caption = (
        f"{counted(int(study.m[at]), 'random sample')} of these {study.n:,} give an EDF that lies "
        f"{fixed(study.distance[at], 3)} from that of all, on average ({study.repeats} repetitions; shaded: 95{NBSP}% "
        f"of them). Dashed: how far an EDF of so many may lie from the truth, 95{NBSP}%: "
        f"± {fixed(study.band_half_width[at], 3)}; of all {study.n:,} it is ± {fixed(shown.band.half_width, 3)}."
    )
    return Figure(
        element="sample-size",
        plot=evidence_plots.sample_size_figure(study, key=shown.key, slot=shown.slot),
        caption=caption,
        table=Table("Is n enough", text_columns("Samples", "KS distance to all, 95 %", "Band, ±", text=0), rows),
        size="mid",
        title="Is n enough?",
    )


def search_shown(populations: Sequence[Shown]) -> Figure:
    """What the best of so many random samples reaches on average, exactly, up to the n of each population."""
    lines = [_search_line(shown) for shown in populations]
    largest = max(shown.n for shown in populations)
    sizes = [m for m in SEARCH_SIZES if m <= largest]
    rows = [[f"{m:,}", *(_best_cell(shown, m) for shown in populations)] for m in sizes]
    common = [m for m in sizes if all(4 * m <= shown.n for shown in populations)] or [1]
    reached = joined([f"{_best_cell(shown, common[-1], unit=True)} in {shown.name}" for shown in populations])
    return Figure(
        element="random-search",
        plot=evidence_plots.search_figure(lines),
        caption=(
            f"The best of {counted(common[-1], 'random sample')} has on average an error of {reached}; in brackets "
            f"95{NBSP}%, from {joined([f'n = {shown.n:,}' for shown in populations])}. The lower the curve and the "
            "sooner it is flat, the less a search in that space costs."
        ),
        table=Table(
            "Random search",
            text_columns("Samples", *(f"{shown.name}, best error (%), 95 %" for shown in populations), text=0),
            rows,
        ),
        size="mid",
        title="Random search",
    )


def _search_line(shown: Shown) -> Line:
    curve = remembered.search_curve(shown.errors)
    places = np.unique(np.round(np.geomspace(1, shown.n, MOST_POINTS)).astype(int)) - 1
    return Line(shown.key, shown.slot, curve.m[places].astype(np.float64), curve.expected_min[places])


def _best_cell(shown: Shown, m: int, *, unit: bool = False) -> str:
    """The expected best of m; its interval only where the curve is known well enough to have one."""
    if m > shown.n:
        return "–"
    found = remembered.best_of(shown.errors, m)
    sign = f"{NBSP}%" if unit else ""
    if 4 * m > shown.n:
        return f"{fixed(found.value, 2)}{sign}"
    return f"{fixed(found.value, 2)}{sign} ({fixed(found.interval[0], 2)}–{fixed(found.interval[1], 2)})"


@dataclass(frozen=True)
class CostTest:
    """One complexity of two populations; the p-value is Holm's over all tests of the page."""

    cost: str
    first: Shown
    second: Shown
    distance: float
    interval: tuple[float, float]
    p_adjusted: float


def cost_tests(populations: Sequence[Shown]) -> list[CostTest]:
    """Whether the populations are alike in complexity: every cost that both of a pair know."""
    asked = [
        (cost, first, second)
        for cost in COMPLEXITIES
        for first, second in combinations(populations, 2)
        if cost in first.costs and cost in second.costs
    ]
    tests = [ks_test(first.trained.population[cost], second.trained.population[cost]) for cost, first, second in asked]
    adjusted = holm([test.p_value for test in tests]) if tests else np.array([])
    return [
        CostTest(*one, test.distance, test.interval, float(p))
        for one, test, p in zip(asked, tests, adjusted, strict=True)
    ]


def cost_warning(tests: Sequence[CostTest]) -> str:
    """Which complexities differ, as a reason to normalise; empty where none does."""
    differing = [test for test in tests if test.p_adjusted <= ALIKE]
    if not differing:
        return ""
    costs = joined(list(dict.fromkeys(test.cost for test in differing)))
    worst = max(differing, key=lambda test: test.distance)
    return (
        f"The populations differ in complexity ({costs}; {worst.cost} of {worst.first.name} and {worst.second.name}: "
        f"KS{NBSP}D{NBSP}={NBSP}{fixed(worst.distance, 2)} {between(worst.interval, 2)}, "
        f"{p_text(worst.p_adjusted)} after Holm). A part of the difference in error may come from that: look at the "
        "EDFs normalised by complexity before you conclude."
    )


def few_samples_warning(used: Sequence[Shown]) -> str:
    """Which populations are too small for the interval of their mean; empty where none is."""
    few = [f"{shown.name} has {counted(shown.n, 'sample')}" for shown in used if shown.n < ENOUGH_FOR_A_MEAN]
    if not few:
        return ""
    return (
        f"{joined(few)}. With fewer than {ENOUGH_FOR_A_MEAN} the interval of a mean is too narrow: take the finding "
        "as a hint, and train more designs before you conclude."
    )


def cost_words(tests: Sequence[CostTest]) -> str:
    """For the facts at the head of the page."""
    if not tests:
        return ""
    lowest = min(tests, key=lambda test: test.p_adjusted)
    alike = "complexity alike" if lowest.p_adjusted > ALIKE else "complexity differs"
    return f"{alike} ({lowest.cost}, KS {p_text(lowest.p_adjusted)})"


def cost_figures(populations: Sequence[Shown], tests: Sequence[CostTest]) -> list[Figure]:
    """One histogram a complexity, all populations on the same bins."""
    return [
        _cost_figure(cost, known, [test for test in tests if test.cost == cost])
        for cost in COMPLEXITIES
        if (known := [shown for shown in populations if cost in shown.costs])
    ]


def _cost_figure(cost: str, populations: Sequence[Shown], tests: Sequence[CostTest]) -> Figure:
    columns = [shown.trained.population[cost] / 1e6 for shown in populations]
    low, high = min(column.min() for column in columns), max(column.max() for column in columns)
    bins = min(MOST_BINS, max(4, int(np.sqrt(min(len(column) for column in columns)))))
    edges = np.linspace(low, high if high > low else low + max(1e-6, abs(low) * 1e-3), bins + 1)
    shares = [np.histogram(column, bins=edges)[0] / len(column) for column in columns]
    lines = [(shown.key, shown.slot, share) for shown, share in zip(populations, shares, strict=True)]
    rows = [
        [shown.name, f"{len(column):,}", *(significant(float(q)) for q in np.quantile(column, (0, 0.25, 0.5, 0.75, 1)))]
        for shown, column in zip(populations, columns, strict=True)
    ]
    caption = "One population: nothing to compare it with." if len(populations) == 1 else _cost_caption(tests)
    return Figure(
        element=f"spread-{cost}",
        plot=evidence_plots.shares_figure(f"{cost} (M)", edges, lines),
        caption=caption,
        table=Table(
            f"Spread of {cost} (M)",
            text_columns("Population", "n", "Least", "Quarter", "Half", "Three quarters", "Most"),
            rows,
        ),
        title=cost,
    )


def _cost_caption(tests: Sequence[CostTest]) -> str:
    said = [
        f"{test.first.name} and {test.second.name}: D {fixed(test.distance, 2)} {between(test.interval, 2)}, "
        f"{p_text(test.p_adjusted)}"
        for test in sorted(tests, key=lambda test: test.p_adjusted)[:3]
    ]
    more = f", and {len(tests) - 3} pairs more alike" if len(tests) > 3 else ""
    return f"KS tests, Holm: {'; '.join(said)}{more}."
