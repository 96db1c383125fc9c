"""What the address of a list asks for: an order, a text, a tag, choices, and whether archived rows show.

?sort=-created&q=deep&tag=paper&state=running&archived=1&page=2. What a list does not offer is refused with 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django.core.exceptions import BadRequest, ValidationError
from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.http import QueryDict

from webapp.forms.tags import read_tag, tag_in_text

LONGEST_TEXT = 120

Row = TypeVar("Row", bound=Model)
Line = TypeVar("Line")


@dataclass(frozen=True)
class Choice:
    """A list of values to choose from: each with its word and what it keeps, a condition or a function of a line."""

    label: str
    options: Mapping[str, tuple[str, Any]]


@dataclass(frozen=True)
class Listing:
    """What one list offers.

    ``sorts`` gives for each column that can be sorted by a field or an expression, or where the rows are no longer in
    the database a function of a line. ``usual`` is the order of an address that names none; empty: as the rows come.
    ``sought`` are the fields of text that are searched. ``filed``: its rows carry tags and can be archived.
    """

    sorts: Mapping[str, Any]
    usual: str = ""
    sought: Sequence[str] = ()
    choices: Mapping[str, Choice] = field(default_factory=dict)
    filed: bool = True
    anchor: str = ""  # of the list, on a page that holds more


@dataclass(frozen=True)
class Asked:
    """What an address asks of a listing."""

    listing: Listing
    sort: str
    text: str
    tag: str
    archived: bool
    chosen: Mapping[str, str]
    page: int

    @property
    def column(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def falling(self) -> bool:
        return self.sort.startswith("-")

    @property
    def filtered(self) -> bool:
        """Whether any row may be left out for what was asked."""
        return bool(self.text or self.tag or any(self.chosen.values()))

    def keep(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Those of the rows that were asked for."""
        conditions = [self.listing.choices[name].options[value][1] for name, value in self.chosen.items() if value]
        if self.text:
            found = [Q(**{f"{name}__icontains": self.text}) for name in self.listing.sought]
            if self.listing.filed and (tag := tag_in_text(self.text)):  # as the search of the top bar does
                found.append(Q(tags__contains=[tag]))
            conditions.append(reduce(or_, found))
        if self.tag:
            conditions.append(Q(tags__contains=[self.tag]))
        if self.listing.filed and not self.archived:
            conditions.append(Q(archived_at=None))
        return rows.filter(*conditions)

    def order(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """The rows in the order asked for; those without a value last."""
        if not self.sort:
            return rows
        by = self.listing.sorts[self.column]
        expression = F(by) if isinstance(by, str) else by
        tie = "-pk" if self.falling else "pk"
        # Only where it matters: an index serves a falling order with empty values last only if made for that.
        always = any(column.name == by and not column.null for column in rows.model._meta.fields)
        last = None if always else True
        return rows.order_by(OrderBy(expression, descending=self.falling, nulls_last=last), tie)

    def rows(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        return self.order(self.keep(rows))

    def keep_lines(self, lines: Sequence[Line]) -> list[Line]:
        """As `keep`, for lines that are no longer in the database."""
        tests: list[Callable[[Line], bool]] = [
            self.listing.choices[name].options[value][1] for name, value in self.chosen.items() if value
        ]
        if self.text:
            sought = self.text.casefold()
            tests.append(
                lambda line: any(sought in str(getattr(line, name)).casefold() for name in self.listing.sought)
            )
        return [line for line in lines if all(test(line) for test in tests)]

    def order_lines(self, lines: Sequence[Line]) -> list[Line]:
        """As `order`, for lines that are no longer in the database."""
        if not self.sort:
            return list(lines)
        by: Callable[[Line], Any] = self.listing.sorts[self.column]
        known = sorted((line for line in lines if by(line) is not None), key=by, reverse=self.falling)
        return known + [line for line in lines if by(line) is None]


def read_list(values: QueryDict, listing: Listing) -> Asked:
    """What an address asks for; 400 where the listing does not offer it."""
    sort = values.get("sort", "") or listing.usual
    if sort and sort.removeprefix("-") not in listing.sorts:
        raise BadRequest(f"sort must be one of {', '.join(listing.sorts)}, or one of them after a minus.")
    chosen = {name: values.get(name, "") for name in listing.choices}
    for name, value in chosen.items():
        if value and value not in listing.choices[name].options:
            raise BadRequest(f"{name} must be one of {', '.join(listing.choices[name].options)}.")
    archived = values.get("archived", "") if listing.filed else ""
    if archived not in ("", "1"):
        raise BadRequest("archived must be 1, or left out.")
    page = values.get("page", "") or "1"
    if not (page.isascii() and page.isdecimal() and len(page) < 10):
        raise BadRequest("page must be a number.")
    return Asked(
        listing,
        sort,
        values.get("q", "").strip()[:LONGEST_TEXT] if listing.sought else "",
        _tag(values.get("tag", "")) if listing.filed else "",
        bool(archived),
        chosen,
        max(1, int(page)),
    )


def _tag(text: str) -> str:
    try:
        return read_tag(text) if text else ""
    except ValidationError as error:
        raise BadRequest("No row can have such a tag.") from error
