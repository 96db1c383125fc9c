"""Addresses of static files that change with the file, so that browsers may keep each of them for good."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


class DigestInAddress(StaticFilesStorage):
    """``site.css?v=1a2b3c4d``: nothing is copied or collected, unlike with names that hold the digest."""

    def url(self, name: str | None) -> str:
        return f"{super().url(name)}?v={_digest(name or '')}"


@functools.cache
def _digest(name: str) -> str:
    found = finders.find(name)
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:8] if isinstance(found, str) else "missing"
