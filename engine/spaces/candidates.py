"""Candidates: designs drawn from the laws of a space as columns, with what the space itself rejects already marked.

No Python object is made for a candidate before it is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.designs import AnyNetDesign, Design, RegNetDesign
from engine.designs.complexity import Complexities, DesignColumns, adjusted_columns
from engine.designs.stages import Numbers, generate_stages
from engine.spaces.anynet import AnyNetSpace
from engine.spaces.regnet import RegNetSpace
from engine.spaces.sequences import Positions
from engine.spaces.space import Space

# Why a candidate can be rejected: a key of the draw's report, and words. A candidate counts for its first reason.
REASONS = {
    "": "",
    "stages": "the number of stages lay outside the space's range",
    "merged_stages": "two stages had one width, or a stage no block",
    "stage_width_limit": "a stage was wider than the space's limit",
    "stage_depth_limit": "a stage had more blocks than the space's limit",
    "group_compatibility": "no whole width fitted the bottleneck ratio and the groups",
    "order_after_adjustment": "the widths decreased once adjusted for group compatibility",
    "params_limit": "params exceeded the space's limit for their flops",
    "acts_limit": "acts exceeded the space's limit for their flops",
    "uncountable": "a count was beyond 64 bits",
    "flops_below": "flops lay below the window",
    "flops_above": "flops lay above the window",
    "params_below": "params lay below the window",
    "params_above": "params lay above the window",
    "acts_below": "acts lay below the window",
    "acts_above": "acts lay above the window",
    "repeated": "the network had been drawn before",
}
CODES = {reason: code for code, reason in enumerate(REASONS)}


@dataclass
class Candidates:
    """Candidates as drawn, and the adjusted columns of those not rejected so far.

    Attributes
    ----------
    space : AnyNetSpace or RegNetSpace
    drawn : dict of ndarray of shape (k, n)
        The values of each entry of ``space.sequences``.
    reasons : ndarray of int, shape (n,)
        A code of `CODES`; 0 for those not rejected.
    kept : ndarray of shape (m,)
        Positions of those not rejected by the space's own rules.
    columns : DesignColumns
        Those m designs, adjusted.
    """

    space: Space
    drawn: dict[str, Numbers]
    reasons: NDArray[np.int8]
    kept: Positions
    columns: DesignColumns

    def reject(self, rejected: NDArray[np.bool_], reason: str) -> None:
        """Mark the rejected among those kept, unless they have a reason already."""
        marked = self.kept[rejected]
        self.reasons[marked[self.reasons[marked] == 0]] = CODES[reason]

    def reject_over_limits(self, counts: Complexities) -> None:
        """Reject candidates over the space's limits of params and acts."""
        if isinstance(self.space, RegNetSpace):
            for name, values, most in self.space.complexity_limits(counts.flops, counts.params, counts.acts):
                self.reject(values >= most, name)

    def network(self, row: int) -> bytes:
        """A name of the network in one of the rows kept, the same for the same network of this space."""
        columns = self.columns
        stages = (columns.depths, columns.widths, columns.inner_widths, columns.group_widths)
        exists = columns.depths[:, row] > 0
        return b"".join(np.where(exists, values[:, row], 0).tobytes() for values in stages)

    def design(self, position: int) -> Design:
        """The design of one candidate, as drawn."""
        values = {name: column[:, position].tolist() for name, column in self.drawn.items()}
        if isinstance(self.space, AnyNetSpace):
            return _anynet_design(self.space, values)
        return _regnet_design(self.space, values)

    def log_probabilities(self, positions: Positions) -> NDArray[np.float64]:
        """Natural logarithms of the probabilities with which the laws gave these candidates."""
        logs = np.zeros(len(positions))
        for name, sequence in self.space.sequences.items():
            logs += sequence.log_probabilities(self.drawn[name][:, positions])
        return logs


def draw_candidates(space: Space, generator: np.random.Generator, size: int) -> Candidates:
    """``size`` candidates that meet the space's rules of order and sharing; those that break others are marked."""
    drawn = {name: sequence.draw(generator, size) for name, sequence in space.sequences.items()}
    candidates = (
        _anynet_candidates(space, drawn) if isinstance(space, AnyNetSpace) else _regnet_candidates(space, drawn)
    )
    candidates.reject(~_squeezable(candidates.columns), "group_compatibility")
    return candidates


