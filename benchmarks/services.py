"""What benchmarks run on: an embedded PostgreSQL and Redis with the app on them, its web server, a worker."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.timing import end, wait_until


@contextmanager
def app_on_own_services() -> Iterator[str]:
    """The address of the database; Django is set up and migrated inside. Only once a process."""
    from webapp import embedded

    with tempfile.TemporaryDirectory() as name:
        services = embedded.Services()
        running = services.start(Path(name) / "var")
        os.environ |= {
            "DATABASE_URL": running.database_url,
            "REDIS_URL": running.redis_url,
            "SECRET_KEY": "benchmarks",
            "NETSPACE_VAR": str(Path(name) / "var"),
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
        }
        try:
            import django

            django.setup()
            from django.core.management import call_command
            from django.db import connection

            call_command("migrate", verbosity=0)
            yield running.database_url
            connection.close()
        finally:
            services.stop()


@contextmanager
def web_server() -> Iterator[str]:
    """The address of a web server like that of the containers, but with one process."""
    with web_process() as (address, _):
        yield address


@contextmanager
def web_process() -> Iterator[tuple[str, int]]:
    """The same with the id of its first process, which started the one that answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "webapp.wsgi", f"--bind=127.0.0.1:{port}",
               "--worker-class=gthread", "--threads=4", "--timeout=120", "--log-level=error"]  # fmt: skip
    server = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        end(server)


def _wait_for(port: int) -> None:
    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers, within=60)


@contextmanager
def training_worker() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", "worker"], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        end(process)


def a_quick_regime(team: Any, user: Any) -> Any:
    from engine.training.regimes import Regime, regime_presets
    from webapp import services

    definition = regime_presets()["Digits on CPU"].to_json()
    return services.create_regime(team=team, name="digits", regime=Regime.from_json(definition), actor=user)


def epochs_trained() -> int:
    from webapp.models import Epoch

    return Epoch.objects.count()


def wait_for_training() -> None:
    wait_until(lambda: epochs_trained() >= 4, within=300)
