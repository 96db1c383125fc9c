"""An analysis: populations chosen by the address, compared, and one of them looked at parameter by parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from django.urls import reverse
from scipy import stats

from engine.designs import AnyNetDesign
from engine.statistics import best_designs, empirical_bootstrap, holm, random_search_curve, sample_size_study
from engine.statistics.bootstrap import Estimate
from engine.statistics.comparisons import Comparison
from webapp import plots
from webapp.estimates import compared, estimated_mean
from webapp.figures import Figure, Table, text_columns
from webapp.findings import Shown
from webapp.models import Sample
from webapp.plots import FloatArray
from webapp.queries import COMPLEXITIES, SAMPLE_ID
from webapp.samples import per_block
from webapp.wording import NBSP, compact, counted, fixed, p_text, p_value, percent, signed, significant

BEST_SHOWN = 10
DRAWN_AT_MOST = 2000  # points of a scatter; more are thinned for drawing, never for computing
SEARCH_SIZES = (8, 32, 128)


@dataclass(frozen=True)
class Pair:
    """Two populations compared; the p-value is Holm's over all pairs of the page."""

    first: Shown
    second: Shown
    comparison: Comparison
    p_adjusted: float

    @property
    def differs(self) -> bool:
        low, high = self.comparison.interval
        return low > 0 or high < 0


@dataclass(frozen=True)
class PopulationLine:
    shown: Shown
    mean: Estimate
    median: float


@dataclass(frozen=True)
class BestLine:
    """One of the best designs; ``values`` are the parameters and complexities as shown."""

    rank: int
    sample_id: int
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
        Pair(first, second, comparison, float(p))
        for (first, second), comparison, p in zip(pairs, comparisons, adjusted, strict=True)
    ]
    return sorted(found, key=lambda pair: pair.comparison.mean_difference)


def population_lines(populations: Sequence[Shown]) -> list[PopulationLine]:
    return [
        PopulationLine(shown, estimated_mean(shown.errors), float(np.median(shown.errors))) for shown in populations
    ]


def finding(populations: Sequence[Shown], pairs: Sequence[Pair]) -> str:
    """The sentence that answers what the person came for; the others of the page say whether to trust it."""
    if not pairs:
        return _finding_of_one(populations[0])
    pair, so_far = pairs[0], " so far" if any(shown.trained.pending for shown in populations) else ""
    test = pair.comparison
    numbers = (
        f"difference {signed(test.mean_difference)} (95{NBSP}%: {signed(test.interval[0])}, "
        f"{signed(test.interval[1])}), KS{NBSP}D{NBSP}={NBSP}{fixed(test.ks_distance, 2)}, {p_text(pair.p_adjusted)}"
    )
    means = f"{fixed(pair.first.edf.mean)}{NBSP}% against {fixed(pair.second.edf.mean)}{NBSP}%"
    if pair.differs:
        return f"{pair.first.name} has a lower mean error than {pair.second.name}{so_far}: {means}, {numbers}."
    names = f"{pair.first.name} and {pair.second.name}"
    return f"No difference in the mean error of {names} is shown{so_far}: {means}, {numbers}."


def _finding_of_one(shown: Shown) -> str:
    if shown.trained.pending:
        median = fixed(float(np.median(shown.errors)))
        return (
            f"Half of the {counted(shown.n, 'design')} of {shown.name} used so far have an error below {median}{NBSP}%."
        )
    mean = estimated_mean(shown.errors)
    low, high = mean.interval
    return (
        f"The {counted(shown.n, 'design')} of {shown.name} have a mean error of {fixed(mean.value)}{NBSP}% "
        f"(95{NBSP}%: {fixed(low)}–{fixed(high)})."
    )


def complexity_sentence(pair: Pair) -> str:
    """Whether the two populations were compared at alike complexity."""
    first, second = (shown.trained.population["flops"].tolist() for shown in (pair.first, pair.second))
    p = float(stats.ks_2samp(first, second).pvalue)
    alike = "complexity alike" if p > 0.05 else "complexity differs: look at equal flops before you conclude"
    return f"{alike} (flops, KS {p_text(p)})"


def pair_table(pairs: Sequence[Pair]) -> Table:
    columns = text_columns("Pair", "Difference (%), 95 %", "KS D", "p, Holm")
    rows = [
        [
            f"{pair.first.name} \N{MINUS SIGN} {pair.second.name}",
            f"{signed(pair.comparison.mean_difference)} "
            f"({signed(pair.comparison.interval[0])}, {signed(pair.comparison.interval[1])})",
            fixed(pair.comparison.ks_distance, 2),
            p_value(pair.p_adjusted),
        ]
        for pair in pairs
    ]
    return Table("Pairwise tests", columns, rows)


def parameter_names(shown: Shown) -> list[str]:
    """The columns that are parameters of the space."""
    left_out = {*COMPLEXITIES, "error", SAMPLE_ID}
    return [name for name in shown.trained.population.names if name not in left_out]


