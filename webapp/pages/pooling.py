"""What the samples of several spaces say together about a proposed child, weighted by the ratio of their laws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.designs import design_from_json
from engine.errors import InvalidPopulation
from engine.spaces import AnyNetSpace, RegNetSpace, space_from_json
from engine.statistics import Source, reweight
from engine.statistics.reweight import Reweighted
from webapp.models import Regime
from webapp.pages.findings import Shown
from webapp.queries import SAMPLE_ID, acceptances, drawn_designs
from webapp.wording import NBSP, between, fixed, joined

MOST_POOLED = 500  # samples of a space
MOST_WEIGHED = 6_000  # samples times laws; each takes about a quarter of a millisecond


def pooled_sentence(focus: Shown, populations: Sequence[Shown], child: AnyNetSpace | RegNetSpace) -> str:
    """The child's errors as estimated from all populations of the page that speak about it, or why there is none."""
    alike = poolable(focus, populations, child)
    if len(alike) < 2 or focus.regime is None:
        return "No other population of this page has the same parameters, the same regime and all of its samples."
    if focus.kept is not None:
        return "A frozen page keeps the columns of its samples but not their designs, so nothing is reweighted on it."
    most = min(MOST_POOLED, MOST_WEIGHED // (len(alike) * (len(alike) + 1)))
    try:
        found = reweight(_sources(alike, focus.regime, most=most), child)
    except InvalidPopulation as error:
        return f"Nothing is estimated from all populations: {str(error)[0].lower()}{str(error)[1:]}"
    return _estimate_words(found, alike, most)


def poolable(focus: Shown, populations: Sequence[Shown], child: AnyNetSpace | RegNetSpace) -> list[Shown]:
    """``focus`` first, and the others whose samples can be reweighted to the child; empty where a filter is on."""
    if focus.total is not None:
        return []
    return [focus, *(shown for shown in populations if shown is not focus and _fits(shown, focus, child))]


def _estimate_words(found: Reweighted, alike: Sequence[Shown], most: int) -> str:
    names = joined([shown.name for shown in alike])
    first = f" (the first {most:,} of each)" if any(shown.n > most for shown in alike) else ""
    return (
        f"The samples of {names}{first} together, reweighted to what the child would draw: mean error "
        f"{fixed(found.mean)}{NBSP}% {between(found.mean_interval)}, median {fixed(found.median)}{NBSP}% "
        f"{between(found.median_interval)}, in brackets 95{NBSP}%. {found.n:,} of {found.n + found.left_out:,} samples "
        f"lie inside the child; they are worth {fixed(found.effective_n)} of its own. A batch has to confirm it."
    )


def _fits(shown: Shown, focus: Shown, child: AnyNetSpace | RegNetSpace) -> bool:
    """Whether its samples were drawn from laws of the same parameters and trained under the same regime."""
    if shown.space is None or shown.total is not None or shown.regime != focus.regime:
        return False
    space = space_from_json(shown.space.definition)
    return {name: len(one.laws) for name, one in space.sequences.items()} == {
        name: len(one.laws) for name, one in child.sequences.items()
    }


def _sources(populations: Sequence[Shown], regime: Regime, *, most: int) -> list[Source]:
    """The first samples of each in draw order."""
    spaces = [shown.space for shown in populations if shown.space]
    rows = [shown.trained.population[SAMPLE_ID][:most].astype(int).tolist() for shown in populations]
    designs = drawn_designs([pk for ids in rows for pk in ids])
    accepted = acceptances(regime, [space.pk for space in spaces])
    return [
        Source(
            np.asarray(shown.errors[: len(ids)]),
            [design_from_json(designs[pk]) for pk in ids],
            space_from_json(space.definition),
            accepted.get(space.pk, 1.0),
        )
        for shown, space, ids in zip(populations, spaces, rows, strict=True)
    ]
