"""The errors of one batch in a few numbers, for lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.statistics.bootstrap import Estimate
from webapp import queries
from webapp.analysis.statistics import at_version, estimated_mean
from webapp.models import SampleBatch
from webapp.queries import OUTLINE_SHARES, Outline


@dataclass(frozen=True)
class BatchErrors:
    outline: Outline
    mean: Estimate


def errors_of_batch(batch: SampleBatch, version: str) -> BatchErrors | None:
    """None where it has no error; ``version`` is the batch's, read before this is asked."""
    return at_version("errors of a batch", version, lambda: _read(batch))


def _read(batch: SampleBatch) -> BatchErrors | None:
    errors = queries.batch_errors([batch.pk]).get(batch.pk)
    if errors is None:
        return None
    mean = estimated_mean(errors)
    quantiles = np.quantile(errors, OUTLINE_SHARES, method="inverted_cdf").tolist()
    return BatchErrors(Outline(batch.space_id, mean.n, float(errors.min()), mean.value, tuple(quantiles)), mean)
