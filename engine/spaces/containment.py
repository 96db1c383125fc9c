"""Whether one space lies inside another: proven, refuted by a design, or neither (docs/method.md, section 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from engine.designs import Design
from engine.designs.complexity import Complexities, count_columns
from engine.designs.stages import Numbers
from engine.errors import EngineError, InvalidSpace
from engine.spaces.answers import Part
from engine.spaces.candidates import Candidates, draw_candidates
from engine.spaces.laws import Law, choice
from engine.spaces.proofs import is_proven, law_parts
from engine.spaces.regnet import REGNET_LAWS, RegNetSpace
from engine.spaces.sequences import Positions
from engine.spaces.space import Space

Proof = Literal["proven", "refuted", "not_proven"]

SEED = 0
IMAGE = {"resolution": 224, "in_channels": 3, "num_classes": 1000}  # for which `contains` asks limits of complexity
CANDIDATES = 8_192  # drawn from each space that is searched
MOST_CHECKED = 24  # of them, beside those with the most extreme stages
MOST_VALUES = 64  # of a law that is searched
LIMITS = ("stage_width_limit", "stage_depth_limit")
# What restricts a RegNet space in a way that its exact size counts.
COUNTED = frozenset({*REGNET_LAWS, *LIMITS, "stages", "w_0_equals_w_a"})


@dataclass(frozen=True)
class ProofPart:
    """One parameter or rule of the parent: whether all designs of the child meet it, and in a sentence why or why not.

    ``witness`` is a design of the child that doesn't, where the answer is "refuted".
    """

    name: str
    answer: Proof
    reason: str
    witness: Design | None = None


@dataclass(frozen=True)
class Containment:
    """Whether every design of the child lies in the parent, with one part for each parameter and rule looked at."""

    parts: tuple[ProofPart, ...]

    @property
    def answer(self) -> Proof:
        return self._decisive.answer if self._decisive else "proven"

    @property
    def reason(self) -> str:
        """Why a design lies outside, or the first reason why there is no proof; empty where it is proven."""
        return self._decisive.reason if self._decisive else ""

    @property
    def witness(self) -> Design | None:
        """A design of the child that the parent does not contain; None unless refuted."""
        return self._decisive.witness if self._decisive else None

    @property
    def _decisive(self) -> ProofPart | None:
        unproven = [part for part in self.parts if part.answer != "proven"]
        return next((part for part in unproven if part.answer == "refuted"), next(iter(unproven), None))


def containment(child: Space, parent: Space) -> Containment:
    """Prove that every design of the child lies in the parent, or refute it by a design that does not.

    Proven is what laws and rules imply, and for two RegNet spaces what their exact sizes show. Otherwise designs are
    drawn from the child, most of them from its corners and with values that the parent's laws lack. The search is
    bounded and its seed fixed: the same spaces have the same answer. Limits of params and acts are asked for images of
    224 pixels and 1000 classes.

    Parameters
    ----------
    child, parent : AnyNetSpace or RegNetSpace

    Returns
    -------
    Containment
        A design that refutes a part has been asked: the child contains it, and the parent does not.
    """
    if isinstance(child, RegNetSpace) and not is_proven(child, parent):
        if not child.size():
            return Containment((ProofPart("size", "proven", "No parameter vector here gives a design."),))
        child = _with_stages_of(child, parent)
    parts = law_parts(child, parent)
    unproven = [part.name for part in parts if not part.holds]
    refuted = _refuted(child, parent, unproven) if unproven else {}
    counted = "" if refuted or not COUNTED.issuperset(unproven) else _counted(child, parent)
    # Where the number of stages stays open, a design may break a part that no proof was tried of.
    parts += [part for name, (part, _) in refuted.items() if name not in {known.name for known in parts}]
    return Containment(tuple(_proof_part(part, refuted.get(part.name), counted) for part in parts))


def _with_stages_of(child: RegNetSpace, parent: Space) -> RegNetSpace:
    """The child given as a space of the parent's number of stages, where all its designs have that."""
    if isinstance(parent, RegNetSpace) or not child.stages[0] <= parent.stages <= child.stages[1]:
        return child
    same = replace(child, stages=(parent.stages, parent.stages))
    return same if same == child or same.size() == child.size() else child


def _proof_part(part: Part, refuted: tuple[Part, Design] | None, counted: str) -> ProofPart:
    if part.holds or counted:
        return ProofPart(part.name, "proven", part.reason if part.holds else counted)
    if refuted is None:
        return ProofPart(part.name, "not_proven", part.reason)
    broken, witness = refuted
    return ProofPart(part.name, "refuted", broken.reason, witness)


def _refuted(child: Space, parent: Space, unproven: Collection[str]) -> dict[str, tuple[Part, Design]]:
    """For each unproven part that a design was found to break, by name: what the parent says of it, and the design."""
    refuted: dict[str, tuple[Part, Design]] = {}
    for design in _searched_designs(child, parent):
        broken = _broken_parts(design, child, parent)
        refuted |= {part.name: (part, design) for part in broken if part.name not in refuted}
        if refuted.keys() >= set(unproven):
            break
    return refuted


