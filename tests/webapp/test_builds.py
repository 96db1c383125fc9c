"""The code that a sample's page shows builds the very network that was trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from engine.designs import AnyNetDesign, Design, RegNetDesign, Trunk
from engine.spaces import presets
from engine.spaces.sampling import draw_designs
from engine.training.networks import build_network
from engine.training.regimes import Regime, regime_presets
from webapp.pages.builds import builds

DIGITS = regime_presets()["Digits on CPU"]
IMAGENET = regime_presets()["ImageNet 400 MF, 10 epochs"]
SMALL = AnyNetDesign(
    trunk=Trunk(stem="imagenet", stem_width=16, se_ratio=0.25, head_width=48),
    stage_depths=(1, 2), stage_widths=(24, 40),
    stage_strides=(1, 2), bottleneck_ratios=(4, 0.5), group_widths=(4, 16),
)  # fmt: skip


def drawn(name: str, count: int = 4) -> list[Design]:
    return draw_designs(presets.space(name), size=count, seed=1, resolution=32).designs


DESIGNS: list[Design] = [
    SMALL,
    replace(SMALL, trunk=Trunk(stem="cifar", stem_width=16)),
    presets.design("RegNetX-200MF"),
    presets.design("RegNetY-200MF"),
    *drawn("AnyNetX-A-small"),
    *drawn("RegNetX-small"),
]


def code_for(library: str, design: Design, regime: Regime) -> str:
    return next(one.code for one in builds(design, design.to_anynet(), regime) if one.library == library)


def run(code: str) -> nn.Module:
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  (our own text)
    network: nn.Module = names["network"]
    return network.eval()


@pytest.mark.parametrize("regime", [DIGITS, IMAGENET], ids=["one channel", "three channels"])
@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.key()[:40])
def test_torchvisions_network_gives_our_networks_answers_with_our_weights(design: Design, regime: Regime) -> None:
    ours = build_network(design, in_channels=regime.in_channels, num_classes=regime.num_classes).eval()
    theirs = run(code_for("torchvision", design, regime))
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in ours.parameters())
    values = list(ours.state_dict().values())
    names = list(theirs.state_dict())
    assert len(names) == len(values)
    theirs.load_state_dict(dict(zip(names, values, strict=True)))
    images = torch.randn(2, regime.in_channels, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(theirs(images), ours(images), atol=1e-5)


@pytest.mark.parametrize("design", DESIGNS[:4], ids=lambda design: design.key()[:40])
def test_the_engines_code_builds_the_design(design: Design) -> None:
    network = run(code_for("This engine", design, DIGITS))
    again = build_network(design, in_channels=1, num_classes=10)
    assert str(network) == str(again.eval())


def test_blocks_that_the_other_libraries_do_not_have_are_not_offered_there() -> None:
    vanilla = drawn("AnyNetV-E", 1)[0] if "AnyNetV-E" in presets.space_names() else SMALL
    assert [one.library for one in builds(vanilla, vanilla.to_anynet(), DIGITS)] == ["This engine"]
    assert [one.library for one in builds(SMALL, SMALL, DIGITS)] == ["This engine", "torchvision"]


def test_timms_arguments_say_that_they_were_never_run_and_what_differs() -> None:
    design = RegNetDesign(
        depth=6, w_0=16, w_a=10.5, w_m=2.5, bottleneck_ratio=2, group_width=8, trunk=Trunk(stem="cifar", stem_width=16),
        stage_stride=1,
    )  # fmt: skip
    timm = builds(design, design.to_anynet(), DIGITS)[-1]
    for part in ("depth=6, w0=16", "wa=10.5, wm=2.5", "group_size=8", "bottle_ratio=0.5", "in_chans=1, num_classes=10"):
        assert part in timm.code
    assert [note.split()[0] for note in timm.notes] == ["Never", "timm's", "timm's"]
    published = presets.design("RegNetX-400MF")
    assert len(builds(published, published.to_anynet(), IMAGENET)[-1].notes) == 1


def test_what_the_recipe_starts_differently_is_said() -> None:
    recipe = replace(DIGITS.recipe, zero_init_last_norm=True)
    torchvision = builds(SMALL, SMALL, replace(DIGITS, recipe=recipe))[1]
    assert "start at 1, and under this regime at 0" in torchvision.notes[-1]
