"""What a page shows of a result: a plot with its sentence, the same numbers as a table, the way to its CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.functional import cached_property

from webapp.analysis.tables import Table
from webapp.plots import Plot


@dataclass(frozen=True)
class LegendEntry:
    """A button that shows or hides the renderers named ``curve``; ``dash`` differs from ``slot`` for runs."""

    curve: str
    slot: int
    name: str
    note: str = ""
    dash: int | None = None


@dataclass(frozen=True)
class Figure:
    """A Bokeh plot, drawn when it is first asked for, with everything that stands around it.

    ``size`` is a height class of the stylesheet, ``link`` where a button beside the title leads.
    """

    element: str
    draw: Callable[[], Plot]
    caption: str
    table: Table
    size: str = ""
    title: str = ""
    note: str = ""
    csv: str = ""
    legend: Sequence[LegendEntry] = ()
    link: str = ""
    link_text: str = ""
    link_label: str = ""

    @cached_property
    def plot(self) -> Plot:
        return self.draw()
