"""What the tests of the web app share."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import StreamingHttpResponse

from webapp.views import in_parts


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Hash passwords in no time: the real hasher takes a good part of a second for each account."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def static_files_when_asked_for(settings: Any) -> None:
    """Look for a static file when it is asked for: to list all 800 takes a client longer than a page takes."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def whole_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """``response.content`` of a page that comes in parts is all of it, and no part failed."""

    def content(response: Any) -> bytes:
        if "read" not in vars(response):
            response.read = b"".join(response.streaming_content)
        assert in_parts.BROKEN.encode() not in response.read
        return response.read

    monkeypatch.setattr(StreamingHttpResponse, "content", property(content))
