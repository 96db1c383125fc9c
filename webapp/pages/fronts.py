"""Error against cost: the designs that no other of a population beats in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.statistics import error_cost_front
from engine.statistics.fronts import Front
from webapp.pages.figures import Table, text_columns
from webapp.pages.findings import Shown
from webapp.plots import DrawnFront
from webapp.queries import SAMPLE_ID
from webapp.wording import NBSP, compact, counted, fixed, significant

MOST_LISTED = 50  # designs of one front in the table


def front_of(shown: Shown, cost: str) -> Front:
    return error_cost_front(shown.errors, shown.trained.population[cost])


def drawn_front(shown: Shown, front: Front, *, labelled: bool) -> DrawnFront:
    """The front of a complexity, in millions."""
    ids = shown.trained.population[SAMPLE_ID][front.rows].astype(int)
    labels = [f"sample {pk}: error {fixed(error)} %" for pk, error in zip(ids, front.errors, strict=True)]
    return DrawnFront(front.costs / 1e6, front.errors, labels if labelled else ())


def front_sentence(front: Front, cost: str) -> str:
    """What the steps in a scatter say."""
    designs = counted(len(front.rows), "design")
    first, last = (f"{fixed(front.errors[k])}{NBSP}% at {significant(front.costs[k] / 1e6)} M" for k in (0, -1))
    reach = f"from {first} to {last}" if front.costs[0] < front.costs[-1] else f"at {first}"
    return f"Steps: the front, {designs} of {front.n:,} that no other beats in error and {cost}, {reach}."


def front_table(shown: Shown, parameters: Sequence[str]) -> Table | None:
    """The designs on the front of every complexity, by rising cost; None where no complexity is known."""
    population = shown.trained.population
    rows, links = [], []
    for cost in shown.costs:
        front = front_of(shown, cost)
        listed = np.unique(np.linspace(0, len(front.rows) - 1, min(len(front.rows), MOST_LISTED)).astype(int))
        for row in front.rows[listed]:
            sample = int(population[SAMPLE_ID][row])
            links.append(shown.sample_url(sample))
            rows.append(
                [
                    str(sample),
                    f"{cost}: {significant(population[cost][row] / 1e6)}",
                    fixed(population.errors[row]),
                    *(compact(population[name][row]) for name in parameters),
                ]
            )
    columns = text_columns("Sample id", "On the front of (M)", "Error (%)", *parameters, text=2)
    return Table("Fronts of error against cost", columns, rows, links) if rows else None


def left_unlisted(shown: Shown) -> str:
    """How much of a front the table leaves out; mostly nothing."""
    long = [(cost, n) for cost in shown.costs if (n := len(front_of(shown, cost).rows)) > MOST_LISTED]
    said = [f"{MOST_LISTED} of {n:,} on the front of {cost}, evenly spaced" for cost, n in long]
    return f"Listed: {'; '.join(said)}." if said else ""
