"""Estimates that pages ask for again and again while nothing changes, computed once a process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.statistics import compare_errors, mean_error
from engine.statistics.bootstrap import Estimate
from engine.statistics.comparisons import Comparison

FloatArray = npt.NDArray[np.float64]


def estimated_mean(errors: FloatArray) -> Estimate:
    """`engine.statistics.mean_error`, remembered."""
    return _mean(errors.tobytes())


def compared(errors_a: FloatArray, errors_b: FloatArray) -> Comparison:
    """`engine.statistics.compare_errors`, remembered."""
    return _comparison(errors_a.tobytes(), errors_b.tobytes())


@lru_cache(maxsize=256)
def _mean(errors: bytes) -> Estimate:
    return mean_error(np.frombuffer(errors))


@lru_cache(maxsize=256)
def _comparison(errors_a: bytes, errors_b: bytes) -> Comparison:
    return compare_errors(np.frombuffer(errors_a), np.frombuffer(errors_b))
