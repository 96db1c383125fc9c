"""Who is at the other end of a request, for counting wrong passwords (django-axes calls these by name)."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address that connected to us; behind PROXIES of our own, the one that connected to the first of them.

    X-Forwarded-For is what anybody may write, except for what our own proxies append at its end. One customer has
    a whole /64 of IPv6 addresses, so those count as one.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.PROXIES:
        return _address(peer)
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    found = _address(forwarded[-settings.PROXIES]) if len(forwarded) >= settings.PROXIES else None
    return found or _address(peer)


def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # such as the empty one of a Unix socket
        return None
    if address.version == 4:
        return str(address)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False).network_address)


def has_no_password(request: HttpRequest, credentials: dict[str, object] | None = None) -> bool:
    """Whether this is no try at a password: a sign-in link cannot be guessed, so a stale one locks nobody out."""
    return bool(credentials and "sesame" in credentials)
