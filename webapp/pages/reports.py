"""An analysis as one HTML file that opens anywhere: the page itself, with everything it loads put inside.

The file's own content policy forbids every request, so that it cannot ask another host for anything by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.utils.safestring import SafeString, mark_safe

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
STYLES = ("vendor/pico.min.css", "site.css")
SCRIPTS = ("vendor/bokeh/bokeh.min.js", "plots.js")


@dataclass(frozen=True)
class Report:
    """What the template of a report reads; ``address`` is that of the page it was made from, empty for nowhere."""

    team: str
    made_at: datetime
    address: str

    policy = POLICY

    @property
    def styles(self) -> SafeString:
        return styles()

    @property
    def scripts(self) -> SafeString:
        return scripts()


@cache
def styles() -> SafeString:
    return mark_safe(_contained("\n".join(_read(STYLES))))  # noqa: S308  (our own files)


@cache
def scripts() -> SafeString:
    return mark_safe(_contained(";\n".join(_read(SCRIPTS))))  # noqa: S308  (our own files)


def _contained(text: str) -> str:
    """Text that cannot end or reopen its tag; the backslash changes nothing inside a string."""
    return re.sub(r"<(/(?:script|style)|!--)", r"<\\\1", text, flags=re.IGNORECASE)


def _read(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        found = finders.find(name)
        if not isinstance(found, str):
            raise FileNotFoundError(f"The static file {name} is missing.")
        yield Path(found).read_text(encoding="utf-8")
