"""Proofs that one space lies inside another, part by part, from laws and rules alone (docs/method.md, section 4).

A part that does not hold is not proven; whether some design contradicts it is for `engine.spaces.containment` to find.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.designs.stages import WIDTH_QUANTUM, Numbers
from engine.spaces.answers import NOT_BY_STAGES, Part, equal_part, range_words, trunk_parts, value_words
from engine.spaces.anynet import LETTERS, AnyNetSpace
from engine.spaces.base import BaseSpace
from engine.spaces.checks import RULES
from engine.spaces.laws import Law
from engine.spaces.regnet import REGNET_LAWS, RegNetSpace


def is_proven(child: BaseSpace, parent: BaseSpace) -> bool:
    """Whether laws and rules alone prove that every design of the child lies in the parent."""
    return all(part.holds for part in law_parts(child, parent))


def law_parts(child: BaseSpace, parent: BaseSpace) -> list[Part]:
    """One part for each parameter and rule of the parent: whether it is proven, and in a sentence why or why not.

    The names are those of the parts of ``parent.contains(design)``.
    """
    parts = [*trunk_parts(child.trunk, parent.trunk)]
    match parent, child:
        case RegNetSpace(), RegNetSpace():
            return [*parts, *_regnet_in_regnet(child, parent)]
        case RegNetSpace(), _:
            return [NOT_BY_STAGES]
        case AnyNetSpace(), RegNetSpace():
            parts.append(_stages_part(*child.stages, parent.stages))
            return [*parts, *_regnet_in_anynet(child, parent)] if parts[-1].holds else parts
        case AnyNetSpace(), AnyNetSpace():
            parts.append(_stages_part(child.stages, child.stages, parent.stages))
            return [*parts, *_anynet_in_anynet(child, parent)] if parts[-1].holds else parts
    raise TypeError(f"No proof is known for a {type(child).__name__} in a {type(parent).__name__}.")


def _stages_part(low: int, high: int, stages: int) -> Part:
    return Part("stages", low == high == stages, f"{range_words(low, high)} stages, {stages} in the parent.")


def _anynet_in_anynet(child: AnyNetSpace, parent: AnyNetSpace) -> Iterator[Part]:
    yield equal_part("stage_strides", child.stage_strides, parent.stage_strides)
    for name, outer in parent.sequences.items():
        inner = child.sequences.get(name)
        if inner is None:
            yield from _groups_parts(name, parent.stages)
            continue
        for number, (support, law) in enumerate(zip(inner.supports(), outer.laws, strict=True), start=1):
            yield _support_part(f"{LETTERS[name]}_{number}", support, law)
    for rule in parent.rules:
        name, relation, words = RULES[rule]
        inner = child.sequences.get(name)
        yield _rule_part(rule, inner is not None and inner.implies(relation), words)


def _regnet_in_anynet(child: RegNetSpace, parent: AnyNetSpace) -> Iterator[Part]:
    stages = parent.stages
    yield equal_part("stage_strides", (child.stage_stride,) * stages, parent.stage_strides)
    deepest = int(child.depth.values[-1]) - (stages - 1)
    most_blocks = min(deepest, child.stage_depth_limit or deepest)
    for number, law in enumerate(parent.depths, start=1):
        yield _range_part(f"d_{number}", 1, most_blocks, 1, law)
    narrowest = int(child.sequences["w"].supports()[0][0])
    for number, law in enumerate(parent.widths, start=1):
        high = child.widest_stage(number, stages)
        yield _range_part(f"w_{number}", narrowest + WIDTH_QUANTUM * (number - 1), high, WIDTH_QUANTUM, law)
    for number, law in enumerate(parent.bottleneck_ratios, start=1):
        yield _support_part(f"b_{number}", child.bottleneck_ratio.values, law)
    if parent.groups:
        yield from _groups_parts("groups", stages)
    for number, law in enumerate(parent.group_widths, start=1):
        yield _support_part(f"g_{number}", child.group_width.values, law)
    for rule in parent.rules:
        holds = rule != "depths_non_decreasing" or stages == 1
        yield _rule_part(rule, holds, RULES[rule][2])


def _regnet_in_regnet(child: RegNetSpace, parent: RegNetSpace) -> Iterator[Part]:
    yield equal_part("stage_stride", child.stage_stride, parent.stage_stride)
    initial, slope = child.sequences["w"].supports()
    supports = {"w_0": initial, "w_a": slope}
    for name in REGNET_LAWS:
        yield _support_part(name, supports.get(name, getattr(child, name).values), getattr(parent, name))
    low, high = child.stages
    inside = parent.stages[0] <= low and high <= parent.stages[1]
    yield Part("stages", inside, f"{range_words(low, high)} stages, {range_words(*parent.stages)} in the parent.")
    if parent.tie:
        holds = child.sequences["w"].implies("equal")
        yield _rule_part(parent.tie, holds, "equal w_0 and w_a")
    deepest = int(child.depth.values[-1]) - (low - 1)
    for name, bound in (("stage_width_limit", child.widest_stage(high, high)), ("stage_depth_limit", deepest)):
        allowed, own = getattr(parent, name), getattr(child, name)
        if allowed is not None:
            yield _limit_part(name, min(bound, own or bound), allowed)
    for name in ("params_limit", "acts_limit"):
        allowed, own = getattr(parent, name), getattr(child, name)
        if allowed is not None:
            holds = own is not None and bool(np.all(np.asarray(own) <= np.asarray(allowed)))
            yield Part(name, holds, f"{name} is {value_words(allowed)} in the parent, {value_words(own)} here.")


def _support_part(name: str, support: Numbers, law: Law) -> Part:
    """Whether the law of the parent gives all values that the child's law gives."""
    value = _missing_value(support, law)
    if value is None:
        return Part(name, True, f"{name} stays within its law in the parent: {law.describe()}.")
    return Part(name, False, f"The law here gives {name} = {value:g}, the parent's law does not: {law.describe()}.")


