"""Pages of large populations: columns from the database, the whole analysis page's time and bytes, request to drawn.

In Chromium it is opened as a person does: the verdict comes first, the other parts when they come near the window.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import time
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.request import Request, urlopen

import numpy as np

from benchmarks.services import app_on_own_services, web_process
from benchmarks.timing import cpu_seconds, fastest, row_within

SIZES = (500, 5_000, 20_000)
COLUMN_AIMS = {5_000: 50, 20_000: 150}  # ms
SENT_AIMS = {500: 0.3, 5_000: 0.6, 20_000: 1.0}  # MB of the whole page, compressed
EDF_AIM = {500: "1.0 / 0.5 s"}  # from the request to the EDF drawn, first and again
WHOLE_AIMS = {500: "1.8 s", 20_000: "2.2 s"}  # until all of the page is scrolled through and drawn, the first time
LARGEST_IMPORT, IMPORT_AIM = 20_000, "3.0 s"  # rows; the same
CPU_AIM, CPU_VIEWS = "0.1 s", 20
DRAWN_WITHIN = 60.0  # seconds, else the row says that it took longer
BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chromium-headless-shell"
)  # fmt: skip

SCROLL = """async () => {
    while (scrollY + innerHeight < document.documentElement.scrollHeight - 1) {
        scrollBy(0, innerHeight);
        await new Promise(requestAnimationFrame);
    }
}"""


@dataclass(frozen=True)
class Filled:
    """A team with two populations of each size under one regime."""

    user: Any
    regime: Any
    pairs: dict[int, tuple[Any, Any]]

    def address(self, size: int) -> str:
        return "/analyses/?" + "&".join(f"p={space.pk}-{self.regime.pk}" for space in self.pairs[size])


def main() -> None:
    with app_on_own_services():
        filled = fill(SIZES)
        print(
            f"{'population from the database, 12 columns':44} {'ours':>10} {'row objects':>12} {'ratio':>8} {'aim':>8}"
        )
        for size, aim in COLUMN_AIMS.items():
            _print_columns(filled, size, aim)
        print(f"{'whole page of two populations, ?parts=all':44} {'first':>10} {'again':>12} {'MB sent':>8} {'aim':>8}")
        for size, megabytes in SENT_AIMS.items():
            first, again, sent = _page(filled, size)
            print(f"  n = {size:<38,} {first:8.2f} s {again:10.2f} s {sent:8.2f} {megabytes:8.1f}")
        with web_process() as (address, process):
            _in_a_browser(filled, address)
            _processor_time(filled, address, process)


def import_rows(team: Any, user: Any, n: int) -> Any:
    """An imported population of n rows with 12 columns: eight parameters, three complexities, an error."""
    from webapp import services
    from webapp.models import ColumnKind
    from webapp.models.columns import Column

    rng = np.random.default_rng(n)
    values = {f"parameter_{k}": rng.normal(100, 10, n) for k in range(8)}
    values |= {name: rng.integers(10**6, 10**8, n).astype(float) for name in ("flops", "params", "acts")}
    values["error"] = 40 + (values["parameter_0"] - 100) / 5 + rng.normal(0, 3, n)
    columns = [Column(name, ColumnKind.NUMBER, column) for name, column in values.items()]
    return services.create_imported_population(
        team=team, name=f"{n} rows", origin=services.Origin("rows.csv", "error"), columns=columns, actor=user
    )


def fill(sizes: tuple[int, ...]) -> Filled:
    """Two populations of each size: real designs of AnyNetX-C-small, errors that their widths set, and noise."""
    from tests.webapp import rows

    team, user = rows.a_team()
    regime = rows.a_regime(team, user)
    draws = [_drawn(max(sizes), seed) for seed in (1, 2)]
    pairs = {}
    for size in sizes:
        spaces = [rows.a_space(team, user, name=f"{word} of {size}", preset="AnyNetX-C-small") for word in ("A", "B")]
        for space, samples in zip(spaces, draws, strict=True):
            _store(space, regime, user, samples[:size])
        pairs[size] = (spaces[0], spaces[1])
    return Filled(user, regime, pairs)


def _drawn(size: int, seed: int) -> list[dict[str, Any]]:
    from engine.spaces import presets
    from engine.spaces.sampling import draw_designs

    images = {"resolution": 14, "in_channels": 1, "num_classes": 10}
    draw = draw_designs(presets.space("AnyNetX-C-small"), size=size, seed=seed, **images)
    noise = np.random.default_rng(seed).gamma(2, 1.2 + 0.2 * seed, size)
    samples = []
    for position, design in enumerate(draw.designs):
        anynet = design.to_anynet()
        steps = np.diff(np.log(anynet.stage_widths))
        costs = {name: int(getattr(draw, name)[position]) for name in ("flops", "params", "acts")}
        error = float(min(20 + noise[position] + 3 * np.abs(steps - 0.7).mean(), 100))
        samples.append({"position": position, "drawn": design.to_json(), "design": anynet.to_json(),
                        "design_key": str(position), "error": error, "best_error": error, **costs})  # fmt: skip
    return samples


def _store(space: Any, regime: Any, user: Any, samples: list[dict[str, Any]]) -> None:
    from django.db import connection

    from webapp.models import Sample, SampleBatch

    batch = SampleBatch.objects.create(
        space=space, regime=regime, size=len(samples), seed=0, state="ready", created_by=user
    )
    Sample.objects.bulk_create([Sample(batch=batch, **sample) for sample in samples], batch_size=2_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webapp_sample")


def _print_columns(filled: Filled, size: int, aim: int) -> None:
    from webapp.models import Sample
    from webapp.queries import load_population

    space = filled.pairs[size][0]

    def by_objects() -> dict[str, list[float]]:
        """What reads first: one object a row, one value after the other."""
        columns: dict[str, list[float]] = {"error": [], "flops": [], "params": [], "acts": [], "d_1": [], "w_1": []}
        for sample in Sample.objects.filter(batch__space=space).order_by("position"):
            for name in ("error", "flops", "params", "acts"):
                columns[name].append(getattr(sample, name))
            columns["d_1"].append(sample.drawn["stage_depths"][0])
            columns["w_1"].append(sample.drawn["stage_widths"][0])
        return columns

    ours = 1e3 * fastest(lambda: load_population(space=space, regime=filled.regime), 5)
    plain = 1e3 * fastest(by_objects, 1)
    print(f"  n = {size:<38,} {ours:7.0f} ms {plain:9.0f} ms {plain / ours:6.1f} x {aim:5} ms")


def _page(filled: Filled, size: int) -> tuple[float, float, float]:
    """Seconds of the first and of the second request, and megabytes as sent."""
    from django.conf import settings
    from django.test import Client

    settings.ALLOWED_HOSTS = ["*"]
    client = Client()
    client.force_login(filled.user, backend="django.contrib.auth.backends.ModelBackend")
    times, body = [], b""
    for _ in range(2):
        started = time.perf_counter()
        response = client.get(f"{filled.address(size)}&parts=all")
        body = response.getvalue()  # the page comes in parts
        times.append(time.perf_counter() - started)
        assert response.status_code == 200
    return times[0], times[1], len(gzip.compress(body, 6)) / 1e6


def _in_a_browser(filled: Filled, address: str) -> None:
    """Request to the EDF, and to the last figure of the page, in Chromium where there is one."""
    from playwright.sync_api import TimeoutError as Late

    path = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if path is None:
        print("no Chromium on this machine: request to drawn not measured")
        return
    pages = [(f"n = {size:,}", filled.address(size), EDF_AIM.get(size, ""), aim) for size, aim in WHOLE_AIMS.items()]
    imported = import_rows(filled.regime.team, filled.user, LARGEST_IMPORT)
    pages.append((f"{LARGEST_IMPORT:,} imported rows", f"/analyses/?p=i{imported.pk}", "", IMPORT_AIM))
    print(f"{'request to drawn, in Chromium':52} {'first':>8} {'again':>9} {'aim':>12}")
    for name, place, edf_aim, whole_aim in pages:
        with row_within(f"  {name:50}", DRAWN_WITHIN, late=Late):
            edf, whole = zip(*_drawn_seconds(path, address, filled, place), strict=True)
            for what, times, aim in (
                ("the EDF drawn", edf, edf_aim),
                ("scrolled through, all drawn", whole, whole_aim),
            ):
                print(f"  {f'{what}, {name}':50} {times[0]:6.2f} s {min(times[1:]):7.2f} s {aim:>12}", flush=True)


def _drawn_seconds(path: str, address: str, filled: Filled, place: str) -> list[tuple[float, float]]:
    """Of three visits: until the EDF is drawn, and until the page is scrolled through with every plot drawn."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import ALL_THERE

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": _session(filled), "url": address}])
        page = context.new_page()
        page.set_default_timeout(1000 * DRAWN_WITHIN)
        page.goto(address)  # the shared scripts and styles come with the first page of a visit
        times = []
        for _ in range(3):
            started = time.perf_counter()
            page.goto(address + place)
            page.wait_for_selector("html[data-plots=drawn]")
            edf = time.perf_counter() - started
            page.evaluate(SCROLL)
            page.wait_for_function(ALL_THERE)
            times.append((edf, time.perf_counter() - started))
        browser.close()
    return times


