from django.db import migrations, models
from django.db.models import Case, Q, Value, When

# What the verbs of each kind have in them; the first that fits counts, because tags come with the noun of their row.
WORDS = {
    'tags': ('tag',),
    'tokens': ('token',),
    'spaces': ('space',),
    'regimes': ('regime',),
    'results': ('result', 'link'),
    'imports': ('import',),
    'workers': ('drained', 'back to work'),
    'batches': ('batch', 'extended', 'paused', 'resumed', 'priority', 'runs of'),
}


def read_verbs(apps, schema_editor):
    """What is left is about people, which is the default of the new column."""
    conditions = []
    for kind, words in WORDS.items():
        named = Q()
        for word in words:
            named |= Q(verb__contains=word)
        conditions.append(When(named, then=Value(kind)))
    apps.get_model('webapp', 'Event').objects.update(kind=Case(*conditions, default='kind'))


class Migration(migrations.Migration):

    dependencies = [
        ('webapp', '0009_keep_what_live_result_pages_read'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('spaces', 'spaces'), ('regimes', 'regimes'), ('batches', 'batches'), ('results', 'result pages'), ('imports', 'imported populations'), ('tags', 'tags'), ('people', 'people'), ('tokens', 'API tokens'), ('workers', 'workers')], default='people', max_length=7),
            preserve_default=False,
        ),
        migrations.RunPython(read_verbs, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='event',
            name='verb',
            field=models.CharField(help_text='in words, for people alone', max_length=40),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['team', 'kind', '-at'], name='event_latest_of_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['spaces', 'regimes', 'batches', 'results', 'imports', 'tags', 'people', 'tokens', 'workers'])), name='event_kind_known'),
        ),
    ]
