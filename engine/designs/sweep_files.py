"""Entries of the sweep files that pycls collects, as designs and results in this engine's words.

An entry is ``{"cfg": ..., "complexity": ..., "test_epoch": ...}``. Beware of one difference: their ``BOT_MUL`` is the
*multiplier* of the inner width, the inverse of ``bottleneck_ratio``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.checks import positive_number, sequence
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


# The errors of an entry: where their epochs stand, and whether the lowest is taken or the last.
ERRORS = {
    "lowest_error": ("test_epoch", True),
    "lowest_ema_error": ("test_ema_epoch", True),
    "final_error": ("test_epoch", False),
    "final_ema_error": ("test_ema_epoch", False),
}
REGNET_NAMES = ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width")


def design_parameters(design: Design) -> dict[str, float]:
    """The design's parameters under the names that spaces give their columns."""
    if isinstance(design, RegNetDesign):
        return {name: float(getattr(design, name)) for name in REGNET_NAMES}
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
    """Whether a JSON value looks like an entry of a sweep file, even of a job that died before its first epoch."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("cfg"), Mapping):
        return False
    return "MODEL" in entry["cfg"] or "complexity" in entry or "test_epoch" in entry


def errors_of_sweep_entry(entry: Mapping[str, object]) -> dict[str, float | None]:
    """Errors in percent and epochs of one entry, None where its job died before.

    ``error`` is the one that the authors' analysis takes: the lowest of the averaged weights where they were tested,
    else the lowest of the weights. ``epoch_reached`` and ``epochs_planned`` tell a job that was stopped early.
    """
    values = {name: _error(entry, part, lowest=lowest) for name, (part, lowest) in ERRORS.items()}
    averaged = values["lowest_ema_error"]
    epochs = entry.get("test_epoch")
    reached, planned = _epochs(epochs if isinstance(epochs, Mapping) else {})
    cfg = entry.get("cfg")
    optim = cfg.get("OPTIM") if isinstance(cfg, Mapping) else None
    if planned is None and isinstance(optim, Mapping) and isinstance(optim.get("MAX_EPOCH"), (int, float)):
        planned = float(optim["MAX_EPOCH"])
    error = values["lowest_error"] if averaged is None else averaged
    return {"error": error, **values, "epoch_reached": reached, "epochs_planned": planned}


def _error(entry: Mapping[str, object], part: str, *, lowest: bool) -> float | None:
    epochs = entry.get(part)
    if not isinstance(epochs, Mapping):
        return None
    keys = ("min_top1_err", "top1_err") if lowest else ("top1_err", "min_top1_err")
    errors = next((values for key in keys if (values := _numbers(epochs.get(key)))), [])
    if not errors:
        return None
    return min(errors) if lowest else errors[-1]


def _epochs(epochs: Mapping[str, object]) -> tuple[float | None, float | None]:
    """The last epoch with a result, and how many were planned."""
    last = [_numbers(epochs.get(key))[-1:] for key in ("epoch_ind", "epoch_max")]
    reached, planned = (values[0] if values else None for values in last)
    return reached, planned


def _numbers(values: object) -> list[float]:
    """The finite numbers of a list, one an epoch; a single number counts as one epoch."""
    listed = values if isinstance(values, list) else [values]
    numbers = [value for value in listed if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return [float(value) for value in numbers if math.isfinite(value)]


def design_from_pycls(cfg: Mapping[str, object]) -> Design:
    """The design that a pycls configuration describes.

    Raises
    ------
    InvalidPopulation
        Where a key is missing; the message names it, such as ``cfg.REGNET.DEPTH``.
    InvalidDesign
        Where the configuration describes no network that this engine knows.
    """
    kind = _value(_mapping(cfg, "MODEL", "cfg."), "cfg.MODEL", "TYPE")
    if kind == "regnet":
        return _regnet(_mapping(cfg, "REGNET", "cfg."))
    if kind == "anynet":
        return _anynet(_mapping(cfg, "ANYNET", "cfg."))
    raise InvalidDesign(
        f"cfg.MODEL.TYPE must be anynet or regnet, got {str(kind)[:40]}.", parameter="cfg.MODEL.TYPE", value=kind
    )


def regnet_beside(cfg: Mapping[str, object], design: Design) -> RegNetDesign | None:
    """The RegNet whose parameters stand beside an AnyNet and give this very one, as the setup tool leaves it."""
    part = cfg.get("REGNET")
    if isinstance(design, RegNetDesign) or not isinstance(part, Mapping):
        return None
    try:
        regnet = replace(_regnet(part), trunk=design.trunk)
        same = regnet.to_anynet() == design.to_anynet()
    except (InvalidDesign, InvalidPopulation):
        return None
    return regnet if same else None


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
