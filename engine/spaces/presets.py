"""Named spaces and designs: AnyNetX A to E and kin, RegNets, the classic families, published networks.

Sources: [DNDS] tables 1 to 3 and section 5, [NDSVR] table 1, and the networks that the authors publish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, ParamSpec

from engine.checks import brief
from engine.designs import AnyNetDesign, Design, RegNetDesign, Trunk
from engine.errors import InvalidDesign, InvalidSpace
from engine.spaces.anynet import AnyNetSpace
from engine.spaces.laws import Law, choice, log_uniform, power_of_two, power_of_two_or_log_uniform, uniform
from engine.spaces.regnet import RegNetSpace
from engine.spaces.space import Space

RULES_BY_LETTER: dict[str, tuple[str, ...]] = {
    "A": (),
    "B": ("shared_bottleneck_ratio",),
    "C": ("shared_bottleneck_ratio", "shared_group_width"),
    "D": ("shared_bottleneck_ratio", "shared_group_width", "widths_non_decreasing"),
    "E": ("shared_bottleneck_ratio", "shared_group_width", "widths_non_decreasing", "depths_non_decreasing"),
}
RATIOS = choice([1, 2, 4])
# The blocks of [DNDS] by their letter. R has those of X, and its spaces have no groups.
TRUNKS = {
    "X": Trunk(),
    "Y": Trunk(se_ratio=0.25),
    "R": Trunk(),
    "V": Trunk(block="plain"),
    "VR": Trunk(block="plain_residual"),
}
P = ParamSpec("P")
SMALL_DEPTH, SMALL_WIDTH = 6, 256


def space(name: str) -> Space:
    """The space of that name; a name ending in "-small" is its low-resolution variant.

    Raises
    ------
    InvalidSpace
        Where there is none of that name.
    """
    builders = _space_builders()
    if name not in builders:
        raise InvalidSpace(f"There is no space named {brief(name)}; see space_names().", parameter="name", value=name)
    return builders[name]()


def design(name: str) -> Design:
    """The published design of that name.

    Raises
    ------
    InvalidDesign
        Where there is none of that name.
    """
    designs = _designs()
    if name not in designs:
        raise InvalidDesign(
            f"There is no design named {brief(name)}; see design_names().", parameter="name", value=name
        )
    return designs[name]


def space_names() -> tuple[str, ...]:
    """The names that `space` knows."""
    return tuple(_space_builders())


def design_names() -> tuple[str, ...]:
    """The names that `design` knows."""
    return tuple(_designs())


@cache
def _space_builders() -> dict[str, Callable[[], Space]]:
    builders: dict[str, Callable[[], Space]] = {}
    for block in TRUNKS:
        for letter in _letters(block):
            builders[f"AnyNet{block}-{letter}"] = _later(_anynet, block, letter, 4)
    for stages in (3, 5):
        for letter in RULES_BY_LETTER:
            builders[f"AnyNetX-{letter}-{stages}-stages"] = _later(_anynet, "X", letter, stages)
    for name in ("Vanilla", "ResNet", "ResNeXt-A", "ResNeXt-B"):
        builders[name] = _later(_classic, name)
    for block in TRUNKS:
        builders[f"RegNet{block}"] = _later(_regnet, block)
    builders["RegNetX-w_m-2"] = _later(_regnet, "X", w_m=choice([2]))
    builders["RegNetX-w_0-w_a"] = _later(_regnet, "X", tie="w_0_equals_w_a")
    builders["RegNetX-constrained"] = _later(_regnet, "X", params_limit=(3.0, 5.5), acts_limit=6.5)
    builders["RegNetX-in-AnyNetX-D"] = _later(
        _regnet, "X", group_width=power_of_two(low=8, high=32), stage_width_limit=1024, stage_depth_limit=16
    )
    for stages in (3, 5):
        builders[f"RegNetX-{stages}-stages"] = _later(_regnet, "X", stages=(stages, stages))
    builders["RegNetX-paper"] = _paper_regnet
    for name, builder in list(builders.items()):
        if not name.endswith(("-stages", "-paper", "-in-AnyNetX-D")):
            builders[f"{name}-small"] = _later(_small, builder)
    return builders


def _later(build: Callable[P, Space], *args: P.args, **options: P.kwargs) -> Callable[[], Space]:
    return lambda: build(*args, **options)


def _letters(block: str) -> tuple[str, ...]:
    """The letters of the rules that can hold for a block: rules on ratios and groups need a block that has these."""
    return {"R": ("A", "B", "D", "E"), "V": ("A", "D", "E"), "VR": ("A", "D", "E")}.get(
        block, ("A", "B", "C", "D", "E")
    )


def _anynet(block: str, letter: str, stages: int) -> AnyNetSpace:
    rules = RULES_BY_LETTER[letter]
    laws: dict[str, Any] = {}
    if block in ("X", "Y"):
        laws = {"bottleneck_ratios": RATIOS, "group_widths": power_of_two(low=1, high=32)}
    elif block == "R":
        # One group: its width is the inner width.
        laws = {"bottleneck_ratios": RATIOS, "groups": choice([1])}
        rules = tuple(rule for rule in rules if rule != "shared_group_width")
    else:
        rules = tuple(rule for rule in rules if not rule.startswith("shared"))
    return AnyNetSpace(
        stages=stages,
        depths=(uniform(low=1, high=16),),
        widths=(log_uniform(low=8, high=1024, step=8),),
        trunk=TRUNKS[block],
        rules=rules,
        **laws,
    )


def _classic(name: str) -> AnyNetSpace:
    """The families of [NDSVR] table 1: three stages, CIFAR stem, log-spaced depths and widths."""
    # Depths are rounded up; rounded to the nearest, two of the nine would be 1.
    depths = choice([1, 2, 3, 4, 5, 8, 11, 17, 24])
    widths = choice([16, 21, 26, 34, 44, 56, 73, 93, 120, 155, 199, 256])
    laws: dict[str, Any] = {}
    block = "vanilla" if name == "Vanilla" else "residual_basic"
    if name.startswith("ResNeXt"):
        block, depths = "residual_bottleneck", choice([1, 2, 4, 8, 16])
        widths = choice([16, 32, 64, 128, 256] if name == "ResNeXt-A" else [64, 128, 256, 512, 1024])
        groups = [1, 2, 4] if name == "ResNeXt-A" else [1, 2, 4, 8, 16]
        laws = {"bottleneck_ratios": RATIOS, "groups": choice(groups)}
    return AnyNetSpace(
        stages=3,
        trunk=Trunk(stem="cifar", stem_width=16, block=block),
        depths=(depths,),
        widths=(widths,),
        stage_strides=(1, 2, 2),
        **laws,
    )


def _regnet(block: str, w_m: Law | None = None, **options: Any) -> RegNetSpace:
    """The ranges that the authors' code draws RegNets from; four stages unless said otherwise."""
    laws: dict[str, Any] = {"group_width": power_of_two_or_log_uniform(low=8, high=128, step=8)}
    if block == "R":
        # Wider than any width that RegNet's parameters give here, so that group compatibility makes it one group.
        laws = {"group_width": choice([2**20])}
    elif block in ("V", "VR"):
        laws = {}
    return RegNetSpace(
        depth=uniform(low=12, high=28),
        w_0=log_uniform(low=8, high=256, step=8),
        w_a=log_uniform(low=8, high=256, step=0.1),
        w_m=w_m or log_uniform(low=2, high=3, step=0.001),
        trunk=TRUNKS[block],
        **{**laws, **options},
    )


