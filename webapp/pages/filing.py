"""What the page of a row says about its filing, and what the page before its deletion says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from webapp import queries, services
from webapp.models import ImportedPopulation, Regime, ResultPage, SampleBatch, Space
from webapp.models.filing import Filed
from webapp.services import Obstacle
from webapp.wording import counted, duration

OBSTACLES_SHOWN = 20


@dataclass(frozen=True)
class Place:
    """Where a kind of row is found: the names of the addresses of its page and its list, and the words for it."""

    page: str
    list: str
    word: str
    plural: str = ""  # where it is more than the word with an s


PLACES: dict[type[Filed], Place] = {
    Space: Place("space", "spaces", "space"),
    Regime: Place("regime", "regimes", "regime"),
    SampleBatch: Place("batch", "batches", "batch", "batches"),
    ResultPage: Place("result", "results", "result page"),
    ImportedPopulation: Place("imported", "imports", "imported population"),
}


@dataclass(frozen=True)
class ObstacleShown:
    """One reason why a row cannot be deleted: up to twenty rows with their addresses, and how many more there are."""

    word: str
    lines: list[tuple[str, str]]
    more: int


@dataclass(frozen=True)
class Deletion:
    """What a deletion would take, and what stands in its way."""

    goes: list[str]
    stays: str
    obstacles: list[ObstacleShown]


def address_of(row: Filed) -> str:
    return reverse(PLACES[type(row)].page, args=[row.pk])


def name_of(row: Filed) -> str:
    return f"batch {row.pk} of {row.space.name}" if isinstance(row, SampleBatch) else str(row)


def deletion(row: Filed) -> Deletion:
    obstacles = [_obstacle_shown(one) for one in services.obstacles(row)]
    if isinstance(row, SampleBatch):
        return Deletion(_parts_of_batch(row), "The space, the regime and their other batches stay.", obstacles)
    if isinstance(row, ResultPage):
        return Deletion(_parts_of_page(row), "The spaces, batches and samples that it shows stay.", obstacles)
    if isinstance(row, ImportedPopulation):
        goes = [f"its {counted(row.n, 'row')}, for the whole team; the file you uploaded is not kept here"]
        return Deletion(goes, "Frozen result pages that show it keep their own copy.", obstacles)
    if isinstance(row, Space):
        goes = ["its definition and its insight"]
        return Deletion(goes, f"{row.parent} stays." if row.parent else "", obstacles)
    return Deletion(["its definition"], "", obstacles)


def _parts_of_batch(batch: SampleBatch) -> list[str]:
    parts = queries.batch_contents(batch)
    if not parts.samples:
        return ["its request: nothing has been drawn"]
    spent = f", {duration(parts.seconds)} of training" if parts.seconds else ""
    return [
        f"its {counted(parts.samples, 'design')}",
        f"its {counted(parts.runs, 'run')}, {parts.done:,} with a result{spent}",
        f"the {counted(parts.epochs, 'epoch')} of their learning curves",
        f"its part in the population of {batch.space} under {batch.regime}, whose numbers change",
    ]


def _parts_of_page(page: ResultPage) -> list[str]:
    links = len(queries.working_links(page))
    parts = [
        "its notes" if page.notes else "",
        "the data it was frozen with" if page.frozen_at else "",
        f"{counted(links, 'link')} that people outside may have" if links else "",
    ]
    return ["its title and the choice of populations", *(part for part in parts if part)]


def _obstacle_shown(obstacle: Obstacle) -> ObstacleShown:
    rows: list[Any] = list(obstacle.rows[:OBSTACLES_SHOWN])
    count = obstacle.rows.count() if len(rows) == OBSTACLES_SHOWN else len(rows)
    place = PLACES[type(rows[0])] if rows else PLACES[ResultPage]
    return ObstacleShown(
        f"{counted(count, place.word, place.plural)} {obstacle.word}",
        [(address_of(row), name_of(row)) for row in rows],
        count - len(rows),
    )
