"""An analysis as one HTML file that opens anywhere: the page itself, with everything it loads put inside.

The file's own content policy forbids every request, so that it cannot ask another host for anything by accident.
Links lead back to the app where it was made; forms, buttons and menus, which need the app, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

from django.contrib.staticfiles import finders
from django.utils.safestring import SafeString, mark_safe

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
STYLES = ("vendor/pico.min.css", "site.css")
SCRIPTS = ("vendor/bokeh/bokeh.min.js", "plots.js")
LEFT_OUT_TAGS = frozenset({"form", "nav"})
LEFT_OUT_CLASSES = frozenset({"actions", "files", "menu", "button", "skip"})
OWN_PATHS = re.compile(r'"(?=/(?:samples|imports)/[0-9])')  # where the points of a plot lead
WITHOUT_END = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})


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


def offline(page: str, *, address: str) -> str:
    """The page without what needs the app; links are made absolute by the ``address`` it was made at."""
    writer = _Writer(address)
    writer.feed(page)
    writer.close()
    return "".join(writer.pieces)


class _Writer(HTMLParser):
    """Copies a page, without the elements that only work inside the app."""

    def __init__(self, address: str) -> None:
        super().__init__(convert_charrefs=False)
        self.address = address
        self.origin = urljoin(address, "/").rstrip("/")
        self.pieces: list[str] = []
        self.left_out = ""  # the tag of the element that is being left out
        self.depth = 0

    def handle_decl(self, decl: str) -> None:
        self.pieces.append(f"<!{decl}>")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.left_out:
            self.depth += tag == self.left_out
            return
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        if (
            tag in LEFT_OUT_TAGS
            or "data-live" in given
            or LEFT_OUT_CLASSES.intersection(classes)
            or self._is_foreign(tag, given)
        ):
            if tag not in WITHOUT_END:
                self.left_out, self.depth = tag, 1
            return
        kept = [(name, self._value(name, value)) for name, value in attrs if not name.startswith("hx-")]
        written = "".join(f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in kept)
        self.pieces.append(f"<{tag}{written}>")

    def handle_endtag(self, tag: str) -> None:
        if not self.left_out:
            self.pieces.append(f"</{tag}>")
        elif tag == self.left_out:
            self.depth -= 1
            if not self.depth:
                self.left_out = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An empty element of SVG."""
        if not self.left_out:
            written = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs)
            self.pieces.append(f"<{tag}{written}/>")

    def handle_data(self, data: str) -> None:
        if not self.left_out:
            self.pieces.append(OWN_PATHS.sub(f'"{self.origin}', data) if self.cdata_elem == "script" else data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def _value(self, name: str, value: str | None) -> str | None:
        if name == "href" and value and not value.startswith(("#", "data:")):
            return urljoin(self.address, value)
        return value

    def _is_foreign(self, tag: str, given: dict[str, str | None]) -> bool:
        """What would be fetched: styles and scripts by address, and the app's own settings for htmx."""
        return (
            (tag == "link" and not (given.get("href") or "").startswith("data:"))
            or (tag == "script" and "src" in given)
            or (tag == "meta" and given.get("name") == "htmx-config")
            or (tag == "input" and given.get("type") == "hidden")
        )
