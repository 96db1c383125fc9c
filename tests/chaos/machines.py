"""The fleet that the chaos befalls: embedded services and machines, each a real `manage.py worker`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from webapp import embedded

PROJECT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 4.0
QUICK = {
    "NETSPACE_LEASE_SECONDS": f"{LEASE_SECONDS:g}",
    "NETSPACE_HEARTBEAT_SECONDS": "1",
    "NETSPACE_POLL_SECONDS": "0.5",
    "NETSPACE_STALL_SECONDS": "60",
}
NOT_INHERITED = ("DEBUG", "HTTPS", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "NETSPACE_DATA", "NETSPACE_CHECKPOINTS")


class Services:
    """An embedded PostgreSQL, as safe against crashes as in production, and Redis; killed ones are started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "services"
        self._services = embedded.Services()
        self._killed: set[int] = set()

    def start(self) -> embedded.Running:
        return self._services.start(self.folder)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End "postgres" or "redis" with a signal and wait until it has gone."""
        pid = self._services.pids()[name]
        os.kill(pid, number)
        self._killed.add(pid)
        wait_until(lambda: not is_alive(pid), within=30)

    def bring_back(self) -> list[str]:
        """Start again what has ended; a sentence for each. What was killed may take a moment to be seen as ended."""
        deadline = time.monotonic() + 60
        told: list[str] = []
        while True:
            try:
                told += self._services.poll()
                running = set(self._services.pids().values())
                if len(running) == 2 and not running & self._killed:
                    return told
            except embedded.EmbeddedError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def stop(self) -> None:
        self._services.stop()


class Machine:
    """One machine with one slot on the CPU and a folder of its own; the checkpoints are shared."""

    def __init__(self, number: int, folder: Path) -> None:
        self.name = f"machine-{number}"
        self.log = folder / f"{self.name}.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in NOT_INHERITED},
            **QUICK,
            "NETSPACE_VAR": str(folder / self.name),
            "NETSPACE_CHECKPOINTS": str(folder / "checkpoints"),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "manage.py", "worker", "--devices", "cpu", "--slots-per-device", "1"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def ensure_running(self) -> None:
        if self.process is None or self.process.poll() is not None:
            self.start()

    @property
    def supervisor(self) -> int | None:
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def child(self, name: str) -> int | None:
        """The process of "slot-0" or "housekeeping", where it runs."""
        for pid in self.children():
            try:
                if f"{name}-".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
            except OSError:
                continue
        return None

    def children(self) -> list[int]:
        try:
            words = Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children").read_text().split()
        except OSError:
            return []
        return [int(word) for word in words]

    def stop(self) -> None:
        if self.supervisor is None or self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(45)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def send(pid: int | None, number: signal.Signals) -> bool:
    """Send a signal to a process that may have ended meanwhile."""
    try:
        if pid is not None:
            os.kill(pid, number)
            return True
    except ProcessLookupError:
        pass
    return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], *, within: float) -> bool:
    """Whether the condition held in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
