"""The address of an analysis, which holds the whole view.

?p=<space>-<regime>&p=i<imported>&...&error=final|best&of=<one of them>&normalise=flops|params|acts
&min_<column>=...&max_<column>=...&what_if=<restriction>&what_if=...&pool=1
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.core.exceptions import BadRequest
from django.http import Http404, QueryDict

from engine.statistics.population import Range
from webapp.forms.filters import read_ranges
from webapp.models import ImportedPopulation, Regime, Space, Team
from webapp.queries import COMPLEXITIES, ErrorChoice

MOST_POPULATIONS = 7  # one for each colour
MOST_RESTRICTIONS = 10
PAIR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
IMPORTED = re.compile(r"i([0-9]{1,18})")


@dataclass(frozen=True)
class Selection:
    """What an address asks for; every space, regime and imported population is the team's.

    ``focus`` is one population as the address names it, such as 1-2 or i3, or empty; ``normalise`` a complexity or
    empty; ``ranges`` filters by column, complexities in millions; ``what_if`` restrictions as
    `webapp.pages.narrowing` has them; ``pool`` asks all populations about those, not only the one looked at.
    """

    pairs: list[tuple[Space, Regime]]
    error: ErrorChoice
    focus: str
    imported: list[ImportedPopulation] = field(default_factory=list)
    normalise: str = ""
    ranges: dict[str, Range] = field(default_factory=dict)
    what_if: tuple[str, ...] = ()
    pool: bool = False


def read_selection(values: QueryDict, team: Team) -> Selection:
    """The selection of an address: 400 where it is no selection, 404 where the team has no such space or regime."""
    error = values.get("error", "final")
    if error not in ("final", "best"):
        raise BadRequest(f"error must be final or best, got {error[:20]}.")
    wanted = list(dict.fromkeys(_checked(text) for text in values.getlist("p") if text))
    if len(wanted) > MOST_POPULATIONS:
        raise BadRequest(f"At most {MOST_POPULATIONS} populations can be compared, got {len(wanted)}.")
    normalise = values.get("normalise", "")
    if normalise not in ("", *COMPLEXITIES):
        raise BadRequest(f"normalise must be one of {', '.join(COMPLEXITIES)}, got {normalise[:20]}.")
    of = values.get("of")
    return Selection(
        _rows([pair for text in wanted if (pair := _pair(text))], team),
        "best" if error == "best" else "final",
        _checked(of) if of else "",
        _imported([int(text[1:]) for text in wanted if IMPORTED.fullmatch(text)], team),
        normalise,
        read_ranges(values),
        tuple(text[:80] for text in values.getlist("what_if")[:MOST_RESTRICTIONS] if text),
        values.get("pool") == "1",
    )


def _checked(text: str) -> str:
    """One population of an address, without leading zeros."""
    if IMPORTED.fullmatch(text):
        return f"i{int(text[1:])}"
    pair = _pair(text)
    if pair is None:
        raise BadRequest(f"p must be a space and a regime such as 1-2, or an import such as i3, got {text[:40]}.")
    return f"{pair[0]}-{pair[1]}"


def _pair(text: str) -> tuple[int, int] | None:
    match = PAIR.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def _rows(wanted: Sequence[tuple[int, int]], team: Team) -> list[tuple[Space, Regime]]:
    spaces = Space.objects.filter(team=team).in_bulk([space for space, _ in wanted])
    regimes = Regime.objects.filter(team=team).in_bulk([regime for _, regime in wanted])
    try:
        return [(spaces[space], regimes[regime]) for space, regime in wanted]
    except KeyError:
        raise Http404("No such population in this team.") from None


def _imported(wanted: Sequence[int], team: Team) -> list[ImportedPopulation]:
    found = ImportedPopulation.objects.filter(team=team).in_bulk(wanted)
    try:
        return [found[pk] for pk in wanted]
    except KeyError:
        raise Http404("No such imported population in this team.") from None
