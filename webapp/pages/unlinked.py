"""A page without the ways out of it: what stays can be read and looked at, and leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
FILES = re.compile(r"\.(csv|json|parquet|svg|png|html)(\?|$)")  # the ends of addresses of downloads
FORMS = frozenset({"form", "input", "select", "textarea"})

Attributes = list[tuple[str, str | None]]


def without_links(parts: Iterable[str], *, files: str = "") -> Iterator[str]:
    """Links become their text; buttons that are links, ways to other views, forms, menus, downloads and polling go.

    Downloads stay where their addresses begin with ``files``, which is the address of the page itself. A page that
    comes in several parts is given back in them.
    """
    reader = _Reader(files)
    for part in parts:
        reader.feed(part)
        yield reader.taken()
    reader.close()
    yield reader.taken()


class _Reader(HTMLParser):
    """Gives back what it reads, except for what goes; the templates of this product nest their tags properly."""

    def __init__(self, files: str) -> None:
        super().__init__(convert_charrefs=False)
        self.files = files
        self.parts: list[str] = []
        self.dropped: list[str] = []  # the open tags of an element that goes, from its own on
        self.spans: list[bool] = []  # for each open link: whether it became a span

    def taken(self) -> str:
        """What was read since it was last asked."""
        text = "".join(self.parts)
        self.parts.clear()
        return text

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        if self.dropped:
            if tag not in VOID:
                self.dropped.append(tag)
            return
        given = dict(attrs)
        if self._goes(tag, given):
            if tag not in VOID:
                self.dropped.append(tag)
            return
        if tag == "a":
            self.spans.append(not (given.get("href") or "").startswith("#") and not self._is_own_file(given))
            if self.spans[-1]:
                self.parts.append("<span>")
                return
        self.parts.append(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        if not self.dropped and not self._goes(tag, dict(attrs)):
            self.parts.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self.dropped:
            while self.dropped and self.dropped.pop() != tag:
                pass
            return
        self.parts.append("</span>" if tag == "a" and self.spans and self.spans.pop() else f"</{tag}>")

    def _goes(self, tag: str, given: dict[str, str | None]) -> bool:
        classes = (given.get("class") or "").split()
        if "ways" in classes:  # to other views of the same page
            return True
        if "files" in classes or "data-files" in given:
            return not self.files
        if tag == "a" and FILES.search(given.get("href") or ""):
            return not self._is_own_file(given)
        menu = tag == "details" and "menu" in classes
        polls = any(name.startswith("hx-") for name in given)
        return tag in FORMS or menu or polls or (tag == "a" and "button" in classes)

    def _is_own_file(self, given: dict[str, str | None]) -> bool:
        address = given.get("href") or ""
        return bool(self.files) and address.startswith(self.files) and bool(FILES.search(address))

    def handle_data(self, data: str) -> None:
        self._keep(data)

    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self._keep(f"<!{decl}>")

    def _keep(self, text: str) -> None:
        if not self.dropped:
            self.parts.append(text)
