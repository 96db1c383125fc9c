"""Keeping what was counted of populations. Pages do it while they are shown, so nothing here ever waits or refuses."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import InternalError, connection, transaction

from webapp.models import KeptSummary

READ_ONLY = "25006"  # PostgreSQL's code for a write where none is allowed
NUMBERS = [field.name for field in KeptSummary._meta.fields if field.name not in {"id", "space", "regime"}]


def keep_summaries(summaries: Sequence[KeptSummary]) -> int:
    """Store them in place of older ones; returns how many.

    Of two that count at the same time the last one wins: each row says which version it is of, so the worst that may
    happen is that it is counted again. Where the database takes no writes they are counted at every look.
    """
    try:
        with transaction.atomic():
            return _store(summaries)
    except InternalError as error:
        if getattr(error.__cause__, "pgcode", "") != READ_ONLY:
            raise
        return 0


def _store(summaries: Sequence[KeptSummary]) -> int:
    spaces = _held("webapp_space", {row.space_id for row in summaries})
    regimes = _held("webapp_regime", {row.regime_id for row in summaries})
    rows = [row for row in summaries if row.space_id in spaces and row.regime_id in regimes]
    rows.sort(key=lambda row: (row.space_id, row.regime_id))  # in one order, so that two never wait for each other
    KeptSummary.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["space", "regime"], update_fields=NUMBERS
    )
    return len(rows)


def _held(table: str, ids: Collection[int]) -> set[int]:
    """Those of the rows that nobody is deleting or otherwise holds; they stay until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {table} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE SKIP LOCKED",  # noqa: S608
            [list(ids)],
        )
        return {row[0] for row in cursor.fetchall()}
