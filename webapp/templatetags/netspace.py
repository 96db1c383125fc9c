"""Tags and filters of the templates: numbers, badges, inline pictures, figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.http import QueryDict
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from webapp import plots, queries, wording
from webapp.pages.figures import Figure, Table
from webapp.queries import BatchProgress, Outline
from webapp.queries.notifications import MOST_COUNTED

register = template.Library()

# What json_script of Django escapes, so that no value can end the tag.
JSON_ESCAPES = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}
NONE = "–"


@register.filter
def fixed(value: float | None, digits: int = 1) -> str:
    return NONE if value is None else wording.fixed(value, digits)


@register.filter
def within(interval: tuple[float, float]) -> str:
    return wording.within(interval)


@register.filter
def signed(value: float | None, digits: int = 1) -> str:
    return NONE if value is None else wording.signed(value, digits)


@register.filter
def percent(share: float | None, digits: int = 1) -> str:
    return NONE if share is None else wording.percent(share, digits)


@register.filter
def p_value(p: float) -> str:
    return wording.p_value(p)


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
def millions(count: float | None) -> str:
    return NONE if count is None else wording.significant(count / 1e6)


@register.filter
def limits(window: tuple[float | None, float | None] | None) -> str:
    """One side of a window in millions: 0.70 to 0.78, from 360, any."""
    low, high = window or (None, None)
    if low is None and high is None:
        return "any"
    if high is None:
        return f"from {wording.significant(low / 1e6)}" if low is not None else "any"
    if low is None:
        return f"up to {wording.significant(high / 1e6)}"
    return f"{wording.significant(low / 1e6)} to {wording.significant(high / 1e6)}"


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
def at(found: Mapping[Any, Any], key: Any) -> Any:
    """The entry of a mapping; None where it has none."""
    return found.get(key)


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
def sparkline(curve: plots.Curve, low: float, high: float) -> SafeString:
    return mark_safe(plots.edf_sparkline([curve], x_range=(low, high)))  # noqa: S308  (numbers only)


@register.simple_tag
def outline(shown: Outline, slot: int, low: float, high: float) -> SafeString:
    picture = plots.quantile_sparkline(shown.quantiles, slot=int(slot), x_range=(low, high))
    return mark_safe(picture)  # noqa: S308  (numbers only)


@register.simple_tag
def sparklines(curves: Sequence[plots.Curve], low: float, high: float) -> SafeString:
    return mark_safe(plots.edf_sparkline(curves, x_range=(low, high)))  # noqa: S308  (numbers only)


@register.simple_tag
def thumbnail(widths: Sequence[int], slot: int, top: int | None = None, blocks: int | None = None) -> SafeString:
    return mark_safe(plots.stage_thumbnail(widths, slot=slot, top=top, blocks=blocks))  # noqa: S308  (numbers only)


@register.inclusion_tag("includes/bell.html", takes_context=True)
def bell(context: dict[str, Any]) -> dict[str, Any]:
    """How much the person has not read yet; asked for again every half a minute."""
    unread = queries.count_unread(context["request"].user)
    return {"unread": unread, "shown": f"{unread}" if unread < MOST_COUNTED else f"{MOST_COUNTED - 1}+"}


@register.inclusion_tag("includes/progress.html")
def progress(batch: BatchProgress, size: str = "") -> dict[str, Any]:
    parts = [
        ("done", batch.done),
        ("running", batch.running),
        ("failed", batch.failed),
        ("waiting", batch.waiting),
        ("cancelled", batch.cancelled),
    ]
    shown = [part for part in parts if part[1] or part[0] != "cancelled"]
    label = ", ".join(f"{count} {state}" for state, count in shown)
    return {"parts": [part for part in shown if part[1]], "shown": shown, "label": label, "size": size}


@register.inclusion_tag("includes/table.html", takes_context=True)
def datatable(context: dict[str, Any], table: Table) -> dict[str, Any]:
    """A table; on an analysis with the way to its CSV, except inside a figure, which has its own."""
    return {"table": table, "csv": _table_csv(context, table.slug)}


def _table_csv(context: dict[str, Any], name: str) -> str:
    page = context.get("prints", "")
    return f"{page}tables/{name}.csv{context['files_query']}" if page and "files_query" in context else ""


@register.inclusion_tag("includes/figure.html", takes_context=True)
def figure(context: dict[str, Any], shown: Figure) -> dict[str, Any]:
    """``prints`` of the page is the address below which its figures are found in print size.

    An analysis and a result page have the files of their tables there too, all of them with ``files_query``.
    """
    page, query = context.get("prints", ""), context.get("files_query", "")
    prints = f"{page}figures/{shown.element}" if page else ""
    table_csv = _table_csv(context, shown.element)
    exports = ("SVG", "PNG", "CSV") if context.get("exports") else ()  # buttons of the form around the figure
    return {"figure": shown, "prints": prints, "prints_query": query, "table_csv": table_csv, "exports": exports}


@register.simple_tag
def plots_json(figures: Sequence[Figure]) -> SafeString:
    """The one JSON tag of a page, or of a fragment that htmx swaps."""
    if not figures:
        return mark_safe("")
    document = plots.page_plots({figure.element: figure.plot for figure in figures})
    text = json.dumps(document, allow_nan=False).translate(JSON_ESCAPES)
    return format_html('<script type="application/json" data-plots>{}</script>', mark_safe(text))  # noqa: S308


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The page's query string with some values changed; None takes one out."""
    values: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if isinstance(value, list):
            values.setlist(name, value)
        elif value is not None:
            values[name] = value
    return "?" + values.urlencode()
