"""Shows that the tests of the queue's rules notice when a rule is taken away: `python -m tests.chaos.mutants`.

Each mutant is a copy of the project in which one rule of the SQL is missing; its tests have to fail there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
COPIED = ("engine", "webapp", "tasks", "tests", "benchmarks", "manage.py", "pyproject.toml", "templates")
RULES = ("tests/webapp/test_runs.py", "tests/webapp/test_queue_machine.py")


@dataclass(frozen=True)
class Mutant:
    """A rule that is taken away: what stands in the file, and what stands there in the mutant."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]


MUTANTS = (
    Mutant(
        "holders' writes without the attempt fence",
        "webapp/services/runs.py",
        (
            ("WHERE id = %s AND attempt = %s AND state = 'running'", "WHERE id = %s AND %s > 0 AND state = 'running'"),
            ("AND attempt = %(attempt)s AND state = 'running'", "AND state = 'running'"),
            ("AND run.attempt = %s AND run.state = 'running'", "AND %s > 0 AND run.state = 'running'"),
            ("attempt=claim.attempt, state=RunState.RUNNING", "state=RunState.RUNNING"),
        ),
    ),
    Mutant(
        "a claim without SKIP LOCKED",
        "webapp/services/runs.py",
        (("LIMIT 1 FOR UPDATE SKIP LOCKED", "LIMIT 1 FOR UPDATE"),),
    ),
    Mutant(
        "a reaper that ignores the lease",
        "webapp/services/workers.py",
        (("WHERE state = 'running' AND lease_until <= statement_timestamp()", "WHERE state = 'running'"),),
    ),
)


def make(mutant: Mutant, folder: Path) -> None:
    """Write the mutant into a folder."""
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    file = folder / mutant.file
    text = file.read_text()
    for old, new in mutant.changes:
        if old not in text:
            raise ValueError(f"{mutant.file} no longer holds {old!r}: tell this script what stands there now.")
        text = text.replace(old, new)
    file.write_text(text)


def failing_test(mutant: Mutant, tests: Iterable[str] = RULES) -> str | None:
    """The first test that fails for the mutant, or None where it lives."""
    with tempfile.TemporaryDirectory(prefix="netspace-mutant-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        make(mutant, folder)
        environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
        if done.returncode not in (0, 1) or (done.returncode == 1 and not failed):
            raise RuntimeError(f"The tests did not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return failed[0].removeprefix("FAILED ").split(" - ")[0] if failed else None


def main() -> int:
    alive = 0
    for mutant in MUTANTS:
        test = failing_test(mutant)
        alive += test is None
        print(f"{mutant.name}: {f'caught by {test}' if test else 'LIVES'}", flush=True)
    return alive


if __name__ == "__main__":
    sys.exit(main())
