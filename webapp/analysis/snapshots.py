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
from webapp.analysis.populations import (
    AnalysedPopulation,
    FilePopulation,
    KeptDesigns,
    Picture,
    SpacePopulation,
    keep_designs,
)
from webapp.models import ImportedPopulation, Regime, Space, Team
from webapp.queries import TrainedPopulation

SCHEMA = 1
# What belongs to the row and not to what was measured: whose it is, and how it is filed.
LEFT_OUT = {"team", "created_by", "created_at", "tags", "archived_at"}

Json = dict[str, Any]
Row = TypeVar("Row", Space, Regime, ImportedPopulation)


def pack(populations: Sequence[AnalysedPopulation]) -> bytes:
    content = {"schema": SCHEMA, "populations": [_to_json(population) for population in populations]}
    return zlib.compress(json.dumps(content, allow_nan=False).encode(), level=6)


def unpack(snapshot: bytes, team: Team) -> list[AnalysedPopulation]:
    """The populations as they were, of the team that they belong to."""
    content = json.loads(zlib.decompress(snapshot))
    if content["schema"] != SCHEMA:
        raise ValueError(f"schema of a snapshot must be {SCHEMA}, got {content['schema']}.")
    return [_from_json(one, team) for one in content["populations"]]


def _to_json(population: AnalysedPopulation) -> Json:
    samples, data = population.samples, population.data
    return {
        "space": _row_to_json(population.space),
        "regime": _row_to_json(population.regime),
        "imported": _row_to_json(population.imported if isinstance(population, FilePopulation) else None),
        "name": population.name,
        "error": population.error,
        "total": population.total,
        "ranges": dict(population.ranges),
        "columns": {name: _array_to_text(samples[name]) for name in samples.names},
        "failed": samples.failed,
        "failures": {name: _array_to_text(column) for name, column in samples.failures.items()},
        "missing": samples.missing,
        "pending": samples.pending,
        "ahead": _array_to_text(data.ahead),
        "cancelled": data.cancelled,
        "in_order": None if data.in_order is None else _array_to_text(data.in_order),
        "in_order_ids": None if data.in_order_ids is None else _array_to_text(data.in_order_ids),
        "repeated": data.repeated,
        "looked_at": data.looked_at,
        "kept": _kept_to_json(keep_designs(population)),
    }


def _from_json(content: Json, team: Team) -> AnalysedPopulation:
    shared: Json = {
        "data": _data_from_json(content),
        "name": content["name"],
        "error": content["error"],
        "total": content["total"],
        "ranges": tuple((column, (low, high)) for column, (low, high) in content.get("ranges", {}).items()),
        "kept": _kept_from_json(content["kept"]) if "kept" in content else None,
    }
    if content["imported"]:
        return FilePopulation(imported=_row_from_json(ImportedPopulation, content["imported"], team), **shared)
    space, regime = _row_from_json(Space, content["space"], team), _row_from_json(Regime, content["regime"], team)
    return SpacePopulation(space=space, regime=regime, **shared)


def _data_from_json(content: Json) -> TrainedPopulation:
    arrays = {name: content.get(name) for name in ("ahead", "in_order", "in_order_ids")}
    ahead, in_order, ids = (None if text is None else _array_from_text(text) for text in arrays.values())
    failed, missing = content["failed"], content.get("missing")
    if missing is None:
        # Frozen before failures were told apart: only those that diverged are known to be their network's own doing.
        diverged = 0 if in_order is None else min(failed, int(np.isinf(in_order).sum()))
        failed, missing = diverged, failed - diverged
    population = Population.from_columns(
        {name: _array_from_text(text) for name, text in content["columns"].items()},
        failed=failed,
        pending=content["pending"],
        missing=missing,
        failures={name: _array_from_text(text) for name, text in content.get("failures", {}).items()},
    )
    return TrainedPopulation(
        population,
        ahead=np.array([]) if ahead is None else ahead,
        cancelled=content["cancelled"],
        in_order=in_order,
        in_order_ids=ids,
        repeated=content.get("repeated", 0),
        looked_at=content.get("looked_at", False),
    )


def _kept_to_json(kept: KeptDesigns) -> Json:
    return {
        "pictures": [
            (pk, picture.position, list(picture.widths), picture.name) for pk, picture in kept.pictures.items()
        ],
        "fits": None if kept.fits is None else _array_to_text(kept.fits),
    }


def _kept_from_json(content: Json) -> KeptDesigns:
    """Pages frozen before designs were kept have no such part and look them up: a sample's design never changes."""
    pictures = {pk: Picture(*picture) for pk, *picture in content["pictures"]}
    return KeptDesigns(pictures, None if content["fits"] is None else _array_from_text(content["fits"]))


def _row_to_json(row: Model | None) -> Json | None:
    if row is None:
        return None
    fields = [field for field in row._meta.concrete_fields if field.name not in LEFT_OUT]
    return {field.attname: getattr(row, field.attname) for field in fields}


def _row_from_json(model: type[Row], content: Json, team: Team) -> Row:
    """A row as it was, not to be saved; fields that the table no longer has are left out."""
    known = {field.attname for field in model._meta.concrete_fields}
    return model(team=team, **{name: value for name, value in content.items() if name in known})


def _array_to_text(values: FloatArray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode()


def _array_from_text(text: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64)