def _paper_regnet() -> RegNetSpace:
    """The ranges of [DNDS] section 3.3, with steps under which the size is near the quoted 3.0e8."""
    return RegNetSpace(
        depth=uniform(low=1, high=63),
        w_0=uniform(low=8, high=248, step=8),
        w_a=uniform(low=1, high=255, step=1),
        w_m=uniform(low=1.5, high=3, step=0.05),
        bottleneck_ratio=RATIOS,
        group_width=power_of_two(low=1, high=32),
    )


def _small(build: Callable[[], Space]) -> Space:
    """The variant for images of about 14 pixels: 3 stages of at most 6 blocks and 256 channels, a narrow stem."""
    full = build()
    trunk = replace(full.trunk, stem="cifar", stem_width=16)
    if isinstance(full, AnyNetSpace):
        return replace(
            full,
            stages=3,
            trunk=trunk,
            depths=(_up_to(full.depths[0], SMALL_DEPTH),),
            widths=(_up_to(full.widths[0], SMALL_WIDTH),),
            bottleneck_ratios=full.bottleneck_ratios[:1],
            group_widths=full.group_widths[:1],
            groups=full.groups[:1],
            stage_strides=(2, 2, 2),
        )
    # Lower slopes, closer multipliers and more groups than at 224 pixels: else only dozens of networks fit a window.
    laws: dict[str, Any] = {}
    if len(full.group_width.values) > 1:
        laws = {"bottleneck_ratio": choice([1, 2]), "group_width": power_of_two(low=1, high=32)}
    return replace(
        full,
        stages=(3, 3),
        trunk=trunk,
        depth=uniform(low=3, high=12),
        w_0=log_uniform(low=8, high=64, step=8),
        w_a=log_uniform(low=4, high=64, step=0.1),
        w_m=full.w_m if len(full.w_m.values) == 1 else log_uniform(low=1.5, high=3, step=0.001),
        stage_width_limit=SMALL_WIDTH,
        stage_depth_limit=SMALL_DEPTH,
        **laws,
    )


