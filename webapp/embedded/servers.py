"""PostgreSQL and Redis as child processes: where their programs lie, how each is prepared, started, checked and ended.

Used by webapp/embedded.py only, which decides on folders, ports and passwords. Imports no Django.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psycopg2

from webapp import processes
from webapp.embedded.place import POSTGRES_MAJOR, EmbeddedError, Programs
from webapp.processes import Account

HOST = "127.0.0.1"
NAME = "netspace"  # of the role and of the database
READY_SECONDS = 120.0  # recovery after a crash reads the write-ahead log again, which a slow disk makes long
LOG_LIMIT = 10_000_000  # bytes; a longer log is put aside at the next start


class PortTaken(EmbeddedError):
    """Another program listens on the port that was decided on."""


class WrongPassword(EmbeddedError):
    """The server runs but knows another password."""


def port_is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def environment() -> dict[str, str]:
    """What a server sees of our environment: no PG* variables, no secrets, messages in English (read below)."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


@dataclass
class Server(processes.KeptAlive):
    """One server process, started and restarted on the same port; one that has answered is restarted at once."""

    programs: Programs
    port: int
    password: str
    log: Path
    account: Account | None
    fast: bool = False
    _log_start: int = 0

    healthy_seconds = 0.0

    title: ClassVar[str]
    key: ClassVar[str]
    end_steps: ClassVar[tuple[tuple[int, float], ...]]

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def marks(self) -> list[str]:
        """What the command line of this very server holds, to tell it from other processes."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server takes our password and works; raises EmbeddedError where waiting won't help."""

    def configuration(self) -> bytes:
        """What the server reads from its standard input."""
        return b""

    def start(self) -> None:
        """Start the server and wait until it answers."""
        if not port_is_free(self.port):
            raise PortTaken(f"Port {self.port} of this machine, which {self.title} is to use, is taken.")
        self._put_long_log_aside()
        super().start()
        self._wait_until_ready()

    def launch(self) -> subprocess.Popen[bytes]:
        with open(self.log, "ab", opener=_private) as log:
            self._log_start = log.tell()
            process = processes.start(
                self.command(),
                end_signal=self.end_steps[0][0],
                account=self.account,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for two lines above
        try:
            process.stdin.write(self.configuration())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended already; _wait_until_ready finds out why
        return process

    def end(self) -> None:
        if self.process is not None:
            processes.stop(self.process, self.end_steps)
            self.process = None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while self.how_it_ended() is None:
            if self.answers():
                return
            if time.monotonic() > deadline:
                self.end()
                raise EmbeddedError(f"{self.title} did not answer within {READY_SECONDS:g} seconds; see {self.log}.")
            time.sleep(0.03)
        self.process = None
        raise failure(self.title, self.log, self.log_text())

    def log_text(self) -> str:
        """What the log says since the last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read(100_000).decode(errors="replace")

    def _put_long_log_aside(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def failure(title: str, log: Path, text: str) -> EmbeddedError:
    """The sentence for a server that ended by itself, from what it wrote last."""
    if "Address already in use" in text:
        return PortTaken(f"The port that {title} is to use was taken by another program meanwhile.")
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return EmbeddedError(f"{title} can't start because the disk is full: free some space and start again ({log}).")
    if "database files are incompatible with server" in text:
        return EmbeddedError(
            f"The database was written by another version than PostgreSQL {POSTGRES_MAJOR}: start the Netspace "
            "that wrote it, save it with pg_dump and load it into this one (docs/operations.md)."
        )
    lines = [line for line in text.splitlines() if line.strip() and "starting up" not in line]
    lines = [line for line in lines if "FATAL" in line or "PANIC" in line] or lines
    last = lines[-1].strip() if lines else "nothing"
    return EmbeddedError(f"{title} did not start; its log {log} ends with: {last}")


@dataclass
class Postgres(Server):
    data: Path = Path()

    title = "PostgreSQL"
    key = "postgres"
    # SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one (the next start recovers).
    end_steps = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    SETTINGS: ClassVar[dict[str, str]] = {
        "listen_addresses": HOST,
        "unix_socket_directories": "",  # a path in a deep folder is longer than a socket's name may be
        "max_connections": "100",
        "shared_buffers": "128MB",
        "max_wal_size": "512MB",
        "wal_level": "minimal",  # no replicas, no archive: less to write
        "max_wal_senders": "0",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
    }
    FAST: ClassVar[dict[str, str]] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

    def command(self) -> list[str]:
        settings = self.SETTINGS | (self.FAST if self.fast else {}) | {"port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs.postgres), "-D", str(self.data), *options]

    def marks(self) -> list[str]:
        return ["postgres", str(self.data)]

    def start(self) -> None:
        """Start; the last children of a killed server may hold its shared memory for a moment, which is waited for."""
        for _ in range(20):
            try:
                return super().start()
            except PortTaken:
                raise
            except EmbeddedError:
                if "is still in use" not in self.log_text():
                    raise
                time.sleep(0.25)
        raise EmbeddedError(f"Processes of an earlier PostgreSQL still use {self.data}: end them and start again.")

    def answers(self) -> bool:
        try:
            # Only SCRAM: whatever listens there never gets to see the password.
            psycopg2.connect(
                host=HOST,
                port=self.port,
                user=NAME,
                password=self.password,
                dbname=NAME,
                connect_timeout=5,
                require_auth="scram-sha-256",
            ).close()
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise WrongPassword("PostgreSQL refuses the password in services.json.") from None
            return False
        return True

    def create(self) -> None:
        """Make the database in a folder beside its place, which it takes only once it is whole."""
        unfinished = self.data.with_name("data.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["--username=postgres", "--auth=reject", "--encoding=UTF8", "--no-instructions"]
        options += ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += ["--no-sync", "--no-data-checksums"] if self.fast else []
        command = [str(self.programs.initdb), "-D", str(unfinished), *options]
        made = processes.run(command, account=self.account, env=environment())
        if made.returncode != 0:
            raise failure(self.title, self.log, (made.stdout + made.stderr).decode(errors="replace"))
        # The superuser has no password and no way in; the app's role owns its database and no more.
        (unfinished / "pg_hba.conf").write_text(f"host all {NAME} {HOST}/32 scram-sha-256\n")
        self._alone(
            unfinished,
            f"CREATE ROLE {NAME} LOGIN CREATEDB PASSWORD '{self.password}';",
            f"CREATE DATABASE {NAME} OWNER {NAME};",
        )
        unfinished.rename(self.data)

    def set_password(self) -> None:
        """Give the role the password of services.json; for a database whose services.json was lost."""
        self._alone(self.data, f"ALTER ROLE {NAME} PASSWORD '{self.password}';")

    def _alone(self, data: Path, *statements: str) -> None:
        """Run statements in PostgreSQL's single-user mode: no server, no network, no password needed."""
        options = ["-F"] if self.fast else []
        command = [str(self.programs.postgres), "--single", *options, "-D", str(data), "postgres"]
        text = "".join(f"{statement}\n" for statement in statements)
        done = processes.run(command, account=self.account, env=environment(), input=text.encode())
        output = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode != 0 or "ERROR:" in output:
            raise failure(self.title, self.log, output)

    def forget_stale_pid_file(self) -> None:
        """Remove postmaster.pid where its number is no PostgreSQL of this folder's any more (after a power cut)."""
        file = self.data / "postmaster.pid"
        if not file.exists():
            return
        number = file.read_text().split("\n", 1)[0].strip()
        if number.isdigit() and processes.end_leftover(int(number), self.marks(), self.end_steps):
            file.unlink(missing_ok=True)


@dataclass
class Redis(Server):
    title = "Redis"
    key = "redis"
    end_steps = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))

    def command(self) -> list[str]:
        return [str(self.programs.redis_server), "-"]

    def marks(self) -> list[str]:
        return ["redis-server", f"{HOST}:{self.port}"]

    def configuration(self) -> bytes:
        # Read from standard input, so the password is in no file of its own and on no command line. Nothing is kept on
        # disk: Redis only wakes workers up, PostgreSQL holds the queue.
        lines = [f"bind {HOST}", f"port {self.port}", "protected-mode yes", f"requirepass {self.password}"]
        return "\n".join([*lines, 'save ""', "appendonly no", "dir /", ""]).encode()

    def answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(1024)):
                    answer += part
        except OSError:
            return False
        return answer.startswith(b"+OK\r\n+PONG")
