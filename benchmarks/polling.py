"""Twenty people with the page of a batch open while it trains: how fast its live part answers, what training loses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.request import Request, urlopen

import numpy as np

from benchmarks.services import (
    a_quick_regime,
    app_on_own_services,
    epochs_trained,
    training_worker,
    wait_for_training,
    web_server,
)

PEOPLE = 20
SECONDS = 30.0
INTERVAL = 2.0  # as in templates/batches/progress.html


def main() -> None:
    with app_on_own_services():
        from django.test import Client

        from tests.webapp import rows

        team, user = rows.a_team()
        space = rows.a_space(team, user, preset="AnyNetX-A-small")
        batch = rows.a_batch(space, a_quick_regime(team, user), user, size=200)
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        cookie = f"sessionid={client.cookies['sessionid'].value}"
        with web_server() as address, training_worker():
            wait_for_training()
            alone = _epochs_per_second()
            waits: list[float] = []
            with _people(f"{address}/batches/{batch.pk}/progress/", cookie, waits):
                watched = _epochs_per_second()
    p50, p99 = np.percentile(waits, [50, 99]) * 1000
    print(f"{PEOPLE} people, each asking every {INTERVAL:g} s: {len(waits)} answers in {SECONDS:.0f} s, "
          f"median {p50:.0f} ms, p99 {p99:.0f} ms")  # fmt: skip
    print(
        f"epochs trained per second: {alone:.1f} with nobody looking, {watched:.1f} beside them ({watched / alone:.2f})"
    )


def _epochs_per_second() -> float:
    before, started = epochs_trained(), time.monotonic()
    time.sleep(SECONDS)
    return (epochs_trained() - before) / (time.monotonic() - started)


@contextmanager
def _people(address: str, cookie: str, waits: list[float]) -> Iterator[None]:
    """Threads that ask for the live part of the page, evenly spread over the interval; their waits in seconds."""
    ended = threading.Event()

    def look(delay: float) -> None:
        ended.wait(delay)
        while not ended.is_set():
            started = time.perf_counter()
            request = Request(address, headers={"Cookie": cookie})  # noqa: S310
            with suppress(TimeoutError), urlopen(request, timeout=30) as answer:  # noqa: S310 - given up after 30 s
                assert answer.status == 200
                answer.read()
            waits.append(time.perf_counter() - started)
            ended.wait(max(0.0, INTERVAL - waits[-1]))

    people = [threading.Thread(target=look, args=(INTERVAL * number / PEOPLE,)) for number in range(PEOPLE)]
    for person in people:
        person.start()
    try:
        yield
    finally:
        ended.set()
        for person in people:
            person.join()


if __name__ == "__main__":
    main()
