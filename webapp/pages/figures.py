"""What a page shows of a result: a plot with its sentence, the same numbers as a table, the way to its CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.text import slugify


@dataclass(frozen=True)
class Column:
    """Head of a column with its unit; numbers are right-aligned."""

    title: str
    numeric: bool = True
    hidden: bool = False


@dataclass(frozen=True)
class Table:
    """Cells are text, escaped when shown; the first of a row is its head, and leads to the row's of ``links``."""

    label: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    links: Sequence[str] = ()

    @property
    def slug(self) -> str:
        """Its name in an address."""
        return slugify(self.label)

    @property
    def lines(self) -> list[tuple[list[tuple[str, Column]], str]]:
        """The cells of every row with their columns, and where its head leads, if anywhere."""
        cells = [list(zip(row, self.columns, strict=True)) for row in self.rows]
        return list(zip(cells, self.links or [""] * len(cells), strict=True))


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
    """A Bokeh plot with everything that stands around it. ``size`` is a height class of the stylesheet."""

    element: str
    plot: Any
    caption: str
    table: Table
    size: str = ""
    title: str = ""
    note: str = ""
    csv: str = ""
    legend: Sequence[LegendEntry] = field(default_factory=tuple)
    link: str = ""
    link_text: str = ""
    link_label: str = ""


def text_columns(*titles: str, text: int = 1) -> list[Column]:
    """Columns of which the first ``text`` hold words and the others numbers."""
    return [Column(title, numeric=k >= text) for k, title in enumerate(titles)]
