"""Typed readers of environment variables; a value that makes no sense refuses to start and says which one it is."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def flag(name: str, *, default: bool) -> bool:
    value = os.environ.get(name, "1" if default else "0").strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, got {value!r}.")


def seconds(name: str, *, default: float, low: float, high: float) -> float:
    value = os.environ.get(name, str(default))
    try:
        number = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number of seconds, got {value!r}.") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} must lie between {low:g} and {high:g} seconds, got {value!r}.")
    return number


def whole(name: str, *, default: int, low: int, high: int) -> int:
    value = os.environ.get(name, str(default)).strip()
    if not value.isascii() or not value.isdigit() or len(value) > 9 or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name} must be a whole number from {low} to {high}, got {value!r}.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def folder(name: str, default: Path) -> Path:
    return Path(os.environ.get(name) or default).resolve()


def address(name: str, default: str) -> str:
    """Where the app is reached, such as https://netspace.example.org, without a slash at its end."""
    value = (os.environ.get(name) or default).strip().rstrip("/")
    try:
        parts = urlsplit(value)
        known = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known or parts.path or parts.query or parts.fragment or parts.username or len(value.split()) != 1:
        raise ImproperlyConfigured(f"{name} must be http:// or https:// followed by a host only, got {value!r}.")
    return value


MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def mail(name: str) -> dict[str, object]:
    """Django's settings for sending mail, from an address such as smtp+tls://user:password@mail.example.org.

    smtp+tls begins in the clear and switches (STARTTLS), smtps is encrypted from the start, smtp never. Without an
    address mail is written to the console.
    """
    url = os.environ.get(name, "").strip()
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} holds a port that is no number.") from None
    if parts.scheme not in MAIL_PORTS or not parts.hostname:
        raise ImproperlyConfigured(
            f"{name} must start with {', '.join(MAIL_PORTS)} followed by ://, and name a server."
        )
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or MAIL_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 20,
    }
