"""Checks of the arguments that all statistics share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.errors import InvalidPopulation
from engine.statistics.population import FloatArray, Population

Errors = npt.ArrayLike | Population


def check_errors(errors: Errors, *, name: str = "errors", at_least: int = 1) -> FloatArray:
    """The errors (percent) as float64 of shape (n,): finite, 0 to 100, n at least ``at_least``."""
    if not isinstance(errors, Population):
        errors = Population.from_columns({"error": errors})
    if errors.n < at_least:
        samples = "sample" if at_least == 1 else "samples"
        raise InvalidPopulation(
            f"{name} must hold at least {at_least} {samples}, got {errors.n}.", parameter=name, value=errors.n
        )
    return errors.errors


def check_values(values: npt.ArrayLike, *, n: int, name: str = "values") -> FloatArray:
    """One number a sample as float64 of shape (n,), all finite."""
    return Population.from_columns({name: values, "error": np.zeros(n)})[name]


def check_share(share: float, *, name: str) -> float:
    """A number strictly between 0 and 1, such as ``alpha``."""
    if not 0 < share < 1:
        raise InvalidPopulation(f"{name} must lie between 0 and 1, got {share}.", parameter=name, value=share)
    return share
