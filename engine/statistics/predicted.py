"""The EDF with what the designs tell: those drawn but not trained make the errors of the trained go further.

Designs are free, trainings are not. A ridge regression predicts the rank of an error from a design; where it is right,
the predictions of thousands of drawn designs take the place of more trainings, and where it is wrong the trained
networks correct them (prediction-powered inference: Angelopoulos et al. 2023; Zrnic & Candes 2024 for the cross-fit).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from engine.errors import InvalidPopulation
from engine.statistics.checks import Errors, check_outcomes_of, check_share
from engine.statistics.intervals import quantile_interval
from engine.statistics.population import FloatArray
from engine.statistics.theta import wilson

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
FEWEST = 60  # networks; with fewer the interval is as wide as without the designs
LEAST_R_SQUARED = 0.2
SHARES_SHOWN = (0.1, 0.9)  # of the networks; the tails are what a prediction cannot know
MOST_ERRORS = 1_000  # at which the EDF is computed, evenly spaced

Columns = Mapping[str, npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class PredictedEdf:
    """An EDF that drawn designs made surer.

    Attributes
    ----------
    errors : ndarray of shape (k,)
        Different errors in percent, rising, between the 10 % and the 90 % point of the plain EDF.
    fractions : ndarray of shape (k,)
        The curve just right of each error; it never falls.
    lower, upper : ndarray of shape (k,)
        The interval at each single error, at level ``confidence``.
    median : float
        Percent; inf where half or more failed.
    median_interval : tuple[float, float]
        Its interval; inf where no error is far enough out.
    worth : int or None
        About how many trained networks alone would tell the median as well; None where they have no interval of it.
    r_squared : float
        How well a design tells the rank of an error that it was not fitted to: 1 - its squared error over the spread.
    confidence : float
    n, drawn : int
        Trained networks, and designs drawn but not trained.
    """

    errors: FloatArray
    fractions: FloatArray
    lower: FloatArray
    upper: FloatArray
    median: float
    median_interval: tuple[float, float]
    worth: int | None
    r_squared: float
    confidence: float
    n: int
    drawn: int

    @property
    def says_more(self) -> bool:
        """Whether it is to be shown: from 60 networks on, where designs tell enough of the errors."""
        return self.n >= FEWEST and self.r_squared >= LEAST_R_SQUARED


def predicted_edf(
    errors: Errors, columns: Columns, columns_of_drawn: Columns, *, confidence: float = 0.95
) -> PredictedEdf:
    """The EDF of a population whose drawn designs are more than the trained ones.

    Parameters
    ----------
    errors : array_like of shape (n,) or Population
        Percent; inf for a failure, which ranks behind every error; nan for what says nothing and is left out. The
        trained networks must be a random part of the drawn, such as the finished prefix of a batch.
    columns : mapping of str to array_like of shape (n,)
        Parameters and complexities of the trained networks. Texts are categories, numbers enter by their logarithm and
        its square.
    columns_of_drawn : mapping of str to array_like of shape (m,)
        The same of further designs from the same space and window, which were not trained.
    confidence : float

    Notes
    -----
    It feeds no verdict, and there is none for the mean: stuck networks are what designs don't tell.
    """
    check_share(confidence, name="confidence")
    outcomes, trained, drawn = _checked(errors, columns, columns_of_drawn)
    model = FeatureModel.fitted(outcomes, *_features(trained, drawn))
    known = np.unique(outcomes[np.isfinite(outcomes)])
    if len(known) > MOST_ERRORS:
        known = known[np.unique(np.linspace(0, len(known) - 1, MOST_ERRORS).astype(int))]
    points = np.array([model.at(float(error), confidence=confidence) for error in known]).reshape(-1, 3)
    fractions = np.maximum.accumulate(points[:, 0])
    median_interval = _first(known, points[:, 2] >= 0.5), _first(known, points[:, 1] > 0.5)
    plain = np.searchsorted(np.sort(outcomes), known, side="right") / len(outcomes)
    inner = (plain >= SHARES_SHOWN[0]) & (plain <= SHARES_SHOWN[1])
    return PredictedEdf(
        errors=known[inner],
        fractions=fractions[inner],
        lower=points[inner, 1],
        upper=points[inner, 2],
        median=_first(known, fractions >= 0.5),
        median_interval=median_interval,
        worth=_worth(outcomes, median_interval, confidence),
        r_squared=model.r_squared,
        confidence=confidence,
        n=len(outcomes),
        drawn=len(model.predicted_drawn),
    )


@dataclass(frozen=True, eq=False)
class FeatureModel:
    """A ridge regression of the normal scores of errors on features of their designs.

    Attributes
    ----------
    outcomes : ndarray of shape (n,)
        Percent, inf for a failure.
    residuals, predicted : ndarray of shape (n,)
        Of each network by the others: its score less the prediction, and the prediction.
    predicted_drawn : ndarray of shape (m,)
        Of the designs that were drawn only.
    degrees : float
        Trace of the shrinkage: so many of the n are spent on the fit.
    r_squared : float
    """

    outcomes: FloatArray
    residuals: FloatArray
    predicted: FloatArray
    predicted_drawn: FloatArray
    degrees: float
    r_squared: float

    @classmethod
    def fitted(cls, outcomes: FloatArray, features: FloatArray, features_drawn: FloatArray) -> FeatureModel:
        """Fit with the penalty of the least squared residuals, each left out of its own fit.

        ``features`` has shape (n, p), ``features_drawn`` (m, p).
        """
        n = len(outcomes)
        scores = special.ndtri((stats.rankdata(outcomes) - 0.5) / n)
        middle = features.mean(axis=0)
        left, sizes, right = np.linalg.svd(features - middle, full_matrices=False)
        along = left.T @ scores

        def left_out(penalty: float) -> FloatArray:
            kept = sizes**2 / (sizes**2 + penalty)
            weights = left**2 @ kept + 1 / n  # how much each network's own score enters its prediction
            residuals: FloatArray = (scores - scores.mean() - left @ (kept * along)) / np.maximum(1 - weights, 1e-9)
            return residuals

        every = {penalty: left_out(penalty) for penalty in PENALTIES}
        penalty = min(every, key=lambda one: float(every[one] @ every[one]))
        residuals, spread = every[penalty], float(scores @ scores)
        slopes = right.T @ (along * sizes / (sizes**2 + penalty))
        return cls(
            outcomes=outcomes,
            residuals=residuals,
            predicted=scores - residuals,
            predicted_drawn=float(scores.mean()) + (features_drawn - middle) @ slopes,
            degrees=float((sizes**2 / (sizes**2 + penalty)).sum()),
            r_squared=1 - float(residuals @ residuals) / spread if spread > 0 else 0.0,
        )

    def at(self, error: float, *, confidence: float = 0.95) -> tuple[float, float, float]:
        """The share of networks with an error of at most this, and the ends of its interval."""
        n, m = len(self.outcomes), len(self.predicted_drawn)
        below = (self.outcomes <= error).astype(np.float64)
        plain = float(below.mean())
        score = float(special.ndtri(min(max(plain, 1 / (4 * n)), 1 - 1 / (4 * n))))
        rising = np.sort(self.residuals)
        wanted = score - self.predicted
        own = (self.residuals <= wanted).astype(np.float64)
        guess = (np.searchsorted(rising, wanted, side="right") - own) / (n - 1)  # by the residuals of the others
        of_drawn = np.searchsorted(rising, score - self.predicted_drawn, side="right") / n
        spread = float(guess.var(ddof=1))
        trust = float(np.clip(np.cov(below, guess)[0, 1] / spread, 0, 1)) if spread > 0 else 0.0
        corrected = below - trust * guess
        share = trust * float(of_drawn.mean()) + float(corrected.mean())
        variance = float(corrected.var(ddof=1)) / n + trust**2 * float(of_drawn.var()) / m
        variance *= n / (n - self.degrees)
        least = max(plain * (1 - plain), (1 - 1 / n) / n) / n / 4
        centre = min(max(share, 1 / (2 * n)), 1 - 1 / (2 * n))
        low, high = wilson(centre, centre * (1 - centre) / max(variance, least), n - 1, confidence)
        return share, low, high


def _first(errors: FloatArray, reached: npt.NDArray[np.bool_]) -> float:
    return float(errors[np.argmax(reached)]) if reached.any() else math.inf


def _worth(outcomes: FloatArray, interval: tuple[float, float], confidence: float) -> int | None:
    plain = quantile_interval(outcomes, confidence=confidence)
    width, alone = interval[1] - interval[0], plain[1] - plain[0]
    if not math.isfinite(width) or not math.isfinite(alone) or width <= 0:
        return None
    return round(len(outcomes) * (alone / width) ** 2)


def _checked(
    errors: Errors, columns: Columns, columns_of_drawn: Columns
) -> tuple[FloatArray, dict[str, npt.NDArray[np.generic]], dict[str, npt.NDArray[np.generic]]]:
    if not columns or set(columns) != set(columns_of_drawn):
        raise InvalidPopulation(
            f"columns and columns_of_drawn must hold the same parameters, got {', '.join(columns) or 'none'} and "
            f"{', '.join(columns_of_drawn) or 'none'}.",
            parameter="columns",
        )
    trained, drawn = ({name: np.asarray(values) for name, values in of.items()} for of in (columns, columns_of_drawn))
    first = next(iter(trained.values()))
    outcomes = check_outcomes_of(errors, first.size, name="errors", what="columns")
    for of, size, where in (
        (trained, first.size, "columns"),
        (drawn, drawn[next(iter(trained))].size, "columns_of_drawn"),
    ):
        for name, values in of.items():
            if values.shape != (size,) or size == 0:
                raise InvalidPopulation(
                    f"{where}: {name} must have one value a design, got shape {values.shape} for {size}.",
                    parameter=where,
                )
            if values.dtype.kind in "fiub" and not np.isfinite(values.astype(np.float64)).all():
                raise InvalidPopulation(f"{where}: {name} must hold finite numbers.", parameter=where)
    said = ~np.isnan(outcomes)
    if said.sum() < 3:
        raise InvalidPopulation(
            f"errors must hold at least 3 networks that say something, got {int(said.sum())}.", parameter="errors"
        )
    return outcomes[said], {name: values[said] for name, values in trained.items()}, drawn


def _features(
    trained: Mapping[str, npt.NDArray[np.generic]], drawn: Mapping[str, npt.NDArray[np.generic]]
) -> tuple[FloatArray, FloatArray]:
    """Standardised features of the trained and of the drawn designs, shape (n, p) and (m, p)."""
    n = len(next(iter(trained.values())))
    features = []
    for name, values in trained.items():
        column = np.concatenate([values, drawn[name]])
        if column.dtype.kind in "fiub":
            features += _of_numbers(column.astype(np.float64))
        else:
            features += [_standardised((column == value).astype(np.float64)) for value in np.unique(column)]
    kept = [feature for feature in features if feature.any()]
    both = np.stack(kept, axis=1) if kept else np.zeros((len(column), 0))
    return both[:n], both[n:]


def _of_numbers(column: FloatArray) -> list[FloatArray]:
    """The logarithm and its square; of what can be below 0 the number itself."""
    lowest = column.min()
    if lowest >= 0:
        column = np.log(column) if lowest > 0 else np.log1p(column)
    first = _standardised(column)
    return [first, _standardised(first**2)]


def _standardised(column: FloatArray) -> FloatArray:
    """With mean 0 and standard deviation 1; all 0 where it is constant."""
    spread = float(column.std())
    if spread <= 1e-12 * max(1.0, float(np.abs(column).max())):
        return np.zeros(len(column))
    standardised: FloatArray = (column - column.mean()) / spread
    return standardised
