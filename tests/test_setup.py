"""Set-up from a fresh machine: scripts/setup.py, the Makefile, and what the lock holds. Nothing is installed here."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("netspace_setup", ROOT / "scripts" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project folder of its own with what set-up reads."""
    folder = tmp_path / "netspace"
    (folder / "scripts").mkdir(parents=True)
    for name in ("scripts/setup.py", "Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def pretend_environment(copy: Path, *, stamp: str, pip: str = "exit 0") -> Path:
    """A .venv whose python runs a given shell line where set-up calls pip, and says yes to everything else."""
    binaries = copy / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "pip").write_text(f"#!{binaries}/python\n")
    python = binaries / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *"pip install"*) {pip} ;; esac\n')
    python.chmod(0o755)
    if stamp:
        (copy / ".venv" / "netspace-stamp").write_text(stamp)
    return python


def make(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("make") or "make", "--no-print-directory", *words, f"PYTHON={sys.executable}"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_make_alone_lists_the_targets() -> None:
    listed = make(ROOT).stdout
    assert listed == make(ROOT, "help").stdout
    for target in ("demo", "up", "test", "check", "bench", "reset", "format", "setup", "help"):
        assert re.search(rf"^  {target} +\S", listed, re.MULTILINE), target


def test_the_options_of_make_demo_reach_the_command() -> None:
    plain = make(ROOT, "-n", "demo").stdout
    assert "setup --for demo" in plain
    assert re.search(r"manage\.py demo *$", plain, re.MULTILINE)
    assert (
        "manage.py demo --size 5 --port 8123 --exit" in make(ROOT, "-n", "demo", "SIZE=5", "PORT=8123", "EXIT=1").stdout
    )
    assert "manage.py up --port 8123" in make(ROOT, "-n", "up", "PORT=8123").stdout


def test_make_test_is_set_up_then_checks_then_all_tests() -> None:
    lines = make(ROOT, "-n", "test").stdout
    steps = [lines.index(step) for step in ("setup --for test", "setup.py check", "-m pytest")]
    assert steps == sorted(steps)
    assert (ROOT / ".ci" / "run").stat().st_mode & stat.S_IXUSR
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()


def test_set_up_does_nothing_where_all_is_there(copy: Path, setup: ModuleType) -> None:
    lock = setup.hashlib.sha256((copy / "requirements.lock").read_bytes()).hexdigest()
    pretend_environment(copy, stamp=f"{lock} {copy}\n", pip="exit 9")
    done = make(copy, "setup")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Netspace is set up: make up starts it.\n"


def test_a_changed_lock_is_installed_into_the_environment_that_is_there(copy: Path) -> None:
    pretend_environment(copy, stamp=f"another lock {copy}\n")
    done = make(copy, "setup")
    assert done.returncode == 0, done.stderr
    assert "Installing the packages of requirements.lock" in done.stdout
    assert "Making .venv" not in done.stdout
    assert re.search(r"done in \d+\.\d s", done.stdout)
    assert make(copy, "setup").stdout == "Netspace is set up: make up starts it.\n"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "The disk is full"),
        ("WARNING: Retrying after NewConnectionError: Temporary failure in name resolution", "can't be reached"),
        ("ERROR: No matching distribution found for torch==9", "torch==9 is not to be had for Python"),
        ("error: something else", "failed: error: something else"),
    ],
)
def test_a_failing_installation_ends_in_one_sentence_that_names_the_log(copy: Path, said: str, sentence: str) -> None:
    pretend_environment(copy, stamp=f"another lock {copy}\n", pip=f'echo "{said}"; exit 1')
    done = make(copy, "setup")
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert sentence in line
    assert str(copy / "var" / "setup.log") in line
    assert said in (copy / "var" / "setup.log").read_text()
    assert (copy / ".venv" / "netspace-stamp").read_text().startswith("another lock")  # so the next call tries again


def test_a_moved_project_gets_a_new_environment(copy: Path, setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_environment(copy, stamp="")
    for name, value in {"VENV": copy / ".venv", "PYTHON": copy / ".venv" / "bin" / "python"}.items():
        monkeypatch.setattr(setup, name, value)
    assert setup.environment_works()
    (copy / ".venv" / "bin" / "pip").write_text("#!/somewhere/else/.venv/bin/python\n")
    assert not setup.environment_works()


def old_pythons() -> Iterator[str]:
    """Interpreters of this machine that are too old, where a version manager keeps some."""
    for folder in (Path.home() / ".pyenv" / "versions").glob("3.*"):
        if (7,) <= tuple(map(int, folder.name.split(".")[1:2])) <= (10,):
            yield str(folder / "bin" / "python")


def test_an_old_python_gets_a_sentence(copy: Path) -> None:
    python = next(old_pythons(), None)
    if python is None:
        pytest.skip("no Python between 3.7 and 3.10 on this machine")
    done = subprocess.run(
        [python, "scripts/setup.py"], cwd=copy, env={"PATH": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Netspace needs Python 3.11 or newer; python3 is 3.")
    assert len(done.stderr.splitlines()) == 1


def test_the_script_keeps_to_a_syntax_that_old_pythons_read() -> None:
    tree = textwrap.dedent("""
        import ast, sys
        ast.parse(open(sys.argv[1]).read(), feature_version=(3, 7))
    """)
    subprocess.run([sys.executable, "-c", tree, str(ROOT / "scripts" / "setup.py")], check=True)


def test_reset_asks_and_deletes_only_when_told(copy: Path) -> None:
    (copy / "var" / "log").mkdir(parents=True)
    refused = make(copy, "reset")
    assert refused.returncode != 0
    assert "make reset YES=1" in refused.stderr
    assert (copy / "var").exists()

    assert make(copy, "reset", "YES=1").returncode == 0
    assert not (copy / "var").exists()
    assert "nothing to delete" in make(copy, "reset", "YES=1").stdout


def test_check_names_every_step_that_failed(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "python_module", lambda name, *_: ["false"] if name in ("ruff", "mypy") else ["true"])
    monkeypatch.setattr(setup, "PYTHON", Path("true"))
    monkeypatch.setattr(setup, "VENV", Path("/nowhere"))
    steps: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        steps.append(command)
        return subprocess.CompletedProcess(command, int(command[0] == "false"), stdout=b"what is wrong")

    monkeypatch.setattr(setup.subprocess, "run", run)
    with pytest.raises(setup.SetupError, match=r"failed: ruff format, ruff check, mypy\."):
        setup.check()
    assert len(steps) >= 5


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pins}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_pins_what_pyproject_names_and_leaves_cuda_to_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pins = locked()
    for requirement in named:
        name, _, version = requirement.partition("==")
        assert canonical(name) in pins, f"{name} is missing: make lock"
        assert version in ("", pins[canonical(name)]), f"{name}: make lock"
    assert not [name for name in pins if name.startswith(("nvidia", "cuda", "triton"))]
