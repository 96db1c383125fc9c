"""What says whether anything of a population has changed, without reading its samples."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from django.db.models import Sum

from webapp.models import BatchVersion

# The version of each batch of a statement, and those of the batches of a population, by id, as one digest.
OF_EACH_BATCH = """CROSS JOIN LATERAL (
    SELECT sum(version) AS version FROM webapp_batchversion WHERE batch_id = batch.id
) AS version"""
VERSION = """left(encode(sha256(convert_to(
    string_agg(batch.id || ':' || version.version, ' ' ORDER BY batch.id), 'UTF8')), 'hex'), 32)"""
VERSIONS = f"""
SELECT pair.space_id, pair.regime_id, {VERSION}
FROM unnest(%(spaces)s::bigint[], %(regimes)s::bigint[]) AS pair (space_id, regime_id)
JOIN webapp_samplebatch batch ON batch.space_id = pair.space_id AND batch.regime_id = pair.regime_id
{OF_EACH_BATCH}
GROUP BY pair.space_id, pair.regime_id
"""  # noqa: S608  (constants)


def population_versions(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """For each pair of a space's and a regime's id a text that changes whenever anything of that population changes.

    It is empty where there is no batch. What is kept by a version must be computed from what is read after it, or in
    the same statement: then it can be newer than its version says, and is computed once too often, but never older.
    """
    versions = dict.fromkeys(pairs, "")
    if not versions:
        return {}
    spaces, regimes = zip(*versions, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(VERSIONS, {"spaces": list(spaces), "regimes": list(regimes)})
        versions.update({(space, regime): version for space, regime, version in cursor.fetchall()})
    return versions


def batch_versions(batch_ids: Iterable[int]) -> dict[int, str]:
    """For each of these batches a text that changes whenever it, its samples or the ends of its runs do."""
    rows = BatchVersion.objects.filter(batch__in=list(batch_ids)).values_list("batch_id").annotate(Sum("version"))
    return {batch_id: f"{batch_id}-{version}" for batch_id, version in rows}
