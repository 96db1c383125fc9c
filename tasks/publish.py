"""Wake-up messages. Each is a permit to claim one piece of work and names none, so spare or lost ones do no harm."""

from __future__ import annotations

import logging

from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from tasks.celery import DEFAULT_QUEUE, TRAINING_QUEUE, app

logger = logging.getLogger(__name__)

# More waiting permits than this serve nobody: the pump tops the queue up as they are used.
MOST_PERMITS = 1000


def publish_draw() -> bool:
    """Wake a process that draws batches."""
    return _publish("tasks.sampling.draw_next", DEFAULT_QUEUE, 1)


def publish_permits(count: int) -> bool:
    """Publish ``count`` permits to train, at most MOST_PERMITS. False when the broker is away: workers poll as well."""
    return _publish("tasks.training.train_next", TRAINING_QUEUE, min(count, MOST_PERMITS))


def _publish(task: str, queue: str, count: int) -> bool:
    try:
        with app.producer_or_acquire() as producer:
            for _ in range(count):
                app.send_task(task, queue=queue, producer=producer, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("No message sent, Redis is away (%s); workers will find the work by polling.", error)
        return False
    return True


def top_up_permits(claimable: int) -> int:
    """Publish as many permits as are missing for ``claimable`` runs; returns how many were published."""
    try:
        with Redis.from_url(app.conf.broker_url, socket_connect_timeout=2, socket_timeout=2) as client:
            waiting = int(client.llen(TRAINING_QUEUE))
    except (RedisError, OSError):
        return 0
    missing = max(0, min(claimable, MOST_PERMITS) - waiting)
    return missing if missing and publish_permits(missing) else 0
