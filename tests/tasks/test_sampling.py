"""How draws end that find no designs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.spaces.sampling import Window
from engine.training.regimes import Regime as EngineRegime
from tasks.sampling import draw_all_requested
from tests.tasks.studies import Study
from webapp.models import BatchState, DrawCause, Regime, SampleBatch

pytestmark = pytest.mark.django_db


def test_a_window_without_designs_exhausts_the_draw() -> None:
    batch = Study().queue("narrow", drawn=False)
    regime = replace(EngineRegime.from_json(batch.regime.definition), window=Window(flops=(1, 2)))
    Regime.objects.update(definition=regime.to_json())
    assert draw_all_requested() == 1
    batch.refresh_from_db()
    assert (batch.state, batch.cause) == (BatchState.EXHAUSTED, DrawCause.EXHAUSTED)
    assert "flops" in batch.message


def test_what_the_engine_refuses_to_draw_is_invalid() -> None:
    batch = Study().queue("too many", drawn=False)
    SampleBatch.objects.update(size=100_001)
    assert draw_all_requested() == 1
    batch.refresh_from_db()
    assert (batch.state, batch.cause) == (BatchState.FAILED, DrawCause.INVALID)
    assert "size" in batch.message
