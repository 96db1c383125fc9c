"""Light pages of a team with a long history: what each costs, first and again, however many samples the team has.

`python -m benchmarks.lists 1000000` fills a database with as many.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.services import app_on_own_services

SAMPLES = 100_000
A_BATCH = 10_000  # webapp.services.batches.LARGEST_BATCH
BATCHES_A_SPACE = 5
PAGES = 50
IMPORTED_ROWS = 100_000  # webapp.files.reading.MOST_ROWS
AIM = 0.15  # s of CPU, of the web process and of the database together
LONGEST = 60  # s a look
TICKS = os.sysconf("SC_CLK_TCK")


class TooLong(Exception):
    """A look that is given up."""


@dataclass(frozen=True)
class Look:
    """What one look at a page cost: seconds of CPU, and statements."""

    web: float
    database: float
    statements: int

    @property
    def cpu(self) -> float:
        return self.web + self.database


LOOKS = 10  # of which the cheapest counts: a list of results computes the lines that have changed a few at a look


def main(samples: int = SAMPLES) -> None:
    with app_on_own_services():
        started = time.perf_counter()
        addresses = _fill(samples)
        print(f"a team with {samples:,} samples, filled in {time.perf_counter() - started:.0f} s; CPU of the web "
              f"process + of the database (s), again after the first look:")  # fmt: skip
        client = _client()
        print(f"  {'page':44} {'first':>8} {'again':>8} = {'web':>6} + {'database':>8} {'aim':>6} {'statements':>11}")
        for name, address in addresses.items():
            _print_looks(client, name, address)


def _print_looks(client: Any, name: str, address: str) -> None:
    try:
        first = _look(client, address)
        again = min((_look(client, address) for _ in range(LOOKS)), key=lambda look: look.cpu)
    except TooLong:
        print(f"  {name:44} took longer than {LONGEST} s", flush=True)
        return
    print(f"  {name:44} {first.cpu:8.2f} {again.cpu:8.2f} = {again.web:6.2f} + {again.database:8.2f} {AIM:6.2f} "
          f"{again.statements:11,}", flush=True)  # fmt: skip


def _look(client: Any, address: str) -> Look:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    web, database = time.process_time(), _database_seconds()
    with _at_most(LONGEST), CaptureQueriesContext(connection) as statements:
        response = client.get(address)
        _ = b"".join(response.streaming_content) if response.streaming else response.content
    assert response.status_code in (200, 204), (address, response.status_code)
    return Look(time.process_time() - web, _database_seconds() - database, len(statements))


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """End a look that takes longer: while the database works by its own limit, while Python does by an alarm."""
    from django.db import OperationalError

    def give_up(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    except OperationalError as error:
        if "statement timeout" not in str(error):
            raise
        raise TooLong from error
    finally:
        signal.alarm(0)


def _database_seconds() -> float:
    """CPU that the backend of our connection has used."""
    from django.db import connection

    stat = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


def _client() -> Any:
    from django.db import connection
    from django.test import Client

    from webapp.models import User

    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # all its CPU is then that of one process
        cursor.execute(f"SET statement_timeout = '{LONGEST} s'")
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
    return client


def _fill(samples: int) -> dict[str, str]:
    """The addresses of the pages by their names."""
    from tests.webapp import rows
    from webapp import queries

    team, user = rows.a_team()
    regime = rows.a_regime(team, user)
    pairs, batch, left = [], None, samples
    while left > 0:
        space = rows.a_space(team, user, name=f"Space {len(pairs)}")
        pairs.append(f"{space.pk}-{regime.pk}")
        for _ in range(BATCHES_A_SPACE):
            size = min(A_BATCH, left)
            batch = _a_batch(space, regime, user, size=size) if size else batch
            left -= size
    running = _a_batch(space, regime, user, size=A_BATCH, ended=A_BATCH // 2)
    imported = _an_import(team, user)
    _results(team, user, pairs)
    _analyze()
    return {
        f"results, {PAGES} live pages": "/results/",
        "home": "/",
        "a space": f"/spaces/{space.pk}/",
        "the spaces": "/spaces/",
        "the queue": "/batches/",
        f"a batch that runs, {A_BATCH // 2:,} of {A_BATCH:,} ended": f"/batches/{running.pk}/",
        "its progress, polled every 2 s": f"/batches/{running.pk}/progress/",
        "its EDF, polled every 10 s, changed": f"/batches/{running.pk}/edf/",
        "its EDF, unchanged": f"/batches/{running.pk}/edf/?seen={queries.batch_versions([running.pk])[running.pk]}",
        f"an import of {IMPORTED_ROWS:,} rows": f"/imports/{imported.pk}/?page=1000",
        "choosing what to analyse": "/analyses/",
    }


def _a_batch(space: Any, regime: Any, user: Any, *, size: int, ended: int | None = None) -> Any:
    """Copies of one design with errors by chance; the first have ``ended``, or all."""
    from django.db import connection

    from tests.webapp import rows

    batch = rows.a_batch(space, regime, user, size=1)
    type(batch).objects.filter(pk=batch.pk).update(size=size)
    values = {"batch": batch.pk, "size": size, "ended": size if ended is None else ended}
    with connection.cursor() as cursor:
        cursor.execute(SAMPLES_OF_A_BATCH, values)
        cursor.execute(RUNS_OF_A_BATCH, values)
    return batch


SAMPLES_OF_A_BATCH = """
INSERT INTO webapp_sample (batch_id, position, drawn, design, design_key, flops, params, acts)
SELECT batch_id, number, drawn, design, 'design ' || number, flops, params, acts
FROM webapp_sample, generate_series(1, %(size)s - 1) AS number WHERE batch_id = %(batch)s AND position = 0;
UPDATE webapp_sample SET error = 20 + 40 * random(), best_error = 20
WHERE batch_id = %(batch)s AND position < %(ended)s AND position %% 20 > 0
"""
RUNS_OF_A_BATCH = """
DELETE FROM webapp_run WHERE batch_id = %(batch)s;
INSERT INTO webapp_run (sample_id, batch_id, position, replicate, state, attempt, lost_workers, errors,
    queued_at, started_at, ended_at, final_error, best_error, device_kind, versions, failure_kind, failure_message)
