"""Child processes that end with the process that started them, however that one ends, and that it keeps alive.

Nothing here knows Django. The launcher and the embedded services start their children through `start`: each child gets
a session of its own (the terminal's Ctrl-C reaches only the parent, which then ends its child processes in order) and,
on Linux, asks the kernel to signal it when its parent is gone. Other systems have no such request; there whoever starts
next looks for what was left behind (`end_leftover`). What those two and the worker's supervisor start again where it
has ended is a `KeptAlive`.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import queue
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar


@dataclass(frozen=True)
class Account:
    """An account of the system that a child runs as; only root can give one."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of_uid(cls, uid: int) -> Account:
        entry = pwd.getpwuid(uid)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def named(cls, name: str) -> Account:
        return cls.of_uid(pwd.getpwnam(name).pw_uid)


# Runs in a fresh interpreter, between fork and the real command. The request for a parent-death signal comes after the
# change of account, because the kernel forgets it at such a change. All imports come before, since the account may be
# unable to read them.
_LAUNCH = """
import ctypes, json, os, sys
task = json.loads(sys.argv[1])
libc = ctypes.CDLL(None) if sys.platform == "linux" else None
if task["uid"] is not None:
    os.setgroups([])
    os.setgid(task["gid"])
    os.setuid(task["uid"])
if libc is not None:
    libc.prctl(1, task["end_signal"], 0, 0, 0)
    if os.getppid() != task["parent"]:
        sys.exit(0)
os.chdir(task["folder"])
try:
    os.execv(task["command"][0], task["command"])
except OSError as error:
    sys.exit(f"{task['command'][0]} can't be started: {error.strerror}")
"""


T = TypeVar("T")


class _ForkingThread:
    """One thread that makes all forks of this process.

    Linux sends the parent-death signal when the *thread* that forked ends, so a child started from a short-lived
    thread would be ended with it. This one lasts as long as the process.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._requests: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="forks", daemon=True).start()

    def call(self, function: Callable[[], T]) -> T:
        future: Future[T] = Future()
        self._requests.put((future, function))
        return future.result()

    def _serve(self) -> None:
        while True:
            future, function = self._requests.get()
            try:
                future.set_result(function())
            except BaseException as error:  # handed on to the caller, whatever it is
                future.set_exception(error)


_forking_thread: _ForkingThread | None = None
_forking_thread_lock = threading.Lock()


def _fork(function: Callable[[], T]) -> T:
    global _forking_thread
    with _forking_thread_lock:
        if _forking_thread is None or _forking_thread.pid != os.getpid():
            _forking_thread = _ForkingThread()
    return _forking_thread.call(function)


def _launch_command(command: Sequence[str], end_signal: int, account: Account | None, folder: str) -> list[str]:
    task = {
        "command": list(command),
        "end_signal": int(end_signal),
        "parent": os.getpid(),
        "uid": account.uid if account else None,
        "gid": account.gid if account else None,
        "folder": folder,
    }
    return [sys.executable, "-I", "-S", "-c", _LAUNCH, json.dumps(task)]


def start(
    command: Sequence[str],
    *,
    end_signal: int = signal.SIGTERM,
    account: Account | None = None,
    cwd: str | Path = "/",
    **popen: Any,
) -> subprocess.Popen[bytes]:
    """Start a long-lived child; `end_signal` is what it gets when this process has ended without stopping it.

    The command's first word must be a path. Other keywords go to `subprocess.Popen`.
    """
    line = _launch_command(command, end_signal, account, str(cwd))
    return _fork(lambda: subprocess.Popen(line, start_new_session=True, **popen))


def run(
    command: Sequence[str],
    *,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    input: bytes | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a short helper to its end, with its output captured; it is killed if this process ends meanwhile."""
    line = _launch_command(command, signal.SIGKILL, account, "/")
    return subprocess.run(line, capture_output=True, check=False, start_new_session=True, env=env, input=input)


def can_reach(account: Account, *, programs: Sequence[Path], folders: Sequence[Path]) -> bool:
    """Whether the account could run these programs and write into these folders, asked as that account."""
    question = (
        "import os, sys\n"
        "uid, gid, count = map(int, sys.argv[1:4])\n"
        "os.setgroups([]); os.setgid(gid); os.setuid(uid)\n"
        "programs, folders = sys.argv[4:4 + count], sys.argv[4 + count:]\n"
        "sys.exit(not (all(os.access(path, os.R_OK | os.X_OK) for path in programs)\n"
        "              and all(os.access(path, os.R_OK | os.W_OK | os.X_OK) for path in folders)))\n"
    )
    numbers = [str(account.uid), str(account.gid), str(len(programs))]
    paths = [str(path) for path in (*programs, *folders)]
    line = [sys.executable, "-I", "-S", "-c", question, *numbers, *paths]
    return subprocess.run(line, cwd="/", check=False, capture_output=True).returncode == 0


def stop(process: subprocess.Popen[bytes], steps: Sequence[tuple[int, float]]) -> None:
    """End a child: each step is a signal and the seconds to wait for it to work before the next."""
    for number, seconds in steps:
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


LONGEST_RESTART_WAIT = 30.0


class KeptAlive(ABC):
    """A child that is started again where it has ended: at once if it had lived long enough, else later each time."""

    healthy_seconds: float = 60.0  # such a life is long enough
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    quick_ends: int = 0  # in a row

    @abstractmethod
    def launch(self) -> subprocess.Popen[bytes]: ...

    def start(self) -> None:
        self.process = self.launch()
        self.started_at = time.monotonic()

    def how_it_ended(self) -> str | None:
        """In words; None while it runs."""
        if self.process is None:
            return "is not running"
        code = self.process.poll()
        if code is None:
            return None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    def keep_alive(self, now: float) -> str | None:
        """Start it where it has ended and its time has come; in words how it ended, where that is news.

        To be called again and again, with the monotonic clock's time.
        """
        ended = None
        if self.process is not None and (ended := self.how_it_ended()) is not None:
            self.forget()
            self._wait_before_restart(now, healthy=now - self.started_at >= self.healthy_seconds)
        if self.process is None and now >= self.restart_at:
            try:
                self.start()
            except OSError as error:  # no memory or no process left on the machine: others may end meanwhile
                self._wait_before_restart(now, healthy=False)
                return f"could not be started ({error})"
        return ended

    def _wait_before_restart(self, now: float, *, healthy: bool) -> None:
        self.quick_ends = 0 if healthy else self.quick_ends + 1
        self.restart_at = now + (0.0 if healthy else min(2.0 ** (self.quick_ends - 1), LONGEST_RESTART_WAIT))

    def forget(self) -> None:
        """Let go of a process that has ended."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


def command_of(pid: int) -> str:
    """The command line of a process; an empty string when there is none, or only its remains (a zombie)."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    found = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False, text=True)
    return found.stdout.strip()


def end_leftover(pid: int, marks: Sequence[str], steps: Sequence[tuple[int, float]]) -> bool:
    """End a process that an earlier start left behind, if its command line holds every mark; True when it is gone.

    The marks guard against a number that the system has given to an unrelated process since.
    """

    def alive() -> bool:
        command = command_of(pid)
        return bool(command) and all(mark in command for mark in marks)

    for number, seconds in steps:
        if not alive():
            return True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while alive() and time.monotonic() < deadline:
            time.sleep(0.02)
    return not alive()
