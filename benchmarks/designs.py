"""Designs as the demo trains them."""

from __future__ import annotations

from engine import presets
from engine.designs import Design
from engine.regimes import regime_presets
from engine.sampling import draw_designs

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
