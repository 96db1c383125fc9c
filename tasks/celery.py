"""The Celery application: it carries work to the machines; the truth about the work is in PostgreSQL."""

from __future__ import annotations

import os
import warnings

from celery import Celery
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402  (settings need Django to be set up)

DEFAULT_QUEUE, TRAINING_QUEUE = "default", "training"

# As root nothing is at risk: messages are JSON and name no code.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = Celery("netspace", broker=settings.REDIS_URL, include=["tasks.mails", "tasks.sampling", "tasks.training"])
app.conf.update(
    task_queues=[Queue(DEFAULT_QUEUE), Queue(TRAINING_QUEUE)],
    task_default_queue=DEFAULT_QUEUE,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # A message that comes again after this time is a spare permit and does nothing.
    broker_transport_options={"visibility_timeout": 3600, "socket_connect_timeout": 5, "socket_keepalive": True},
)
