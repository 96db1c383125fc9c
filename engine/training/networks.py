"""From a design to a torch module (docs/method.md, section 2).

Shapes: N images, C channels, H rows, W columns, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engine.designs import AnyNetDesign, Design
from engine.errors import InvalidDesign


def build_network(
    design: Design,
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    zero_init_last_norm: bool = False,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Build the network of a design, with fresh weights.

    Parameters
    ----------
    design : AnyNetDesign or RegNetDesign
        Adjusted for group compatibility where it is not yet.
    in_channels : int
        Channels of the input image.
    num_classes : int
        Outputs of the last linear layer.
    zero_init_last_norm : bool
        Start the last batch norm of each residual branch at scale 0 instead of 1.
    generator : torch.Generator, optional
        Source of the random weights, on the CPU; torch's global one by default.

    Returns
    -------
    nn.Module
        Maps images, shape (N, in_channels, H, W), to logits, shape (N, num_classes).

    Raises
    ------
    InvalidDesign
        Where the design can't be adjusted, or has less than 1 input channel or class.
    """
    for name, value in (("in_channels", in_channels), ("num_classes", num_classes)):
        if value < 1:
            raise InvalidDesign(f"{name} must be at least 1, got {value}.", parameter=name, value=value)
    network = Network(design.to_anynet(), in_channels, num_classes)
    initialise_weights(network, zero_init_last_norm=zero_init_last_norm, generator=generator)
    return network


class Network(nn.Module):
    """Stem, stages of blocks, head."""

    def __init__(self, design: AnyNetDesign, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.stem = _stem(design, in_channels)
        self.stages = nn.Sequential()
        width = design.trunk.stem_width
        for stage, depth in enumerate(design.stage_depths):
            blocks = nn.Sequential()
            for number in range(depth):
                blocks.append(Block(design, stage, width, design.stage_strides[stage] if number == 0 else 1))
                width = design.stage_widths[stage]
            self.stages.append(blocks)
        self.head = nn.Sequential()
        if design.trunk.head_width:
            self.head.extend([*_conv_norm(width, design.trunk.head_width, 1), nn.ReLU(inplace=True)])
            width = design.trunk.head_width
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        features_NCHW: Tensor = self.head(self.stages(self.stem(images_NCHW)))
        logits_NK: Tensor = self.classifier(features_NCHW.mean((2, 3)))
        return logits_NK


class Block(nn.Module):
    """One block: a branch of convolutions and, where it is residual, the sum with its shortcut."""

    def __init__(self, design: AnyNetDesign, stage: int, width_in: int, stride: int) -> None:
        super().__init__()
        width = design.stage_widths[stage]
        changes = width_in != width or stride != 1
        linear = design.trunk.block == "residual_bottleneck_linear"
        self.shortcut: nn.Module | None = None
        if linear:
            self.shortcut = None if changes else nn.Identity()
        elif "residual" in design.trunk.block:
            self.shortcut = nn.Sequential(*_conv_norm(width_in, width, 1, stride)) if changes else nn.Identity()
        self.branch = nn.Sequential(*_branch(design, stage, width_in, stride))
        self.last = nn.Identity() if linear else nn.ReLU(inplace=True)

    def forward(self, features_NCHW: Tensor) -> Tensor:
        output_NCHW: Tensor = self.branch(features_NCHW)
        if self.shortcut is not None:
            output_NCHW = output_NCHW + self.shortcut(features_NCHW)
        result_NCHW: Tensor = self.last(output_NCHW)
        return result_NCHW


class BatchNorm(nn.BatchNorm2d):
    """torch's batch norm without its counter of minibatches, which only a momentum of None needs: 2 % of the time."""

    def forward(self, features_NCHW: Tensor) -> Tensor:
        return torch.batch_norm(
            features_NCHW,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            self.training,
            self.momentum,  # type: ignore[arg-type]
            self.eps,
            torch.backends.cudnn.enabled,
        )


class SqueezeExcite(nn.Module):
    """Scales each channel by a number in 0..1 computed from the averages of all channels."""

    def __init__(self, width: int, squeeze_width: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, squeeze_width, 1)
        self.excite = nn.Conv2d(squeeze_width, width, 1)

    def forward(self, features_NCHW: Tensor) -> Tensor:
        squeezed_NC11 = self.squeeze(features_NCHW.mean((2, 3), keepdim=True)).relu()
        scales_NC11: Tensor = self.excite(squeezed_NC11).sigmoid()
        return features_NCHW * scales_NC11


def initialise_weights(
    network: nn.Module, *, zero_init_last_norm: bool = False, generator: torch.Generator | None = None
) -> None:
    """Draw all weights anew.

    Convolutions N(0, sqrt(2 / fan_out)) with the fan over all groups, linear layers N(0, 0.01), batch norms 1 (the
    last of each residual branch 0 on request), biases 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
            nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out), generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    if zero_init_last_norm:
        for block in network.modules():
            if isinstance(block, Block) and block.shortcut is not None:
                norms = [layer for layer in block.branch if isinstance(layer, nn.BatchNorm2d)]
                nn.init.zeros_(norms[-1].weight)


def _stem(design: AnyNetDesign, in_channels: int) -> nn.Sequential:
    kernel, stride = {"cifar": (3, 1), "simple": (3, 2), "imagenet": (7, 2)}[design.trunk.stem]
    layers = [*_conv_norm(in_channels, design.trunk.stem_width, kernel, stride), nn.ReLU(inplace=True)]
    if design.trunk.stem == "imagenet":
        layers.append(nn.MaxPool2d(3, stride=2, padding=1))
    return nn.Sequential(*layers)


def _branch(design: AnyNetDesign, stage: int, width_in: int, stride: int) -> list[nn.Module]:
    """The layers of a block beside its shortcut, up to its last batch norm."""
    width = design.stage_widths[stage]
    if design.trunk.block in ("plain", "plain_residual"):
        return _conv_norm(width_in, width, 3, stride)
    if design.trunk.block in ("vanilla", "residual_basic"):
        return [*_conv_norm(width_in, width, 3, stride), nn.ReLU(inplace=True), *_conv_norm(width, width, 3)]
    inner = design.inner_widths[stage]
    groups = inner // design.group_widths[stage]
    return [
        *_conv_norm(width_in, inner, 1),
        nn.ReLU(inplace=True),
        *_conv_norm(inner, inner, 3, stride, groups),
        nn.ReLU(inplace=True),
        *([SqueezeExcite(inner, round(width_in * design.trunk.se_ratio))] if design.trunk.se_ratio else []),
        *_conv_norm(inner, width, 1),
    ]


def _conv_norm(width_in: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution with "same" padding and without bias, and its batch norm."""
    padding = (kernel - 1) // 2
    return [
        nn.Conv2d(width_in, width, kernel, stride=stride, padding=padding, groups=groups, bias=False),
        BatchNorm(width),
    ]
