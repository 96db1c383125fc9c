"""A number for each batch that grows with every change of what is known of its samples, kept by triggers."""

import django.db.models.deletion
from django.db import migrations, models

# Of its rows a connection always counts in the same one, and so seldom waits for another one that ends a run of the same
# batch: a row stays locked until the commit. They are made with the batch, and no constraint of the database ties them to
# it, because its check would wait for whoever holds the batch. Several batches are locked in the order of their ids.
STRIPES = 8
FUNCTIONS = """
CREATE FUNCTION webapp_count_change(VARIADIC changed bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changed_id bigint;
BEGIN
    FOR changed_id IN SELECT DISTINCT unnest(changed) ORDER BY 1 LOOP
        UPDATE webapp_batchversion SET version = version + 1
        WHERE batch_id = changed_id AND stripe = pg_backend_pid() % STRIPES;
    END LOOP;
END $$;

CREATE FUNCTION webapp_batch_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO webapp_batchversion (batch_id, stripe, version)
        SELECT id, stripe, 0 FROM new_rows, generate_series(0, STRIPES - 1) AS stripe;
    ELSE
        PERFORM webapp_count_change(VARIADIC ARRAY(
            SELECT after.id FROM old_rows AS before JOIN new_rows AS after ON after.id = before.id
            WHERE (after.size, after.state, after.space_id, after.regime_id, after.report)
                IS DISTINCT FROM (before.size, before.state, before.space_id, before.regime_id, before.report)
        ));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION webapp_rows_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webapp_count_change(VARIADIC ARRAY(SELECT DISTINCT batch_id FROM new_rows));
    RETURN NULL;
END $$;

CREATE FUNCTION webapp_rows_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webapp_count_change(VARIADIC ARRAY(SELECT DISTINCT batch_id FROM old_rows));
    RETURN NULL;
END $$;

CREATE FUNCTION webapp_samples_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webapp_count_change(VARIADIC ARRAY(
        SELECT unnest(ARRAY[before.batch_id, after.batch_id])
        FROM old_rows AS before JOIN new_rows AS after ON after.id = before.id
        WHERE after IS DISTINCT FROM before
    ));
    RETURN NULL;
END $$;

-- A run that waits or is being trained is still to come, whichever of the two: claims, renewed leases and runs that are
-- given back change no version. They are frequent, and two of one batch would wait for each other.
CREATE FUNCTION webapp_runs_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webapp_count_change(VARIADIC ARRAY(
        SELECT batch_id FROM old_rows WHERE state NOT IN ('queued', 'running')
        UNION SELECT batch_id FROM new_rows WHERE state NOT IN ('queued', 'running')
    ));
    RETURN NULL;
END $$;
""".replace("STRIPES", str(STRIPES))
DROP_FUNCTIONS = """
DROP FUNCTION webapp_runs_changed();
DROP FUNCTION webapp_samples_changed();
DROP FUNCTION webapp_rows_removed();
DROP FUNCTION webapp_rows_added();
DROP FUNCTION webapp_batch_changed();
DROP FUNCTION webapp_count_change(bigint[]);
"""

ADDED = "REFERENCING NEW TABLE AS new_rows"
REMOVED = "REFERENCING OLD TABLE AS old_rows"
CHANGED = "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
# One trigger for each event, since PostgreSQL gives the rows before and after to a trigger of a single event only.
TRIGGERS = (
    ("webapp_samplebatch", "INSERT", ADDED, "webapp_batch_changed"),
    ("webapp_samplebatch", "UPDATE", CHANGED, "webapp_batch_changed"),
    ("webapp_sample", "INSERT", ADDED, "webapp_rows_added"),
    ("webapp_sample", "UPDATE", CHANGED, "webapp_samples_changed"),
    ("webapp_sample", "DELETE", REMOVED, "webapp_rows_removed"),
    ("webapp_run", "INSERT", ADDED, "webapp_rows_added"),
    ("webapp_run", "UPDATE", CHANGED, "webapp_runs_changed"),
    ("webapp_run", "DELETE", REMOVED, "webapp_rows_removed"),
)


def _trigger(table: str, event: str, rows: str, function: str) -> migrations.RunSQL:
    name = f"batch_version_{event.lower()}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {event} ON {table} {rows} FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
        f"DROP TRIGGER {name} ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("webapp", "0012_keep_why_draws_ended"),
    ]

    operations = [
        migrations.CreateModel(
            name="BatchVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "batch",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="webapp.samplebatch",
                    ),
                ),
                ("stripe", models.PositiveSmallIntegerField()),
                ("version", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("batch", "stripe"), name="batch_version_once_a_stripe")],
            },
        ),
        migrations.RunSQL(
            "INSERT INTO webapp_batchversion (batch_id, stripe, version) "
            f"SELECT id, stripe, 0 FROM webapp_samplebatch, generate_series(0, {STRIPES - 1}) AS stripe",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        *(_trigger(*trigger) for trigger in TRIGGERS),
    ]
