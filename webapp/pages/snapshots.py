"""Populations as a frozen result page keeps them: compressed JSON, from which the same code draws the same page."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from django.db.models import Model

from engine.statistics.population import FloatArray, Population
from webapp.models import ImportedPopulation, Regime, Space, Team
from webapp.pages.analyses import kept_designs
from webapp.pages.findings import Kept, Shown
from webapp.queries import TrainedPopulation

SCHEMA = 1
# What belongs to the row and not to what was measured: whose it is, and how it is filed.
LEFT_OUT = {"team", "created_by", "created_at", "tags", "archived_at"}

Row = TypeVar("Row", Space, Regime, ImportedPopulation)


def pack(populations: Sequence[Shown]) -> bytes:
    content = {"schema": SCHEMA, "populations": [_to_json(shown) for shown in populations]}
    return zlib.compress(json.dumps(content, allow_nan=False).encode(), level=6)


def unpack(snapshot: bytes, team: Team) -> list[Shown]:
    """The populations as they were, of the team that they belong to."""
    content = json.loads(zlib.decompress(snapshot))
    if content["schema"] != SCHEMA:
        raise ValueError(f"schema of a snapshot must be {SCHEMA}, got {content['schema']}.")
    return [_from_json(one, team) for one in content["populations"]]


def _to_json(shown: Shown) -> dict[str, Any]:
    population = shown.trained.population
    return {
        "space": _row_to_json(shown.space),
        "regime": _row_to_json(shown.regime),
        "imported": _row_to_json(shown.imported),
        "name": shown.name,
        "error": shown.error,
        "total": shown.total,
        "ranges": dict(shown.ranges),
        "columns": {name: _array_to_text(population[name]) for name in population.names},
        "failed": population.failed,
        "pending": population.pending,
        "ahead": _array_to_text(shown.trained.ahead),
        "cancelled": shown.trained.cancelled,
        "in_order": None if shown.trained.in_order is None else _array_to_text(shown.trained.in_order),
        "kept": _kept_to_json(kept_designs(shown)),
    }


def _from_json(content: dict[str, Any], team: Team) -> Shown:
    columns = {name: _array_from_text(text) for name, text in content["columns"].items()}
    population = Population.from_columns(columns, failed=content["failed"], pending=content["pending"])
    return Shown(
        _row_from_json(Space, content["space"], team),
        _row_from_json(Regime, content["regime"], team),
        TrainedPopulation(
            population,
            ahead=_array_from_text(content["ahead"]),
            cancelled=content["cancelled"],
            in_order=_array_from_text(text) if (text := content.get("in_order")) is not None else None,
        ),
        name=content["name"],
        imported=_row_from_json(ImportedPopulation, content["imported"], team),
        error=content["error"],
        total=content["total"],
        ranges={column: (low, high) for column, (low, high) in content.get("ranges", {}).items()},
        kept=_kept_from_json(content["kept"]) if "kept" in content else None,
    )


def _kept_to_json(kept: Kept) -> dict[str, Any]:
    return {
        "pictures": [(pk, *picture) for pk, picture in kept.pictures.items()],
        "fits": None if kept.fits is None else _array_to_text(kept.fits),
    }


def _kept_from_json(content: dict[str, Any]) -> Kept:
    """Pages frozen before designs were kept have no such part and look them up: a sample's design never changes."""
    pictures = {pk: (position, widths) for pk, position, widths in content["pictures"]}
    return Kept(pictures, None if content["fits"] is None else _array_from_text(content["fits"]))


def _row_to_json(row: Model | None) -> dict[str, Any] | None:
    if row is None:
        return None
    fields = [field for field in row._meta.concrete_fields if field.name not in LEFT_OUT]
    return {field.attname: getattr(row, field.attname) for field in fields}


def _row_from_json(model: type[Row], content: dict[str, Any] | None, team: Team) -> Row | None:
    """A row as it was, not to be saved; fields that the table no longer has are left out."""
    if content is None:
        return None
    known = {field.attname for field in model._meta.concrete_fields}
    return model(team=team, **{name: value for name, value in content.items() if name in known})


def _array_to_text(values: FloatArray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode()


def _array_from_text(text: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64)
