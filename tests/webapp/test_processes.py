"""Children that end with the process that started them, and that it keeps alive."""

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
SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


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
        "time.sleep(60)\n"
    )
    script = textwrap.dedent("""
        import signal, sys, time
        from webapp import processes
        child = processes.start([sys.executable, "-c", sys.argv[1]], end_signal=signal.SIGUSR1)
        time.sleep(60)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script, child], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
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
        assert processes.end_leftover(child.pid, ["time.sleep(60)", "another program"], STEPS)
        assert child.poll() is None
        assert processes.end_leftover(child.pid, ["time.sleep(60)"], STEPS)
        assert child.wait(5) == -signal.SIGTERM
    finally:
        processes.stop(child, STEPS)


def test_a_child_that_ignores_the_first_signal_gets_the_next() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = processes.start([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    processes.stop(child, ((signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)))
    assert child.returncode == -signal.SIGKILL


def test_nothing_is_known_of_a_number_that_no_process_has() -> None:
    gone = start_sleeper()
    processes.stop(gone, STEPS)
    assert processes.command_of(gone.pid) == ""


class Kept(processes.KeptAlive):
    """A process that sleeps, or one that ends at once; the first ``refused`` starts of it fail."""

    healthy_seconds = 1000.0  # the tests' clock runs ahead by no more than the waits

    def __init__(self, *command: str, refused: int = 0) -> None:
        self.command, self.refused = command or SLEEP, refused

    def launch(self) -> subprocess.Popen[bytes]:
        if self.refused:
            self.refused -= 1
            raise BlockingIOError("no process left")
        return processes.start(self.command, stdin=subprocess.PIPE)


def test_a_child_that_had_lived_for_long_is_started_again_at_once_and_it_is_told_how_it_ended() -> None:
    child, now = Kept(), time.monotonic()
    assert child.keep_alive(now) is None
    first = child.process
    try:
        assert first is not None
        assert child.keep_alive(now) is None
        assert child.process is first
        first.kill()
        first.wait(5)
        assert child.keep_alive(now + 1001) == "was killed by SIGKILL"
        assert child.process is not None
        assert child.process.pid != first.pid
        assert first.stdin is not None
        assert first.stdin.closed
    finally:
        if child.process is not None:
            processes.stop(child.process, STEPS)


def test_a_child_that_ends_again_and_again_is_started_later_and_later_until_it_lives_for_long() -> None:
    child, waits = Kept("/bin/false"), []
    for _ in range(7):
        now = max(child.restart_at, time.monotonic())
        assert child.keep_alive(now) is None
        assert child.process is not None
        child.process.wait(5)
        assert child.keep_alive(now) == "ended with status 1"
        assert child.process is None
        assert child.keep_alive(child.restart_at - 0.1) is None
        waits.append(child.restart_at - now)
    assert waits == pytest.approx([1, 2, 4, 8, 16, 30, 30])
    assert child.quick_ends == 7
    child.keep_alive(child.restart_at)
    assert child.process is not None
    child.process.wait(5)
    child.keep_alive(time.monotonic() + 1001)
    assert child.quick_ends == 0


def test_a_child_that_cannot_be_started_is_tried_again_later_and_later() -> None:
    child, waits = Kept("/bin/true", refused=6), []
    for _ in range(6):
        now = child.restart_at
        assert child.keep_alive(now) == "could not be started (no process left)"
        waits.append(child.restart_at - now)
    assert waits == [1, 2, 4, 8, 16, 30]
    assert child.keep_alive(child.restart_at) is None
    assert child.process is not None
    child.process.wait(5)
