"""The embedded PostgreSQL and Redis, for running Netspace without installing servers.

`urls` decides once on ports and passwords and keeps them in `services.json`, so that every process of this machine
finds the same servers; `Services` starts them, watches them and ends them. Why it is done so:
docs/decisions/0001-embedded-services.md. Imports no Django: settings read `urls` while they are being loaded.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from webapp import processes
from webapp.embedded.place import EmbeddedError, Place
from webapp.embedded.servers import (
    HOST,
    NAME,
    PortTaken,
    Postgres,
    Redis,
    Server,
    WrongPassword,
    port_is_free,
)

__all__ = ["AlreadyRunning", "EmbeddedError", "Running", "Services", "remove", "running", "urls"]

SCHEMA = 1
# Below the range from which systems take the ports of outgoing connections (32768 on Linux, 49152 elsewhere).
PORTS = range(20_000, 32_000)


class Running(NamedTuple):
    """Where the services answer. The addresses hold the passwords: don't print them."""

    database_url: str
    redis_url: str


class AlreadyRunning(EmbeddedError):
    """Another process runs the services of this folder."""

    def __init__(self, folder: Path, *, pid: int, address: str) -> None:
        self.folder, self.pid, self.address = folder, pid, address
        where = f" at {address}" if address else ""
        super().__init__(f"Netspace is already running from {folder}{where} (process {pid}); stop that one first.")


@dataclass(frozen=True)
class Access:
    """What services.json holds: how to reach the services of a folder."""

    postgres_port: int
    redis_port: int
    postgres_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    postgres_home: str = ""  # set where the data can't lie in the folder itself (see Place)
    schema: int = SCHEMA

    @classmethod
    def new(cls) -> Access:
        postgres_port = _free_port()
        redis_port = _free_port(other_than=postgres_port)
        return cls(postgres_port, redis_port, secrets.token_urlsafe(24), secrets.token_urlsafe(24))

    @classmethod
    def read(cls, file: Path) -> Access | None:
        try:
            stored = json.loads(file.read_text())
            access = cls(**stored)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise EmbeddedError(f"{file} is damaged: delete it and start again (nothing else is lost).") from None
        if access.schema != SCHEMA:
            raise EmbeddedError(f"{file} was written by a newer Netspace (schema {access.schema!r}).")
        return access

    def write(self, file: Path) -> None:
        with _written_beside(file, asdict(self)) as written:
            written.replace(file)

    @property
    def running(self) -> Running:
        return Running(
            f"postgresql://{NAME}:{self.postgres_password}@{HOST}:{self.postgres_port}/{NAME}",
            f"redis://:{self.redis_password}@{HOST}:{self.redis_port}/0",
        )


@contextlib.contextmanager
def _written_beside(file: Path, content: dict[str, object]) -> Iterator[Path]:
    """A private temporary file beside `file`, complete and on disk, to be renamed or linked to it."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as written:
            json.dump(content, written, indent=1)
            written.flush()
            os.fsync(written.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _free_port(*, other_than: int = 0) -> int:
    for port in random.sample(PORTS, 200):
        if port != other_than and port_is_free(port):
            return port
    raise EmbeddedError(f"No port of this machine between {PORTS.start} and {PORTS.stop} is free.")


def _access(folder: Path) -> Access:
    """The folder's access data, decided on by whichever process asks first."""
    file = folder / "services.json"
    access = Access.read(file)
    if access is not None:
        return access
    folder.mkdir(parents=True, exist_ok=True)
    with _written_beside(file, asdict(Access.new())) as written, contextlib.suppress(FileExistsError):
        os.link(written, file)
    access = Access.read(file)
    assert access is not None  # noqa: S101 - it was just written, by us or by another process
    return access


def urls(folder: Path) -> Running:
    """(database_url, redis_url) of the folder's services, whether they run or not."""
    with _in_sentences(folder):
        return _access(folder.resolve()).running