def _anynet_candidates(space: AnyNetSpace, drawn: dict[str, Numbers]) -> Candidates:
    columns, mended = adjusted_columns(
        trunk=space.trunk,
        stage_strides=space.stage_strides,
        depths=drawn["depths"].astype(np.int64, copy=False),
        widths=drawn["widths"].astype(np.int64, copy=False),
        bottleneck_ratios=drawn["bottleneck_ratios"],
        divisors=drawn[space.group_parameter].astype(np.int64, copy=False),
        by_number=bool(space.groups),
    )
    size = len(columns)
    candidates = Candidates(space, drawn, np.zeros(size, dtype=np.int8), np.arange(size), columns)
    candidates.reject(~mended, "group_compatibility")
    if "widths_non_decreasing" in space.rules:
        candidates.reject(_any_stage(np.diff(columns.widths, axis=0) < 0), "order_after_adjustment")
    return candidates


def _regnet_candidates(space: RegNetSpace, drawn: dict[str, Numbers]) -> Candidates:
    low, high = space.stages
    generated = generate_stages(
        depth=drawn["depth"][0],
        w_0=drawn["w"][0].astype(np.float64),
        w_a=drawn["w"][1].astype(np.float64),
        w_m=drawn["w_m"][0].astype(np.float64),
        levels=high,
    )
    reasons = np.zeros(len(generated.stages), dtype=np.int8)
    reasons[generated.merged] = CODES["merged_stages"]
    reasons[generated.too_many | (generated.stages < low)] = CODES["stages"]
    kept = np.flatnonzero(reasons == 0)
    depths, widths = generated.depths[:, kept], generated.widths[:, kept]
    columns, mended = adjusted_columns(
        trunk=space.trunk,
        stage_strides=(space.stage_stride,) * high,
        depths=depths,
        widths=widths,
        bottleneck_ratios=drawn["bottleneck_ratio"][0][kept],
        divisors=drawn["group_width"][0][kept],
    )
    candidates = Candidates(space, drawn, reasons, kept, columns)
    if space.stage_width_limit is not None:
        candidates.reject(_any_stage((depths > 0) & (widths > space.stage_width_limit)), "stage_width_limit")
    if space.stage_depth_limit is not None:
        candidates.reject(_any_stage(depths > space.stage_depth_limit), "stage_depth_limit")
    candidates.reject(~mended, "group_compatibility")
    return candidates


def _any_stage(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(marked.any(axis=0))


def _squeezable(columns: DesignColumns) -> NDArray[np.bool_]:
    """Whether squeeze-and-excitation, where there is any, has a channel left in every block."""
    trunk = columns.trunk
    if trunk.se_ratio == 0:
        return np.ones(len(columns), dtype=bool)
    narrowest = np.where(columns.depths > 0, columns.widths, trunk.stem_width).min(axis=0)
    narrowest = np.minimum(narrowest, trunk.stem_width)
    return np.asarray(np.rint(narrowest * trunk.se_ratio) >= 1)


def _anynet_design(space: AnyNetSpace, values: Mapping[str, list[float]]) -> AnyNetDesign:
    stages: dict[str, Any] = {
        "stage_depths": tuple(values["depths"]),
        "stage_widths": tuple(values["widths"]),
        "bottleneck_ratios": tuple(values["bottleneck_ratios"]),
        space.group_parameter: tuple(values[space.group_parameter]),
    }
    return AnyNetDesign(trunk=space.trunk, stage_strides=space.stage_strides, **stages)


def _regnet_design(space: RegNetSpace, values: Mapping[str, list[float]]) -> RegNetDesign:
    drawn: dict[str, Any] = {name: value[0] for name, value in values.items() if name != "w"}
    drawn["w_0"], drawn["w_a"] = values["w"]
    return RegNetDesign(trunk=space.trunk, stage_stride=space.stage_stride, **drawn)
