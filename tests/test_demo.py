"""The demo itself, made small: its own folder and port, from start to table to clean end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from tests.tasks.fleet import QUICK
from webapp import embedded

ROOT = Path(__file__).resolve().parent.parent
FROM_TESTS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "NETSPACE_VAR")

pytestmark = [
    pytest.mark.demo,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for leftover processes in /proc"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_demo(folder: Path, *, port: int, size: int = 2, leave: bool = True) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in FROM_TESTS}
    environment |= {**QUICK, "NETSPACE_VAR": str(folder), "COLUMNS": "200"}
    # The images found for one run serve all of them.
    environment.setdefault("NETSPACE_DATA", str(ROOT / "var" / "data"))
    command = [sys.executable, "manage.py", "demo", "--size", str(size), "--port", str(port)]
    command += ["--exit"] if leave else []
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run_demo(folder: Path, *, port: int) -> tuple[int, str]:
    process = start_demo(folder, port=port)
    output, _ = process.communicate(timeout=900)
    return process.returncode, output


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes whose environment or arguments name the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if str(folder).encode() in text and state != "Z":
            found.append(entry.name + " " + (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("demo") / "var"
    yield made
    embedded.remove(made)  # as root the database lies elsewhere


def test_the_demo_ends_with_a_table_and_a_link_and_leaves_nothing_running(folder: Path) -> None:
    status, output = run_demo(folder, port=free_port())
    assert status == 0, output
    assert re.search(r"AnyNetX-A.*│\s*2 │\s*0 │ \[\d+\.\d \| \d+\.\d\]", output), output
    assert re.search(r"tell (AnyNetX-A and RegNetX|RegNetX and AnyNetX-A) apart: 2 and 2 of them ended\.", output), (
        output
    )
    link = r"result page .*: http://127\.0\.0\.1:\d+/sign-in/link/\?sesame=\S+next=%2Fanalyses"
    assert re.search(link, output), output
    assert processes_of(folder) == []


def test_a_second_demo_trains_nothing_again_serves_its_result_page_and_ends_with_ctrl_c(folder: Path) -> None:
    started = datetime.now(UTC)
    process = start_demo(folder, port=free_port(), leave=False)
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Serving on"):
            break
    output = "".join(lines)
    link = re.search(r"result page .*: (http\S+)", output)
    assert link is not None, output
    assert "Finished in" in output
    with psycopg2.connect(embedded.urls(folder).database_url) as database, database.cursor() as cursor:
        cursor.execute("SELECT count(*), max(ended_at) FROM webapp_run")
        count, last = cursor.fetchone() or (0, None)
    database.close()
    assert (count, last < started) == (4, True)
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = opener.open(link[1], timeout=120).read().decode()
    assert "RegNetX" in page
    assert "2 used, 0 failed, 0 pending" in page
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=300)
    assert process.returncode == 0, rest
    assert processes_of(folder) == []


def test_a_worker_killed_in_the_middle_is_started_again_and_the_demo_ends(folder: Path) -> None:
    process = start_demo(folder, port=free_port(), size=4)
    assert process.stdout is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or []))
    reader.start()
    deadline = time.monotonic() + 300
    victim = None
    while victim is None and time.monotonic() < deadline:
        found = [line for line in processes_of(folder) if "manage.py worker" in line]
        victim = int(found[0].split()[0]) if found else None
        time.sleep(0.2)
    assert victim is not None, "".join(lines)
    checkpoints = folder / "checkpoints"
    while not list(checkpoints.glob("*.checkpoint")) and process.poll() is None:  # into the first trainings
        time.sleep(0.2)
    os.kill(victim, signal.SIGKILL)
    assert process.wait(timeout=900) == 0, "".join(lines)
    reader.join()
    output = "".join(lines)
    assert "The worker was killed by SIGKILL; it is started again" in output
    assert re.search(r"AnyNetX-A.*│\s*4 │\s*0 │", output), output
    assert processes_of(folder) == []


def test_a_taken_port_ends_in_one_sentence(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, output = run_demo(folder, port=taken.getsockname()[1])
    assert status == 1
    assert re.fullmatch(r"CommandError: Port \d+ is taken by another program; choose one with PORT=.*\n", output)
