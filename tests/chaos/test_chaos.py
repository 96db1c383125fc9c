"""A short chaos, the same as `make chaos` with other numbers, and that the mutants can still be made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos import mutants

# One of each sort; the long run has them all.
FAULTS = ("kill_slot_in_result", "stop_slot_beyond_its_lease", "stop_postgres_at_once")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_fleet_that_faults_befall_loses_doubles_and_corrupts_nothing() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    options = f"--faults {len(FAULTS)} --seed 1 --machines 1 --only {','.join(FAULTS)}"
    command = [sys.executable, "-m", "tests.chaos", *options.split()]
    done = subprocess.run(command, cwd=mutants.PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost, 0 duplicated, 0 stale writes accepted, 0 stuck" in done.stdout


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_can_still_be_made(mutant: mutants.Mutant, tmp_path: Path) -> None:
    mutants.make(mutant, tmp_path)
    for change in mutant.changes:
        assert change[1] in (tmp_path / mutant.file).read_text()