def parameter_figures(shown: Shown, *, csv: str, refinable: bool) -> list[Figure]:
    """One scatter a parameter and complexity that varies, with where the best designs lie."""
    population = shown.trained.population
    drawn = np.linspace(0, population.n - 1, min(population.n, DRAWN_AT_MOST)).astype(int)
    ranks = np.argsort(np.argsort(population.errors, kind="stable")) + 1
    columns = {
        name: population[name][drawn] / (1e6 if name in COMPLEXITIES else 1)
        for name in (*parameter_names(shown), *COMPLEXITIES, "error")
    }
    ids = population[SAMPLE_ID][drawn].astype(int)
    labels = [
        f"sample {sample}: error {fixed(error)} %, rank {rank} of {population.n}"
        for sample, error, rank in zip(ids, columns["error"], ranks[drawn], strict=True)
    ]
    source = plots.population_source(columns, urls=[reverse("sample", args=[pk]) for pk in ids], labels=labels)
    return [
        _parameter_figure(shown, name, source, csv=csv, refinable=refinable)
        for name in (*parameter_names(shown), *COMPLEXITIES)
        if np.ptp(population[name]) > 0
    ]


def _parameter_figure(shown: Shown, name: str, source: object, *, csv: str, refinable: bool) -> Figure:
    population = shown.trained.population
    is_cost = name in COMPLEXITIES
    scale, unit = (1e6, " (M)") if is_cost else (1, "")
    best = empirical_bootstrap(population[name], population.errors)
    words = significant if is_cost else compact
    low, median, high = (words(value / scale) for value in (best.low, best.median, best.high))
    link = ""
    if refinable and not is_cost:
        link = f"{reverse('refine-space', args=[shown.space.pk])}?narrow={name}:{best.low:g}:{best.high:g}"
    return Figure(
        element=f"by-{name}",
        plot=plots.scatter_figure(source, name, label=f"{name}{unit}", slot=shown.slot, best=best, scale=scale),
        caption=f"Best designs have {name} {low} to {high}{' M' if is_cost else ''}; n = {population.n}.",
        table=_quarter_table(population[name] / scale, population.errors, f"{name}{unit}"),
        size="mid",
        title=f"{name} {median}",
        note=f"({low}–{high})",
        csv=csv,
        link=link,
        link_text="Refine",
        link_label=f"Refine {name} to this range",
    )


def _quarter_table(values: FloatArray, errors: FloatArray, label: str) -> Table:
    edges = np.unique(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    rows = []
    for k, (low, high) in enumerate(pairwise(edges)):
        inside = (values >= low if k == 0 else values > low) & (values <= high)
        if inside.any():
            kept = errors[inside]
            span = f"{significant(low)}–{significant(high)}"
            rows.append([span, str(len(kept)), fixed(kept.min()), fixed(kept.mean())])
    columns = text_columns(f"{label}, quarter", "n", "Best error (%)", "Mean error (%)")
    return Table(f"Error by {label}", columns, rows)


def best_lines(shown: Shown, *, count: int = BEST_SHOWN) -> list[BestLine]:
    """The designs of lowest error, with the picture of each."""
    population = shown.trained.population
    best = best_designs(population.errors, count=count)
    ids = [int(population[SAMPLE_ID][row]) for row in best.rows]
    samples = Sample.objects.in_bulk(ids)
    names = parameter_names(shown)
    return [
        BestLine(
            rank=int(rank),
            sample_id=pk,
            position=samples[pk].position,
            error=float(error),
            widths=block_widths(samples[pk].design),
            values=[compact(population[name][row]) for name in names]
            + [significant(population[name][row] / 1e6) for name in COMPLEXITIES],
        )
        for row, rank, error, pk in zip(best.rows, best.ranks, best.errors, ids, strict=True)
    ]


def block_widths(design: dict[str, object]) -> list[int]:
    """The width of every block of a stored design, stage after stage."""
    anynet = AnyNetDesign.from_json(design)
    return per_block(anynet.stage_depths, anynet.stage_widths)


def evidence(populations: Sequence[Shown]) -> list[tuple[str, str]]:
    """How far the samples carry: facts with their names."""
    first = populations[0]
    facts = []
    if first.n >= 8:
        half = first.n // 2
        study = sample_size_study(first.errors, sizes=[half], repeats=50)
        text = (
            f"A random half of the {first.n} of {first.name} differs from the whole by KS "
            f"{fixed(float(study.distance[0]), 3)} on average."
        )
        facts.append(("Is n enough?", text))
    sizes = [size for size in SEARCH_SIZES if all(size <= shown.n for shown in populations)]
    if sizes:
        reached = " and ".join(
            f"{fixed(random_search_curve(shown.errors).at(sizes[-1]))}{NBSP}% in {shown.name}" for shown in populations
        )
        facts.append(("Random search", f"The best of {sizes[-1]} samples reaches on average {reached}."))
    failed = [shown for shown in populations if shown.trained.population.failed]
    for shown in failed:
        count = shown.trained.population.failed
        most = percent(count / (shown.n + count))
        facts.append(("Failures", f"{count} of {shown.n + count} of {shown.name}: its EDF moves by at most {most}."))
    return facts
