"""A real Chromium, signed in, that notes whatever a page complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, sync_playwright

AXE = Path(__file__).parent / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system, or Playwright's own."""
    # Playwright's sync interface runs an event loop in this thread, which Django's database guard takes for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        opened = _launch(playwright)
        yield opened
        opened.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def _launch(playwright: Playwright) -> Browser:
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    try:
        return playwright.chromium.launch(executable_path=found, args=FLAGS)
    except Error as error:
        pytest.skip(f"No Chromium: install one, or run `playwright install chromium` ({str(error).splitlines()[0]}).")


@dataclass
class Visitor:
    """One signed-in browser window."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Open a page of the site and wait until its plots are drawn."""
        self.page.goto(self.address + path)
        if self.page.locator("script[data-plots]").count():
            self.page.wait_for_selector("html[data-plots=drawn]", timeout=20_000)
        return self.page

    def listen(self) -> None:
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("request", self._note_request)

    def _note_console(self, message: Any) -> None:
        if message.type in {"error", "warning"} and "[bokeh" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.complaints.append(f"another host: {request.url}")

    def violations(self) -> list[str]:
        """What axe-core finds on the page as it is now."""
        self.page.evaluate(AXE.read_text())  # through the debugger: the content policy does not see it
        report = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{one['id']}: {[node['target'] for node in one['nodes'][:3]]}" for one in report["violations"]]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def cut_tables(self) -> list[str]:
        script = (
            "[...document.querySelectorAll('.scroll')].filter(e => e.checkVisibility({contentVisibilityAuto: true})"
            " && e.clientWidth && e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)"
        )
        return list(self.page.evaluate(script))


@pytest.fixture
def windows(browser: Browser, live_server: Any) -> Iterator[Any]:
    """Opens windows for a user, or for a visitor: ``windows(user, width=390, dark=True)``, ``windows(None)``."""
    contexts: list[BrowserContext] = []

    def opened(user: Any, *, width: int = 1280, dark: bool = False) -> Visitor:
        from tests.webapp.pages import client_of

        scheme = "dark" if dark else "light"
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        if user is not None:
            session = client_of(user).cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        visitor = Visitor(context.new_page(), live_server.url)
        visitor.listen()
        return visitor

    yield opened
    for context in contexts:
        context.close()
