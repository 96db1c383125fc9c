"""What the best of m networks reaches, with an interval that holds for every law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.checks import whole_number
from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_said, check_share
from engine.statistics.intervals import binomial_ranks


@dataclass(frozen=True)
class BestOf:
    """The error (percent) that the best of ``m`` networks reaches in half of all searches, from ``n`` networks.

    ``low`` and ``high`` are the ends of its interval: -inf where ``m`` is above `largest_m`, so that no low end is
    known and the high one alone holds at (1 + confidence) / 2; ``high`` is inf where failures reach so far, or no
    network is far enough out. ``estimate`` is inf where so many failed.
    """

    estimate: float
    low: float
    high: float
    m: int
    n: int
    confidence: float

    @property
    def interval(self) -> tuple[float, float]:
        return self.low, self.high


def best_of(errors: Errors, m: int, *, confidence: float = 0.95) -> BestOf:
    """The median of the best of m networks, which is the quantile 1 - 2^(-1/m) of the errors.

    The estimate is the smallest error that such a share reaches; the interval lies between two of the sorted errors by
    their binomial law, and holds for every law, with ties and failures.

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent; failures (inf) rank behind every error, what says nothing (nan) is left out.
    m : int
        Networks searched, at least 1.
    confidence : float
    """
    finished, failed = check_said(errors)
    whole_number(m, parameter="m", error=InvalidPopulation, low=1)
    check_share(confidence, name="confidence")
    rising = np.append(finished, np.full(failed, math.inf))
    n = len(rising)
    share = -math.expm1(-math.log(2) / m) if m > 1 else 0.5
    below, above = binomial_ranks(n, share, confidence)
    return BestOf(
        estimate=float(rising[math.ceil(n * share) - 1]),
        low=float(rising[below - 1]) if below >= 1 else -math.inf,
        high=float(rising[above - 1]) if above <= n else math.inf,
        m=m,
        n=n,
        confidence=confidence,
    )


def largest_m(n: int, *, confidence: float = 0.95) -> int:
    """The largest m of which `best_of` knows a low end from n networks: n / log2(2 / alpha), 0 below 6 at 95 %."""
    whole_number(n, parameter="n", error=InvalidPopulation, low=0)
    check_share(confidence, name="confidence")
    return math.floor(n / math.log2(2 / (1 - confidence)))
