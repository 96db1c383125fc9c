"""Tags and filters of the templates: numbers, badges, inline pictures, figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django import template
from django.http import QueryDict
from django.template import Context
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from engine.designs import Design
from webapp import plots, queries, space_words, wording
from webapp.analysis.lines import SmallCurve
from webapp.analysis.tables import NONE, Cell, Estimate, SampleId, Table, Target, Widths
from webapp.analysis.tables import Population as PopulationCell
from webapp.analysis.tables import Sample as SampleCell
from webapp.pages.figures import Figure
from webapp.pages.links import Links
from webapp.pages.rendering import section_html
from webapp.pages.sections import Designs, Section
from webapp.queries import BatchProgress, Outline
from webapp.queries.notifications import MOST_COUNTED

register = template.Library()

# What json_script of Django escapes, so that no value can end the tag.
JSON_ESCAPES = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}
PRINTS: dict[Literal["svg", "png"], str] = {"svg": "SVG", "png": "PNG"}


@register.filter
def fixed(value: float | None, digits: int = 1) -> str:
    return NONE if value is None else wording.fixed(value, digits)


@register.filter
def signed(value: float | None, digits: int = 1) -> str:
    return NONE if value is None else wording.signed(value, digits)


@register.filter
def percent(share: float | None, digits: int = 1) -> str:
    return NONE if share is None else wording.percent(share, digits)


@register.filter
def compact(value: float | None) -> str:
    return NONE if value is None else wording.compact(value)


@register.filter
def large(count: float) -> str:
    return wording.large(count)


@register.filter
def exact(count: int) -> str:
    """Every digit of an integer, as long as they can be read."""
    return f"{count:,}" if count < 10**60 else wording.large(count)


@register.filter
def design_words(design: Design) -> str:
    return space_words.design_words(design)


@register.filter
def millions(count: float | None) -> str:
    return NONE if count is None else wording.significant(count / 1e6)


@register.filter
def limits(window: tuple[float | None, float | None] | None) -> str:
    """One side of a window in millions: 0.70 to 0.78, from 360, any."""
    low, high = window or (None, None)
    return wording.open_range(low, high, lambda count: wording.significant(count / 1e6))


@register.filter
def gibibytes(count: int | None) -> str:
    return NONE if count is None else wording.fixed(count / 2**30, 2)


@register.filter
def per_cent_number(share: float) -> str:
    """A share of one as the number in a style, such as 37.5."""
    return f"{100 * share:.1f}"


@register.filter
def duration(seconds: float | None) -> str:
    return NONE if seconds is None else wording.duration(seconds)


@register.filter
def seconds(value: float) -> str:
    """A measured time: below a minute to three digits, because runs can be short."""
    return f"{wording.significant(value)}{wording.NBSP}s" if value < 60 else wording.duration(value)


@register.filter
def ago(at: datetime | None) -> str:
    return NONE if at is None else wording.ago(timezone.localtime(at), timezone.now())


@register.filter
def counted(count: int, noun: str) -> str:
    """``3|counted:"run"``; a plural of its own stands after a bar: ``"batch|batches"``."""
    singular, _, plural = noun.partition("|")
    return wording.counted(count, singular, plural)


@register.filter
def at(entries: Mapping[object, object], key: object) -> object:
    """The entry of a mapping; None where it has none."""
    return entries.get(key)


@register.filter
def words(name: str | None) -> str:
    """An identifier as words: out_of_memory -> out of memory."""
    return (name or "").replace("_", " ")


@register.simple_tag
def badge(state: str, word: str = "") -> SafeString:
    return format_html('<span class="badge {}">{}</span>', state, word or state)


@register.simple_tag
def swatch(slot: int, dash: int | None = None) -> SafeString:
    return mark_safe(plots.swatch(int(slot), dash))  # noqa: S308  (numbers only)


@register.simple_tag
def outline(curve: Outline, slot: int, low: float, high: float) -> SafeString:
    picture = plots.quantile_sparkline([(int(slot), curve.quantiles, curve.top)], x_range=(low, high))
    return mark_safe(picture)  # noqa: S308  (numbers only)


@register.simple_tag
def sparklines(curves: Sequence[SmallCurve], low: float, high: float) -> SafeString:
    picture = plots.quantile_sparkline(
        [(curve.slot, curve.quantiles, curve.top) for curve in curves], x_range=(low, high)
    )
    return mark_safe(picture)  # noqa: S308  (numbers only)


@register.simple_tag
def thumbnail(widths: Sequence[int], slot: int, top: int | None = None, blocks: int | None = None) -> SafeString:
    return mark_safe(plots.stage_thumbnail(widths, slot=slot, top=top, blocks=blocks))  # noqa: S308  (numbers only)


@register.inclusion_tag("includes/bell.html", takes_context=True)
def bell(context: Context) -> dict[str, object]:
    """How much the person has not read yet; asked for again every half a minute."""
    unread = queries.count_unread(context["request"].user)
    return {"unread": unread, "words": f"{unread}" if unread < MOST_COUNTED else f"{MOST_COUNTED - 1}+"}


@register.inclusion_tag("includes/progress.html")
def progress(batch: BatchProgress, size: str = "") -> dict[str, object]:
    parts = [
        ("done", batch.done),
        ("running", batch.running),
        ("failed", batch.failed),
        ("waiting", batch.waiting),
        ("cancelled", batch.cancelled),
    ]
    legend = [part for part in parts if part[1] or part[0] != "cancelled"]
    label = ", ".join(f"{count} {state}" for state, count in legend)
    return {"parts": [part for part in legend if part[1]], "legend": legend, "label": label, "size": size}


@dataclass(frozen=True)
class PlacedCell:
    """A cell with where it leads, if anywhere."""

    cell: Cell
    numeric: bool
    url: str


@dataclass(frozen=True)
class Pictures:
    """How the pictures of a table of designs are drawn: the slot of their population, their common scale."""

    slot: int
    top: int
    blocks: int


@register.inclusion_tag("includes/table.html", takes_context=True)
def datatable(
    context: Context, table: Table, pictures: Pictures | None = None, *, own_file: bool = True
) -> dict[str, object]:
    """A table of values; ``own_file`` says whether the way to its CSV stands below it."""
    links = context.get("links") or Links()
    populations = context["analysis"].populations if "analysis" in context else ()
    rows = [
        [
            PlacedCell(cell, column.numeric, links.target(target, populations) if (target := _target(cell)) else "")
            for cell, column in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    csv = links.table(table.slug) if own_file else ""
    return {"table": table, "rows": rows, "csv": csv, "pictures": pictures}


def _target(cell: Cell) -> Target | None:
    return cell.target if isinstance(cell, PopulationCell | SampleCell | SampleId) else None


@register.simple_tag
def cell(placed: PlacedCell, pictures: Pictures | None = None) -> SafeString:
    """The words of a cell, with the mark, the picture or the link that belongs to it."""
    value = placed.cell
    if isinstance(value, Widths) and value.widths and pictures:
        picture = plots.stage_thumbnail(value.widths, slot=pictures.slot, top=pictures.top, blocks=pictures.blocks)
        return format_html('<div class="strip">{}</div>', mark_safe(picture))  # noqa: S308  (numbers only)
    words: str | SafeString = value.words
    if isinstance(value, Estimate) and value.ends:
        words = format_html('{} <span class="ci">{}</span>', value.point, value.ends)
    if placed.url:
        words = format_html('<a href="{}">{}</a>', placed.url, words)
    if isinstance(value, PopulationCell):
        words = format_html("{} {}", mark_safe(plots.swatch(value.slot)), words)  # noqa: S308  (numbers only)
    return conditional_escape(words)


@register.simple_tag
def pictures_of(section: Designs) -> Pictures:
    return Pictures(section.focus.slot, section.widest, section.blocks)


@register.inclusion_tag("includes/figure.html", takes_context=True)
def figure(context: Context, one: Figure) -> dict[str, object]:
    """A figure with the ways to its files that ``links`` of the page has, or the buttons of the form around it."""
    links = context.get("links") or Links()
    return {
        "figure": one,
        "name": one.title or one.table.label,
        "prints": [(word, url) for kind, word in PRINTS.items() if (url := links.figure(one.element, kind))],
        "table_csv": links.table(one.element),
        "exports": ("SVG", "PNG", "CSV") if context.get("exports") else (),
        "links": links,
    }


@register.simple_tag(name="section_html")
def section_tag(section: Section) -> SafeString:
    return section_html(section)


@register.simple_tag
def plots_json(figures: Sequence[Figure]) -> SafeString:
    """The JSON of these figures as one document: of a page, or of a fragment that is swapped into it."""
    if not figures:
        return mark_safe("")
    document = plots.page_plots({figure.element: figure.plot for figure in figures})
    text = json.dumps(document, allow_nan=False).translate(JSON_ESCAPES)
    return format_html('<script type="application/json" data-plots>{}</script>', mark_safe(text))  # noqa: S308


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: str | int | list[str] | None) -> str:
    """The page's query string with some values changed; None takes one out."""
    values: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if isinstance(value, list):
            values.setlist(name, value)
        elif value is not None:
            values[name] = str(value)
    return "?" + values.urlencode()
