"""Populations at equal complexity: the normalised EDFs of an analysis, with what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb

from engine.errors import InvalidPopulation
from engine.statistics import common_limits, compare_normalised, normalised_band, normalised_edf
from engine.statistics.edf import EdfBand, NormalisedEdf
from webapp import plots
from webapp.pages.figures import Figure, LegendEntry, Table, text_columns
from webapp.pages.findings import QUANTILES, Shown
from webapp.wording import NBSP, between, fixed, joined, percent, signed, signed_between, significant

BINS = 10


@dataclass(frozen=True, eq=False)
class Normalised:
    """Populations at equal ``cost``; ``problem`` says why they can't be compared so, the rest is then empty."""

    cost: str
    populations: Sequence[Shown] = ()
    edfs: Sequence[NormalisedEdf] = ()
    problem: str = ""

    @cached_property
    def bands(self) -> list[EdfBand]:
        return [normalised_band(edf) for edf in self.edfs]


def normalise(populations: Sequence[Shown], cost: str) -> Normalised:
    """All populations within the range of ``cost`` that every one of them reaches."""
    without = [shown.name for shown in populations if cost not in shown.costs]
    if without:
        return Normalised(cost, problem=f"{joined(without)} has no {cost}, so nothing is normalised by it.")
    columns = [shown.trained.population[cost] for shown in populations]
    limits = common_limits(*columns)
    try:
        edfs = [
            normalised_edf(shown.errors, column, limits=limits, bins=BINS)
            for shown, column in zip(populations, columns, strict=True)
        ]
    except InvalidPopulation:
        low, high = (significant(limit / 1e6) for limit in limits)
        return Normalised(
            cost,
            problem=f"The populations have no {cost} in common (above {low} M, at most {high} M) to normalise by.",
        )
    return Normalised(cost, populations, edfs)


def normalised_shown(found: Normalised, *, csv: str = "", element: str = "edf") -> Figure:
    """The weighted EDFs in place of the plain ones."""
    curves = [
        plots.Curve(shown.key, shown.slot, edf, band if band.half_width < 1 else None)
        for shown, edf, band in zip(found.populations, found.edfs, found.bands, strict=True)
    ]
    widths = joined(
        [
            f"± {fixed(band.half_width, 3)} for {shown.name}"
            for shown, band in zip(found.populations, found.bands, strict=True)
        ]
    )
    legend = [
        LegendEntry(shown.key, shown.slot, shown.name, f"n {edf.n} [{fixed(edf.min)} | {fixed(edf.mean)}]")
        for shown, edf in zip(found.populations, found.edfs, strict=True)
    ]
    low, high = (significant(limit / 1e6) for limit in found.edfs[0].limits)
    left_out = joined(
        [
            f"{edf.left_out} of {shown.n} of {shown.name}"
            for shown, edf in zip(found.populations, found.edfs, strict=True)
        ]
    )
    return Figure(
        element=element,
        plot=plots.edf_figure(curves, x_range=plots.edf_range(curves)),
        caption=(
            f"Normalised by {found.cost}: every tenth of the common range, {low} to {high} M, weighs the same in each "
            f"population. Outside of it and left out: {left_out}. Bands: 95{NBSP}%, {widths}, from the effective "
            "numbers of samples, which count a crowded tenth for less."
        ),
        table=_quantiles(found),
        size="tall",
        csv=csv,
        legend=legend,
    )


def _quantiles(found: Normalised) -> Table:
    columns = text_columns("Share of designs", *(f"{shown.name}, error (%), 95 %" for shown in found.populations))
    both = list(zip(found.edfs, found.bands, strict=True))
    rows = [
        [
            percent(share, 0),
            *(f"{fixed(_quantile(edf, share))} {between(band.quantile_interval(share))}" for edf, band in both),
        ]
        for share in QUANTILES
    ]
    return Table(f"Quantiles of the error at equal {found.cost}", columns, rows)


def _quantile(edf: NormalisedEdf, share: float) -> float:
    """The smallest error at which the weighted EDF reaches the share."""
    return float(edf.errors[min(int((edf.fractions < share - 1e-12).sum()), edf.n - 1)])


def normalised_table(found: Normalised) -> Table:
    columns = text_columns(
        "Population", "n inside", "Effective n", "Left out", "Bins used", "Median (%), 95 %", "Mean error (%), 95 %"
    )
    rows = [
        [
            shown.name,
            str(edf.n),
            fixed(edf.effective_n),
            str(edf.left_out),
            f"{edf.bins_used} of {edf.bins}",
            f"{fixed(_quantile(edf, 0.5))} {between(band.quantile_interval(0.5))}",
            f"{fixed(edf.mean)} {between(edf.interval)}",
        ]
        for shown, edf, band in zip(found.populations, found.edfs, found.bands, strict=True)
    ]
    return Table(f"At equal {found.cost}", columns, rows)


def normalised_pairs(found: Normalised) -> Table:
    """Every pair, the lower mean first."""
    both = sorted(zip(found.populations, found.edfs, strict=True), key=lambda one: one[1].mean)
    rows = []
    for (first, a), (second, b) in combinations(both, 2):
        test = compare_normalised(a, b)
        rows.append(
            [
                f"{first.name} \N{MINUS SIGN} {second.name}",
                f"{signed(test.mean_difference)} {signed_between(test.interval)}",
                f"{fixed(test.ks_distance, 2)} {between(test.ks_interval, 2)}",
            ]
        )
    return Table(
        f"Differences at equal {found.cost}", text_columns("Pair", "Means (%), 95 %", "KS D, weighted, 95 %"), rows
    )


def normalised_sentence(found: Normalised) -> str:
    """The finding at equal complexity, for two populations or more."""
    both = sorted(zip(found.populations, found.edfs, strict=True), key=lambda one: one[1].mean)
    if len(both) < 2:
        return ""
    (first, a), (second, b) = both[0], both[-1]
    pairs = comb(len(both), 2)  # the furthest apart of so many, hence Bonferroni
    test = compare_normalised(a, b, confidence=1 - 0.05 / pairs)
    low, high = test.interval
    together = "" if pairs == 1 else f" for all {pairs} pairs together"
    numbers = (
        f"{fixed(a.mean)}{NBSP}% against {fixed(b.mean)}{NBSP}%, difference {signed(test.mean_difference)} "
        f"(95{NBSP}%{together}: {signed(low)}, {signed(high)}), n = {a.n} and {b.n}"
    )
    if high < 0:
        return f"At equal {found.cost} {first.name} has a lower mean error than {second.name}: {numbers}."
    return f"At equal {found.cost} no difference of {first.name} and {second.name} is shown: {numbers}."
