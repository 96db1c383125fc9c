"""The address of an analysis: ?p=<space>-<regime>&p=...&error=final|best&of=<space>-<regime>."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import BadRequest
from django.http import Http404, QueryDict

from webapp.models import Regime, Space, Team
from webapp.queries import ErrorChoice

MOST_POPULATIONS = 7  # one for each colour
PAIR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@dataclass(frozen=True)
class Selection:
    """What an address asks for; every space and regime is the team's."""

    pairs: list[tuple[Space, Regime]]
    error: ErrorChoice
    focus: tuple[int, int] | None


def read_selection(values: QueryDict, team: Team) -> Selection:
    """The selection of an address: 400 where it is no selection, 404 where the team has no such space or regime."""
    error = values.get("error", "final")
    if error not in ("final", "best"):
        raise BadRequest(f"error must be final or best, got {error[:20]}.")
    wanted = list(dict.fromkeys(_pair(text) for text in values.getlist("p") if text))
    if len(wanted) > MOST_POPULATIONS:
        raise BadRequest(f"At most {MOST_POPULATIONS} populations can be compared, got {len(wanted)}.")
    of = values.get("of")
    focus = _pair(of) if of else None
    return Selection(_rows(wanted, team), "best" if error == "best" else "final", focus)


def _pair(text: str) -> tuple[int, int]:
    match = PAIR.fullmatch(text)
    if match is None:
        raise BadRequest(f"p must be a space and a regime such as 1-2, got {text[:40]}.")
    return int(match[1]), int(match[2])


def _rows(wanted: Sequence[tuple[int, int]], team: Team) -> list[tuple[Space, Regime]]:
    spaces = Space.objects.filter(team=team).in_bulk([space for space, _ in wanted])
    regimes = Regime.objects.filter(team=team).in_bulk([regime for _, regime in wanted])
    try:
        return [(spaces[space], regimes[regime]) for space, regime in wanted]
    except KeyError:
        raise Http404("No such population in this team.") from None
