"""An analysis: populations chosen by the address, compared, and one of them looked at parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from engine.designs import design_from_json
from engine.statistics import empirical_bootstrap, holm
from engine.statistics.bootstrap import Estimate
from engine.statistics.comparisons import Comparison
from engine.statistics.population import Population, Range
from webapp import plots
from webapp.forms.analyses import Selection
from webapp.forms.filters import check_columns, in_counts
from webapp.models import Sample
from webapp.pages.figures import Figure, Table, text_columns
from webapp.pages.findings import Kept, Pictures, Shown, quarter_table
from webapp.pages.fronts import drawn_front, front_of, front_sentence
from webapp.pages.in_order import InOrder, finding_so_far
from webapp.pages.linear_fits import COLUMN as FIT_COLUMN
from webapp.pages.linear_fits import fit_figure, fits
from webapp.pages.narrowing import restriction
from webapp.pages.remembered import compared, medians_compared
from webapp.pages.samples import per_block
from webapp.queries import COMPLEXITIES, SAMPLE_ID, load_designs, load_imported, load_trained
from webapp.wording import (
    NBSP,
    between,
    compact,
    counted,
    fixed,
    p_text,
    p_value,
    signed,
    signed_between,
    significant,
)

BEST_SHOWN = 10
DRAWN_AT_MOST = 2000  # points of a scatter; more are thinned for drawing, never for computing


@dataclass(frozen=True)
class Pair:
    """Two populations compared, one of ``pairs`` of the page; the p-value is Holm's over all of them.

    ``medians`` is the difference of the medians (percentage points) with its interval.
    """

    first: Shown
    second: Shown
    comparison: Comparison
    medians: tuple[float, tuple[float, float]]
    p_adjusted: float
    pairs: int

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Of the difference of means, at 95 % for all pairs together (Bonferroni).

        The finding is about the largest of all differences, which a plain 95 % interval would call real too often.
        """
        return compared(self.first.errors, self.second.errors, confidence=1 - 0.05 / self.pairs).interval

    @property
    def level(self) -> str:
        """What stands before the interval."""
        return f"95{NBSP}%" if self.pairs == 1 else f"95{NBSP}% for all {self.pairs} pairs together"

    @property
    def differs(self) -> bool:
        low, high = self.interval
        return low > 0 or high < 0


@dataclass(frozen=True)
class PopulationLine:
    shown: Shown
    mean: Estimate
    median: Estimate


@dataclass(frozen=True)
class BestLine:
    """One of the best designs; ``values`` are the parameters and complexities as shown.

    ``widths`` (per block) is empty for a row that was imported without its design.
    """

    rank: int
    sample_id: int
    url: str
    position: int
    error: float
    widths: list[int]
    values: list[str]


def compare_pairs(populations: Sequence[Shown]) -> list[Pair]:
    """Every pair, the one with the lower mean first, the largest difference first."""
    pairs = [sorted(pair, key=lambda shown: shown.edf.mean) for pair in combinations(populations, 2)]
    comparisons = [compared(first.errors, second.errors) for first, second in pairs]
    adjusted = holm([comparison.p_value for comparison in comparisons]) if comparisons else np.array([])
    found = [
        Pair(first, second, comparison, medians_compared(first.errors, second.errors), float(p), len(pairs))
        for (first, second), comparison, p in zip(pairs, comparisons, adjusted, strict=True)
    ]
    return sorted(found, key=lambda pair: pair.comparison.mean_difference)


def population_lines(populations: Sequence[Shown]) -> list[PopulationLine]:
    return [PopulationLine(shown, shown.mean, shown.median) for shown in populations]


def finding(populations: Sequence[Shown], pairs: Sequence[Pair], in_order: Sequence[InOrder]) -> str:
    """The sentence that answers what the person came for; the others of the page say whether to trust it.

    While runs are to come it rests on what may be looked at again and again.
    """
    if not pairs:
        return _finding_of_one(populations[0])
    pair, so_far = pairs[0], " so far" if any(shown.trained.pending for shown in populations) else ""
    test = pair.comparison
    if so_far and in_order:
        return finding_so_far(in_order[0])
    numbers = (
        f"difference {signed(test.mean_difference)} ({pair.level}: {signed(pair.interval[0])}, "
        f"{signed(pair.interval[1])}), KS{NBSP}D{NBSP}={NBSP}{fixed(test.ks_distance, 2)} "
        f"{between(test.ks_interval, 2)}, {p_text(pair.p_adjusted)}, n{NBSP}={NBSP}{test.n_a:,} and {test.n_b:,}"
    )
    means = f"{fixed(pair.first.edf.mean)}{NBSP}% against {fixed(pair.second.edf.mean)}{NBSP}%"
    if pair.differs:
        return f"{pair.first.name} has a lower mean error than {pair.second.name}{so_far}: {means}, {numbers}."
    names = f"{pair.first.name} and {pair.second.name}"
    return f"No difference in the mean error of {names} is shown{so_far}: {means}, {numbers}."


