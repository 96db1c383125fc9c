"""Children that end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from webapp import processes

ROOT = Path(__file__).resolve().parents[2]
STEPS = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def start_sleeper() -> subprocess.Popen[bytes]:
    process = processes.start(SLEEP, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def test_a_child_has_a_session_of_its_own_so_that_ctrl_c_reaches_only_the_parent() -> None:
    child = start_sleeper()
    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        processes.stop(child, STEPS)
    assert child.returncode == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_child_gets_its_end_signal_when_the_parent_is_killed(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    child = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGUSR1, lambda *_: (pathlib.Path({str(witness)!r}).write_text('told'), sys.exit()))\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    script = textwrap.dedent("""
        import signal, sys, time
        from webapp import processes
        child = processes.start([sys.executable, "-c", sys.argv[1]], end_signal=signal.SIGUSR1)
        time.sleep(600)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script, child], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while not (witness.exists() and witness.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert witness.read_text() == "told"


def test_a_command_that_is_not_there_ends_with_a_sentence() -> None:
    done = processes.run(["/nowhere/program"])
    assert done.returncode == 1
    assert done.stderr.decode().strip() == "/nowhere/program can't be started: No such file or directory"


def test_a_leftover_is_ended_only_if_its_command_line_holds_every_mark() -> None:
    child = start_sleeper()
    try:
        assert processes.end_leftover(child.pid, ["time.sleep(600)", "another program"], STEPS)
        assert child.poll() is None
        assert processes.end_leftover(child.pid, ["time.sleep(600)"], STEPS)
        assert child.wait(60) == -signal.SIGTERM
    finally:
        processes.stop(child, STEPS)


def test_a_child_that_ignores_the_first_signal_gets_the_next() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    child = processes.start([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    processes.stop(child, ((signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)))
    assert child.returncode == -signal.SIGKILL


def test_nothing_is_known_of_a_number_that_no_process_has() -> None:
    gone = start_sleeper()
    processes.stop(gone, STEPS)
    assert processes.command_of(gone.pid) == ""
