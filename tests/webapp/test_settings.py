"""Settings refuse what makes no sense, and every variable is documented."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from webapp import environment

ROOT = Path(__file__).resolve().parents[2]
READERS = re.compile(r'environment\.(?:text|flag|seconds|words|folder|whole|mail|address)\(\s*"([A-Z_]+)"')
VARIABLES = sorted(set(READERS.findall((ROOT / "webapp" / "settings.py").read_text())))

REAL = {
    "DATABASE_URL": "postgresql://a:b@localhost/c",
    "REDIS_URL": "redis://localhost/0",
    "SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789" * 2,
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads all settings anew, in an environment that has these variables alone: ``read(DEBUG="1")``."""

    def read(**environment: str) -> dict[str, Any]:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "webapp" / "settings.py"))

    return read


def started(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "webapp.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("file", ["docs/operations.md", ".env.example"])
def test_every_variable_is_documented(file: str) -> None:
    text = (ROOT / file).read_text()
    assert VARIABLES
    assert [name for name in VARIABLES if name not in text] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("HTTPS", "2"),
        ("NETSPACE_LEASE_SECONDS", "soon"),
        ("NETSPACE_LEASE_SECONDS", "-1"),
        ("NETSPACE_LEASE_SECONDS", "nan"),
        ("NETSPACE_HEARTBEAT_SECONDS", "59"),
        ("NETSPACE_POLL_SECONDS", "0"),
        ("DATABASE_URL", "sqlite:///db"),
        ("REDIS_URL", "amqp://localhost"),
        ("DATABASE_URL", ""),
        ("SECRET_KEY", ""),
        ("PROXIES", "-1"),
        ("PROXIES", "two"),
        ("EMAIL_URL", "mail.example.org"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "smtp://mail.example.org:port"),
        ("NETSPACE_URL", "netspace.example.org"),
        ("NETSPACE_URL", "https://"),
        ("NETSPACE_URL", "https://netspace.example.org/app"),
        ("NETSPACE_URL", "https://netspace.example.org:port"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_and_named(read: Any, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        read(**REAL | {name: value})


def test_a_process_does_not_start_with_a_value_that_makes_no_sense() -> None:
    done = started("manage.py", "check", **REAL | {"NETSPACE_LEASE_SECONDS": "soon"})
    assert done.returncode != 0
    assert "NETSPACE_LEASE_SECONDS" in done.stderr.splitlines()[-1]


def test_production_settings_pass_every_deployment_check() -> None:
    environment = REAL | {"HTTPS": "1", "ALLOWED_HOSTS": "netspace.example.org"}
    done = started("manage.py", "check", "--deploy", "--fail-level", "WARNING", **environment)
    assert done.returncode == 0, done.stderr


def test_the_address_of_a_mail_server_becomes_djangos_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_URL", "smtp+tls://someone%40example.org:p%3Aw@mail.example.org")
    read = environment.mail("EMAIL_URL")
    assert read["EMAIL_HOST"] == "mail.example.org"
    assert read["EMAIL_PORT"] == 587
    assert (read["EMAIL_HOST_USER"], read["EMAIL_HOST_PASSWORD"]) == ("someone@example.org", "p:w")
    assert (read["EMAIL_USE_TLS"], read["EMAIL_USE_SSL"]) == (True, False)
    monkeypatch.delenv("EMAIL_URL")
    assert "console" in environment.mail("EMAIL_URL")["EMAIL_BACKEND"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"HTTPS": "1", "ALLOWED_HOSTS": "netspace.example.org,127.0.0.1"}, "https://netspace.example.org"),
        ({"ALLOWED_HOSTS": "*,.example.org,lab.example.org"}, "http://lab.example.org:8000"),
        ({"NETSPACE_URL": "https://netspace.example.org:8443/"}, "https://netspace.example.org:8443"),
        ({"NETSPACE_URL": ""}, "http://localhost:8000"),
    ],
)
def test_the_address_in_mails_is_the_given_one_or_follows_from_the_other_settings(
    read: Any, given: dict[str, str], expected: str
) -> None:
    assert read(**REAL | given)["PUBLIC_URL"] == expected
