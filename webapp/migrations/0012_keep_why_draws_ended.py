from django.db import migrations, models
from django.db.models import Case, Value, When


def read_messages(apps, schema_editor):
    """The messages as the code wrote them until now; an error of the code began with the name of its class."""
    ended = apps.get_model('webapp', 'SampleBatch').objects.filter(state__in=['exhausted', 'failed'])
    ended.update(cause=Case(
        When(state='exhausted', then=Value('exhausted')),
        When(message__startswith='Cancelled before', then=Value('cancelled')),
        When(message__startswith='The process that drew its designs', then=Value('lost_worker')),
        When(message__regex=r'^[A-Za-z_][A-Za-z0-9_]*: ', then=Value('code_error')),
        default=Value('invalid'),
    ))


class Migration(migrations.Migration):

    dependencies = [
        ('webapp', '0011_count_mailed_invitations'),
    ]

    operations = [
        migrations.AddField(
            model_name='samplebatch',
            name='cause',
            field=models.CharField(blank=True, choices=[('exhausted', 'too few designs in the window'), ('cancelled', 'cancelled'), ('lost_worker', 'lost worker'), ('invalid', 'invalid space or regime'), ('code_error', 'code error')], db_default='', default='', help_text='why the draw ended without designs', max_length=11),
        ),
        migrations.RunPython(read_messages, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='samplebatch',
            name='message',
            field=models.TextField(blank=True, help_text='the same in words, or why it could not be extended'),
        ),
        migrations.AddConstraint(
            model_name='samplebatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cause', 'exhausted'), ('state', 'exhausted')), models.Q(('cause__in', ['cancelled', 'lost_worker', 'invalid', 'code_error']), ('state', 'failed')), models.Q(('cause', ''), ('state__in', ['requested', 'drawing', 'ready'])), _connector='OR'), name='batch_cause_only_without_designs'),
        ),
    ]