def running(folder: Path) -> AlreadyRunning | None:
    """Who runs the services of this folder, as the error that a second start raises; None when they don't run."""
    folder = folder.resolve()
    if not (folder / "services.lock").exists():
        return None
    with _in_sentences(folder), open(folder / "services.lock", "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _Lock.content(folder)
            return AlreadyRunning(folder, pid=holder.get("pid", 0), address=holder.get("address", ""))
    return None


@contextlib.contextmanager
def _in_sentences(folder: Path) -> Iterator[None]:
    """Turn the system's errors about files into sentences."""
    try:
        yield
    except OSError as error:
        # shutil joins the errors of many files into one without a number.
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in str(error):
            text = f"The disk is full ({error.filename or folder}): free some space and start again."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            text = f"This account may not write to {error.filename or folder}: {error.strerror}."
        else:
            text = f"The services of {folder} can't be used: {error}."
        raise EmbeddedError(text) from error


class _Lock:
    """Held by the process that runs a folder's services; the kernel lets go of it when that process ends in any way.

    The file also says who holds it and which children it started, for those that an earlier holder left behind.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = os.fdopen(os.open(folder / "services.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            self._take()
        except BaseException:
            self._file.close()
            raise
        self.left_behind: list[dict[str, Any]] = self.content(folder).get("children", [])

    def _take(self) -> None:
        for _ in range(10):
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)  # perhaps only `running` having a look
        holder = self.content(self.folder)
        raise AlreadyRunning(self.folder, pid=holder.get("pid", 0), address=holder.get("address", ""))

    @staticmethod
    def content(folder: Path) -> dict[str, Any]:
        try:
            content = json.loads((folder / "services.lock").read_text())
        except (OSError, ValueError):
            return {}  # never written, or half written by a killed process: then it names nobody
        return content if isinstance(content, dict) else {}

    def end_what_was_left_behind(self) -> None:
        """Children of a starter that was killed: on Linux they are ending by themselves, elsewhere they still run."""
        steps = {kind.key: kind.end_steps for kind in (Postgres, Redis)}
        for child in self.left_behind:
            if not processes.end_leftover(child["pid"], child["marks"], steps[child["key"]]):
                raise EmbeddedError(f"Process {child['pid']} of an earlier start doesn't end: end it and start again.")

    def write(self, *, address: str, servers: list[Server]) -> None:
        children = [
            {"pid": server.process.pid, "marks": server.marks(), "key": server.key}
            for server in servers
            if server.process is not None
        ]
        self._rewrite(json.dumps({"pid": os.getpid(), "address": address, "children": children}))

    def release(self) -> None:
        with contextlib.suppress(OSError):  # a full disk must not keep a clean stop from ending
            self._rewrite("")
        self._file.close()

    def _rewrite(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()


def remove(folder: Path) -> None:
    """Delete the folder with all its data, and what was put elsewhere for it; refused while the services run."""
    folder = folder.resolve()
    if not folder.exists():
        return
    homes = set(Place.homes_elsewhere(folder))
    with _in_sentences(folder):
        lock = _Lock(folder)
        try:
            lock.end_what_was_left_behind()
            with contextlib.suppress(EmbeddedError):  # a damaged services.json is no reason to keep it
                access = Access.read(folder / "services.json")
                homes |= {Path(access.postgres_home)} if access and access.postgres_home else set()
            for home in homes:
                if home.name.startswith("netspace-") and home.is_dir() and not home.is_symlink():
                    shutil.rmtree(home)
            shutil.rmtree(folder)
        finally:
            lock.release()


class Services:
    """The services of one folder, run by this process.

    `fast` gives up every safeguard against a crash of the machine, for tests.
    """

    def __init__(self, *, fast: bool = False) -> None:
        self.fast = fast
        self._lock: _Lock | None = None
        self._address = ""
        self._servers: list[Server] = []

    def start(self, folder: Path, *, address: str = "") -> Running:
        """Start PostgreSQL and Redis with their files under `folder` and wait until both answer.

        A port taken by another program is replaced by a new one, so use the returned addresses.
        Raises AlreadyRunning while another process runs them, EmbeddedError for everything else.
        """
        if self._lock is not None:
            raise EmbeddedError("These services are started already.")
        folder = folder.resolve()
        self._address = address
        try:
            with _in_sentences(folder):
                return self._start(folder)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: Path) -> Running:
        (folder / "log").mkdir(parents=True, exist_ok=True)
        self._lock = _Lock(folder)
        access = _access(folder)
        self._lock.end_what_was_left_behind()
        place = Place.prepare(folder, remembered=access.postgres_home, fast=self.fast)
        if place.home != folder / "postgres" and not access.postgres_home:
            access = replace(access, postgres_home=str(place.home))
            access.write(folder / "services.json")
        log, common = folder / "log", (place.account, self.fast)
        redis = Redis(place.programs, access.redis_port, access.redis_password, log / "redis.log", *common)
        postgres = Postgres(
            place.programs,
            access.postgres_port,
            access.postgres_password,
            log / "postgres.log",
            *common,
            data=place.data,
        )
        self._servers = [redis, postgres]
        for server in self._servers:
            self._start_on_some_port(server)
        moved = replace(access, redis_port=redis.port, postgres_port=postgres.port)
        if moved != access:
            moved.write(folder / "services.json")
        return moved.running

    def _start_on_some_port(self, server: Server) -> None:
        if isinstance(server, Postgres):
            _prepare_data(server)
        for _ in range(5):
            try:
                self._start_one(server)
                return
            except PortTaken:
                server.port = _free_port()
        raise EmbeddedError(f"{server.title} found no free port on this machine.")

    def _start_one(self, server: Server) -> None:
        try:
            server.start()
        except WrongPassword:
            assert isinstance(server, Postgres)  # noqa: S101 - only PostgreSQL keeps a password of its own
            server.end()
            server.set_password()
            server.start()
        self._write_lock()

    def announce(self, address: str) -> None:
        """Say where the web app is reached, for the sentence that a second start gets."""
        self._address = address
        self._write_lock()

    def _write_lock(self) -> None:
        if self._lock is not None:
            self._lock.write(address=self._address, servers=self._servers)

    def pids(self) -> dict[str, int]:
        """The process number of each service that runs: {"postgres": ..., "redis": ...}."""
        return {server.key: server.process.pid for server in self._servers if server.process is not None}

    def poll(self) -> list[str]:
        """Start services that have ended again, on the same port; a sentence for each. Cheap while all run.

        Raises EmbeddedError where one can't be started (a full disk, say); the next call tries again.
        """
        before, told = self.pids(), []
        for server in self._servers:
            if (ended := server.keep_alive(time.monotonic())) is not None:
                told.append(f"{server.title} {ended}; it is started again.")
        if self.pids() != before:
            self._write_lock()
        return told

    def stop(self) -> None:
        """End both services in order; harmless when they don't run."""
        for server in reversed(self._servers):
            server.end()
        self._servers = []
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _prepare_data(postgres: Postgres) -> None:
    if not (postgres.data / "PG_VERSION").exists():
        postgres.create()
        return
    if os.geteuid() not in (0, postgres.data.stat().st_uid):
        raise EmbeddedError(
            f"{postgres.data} belongs to another account (it was made by root, perhaps): start as that account, "
            "or give yourself the folder with chown."
        )
    postgres.forget_stale_pid_file()
