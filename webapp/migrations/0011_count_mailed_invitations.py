from bisect import bisect_right
from collections import defaultdict
from datetime import timedelta

from django.db import migrations, models

AT_MOST_BEFORE = timedelta(minutes=1)


def read_log(apps, schema_editor):
    """The log told of a mailed invitation at once after it was stored, one at a time in a team."""
    invitations, events = (apps.get_model('webapp', name).objects for name in ('Invitation', 'Event'))
    stored = defaultdict(list)
    for team, at, pk in invitations.order_by('created_at').values_list('team', 'created_at', 'pk'):
        stored[team].append((at, pk))
    mailed = []
    for team, at in events.filter(verb='invited by mail').values_list('team', 'at'):
        before = bisect_right(stored[team], at, key=lambda invitation: invitation[0])
        if before and stored[team][before - 1][0] > at - AT_MOST_BEFORE:
            mailed.append(stored[team][before - 1][1])
    for first in range(0, len(mailed), 1000):
        invitations.filter(pk__in=mailed[first:first + 1000]).update(by_mail=True)


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
