"""The errors of one batch in a few numbers, for lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.statistics.intervals import median_error
from webapp import queries
from webapp.analysis.statistics import at_version
from webapp.analysis.tables import Estimate, error_estimate
from webapp.models import SampleBatch
from webapp.queries import OUTLINE_SHARES, Outline


@dataclass(frozen=True)
class BatchErrors:
    """Of its ``networks``, those that finished or failed by their own doing; failures rank behind every error."""

    outline: Outline
    median: Estimate
    networks: int


def errors_of_batch(batch: SampleBatch, version: str) -> BatchErrors | None:
    """None where it has no error; ``version`` is the batch's, read before this is asked."""
    return at_version("errors of a batch", version, lambda: _read(batch))


def _read(batch: SampleBatch) -> BatchErrors | None:
    samples = queries.load_trained(space=batch.space, regime=batch.regime, batch=batch, parameters=False).population
    if not samples.n:
        return None
    median, errors = median_error(samples), samples.errors
    quantiles = tuple(np.quantile(errors, OUTLINE_SHARES, method="inverted_cdf").tolist())
    lowest, mean = float(errors.min()), float(errors.mean())
    outline = Outline(batch.space_id, samples.n, lowest, mean, quantiles, samples.failed)
    return BatchErrors(outline, error_estimate(median.value, median.interval), median.n)
