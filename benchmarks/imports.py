"""Imports: 100,000 rows of 12 columns read, checked and stored, and 20,000 read back, against plain ways to do it."""

from __future__ import annotations

import csv
import json
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.services import app_on_own_services
from benchmarks.timing import fastest

ROWS, READ_BACK = 100_000, 20_000
NAMES = [*(f"parameter_{k}" for k in range(8)), "flops", "params", "acts", "error"]
AIM = 150  # ms for the columns of 20,000 rows


def main() -> None:
    with app_on_own_services(), tempfile.TemporaryDirectory() as name:
        files = _write(Path(name), ROWS)
        bare = fastest(lambda: _bare(files["csv"]), 1)
        print(f"{ROWS:,} rows x {len(NAMES)} columns: file to stored population (baseline: csv.reader and float alone)")
        for kind, path in files.items():
            before = _held(reset=True)
            seconds = fastest(lambda path=path, kind=kind: _import(path, f"all {kind}"), 1)
            size, grown = path.stat().st_size / 2**20, _held() - before
            print(
                f"  {kind:8} {size:5.1f} MiB: {seconds:5.2f} s, memory + {grown:4.0f} MiB, "
                f"baseline {bare:.2f} s, ratio {seconds / bare:.1f}"
            )
        _print_reading(_write(Path(name), READ_BACK)["parquet"])


def _print_reading(path: Path) -> None:
    from webapp import queries

    row = _import(path, "read back")
    ours = 1e3 * fastest(lambda: queries.load_imported(row).population, 10)
    objects = 1e3 * fastest(_as_objects(row), 3)
    print(f"{READ_BACK:,} rows x {len(NAMES)} columns from the database (baseline: one JSON object a row)")
    print(f"  ours {ours:.1f} ms (aim {AIM}), baseline {objects:.0f} ms, ratio {objects / ours:.0f}")


def _write(folder: Path, n: int) -> dict[str, Path]:
    import pyarrow
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    columns = {name: rng.normal(100, 10, n) for name in NAMES[:8]}
    columns |= {name: rng.integers(10**6, 10**8, n).astype(float) for name in NAMES[8:11]}
    columns["error"] = rng.uniform(20, 60, n)
    paths = {kind: folder / f"{n}.{kind}" for kind in ("csv", "json", "parquet")}
    rows = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    with paths["csv"].open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *rows])
    paths["json"].write_text(json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows]))
    parquet.write_table(pyarrow.table(columns), paths["parquet"])
    return paths


def _import(path: Path, name: str) -> Any:
    from tests.webapp import rows
    from webapp import services
    from webapp.files.imports import origin_of, read_import, usual_choices
    from webapp.files.reading import read_in_bounds
    from webapp.models import User

    user = User.objects.first() or rows.a_team()[1]
    table = read_in_bounds(path, path.with_suffix(".table"))
    choices = usual_choices(table)
    found = read_import(table, choices)
    assert not found.left_out
    origin = origin_of(path.name, table, choices, found)
    return services.create_imported_population(
        team=user.teams.get(), name=name, origin=origin, columns=found.columns, actor=user
    )


def _bare(path: Path) -> list[list[float]]:
    with path.open(newline="") as file:
        reader = csv.reader(file)
        next(reader)
        return [[float(cell) for cell in row] for row in reader]


def _as_objects(row: Any) -> Callable[[], object]:
    """The same values as one JSON object a row, as trackers keep them."""
    from django.db import connection
    from psycopg2.extras import execute_values

    from webapp import queries

    population = queries.load_imported(row).population
    lists = {name: population[name].tolist() for name in NAMES}
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE one_object_a_row (id serial PRIMARY KEY, values jsonb)")
        rows = [(json.dumps(dict(zip(NAMES, values, strict=True))),) for values in zip(*lists.values(), strict=True)]
        execute_values(cursor.cursor, "INSERT INTO one_object_a_row (values) VALUES %s", rows)

    def read() -> dict[str, np.ndarray]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT values FROM one_object_a_row ORDER BY id")
            objects = [json.loads(text) if isinstance(text, str) else text for (text,) in cursor.fetchall()]
        return {name: np.array([one[name] for one in objects]) for name in NAMES}

    return read


def _held(*, reset: bool = False) -> float:
    """The most memory this process has held since the last reset, MiB; Linux only, elsewhere since its start."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main()
