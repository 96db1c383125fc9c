"""Designs as the demo trains them."""

from __future__ import annotations

from engine.designs import Design
from engine.spaces import presets
from engine.spaces.sampling import draw_designs
from engine.training.regimes import regime_presets

DEMO_REGIME = regime_presets()["Fashion-MNIST on CPU"]


def demo_designs(preset: str, *, size: int, seed: int) -> list[Design]:
    """Designs of a preset's space under the demo's regime."""
    return draw_designs(
        presets.space(preset),
        size=size,
        seed=seed,
        window=DEMO_REGIME.window,
        resolution=DEMO_REGIME.resolution,
        in_channels=DEMO_REGIME.in_channels,
        num_classes=DEMO_REGIME.num_classes,
    ).designs
