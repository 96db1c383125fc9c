from datetime import timedelta

from django.db import migrations, models
from django.db.models import OuterRef, Subquery

AT_MOST_BEFORE = timedelta(minutes=1)


def read_log(apps, schema_editor):
    """The log told of a mailed invitation at once after it was stored, one at a time in a team."""
    invitations, events = (apps.get_model('webapp', name).objects for name in ('Invitation', 'Event'))
    stored_before = invitations.filter(
        team=OuterRef('team'), created_at__lte=OuterRef('at'), created_at__gt=OuterRef('at') - AT_MOST_BEFORE
    ).order_by('-created_at')
    mailed = events.filter(verb='invited by mail').annotate(invitation=Subquery(stored_before.values('pk')[:1]))
    invitations.filter(pk__in=mailed.values('invitation')).update(by_mail=True)


class Migration(migrations.Migration):

    dependencies = [
        ('webapp', '0010_say_what_events_are_about'),
    ]

    operations = [
        migrations.AddField(
            model_name='invitation',
            name='by_mail',
            field=models.BooleanField(db_default=False, default=False, help_text='made to be mailed, which counts towards a limit'),
        ),
        migrations.RunPython(read_log, migrations.RunPython.noop),
    ]
