"""The step bar: where a space stands in the method, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from webapp.models import Space
from webapp.queries import MethodFacts
from webapp.wording import NBSP, fixed

WORDS = {1: "Sample and train", 2: "Error EDF", 3: "Parameters and bootstrap", 4: "Refine"}


@dataclass(frozen=True)
class Step:
    number: int
    word: str
    url: str
    note: str
    current: bool
    done: bool


@dataclass(frozen=True)
class StepBar:
    space: Space
    steps: list[Step]


def step_bar(space: Space, facts: MethodFacts, *, current: int | None, may_write: bool) -> StepBar:
    """The four steps for one space: those with something to show are links, those behind us are marked done."""
    urls: dict[int, str] = {}
    notes: dict[int, str] = {}
    if may_write:
        urls[4] = reverse("refine-space", args=[space.pk])
    if facts.latest_batch_id:
        urls[1] = reverse("batch", args=[facts.latest_batch_id])
        ended, pending = facts.ended, facts.pending
        notes[1] = f"{ended} of {ended + pending}" if pending else f"{facts.trained} trained"
    elif may_write:
        urls[1] = f"{reverse('new-batch')}?space={space.pk}"
    if facts.trained:
        urls[2] = analysis_url(space, facts)
        urls[3] = f"{urls[2]}#parameters"
        means = [line.mean_error for line in facts.populations if line.mean_error is not None]
        if len(facts.populations) == 1 and not facts.pending and means:
            notes[2] = f"mean {fixed(means[0])}{NBSP}%"
    reached = 3 if facts.trained else 0
    return StepBar(
        space,
        [
            Step(k, word, urls.get(k, ""), notes.get(k, ""), k == current, done=k <= reached)
            for k, word in WORDS.items()
        ],
    )


def analysis_url(space: Space, facts: MethodFacts) -> str:
    """The analysis of all populations of a space, those with samples."""
    trained = [line for line in facts.populations if line.trained]
    return f"{reverse('analyses')}?{urlencode([('p', f'{space.pk}-{line.regime_id}') for line in trained])}"
