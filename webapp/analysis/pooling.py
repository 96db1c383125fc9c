"""What the samples of several spaces say together about a proposed child, weighted by the ratio of their laws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.designs import design_from_json
from engine.errors import InvalidPopulation
from engine.statistics import Source, reweight
from engine.statistics.reweight import Reweighted
from webapp.analysis.populations import AnalysedPopulation, EngineSpace, SpacePopulation
from webapp.queries import SAMPLE_ID, acceptances, drawn_designs
from webapp.wording import NBSP, between, fixed, joined

MOST_POOLED = 500  # samples of a space
MOST_WEIGHED = 6_000  # samples times laws; each takes about a quarter of a millisecond


def pooled_sentence(focus: SpacePopulation, populations: Sequence[AnalysedPopulation], child: EngineSpace) -> str:
    """The child's errors as estimated from all populations of the page that speak about it, or why there is none."""
    alike = poolable(focus, populations, child)
    if len(alike) < 2:
        return "No other population of this page has the same parameters, the same regime and all of its samples."
    if focus.kept is not None:
        return "A frozen page keeps the columns of its samples but not their designs, so nothing is reweighted on it."
    most = min(MOST_POOLED, MOST_WEIGHED // (len(alike) * (len(alike) + 1)))
    try:
        reweighted = reweight(_sources(alike, most=most), child)
    except InvalidPopulation as error:
        return f"Nothing is estimated from all populations: {str(error)[0].lower()}{str(error)[1:]}"
    return _estimate_words(reweighted, alike, most)


def poolable(
    focus: SpacePopulation, populations: Sequence[AnalysedPopulation], child: EngineSpace
) -> list[SpacePopulation]:
    """``focus`` first, and the others whose samples can be reweighted to the child; empty where a filter is on."""
    if focus.is_filtered:
        return []
    others = [one for one in populations if isinstance(one, SpacePopulation) and one.token != focus.token]
    return [focus, *(one for one in others if _fits(one, focus, child))]


def _estimate_words(reweighted: Reweighted, alike: Sequence[SpacePopulation], most: int) -> str:
    names = joined([one.name for one in alike])
    first = f" (the first {most:,} of each)" if any(one.n > most for one in alike) else ""
    return (
        f"The samples of {names}{first} together, reweighted to what the child would draw: median error "
        f"{fixed(reweighted.median)}{NBSP}% {between(reweighted.median_interval)}, in brackets 95{NBSP}%; mean "
        f"{fixed(reweighted.mean)}{NBSP}%. "
        f"{reweighted.n:,} of {reweighted.n + reweighted.left_out:,} samples "
        f"lie inside the child; they are worth {fixed(reweighted.effective_n)} of its own. A batch has to confirm it."
    )


def _fits(population: SpacePopulation, focus: SpacePopulation, child: EngineSpace) -> bool:
    """Whether its samples were drawn from laws of the same parameters and trained under the same regime."""
    if population.is_filtered or population.regime != focus.regime:
        return False
    sequences = population.engine_space.sequences.items()
    return {name: len(one.laws) for name, one in sequences} == {
        name: len(one.laws) for name, one in child.sequences.items()
    }


def _sources(populations: Sequence[SpacePopulation], *, most: int) -> list[Source]:
    """The first samples of each in draw order; all were trained under one regime."""
    rows = [one.samples[SAMPLE_ID][:most].astype(int).tolist() for one in populations]
    designs = drawn_designs([pk for ids in rows for pk in ids])
    counted = acceptances(populations[0].regime, [one.space.pk for one in populations])
    sources = []
    for one, ids in zip(populations, rows, strict=True):
        known = counted.get(one.space.pk)
        accepted, drawn = (known.accepted, known.drawn) if known else (0, 0)
        sources.append(
            Source(
                np.asarray(one.errors[: len(ids)]),
                [design_from_json(designs[pk]) for pk in ids],
                one.engine_space,
                accepted=accepted,
                drawn=drawn,
            )
        )
    return sources
