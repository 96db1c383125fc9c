"""Drawing a batch of designs from a space within a window of complexity (docs/method.md, section 5)."""

from __future__ import annotations

import math
import time
from array import array
from dataclasses import dataclass, field, fields
from itertools import count

import numpy as np

from engine.checks import JsonObject, positive_number, whole_number
from engine.designs import Design
from engine.designs.complexity import Complexities, Ints, check_image, count_columns
from engine.designs.windows import BEYOND, COMPLEXITIES, Window
from engine.errors import EngineError, SamplingExhausted
from engine.spaces.candidates import CODES, REASONS, Candidates, draw_candidates
from engine.spaces.sequences import Positions
from engine.spaces.space import Space

CHUNK = 16_384
LARGEST_DRAW = 100_000
MAX_CANDIDATES = 10_000_000
MAX_SECONDS = 60.0
ENOUGH_ACCEPTED = 2_000
MOST_COUNTED = 1_000_000
MAX_COUNTING_SECONDS = 10.0
COUNTING = 1  # in the seeds of candidates that are only counted
# The 97.5 percentile of the normal law.
Z_95 = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Designs drawn from a space, and what the drawing took.

    Attributes
    ----------
    designs : list of AnyNetDesign or RegNetDesign
        As drawn, before group compatibility; no two build the same network.
    flops, params, acts : ndarray of int64, shape (n,)
        Their complexities.
    tried : int
        Candidates looked at, up to the last design found.
    acceptance : float
        Share of the candidates that met every condition, those of repeated networks included.
    acceptance_interval : tuple of float
        Its 95 % Wilson interval.
    rejected : dict of str to int
        Candidates rejected, by the first reason; the keys are those of `engine.spaces.candidates.REASONS`.
    estimated_size : float
        Estimate of how many parameter vectors of the space meet every condition: the mean over the candidates of
        1 / probability where one does, 0 elsewhere. For uniform laws the acceptance times the number of vectors.
    estimated_size_error : float
        Its standard error.
    """

    designs: list[Design]
    flops: Ints
    params: Ints
    acts: Ints
    tried: int
    acceptance: float
    acceptance_interval: tuple[float, float]
    rejected: dict[str, int]
    estimated_size: float
    estimated_size_error: float

    def report(self) -> JsonObject:
        """The statistics of the draw as JSON-able values."""
        left_out = ("designs", *COMPLEXITIES)
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in left_out}
        return {"found": len(self.designs), **values, "acceptance_interval": list(self.acceptance_interval)}


@dataclass(frozen=True)
class Counted:
    """How many of so many candidates lay inside the window and met every condition, whether repeated or not."""

    accepted: int
    drawn: int

    def report(self) -> JsonObject:
        """As it stands in the report of a batch."""
        return {"accepted": self.accepted, "drawn": self.drawn}


def count_accepted(
    space: Space,
    *,
    seed: int,
    window: Window | None = None,
    resolution: int,
    in_channels: int = 3,
    num_classes: int = 1000,
    enough: int = ENOUGH_ACCEPTED,
    most: int = MOST_COUNTED,
    max_seconds: float = MAX_COUNTING_SECONDS,
) -> Counted:
    """Count candidates of their own, none of them kept, until ``enough`` are accepted, ``most`` drawn or time is over.

    It ends at an accepted one, so that (accepted - 1) / (drawn - 1) estimates the acceptance without bias. Other
    arguments as in `draw_designs`, whose candidates are others of the same law.
    """
    enough = whole_number(enough, parameter="enough", error=EngineError)
    most = whole_number(most, parameter="most", error=EngineError)
    deadline = time.monotonic() + positive_number(max_seconds, parameter="max_seconds", error=EngineError)
    image = check_image(resolution=resolution, in_channels=in_channels, num_classes=num_classes)
    search = _Search(size=1, window=window or Window(), image=image)
    accepted = drawn = 0
    for number in count():
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, COUNTING)))
        candidates = draw_candidates(space, generator, CHUNK)
        search.judge(candidates)
        places = np.flatnonzero(candidates.reasons[: most - drawn] == 0)[: enough - accepted]
        accepted += len(places)
        if accepted >= enough:
            return Counted(accepted, drawn + int(places[-1]) + 1)
        drawn += min(CHUNK, most - drawn)
        if drawn >= most or time.monotonic() > deadline:
            return Counted(accepted, drawn)
    raise AssertionError("the loop above has no end of its own")


def draw_designs(
    space: Space,
    *,
    size: int,
    seed: int,
    window: Window | None = None,
    resolution: int,
    in_channels: int = 3,
    num_classes: int = 1000,
    max_candidates: int = MAX_CANDIDATES,
    max_seconds: float = MAX_SECONDS,
) -> Draw:
    """Draw different networks from a space's law, given the window.

    Orders between stages are drawn exactly; everything else is met by rejection, in chunks with seeds of their own.
    So the same arguments give the same list, and the first n designs do not depend on how many are asked for.

    Parameters
    ----------
    space : AnyNetSpace or RegNetSpace
        What to draw from.
    size : int
        How many designs, 1 to 100,000.
    seed : int
        At least 0.
    window : Window, optional
        Limits of their complexity.
    resolution, in_channels, num_classes : int
        What the complexity is counted for, as in `engine.designs.complexity.complexities`.
    max_candidates : int
        Candidates to look at before giving up.
    max_seconds : float
        Seconds after which to give up.

    Returns
    -------
    Draw

    Raises
    ------
    SamplingExhausted
        When the space holds, or the search found, too few; it says what rejected most and what was nearest.
    EngineError
        Naming the parameter and the value, where an argument makes no sense.
    """
    size = whole_number(size, parameter="size", error=EngineError, high=LARGEST_DRAW)
    seed = whole_number(seed, parameter="seed", error=EngineError, low=0, high=2**63 - 1)
    limit = whole_number(max_candidates, parameter="max_candidates", error=EngineError)
    deadline = time.monotonic() + positive_number(max_seconds, parameter="max_seconds", error=EngineError)
    image = check_image(resolution=resolution, in_channels=in_channels, num_classes=num_classes)
    _refuse_too_small(space, size)
    search = _Search(size=size, window=window or Window(), image=image)
    for number in count():
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        search.add(draw_candidates(space, generator, CHUNK), most=limit - search.tried)
        if search.is_complete:
            return search.result()
        if search.tried >= limit or time.monotonic() > deadline:
            raise search.exhausted()
    raise AssertionError("the loop above has no end of its own")


@dataclass
class _Search:
    """What a draw has found so far."""

    size: int
    window: Window
    image: dict[str, int]
    designs: list[Design] = field(default_factory=list)
    costs: array[int] = field(default_factory=lambda: array("q"))
    networks: set[bytes] = field(default_factory=set)
    tried: int = 0
    counts: Ints = field(default_factory=lambda: np.zeros(len(REASONS), dtype=np.int64))
    # Sums over the accepted candidates of 1 / probability and of its square.
    weights: tuple[float, float] = (0.0, 0.0)
    # The largest complexity seen below the window and the smallest above it.
    nearest: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return len(self.designs) == self.size

    def add(self, candidates: Candidates, *, most: int) -> None:
        """Look at the first ``most`` candidates, or fewer where that completes the draw."""
        costs = self.judge(candidates)
        end = min(most, len(candidates.reasons))
        accepted = np.flatnonzero(candidates.reasons[candidates.kept] == 0)
        for row in accepted:
            position = int(candidates.kept[row])
            if position >= end:
                break
            self._take(candidates, costs, int(row), position)
            if self.is_complete:
                end = position + 1
        self._count(candidates, candidates.kept[accepted], end)

    def judge(self, candidates: Candidates) -> Complexities:
        """Reject those that can't be counted, are over the space's limits or outside the window."""
        costs, fits = count_columns(candidates.columns, **self.image)
        candidates.reject(~fits, "uncountable")
        candidates.reject_over_limits(costs)
        self._reject_outside(candidates, costs)
        return costs

    def result(self) -> Draw:
        costs = np.array(self.costs).reshape(-1, 3)
        accepted = int(self.counts[0] + self.counts[CODES["repeated"]])
        mean = self.weights[0] / self.tried
        variance = max(self.weights[1] / self.tried - mean**2, 0.0)
        return Draw(
            designs=self.designs,
            flops=costs[:, 0],
            params=costs[:, 1],
            acts=costs[:, 2],
            tried=self.tried,
            acceptance=accepted / self.tried,
            acceptance_interval=wilson_interval(accepted, self.tried),
            rejected=self._rejected(),
            estimated_size=mean,
            estimated_size_error=math.sqrt(variance / self.tried),
        )

    def exhausted(self) -> SamplingExhausted:
        """Why the search ended without enough designs."""
        sentences = [f"Only {len(self.designs):,} of {self.size:,} designs were found among {self.tried:,} candidates."]
        rejected = self._rejected()
        if rejected:
            reason = max(rejected, key=lambda name: rejected[name])
            share = 100 * rejected[reason] / self.tried
            sentences.append(f"{share:.3g} % were rejected because {REASONS[reason]}.")
        for name, (below, above) in self.nearest.items():
            near = [f"{below:,} below"] * (below > 0) + [f"{above:,} above"] * (above < BEYOND)
            if near:
                sentences.append(f"The nearest {name} outside the window were {' and '.join(near)} it.")
        return SamplingExhausted(" ".join(sentences), parameter="size", value=self.size)

    def _reject_outside(self, candidates: Candidates, costs: Complexities) -> None:
        for name, low, high in self.window.limits():
            values: Ints = getattr(costs, name)
            below, above = self.nearest.get(name, (0, BEYOND))
            countable = candidates.reasons[candidates.kept] != CODES["uncountable"]
            if low is not None:
                outside = values < low
                below = max(below, int(values[outside & countable].max(initial=0)))
                candidates.reject(outside, f"{name}_below")
            if high is not None:
                outside = values > high
                above = min(above, int(values[outside & countable].min(initial=BEYOND)))
                candidates.reject(outside, f"{name}_above")
            self.nearest[name] = (below, above)

    def _take(self, candidates: Candidates, costs: Complexities, row: int, position: int) -> None:
        network = candidates.network(row)
        if network in self.networks:
            candidates.reasons[position] = CODES["repeated"]
            return
        self.networks.add(network)
        self.designs.append(candidates.design(position))
        self.costs.extend((int(costs.flops[row]), int(costs.params[row]), int(costs.acts[row])))

    def _count(self, candidates: Candidates, accepted: Positions, end: int) -> None:
        self.tried += end
        self.counts += np.bincount(candidates.reasons[:end], minlength=len(REASONS))
        inverse = np.exp(-candidates.log_probabilities(accepted[accepted < end]))
        self.weights = (self.weights[0] + float(inverse.sum()), self.weights[1] + float((inverse**2).sum()))

    def _rejected(self) -> dict[str, int]:
        return {name: int(number) for name, number in zip(REASONS, self.counts, strict=True) if name and number}


def wilson_interval(accepted: int, tried: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    share, spread = accepted / tried, Z_95**2 / tried
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * math.sqrt(share * (1 - share) / tried + spread / (4 * tried))
    return max(0.0, middle - half), min(1.0, middle + half)


def _refuse_too_small(space: Space, size: int) -> None:
    # To count the valid RegNets of a large space takes longer than to draw some.
    held = math.prod(sequence.count() for sequence in space.sequences.values())
    if held <= LARGEST_DRAW:
        held = space.size()
    if held < size:
        raise SamplingExhausted(
            f"size asks for {size:,} designs, but the space holds {held:,} parameter vectors.",
            parameter="size",
            value=size,
        )
