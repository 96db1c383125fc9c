"""A space in words: its laws and rules, and what it changed from its parent. A design in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.designs import Design, RegNetDesign
from engine.spaces import RULES, AnyNetSpace, RegNetSpace
from engine.spaces.laws import Law
from webapp.wording import compact, counted, plain

RULE_WORDS = {rule: words for rule, (_, _, words) in RULES.items()}


@dataclass(frozen=True)
class LawParameter:
    """A parameter that has a law: the engine's name, the word, the symbol."""

    name: str
    word: str
    symbol: str


ANYNET_LAWS = (
    LawParameter("depths", "Depth", "d_i"),
    LawParameter("widths", "Width", "w_i"),
    LawParameter("bottleneck_ratios", "Bottleneck ratio", "b_i"),
    LawParameter("group_widths", "Group width", "g_i"),
    LawParameter("groups", "Number of groups", "groups_i"),
)
REGNET_LAWS = (
    LawParameter("depth", "Depth", "depth"),
    LawParameter("w_0", "Initial width", "w_0"),
    LawParameter("w_a", "Slope", "w_a"),
    LawParameter("w_m", "Width multiplier", "w_m"),
    LawParameter("bottleneck_ratio", "Bottleneck ratio", "b"),
    LawParameter("group_width", "Group width", "g"),
)


SHORT = {"bottleneck_ratio": "b", "group_width": "g"}


@dataclass(frozen=True)
class LawLine:
    word: str
    symbol: str
    law: str
    values: int


@dataclass(frozen=True)
class Description:
    trunk: list[tuple[str, str]]
    laws: list[LawLine]
    rules: list[str]


def describe(space: AnyNetSpace | RegNetSpace) -> Description:
    """Everything that fixes the space, in the words of its form."""
    trunk = [
        ("stem", f"{space.trunk.stem} {space.trunk.stem_width}"),
        ("block", space.trunk.block),
        ("se_ratio", compact(space.trunk.se_ratio)),
        ("head_width", compact(space.trunk.head_width)),
    ]
    if isinstance(space, RegNetSpace):
        return Description(trunk, _regnet_laws(space), _regnet_rules(space))
    trunk += [("stages", str(space.stages)), ("stage_strides", " ".join(map(str, space.stage_strides)))]
    return Description(trunk, _anynet_laws(space), [RULE_WORDS[rule] for rule in space.rules])


def _anynet_laws(space: AnyNetSpace) -> list[LawLine]:
    lines = []
    for parameter in ANYNET_LAWS:
        laws: tuple[Law, ...] = getattr(space, parameter.name)
        if laws and all(law == laws[0] for law in laws):
            lines.append(_law_line(parameter, laws[0]))
        else:
            lines += [_law_line(parameter, law, stage=k) for k, law in enumerate(laws, start=1)]
    return lines


def _regnet_laws(space: RegNetSpace) -> list[LawLine]:
    return [_law_line(parameter, getattr(space, parameter.name)) for parameter in REGNET_LAWS]


def _law_line(parameter: LawParameter, law: Law, *, stage: int | None = None) -> LawLine:
    word, symbol = parameter.word, parameter.symbol
    if stage is not None:
        word, symbol = f"{word}, stage {stage}", symbol.replace("i", str(stage))
    return LawLine(word, symbol, law.describe(), len(law.values))


def _regnet_rules(space: RegNetSpace) -> list[str]:
    low, high = space.stages
    rules = [counted(low, "stage") if low == high else f"{low} to {high} stages", f"stage stride {space.stage_stride}"]
    if space.tie:
        rules.append("w_0 equals w_a")
    if space.stage_width_limit is not None:
        rules.append(f"no stage wider than {space.stage_width_limit:,}")
    if space.stage_depth_limit is not None:
        rules.append(f"no stage of more than {counted(space.stage_depth_limit, 'block')}")
    if space.params_limit is not None:
        base, slope = space.params_limit
        rules.append(f"params below {compact(base)} + {compact(slope)} F million, F the flops in G")
    if space.acts_limit is not None:
        rules.append(f"acts below {compact(space.acts_limit)} √F million, F the flops in G")
    return rules


def difference(child: AnyNetSpace | RegNetSpace, parent: AnyNetSpace | RegNetSpace) -> list[str]:
    """What the child changed, one sentence a change; empty where nothing did."""
    new, old = describe(child), describe(parent)
    before = {line.word: line for line in old.laws}
    changes = [f"+ {rule}" for rule in new.rules if rule not in old.rules]
    changes += [f"\N{MINUS SIGN} {rule}" for rule in old.rules if rule not in new.rules]
    for line in new.laws:
        known = before.get(line.word)
        if known is None or known.law != line.law:
            was = f"; was {known.law}" if known else ""
            changes.append(f"{line.word} {line.symbol}: {line.law}{was}")
    trunk = dict(old.trunk)
    return changes + [
        f"{name}: {value}; was {trunk.get(name, 'not given')}" for name, value in new.trunk if trunk.get(name) != value
    ]


def design_words(design: Design) -> str:
    """The parameters of a design as drawn, and the stages that a RegNet design generates."""
    if isinstance(design, RegNetDesign):
        names = ("depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width")
        given = ", ".join(f"{SHORT.get(name, name)} {plain(getattr(design, name))}" for name in names)
        stages = design.as_generated()
        return f"{given}: stages of d {_listed(stages.stage_depths)}, w {_listed(stages.stage_widths)}"
    columns = {"d": design.stage_depths, "w": design.stage_widths, "b": design.bottleneck_ratios}
    columns |= {"groups": design.groups} if design.groups else {"g": design.group_widths}
    return ", ".join(f"{letter} {_listed(values)}" for letter, values in columns.items())


def _listed(values: Sequence[float]) -> str:
    return " ".join(map(plain, values))
