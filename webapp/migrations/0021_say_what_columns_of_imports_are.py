"""Columns of imports with their roles, imports with their failed runs and with what they are comparable with."""

import django.contrib.postgres.fields
from django.db import migrations, models


ROLES = """
UPDATE webapp_importedcolumn SET role = CASE
    WHEN name IN ('error', 'best_error') THEN name
    WHEN kind = 'design' THEN 'design'
    WHEN kind = 'text' THEN 'group'
    WHEN name IN ('flops', 'params', 'acts') THEN 'complexity'
    ELSE 'parameter' END
"""


class Migration(migrations.Migration):

    dependencies = [
        ('webapp', '0020_keep_what_was_planned'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='importedcolumn',
            name='imported_column_kind_known',
        ),
        migrations.AddField(
            model_name='importedcolumn',
            name='levels',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=1000), blank=True, default=list, help_text='of a category', size=None),
        ),
        migrations.AddField(
            model_name='importedcolumn',
            name='role',
            field=models.CharField(choices=[('parameter', 'design parameter'), ('complexity', 'complexity'), ('error', 'error'), ('best_error', 'error of the best epoch'), ('outcome', 'measured outcome'), ('status', 'status'), ('epoch_reached', 'epoch reached'), ('epochs_planned', 'epochs planned'), ('name', 'name'), ('data_set', 'data set or task'), ('group', 'group'), ('design', 'whole design'), ('left_out', 'left out')], default='parameter', max_length=16),
        ),
        migrations.AddField(
            model_name='importedpopulation',
            name='choices',
            field=models.JSONField(blank=True, default=dict, help_text="what the person said of the file's columns"),
        ),
        migrations.AddField(
            model_name='importedpopulation',
            name='data_set',
            field=models.CharField(blank=True, help_text='what the networks were trained on', max_length=80),
        ),
        migrations.AddField(
            model_name='importedpopulation',
            name='epochs',
            field=models.FloatField(blank=True, help_text='how long each network was trained', null=True),
        ),
        migrations.AddField(
            model_name='importedpopulation',
            name='failed',
            field=models.PositiveIntegerField(default=0, help_text='of these: without an error by their own doing'),
        ),
        migrations.AddField(
            model_name='importedpopulation',
            name='resolution',
            field=models.PositiveIntegerField(blank=True, help_text='of the images, in pixels a side', null=True),
        ),
        migrations.AddField(
            model_name='importedpopulation',
            name='shape',
            field=models.CharField(blank=True, help_text="digest of the names of the file's columns", max_length=64),
        ),
        migrations.AddField(
            model_name='importedpopulation',
            name='version',
            field=models.PositiveIntegerField(default=1, help_text='grows whenever its rows are replaced'),
        ),
        migrations.AlterField(
            model_name='importedcolumn',
            name='kind',
            field=models.CharField(choices=[('number', 'number'), ('text', 'text'), ('design', 'design'), ('category', 'category')], max_length=8),
        ),
        migrations.AlterField(
            model_name='importedpopulation',
            name='n',
            field=models.PositiveIntegerField(help_text='rows that are kept, failed ones too'),
        ),
        migrations.AddIndex(
            model_name='importedpopulation',
            index=models.Index(fields=['team', 'shape'], name='imported_by_shape'),
        ),
        migrations.AddConstraint(
            model_name='importedcolumn',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['number', 'text', 'design', 'category'])), name='imported_column_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='importedcolumn',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['parameter', 'complexity', 'error', 'best_error', 'outcome', 'status', 'epoch_reached', 'epochs_planned', 'name', 'data_set', 'group', 'design', 'left_out'])), name='imported_column_role_known'),
        ),
        migrations.AddConstraint(
            model_name='importedpopulation',
            constraint=models.CheckConstraint(condition=models.Q(('failed__lt', models.F('n'))), name='imported_has_errors'),
        ),
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
    ]
