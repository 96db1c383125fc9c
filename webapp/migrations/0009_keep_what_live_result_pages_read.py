import re

import django.db.models.deletion
from django.db import migrations, models

TRAINED = re.compile(r'([0-9]{1,18})-([0-9]{1,18})')
IMPORTED = re.compile(r'i([0-9]{1,18})')


def read_saved_addresses(apps, schema_editor):
    """Populations that were deleted meanwhile, and what names none, are left out; frozen pages read none."""
    def team_of_each(name):
        return dict(apps.get_model('webapp', name).objects.values_list('pk', 'team_id'))

    spaces, regimes, imports = map(team_of_each, ['Space', 'Regime', 'ImportedPopulation'])
    rows = apps.get_model('webapp', 'ResultPopulation').objects
    pages = apps.get_model('webapp', 'ResultPage').objects.filter(frozen_at=None)
    for page, team, analysis in pages.values_list('pk', 'team_id', 'analysis').iterator():
        named = set()
        for text in analysis['values'].get('p', []):
            if match := TRAINED.fullmatch(text):
                space, regime = int(match[1]), int(match[2])
                if spaces.get(space) == regimes.get(regime) == team:
                    named.add((space, regime, None))
            elif (match := IMPORTED.fullmatch(text)) and imports.get(int(match[1])) == team:
                named.add((None, None, int(match[1])))
        rows.bulk_create(
            rows.model(page_id=page, space_id=space, regime_id=regime, imported_id=imported)
            for space, regime, imported in named
        )


class Migration(migrations.Migration):

    dependencies = [
        ('webapp', '0008_tag_and_archive'),
    ]

    operations = [
        migrations.CreateModel(
            name='ResultPopulation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('imported', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='webapp.importedpopulation')),
                ('page', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='populations', to='webapp.resultpage')),
                ('regime', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='webapp.regime')),
                ('space', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='webapp.space')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('page', 'space', 'regime', 'imported'), name='result_population_once_a_page', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('imported', None), ('regime__isnull', False), ('space__isnull', False)), models.Q(('imported__isnull', False), ('regime', None), ('space', None)), _connector='OR'), name='result_population_trained_or_imported')],
            },
        ),
        migrations.RunPython(read_saved_addresses, migrations.RunPython.noop),
    ]
