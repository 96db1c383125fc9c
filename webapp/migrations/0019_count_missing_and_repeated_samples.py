"""Summaries tell samples that say nothing from failed ones, and those left out as repeated; all are counted anew."""

from django.db import migrations, models

# Summaries and lines are kept by the versions of their batches.
CHANGE_VERSIONS = "UPDATE webapp_batchversion SET version = version + 1 WHERE stripe = 0"


class Migration(migrations.Migration):
    dependencies = [
        ("webapp", "0018_queue_each_draw_once"),
    ]

    operations = [
        migrations.RunSQL(CHANGE_VERSIONS, CHANGE_VERSIONS),
        migrations.AlterField(
            model_name="keptsummary",
            name="failed",
            field=models.PositiveIntegerField(help_text="by their network's own doing"),
        ),
        migrations.AddField(
            model_name="keptsummary",
            name="missing",
            field=models.PositiveIntegerField(default=0, help_text="ended without saying anything of their network"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="keptsummary",
            name="repeated",
            field=models.PositiveIntegerField(
                default=0, help_text="left out, since an older batch drew the same designs"
            ),
            preserve_default=False,
        ),
    ]