def _finding_of_one(shown: Shown) -> str:
    if shown.trained.pending:
        low, high = shown.median.interval
        known = (low, high) != (0.0, 100.0)
        ends = f"95{NBSP}% at every look: {fixed(low)}–{fixed(high)}" if known else "no interval yet"
        return (
            f"Half of the {counted(shown.n, 'design')} of {shown.name} used so far have an error below "
            f"{fixed(shown.median.value)}{NBSP}% ({ends})."
        )
    mean = shown.mean
    low, high = mean.interval
    return (
        f"The {counted(shown.n, 'design')} of {shown.name} have a mean error of {fixed(mean.value)}{NBSP}% "
        f"(95{NBSP}%: {fixed(low)}–{fixed(high)})."
    )


def pair_table(pairs: Sequence[Pair]) -> Table:
    columns = text_columns("Pair", "Means (%), 95 %", "Medians (%), 95 %", "KS D, 95 %", "p, Holm")
    rows = [
        [
            f"{pair.first.name} \N{MINUS SIGN} {pair.second.name}",
            f"{signed(pair.comparison.mean_difference)} {signed_between(pair.comparison.interval)}",
            f"{signed(pair.medians[0])} {signed_between(pair.medians[1])}",
            f"{fixed(pair.comparison.ks_distance, 2)} {between(pair.comparison.ks_interval, 2)}",
            p_value(pair.p_adjusted),
        ]
        for pair in pairs
    ]
    return Table("Pairwise tests", columns, rows)


def parameter_names(shown: Shown) -> list[str]:
    """The columns that are parameters of the space."""
    left_out = {*COMPLEXITIES, "error", SAMPLE_ID}
    return [name for name in shown.trained.population.names if name not in left_out]


def filter_columns(shown: Shown) -> list[str]:
    """The columns an analysis may be filtered by: never the error, which would bias everything that is said of it."""
    return [*parameter_names(shown), *shown.costs]


def filtered(shown: Shown, ranges: Mapping[str, Range]) -> Shown:
    """The samples inside the ranges of those columns it has; as it is where it has none of them."""
    own = in_counts(ranges, filter_columns(shown))
    if not own:
        return shown
    population = shown.trained.population.filter(own)
    asked = {column: ends for column, ends in ranges.items() if column in own}
    return replace(shown, trained=replace(shown.trained, population=population), total=shown.n, ranges=asked)


def shown_populations(selection: Selection) -> list[Shown]:
    """The populations of an address inside its ranges, the regime in their names where there are several."""
    several = len({regime.pk for _, regime in selection.pairs}) > 1
    whole = [
        Shown(
            space,
            regime,
            load_trained(space=space, regime=regime, error=selection.error),
            name=f"{space.name}, {regime.name}" if several else space.name,
            error=selection.error,
        )
        for space, regime in selection.pairs
    ] + [
        Shown(None, None, load_imported(imported, error=selection.error), imported.name, imported, selection.error)
        for imported in selection.imported
    ]
    check_columns(selection.ranges, [name for shown in whole for name in filter_columns(shown)])
    return [filtered(shown, selection.ranges) for shown in whole]


def drawn_rows(population: Population) -> npt.NDArray[np.int_]:
    """The samples that a scatter draws, evenly spaced in draw order."""
    return np.linspace(0, population.n - 1, min(population.n, DRAWN_AT_MOST)).astype(int)


