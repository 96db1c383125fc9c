"""The sections of an analysis as its pages show them: each knows its figures and tables, and is made when asked for.

The verdict comes with the page; every other section is asked for when it comes near the window. What a template reads
stands here by name; the sections of one analysis compute nothing twice, because the analysis remembers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from django.utils.functional import cached_property

from webapp.analysis import Analysis
from webapp.analysis.categories import categories
from webapp.analysis.comparing import mean_table, pair_table
from webapp.analysis.designs import best_table, worst_table
from webapp.analysis.drivers import driver_sentence, driver_table
from webapp.analysis.errors import population_table
from webapp.analysis.fronts import front_table, left_unlisted
from webapp.analysis.in_order import in_order_table, verdict_sentence, why_not_in_order
from webapp.analysis.normalising import normalised_pairs, normalised_sentence, normalised_table
from webapp.analysis.populations import DRAWN_AT_MOST, AnalysedPopulation, filter_words
from webapp.analysis.reach import cost_warning, cost_words
from webapp.analysis.suggestions import Suggestion, restriction_words, suggestion_table
from webapp.analysis.tables import Cell, Table
from webapp.models import Regime
from webapp.pages.analysis_figures import (
    asked_figure,
    in_order_figure,
    main_figure,
    random_search_figure,
    sample_size_figure,
    scatters_of,
    spread_figure,
)
from webapp.pages.comparable import comparability
from webapp.pages.figures import Figure
from webapp.pages.links import Links
from webapp.pages.regime_words import regime_differences
from webapp.queries import COMPLEXITIES
from webapp.wording import joined

FIRST_SCATTERS = 3  # always open; a phone folds the others


@dataclass(frozen=True)
class View:
    """One of several ways to look, with its address; the one that is shown leads nowhere."""

    word: str
    url: str
    is_current: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page of an analysis for one viewer: ``name`` is its anchor and stands in its address."""

    analysis: Analysis
    links: Links

    name: ClassVar[str]
    word: ClassVar[str]
    template: ClassVar[str]
    folds: ClassVar[bool] = True  # on a phone
    size: ClassVar[str] = "some"  # about how much room it takes, a height class of the stylesheet

    @property
    def url(self) -> str:
        """Where it is asked for."""
        return self.links.part(self.name)

    @property
    def title(self) -> str:
        return self.word

    @property
    def is_there(self) -> bool:
        """Whether the page has this section, told without computing it: most need a network that finished."""
        return bool(self.analysis.used)

    @cached_property
    def figures(self) -> Sequence[Figure]:
        return ()

    @property
    def focus(self) -> AnalysedPopulation:
        return self.analysis.focus


class Verdict(Section):
    """What the person came for: the finding, what to know before trusting it, the error EDFs, the populations."""

    name, word, template = "verdict", "Verdict", "analyses/verdict.html"

    @cached_property
    def edf(self) -> Figure:
        return main_figure(self.analysis, self.links)

    @cached_property
    def figures(self) -> Sequence[Figure]:
        return (self.edf,)

    @cached_property
    def normalised_sentence(self) -> str:
        return normalised_sentence(self.analysis.normalised) if self.analysis.normalised else ""

    @property
    def parts(self) -> list[Section]:
        """Those below it."""
        return later_sections(self.analysis, self.links)

    @property
    def regimes(self) -> list[tuple[Regime, str]]:
        """Of the populations, with their addresses."""
        return [(regime, self.links.regime(regime)) for regime in self.analysis.regimes]

    @property
    def complexity(self) -> str:
        return cost_words(self.analysis.cost_tests)

    @property
    def cost_views(self) -> list[View]:
        """As the populations are, and at equal complexity; none where that can't be asked."""
        if len(self.analysis.used) < 2 or not self.links.other_views:
            return []
        asked = self.analysis.selection
        words = {"": "as they are"} | {cost: f"at equal {cost}" for cost in self.analysis.costs}
        views = [
            View(word, self.links.view(replace(asked, normalise=cost)), cost == asked.normalise)
            for cost, word in words.items()
        ]
        return views if len(views) > 1 else []

    @property
    def normalised_view(self) -> View | None:
        """What a warning of different complexities leads to."""
        if self.analysis.selection.normalise or not self.analysis.costs or not self.links.other_views:
            return None
        cost = self.analysis.costs[0]
        return View(f"Normalise by {cost}", self.links.view(replace(self.analysis.selection, normalise=cost)))

    @property
    def filter_words(self) -> list[str]:
        return filter_words(self.analysis.selection.ranges)

    @property
    def all_samples(self) -> str:
        """The same analysis without its filters."""
        return self.links.view(replace(self.analysis.selection, ranges=()))

    @property
    def unfiltered(self) -> list[str]:
        """Which populations a filter leaves whole, because they lack its column."""
        return [
            f"{one.name} has no {column}"
            for one in self.analysis.populations
            for column, _ in self.analysis.selection.ranges
            if column not in one.column_names
        ]

    @property
    def regime_differences(self) -> list[str]:
        return regime_differences([regime.definition for regime in self.analysis.regimes])

    @property
    def comparability(self) -> str:
        return comparability(self.analysis.compared)

    @cached_property
    def complexity_warning(self) -> str:
        """Empty where the populations are compared at equal complexity already."""
        normalised = self.analysis.normalised
        return "" if normalised and normalised.populations else cost_warning(self.analysis.cost_tests)

    @property
    def population_table(self) -> Table:
        return population_table(self.analysis.compared)

    @property
    def pair_table(self) -> Table | None:
        return pair_table(self.analysis.pairs) if self.analysis.pairs else None

    @property
    def mean_table(self) -> Table | None:
        return mean_table(self.analysis.pairs) if self.analysis.pairs else None

    @property
    def normalised_tables(self) -> list[Table]:
        normalised = self.analysis.normalised
        if normalised is None or not normalised.populations:
            return []
        return [normalised_table(normalised), normalised_pairs(normalised)]