def _range_part(name: str, low: int, high: int, step: int, law: Law) -> Part:
    """Whether the law of the parent gives every multiple of the step within bounds that need not be attained."""
    value = high if high > law.values[-1] else _missing_value(np.arange(low, high + 1, step), law)
    if value is None:
        return Part(name, True, f"{name} stays within its law in the parent: {law.describe()}.")
    sentence = f"The ranges alone do not exclude {name} = {value:g}, which the parent's law does not give"
    return Part(name, False, f"{sentence}: {law.describe()}.")


def _missing_value(support: Numbers, law: Law) -> float | None:
    """A value that the law does not give, the largest where it lies above the law's."""
    missing = support[~np.isin(support, law.values)]
    if not len(missing):
        return None
    return float(missing[-1] if missing[-1] > law.values[-1] else missing[0])


def _limit_part(name: str, bound: int, allowed: int) -> Part:
    """Whether a limit of the stages follows from a bound that need not be attained."""
    unit = "channels" if name == "stage_width_limit" else "blocks"
    if bound <= allowed:
        return Part(name, True, f"No stage has more than {bound:,} {unit}; the parent allows {allowed:,}.")
    sentence = f"The ranges alone do not exclude a stage of {bound:,} {unit}"
    return Part(name, False, f"{sentence}; the parent allows {allowed:,}.")


def _rule_part(rule: str, holds: bool, words: str) -> Part:
    """Whether laws and rules of the child imply a rule of the parent."""
    return Part(rule, holds, f"{words.capitalize()}: {'always so' if holds else 'not proven from the laws here'}.")


def _groups_parts(name: str, stages: int) -> Iterator[Part]:
    given = "by their number here, by width" if name == "group_widths" else "by their width here, by number"
    for number in range(1, stages + 1):
        yield Part(f"{LETTERS[name]}_{number}", False, f"The groups are given {given} in the parent.")
