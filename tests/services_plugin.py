"""pytest plugin (`-p tests.services_plugin`): a PostgreSQL and a Redis of their own for a run of the tests.

Loaded before Django's settings, it decides on the environment that they read. The servers themselves start after
collection, and only if a test was collected that may need them: a run of the engine's tests alone starts none.
With `-n` every process of the tests has servers and a folder of its own: none meets another's rows or messages.
With DATABASE_URL and REDIS_URL both set, the tests use those servers: pytest-django gives every process a database of
its own there, and this plugin a Redis database.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from webapp import embedded

TESTS = Path(__file__).resolve().parent
# None reads the database: the engine by its rules, the others because they start things themselves.
WITHOUT_SERVICES = (
    TESTS / "engine",
    TESTS / "chaos",
    TESTS / "conformance",
    TESTS / "netspace_client",
    TESTS / "test_setup.py",
    TESTS / "webapp" / "test_embedded.py",
    TESTS / "webapp" / "test_processes.py",
)
# Settings that a developer may have exported; the tests are the same on every machine.
NOT_INHERITED = (
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "DEBUG",
    "EMAIL_FROM",
    "EMAIL_URL",
    "HTTPS",
    "NETSPACE_CHECKPOINTS",
    "NETSPACE_DATA",
    "NETSPACE_HEARTBEAT_SECONDS",
    "NETSPACE_LEASE_SECONDS",
    "NETSPACE_POLL_SECONDS",
    "NETSPACE_STALL_SECONDS",
    "NETSPACE_URL",
    "PROXIES",
)

# The process that hands tests to others decides for them: they inherit the addresses of its own servers.
EXTERNAL = "NETSPACE_TESTS_EXTERNAL"
os.environ.setdefault(EXTERNAL, str(int(bool(os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")))))
external = os.environ[EXTERNAL] == "1"
process = os.environ.get("PYTEST_XDIST_WORKER", "")  # gw0, gw1 and so on; empty without -n
folder = Path(tempfile.mkdtemp(prefix="netspace-tests-"))
services = embedded.Services(fast=True)


def _decide_environment() -> None:
    # Root's PostgreSQL runs as another account, which has to come to its data.
    folder.chmod(0o755)
    for name in NOT_INHERITED:
        os.environ.pop(name, None)
    # Every process of the tests, and every one that they start, would compile all of ours anew, which takes seconds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Two computing threads in each of two processes on two cores wait for each other most of the time.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    os.environ["NETSPACE_VAR"] = str(folder / "var")
    os.environ["SECRET_KEY"] = "only-for-tests-" + "0123456789" * 4
    if not external:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = embedded.urls(folder / "var")
    elif process:
        address = urlsplit(os.environ["REDIS_URL"])
        database = int(address.path.strip("/") or 0) + int(process.removeprefix("gw"))
        os.environ["REDIS_URL"] = urlunsplit(address._replace(path=f"/{database}"))


# At import, because pytest-django loads the settings before any other hook of this plugin could run.
_decide_environment()


def pytest_report_header() -> str:
    if external:
        return "services: those of DATABASE_URL and REDIS_URL"
    return "services: an embedded PostgreSQL and Redis, started if a collected test may need them"


def pytest_collection_finish(session: pytest.Session) -> None:
    if external or session.config.option.collectonly:
        return
    if any(_may_need_services(item) for item in session.items):
        _start()


def _may_need_services(item: pytest.Item) -> bool:
    return not any(item.path.is_relative_to(place) for place in WITHOUT_SERVICES)


def _start() -> None:
    decided = embedded.urls(folder / "var")
    try:
        running = services.start(folder / "var")
    except embedded.EmbeddedError as error:
        pytest.exit(str(error), returncode=3)
    if running != decided:  # the settings hold the old port already
        pytest.exit(
            "Another program took a port of the tests' services meanwhile: start the tests again.", returncode=3
        )


def pytest_unconfigure() -> None:
    services.stop()
    embedded.remove(folder / "var")
    shutil.rmtree(folder, ignore_errors=True)
