from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from engine.designs import BLOCKS, BOTTLENECK_BLOCKS, STEMS, AnyNetDesign, RegNetDesign, Trunk
from engine.designs.complexity import Complexity, complexity
from engine.errors import InvalidDesign
from engine.training.networks import Block, build_network


def any_design(**changes: Any) -> AnyNetDesign:
    values: dict[str, Any] = {
        "stem": "cifar",
        "stem_width": 8,
        "stage_depths": (1, 2),
        "stage_widths": (16, 24),
        "stage_strides": (1, 2),
        **changes,
    }
    return AnyNetDesign(trunk=Trunk.take_from(values), **values)


def counted_by_hooks(network: nn.Module, *, resolution: int, in_channels: int) -> Complexity:
    """Flops and acts as the layers really run, params as torch holds them."""
    counts = {"flops": 0, "acts": 0}

    def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        counts["acts"] += output[0].numel()
        if isinstance(layer, nn.Conv2d):
            counts["flops"] += layer.weight[0].numel() * output[0].numel()
        elif isinstance(layer, nn.Linear):
            counts["flops"] += layer.weight.numel()
        if getattr(layer, "bias", None) is not None:
            counts["flops"] += output[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.MaxPool2d):
            layer.register_forward_hook(count)
    network.eval()
    with torch.inference_mode():
        network(torch.zeros(1, in_channels, resolution, resolution))
    params = sum(parameter.numel() for parameter in network.parameters())
    return Complexity(flops=counts["flops"], params=params, acts=counts["acts"])


def assert_counts_agree(design: AnyNetDesign | RegNetDesign, *, resolution: int) -> None:
    network = build_network(design, in_channels=3, num_classes=7)
    counted = counted_by_hooks(network, resolution=resolution, in_channels=3)
    assert counted == complexity(design, resolution=resolution, in_channels=3, num_classes=7)


@pytest.mark.parametrize("head_width", [0, 20])
@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("block", BLOCKS)
def test_each_block_stem_and_head_counts_as_the_complexity_says(block: str, stem: str, head_width: int) -> None:
    assert_counts_agree(any_design(block=block, stem=stem, head_width=head_width), resolution=15)


@pytest.mark.parametrize("se_ratio", [0, 0.25, 1])
@pytest.mark.parametrize("block", BOTTLENECK_BLOCKS)
@pytest.mark.parametrize(
    "shape",
    [
        {"bottleneck_ratios": (2, 4), "group_widths": (3, 8)},
        {"bottleneck_ratios": (0.5, 0.25), "group_widths": (5, 16)},
        {"bottleneck_ratios": (1, 2), "groups": (3, 5)},
        {"group_widths": (16, 24), "stage_strides": (2, 1)},
    ],
)
def test_each_bottleneck_counts_as_the_complexity_says(block: str, se_ratio: float, shape: dict[str, Any]) -> None:
    assert_counts_agree(any_design(block=block, se_ratio=se_ratio, **shape), resolution=14)


def test_regnetx_400mf_is_built_as_published() -> None:
    design = RegNetDesign(depth=22, w_0=24, w_a=24.48, w_m=2.54, group_width=16)
    counted = counted_by_hooks(build_network(design), resolution=224, in_channels=3)
    assert counted == Complexity(flops=397_678_568, params=5_157_512, acts=3_143_272)


def torchvision_x_400mf() -> AnyNetDesign:
    """Torchvision rounds the last width up to 400, where the authors' code has 384."""
    published = RegNetDesign(depth=22, w_0=24, w_a=24.48, w_m=2.54, group_width=16).to_anynet()
    return dataclasses.replace(published, stage_widths=(*published.stage_widths[:3], 400))


@pytest.mark.parametrize(
    ("published", "design"),
    [
        ("regnet_x_400mf", torchvision_x_400mf()),
        ("regnet_x_800mf", RegNetDesign(depth=16, w_0=56, w_a=35.73, w_m=2.28, group_width=16)),
        (
            "regnet_y_400mf",
            RegNetDesign(depth=16, w_0=48, w_a=27.89, w_m=2.09, group_width=8, trunk=Trunk(se_ratio=0.25)),
        ),
    ],
)
def test_torchvision_computes_the_same_with_the_same_weights(published: str, design: RegNetDesign) -> None:
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, published)(weights=None, num_classes=10).eval()
    ours = build_network(design, num_classes=10).eval()
    layers = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
    pairs = zip(
        [layer for layer in theirs.modules() if isinstance(layer, layers)],
        [layer for layer in ours.modules() if isinstance(layer, layers)],
        strict=True,
    )
    for their_layer, our_layer in pairs:
        if isinstance(their_layer, nn.BatchNorm2d):
            nn.init.uniform_(their_layer.weight, 0.5, 1.5)
            nn.init.uniform_(their_layer.bias, -0.5, 0.5)
            nn.init.uniform_(their_layer.running_mean, -0.5, 0.5)
        our_layer.load_state_dict(their_layer.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = theirs(images)
        assert torch.allclose(ours(images), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_weights_start_as_the_method_says() -> None:
    design = any_design(stage_widths=(128, 128), group_widths=(16, 16), se_ratio=0.5)
    network = build_network(design, generator=torch.Generator().manual_seed(0))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = math.prod(layer.kernel_size) * layer.out_channels
            assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / fan_out), rel=0.15)
            assert layer.bias is None or not layer.bias.any()
        elif isinstance(layer, nn.Linear):
            assert float(layer.weight.detach().std()) == pytest.approx(0.01, rel=0.05)
            assert not layer.bias.any()
        elif isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all()
            assert not layer.bias.any()


@pytest.mark.parametrize("block", ["plain_residual", "residual_basic", "residual_bottleneck"])
def test_a_residual_branch_that_starts_at_zero_leaves_its_shortcut(block: str) -> None:
    design = any_design(block=block, stage_depths=(2,), stage_widths=(8,), stage_strides=(1,))
    network = build_network(design, zero_init_last_norm=True)
    features = torch.rand(2, 8, 6, 6)
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    assert len(blocks) == 2
    for module in blocks:
        assert torch.equal(module(features), features)


@pytest.mark.parametrize("block", ["plain", "vanilla"])
def test_blocks_without_a_shortcut_never_start_at_zero(block: str) -> None:
    network = build_network(any_design(block=block), zero_init_last_norm=True)
    assert all(layer.weight.all() for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))


def test_the_linear_bottleneck_has_no_projection_and_no_last_relu() -> None:
    network = build_network(any_design(block="residual_bottleneck_linear"))
    first, second, third = (module for module in network.modules() if isinstance(module, Block))
    assert first.shortcut is None
    assert second.shortcut is None
    assert isinstance(third.shortcut, nn.Identity)
    assert (third(torch.randn(2, 24, 6, 6)) < 0).any()


def test_one_generator_gives_one_network() -> None:
    first, second, other = (
        build_network(any_design(), generator=torch.Generator().manual_seed(seed)).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["stem.0.weight"], other["stem.0.weight"])


@pytest.mark.parametrize("parameter", ["in_channels", "num_classes"])
def test_a_network_without_inputs_or_outputs_is_refused(parameter: str) -> None:
    with pytest.raises(InvalidDesign, match=f"{parameter} must be at least 1, got 0"):
        build_network(any_design(), **{parameter: 0})