def _up_to(law: Law, high: float) -> Law:
    if law.kind == "choice":
        return choice([value for value in law.listed if value <= high])
    return replace(law, high=high)


# name: depth, w_0, w_a, w_m, group_width, as published with [DNDS].
REGNETX = {
    "200MF": (13, 24, 36.44, 2.49, 8),
    "400MF": (22, 24, 24.48, 2.54, 16),
    "600MF": (16, 48, 36.97, 2.24, 24),
    "800MF": (16, 56, 35.73, 2.28, 16),
    "1.6GF": (18, 80, 34.01, 2.25, 24),
    "3.2GF": (25, 88, 26.31, 2.25, 48),
    "4.0GF": (23, 96, 38.65, 2.43, 40),
    "6.4GF": (17, 184, 60.83, 2.07, 56),
    "8.0GF": (23, 80, 49.56, 2.88, 120),
    "12GF": (19, 168, 73.36, 2.37, 112),
    "16GF": (22, 216, 55.59, 2.1, 128),
    "32GF": (23, 320, 69.86, 2.0, 168),
}
REGNETY = {
    "200MF": (13, 24, 36.44, 2.49, 8),
    "400MF": (16, 48, 27.89, 2.09, 8),
    "600MF": (15, 48, 32.54, 2.32, 16),
    "800MF": (14, 56, 38.84, 2.4, 16),
    "1.6GF": (27, 48, 20.71, 2.65, 24),
    "3.2GF": (21, 80, 42.63, 2.66, 24),
    "4.0GF": (22, 96, 31.41, 2.24, 64),
    "6.4GF": (25, 112, 33.22, 2.27, 72),
    "8.0GF": (17, 192, 76.82, 2.19, 56),
    "12GF": (19, 168, 73.36, 2.37, 112),
    "16GF": (18, 200, 106.23, 2.48, 112),
    "32GF": (20, 232, 115.89, 2.53, 232),
}


@cache
def _designs() -> dict[str, Design]:
    designs: dict[str, Design] = {}
    for letter, table in (("X", REGNETX), ("Y", REGNETY)):
        for name, (depth, w_0, w_a, w_m, group_width) in table.items():
            designs[f"RegNet{letter}-{name}"] = RegNetDesign(
                depth=depth, w_0=w_0, w_a=w_a, w_m=w_m, group_width=group_width, trunk=TRUNKS[letter]
            )
    # One group in ResNet-50; 32 groups of 4 to 32 channels in ResNeXt-50-32x4d.
    designs["ResNet-50"] = _resnet_50(bottleneck_ratio=4, groups=1)
    designs["ResNeXt-50-32x4d"] = _resnet_50(bottleneck_ratio=2, groups=32)
    return designs


def _resnet_50(*, bottleneck_ratio: int, groups: int) -> AnyNetDesign:
    widths = (256, 512, 1024, 2048)
    return AnyNetDesign(
        trunk=Trunk(stem="imagenet", stem_width=64),
        stage_depths=(3, 4, 6, 3),
        stage_widths=widths,
        stage_strides=(1, 2, 2, 2),
        bottleneck_ratios=(bottleneck_ratio,) * 4,
        group_widths=tuple(width // bottleneck_ratio // groups for width in widths),
    )