def _broken_parts(design: Design, child: Space, parent: Space) -> list[Part]:
    """What the parent demands and a design of the child does not meet; none for a design that can't be counted."""
    try:
        return [part for part in parent.contains(design).parts if not part.holds] if child.contains(design) else []
    except EngineError:
        return []


def _searched_designs(child: Space, parent: Space) -> Iterator[Design]:
    generator = np.random.default_rng(SEED)
    for space in _searched_spaces(child, parent):
        candidates = draw_candidates(space, generator, CANDIDATES)
        costs, countable = count_columns(candidates.columns, **IMAGE)
        candidates.reject(~countable, "uncountable")
        candidates.reject_over_limits(costs)
        for position in _checked_positions(candidates, costs):
            yield candidates.design(position)


def _searched_spaces(child: Space, parent: Space) -> Iterator[Space]:
    """Parts of the child: where the parent's laws lack values, its corners, and all of it."""
    for name, laws in _laws_with_missing_values(child, parent):
        changes: dict[str, Any] = {name: laws}
        try:
            yield _cornered(replace(child, **changes))
        except InvalidSpace:
            continue  # no design has such a value
    yield _cornered(child)
    yield child


def _laws_with_missing_values(child: Space, parent: Space) -> Iterator[tuple[str, Law | tuple[Law, ...]]]:
    """Laws of the child, each with only those of its values that a law of the parent lacks."""
    if isinstance(child, RegNetSpace):
        pairs = {"bottleneck_ratio": "bottleneck_ratios", "group_width": "group_widths"}
        for name in REGNET_LAWS:
            outer = getattr(parent, name if isinstance(parent, RegNetSpace) else pairs.get(name, ""), ())
            for law in dict.fromkeys(outer) if isinstance(outer, tuple) else (outer,):
                if missing := _missing(getattr(child, name).values, law):
                    yield name, missing
        return
    for name, sequence in child.sequences.items():
        laws: tuple[Law, ...] = getattr(child, name)
        outer_sequence = parent.sequences.get(name)
        if outer_sequence is None or len(outer_sequence.laws) != len(laws):
            continue
        for place, (support, law) in enumerate(zip(sequence.supports(), outer_sequence.laws, strict=True)):
            if missing := _missing(support, law):
                yield name, (*laws[:place], missing, *laws[place + 1 :])


def _missing(values: Numbers, law: Law) -> Law | None:
    missing = values[~np.isin(values, law.values)]
    return choice(missing.tolist()) if len(missing) else None


def _cornered(space: Space) -> Space:
    """The space on a few values of each law, where each end is drawn as often as all between them."""
    if isinstance(space, RegNetSpace):
        supports = {name: getattr(space, name).values for name in REGNET_LAWS}
        supports["w_0"], supports["w_a"] = space.sequences["w"].supports()
        laws: dict[str, Any] = {name: _ends(support) for name, support in supports.items()}
        return replace(space, **laws)
    laws = {name: tuple(map(_ends, sequence.supports())) for name, sequence in space.sequences.items()}
    return replace(space, **laws)


def _ends(values: Numbers) -> Law:
    places = np.unique(np.linspace(0, len(values) - 1, MOST_VALUES).round().astype(int))
    between = max(1, len(places) - 2)
    return choice(values[places].tolist(), [between, *[1] * (len(places) - 2), between][: len(places)])


def _checked_positions(candidates: Candidates, costs: Complexities) -> list[int]:
    """Of the valid candidates the first, and the extremes of depth and width in each stage and of complexity."""
    valid = np.flatnonzero(candidates.reasons[candidates.kept] == 0)
    if not len(valid):
        return []
    depths, widths = candidates.columns.depths, candidates.columns.widths
    ordered = [*depths, *np.where(depths > 0, widths, 0), costs.params / costs.flops, costs.acts]
    extremes = [int(end(row[valid])) for row in ordered for end in (np.argmax, np.argmin)]
    rows: Positions = valid[[*extremes, *range(min(MOST_CHECKED, len(valid)))]]
    return [*dict.fromkeys(candidates.kept[rows].tolist())]


def _counted(child: Space, parent: Space) -> str:
    """The sentence that all vectors of a RegNet space were counted inside the parent; empty where they weren't."""
    if not isinstance(child, RegNetSpace) or not isinstance(parent, RegNetSpace):
        return ""
    size, common = child.size(), _common_size(child, parent)
    return f"Counted: all {size:,} parameter vectors here meet it." if common == size else ""


def _common_size(child: RegNetSpace, parent: RegNetSpace) -> int:
    """How many parameter vectors of the child meet the laws, stages, tie and stage limits of the parent."""
    changes: dict[str, Any] = {
        "stages": (max(child.stages[0], parent.stages[0]), min(child.stages[1], parent.stages[1])),
        "tie": child.tie or parent.tie,
    }
    for name in LIMITS:
        given = [limit for limit in (getattr(child, name), getattr(parent, name)) if limit is not None]
        changes[name] = min(given, default=None)
    try:
        for name in REGNET_LAWS:
            values = getattr(child, name).values
            changes[name] = choice(values[np.isin(values, getattr(parent, name).values)].tolist())
        return replace(child, **changes).size()
    except InvalidSpace:
        return 0
