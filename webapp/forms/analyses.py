"""An analysis asked for in an address: 400 where it is none, 404 where the team lacks a population."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.core.exceptions import BadRequest
from django.http import Http404, QueryDict

from webapp.analysis import Analysis, InvalidSelection, Selection, UnknownPopulation, analyse
from webapp.analysis.populations import with_unit
from webapp.analysis.selection import SelectedRows, find_rows
from webapp.models import Team
from webapp.wording import plain


@contextmanager
def refused() -> Iterator[None]:
    """What an address asks in vain, as the answer that it gets."""
    try:
        yield
    except UnknownPopulation as error:
        raise Http404(str(error)) from error
    except InvalidSelection as error:
        raise BadRequest(str(error)) from error


def read_selection(values: QueryDict) -> Selection:
    with refused():
        return Selection.read(dict(values.lists()))


def read_rows(selection: Selection, team: Team) -> SelectedRows:
    with refused():
        return find_rows(selection, team)


def read_analysis(values: QueryDict, team: Team) -> Analysis:
    with refused():
        return analyse(read_selection(values), team)


@dataclass(frozen=True)
class RangeField:
    """The two inputs of one column; texts are what the address holds."""

    column: str
    label: str
    low: str
    high: str


def range_fields(columns: Iterable[str], selection: Selection) -> list[RangeField]:
    """The inputs of every column that can be filtered by."""
    ranges = dict(selection.ranges)
    return [
        RangeField(column, with_unit(column), *(_text(bound) for bound in ranges.get(column, (None, None))))
        for column in columns
    ]


def _text(bound: float | None) -> str:
    return "" if bound is None else plain(bound)
