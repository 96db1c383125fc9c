"""Frozen populations: what comes back of them, also of pages that were frozen by older versions."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.webapp import pages, rows
from webapp.analysis import SpacePopulation
from webapp.analysis.populations import filtered
from webapp.analysis.snapshots import pack, unpack
from webapp.models import FailureKind, SampleBatch
from webapp.queries import load_trained

pytestmark = pytest.mark.django_db


def a_population() -> tuple[SampleBatch, SpacePopulation]:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, FailureKind.DIVERGED, FailureKind.CODE_ERROR, 32.0])
    rows.a_batch(batch.space, batch.regime, batch.created_by, size=1)
    data = load_trained(space=batch.space, regime=batch.regime)
    return batch, SpacePopulation(space=batch.space, regime=batch.regime, data=data, name="R")


def again(population: SpacePopulation, change: Callable[[dict[str, Any]], object] = lambda one: None) -> Any:
    """What comes back of a population, whose content is changed first."""
    content = json.loads(zlib.decompress(pack([population])))
    change(content["populations"][0])
    (unpacked,) = unpack(zlib.compress(json.dumps(content).encode()), population.space.team)
    return unpacked


def test_failures_the_draw_order_and_how_the_plan_was_kept_come_back() -> None:
    _, population = a_population()
    data, frozen = population.data, again(population).data
    assert data.looked_at
    assert (frozen.looked_at, frozen.repeated, frozen.pending) == (True, 0, 1)
    assert (frozen.population.failed, frozen.population.missing) == (1, 1)
    assert frozen.population.failures["flops"].tolist() == data.population.failures["flops"].tolist()
    assert frozen.in_order.tolist() == pytest.approx([30.0, math.inf, math.nan, 32.0], nan_ok=True)
    assert frozen.in_order_ids.tolist() == data.in_order_ids.tolist()


def test_of_pages_frozen_before_failures_were_told_apart_only_the_diverged_ones_are_failed() -> None:
    def as_before(content: dict[str, Any]) -> None:
        for name in ("failures", "missing", "in_order_ids", "repeated", "looked_at"):
            del content[name]
        content["failed"] = 2

    frozen = again(a_population()[1], as_before)
    assert (frozen.failed, frozen.missing) == (1, 1)
    assert not frozen.data.looked_at
    inside = filtered(frozen, (("flops", (0.0, None)),))
    assert (inside.n, inside.failed, inside.data.in_order) == (2, 1, None)


def test_a_filter_keeps_the_failures_and_the_draw_order_inside_it() -> None:
    batch, population = a_population()
    first, failed, _, last = batch.samples.order_by("position")
    low, high = sorted((first.flops / 1e6, failed.flops / 1e6))
    inside = filtered(population, (("flops", (low, high)),))
    expected = [30.0, math.inf, 32.0] if low <= last.flops / 1e6 <= high else [30.0, math.inf]
    assert inside.data.in_order is not None
    assert inside.data.in_order.tolist() == expected
    assert inside.failed == 1
    assert inside.missing == 1
    none = filtered(population, (("flops", (1e9, None)),))
    assert (none.n, none.failed) == (0, 0)
