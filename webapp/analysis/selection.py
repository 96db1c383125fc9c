"""What an analysis is asked for: populations and how to look at them, as an address or a saved page holds it.

p=<space>-<regime>&p=i<imported>&...&error=final|best&of=<one of them>&normalise=flops|params|acts
&min_<column>=...&max_<column>=...&what_if=<restriction>&what_if=...&pool=1
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.statistics.population import Range
from webapp.models import ImportedPopulation, Regime, Space, Team
from webapp.queries import COMPLEXITIES, ErrorChoice
from webapp.wording import plain

MOST_POPULATIONS = 7  # one for each colour
MOST_RESTRICTIONS = 10
LONGEST_RESTRICTION = 80
MOST_BOUNDS = 40
ENDS = ("min_", "max_")
TRAINED = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
IMPORTED = re.compile(r"i([0-9]{1,18})")

Row = TypeVar("Row", Space, Regime, ImportedPopulation)


class InvalidSelection(ValueError):
    """The address asks for something that no analysis is; a sentence that names it."""


class UnknownPopulation(LookupError):
    """The team has no such population."""


@dataclass(frozen=True)
class TrainedId:
    """A space under a regime."""

    space: int
    regime: int

    @property
    def token(self) -> str:
        """As it stands in an address."""
        return f"{self.space}-{self.regime}"


@dataclass(frozen=True)
class ImportedId:
    imported: int

    @property
    def token(self) -> str:
        return f"i{self.imported}"


PopulationId = TrainedId | ImportedId


@dataclass(frozen=True)
class Selection:
    """What an analysis is asked for.

    ``focus`` is the token of the population looked at parameter by parameter, or empty; ``normalise`` a complexity or
    empty; ``ranges`` filters by column, complexities in millions; ``what_if`` restrictions as `narrowing` has them;
    ``pool`` asks all populations about those, not only the one looked at.
    """

    populations: tuple[PopulationId, ...] = ()
    error: ErrorChoice = "final"
    focus: str = ""
    normalise: str = ""
    ranges: tuple[tuple[str, Range], ...] = ()
    what_if: tuple[str, ...] = ()
    pool: bool = False

    @staticmethod
    def read(values: Mapping[str, Sequence[str]]) -> Selection:
        """The selection of the values of an address; `InvalidSelection` where they are none."""
        last = {name: given[-1] for name, given in values.items() if given}
        error, normalise = last.get("error", "final"), last.get("normalise", "")
        if error not in ("final", "best"):
            raise InvalidSelection(f"error must be final or best, got {error[:20]}.")
        if normalise not in ("", *COMPLEXITIES):
            raise InvalidSelection(f"normalise must be one of {', '.join(COMPLEXITIES)}, got {normalise[:20]}.")
        focus = last.get("of", "")
        return Selection(
            populations=_populations(values.get("p", ())),
            error="best" if error == "best" else "final",
            focus=_population(focus).token if focus else "",
            normalise=normalise,
            ranges=_ranges(last),
            what_if=_restrictions([text for text in values.get("what_if", ()) if text]),
            pool=last.get("pool") == "1",
        )

    @property
    def values(self) -> list[tuple[str, str]]:
        """As an address holds it; `read` gives the same selection back."""
        values = [("p", one.token) for one in self.populations]
        values += [("error", self.error)] if self.error != "final" else []
        values += [("of", self.focus)] if self.focus else []
        values += [("normalise", self.normalise)] if self.normalise else []
        values += range_values(self.ranges)
        values += [("what_if", text) for text in self.what_if]
        return [*values, ("pool", "1")] if self.pool else values


def range_values(ranges: Iterable[tuple[str, Range]]) -> list[tuple[str, str]]:
    """Ranges as an address holds them."""
    return [
        (end + column, plain(bound))
        for column, bounds in ranges
        for end, bound in zip(ENDS, bounds, strict=True)
        if bound is not None
    ]


def _populations(texts: Iterable[str]) -> tuple[PopulationId, ...]:
    """Each once, the trained ones first."""
    wanted = list(dict.fromkeys(_population(text) for text in texts if text))
    if len(wanted) > MOST_POPULATIONS:
        raise InvalidSelection(f"At most {MOST_POPULATIONS} populations can be compared, got {len(wanted)}.")
    return tuple(sorted(wanted, key=lambda one: isinstance(one, ImportedId)))


def _population(text: str) -> PopulationId:
    if match := IMPORTED.fullmatch(text):
        return ImportedId(int(match[1]))
    if match := TRAINED.fullmatch(text):
        return TrainedId(int(match[1]), int(match[2]))
    raise InvalidSelection(f"p must be a space and a regime such as 1-2, or an import such as i3, got {text[:40]}.")


def _restrictions(texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) > MOST_RESTRICTIONS:
        raise InvalidSelection(f"At most {MOST_RESTRICTIONS} restrictions can be asked about, got {len(texts)}.")
    for text in texts:
        if len(text) > LONGEST_RESTRICTION:
            raise InvalidSelection(f"what_if takes at most {LONGEST_RESTRICTION} characters, got {text[:40]} ...")
    return tuple(texts)


def _ranges(values: Mapping[str, str]) -> tuple[tuple[str, Range], ...]:
    """Ranges by column, in the unit of the address."""
    asked = [name for name in values if name.startswith(ENDS) and values[name].strip()]
    if len(asked) > MOST_BOUNDS:
        raise InvalidSelection(f"At most {MOST_BOUNDS} bounds can be given, got {len(asked)}.")
    ranges: dict[str, Range] = {}
    for column in dict.fromkeys(name[4:] for name in asked):
        low, high = (_bound(values, end + column) for end in ENDS)
        if low is not None and high is not None and low > high:
            raise InvalidSelection(f"The range of {column[:60]} must have min <= max, got {low:g} and {high:g}.")
        ranges[column] = (low, high)
    return tuple(ranges.items())


def _bound(values: Mapping[str, str], name: str) -> float | None:
    text = values.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidSelection(f"{name[:60]} must be a number, got {text[:20]}.")
    return value


def in_counts(ranges: Iterable[tuple[str, Range]], columns: Iterable[str]) -> dict[str, Range]:
    """The ranges of those columns a population has, in the unit of the population: complexities as counts."""
    known = set(columns)
    return {column: (_scaled(low, column), _scaled(high, column)) for column, (low, high) in ranges if column in known}


def _scaled(bound: float | None, column: str) -> float | None:
    return bound * 1e6 if bound is not None and column in COMPLEXITIES else bound


@dataclass(frozen=True)
class SelectedRows:
    """The team's rows that a selection names."""

    trained: tuple[tuple[Space, Regime], ...]
    imported: tuple[ImportedPopulation, ...]


