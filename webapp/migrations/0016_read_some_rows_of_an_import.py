"""Imported columns so that some rows can be read without the others: text and designs in blocks, numbers as they are."""

import json
import zlib
from itertools import accumulate, pairwise

import django.contrib.postgres.fields
from django.db import migrations, models

BLOCK = 500


def _lists(apps):
    """One column at a time: each may be large."""
    columns = apps.get_model("webapp", "ImportedColumn").objects
    for pk in columns.exclude(kind="number").order_by("pk").values_list("pk", flat=True):
        yield columns.get(pk=pk)


def _packed(values):
    return zlib.compress(json.dumps(values, separators=(",", ":")).encode(), level=6)


def into_blocks(apps, schema_editor):
    for column in _lists(apps):
        values = json.loads(zlib.decompress(column.values))
        blocks = [_packed(values[start : start + BLOCK]) for start in range(0, len(values), BLOCK)]
        column.values, column.ends = b"".join(blocks), list(accumulate(len(block) for block in blocks))
        column.save(update_fields=["values", "ends"])


def into_one(apps, schema_editor):
    for column in _lists(apps):
        blocks = [column.values[start:end] for start, end in pairwise((0, *column.ends))]
        column.values = _packed([value for block in blocks for value in json.loads(zlib.decompress(block))])
        column.save(update_fields=["values"])


class Migration(migrations.Migration):
    dependencies = [
        ("webapp", "0015_keep_summaries_of_populations"),
    ]

    operations = [
        migrations.AddField(
            model_name="importedcolumn",
            name="ends",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveIntegerField(),
                blank=True,
                default=list,
                help_text="where each block of text or designs ends",
                size=None,
            ),
        ),
        # What PostgreSQL compresses itself it must unpack whole to read a part of it.
        migrations.RunSQL(
            'ALTER TABLE webapp_importedcolumn ALTER COLUMN "values" SET STORAGE EXTERNAL',
            'ALTER TABLE webapp_importedcolumn ALTER COLUMN "values" SET STORAGE EXTENDED',
        ),
        migrations.RunPython(into_blocks, into_one),
        migrations.RunSQL(
            "UPDATE webapp_importedcolumn SET \"values\" = \"values\" || ''::bytea WHERE kind = 'number'",
            migrations.RunSQL.noop,
        ),
    ]
