"""How to build a design's network: with this product's engine, with torchvision, with timm.

A web process never loads torch, so these are texts; a test runs them and compares the networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from engine.designs import AnyNetDesign, Design, RegNetDesign
from engine.training.regimes import Regime as EngineRegime
from webapp.wording import compact

LINE_WIDTH = 54  # characters, so that nothing is cut beside the tables
STEM_LAYERS = {"cifar": "3, stride=1", "simple": "3, stride=2", "imagenet": "7, stride=2"}
SAME_BLOCK = "residual_bottleneck"  # the one block that the other libraries build alike


@dataclass(frozen=True)
class Build:
    """Code for one library, and what has to be known about it."""

    library: str
    code: str
    notes: list[str]


def builds(drawn: Design, anynet: AnyNetDesign, regime: EngineRegime) -> list[Build]:
    """The engine first; the other libraries where they can build such blocks."""
    channels, classes = regime.in_channels, regime.num_classes
    code = engine_code(drawn, in_channels=channels, num_classes=classes)
    note = "The parameters as drawn; the engine adjusts them for group compatibility as the picture shows."
    found = [Build("This engine", code, [note])]
    if anynet.trunk.block == SAME_BLOCK:
        code = torchvision_code(anynet, in_channels=channels, num_classes=classes)
        found.append(Build("torchvision", code, _torchvision_notes(drawn, regime)))
    if isinstance(drawn, RegNetDesign) and drawn.trunk.block == SAME_BLOCK:
        code = timm_code(drawn, in_channels=channels, num_classes=classes)
        found.append(Build("timm", code, _timm_notes(drawn)))
    return found


def engine_code(design: Design, *, in_channels: int, num_classes: int) -> str:
    """A program of this engine that builds the network."""
    name = type(design).__name__
    names = [item.name for item in fields(design) if item.name != "trunk"]
    return "\n".join(
        [
            f"from engine.designs import {name}, Trunk",
            "from engine.training.networks import build_network",
            "",
            "trunk = Trunk(",
            *_filled([f"{key}={_literal(value)}" for key, value in design.trunk.to_json().items()]),
            ")",
            f"design = {name}(",
            *_filled(["trunk=trunk", *(f"{key}={_literal(getattr(design, key))}" for key in names)]),
            ")",
            "network = build_network(",
            f"    design, in_channels={in_channels}, num_classes={num_classes}",
            ")",
        ]
    )


def torchvision_code(design: AnyNetDesign, *, in_channels: int, num_classes: int) -> str:
    """The same network from torchvision's blocks: stages after group compatibility, stem and head as designed."""
    stages = {
        "depths": list(design.stage_depths),
        "widths": list(design.stage_widths),
        "group_widths": list(design.group_widths),
        "bottleneck_multipliers": [1 / ratio for ratio in design.bottleneck_ratios],
        "strides": list(design.stage_strides),
        "se_ratio": design.trunk.se_ratio or None,
    }
    stem = _stem_lines(design, in_channels)
    lines = [
        *(["from torch import nn"] if design.trunk.head_width or design.trunk.stem == "imagenet" else []),
        "from torchvision.models.regnet import BlockParams, RegNet",
        *(["from torchvision.ops import Conv2dNormActivation"] if stem or design.trunk.head_width else []),
        "",
        *stem,
        "stages = BlockParams(",
        *(f"    {name}={_literal(value)}," for name, value in stages.items()),
        ")",
        "network = RegNet(",
        f"    stages, num_classes={num_classes}, stem_width={design.trunk.stem_width},",
        *(["    stem_type=stem,"] if stem else []),
        ")",
    ]
    if design.trunk.head_width:
        lines += [
            "network.avgpool = nn.Sequential(",
            "    Conv2dNormActivation(",
            f"        {design.stage_widths[-1]}, {design.trunk.head_width}, 1",
            "    ),",
            "    nn.AdaptiveAvgPool2d(1),",
            ")",
            f"network.fc = nn.Linear({design.trunk.head_width}, {num_classes})",
        ]
    return "\n".join(lines)


def _stem_lines(design: AnyNetDesign, in_channels: int) -> list[str]:
    """A stem of its own where torchvision's, 3x3 with stride 2 on three channels, is another one."""
    if design.trunk.stem == "simple" and in_channels == 3:
        return []
    convolution = [
        f"{in_channels}, width, {STEM_LAYERS[design.trunk.stem]},",
        "norm_layer=norm, activation_layer=activation,",
    ]
    head = ["def stem(_, width, norm, activation):"]
    if design.trunk.stem != "imagenet":
        return [
            *head,
            "    return Conv2dNormActivation(",
            *(f"        {line}" for line in convolution),
            "    )",
            "",
            "",
        ]
    layers = ["    layers = Conv2dNormActivation(", *(f"        {line}" for line in convolution), "    )"]
    pooled = ["    pool = nn.MaxPool2d(3, stride=2, padding=1)", "    return nn.Sequential(layers, pool)"]
    return [*head, *layers, *pooled, "", ""]


def _torchvision_notes(drawn: Design, regime: EngineRegime) -> list[str]:
    notes = ["The same layers as this engine's network, with the stages after group compatibility."]
    if isinstance(drawn, RegNetDesign):
        notes.append(
            f"BlockParams.from_init_params(depth={drawn.depth}, w_0={drawn.w_0}, w_a={drawn.w_a}, w_m={drawn.w_m}, "
            f"group_width={drawn.group_width}, bottleneck_multiplier={1 / drawn.bottleneck_ratio:g}) generates stages "
            "too, but rounds widths to groups by another rule and knows stride 2 only, so they may differ."
        )
    if regime.recipe.zero_init_last_norm:
        notes.append("Its residual branches start at 1, and under this regime at 0.")
    return notes


def timm_code(design: RegNetDesign, *, in_channels: int, num_classes: int) -> str:
    """timm's arguments for a RegNet."""
    return "\n".join(
        [
            "from timm.models.regnet import RegNet, RegNetCfg",
            "",
            "network = RegNet(",
            "    RegNetCfg(",
            f"        depth={design.depth}, w0={design.w_0},",
            f"        wa={design.w_a}, wm={design.w_m},",
            f"        group_size={design.group_width},",
            f"        bottle_ratio={1 / design.bottleneck_ratio:g},  # 1 / b",
            f"        se_ratio={design.trunk.se_ratio:g},",
            f"        stem_width={design.trunk.stem_width},",
            f"        num_features={design.trunk.head_width},  # head_width",
            "    ),",
            f"    in_chans={in_channels}, num_classes={num_classes},",
            ")",
        ]
    )


def _timm_notes(design: RegNetDesign) -> list[str]:
    notes = ["Never run here: timm is not among the packages of this product."]
    if design.trunk.stem != "simple":
        notes.append(f"timm's stem is 3x3 with stride 2; the stem {design.trunk.stem} of this design is not.")
    if design.stage_stride != 2:
        notes.append(f"timm's stages have stride 2; these have {compact(design.stage_stride)}.")
    return notes


def _filled(arguments: Sequence[str]) -> list[str]:
    """Arguments on as few lines as fit."""
    lines: list[str] = []
    for argument in arguments:
        if lines and len(lines[-1]) + len(argument) + 2 <= LINE_WIDTH:
            lines[-1] += f" {argument},"
        else:
            lines.append(f"    {argument},")
    return lines


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
