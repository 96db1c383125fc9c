"""Correlations: of a parameter or a complexity with the error, and of two costs with each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_errors, check_share, check_values
from engine.statistics.population import FloatArray


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient, -1 to 1, with its interval at level ``confidence`` and two-sided p-value.

    Below four samples the interval says nothing (-1 to 1).
    """

    coefficient: float
    interval: tuple[float, float]
    p_value: float
    confidence: float
    n: int


def rank_correlation(values: npt.ArrayLike, errors: Errors, *, confidence: float = 0.95) -> Correlation:
    """Spearman's rho of a parameter or complexity, shape (n,), with the error; negative where more of it is better.

    The interval is Fisher's with the variance (1 + rho^2 / 2) / (n - 3) of Bonett & Wright 2000.

    Raises
    ------
    InvalidPopulation
        Below two samples, or where all values or all errors are equal: there is no correlation then.
    """
    percents = check_errors(errors, at_least=2)
    numbers = check_values(values, n=len(percents))
    _check_varies(numbers, name="values")
    _check_varies(percents, name="errors")
    rho = float(np.clip(stats.spearmanr(numbers, percents).statistic, -1.0, 1.0))
    p_value = float(stats.spearmanr(numbers, percents).pvalue) if len(percents) > 2 else 1.0
    return Correlation(
        rho, _fisher(rho, len(percents), 1 + rho * rho / 2, confidence), p_value, confidence, len(percents)
    )


def cost_correlation(costs: npt.ArrayLike, times: npt.ArrayLike, *, confidence: float = 0.95) -> Correlation:
    """Pearson's r of a cost (flops, params, acts) with a measured time or memory, both of shape (n,).

    Measure on one kind of device at a time ([DNDS] Figure 12: acts 0.90, flops 0.64). The interval is Fisher's.
    """
    x = check_values(costs, n=len(np.atleast_1d(np.asarray(costs))), name="costs")
    y = check_values(times, n=len(x), name="times")
    if len(x) < 2:
        raise InvalidPopulation(f"A correlation needs at least 2 samples, got {len(x)}.", parameter="costs")
    _check_varies(x, name="costs")
    _check_varies(y, name="times")
    result = stats.pearsonr(x, y)
    r = float(np.clip(result.statistic, -1.0, 1.0))
    p_value = float(result.pvalue) if len(x) > 2 else 1.0
    return Correlation(r, _fisher(r, len(x), 1.0, confidence), p_value, confidence, len(x))


def _check_varies(values: FloatArray, *, name: str) -> None:
    if values.min() == values.max():
        raise InvalidPopulation(
            f"{name} are all {values[0]:g}: a correlation needs two different ones.", parameter=name, value=values[0]
        )


def _fisher(coefficient: float, n: int, variance: float, confidence: float) -> tuple[float, float]:
    """Interval of a correlation: arctanh is nearly normal with ``variance`` / (n - 3)."""
    check_share(confidence, name="confidence")
    if n < 4:
        return -1.0, 1.0
    if abs(coefficient) == 1.0:
        return coefficient, coefficient
    half_width = float(special.ndtri((1 + confidence) / 2)) * math.sqrt(variance / (n - 3))
    centre = math.atanh(coefficient)
    return math.tanh(centre - half_width), math.tanh(centre + half_width)
