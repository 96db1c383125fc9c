"""`make tour`: the pictures of docs/tour.md, taken on a walk through the real app with a real worker.

`python -m tests.browser.tour` works in a folder of its own and ends whatever it started.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, sync_playwright

from tests.browser.chromium import Visitor, launch, open_window
from tests.browser.walk import OWNER, PASSWORD, Walk

FOLDER = Path(__file__).parents[2] / "docs" / "tour"
TALLEST = 860  # px; a picture shows a part of a page, not all of it
COLOURS = 128  # enough for a page with plots, at a third of the bytes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.tour", description="Take the pictures of the tour.")
    parser.add_argument("--size", type=int, default=24, help="designs a batch (default 24)")
    parser.add_argument("--port", type=int, default=8000, help="port of the web app meanwhile (default 8000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="netspace-tour-") as name:
        Path(name).chmod(0o755)  # PostgreSQL may run as another account, which has to come to its data
        for variable in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
            os.environ.pop(variable, None)
        os.environ |= {"NETSPACE_VAR": name, "DJANGO_SETTINGS_MODULE": "webapp.settings"}
        # Playwright runs an event loop in this thread, which Django's database guard takes for async code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        take(size=options.size, port=options.port)


def take(*, size: int, port: int) -> None:
    import django

    django.setup()
    from webapp import services
    from webapp.launcher import Launcher

    with Launcher(port=port, say=print) as launcher, sync_playwright() as playwright:
        services.create_user(email=OWNER[1], password=PASSWORD, name=OWNER[0])
        browser = launch(playwright)
        FOLDER.mkdir(exist_ok=True)
        for old in FOLDER.glob("*.png"):
            old.unlink()
        Walk(window=lambda width: open_window(browser, launcher.address, width=width), picture=save, size=size).run()
        browser.close()
    total = sum(path.stat().st_size for path in FOLDER.glob("*.png"))
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}, {total / 1e6:.2f} MB.")


def save(name: str, window: Visitor, part: Locator | None) -> None:
    """The page from the top, or from the part that matters, in a few colours."""
    page = window.page
    time.sleep(0.3)  # for what fades in
    top = 0.0
    if part is not None:
        part.scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, 0)")  # what sticks to the window's edge would lie over the part
        top = page.evaluate("element => element.getBoundingClientRect().top + scrollY - 12", part.element_handle())
    bottom = page.evaluate("document.querySelector('main').getBoundingClientRect().bottom + scrollY")
    width = page.viewport_size["width"] if page.viewport_size else 1280
    height = min(TALLEST, bottom - top)
    data = page.screenshot(full_page=True, clip={"x": 0, "y": top, "width": width, "height": height})
    picture = Image.open(io.BytesIO(data)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(FOLDER / f"{name}.png", optimize=True)
    print(f"{name}.png")


if __name__ == "__main__":
    main()
