"""Settings refuse what makes no sense, and every variable is documented."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from webapp import environment

ROOT = Path(__file__).resolve().parents[2]
READERS = re.compile(r'environment\.(?:text|flag|seconds|words|folder|whole|mail|address)\(\s*"([A-Z_]+)"')
VARIABLES = sorted(set(READERS.findall((ROOT / "webapp" / "settings.py").read_text())))

REAL = {
    "DATABASE_URL": "postgresql://a:b@localhost/c",
    "REDIS_URL": "redis://localhost/0",
    "SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789" * 2,
}


def load(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(command or ("-c", "from django.conf import settings; settings.DEBUG"))],
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
def test_a_value_that_makes_no_sense_refuses_to_start_and_is_named(name: str, value: str) -> None:
    done = load(**REAL | {name: value})
    assert done.returncode != 0
    assert "ImproperlyConfigured" in done.stderr
    assert name in done.stderr.splitlines()[-1]


def test_production_settings_pass_every_deployment_check() -> None:
    environment = REAL | {"HTTPS": "1", "ALLOWED_HOSTS": "netspace.example.org"}
    done = load("manage.py", "check", "--deploy", "--fail-level", "WARNING", **environment)
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
    given: dict[str, str], expected: str
) -> None:
    done = load("-c", "from django.conf import settings; print(settings.PUBLIC_URL)", **REAL | given)
    assert done.stdout.strip() == expected