SELECT id, batch_id, position, 0, state, 1, 0, 0, now(), now() - interval '1 minute',
    CASE WHEN position < %(ended)s THEN now() END, error, best_error, 'a processor', '{"torch": "2"}',
    CASE WHEN state = 'failed' THEN 'diverged' ELSE '' END,
    CASE WHEN state = 'failed' THEN 'The loss was no longer finite.' ELSE '' END
FROM webapp_sample CROSS JOIN LATERAL (SELECT
    CASE WHEN position >= %(ended)s THEN 'queued' WHEN error IS NULL THEN 'failed' ELSE 'done' END AS state
) AS _ WHERE batch_id = %(batch)s
"""


def _an_import(team: Any, user: Any) -> Any:
    """With every kind of column."""
    from engine.spaces import presets
    from engine.spaces.sampling import draw_designs
    from webapp import services
    from webapp.models import ColumnKind
    from webapp.models.columns import Column

    rng = np.random.default_rng(0)
    draw = draw_designs(presets.space("RegNetX-small"), size=10, seed=0, resolution=14, in_channels=1, num_classes=10)
    designs = [design.to_anynet().to_json() for design in draw.designs] * (IMPORTED_ROWS // 10)
    numbers = {f"parameter_{k}": rng.normal(100, 10, IMPORTED_ROWS) for k in range(8)}
    numbers["error"] = rng.uniform(20, 60, IMPORTED_ROWS)
    columns = [
        Column("name", ColumnKind.TEXT, [f"run {k}" for k in range(IMPORTED_ROWS)]),
        Column("design", ColumnKind.DESIGN, designs),
        *(Column(name, ColumnKind.NUMBER, values) for name, values in numbers.items()),
    ]
    return services.create_imported_population(
        team=team, name="Elsewhere", origin=services.Origin("rows.json", "error"), columns=columns, actor=user
    )


def _results(team: Any, user: Any, pairs: list[str]) -> None:
    from webapp import services

    for number in range(PAGES):
        named = [pairs[number % len(pairs)], pairs[(number + 1) % len(pairs)]]
        analysis = {"schema": 1, "values": {"p": list(dict.fromkeys(named))}}
        services.create_result_page(team=team, title=f"Page {number}", notes="", analysis=analysis, actor=user)


def _analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
