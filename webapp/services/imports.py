"""Imported populations: stored once confirmed, never changed."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from engine.errors import InvalidPopulation
from engine.statistics.population import Population
from webapp.models import ColumnKind, EventKind, ImportedColumn, ImportedPopulation, Team, User
from webapp.models.columns import Column, encode
from webapp.services.errors import Refused
from webapp.services.events import record_event
from webapp.services.spaces import free_slot


@transaction.atomic
def create_imported_population(
    *,
    team: Team,
    name: str,
    source: str,
    error_origin: str,
    columns: Sequence[Column],
    actor: User,
    left_out: int = 0,
) -> ImportedPopulation:
    """Store columns of equal length, among them numbers named ``error`` in percent."""
    numbers = {column.name: column.values for column in columns if column.kind == ColumnKind.NUMBER}
    try:
        n = Population.from_columns(numbers).n
    except InvalidPopulation as error:
        raise Refused(str(error)) from error
    if not n or any(len(column.values) != n for column in columns):
        raise Refused("An imported population needs at least one row, and columns of one length.")
    row = ImportedPopulation(
        team=team,
        name=name,
        source=source[:200],
        error_origin=error_origin[:200],
        n=n,
        left_out=left_out,
        slot=free_slot(team),
        created_by=actor,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Refused(f"The name {name} is taken by another imported population of this team.") from error
    for position, column in enumerate(columns):
        values, ends = encode(column)
        ImportedColumn.objects.create(
            population=row, position=position, name=column.name, kind=column.kind, values=values, ends=ends
        )
    record_event(team=team, actor=actor, kind=EventKind.IMPORTS, verb="imported", subject=name)
    return row
