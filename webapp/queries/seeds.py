"""Seeds: which are free, and which batches draw from the same one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import OuterRef, Subquery

from webapp.models import NEVER_DRAWN, Regime, SampleBatch, Space, Team

# The space with all that it was refined from and all that was refined from it.
LINEAGE = """
WITH RECURSIVE above AS (
    SELECT id, parent_id FROM webapp_space WHERE id = %(space)s
    UNION SELECT space.id, space.parent_id FROM webapp_space space JOIN above ON space.id = above.parent_id
), below AS (
    SELECT id FROM webapp_space WHERE id = %(space)s
    UNION SELECT space.id FROM webapp_space space JOIN below ON space.parent_id = below.id
)
SELECT id FROM above UNION SELECT id FROM below
"""


def related_draws(space: Space, regimes: Sequence[Regime], seed: int) -> list[SampleBatch]:
    """Batches of an ancestor or a descendant of the space under one of these regimes with the same seed."""
    with connection.cursor() as cursor:
        cursor.execute(LINEAGE, {"space": space.pk})
        spaces = {row[0] for row in cursor.fetchall()} - {space.pk}
    drawn = SampleBatch.objects.filter(space__in=spaces, regime__in=regimes, seed=seed).exclude(state__in=NEVER_DRAWN)
    return list(drawn.select_related("space", "regime").order_by("pk"))


def free_seed(team: Team) -> int:
    """A seed that no batch of the team has, as short as can be, to be read aloud."""
    taken = set(SampleBatch.objects.filter(space__team=team).values_list("seed", flat=True))
    while (seed := secrets.randbelow(max(10_000, 2 * len(taken)))) in taken:
        pass
    return seed


@dataclass(frozen=True)
class OldDouble:
    """A batch from before seeds were unique, and the oldest batch that draws the same designs."""

    batch: SampleBatch
    first_id: int


def old_doubles() -> list[OldDouble]:
    """Those of all teams, the oldest first."""
    same = SampleBatch.objects.filter(
        space=OuterRef("space"), regime=OuterRef("regime"), seed=OuterRef("seed"), pk__lt=OuterRef("pk")
    ).exclude(state__in=NEVER_DRAWN)
    doubles = SampleBatch.objects.filter(old_double=True).annotate(first=Subquery(same.order_by("pk").values("pk")[:1]))
    rows = doubles.filter(first__isnull=False).order_by("pk")
    firsts = dict(rows.values_list("pk", "first"))
    batches = rows.select_related("space__team", "regime")
    return [OldDouble(batch, firsts[batch.pk]) for batch in batches if batch.pk in firsts]
