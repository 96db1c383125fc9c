"""What the samples of a space say about a proposed child of it, before anything of that is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_outcomes_of, check_share
from engine.statistics.comparisons import Comparison, compare_errors
from engine.statistics.edf import ErrorEdf, error_edf
from engine.statistics.population import FloatArray
from engine.statistics.theta import satterthwaite

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The parent's networks that lie inside a proposed child, and what they say about it.

    They are a valid sample of the child only where the child's law is the parent's conditioned (narrowed ranges of the
    same law, added rules).

    Attributes
    ----------
    errors : ndarray of shape (n,)
        Of the networks inside: percent, inf for a failure.
    edf : ErrorEdf
        Of these.
    comparison : Comparison
        Of the networks inside (A) with those outside (B), two independent samples given which lie inside. Its verdict
        is the one about the restriction.
    effect : float or None
        Mean error inside minus mean error of all, of those that finished, in points: negative where the child is
        better. None where none inside finished.
    interval : tuple[float, float]
        Of the effect; -100 to 100 where fewer than two finished on one side.
    n, n_parent : int
        Networks inside, and all.
    finished : tuple[int, int]
        Networks that finished inside and outside. Where either is below `FEWEST_FOR_A_MEAN`, the interval of the
        effect says too little to be printed.
    """

    errors: FloatArray
    edf: ErrorEdf
    comparison: Comparison
    effect: float | None
    interval: tuple[float, float]
    n: int
    n_parent: int
    finished: tuple[int, int]


def what_if(parent: Errors, inside: npt.ArrayLike, *, alpha: float = 0.05) -> WhatIf:
    """What the parent's networks say about a proposed child.

    Parameters
    ----------
    parent : Population or array_like of shape (n,)
        Errors in percent; inf for a failure, nan for what says nothing and is left out.
    inside : array_like of bool, shape (n,)
        Which networks the child contains: of a `Population` those of its ``outcomes``, or those that finished.
    alpha : float
        Of the verdict; the intervals hold at 1 - alpha.

    Raises
    ------
    InvalidPopulation
        Where none lies inside.
    """
    kept = np.asarray(inside)
    if kept.dtype != np.bool_ or kept.ndim != 1:
        raise InvalidPopulation(f"inside must be booleans, got {kept.dtype} of shape {kept.shape}.", parameter="inside")
    outcomes = check_outcomes_of(parent, len(kept), name="errors", what="inside")
    said = ~np.isnan(outcomes)
    outcomes, kept = outcomes[said], kept[said]
    if not kept.any():
        raise InvalidPopulation(
            f"None of the {len(outcomes)} networks lies inside the proposed space.", parameter="inside"
        )
    within, without = outcomes[kept], outcomes[~kept]
    finished = within[np.isfinite(within)], without[np.isfinite(without)]
    effect, interval = _effect(*finished, confidence=1 - check_share(alpha, name="alpha"))
    return WhatIf(
        errors=within,
        edf=error_edf(within),
        comparison=compare_errors(within, without, alpha=alpha),
        effect=effect,
        interval=interval,
        n=len(within),
        n_parent=len(outcomes),
        finished=(len(finished[0]), len(finished[1])),
    )


def _effect(inside: FloatArray, outside: FloatArray, *, confidence: float) -> tuple[float | None, tuple[float, float]]:
    """Mean inside minus mean of all, which is the difference to the mean outside times the share outside.

    Its variance is that of the difference at the share as it is, and that of the share at the difference as it is.
    """
    n_in, n_out = len(inside), len(outside)
    if not n_in:
        return None, (-100.0, 100.0)
    if not n_out:
        return 0.0, (0.0, 0.0)
    share, difference = n_out / (n_in + n_out), float(inside.mean() - outside.mean())
    effect = share * difference
    if min(n_in, n_out) < 2:
        return effect, (-100.0, 100.0)
    of_in, of_out = float(inside.var(ddof=1)) / n_in, float(outside.var(ddof=1)) / n_out
    degrees = satterthwaite([of_in, of_out], [n_in - 1, n_out - 1])
    variance = share**2 * (of_in + of_out) + difference**2 * share * (1 - share) / (n_in + n_out)
    half_width = float(stats.t.ppf((1 + confidence) / 2, degrees)) * math.sqrt(variance)
    return effect, (max(-100.0, effect - half_width), min(100.0, effect + half_width))
