"""Drawing a batch: claim, draw, store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from celery import signals
from django.conf import settings
from django.db import close_old_connections, connection

from engine.errors import EngineError, SamplingExhausted
from engine.spaces.sampling import count_accepted, draw_designs
from tasks.celery import app
from tasks.processes import DATABASE_AWAY, HOUSEKEEPING, end_with_supervisor, has_role, poll, start_thread
from tasks.publish import publish_permits
from webapp import services
from webapp.models import DrawCause
from webapp.services import DrawClaim

logger = logging.getLogger(__name__)
_stopping = threading.Event()


@app.task(name="tasks.sampling.draw_next")
def draw_next() -> None:
    draw_all_requested()


def draw_all_requested() -> int:
    """Draw every batch that waits for it; returns how many were drawn. Called by message and by polling alike."""
    drawn = 0
    while (claim := services.claim_draw()) is not None:
        _draw(claim)
        drawn += 1
    return drawn


@contextmanager
def _lease_kept(claim: DrawClaim) -> Iterator[None]:
    """Renew the draw's lease beside it. A draw is bounded in time, so it can't hang for ever."""
    ended = threading.Event()

    def renew() -> None:
        held = True
        while held and not ended.wait(settings.HEARTBEAT_SECONDS):
            try:
                close_old_connections()
                held = services.renew_draw(claim)
            except DATABASE_AWAY:
                connection.close()
        connection.close()

    start_thread(renew, name="heartbeat of a draw")
    try:
        yield
    finally:
        ended.set()


def _draw(claim: DrawClaim) -> None:
    try:
        with _lease_kept(claim):
            images = claim.regime.resolution, claim.regime.in_channels, claim.regime.num_classes
            asked = dict(zip(("resolution", "in_channels", "num_classes"), images, strict=True))
            draw = draw_designs(claim.space, size=claim.size, seed=claim.seed, window=claim.regime.window, **asked)
            counted = count_accepted(claim.space, seed=claim.seed, window=claim.regime.window, **asked)
    except SamplingExhausted as error:
        services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message=str(error))
        return
    except EngineError as error:
        services.fail_draw(claim=claim, cause=DrawCause.INVALID, message=str(error))
        return
    except Exception as error:
        logger.exception("The draw of batch %s failed by an error of the code.", claim.batch_id)
        message = f"{type(error).__name__}: {error}"
        services.fail_draw(claim=claim, cause=DrawCause.CODE_ERROR, message=message)
        return
    publish_permits(services.store_samples(claim=claim, draw=draw, counted=counted))


# Not worker_ready, which waits for the broker: draws are found without one.
@signals.celeryd_after_setup.connect
def _on_start(**_: object) -> None:
    if has_role(HOUSEKEEPING):
        end_with_supervisor()
        start_thread(lambda: poll(lambda: draw_all_requested() > 0, _stopping), name="poll")


@signals.worker_shutting_down.connect
def _on_shutting_down(**_: object) -> None:
    _stopping.set()
