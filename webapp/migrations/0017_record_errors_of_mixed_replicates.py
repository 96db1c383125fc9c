"""Samples of which some replicates failed get the mean of the others, unless half or more failed by their own doing."""

from django.db import migrations

RECORD = """
UPDATE webapp_sample AS sample
SET error = run.error, best_error = run.best_error, error_std = run.error_std
FROM (
    SELECT sample_id, avg(final_error) AS error, avg(best_error) AS best_error, stddev_samp(final_error) AS error_std
    FROM webapp_run
    GROUP BY sample_id
    HAVING bool_and(state IN ('done', 'failed')) AND bool_or(state = 'done') AND bool_or(state = 'failed')
        AND 2 * count(*) FILTER (
            WHERE failure_kind IN ('diverged', 'out_of_memory', 'timed_out', 'invalid_design')
        ) < count(*)
) AS run
WHERE sample.id = run.sample_id AND sample.error IS NULL
"""
# The version before knows no error of a sample of which a run failed.
TAKE_BACK = """
UPDATE webapp_sample SET error = NULL, best_error = NULL, error_std = NULL
WHERE error IS NOT NULL AND id IN (SELECT sample_id FROM webapp_run WHERE state = 'failed')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("webapp", "0016_read_some_rows_of_an_import"),
    ]

    operations = [migrations.RunSQL(RECORD, TAKE_BACK)]
