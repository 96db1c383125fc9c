"""Samples of a batch as columns, trained or not; a few samples by their ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.db import connection

from engine.spaces import space_from_json
from engine.statistics.population import whole_numbers
from webapp.models import Sample, SampleBatch

SAMPLE_COLUMNS = ("sample_id", "position", "flops", "params", "acts", "error", "best_error", "error_std")
# A batch holds at most services.batches.LARGEST_BATCH samples, so this needs no limit of its own.
STATEMENT = """
SELECT id, position, flops, params, acts, error, best_error, error_std{parameters}
FROM webapp_sample WHERE batch_id = %(batch)s ORDER BY position
"""


def sample_columns(batch: SampleBatch) -> dict[str, list[object]]:
    """One list a column, in draw order: complexity, errors in percent (None until trained), parameters as drawn."""
    paths = space_from_json(batch.space.definition).parameter_paths()
    parameters = "".join(f", (drawn #>> %(path{k})s)::float8" for k in range(len(paths)))
    arguments = {f"path{k}": [str(step) for step in path] for k, path in enumerate(paths.values())}
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT.format(parameters=parameters), {"batch": batch.pk, **arguments})
        rows = cursor.fetchall()
    names = [*SAMPLE_COLUMNS, *paths]
    columns = (
        dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in names}
    )
    return columns | {name: list(whole_numbers(np.array(columns[name]))) for name in paths}


def samples_by_id(sample_ids: Sequence[int]) -> dict[int, Sample]:
    return Sample.objects.in_bulk(sample_ids)