def parameter_figures(shown: Shown, *, csv: str, refinable: bool) -> list[Figure]:
    """One scatter a parameter and complexity that varies, with where the best designs lie."""
    population = shown.trained.population
    drawn = drawn_rows(population)
    ranks = np.searchsorted(np.sort(population.errors), population.errors, side="left") + 1
    columns = {
        name: population[name][drawn] / (1e6 if name in COMPLEXITIES else 1)
        for name in (*parameter_names(shown), *shown.costs, "error")
    }
    ids = population[SAMPLE_ID][drawn].astype(int)
    labels = [
        f"sample {sample}: error {fixed(error)} %, rank {rank} of {population.n}"
        for sample, error, rank in zip(ids, columns["error"], ranks[drawn], strict=True)
    ]
    fitted = fits(shown, drawn)
    more = {} if fitted is None else {FIT_COLUMN: fitted}
    source = plots.population_source(columns | more, urls=[shown.sample_url(pk) for pk in ids], labels=labels)
    figures = [
        _parameter_figure(shown, name, source, csv=csv, refinable=refinable)
        for name in (*parameter_names(shown), *shown.costs)
        if np.ptp(population[name]) > 0
    ]
    return figures if fitted is None else [*figures, fit_figure(shown, source, fitted, population.errors[drawn])]


def _parameter_figure(shown: Shown, name: str, source: object, *, csv: str, refinable: bool) -> Figure:
    population = shown.trained.population
    is_cost = name in COMPLEXITIES
    scale, unit = (1e6, " (M)") if is_cost else (1, "")
    best = empirical_bootstrap(population[name], population.errors)
    words = significant if is_cost else compact
    low, median, high = (words(value / scale) for value in (best.low, best.median, best.high))
    link = ""
    if refinable and not is_cost:
        link = shown.refine_url(restriction(name, best.low, best.high))
    caption = f"Best designs have {name} {low} to {high}{' M' if is_cost else ''}; n = {population.n}."
    front = None
    if is_cost:
        found = front_of(shown, name)
        front = drawn_front(shown, found, labelled=population.n > DRAWN_AT_MOST)
        caption += f" {front_sentence(found, name)}"
    return Figure(
        element=f"by-{name}",
        plot=plots.scatter_figure(
            source, name, label=f"{name}{unit}", slot=shown.slot, best=best, scale=scale, front=front
        ),
        caption=caption,
        table=quarter_table(population[name] / scale, population.errors, f"{name}{unit}"),
        size="mid",
        title=f"{name} {median}",
        note=f"({low}–{high})",
        csv=csv,
        link=link,
        link_text="Refine",
        link_label=f"Refine {name} to this range",
    )


def best_and_worst(shown: Shown, *, count: int = BEST_SHOWN) -> tuple[list[BestLine], list[BestLine]]:
    """The designs of lowest error, and those of highest that are not among them, each with its picture."""
    population = shown.trained.population
    order = population.best_to_worst()
    rows = [*order[:count], *order[count:][-count:][::-1]]
    ids = [int(population[SAMPLE_ID][row]) for row in rows]
    pictures = _pictures(shown, ids)
    ranks = np.searchsorted(population.errors[order], population.errors[rows], side="left") + 1
    names = parameter_names(shown)
    lines = [
        BestLine(
            rank=int(rank),
            sample_id=pk,
            url=shown.sample_url(pk),
            position=pictures[pk][0],
            error=float(population.errors[row]),
            widths=pictures[pk][1],
            values=[compact(population[name][row]) for name in names]
            + [significant(population[name][row] / 1e6) for name in shown.costs],
        )
        for row, rank, pk in zip(rows, ranks, ids, strict=True)
    ]
    return lines[:count], lines[count:]


def kept_designs(shown: Shown) -> Kept:
    """What a page that is frozen needs of the designs of one of its populations."""
    population = shown.trained.population
    order = population.best_to_worst()
    listed = {int(population[SAMPLE_ID][row]) for row in (*order[:BEST_SHOWN], *order[-BEST_SHOWN:])}
    return Kept(_pictures(shown, sorted(listed)), fits(shown, drawn_rows(population)) if population.n else None)


def _pictures(shown: Shown, ids: Sequence[int]) -> Pictures:
    if shown.kept:
        return shown.kept.pictures
    if shown.imported:
        designs = load_designs(shown.imported, rows=ids)
        return {row: (row, block_widths(designs[row]) if row in designs else []) for row in ids}
    samples = Sample.objects.in_bulk(ids)
    found = {pk: (sample.position, block_widths(sample.design)) for pk, sample in samples.items()}
    return {pk: found.get(pk, (pk, [])) for pk in ids}  # a page frozen long ago may list what was deleted since


def block_widths(design: dict[str, object]) -> list[int]:
    """The width of every block of a stored design, stage after stage."""
    anynet = design_from_json(design).to_anynet()
    return per_block(anynet.stage_depths, anynet.stage_widths)
