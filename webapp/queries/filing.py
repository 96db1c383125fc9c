"""Tags in use, and what ends together with a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, Count, F, Func, Q, QuerySet, Sum

from webapp.models import Epoch, Run, RunState, Sample, SampleBatch

MOST_TAGS_OFFERED = 100


def tags_in_use(rows: QuerySet[Any]) -> list[str]:
    """The tags of some rows, by name."""
    tag = Func(F("tags"), function="unnest", output_field=CharField())
    return list(
        rows.order_by().annotate(one=tag).values_list("one", flat=True).distinct().order_by("one")[:MOST_TAGS_OFFERED]
    )


@dataclass(frozen=True)
class BatchContents:
    """What a batch holds; ``seconds`` were spent on training it."""

    samples: int
    runs: int
    done: int
    epochs: int
    seconds: float


def batch_contents(batch: SampleBatch) -> BatchContents:
    runs = Run.objects.filter(batch=batch).aggregate(
        runs=Count("pk"), done=Count("pk", filter=Q(state=RunState.DONE)), seconds=Sum("train_seconds", default=0.0)
    )
    samples = Sample.objects.filter(batch=batch).count()
    return BatchContents(samples=samples, epochs=Epoch.objects.filter(run__batch=batch).count(), **runs)
