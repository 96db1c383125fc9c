"""Everything of one machine in one command: services, migrations, web, worker; and all of it ended again.

Used by `manage.py up` and `manage.py demo`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from webapp import embedded, processes

WEB_STARTS_WITHIN = 60.0
STOP_STEPS = ((signal.SIGTERM, 40.0), (signal.SIGKILL, 5.0))
MOST_QUICK_ENDS = 5


class LaunchError(Exception):
    """Why nothing was started, in one sentence."""


class Interrupted(Exception):
    """Ctrl-C, or the signal that asks for an orderly end."""


@dataclass
class Part(processes.KeptAlive):
    """One of our own programs: its output goes to a log file, and line by line to whoever listens."""

    name: str
    command: list[str]
    on_line: Callable[[str, str], None]

    def launch(self) -> subprocess.Popen[bytes]:
        process = processes.start(
            self.command,
            cwd=settings.BASE_DIR,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "webapp.settings", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._read, args=(process.stdout,), name=f"log of {self.name}", daemon=True).start()
        return process

    def _read(self, output: IO[bytes]) -> None:
        log = settings.VAR / "log" / f"{self.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            for line in output:
                with contextlib.suppress(OSError):  # a full disk must not end the program that talks
                    file.write(line)
                    file.flush()
                self.on_line(self.name, line.decode(errors="replace").rstrip())


@dataclass
class Launcher:
    """Starts everything on entry and ends everything on exit, in order.

    Parameters
    ----------
    port : int
        Where the web app listens on this machine (127.0.0.1).
    say : callable
        Takes a sentence for the person at the terminal.
    on_line : callable
        Takes the name of a part and a line of its output.
    """

    port: int
    say: Callable[[str], None]
    on_line: Callable[[str, str], None] = lambda name, line: None
    worker_options: tuple[str, ...] = ()
    services: embedded.Services | None = None
    parts: list[Part] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Launcher:
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        if settings.EMBEDDED and (holder := embedded.running(settings.VAR)) is not None:
            raise holder
        check_port(self.port)
        if settings.EMBEDDED:
            started = time.monotonic()
            self.services = embedded.Services()
            running = self.services.start(settings.VAR, address=self.address)
            # A port that somebody else has taken meanwhile was replaced after this process had read its settings.
            connection.settings_dict["PORT"] = urlsplit(running.database_url).port
            self.say(f"PostgreSQL and Redis are running under {settings.VAR} ({time.monotonic() - started:.1f} s).")
        self.say(f"Starting the web app at {self.address} and a worker ...")
        call_command("migrate", verbosity=0, interactive=False)
        connection.close()
        python = sys.executable
        self.parts = [
            Part("worker", [python, "manage.py", "worker", *self.worker_options], self.on_line),
            Part("web", [python, "-m", "gunicorn", "webapp.wsgi", *self._gunicorn_options()], self.on_line),
        ]
        for part in self.parts:
            part.start()
        self._wait_for_web()

    def _gunicorn_options(self) -> list[str]:
        return [
            f"--bind=127.0.0.1:{self.port}",
            "--worker-class=gthread",
            "--threads=4",
            "--timeout=120",
            "--graceful-timeout=5",
            "--log-level=warning",
        ]

    def _wait_for_web(self) -> None:
        deadline = time.monotonic() + WEB_STARTS_WITHIN
        while time.monotonic() < deadline:
            with contextlib.suppress(URLError, OSError), urlopen(f"{self.address}/sign-in/", timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return
            self.check()
            time.sleep(0.2)
        raise LaunchError(
            f"The web app did not answer within {WEB_STARTS_WITHIN:.0f} s; see {settings.VAR}/log/web.log."
        )

    def check(self) -> None:
        """Start again whatever has ended, and say so; to be called every second or so."""
        if self.services is not None:
            for sentence in self.services.poll():
                self.say(sentence)
        for part in self.parts:
            ended = part.keep_alive(time.monotonic())
            if part.quick_ends >= MOST_QUICK_ENDS:
                raise LaunchError(f"The {part.name} ends again and again; see {settings.VAR / 'log' / part.name}.log.")
            if ended is not None:
                self.say(f"The {part.name} {ended}; it is started again, and nothing is lost.")

    def _stop(self) -> None:
        # A second Ctrl-C must not leave half of it running.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        running = [part.process for part in self.parts if part.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            processes.stop(process, STOP_STEPS)
        connection.close()
        if self.services is not None:
            self.services.stop()


def _interrupt(*_: object) -> None:
    raise Interrupted


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise LaunchError(
                f"Port {port} is taken by another program; choose one with PORT=, as in PORT={port + 1}."
            ) from None
