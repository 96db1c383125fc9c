"""The analysis of a result page: of its populations as they are now, or as they were frozen."""

from __future__ import annotations

from hashlib import blake2b

from webapp.analysis.analysis import Analysis, analyse, remembered
from webapp.analysis.populations import known_columns
from webapp.analysis.selection import Selection, find_rows
from webapp.analysis.snapshots import unpack
from webapp.models import ResultPage

SCHEMA = 1


def saved_selection(page: ResultPage) -> Selection:
    return Selection.read(page.analysis["values"])


def saved_analysis(page: ResultPage) -> Analysis:
    """`UnknownPopulation` where a population of a live page was deleted."""
    selection = saved_selection(page)
    snapshot, at = page.snapshot, page.frozen_at
    if snapshot is None or at is None:
        return analyse(selection, page.team)
    version = blake2b(f"frozen-{page.pk}-{at.isoformat()}".encode(), digest_size=12).hexdigest()
    return remembered(
        page.team, selection, version, lambda: Analysis(selection, unpack(bytes(snapshot), page.team), version)
    )


def saved_columns(page: ResultPage) -> set[str]:
    """The parameters and complexities of its populations; of a live page no sample is loaded for it."""
    if page.frozen_at is None:
        return known_columns(find_rows(saved_selection(page), page.team))
    return {name for population in saved_analysis(page).populations for name in population.column_names}
