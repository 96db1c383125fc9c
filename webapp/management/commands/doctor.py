"""`manage.py doctor`: look for what the tables may hold from older versions and should not."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from webapp import queries
from webapp.wording import counted


class Command(BaseCommand):
    help = (
        "List the batches that draw the same designs as an older batch, from before each seed was queued once. "
        "Populations count such designs once, by the run of the older batch. Exit code 1 where there are any."
    )

    def handle(self, *args: object, **options: object) -> None:
        doubles = queries.old_doubles()
        for double in doubles:
            batch = double.batch
            self.stdout.write(
                f"Batch {batch.pk} (team {batch.space.team}) draws the same designs as batch {double.first_id}: "
                f"both of {batch.space} under {batch.regime} with seed {batch.seed}."
            )
        if doubles:
            count = counted(len(doubles), "batch", "batches")
            raise CommandError(f"Drawn twice: {count}. Analyses count each design once.", returncode=1)
        self.stdout.write("No designs are drawn twice.")
