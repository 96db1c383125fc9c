"""What a run under a regime will take, judged by measured runs under comparable ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.training.datasets import data_set_facts
from engine.training.regimes import Regime as EngineRegime
from webapp import queries
from webapp.models import Regime

TEST_SHARE = 1 / 3  # a test image costs a forward pass, a training image about three times that


@dataclass(frozen=True)
class Estimate:
    """Seconds of a run and of a hundred designs on one slot, from ``runs`` measured under the regimes named."""

    seconds: float
    hundred: float
    runs: int
    regimes: list[str]


def estimated_cost(regime: EngineRegime, rows: Sequence[Regime]) -> Estimate | None:
    """Measured seconds, scaled by epochs and images; None where nothing comparable was measured.

    Comparable are regimes with the same input, complexity window and precision: their networks cost about the same a
    pass. The device is not asked, because nobody knows yet on which one a run will be trained.
    """
    candidates = {row.pk: (row, ratio) for row in rows if (ratio := _work_ratio(regime, row))}
    costs = queries.regime_costs([row for row, _ in candidates.values()])
    runs = sum(cost.runs for cost in costs.values())
    if not runs:
        return None
    median, mean = (
        sum(cost.runs * getattr(cost, name) * candidates[pk][1] for pk, cost in costs.items()) / runs
        for name in ("median", "mean")
    )
    return Estimate(median, 100 * regime.replicates * mean, runs, [candidates[pk][0].name for pk in costs])


def _work_ratio(regime: EngineRegime, row: Regime) -> float | None:
    """How many times as much a run under the regime computes as one under the stored one; None if incomparable."""
    other = EngineRegime.from_json(row.definition)
    if _pass(regime) != _pass(other):
        return None
    ours, theirs = _images(regime), _images(other)
    if ours is None or theirs is None:  # the size of a folder of images is known to its workers only
        same = ("data_set", "train_images", "test_images")
        if any(getattr(regime, name) != getattr(other, name) for name in same):
            return None
        ours = theirs = 1.0
    return regime.recipe.epochs * ours / (other.recipe.epochs * theirs)


def _pass(regime: EngineRegime) -> tuple[object, ...]:
    """What decides on the cost of one pass of one image."""
    return regime.resolution, regime.in_channels, regime.window, regime.recipe.precision


def _images(regime: EngineRegime) -> float | None:
    """Images of an epoch, in training images' worth."""
    facts = data_set_facts(regime.data_set)
    train, test = regime.train_images or facts.train_images, regime.test_images or facts.test_images
    return train + TEST_SHARE * test if train and test else None
