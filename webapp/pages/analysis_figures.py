"""The figures of an analysis by their names, each drawn alone when it is asked for alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from engine.statistics.search import SampleSizeStudy
from webapp import plots
from webapp.analysis import AnalysedPopulation, Analysis, statistics
from webapp.analysis.categories import CategoryAgainstError, categories
from webapp.analysis.fronts import front_sentence
from webapp.analysis.in_order import path_table
from webapp.analysis.narrowing import restriction
from webapp.analysis.parameters import (
    ColumnAgainstError,
    FitAgainstError,
    column_against_error,
    fit_against_error,
    varying_columns,
)
from webapp.analysis.populations import DRAWN_AT_MOST, FIT, range_words, with_unit
from webapp.analysis.reach import (
    CostTest,
    best_of_many,
    cost_table,
    largest_known,
    sample_size_table,
    search_table,
)
from webapp.pages.edf_figures import EDF, WHAT_IF, edf_figure, normalised_figure, what_if_figure
from webapp.pages.figures import Figure
from webapp.pages.links import Links
from webapp.plots import evidence as evidence_plots
from webapp.plots.evidence import Line
from webapp.plots.strips import strip_figure
from webapp.queries import COMPLEXITIES, SAMPLE_ID
from webapp.wording import (
    NBSP,
    between,
    compact,
    counted,
    fixed,
    level_words,
    p_text,
    signed,
    significant,
)

IN_ORDER, SAMPLE_SIZE, RANDOM_SEARCH = "in-order", "sample-size", "random-search"
BY, SPREAD = "by-", "spread-"  # before the name of a column
MOST_POINTS = 200  # of a curve as drawn
MOST_BINS = 24

Scatter = ColumnAgainstError | FitAgainstError


def figure_exists(element: str, columns: set[str]) -> bool:
    """Whether an analysis of populations with these columns may have a figure of this name; nothing is loaded."""
    if element.startswith(BY):
        return element.removeprefix(BY) in {*columns, FIT}
    return element in FIGURES


def figure_of(analysis: Analysis, element: str, links: Links) -> Figure | None:
    """One figure of an analysis, without the work of the others; None where it has none of that name."""
    if analysis.is_empty or (not analysis.used and element not in (EDF, IN_ORDER)):
        return None
    if element.startswith(BY):
        return scatter_of(analysis, element.removeprefix(BY), links)
    build = FIGURES.get(element)
    return build(analysis, links) if build else None


def main_figure(analysis: Analysis, links: Links) -> Figure:
    """The error EDFs, at equal complexity where that is asked for and possible."""
    if analysis.normalised and analysis.normalised.populations:
        return normalised_figure(analysis.normalised, csv=links.edf_steps())
    return edf_figure(analysis.compared, csv=links.edf_steps())


def in_order_figure(analysis: Analysis, links: Links) -> Figure | None:
    """That of the surest comparison."""
    compared = analysis.in_order[0] if analysis.in_order else None
    result = compared.in_order if compared else None
    if compared is None or result is None or not len(result.path.pairs):
        return None
    return Figure(
        element=IN_ORDER,
        draw=lambda: evidence_plots.in_order_figure(result, slot=compared.first.slot),
        caption=(
            f"The share of pairs in which {compared.first.name} has the lower error, a tie counted half; shaded: where "
            f"it lies in truth, {level_words(1 - result.alpha * compared.pairs)} at every look"
            f"{'' if compared.pairs == 1 else f' for all {compared.pairs} pairs of populations together'}. The verdict "
            "also weighs by how many ranks a pair is won; the upright line stands where it fell. Once the shaded part "
            f"lies between the dashed lines the two are alike. n{NBSP}={NBSP}{counted(result.n, 'pair')}."
        ),
        table=path_table(result),
        size="mid",
        title=compared.names,
    )


def asked_figure(analysis: Analysis, links: Links) -> Figure | None:
    """What the samples inside the restrictions say."""
    return what_if_figure(analysis.what_if) if analysis.what_if else None


def sample_size_figure(analysis: Analysis, links: Links) -> Figure | None:
    study, population = analysis.sample_size_study, analysis.largest
    if study is None:
        return None
    return Figure(
        element=SAMPLE_SIZE,
        draw=lambda: evidence_plots.sample_size_figure(study, key=population.key, slot=population.slot),
        caption=_sample_size_caption(study, population),
        table=sample_size_table(study),
        size="mid",
        title="Is n enough?",
    )


def _sample_size_caption(study: SampleSizeStudy, population: AnalysedPopulation) -> str:
    at = int(np.argmin(np.abs(np.log(study.m / 100))))
    return (
        f"{counted(int(study.m[at]), 'random sample')} of these {population.n:,} give an EDF that lies "
        f"{fixed(study.distance[at], 3)} from that of all, on average ({study.repeats} repetitions; shaded: 95{NBSP}% "
        f"of them). Dashed: how far an EDF of so many may lie from the truth, 95{NBSP}%: "
        f"± {fixed(study.band_half_width[at], 3)}; of all {population.n:,} it is "
        f"± {fixed(population.band.half_width, 3)}."
    )


def random_search_figure(analysis: Analysis, links: Links) -> Figure:
    """What the best of so many random samples reaches on average, exactly, up to the n of each population."""
    populations = analysis.used
    return Figure(
        element=RANDOM_SEARCH,
        draw=lambda: evidence_plots.search_figure([_search_line(one) for one in populations]),
        caption=(
            f"{' '.join(_best_words(one) for one in populations)} Curves: the mean of all searches among those that "
            "finished, pale where the samples no longer bound from below what half of all searches reach. The lower a "
            "curve and the sooner it is flat, the less a search in that space costs."
        ),
        table=search_table(populations),
        size="mid",
        title="Random search",
    )


def _best_words(population: AnalysedPopulation) -> str:
    m = max(1, largest_known(population))
    best = best_of_many(population, m)
    if best.value is None or math.isinf(best.value):
        return f"Half or more of the networks of {population.name} failed."
    return (
        f"The best of {counted(m, 'network')} of {population.name} reaches {best.point}{NBSP}% in half of all searches "
        f"(95{NBSP}%: {best.ends.strip('()')})."
    )


def _search_line(population: AnalysedPopulation) -> Line:
    sizes = np.round(np.geomspace(1, population.n, MOST_POINTS)).astype(int).tolist()
    curve = statistics.search_curve(population.errors, sizes=sizes)
    m = curve.m.astype(np.float64)
    return Line(population.key, population.slot, m, curve.expected_min, pale_from=largest_known(population))


def spread_figure(analysis: Analysis, cost: str) -> Figure | None:
    """The histogram of a complexity, all populations that know it on the same bins."""
    populations = [one for one in analysis.used if cost in one.costs]
    if not populations:
        return None
    tests = [test for test in analysis.cost_tests if test.cost == cost]

    def draw() -> plots.Plot:
        columns = [one.samples[cost] / 1e6 for one in populations]
        low, high = min(column.min() for column in columns), max(column.max() for column in columns)
        bins = min(MOST_BINS, max(4, int(np.sqrt(min(len(column) for column in columns)))))
        edges = np.linspace(low, high if high > low else low + max(1e-6, abs(low) * 1e-3), bins + 1)
        shares = [np.histogram(column, bins=edges)[0] / len(column) for column in columns]
        lines = [(one.key, one.slot, share) for one, share in zip(populations, shares, strict=True)]
        return evidence_plots.shares_figure(f"{cost} (M)", edges, lines)

    return Figure(
        element=f"{SPREAD}{cost}",
        draw=draw,
        caption="One population: nothing to compare it with." if len(populations) == 1 else _spread_caption(tests),
        table=cost_table(cost, populations),
        title=cost,
    )


def _spread_caption(tests: Sequence[CostTest]) -> str:
    said = [
        f"{test.first.name} and {test.second.name}: D {fixed(test.distance, 2)} {between(test.interval, 2)}, "
        f"{p_text(test.p_adjusted)}"
        for test in sorted(tests, key=lambda test: test.p_adjusted)[:3]
    ]
    more = f", and {len(tests) - 3} pairs more alike" if len(tests) > 3 else ""
    return f"KS tests, Holm: {'; '.join(said)}{more}."


def _spread_of(cost: str) -> Callable[[Analysis, Links], Figure | None]:
    return lambda analysis, links: spread_figure(analysis, cost)


FIGURES: dict[str, Callable[[Analysis, Links], Figure | None]] = {
    EDF: main_figure,
    IN_ORDER: in_order_figure,
    WHAT_IF: asked_figure,
    SAMPLE_SIZE: sample_size_figure,
    RANDOM_SEARCH: random_search_figure,
    **{f"{SPREAD}{cost}": _spread_of(cost) for cost in COMPLEXITIES},
}


# --- parameters against error ---


def scatters_of(analysis: Analysis, links: Links) -> list[Figure]:
    """One scatter a column of the focus that varies, by falling evidence, in one source; then that of e_fit."""
    columns = varying_columns(analysis.focus)
    places = {line.name: place for place, line in enumerate(analysis.drivers.lines)}
    columns.sort(key=lambda name: places.get(name, len(places)))
    source = _SharedSource(analysis.focus, links, with_fits=True)
    figures = [_column_figure(column_against_error(analysis.focus, name), source, links) for name in columns]
    figures += [_category_figure(category) for category in categories(analysis.focus)]
    fitted = fit_against_error(analysis.focus)
    return [*figures, _fit_figure(analysis.focus, fitted, source)] if fitted else figures


def scatter_of(analysis: Analysis, name: str, links: Links) -> Figure | None:
    """The scatter of one column of the focus alone; None where it has none, or its samples all have one value."""
    population = analysis.focus
    source = _SharedSource(population, links, with_fits=name == FIT)
    if name == FIT and name not in population.samples:
        fitted = fit_against_error(population)
        return _fit_figure(population, fitted, source) if fitted else None
    if category := next((one for one in categories(population) if one.name == name), None):
        return _category_figure(category)
    if name not in varying_columns(population):
        return None
    return _column_figure(column_against_error(population, name), source, links)


class _SharedSource:
    """The points that all scatters of a population share, so that a selection in one shows in all; made once."""

    def __init__(self, population: AnalysedPopulation, links: Links, *, with_fits: bool) -> None:
        self.population = population
        self.links = links
        self.with_fits = with_fits
        self._source: plots.Plot | None = None

    def get(self) -> plots.Plot:
        if self._source is None:
            self._source = self._make()
        return self._source

    def _make(self) -> plots.Plot:
        population, rows = self.population, self.population.drawn_rows
        columns = {
            name: population.samples[name][rows] / (1e6 if name in COMPLEXITIES else 1)
            for name in (*population.parameters, *population.costs, *population.partly_known, "error")
        }
        if self.with_fits and population.fits is not None:
            columns[FIT] = population.fits
        ids = population.samples[SAMPLE_ID][rows].astype(int).tolist()
        labels = [
            f"sample {sample}: error {fixed(error)} %, rank {rank} of {population.n}"
            for sample, error, rank in zip(ids, columns["error"], population.ranks[rows], strict=True)
        ]
        urls = [self.links.sample(population, sample) for sample in ids]
        return plots.population_source(columns, key=population.key, urls=urls, labels=labels)


def _column_figure(column: ColumnAgainstError, source: _SharedSource, links: Links) -> Figure:
    population, name, best = column.population, column.name, column.best
    words = significant if column.is_cost else compact
    low, median, high = (words(value / column.scale) for value in (best.low, best.median, best.high))
    caption = f"Best designs have {name} {low} to {high}{' M' if column.is_cost else ''}; {column.n_words}."
    if column.front:
        caption += f" {front_sentence(column.front, name)}"

    def draw() -> plots.Plot:
        return plots.scatter_figure(
            source.get(), name, label=with_unit(name), slot=population.slot, best=best, scale=column.scale,
            front=_drawn_front(column),
        )  # fmt: skip

    return Figure(
        element=f"{BY}{name}",
        draw=draw,
        caption=caption,
        table=column.table,
        size="mid",
        title=f"{name} {median}",
        note=f"({low}–{high})",
        csv=links.samples(population, "csv"),
        link="" if column.is_cost else _refinement(column, links),
        link_text="Refine",
        link_label=f"Refine {name} to this range",
    )


def _refinement(column: ColumnAgainstError, links: Links) -> str:
    """The form that refines the space to where its best designs lie."""
    best = column.best
    words = range_words(column.name, best.low, best.high)
    reason = f"the best designs have {words} (95 % of the empirical bootstrap)."
    return links.refine_with(column.population, [restriction(column.name, best.low, best.high)], reason)


def _category_figure(category: CategoryAgainstError) -> Figure:
    population, best = category.population, category.levels[0]

    def draw() -> plots.Plot:
        medians = [level.median.value for level in category.levels]
        drawn = [
            (level.name, level.errors[:DRAWN_AT_MOST].tolist(), median if median and np.isfinite(median) else None)
            for level, median in zip(category.levels, medians, strict=True)
        ]
        return strip_figure(drawn, label=category.name, slot=population.slot)

    missing = population.networks - category.n
    some = f", {missing} have no {category.name}" if missing else ""
    return Figure(
        element=f"{BY}{category.name}",
        draw=draw,
        caption=f"{category.sentence} n = {category.n}{some}.",
        table=category.table,
        size="mid",
        title=f"{category.name} {best.name}",
        note="lowest median",
    )


def _drawn_front(column: ColumnAgainstError) -> plots.DrawnFront | None:
    """In millions; the points say what they are where only a part of all is drawn below them."""
    front, population = column.front, column.population
    if front is None:
        return None
    ids = population.samples[SAMPLE_ID][front.rows].astype(int)
    labels = [f"sample {pk}: error {fixed(error)} %" for pk, error in zip(ids, front.errors, strict=True)]
    return plots.DrawnFront(front.costs / column.scale, front.errors, labels if population.n > DRAWN_AT_MOST else ())


def _fit_figure(population: AnalysedPopulation, fitted: FitAgainstError, source: _SharedSource) -> Figure:
    """e_fit against error."""
    n = len(fitted.fits)
    return Figure(
        element=f"{BY}{FIT}",
        draw=lambda: plots.scatter_figure(source.get(), FIT, label=FIT, slot=population.slot, best=None),
        caption=f"How far the widths lie from the closest quantised linear function; {_fit_words(fitted)}.",
        table=fitted.table,
        size="mid",
        title=FIT,
        note=f"({n} of {population.n} fitted)" if n < population.n else "",
    )


def _fit_words(fitted: FitAgainstError) -> str:
    correlation = fitted.correlation
    if correlation is None:
        return f"n = {len(fitted.fits)}, too few or too equal for a correlation"
    rho = signed(correlation.coefficient, 2)
    return f"Spearman rho {rho}, {p_text(correlation.p_value)}, n = {fixed(correlation.n, 0)}"
