"""Windows of a real Chromium on the tests' own server, signed in as whoever is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, expect, sync_playwright

from tests.browser.chromium import PATIENCE, Visitor, launch, open_window

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, or a skipped test where there is none."""
    # Playwright's sync interface runs an event loop in this thread, which Django's database guard takes for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        try:
            opened = launch(playwright)
        except Error as error:
            reason = str(error).splitlines()[0]
            pytest.skip(f"No Chromium: install one, or run `playwright install chromium` ({reason}).")
        yield opened
        opened.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def windows(browser: Browser, live_server: Any) -> Iterator[Any]:
    """Opens windows for a user, or for a visitor: ``windows(user, width=390, dark=True)``, ``windows(None)``."""
    contexts: list[BrowserContext] = []

    def opened(user: Any, *, width: int = 1280, dark: bool = False) -> Visitor:
        from tests.webapp.pages import client_of

        visitor = open_window(browser, live_server.url, width=width, dark=dark)
        contexts.append(visitor.page.context)
        if user is not None:
            session = client_of(user).cookies["sessionid"].value
            visitor.page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        return visitor

    yield opened
    for context in contexts:
        context.close()
