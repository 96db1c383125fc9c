"""Tags of the templates of lists: heads to sort by, the row of filters; and how a row is filed."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import QuerySet
from django.http import QueryDict
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp import queries
from webapp.forms.lists import Asked
from webapp.models.filing import LONGEST_TAG, Filed
from webapp.pages.filing import PLACES

register = template.Library()

# The kinds of what the search finds: their heads, and the names of their lists.
KINDS = {
    "space": ("Spaces", "spaces"),
    "regime": ("Regimes", "regimes"),
    "batch": ("Batches", "batches"),
    "sample": ("Samples", "batches"),
    "result": ("Result pages", "results"),
    "imported": ("Imported populations", "imports"),
    "person": ("People", "team"),
}
FORGOTTEN = ("page", "row")  # with another order or filter one starts at the first page


def _address(context: Context, asked: Asked, without: tuple[str, ...] = (), **changes: str) -> str:
    values: QueryDict = context["request"].GET.copy()
    for name in (*FORGOTTEN, *without, *changes):
        values.pop(name, None)
    for name, value in changes.items():
        values[name] = value
    anchor = f"#{asked.listing.anchor}" if asked.listing.anchor else ""
    return f"?{values.urlencode()}{anchor}"


@register.simple_tag(takes_context=True)
def head(context: Context, asked: Asked, column: str, title: str, css: str = "") -> SafeString:
    """The head of a column that sorts its list, and says how it does."""
    current = column == asked.column
    url = _address(context, asked, sort=f"-{column}" if current and not asked.falling else column)
    state = format_html(' aria-sort="{}"', "descending" if asked.falling else "ascending") if current else ""
    kind = format_html(' class="{}"', css) if css else ""
    return format_html('<th scope="col"{}{}><a href="{}">{}</a></th>', kind, state, url, title)


@register.inclusion_tag("includes/list_filter.html", takes_context=True)
def list_filter(context: Context, asked: Asked, rows: QuerySet[Any] | None = None) -> dict[str, object]:
    """The row of filters. ``rows`` are all that the list could hold: where their tags come from."""
    names = ["q", "tag", "archived", *asked.listing.choices]
    kept = [
        (name, value)
        for name, values in context["request"].GET.lists()
        for value in values
        if name not in (*names, *FORGOTTEN)
    ]
    tags = queries.tags_in_use(rows) if rows is not None and asked.listing.filed else []
    return {
        "asked": asked,
        "kept": kept,
        "tags": sorted({*tags, asked.tag} - {""}),
        "choices": [(name, choice, asked.chosen[name]) for name, choice in asked.listing.choices.items()],
    }


@register.inclusion_tag("includes/no_match.html", takes_context=True)
def no_match(context: Context, asked: Asked, noun: str) -> dict[str, object]:
    return {
        "noun": noun,
        "clear": _address(context, asked, without=("q", "tag", *asked.listing.choices)),
        "with_archived": "" if asked.archived or not asked.listing.filed else _address(context, asked, archived="1"),
    }


@register.inclusion_tag("includes/chips.html")
def chips(row: Filed) -> dict[str, object]:
    """The tags of a row of a list, and whether it is archived."""
    return {"row": row, "list": reverse(PLACES[type(row)].list)}


@register.inclusion_tag("includes/filing.html", takes_context=True)
def filing(context: Context, row: Filed) -> dict[str, object]:
    """The tags of the row whose page this is, with the ways to change them; whether it is archived."""
    place = PLACES[type(row)]
    return {
        "row": row,
        "place": place,
        "list": reverse(place.list),
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
        "tag": reverse(f"tag-{place.page}", args=[row.pk]),
        "untag": reverse(f"untag-{place.page}", args=[row.pk]),
        "longest": LONGEST_TAG,
    }


@register.inclusion_tag("includes/filing_verbs.html", takes_context=True)
def filing_verbs(context: Context, row: Filed) -> dict[str, object]:
    """Archive and delete."""
    place = PLACES[type(row)]
    return {
        "row": row,
        "csrf_token": context.get("csrf_token"),
        "archive": reverse(f"{'restore' if row.archived_at else 'archive'}-{place.page}", args=[row.pk]),
        "delete": reverse(f"delete-{place.page}", args=[row.pk]),
    }


@register.filter
def kind_words(kind: str) -> str:
    return KINDS[kind][0]


@register.filter
def kind_list(kind: str) -> str:
    return reverse(KINDS[kind][1])
