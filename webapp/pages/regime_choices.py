"""The regimes that a batch can be queued under, each with what it lets in and what its runs took so far."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.designs.windows import Window
from engine.errors import EngineError
from engine.spaces import space_from_json
from engine.spaces.sampling import draw_designs
from engine.training.regimes import Regime as EngineRegime
from webapp import queries
from webapp.models import Regime, Space
from webapp.queries import RegimeCost

ENOUGH = 30  # designs in the window, for its acceptance
MOST_CANDIDATES = 10_000
MOST_SECONDS = 0.2  # of one regime
PATIENCE = 0.6  # seconds, of all; the regimes left then show no estimate


@dataclass(frozen=True)
class Acceptance:
    """Share of a space's candidates that a regime's window lets in; ``problem`` says why where too few were found."""

    share: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class RegimeChoice:
    """A line of the form; ``acceptance`` is None without a window, and where the estimates took too long."""

    row: Regime
    regime: EngineRegime
    ticked: bool
    cost: RegimeCost | None
    acceptance: Acceptance | None

    @property
    def has_window(self) -> bool:
        return self.regime.window != Window()


def regime_choices(regimes: Sequence[Regime], *, space: Space | None, ticked: Collection[str]) -> list[RegimeChoice]:
    """The regimes in their order; ``ticked`` are ids. Those that are ticked are estimated first."""
    costs = queries.regime_costs(regimes)
    engine = {row.pk: EngineRegime.from_json(row.definition) for row in regimes}
    estimates: dict[int, Acceptance] = {}
    until = time.monotonic() + PATIENCE
    for row in sorted(regimes, key=lambda row: str(row.pk) not in ticked):
        if space is not None and engine[row.pk].window != Window() and time.monotonic() < until:
            estimates[row.pk] = acceptance(space, engine[row.pk])
    return [
        RegimeChoice(row, engine[row.pk], str(row.pk) in ticked, costs.get(row.pk), estimates.get(row.pk))
        for row in regimes
    ]


def acceptance(space: Space, regime: EngineRegime) -> Acceptance:
    """An estimate from a few thousand candidates at most, remembered."""
    images = (regime.resolution, regime.in_channels, regime.num_classes)
    return _acceptance(_text(space.definition), _text(regime.window.to_json()), images)


def _text(definition: object) -> str:
    return json.dumps(definition, sort_keys=True)


@lru_cache(maxsize=512)
def _acceptance(space: str, window: str, images: tuple[int, int, int]) -> Acceptance:
    resolution, in_channels, num_classes = images
    try:
        draw = draw_designs(
            space_from_json(json.loads(space)), size=ENOUGH, seed=0, window=Window.from_json(json.loads(window)),
            resolution=resolution, in_channels=in_channels, num_classes=num_classes,
            max_candidates=MOST_CANDIDATES, max_seconds=MOST_SECONDS,
        )  # fmt: skip
    except EngineError as error:
        return Acceptance(problem=str(error))
    return Acceptance(draw.acceptance)