@dataclass(frozen=True)
class TeamRows:
    """Some rows of a team by their ids, of which those of several selections can be told."""

    spaces: Mapping[int, Space]
    regimes: Mapping[int, Regime]
    imported: Mapping[int, ImportedPopulation]

    @staticmethod
    def find(populations: Iterable[PopulationId], team: Team) -> TeamRows:
        """Those that the team has, in a statement a table."""
        wanted = list(populations)
        trained = [one for one in wanted if isinstance(one, TrainedId)]
        return TeamRows(
            _rows(Space, team, {one.space for one in trained}),
            _rows(Regime, team, {one.regime for one in trained}),
            _rows(ImportedPopulation, team, {one.imported for one in wanted if isinstance(one, ImportedId)}),
        )

    def of(self, selection: Selection) -> SelectedRows:
        """`UnknownPopulation` where the team lacks one."""
        trained = [one for one in selection.populations if isinstance(one, TrainedId)]
        imported = [one.imported for one in selection.populations if isinstance(one, ImportedId)]
        try:
            return SelectedRows(
                tuple((self.spaces[one.space], self.regimes[one.regime]) for one in trained),
                tuple(self.imported[pk] for pk in imported),
            )
        except KeyError:
            raise UnknownPopulation("No such population in this team.") from None


def find_rows(selection: Selection, team: Team) -> SelectedRows:
    """`UnknownPopulation` where the team lacks one."""
    return TeamRows.find(selection.populations, team).of(selection)


def _rows(model: type[Row], team: Team, wanted: set[int]) -> dict[int, Row]:
    found: dict[int, Row] = model._default_manager.filter(team=team).in_bulk(wanted) if wanted else {}
    return found
