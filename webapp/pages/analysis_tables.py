"""The tables of an analysis by their names, each made alone when it is asked for alone."""

from __future__ import annotations

from collections.abc import Callable

from webapp.analysis import Analysis
from webapp.analysis.comparing import mean_table, pair_table
from webapp.analysis.designs import best_table, worst_table
from webapp.analysis.drivers import driver_table
from webapp.analysis.errors import population_table
from webapp.analysis.fronts import front_table
from webapp.analysis.in_order import in_order_table
from webapp.analysis.normalising import Normalised, normalised_pairs, normalised_table
from webapp.analysis.suggestions import suggestion_table
from webapp.analysis.tables import Table
from webapp.pages.analysis_figures import figure_exists, figure_of
from webapp.pages.edf_figures import EDF
from webapp.pages.links import Links
from webapp.queries import COMPLEXITIES


def table_exists(slug: str, columns: set[str]) -> bool:
    """Whether an analysis of populations with these columns may have a table of this name; nothing is loaded."""
    return slug in TABLES or figure_exists(slug, columns)


def table_of(analysis: Analysis, slug: str) -> Table | None:
    """One table of an analysis, or that of the numbers of a figure; None where it has none of that name."""
    if analysis.is_empty or (not analysis.used and slug not in OF_FAILURES_TOO):
        return None
    if slug in TABLES:
        return TABLES[slug](analysis)
    figure = figure_of(analysis, slug, Links())
    return figure.table if figure else None


def _at_equal(cost: str, make: Callable[[Normalised], Table]) -> Callable[[Analysis], Table | None]:
    def table(analysis: Analysis) -> Table | None:
        normalised = analysis.normalised
        return make(normalised) if normalised and normalised.cost == cost and normalised.populations else None

    return table


OF_FAILURES_TOO = ("populations", "pairwise-tests", "differences-of-means", "compared-in-draw-order", EDF)
TABLES: dict[str, Callable[[Analysis], Table | None]] = {
    "populations": lambda analysis: population_table(analysis.compared),
    "pairwise-tests": lambda analysis: pair_table(analysis.pairs) if analysis.pairs else None,
    "differences-of-means": lambda analysis: mean_table(analysis.pairs) if analysis.pairs else None,
    "compared-in-draw-order": lambda analysis: in_order_table(analysis.in_order) if analysis.in_order else None,
    "importance-and-rank-correlations": lambda analysis: (
        driver_table(analysis.drivers) if analysis.drivers.lines else None
    ),
    "fronts-of-error-against-cost": lambda analysis: front_table(analysis.focus),
    "suggested-refinements": lambda analysis: (
        suggestion_table(analysis.suggestions) if analysis.suggestions.lines else None
    ),
    "best": lambda analysis: best_table(analysis.focus),
    "worst": lambda analysis: worst_table(analysis.focus) if analysis.focus.n > 1 else None,
    **{f"at-equal-{cost}": _at_equal(cost, normalised_table) for cost in COMPLEXITIES},
    **{f"differences-at-equal-{cost}": _at_equal(cost, normalised_pairs) for cost in COMPLEXITIES},
}
