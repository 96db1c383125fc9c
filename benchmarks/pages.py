"""Pages of large populations: columns from the database, the analysis page's time and bytes, request to drawn."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.services import app_on_own_services, web_server
from benchmarks.timing import fastest, row_within

SIZES = (500, 5_000, 20_000)
COLUMN_AIMS = {5_000: 50, 20_000: 150}  # ms
PAGE_AIMS = {500: (1.5, 0.3), 5_000: (2.0, 0.6), 20_000: (3.0, 1.0)}  # s from request to drawn, MB compressed
LARGEST_IMPORT, IMPORT_AIM = 20_000, 3.0  # rows; s from request to drawn
DRAWN_WITHIN = 60.0  # seconds, else the row says that it took longer
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


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
        print(f"{'analysis page of two populations':44} {'first':>10} {'again':>12} {'MB sent':>8} {'aim':>8}")
        for size, (_, megabytes) in PAGE_AIMS.items():
            first, again, sent = _page(filled, size)
            print(f"  n = {size:<38,} {first:8.2f} s {again:10.2f} s {sent:8.2f} {megabytes:8.1f}")
        _in_a_browser(filled)


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
        team=team, name=f"{n} rows", source="rows.csv", error_origin="error", columns=columns, actor=user
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
        response = client.get(filled.address(size))
        body = response.getvalue()  # the page comes in parts
        times.append(time.perf_counter() - started)
        assert response.status_code == 200
    return times[0], times[1], len(gzip.compress(body, 6)) / 1e6


def _in_a_browser(filled: Filled) -> None:
    """Request to the last figure drawn, in Chromium where there is one."""
    from playwright.sync_api import TimeoutError as Late

    path = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if path is None:
        print("no Chromium on this machine: request to drawn not measured")
        return
    print(f"{'request to last figure drawn, in Chromium':44} {'first':>10} {'again':>12} {'aim':>17}")
    with web_server() as address:
        pages = [(f"n = {size:,}", filled.address(size), aim) for size, (aim, _) in PAGE_AIMS.items()]
        imported = import_rows(filled.regime.team, filled.user, LARGEST_IMPORT)
        pages.append((f"{LARGEST_IMPORT:,} imported rows, 12 columns", f"/analyses/?p=i{imported.pk}", IMPORT_AIM))
        for name, place, aim in pages:
            with row_within(f"  {name:42}", DRAWN_WITHIN, late=Late):
                times = _drawn_seconds(path, address, filled, place)
                print(f"  {name:42} {times[0]:8.2f} s {min(times[1:]):10.2f} s {aim:15.1f} s")


def _drawn_seconds(path: str, address: str, filled: Filled, place: str) -> list[float]:
    from django.test import Client
    from playwright.sync_api import sync_playwright

    client = Client()
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    client.force_login(filled.user, backend="django.contrib.auth.backends.ModelBackend")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
        page = context.new_page()
        page.set_default_timeout(1000 * DRAWN_WITHIN)
        page.goto(address)  # the shared scripts and styles come with the first page of a visit
        times = []
        for _ in range(3):
            started = time.perf_counter()
            page.goto(address + place)
            page.wait_for_selector("html[data-plots=drawn]")
            times.append(time.perf_counter() - started)
        browser.close()
    return times


if __name__ == "__main__":
    main()
