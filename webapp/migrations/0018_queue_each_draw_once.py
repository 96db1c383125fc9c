"""A space, a regime and a seed are queued once; what was queued twice before is marked and kept."""

from django.db import migrations, models

MARK = """
UPDATE webapp_samplebatch AS batch SET old_double = true
WHERE state IN ('requested', 'drawing', 'ready') AND EXISTS (
    SELECT 1 FROM webapp_samplebatch AS older
    WHERE older.space_id = batch.space_id AND older.regime_id = batch.regime_id AND older.seed = batch.seed
        AND older.id < batch.id AND older.state IN ('requested', 'drawing', 'ready')
)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("webapp", "0017_record_errors_of_mixed_replicates"),
    ]

    operations = [
        migrations.AddField(
            model_name="samplebatch",
            name="old_double",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="queued before seeds were unique, and an older batch draws the same designs",
            ),
        ),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="samplebatch",
            constraint=models.UniqueConstraint(
                condition=models.Q(("old_double", False), ("state__in", ["requested", "drawing", "ready"])),
                fields=("space", "regime", "seed"),
                name="batch_once_a_seed",
            ),
        ),
    ]
