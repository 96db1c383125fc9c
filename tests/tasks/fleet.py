"""A real worker on the tests' own database and Redis, as an operator would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

# A lease is long beside the pauses of a busy machine: a late heartbeat must not look like a lost worker.
QUICK = {
    "NETSPACE_LEASE_SECONDS": "12",
    "NETSPACE_HEARTBEAT_SECONDS": "1",
    "NETSPACE_POLL_SECONDS": "0.5",
}


def environment(**extra: str) -> dict[str, str]:
    """What a process needs to work on the tests' database."""
    database = connection.settings_dict
    url = (
        f"postgresql://{quote(database['USER'])}:{quote(database['PASSWORD'])}"
        f"@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
    return {
        **os.environ,
        **QUICK,
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "NETSPACE_VAR": str(settings.VAR),
        **extra,
    }


@contextmanager
def worker(log: Path, *options: str, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor with one slot on the CPU; its log is the reason to print when something takes too long."""
    command = [sys.executable, "manage.py", "worker", "--devices", "cpu", "--slots-per-device", "1", *options]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment(**extra), stdout=file, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(120)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def wait_for(condition: Callable[[], bool], *, log: Path, within: float = 300.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:.0f} s; the worker said:\n{log.read_text()[-4000:]}"
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
