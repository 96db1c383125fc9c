"""What the search of the top bar finds within a team."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.models import Regime, Sample, SampleBatch, Space, Team

SHOWN = 20


@dataclass(frozen=True)
class Found:
    spaces: list[Space]
    regimes: list[Regime]
    batches: list[SampleBatch]
    samples: list[Sample]

    @property
    def any(self) -> bool:
        return bool(self.spaces or self.regimes or self.batches or self.samples)


def search(team: Team, sought: str) -> Found:
    """Spaces and regimes whose name holds the text; a batch or sample of that number. At most 20 of each."""
    number = int(sought) if sought.isascii() and sought.isdigit() and len(sought) <= 18 else 0  # no row's number
    batches = SampleBatch.objects.filter(space__team=team, pk=number).select_related("space", "regime")
    samples = Sample.objects.filter(batch__space__team=team, pk=number).select_related("batch__space")
    return Found(
        spaces=list(Space.objects.filter(team=team, name__icontains=sought).order_by("name")[:SHOWN]),
        regimes=list(Regime.objects.filter(team=team, name__icontains=sought).order_by("name")[:SHOWN]),
        batches=list(batches) if number else [],
        samples=list(samples) if number else [],
    )
