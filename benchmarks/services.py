"""An embedded PostgreSQL and Redis in a temporary folder, with the app set up on them, for benchmarks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
