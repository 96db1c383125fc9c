"""Entries of the sweep files that pycls collects, as designs and results in this engine's words.

An entry is ``{"cfg": ..., "complexity": ..., "test_epoch": ...}``. Beware of one difference: their ``BOT_MUL`` is the
*multiplier* of the inner width, the inverse of ``bottleneck_ratio``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.checks import finite_number, positive_number, sequence
from engine.designs.anynet import AnyNetDesign
from engine.designs.design import Design
from engine.designs.regnet import RegNetDesign
from engine.designs.trunk import Trunk
from engine.errors import InvalidDesign, InvalidPopulation

STEMS = {
    "res_stem_cifar": "cifar",
    "simple_stem_in": "simple",
    "simple_stem": "simple",
    "res_stem_in": "imagenet",
}
BLOCKS = {
    "vanilla_block": "vanilla",
    "res_basic_block": "residual_basic",
    "res_bottleneck_block": "residual_bottleneck",
    "res_bottleneck_linear_block": "residual_bottleneck_linear",
}


@dataclass(frozen=True)
class SweepEntry:
    """One trained network of a sweep.

    Attributes
    ----------
    design : AnyNetDesign or RegNetDesign
    flops, params, acts : float
        Counts, as the file states them.
    error, best_error : float
        Top-1 error in percent of the last epoch (of the best one where the file has no other) and of the best epoch.
    learning_rate, weight_decay : float or None
        Of the recipe, where the file names them.
    """

    design: Design
    flops: float
    params: float
    acts: float
    error: float
    best_error: float
    learning_rate: float | None
    weight_decay: float | None

    def parameters(self) -> dict[str, float]:
        """The design's parameters under the names that spaces give their columns."""
        design = self.design
        if isinstance(design, RegNetDesign):
            names = ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width")
            return {name: float(getattr(design, name)) for name in names}
        columns: dict[str, float] = {}
        for letter, values in (
            ("d", design.stage_depths),
            ("w", design.stage_widths),
            ("b", design.bottleneck_ratios),
            ("g", design.group_widths),
        ):
            columns |= {f"{letter}_{stage}": float(value) for stage, value in enumerate(values, start=1)}
        return columns


def is_sweep_entry(entry: object) -> bool:
    """Whether a JSON value looks like an entry of a sweep file."""
    return isinstance(entry, Mapping) and "cfg" in entry and ("complexity" in entry or "test_epoch" in entry)


def read_sweep_entry(entry: Mapping[str, object]) -> SweepEntry:
    """The design and the result of one entry.

    Raises
    ------
    InvalidPopulation
        Where a key is missing or a number is none; the message names the key, such as ``test_epoch.min_top1_err``.
    InvalidDesign
        Where the configuration describes no network that this engine knows.
    """
    epochs = _mapping(entry, "test_epoch")
    best = min(_percentages(epochs, "min_top1_err"))
    error = _percentages(epochs, "top1_err")[-1] if "top1_err" in epochs else best
    counts = {name: _number(_mapping(entry, "complexity"), "complexity", name) for name in ("flops", "params", "acts")}
    cfg = _mapping(entry, "cfg")
    recipe = cfg.get("OPTIM")
    return SweepEntry(
        design=design_from_pycls(cfg),
        error=error,
        best_error=best,
        learning_rate=_optional(recipe, "BASE_LR"),
        weight_decay=_optional(recipe, "WEIGHT_DECAY"),
        **counts,
    )


def design_from_pycls(cfg: Mapping[str, object]) -> Design:
    """The design that a pycls configuration describes; errors as in `read_sweep_entry`."""
    kind = _value(_mapping(cfg, "MODEL", "cfg."), "cfg.MODEL", "TYPE")
    if kind == "regnet":
        return _regnet(_mapping(cfg, "REGNET", "cfg."))
    if kind == "anynet":
        return _anynet(_mapping(cfg, "ANYNET", "cfg."))
    raise InvalidDesign(
        f"cfg.MODEL.TYPE must be anynet or regnet, got {str(kind)[:40]}.", parameter="cfg.MODEL.TYPE", value=kind
    )


