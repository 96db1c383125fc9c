"""What the list of results shows of a page: a small curve of each population and the finding, kept with their version.

A live page's line is computed anew where the version of its populations has changed since; a frozen page's is computed
once. Nothing but versions is read of the others, so that a list costs the same whatever its pages compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from webapp import services
from webapp.analysis.analysis import Analysis, version_of, versions_of
from webapp.analysis.saved import saved_analysis, saved_selection
from webapp.analysis.selection import InvalidSelection, SelectedRows, Selection, TeamRows, UnknownPopulation
from webapp.models import ResultPage, Team
from webapp.queries import OUTLINE_SHARES

FORMAT = 2  # of a stored line; another one is computed anew
DELETED = "one of its populations was deleted"
UNFIT = "what it asks for is not there any more"
EMPTY = "no sample used yet"


@dataclass(frozen=True)
class SmallCurve:
    """The error EDF of a population in a list: its slot, evenly spaced quantiles (percent), and where it ends."""

    slot: int
    quantiles: tuple[float, ...]
    top: float = 1.0


@dataclass(frozen=True)
class ResultLine:
    """One result page in a list; ``problem`` says why there is no curve.

    One that is ``outdated`` was computed before some of the samples that the page shows now.
    """

    page: ResultPage
    curves: Sequence[SmallCurve] = ()
    finding: str = ""
    note: str = ""
    problem: str = ""
    outdated: bool = False


def result_lines(pages: Iterable[ResultPage], team: Team, *, most: int) -> list[ResultLine]:
    """The lines of some pages; at most so many are computed anew, the others are told as outdated."""
    listed = list(pages)
    versions = current_versions(listed, team)
    lines = []
    for page in listed:
        line = _stored(page, versions[page.pk])
        if line.outdated and most > 0:
            most -= 1
            line = fresh_line(page, versions[page.pk])
        lines.append(line)
    return lines


def fresh_line(page: ResultPage, version: str) -> ResultLine:
    """Computed anew, and kept with the version that was read before."""
    line = _computed(page)
    services.keep_result_line(page=page, line=_to_json(line), version=version)
    return line


def current_versions(pages: Sequence[ResultPage], team: Team) -> dict[int, str]:
    """The version of what each page shows, by its id, in four statements for all of them."""
    selections = {page.pk: _selection(page) for page in pages if page.frozen_at is None}
    team_rows = TeamRows.find((one for selection in selections.values() for one in selection.populations), team)
    rows = {pk: rows for pk, selection in selections.items() if (rows := _rows(team_rows, selection))}
    versions = versions_of(rows.values())
    current = dict.fromkeys(selections, DELETED) | {pk: version_of(one, versions) for pk, one in rows.items()}
    return {page.pk: f"{FORMAT} {current.get(page.pk, page.frozen_at)}" for page in pages}


def _selection(page: ResultPage) -> Selection:
    """One that asks for nothing where the stored one is none: what its page shows then is told without it."""
    try:
        return saved_selection(page)
    except InvalidSelection:
        return Selection()


def _rows(team_rows: TeamRows, selection: Selection) -> SelectedRows | None:
    """None where one of the populations was deleted."""
    try:
        return team_rows.of(selection)
    except UnknownPopulation:
        return None


def _stored(page: ResultPage, version: str) -> ResultLine:
    if not page.line:
        return ResultLine(page, outdated=True)
    curves = tuple(SmallCurve(slot, tuple(quantiles), *top) for slot, quantiles, *top in page.line["curves"])
    finding, note, problem = (page.line[name] for name in ("finding", "note", "problem"))
    return ResultLine(page, curves, finding, note, problem, outdated=page.line_of != version)


def _to_json(line: ResultLine) -> dict[str, object]:
    curves = [(curve.slot, list(curve.quantiles), curve.top) for curve in line.curves]
    return {"curves": curves, "finding": line.finding, "note": line.note, "problem": line.problem}


def _computed(page: ResultPage) -> ResultLine:
    try:
        return line_of(page, saved_analysis(page))
    except UnknownPopulation:
        return ResultLine(page, problem=DELETED)
    except InvalidSelection:
        return ResultLine(page, problem=UNFIT)


def line_of(page: ResultPage, analysis: Analysis) -> ResultLine:
    if analysis.is_empty:
        return ResultLine(page, problem=EMPTY)
    finding = analysis.short_finding
    curves = [
        SmallCurve(
            one.slot,
            tuple(np.quantile(one.errors, OUTLINE_SHARES, method="inverted_cdf").tolist()),
            one.n / one.networks,
        )
        for one in analysis.used
    ]
    return ResultLine(page, curves, finding.words, finding.note)