class DrawOrder(Section):
    name, word, template = "in-order-of-drawing", "In draw order", "analyses/in_order.html"

    @property
    def title(self) -> str:
        return "Compared in draw order, valid at every look"

    @property
    def is_there(self) -> bool:
        return len(self.analysis.compared) > 1

    @property
    def sentence(self) -> str:
        compared = self.analysis.in_order
        if not compared or compared[0].in_order is None:
            return why_not_in_order(self.analysis.compared)
        names = f"{compared[0].names}: " if len(compared) > 1 else ""
        return names + verdict_sentence(compared[0], compared[0].in_order)

    @property
    def table(self) -> Table:
        return in_order_table(self.analysis.in_order)

    @cached_property
    def figures(self) -> Sequence[Figure]:
        return tuple(filter(None, [in_order_figure(self.analysis, self.links)]))


class Parameters(Section):
    name, word, template = "parameters", "Parameters", "analyses/parameters.html"
    folds, size = False, "much"

    @property
    def title(self) -> str:
        return f"Parameters against error: {self.analysis.focused.name}"

    @cached_property
    def figures(self) -> Sequence[Figure]:
        return scatters_of(self.analysis, self.links)

    @property
    def first_scatters(self) -> Sequence[Figure]:
        return self.figures[:FIRST_SCATTERS]

    @property
    def focus_views(self) -> list[View]:
        """One for each population that could be looked at instead; none where there is only one."""
        if len(self.analysis.used) < 2 or not self.links.other_views:
            return []
        asked, focus = self.analysis.selection, self.analysis.focused
        return [
            View(one.name, self.links.view(replace(asked, focus=one.token), anchor="#parameters"), one is focus)
            for one in self.analysis.used
        ]

    @property
    def more_scatters(self) -> Sequence[Figure]:
        return self.figures[FIRST_SCATTERS:]

    @property
    def more_names(self) -> str:
        return joined([figure.element.removeprefix("by-") for figure in self.more_scatters])

    @property
    def by_importance(self) -> bool:
        return bool(self.analysis.drivers.lines)

    @property
    def drawn(self) -> str:
        """How many of the points are drawn."""
        n = self.focus.n
        if n > DRAWN_AT_MOST:
            return f"{DRAWN_AT_MOST:,} of {n:,} points drawn, evenly spaced in draw order; all are computed with."
        return f"All {n:,} points drawn."

    @cached_property
    def front_table(self) -> Table | None:
        return front_table(self.focus)

    @property
    def left_unlisted(self) -> str:
        return left_unlisted(self.focus)


class Importance(Section):
    name, word, template = "drivers", "Importance", "analyses/drivers.html"

    @property
    def title(self) -> str:
        return f"Which of them go with the error: {self.analysis.focused.name}"

    @property
    def sentence(self) -> str:
        aside = [*self.focus.partly_known, *(one.name for one in categories(self.focus))]
        why = f" {joined(aside)}, known of some designs only or no number, takes no part." if aside else ""
        return driver_sentence(self.analysis.drivers, self.focus.name) + why

    @property
    def table(self) -> Table | None:
        return driver_table(self.analysis.drivers) if self.analysis.drivers.lines else None