def _session(filled: Filled) -> str:
    from django.test import Client

    client = Client()
    client.force_login(filled.user, backend="django.contrib.auth.backends.ModelBackend")
    return str(client.cookies["sessionid"].value)


def _processor_time(filled: Filled, address: str, process: int) -> None:
    """What a view of a page that was seen before costs the web process: the page, then each of its parts."""
    session = _session(filled)

    def read(path: str) -> bytes:
        headers = {"Cookie": f"sessionid={session}", "Accept-Encoding": "gzip"}
        with urlopen(Request(address + path, headers=headers)) as answer:  # noqa: S310  (our own server)
            body: bytes = answer.read()
        return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body

    print(f"{'processor time of a repeated view, all parts':52} {'ours':>8} {'aim':>22}")
    for size in WHOLE_AIMS:
        place = filled.address(size)
        parts = [unescape(part) for part in re.findall(r'<section [^>]*data-part="([^"]+)"', read(place).decode())]

        def view(place: str = place, parts: list[str] = parts) -> None:
            for path in (place, *parts):
                read(path)

        view()
        before = cpu_seconds(process)
        for _ in range(CPU_VIEWS):
            view()
        after = cpu_seconds(process)
        ours = "not measured" if before is None or after is None else f"{(after - before) / CPU_VIEWS:6.3f} s"
        print(f"  {f'n = {size:,}, {len(parts)} parts':50} {ours:>8} {CPU_AIM:>22}", flush=True)


if __name__ == "__main__":
    main()
