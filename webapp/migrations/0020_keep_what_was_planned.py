"""What was planned of each space under a regime when its first run ended, as far as older rows tell it."""

import django.db.models.deletion
from django.db import migrations, models

# Batches that were queued later are left out, so that they count as added. The log tells extensions: its subject begins
# with the batch's number. Runs that were cancelled and queued again leave no trace.
FILL = """
INSERT INTO webapp_plan (space_id, regime_id, designs, changed)
SELECT batch.space_id, batch.regime_id,
    coalesce(jsonb_object_agg(batch.id, batch.size) FILTER (WHERE batch.created_at <= first.ended_at), '{}'),
    bool_or(
        EXISTS (
            SELECT 1 FROM webapp_run
            WHERE batch_id = batch.id AND state = 'cancelled' AND ended_at > first.ended_at
        ) OR EXISTS (
            SELECT 1 FROM webapp_event event
            WHERE event.team_id = space.team_id AND event.kind = 'batches' AND event.at > first.ended_at
                AND event.verb LIKE 'extended to %' AND event.subject LIKE 'batch ' || batch.id || ' of %'
        )
    )
FROM webapp_samplebatch AS batch
JOIN webapp_space AS space ON space.id = batch.space_id
JOIN (
    SELECT batch.space_id, batch.regime_id, min(run.ended_at) AS ended_at
    FROM webapp_run AS run JOIN webapp_samplebatch AS batch ON batch.id = run.batch_id
    WHERE run.state = 'done' OR run.failure_kind IN ('diverged', 'out_of_memory', 'timed_out', 'invalid_design')
    GROUP BY batch.space_id, batch.regime_id
) AS first ON first.space_id = batch.space_id AND first.regime_id = batch.regime_id
WHERE batch.state NOT IN ('exhausted', 'failed')
GROUP BY batch.space_id, batch.regime_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("webapp", "0019_count_missing_and_repeated_samples"),
    ]

    operations = [
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("designs", models.JSONField(help_text="the size of each batch at that moment, by its id")),
                (
                    "changed",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="designs were cancelled or deleted after that moment, or cancelled ones queued again",
                    ),
                ),
                (
                    "regime",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="webapp.regime",
                    ),
                ),
                (
                    "space",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="webapp.space",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("space", "regime"), name="plan_once_a_population")],
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