@dataclass(frozen=True)
class SuggestionLine:
    """A suggested restriction with its cells, and where asking "what if" and refining with it lead."""

    suggestion: Suggestion
    cells: Sequence[Cell]
    what_if: str
    refine: str


class Next(Section):
    name, word, template = "next", "What next", "analyses/next.html"

    @property
    def title(self) -> str:
        return f"What next: {self.analysis.focused.name}"

    @cached_property
    def table(self) -> Table:
        return suggestion_table(self.analysis.suggestions)

    @property
    def csv(self) -> str:
        return self.links.table(self.table.slug)

    @property
    def lines(self) -> list[SuggestionLine]:
        """The suggested restrictions; imports have no laws, of which one could ask what if."""
        lines = []
        for suggestion, cells in zip(self.analysis.suggestions.lines, self.table.rows, strict=True):
            asked = (suggestion.restriction,)
            what_if = self._asking(asked) if self.focus.space else ""
            numbers = [f"{column.title} {cell.words}" for column, cell in zip(self.table.columns, cells, strict=True)]
            reason = f"{suggestion.words}: {'; '.join(numbers[1:])}."
            refine = self.links.refine_with(self.focus, asked, reason)
            lines.append(SuggestionLine(suggestion, cells, what_if, refine))
        return lines

    def _asking(self, restrictions: tuple[str, ...], *, pool: bool = False) -> str:
        asked = replace(self.analysis.selection, what_if=restrictions, focus=self.focus.token, pool=pool)
        return self.links.view(asked, anchor="#what-if-of")

    @cached_property
    def figures(self) -> Sequence[Figure]:
        return tuple(filter(None, [asked_figure(self.analysis, self.links)]))

    @property
    def asked_words(self) -> str:
        return joined([restriction_words(asked) for asked in self.analysis.restrictions])

    @property
    def refine_asked(self) -> str:
        answer = self.analysis.what_if
        reason = f"what if {self.asked_words}: {answer.sentence if answer else ''}"
        return self.links.refine_with(self.focus, self.analysis.restrictions, reason)

    @property
    def asking_all(self) -> str:
        """Where the samples of all spaces are asked; empty where that is asked already, or nobody else could say."""
        return self._asking(self.analysis.restrictions, pool=True) if self.analysis.can_pool else ""

    @property
    def changes_nothing(self) -> bool:
        return bool(self.analysis.selection.what_if) and self.analysis.what_if is None


class Designs(Section):
    name, word, template = "designs", "Best designs", "analyses/designs.html"

    @property
    def title(self) -> str:
        focus = self.analysis.focused
        return f"Best designs: {len(focus.listed_rows[0])} of {focus.n:,}"

    @cached_property
    def best(self) -> Table:
        return best_table(self.focus)

    @cached_property
    def worst(self) -> Table:
        return worst_table(self.focus)

    @property
    def widest(self) -> int:
        """The largest width of all pictures, which are drawn to one scale."""
        return max((max(one.widths) for one in self.focus.pictures.values() if one.widths), default=0)

    @property
    def blocks(self) -> int:
        return max((len(one.widths) for one in self.focus.pictures.values()), default=0)

    @property
    def csv(self) -> str:
        return self.links.samples(self.focus, "csv")


class Reach(Section):
    name, word, template = "reach", "Is n enough", "analyses/reach.html"

    @property
    def title(self) -> str:
        return "How far the evidence reaches"

    @cached_property
    def figures(self) -> Sequence[Figure]:
        enough = sample_size_figure(self.analysis, self.links)
        return tuple(filter(None, [enough, random_search_figure(self.analysis, self.links)]))


class Complexity(Section):
    name, word, template = "complexity", "Complexity", "analyses/complexity.html"

    @property
    def title(self) -> str:
        return "Complexity of the populations"

    @property
    def is_there(self) -> bool:
        return any(one.costs for one in self.analysis.used)

    @property
    def warning(self) -> str:
        return cost_warning(self.analysis.cost_tests)

    @cached_property
    def figures(self) -> Sequence[Figure]:
        return tuple(filter(None, [spread_figure(self.analysis, cost) for cost in COMPLEXITIES]))


LATER = (DrawOrder, Parameters, Importance, Next, Designs, Reach, Complexity)
SECTIONS: dict[str, type[Section]] = {section.name: section for section in LATER}


def later_sections(analysis: Analysis, links: Links) -> list[Section]:
    """The sections below the verdict, in the order of the page."""
    return [section for kind in LATER if (section := kind(analysis, links)).is_there]
