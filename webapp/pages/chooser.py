"""What an analysis can be made of: the team's populations, the error measure, complexities, filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webapp import queries
from webapp.analysis import AnalysedPopulation, Selection
from webapp.analysis.selection import ImportedId, TrainedId
from webapp.forms.analyses import RangeField, range_fields
from webapp.models import ImportedPopulation, Space, Team
from webapp.queries import COMPLEXITIES, PopulationSummary


@dataclass(frozen=True)
class Choice:
    """Populations with whether each is chosen; archived ones only where they are."""

    selection: Selection
    lines: list[tuple[PopulationSummary, Space, bool]]
    imported: list[tuple[ImportedPopulation, bool]]
    fields: list[RangeField]
    costs: tuple[str, ...] = COMPLEXITIES


def choice_of(team: Team, selection: Selection, populations: Sequence[AnalysedPopulation]) -> Choice:
    chosen = set(selection.populations)
    spaces = Space.objects.filter(team=team).in_bulk()
    lines = [
        (line, spaces[line.space_id], TrainedId(line.space_id, line.regime_id) in chosen)
        for line in queries.population_summaries(team)
    ]
    imported = [(one, ImportedId(one.pk) in chosen) for one in queries.imported_populations(team)]
    columns = list(dict.fromkeys(name for one in populations for name in one.column_names))
    return Choice(
        selection,
        [one for one in lines if one[2] or not one[0].archived],
        [one for one in imported if one[1] or not one[0].archived_at],
        range_fields(columns, selection),
    )
