"""Quantiles of outcomes with their intervals, as cells of a table."""

from __future__ import annotations

import math

import numpy as np

from engine.statistics import quantile_interval
from engine.statistics.edf import EdfBand
from engine.statistics.population import FloatArray
from webapp.analysis.tables import Estimate, error_estimate


def quantile_of(errors: FloatArray, share: float, band: EdfBand | None = None) -> Estimate:
    """A quantile of outcomes (percent) with its exact interval, or the one that is read off a ``band``."""
    interval = band.quantile_interval(share) if band else quantile_interval(errors, share)
    quantile = float(np.quantile(errors, share)) if np.isfinite(errors).all() else _among_failures(errors, share)
    return error_estimate(quantile, interval)


def _among_failures(outcomes: FloatArray, share: float) -> float:
    """The quantile where some failed: the same interpolation, inf where it would reach a failure."""
    rising = np.sort(outcomes)
    place = share * (len(rising) - 1)
    if math.isinf(rising[math.ceil(place)]):
        return math.inf
    return float(np.quantile(rising[np.isfinite(rising)], place / max(1, int(np.isfinite(rising).sum()) - 1)))