def _regnet(part: Mapping[str, object]) -> RegNetDesign:
    where = "cfg.REGNET"
    unchecked: dict[str, Any] = {
        "depth": _value(part, where, "DEPTH"),
        "w_0": _value(part, where, "W0"),
        "w_a": _value(part, where, "WA"),
        "w_m": _value(part, where, "WM"),
        "bottleneck_ratio": _inverse(part.get("BOT_MUL", 1.0), f"{where}.BOT_MUL"),
        "group_width": _value(part, where, "GROUP_W"),
        "stage_stride": part.get("STRIDE", 2),
        "trunk": _trunk(part, where),
    }
    return RegNetDesign(**unchecked)


def _anynet(part: Mapping[str, object]) -> AnyNetDesign:
    where = "cfg.ANYNET"
    depths = _value(part, where, "DEPTHS")
    multipliers = sequence(part.get("BOT_MULS") or (), parameter=f"{where}.BOT_MULS", error=InvalidDesign)
    unchecked: dict[str, Any] = {
        "stage_depths": depths,
        "stage_widths": _value(part, where, "WIDTHS"),
        "stage_strides": _value(part, where, "STRIDES"),
        "bottleneck_ratios": tuple(_inverse(value, f"{where}.BOT_MULS") for value in multipliers),
        "group_widths": part.get("GROUP_WS") or (),
        "trunk": _trunk(part, where),
    }
    return AnyNetDesign(**unchecked)


def _trunk(part: Mapping[str, object], where: str) -> Trunk:
    """Stem, block, squeeze-and-excitation and head; what a RegNet leaves out is its default."""
    unchecked: dict[str, Any] = {
        "stem": _known(STEMS, part.get("STEM_TYPE", "simple_stem_in"), f"{where}.STEM_TYPE"),
        "stem_width": part.get("STEM_W", 32),
        "block": _known(BLOCKS, part.get("BLOCK_TYPE", "res_bottleneck_block"), f"{where}.BLOCK_TYPE"),
        "se_ratio": part.get("SE_R", 0.25) if part.get("SE_ON") else 0.0,
        "head_width": part.get("HEAD_W") or 0,
    }
    return Trunk(**unchecked)


def _known(words: Mapping[str, str], word: object, where: str) -> str:
    if not isinstance(word, str) or word not in words:
        raise InvalidDesign(
            f"{where} must be one of {', '.join(words)}, got {str(word)[:40]}.", parameter=where, value=word
        )
    return words[word]


def _inverse(multiplier: object, where: str) -> float:
    return 1 / positive_number(multiplier, parameter=where, error=InvalidDesign)


def _mapping(parent: Mapping[str, object], key: str, where: str = "") -> Mapping[str, object]:
    value = parent.get(key)
    if not isinstance(value, Mapping):
        raise InvalidPopulation(f"The entry has no {where}{key}.", parameter=f"{where}{key}")
    return value


def _value(part: Mapping[str, object], where: str, key: str) -> object:
    if part.get(key) is None:
        raise InvalidPopulation(f"The entry has no {where}.{key}.", parameter=f"{where}.{key}")
    return part[key]


def _number(part: Mapping[str, object], where: str, key: str) -> float:
    return finite_number(_value(part, where, key), parameter=f"{where}.{key}", error=InvalidPopulation)


def _optional(part: object, key: str) -> float | None:
    value = part.get(key) if isinstance(part, Mapping) else None
    return finite_number(value, parameter=f"cfg.OPTIM.{key}", error=InvalidPopulation) if value else None


def _percentages(epochs: Mapping[str, object], key: str) -> list[float]:
    """One error an epoch; a single number counts as one epoch."""
    found = _value(epochs, "test_epoch", key)
    values = found if isinstance(found, list) else [found]
    if not values:
        raise InvalidPopulation(f"test_epoch.{key} is empty.", parameter=f"test_epoch.{key}")
    return [finite_number(value, parameter=f"test_epoch.{key}", error=InvalidPopulation) for value in values]
