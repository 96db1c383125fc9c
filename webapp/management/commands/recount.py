"""`manage.py recount`: compare what is kept of populations with a fresh count."""

from __future__ import annotations

import math
from argparse import ArgumentParser
from collections.abc import Iterator

from django.core.management.base import BaseCommand, CommandError

from webapp import queries, services
from webapp.models import KeptSummary

A_PAGE = 50  # populations that are counted at once
NUMBERS = ("batches", "designs", "trained", "mean_error", "pending", "failed", "missing", "repeated", "used", "lowest",
           "mean", "quantiles")  # fmt: skip


class Command(BaseCommand):
    help = (
        "Count every population again that lists keep a summary of, and print what differs. Summaries of an older "
        "version are left alone: they are counted at the next look. Exit code 1 where any differs and is not mended."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mend", action="store_true", help="keep the fresh counts in place of those that differ")

    def handle(self, *args: object, **options: object) -> None:
        checked = differing = mended = 0
        for kept, counted in _of_the_same_version():
            checked += 1
            different = [name for name in NUMBERS if not _equal(getattr(kept, name), getattr(counted, name))]
            if not different:
                continue
            differing += 1
            for name in different:
                self.stdout.write(f"{kept}: {name} is kept as {getattr(kept, name)}, not {getattr(counted, name)}.")
            mended += services.keep_summaries([counted]) if options["mend"] else 0
        self.stdout.write(f"{checked} summaries counted again, {differing} differed, {mended} mended.")
        if differing > mended:
            raise CommandError("Some summaries differ from a fresh count; --mend keeps the fresh one.", returncode=1)


def _of_the_same_version() -> Iterator[tuple[KeptSummary, KeptSummary]]:
    """What is kept, beside a fresh count of the same version."""
    last = 0
    while rows := list(
        KeptSummary.objects.filter(pk__gt=last).select_related("space", "regime").order_by("pk")[:A_PAGE]
    ):
        last = rows[-1].pk
        fresh = queries.recount_populations([(row.space_id, row.regime_id) for row in rows])
        counts = {(row.space_id, row.regime_id): row for row in fresh}
        for row in rows:
            counted = counts.get((row.space_id, row.regime_id))
            if counted is not None and counted.version == row.version:
                yield row, counted


def _equal(kept: object, counted: object) -> bool:
    """Means may differ in the last bits: their sums depend on the order in which the database reads the rows."""
    if isinstance(kept, float) and isinstance(counted, float):
        return math.isclose(kept, counted, rel_tol=1e-12)
    return kept == counted
