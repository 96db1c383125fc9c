"""What the processes that a supervisor starts have in common: they poll, and they end when it is gone."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

logger = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError)
ROLE = "NETSPACE_ROLE"  # set by the supervisor: SLOT or HOUSEKEEPING; unset in any other process
SLOT, HOUSEKEEPING = "slot", "housekeeping"


def has_role(role: str) -> bool:
    return os.environ.get(ROLE) == role


def start_thread(work: Callable[[], None], *, name: str) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()


def poll(work: Callable[[], bool], stopping: threading.Event) -> None:
    """Call ``work`` until it finds nothing, wait, and again until ``stopping``: finds work when messages are lost."""
    while not stopping.is_set():
        try:
            close_old_connections()
            if work():
                continue
        except DATABASE_AWAY as error:
            connection.close()
            logger.warning("The database is away (%s); asking again.", str(error).strip())
        except Exception:
            logger.exception("Polling failed; going on.")
        stopping.wait(settings.POLL_SECONDS)


def end_with_supervisor() -> None:
    """The supervisor holds the other end of our standard input: when it is gone, so are we."""

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin, whose lock would still be held when the interpreter ends
            pass
        os._exit(1)

    start_thread(wait, name="supervisor")
