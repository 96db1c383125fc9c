"""Small things to train on the bundled digits, for tests with real workers."""

from __future__ import annotations

from typing import Any

from engine.designs.windows import Window
from engine.training.regimes import Recipe, Regime, regime_presets
from tests.webapp import rows
from webapp import services
from webapp.models import Run, RunState, SampleBatch, Team, User

DIGITS = regime_presets()["Digits on CPU"]


class Study:
    """One person's space, and batches of tiny networks from it."""

    def __init__(self) -> None:
        self.team: Team
        self.user: User
        self.team, self.user = rows.a_team()
        self.space = rows.a_space(self.team, self.user)

    def queue(self, name: str, *, size: int = 1, seed: int = 0, drawn: bool = True, **about: Any) -> SampleBatch:
        """Queue designs under a regime of their own: ``epochs``, ``learning_rate``, ``time_limit``, ``data_set``."""
        recipe = Recipe(
            epochs=about.get("epochs", 1), minibatch_size=64, learning_rate=about.get("learning_rate", 0.05)
        )
        data_set = about.get("data_set", "digits")
        regime = Regime(
            data_set=data_set, resolution=8, window=Window(flops=(None, 100_000)), recipe=recipe,
            train_images=DIGITS.train_images, test_images=DIGITS.test_images, time_limit=about.get("time_limit"),
        )  # fmt: skip
        row = services.create_regime(team=self.team, name=name, regime=regime, actor=self.user)
        return rows.a_batch(self.space, row, self.user, size=size, seed=seed, drawn=drawn)


def count(state: RunState, batch: SampleBatch | None = None) -> int:
    runs = Run.objects.filter(state=state)
    return (runs if batch is None else runs.filter(batch=batch)).count()


def run_of(batch: SampleBatch) -> Run:
    return Run.objects.get(batch=batch)


def epochs_of(batch: SampleBatch) -> int:
    """How many epochs of the batch's runs have been recorded."""
    return Run.objects.filter(batch=batch, epochs__isnull=False).values("epochs").count()
