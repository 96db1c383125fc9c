"""First paint of every page while a worker trains, without and with a cache; the live preview; layout shift."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any

from benchmarks.pages import BROWSERS, fill, import_rows
from benchmarks.services import a_quick_regime, app_on_own_services, training_worker, wait_for_training, web_server
from benchmarks.timing import row_within

AIM_MS = 1000.0
WATCHED_SECONDS = 10
WITHIN = 30.0  # seconds for each step of a page, which is how long Playwright waits
PREVIEW_AIM_MS = 500.0
CHANGES = 20

PAINT = """() => new Promise(done => {
    const painted = list => list.getEntriesByName("first-contentful-paint").map(entry => done(entry.startTime));
    new PerformanceObserver(painted).observe({type: "paint", buffered: true});
})"""
TIMING = """() => {
    const page = performance.getEntriesByType("navigation")[0];
    const all = [page, ...performance.getEntriesByType("resource")];
    return [page.responseStart, page.domInteractive, all.reduce((sum, one) => sum + one.transferSize, 0)];
}"""
SHIFTS = """() => {
    window.shifts = 0;
    const add = list => list.getEntries().forEach(entry => { window.shifts += entry.value; });
    new PerformanceObserver(add).observe({type: "layout-shift", buffered: true});
}"""


# From the input event of a change to the new figures of the preview.
CHANGE = """([name, value]) => new Promise(done => {
    const input = document.querySelector(`[name=${name}]`);
    const started = performance.now();
    const seen = new MutationObserver(() => {
        if (document.documentElement.dataset.plots !== "drawn") return;
        seen.disconnect();
        requestAnimationFrame(() => done(performance.now() - started));
    });
    seen.observe(document.documentElement, {attributeFilter: ["data-plots"]}); // "drawing", then "drawn"
    input.value = value;
    input.dispatchEvent(new Event("input", {bubbles: true}));
})"""


@dataclass(frozen=True)
class Opened:
    """Milliseconds to the first byte, the first contentful paint and the end of the HTML; kB over the wire."""

    byte: float
    paint: float
    whole: float
    size: float


def main() -> None:
    path = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if path is None:
        print("no Chromium on this machine: paints not measured")
        return
    with app_on_own_services():
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        filled = fill((500,))
        addresses, changing = _addresses(filled)
        with web_server() as address, training_worker():
            wait_for_training()
            _measure(path, address, _cookie(filled.user), addresses, changing)


def _addresses(filled: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Every page of the app by its name; and those of them that change while one looks, or come in parts."""
    from tests.webapp import rows
    from webapp import services
    from webapp.models import Sample

    team, user = filled.regime.team, filled.user
    space, _ = filled.pairs[500]
    batch = rows.a_batch(rows.a_space(team, user, name="In training"), a_quick_regime(team, user), user, size=200)
    imported = import_rows(team, user, 500)
    analysis = filled.address(500)
    values = {"p": analysis.partition("?p=")[2].split("&p=")}
    page = services.create_result_page(
        team=team, title="Found", notes="", analysis={"schema": 1, "values": values}, actor=user
    )
    _, token = services.share_result_page(page=page, days=1, actor=user)
    sample = Sample.objects.filter(batch__space=space).earliest("pk")
    live = {"home": "/", "batches": "/batches/", "batch": f"/batches/{batch.pk}/", "workers": "/workers/"}
    others = {
        "spaces": "/spaces/",
        "space": f"/spaces/{space.pk}/",
        "new space": "/spaces/new/",
        "refine": f"/spaces/{space.pk}/refine/",
        "regimes": "/regimes/",
        "regime": f"/regimes/{filled.regime.pk}/",
        "new regime": "/regimes/new/",
        "new batch": "/batches/new/",
        "sample": f"/samples/{sample.pk}/",
        "analysis, n = 500": analysis,
        "choose populations": "/analyses/",
        "results": "/results/",
        "result page": f"/results/{page.pk}/",
        "shared page": f"/share/{token}/",
        "sharing": f"/results/{page.pk}/share/",
        "new import": "/imports/new/",
        "import": f"/imports/{imported.pk}/",
        "search": "/search/?q=of",
        "team": "/team/",
        "log of the team": "/team/log/",
        "account": "/account/",
        "API tokens": "/account/tokens/",
    }
    in_parts = ("analysis, n = 500", "result page", "shared page")
    return live | others, live | {name: others[name] for name in in_parts}


def _cookie(user: Any) -> str:
    from django.test import Client

    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return str(client.cookies["sessionid"].value)


def _measure(path: str, address: str, cookie: str, addresses: dict[str, str], changing: dict[str, str]) -> None:
    from playwright.sync_api import TimeoutError as Late
    from playwright.sync_api import sync_playwright

    signed_in = {"name": "sessionid", "value": cookie, "url": address}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        columns = ("cold", "warm", "byte", "whole", "kB", "aim")
        print(f"{'page, ms (beside a worker that trains)':36} {' '.join(f'{column:>7}' for column in columns)}")
        for name, place in {"sign-in": "/sign-in/", **addresses}.items():
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            if name != "sign-in":
                context.add_cookies([signed_in])  # type: ignore[list-item]
            with row_within(f"  {name:34}", WITHIN, late=Late):
                cold, warm = _open(context.new_page(), address + place), _open(context.new_page(), address + place)
                late = "  too late" if max(cold.paint, warm.paint) > AIM_MS else ""
                figures = (cold.paint, warm.paint, warm.byte, warm.whole, cold.size, AIM_MS)
                print(f"  {name:34} {' '.join(f'{figure:7.0f}' for figure in figures)}{late}", flush=True)
            context.close()
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([signed_in])  # type: ignore[list-item]
        preview = "from a change in the form of a space to its preview drawn"
        with row_within(preview, WITHIN, late=Late):
            times = sorted(_previews(context.new_page(), f"{address}/spaces/new/?preset=AnyNetX-A-small"))
            print(f"{preview}, ms: median {times[CHANGES // 2]:.0f}, longest {times[-1]:.0f}, aim {PREVIEW_AIM_MS:.0f}")
        context.close()
        print(f"layout shift within {WATCHED_SECONDS} s (aim 0)")
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([signed_in])  # type: ignore[list-item]
        for name, place in changing.items():
            with row_within(f"  {name:34}", WITHIN, late=Late):
                print(f"  {name:34} {_shift(context.new_page(), address + place):7.4f}", flush=True)
        browser.close()


def _open(page: Any, url: str) -> Opened:
    page.goto(url, wait_until="load")
    paint = page.evaluate(PAINT)
    byte, whole, size = page.evaluate(TIMING)
    page.close()
    return Opened(byte, paint, whole, size / 1e3)


def _previews(page: Any, url: str) -> list[float]:
    page.goto(url)
    page.wait_for_selector("html[data-plots=drawn]")
    page.wait_for_load_state("networkidle")
    return [float(page.evaluate(CHANGE, ["widths_high", str(128 + 8 * k)])) for k in range(CHANGES)]


def _shift(page: Any, url: str) -> float:
    page.add_init_script(f"({SHIFTS})()")
    page.goto(url)
    page.wait_for_timeout(1000 * WATCHED_SECONDS)
    shift = float(page.evaluate("window.shifts"))
    page.close()
    return shift


if __name__ == "__main__":
    main()
