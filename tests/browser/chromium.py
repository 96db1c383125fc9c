"""A real Chromium, and windows of it that note whatever a page complains about."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

AXE = Path(__file__).parent / "axe.min.js"
# The first has no window around its pages, which costs more than most of the pages that the tests open.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
# Scrolls to the next part that is still to come; true once all of them are there and their plots are drawn.
ALL_THERE = """() => {
    const next = [...document.querySelectorAll("[data-to-come]")].find((one) => one.checkVisibility());
    next?.scrollIntoView();
    return !next && document.documentElement.dataset.plots !== "drawing";
}"""
PATIENCE = 60_000.0  # ms until something that should show up is missed: a busy machine takes its time


def launch(playwright: Playwright) -> Browser:
    """Chromium of the system, or Playwright's own, which has no window either."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    return playwright.chromium.launch(executable_path=found, args=FLAGS)


@dataclass
class Visitor:
    """One browser window with cookies of its own."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Open a page of the site and wait until its plots are drawn."""
        self.page.goto(self.address + path)
        return self.settle()

    def settle(self) -> Page:
        """Wait until the page has loaded and its plots are drawn."""
        self.page.wait_for_load_state()
        if self.page.locator("script[data-plots]").count():
            self.page.wait_for_selector("html[data-plots=drawn]")
        return self.page

    def whole(self) -> Page:
        """Scroll until every part in an open fold has come and its plots are drawn; then back to the top."""
        self.settle()
        self.page.wait_for_function(ALL_THERE)
        self.page.evaluate("scrollTo(0, 0)")
        return self.page

    def unfolded(self) -> Page:
        """The whole page with its folds open."""
        self.settle()
        self.page.locator("details[data-fold]").evaluate_all("all => all.forEach(one => one.open = true)")
        self.whole()  # which may bring folds of its own
        self.page.locator("details[data-fold]").evaluate_all("all => all.forEach(one => one.open = true)")
        return self.page

    def listen(self) -> None:
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("requestfailed", self._note_failure)
        self.page.on("request", self._note_request)

    def _note_console(self, message: Any) -> None:
        if message.type in {"error", "warning"} and "[bokeh" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _note_failure(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # given up by the browser itself: the page was left, or it was a file
            self.complaints.append(f"failed: {request.url}")

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


def open_window(browser: Browser, address: str, *, width: int = 1280, dark: bool = False) -> Visitor:
    scheme = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    visitor = Visitor(context.new_page(), address)
    visitor.listen()
    return visitor
