#!/usr/bin/env python3
"""Turn a fresh machine into one that runs Netspace: what the Makefile's targets call.

Needs nothing but a Python of the system. The file keeps to a syntax that Python 3.7 reads, so that an old Python gets a
sentence instead of a traceback; everything else of the project asks for 3.11.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "netspace-stamp"
LOG = ROOT / "var" / "setup.log"
OLDEST = (3, 11)
# 3.12 and 3.11 first: for them every package comes ready built.
OTHER_PYTHONS = ("python3.12", "python3.11", "python3.13", "python3.14")
QUIET_SECONDS = 15  # a long step says at least this often that it goes on

LOCK_HEADER = """\
# Every package that Netspace and its tests use, each at the version they were tried with.
#
# Made by `python3 scripts/setup.py lock`, which writes what is installed in .venv. To move to other versions: change
# pyproject.toml, install with `.venv/bin/pip install --upgrade ...`, run `make test`, then make this file again.
# CUDA's libraries and Triton are left out: torch pins those itself, and they differ between platforms.
"""
LEFT_OUT_OF_LOCK = ("nvidia-", "cuda-", "triton", "pip", "setuptools", "wheel")


class SetupError(Exception):
    """A sentence that says what is missing and what to do about it."""


# --- the interpreter ---


def use_a_supported_python() -> None:
    """Go on in a newer Python of this machine when this one is too old."""
    if sys.version_info[:2] >= OLDEST:
        return
    for name in OTHER_PYTHONS:
        found = shutil.which(name)
        # Asked rather than trusted: version managers put commands on the PATH that only print an error.
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            os.execv(found, [found, *sys.argv])  # noqa: S606 - the path is one of a fixed list
    raise SetupError(
        "Netspace needs Python 3.11 or newer; python3 is {}.{} and no python3.11, python3.12 or python3.13 "
        "is on the PATH. Install one, or name it: make PYTHON=/path/to/python3.12".format(*sys.version_info)
    )


# --- running commands ---


def say(text: str) -> None:
    print(text, flush=True)


def took(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def run_logged(title: str, command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a long command, all its output into the log; says every few seconds what it is at. Returns the output.

    Raises SetupError in words when it fails.
    """
    say(f"{title} ...")
    started = time.monotonic()
    lines: list[str] = []
    with LOG.open("a", encoding="utf-8") as log:
        log.write("\n$ {}\n".format(" ".join(command)))
        log.flush()
        process = subprocess.Popen(
            command,
            cwd=str(ROOT),
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )

        def read() -> None:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            for line in process.stdout:
                lines.append(line)
                log.write(line)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                reader.join(QUIET_SECONDS)
                if reader.is_alive():
                    told = [line.strip() for line in lines if not line.startswith("WARNING")]
                    say(f"  still at it after {time.monotonic() - started:.0f} s: {told[-1][:90] if told else ''}")
        except BaseException:
            process.terminate()
            raise
        finally:
            status = process.wait()
    output = "".join(lines)
    if status != 0:
        raise SetupError(why_it_failed(title, output, status))
    say(f"  done in {took(started)}")
    return output


NO_NETWORK = re.compile(
    r"name resolution|Name or service not known|nodename nor servname|Failed to establish a new connection|"
    r"Network is unreachable|Connection refused|Max retries exceeded|Read timed out|ConnectTimeout|ProxyError|"
    r"CERTIFICATE_VERIFY_FAILED|Could not fetch URL",
    re.IGNORECASE,
)


def why_it_failed(title: str, output: str, status: int) -> str:
    """One sentence for the failure of a command, from its output."""
    where = f"(everything it said is in {LOG})"
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return f"The disk is full: free some space and run make again {where}."
    if NO_NETWORK.search(output):
        return (
            "The package index can't be reached: check the network, or PIP_INDEX_URL and the proxy variables, "
            f"and run make again {where}."
        )
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if missing:
        version = platform.python_version()
        return f"{missing.group(1)} is not to be had for Python {version} on {platform.platform()} {where}."
    if status < 0:
        return f"{title}: ended by signal {-status}; a signal 9 often means too little memory {where}."
    errors = [line.strip() for line in output.splitlines() if line.lower().startswith(("error", "e:"))]
    said = errors[-1] if errors else f"status {status}"
    return f"{title} failed: {said} {where}."


# --- packages of the system ---


def can_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> bool:
    """Install packages of Debian's as root; False where that can't be done or fails (the log says why)."""
    if not can_apt():
        return False
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"]
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *options, *packages]
    title = "Installing the system's package " + ", ".join(packages)
    try:
        run_logged(title, install, environment)
    except SetupError:
        try:
            run_logged("  once more, with a fresh list of packages", ["apt-get", "update", "-q", *options], environment)
            run_logged("  " + title, install, environment)
        except SetupError as error:
            say(f"  {error}")
            return False
    return True


def provide_browser() -> None:
    """A Chromium for the browser tests; without one they are skipped and say so."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    if any(map(shutil.which, names)):
        return
    folders = (Path.home() / ".cache" / "ms-playwright", Path.home() / "Library" / "Caches" / "ms-playwright")
    if any(list(folder.glob("chromium-*")) for folder in folders):
        return
    if apt_install("chromium-headless-shell", "fonts-dejavu-core") or apt_install("chromium", "fonts-dejavu-core"):
        return
    try:
        run_logged(
            "Fetching a Chromium for the browser tests", [str(PYTHON), "-m", "playwright", "install", "chromium"]
        )
    except SetupError as error:
        say(f"  No Chromium, so the browser tests will be skipped. {error}")


def provide_images() -> None:
    """The Fashion-MNIST images as a package of Debian's; without them the app looks for another way."""
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        apt_install("dataset-fashion-mnist")


def provide_compiler() -> None:
    """Redis comes ready built for Python up to 3.12 on Linux with an x86 processor; elsewhere pip compiles it."""
    ready_built = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 13)
    if ready_built or (shutil.which("cc") and shutil.which("make")):
        return
    if not apt_install("gcc", "make", "libc6-dev"):
        version = "{}.{}".format(*sys.version_info)
        raise SetupError(
            f"With Python {version} on this system Redis has to be compiled: install a C compiler and make, "
            "or use Python 3.12 on Linux (make PYTHON=python3.12)."
        )


# --- the virtual environment ---


def stamp() -> str:
    """What the environment was made from. Its scripts hold the project's path, so a moved project needs a new one."""
    return f"{hashlib.sha256(LOCK.read_bytes()).hexdigest()} {ROOT}\n"


def is_up_to_date() -> bool:
    return PYTHON.exists() and STAMP.is_file() and STAMP.read_text() == stamp()


def environment_works() -> bool:
    """Whether .venv has an interpreter and a pip, and was made where it lies."""
    if not PYTHON.exists():
        return False
    script = "import pip, sys; sys.exit(not (sys.prefix == sys.argv[1] and sys.version_info[:2] >= (3, 11)))"
    if subprocess.run([str(PYTHON), "-c", script, str(VENV)], capture_output=True, check=False).returncode != 0:
        return False
    script_file = VENV / "bin" / "pip"
    return script_file.is_file() and str(VENV) in script_file.read_text(errors="replace")


def make_environment() -> None:
    if environment_works():
        return
    if VENV.exists():
        shutil.rmtree(str(VENV))
    if importlib.util.find_spec("venv") is None:
        raise SetupError("Python's venv module is missing: install the package python3-venv and run make again.")
    title = f"Making .venv with Python {platform.python_version()}"
    if importlib.util.find_spec("ensurepip") is not None or apt_install("python{}.{}-venv".format(*sys.version_info)):
        run_logged(title, [sys.executable, "-m", "venv", str(VENV)])
        return
    # Debian splits pip's installer off Python; without root's help pip is fetched and installs itself.
    run_logged(title, [sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    wheel = fetch_pip()
    run_logged("Installing pip", [str(PYTHON), str(wheel / "pip"), "install", "--no-index", str(wheel)])
    wheel.unlink()


def fetch_pip() -> Path:
    """pip's newest wheel from the package index, checked against the index's digest."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    say(f"Fetching pip from {index} ...")
    try:
        request = urllib.request.Request(index, headers={"Accept": "application/vnd.pypi.simple.v1+json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the index that pip itself would ask
            files = json.load(answer)["files"]
        wheels = {}
        for file in files:
            name = re.fullmatch(r"pip-(\d+(?:\.\d+)*)-py3-none-any\.whl", file["filename"])
            if name and not file.get("yanked"):
                wheels[tuple(map(int, name.group(1).split(".")))] = file
        newest = wheels[max(wheels)]
        with urllib.request.urlopen(newest["url"], timeout=60) as answer:  # noqa: S310
            content = answer.read()
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        raise SetupError(
            f"This Python has no pip and it can't be fetched ({error}): install the package python3-venv, "
            "or check the network, and run make again."
        ) from None
    if hashlib.sha256(content).hexdigest() != newest["hashes"]["sha256"]:
        raise SetupError(f"What came from {newest['url']} is not what the index announces: try again later.")
    wheel = VENV / str(newest["filename"])
    wheel.write_bytes(content)
    return wheel


def install_packages() -> None:
    cuda = sys.platform == "linux" and platform.machine() == "x86_64"
    size = "about 6 GB on disk, most of it torch with CUDA" if cuda else "about 2 GB on disk"
    free = shutil.disk_usage(str(VENV)).free / 1e9
    if not STAMP.exists() and free < (7 if cuda else 2.5):
        raise SetupError(f"The packages need {size}, and {VENV} has only {free:.1f} GB left: free some space.")
    # Without compiling: what is never imported need not be, and the rest is compiled when it first is.
    options = ["--no-input", "--no-compile", "--progress-bar", "off"]
    command = [str(PYTHON), "-m", "pip", "install", *options, "-r", str(LOCK)]
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", "PYTHONUNBUFFERED": "1"}
    run_logged(f"Installing the packages of requirements.lock ({size}; some minutes the first time)", command, quiet)


def set_up(purpose: str) -> None:
    """Everything that `purpose` (run, demo, test) needs; quick and silent when it is all there."""
    started = time.monotonic()
    if not is_up_to_date():
        LOG.parent.mkdir(exist_ok=True)
        provide_compiler()
        make_environment()
        install_packages()
        STAMP.write_text(stamp())
        say(f"Set-up took {took(started)}.")
    LOG.parent.mkdir(exist_ok=True)
    if purpose in ("demo", "test"):
        provide_images()
    if purpose == "test":
        provide_browser()


# --- what else the Makefile offers ---


def templates() -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "templates").rglob("*.html"))


def python_module(name: str, *arguments: str) -> list[str]:
    return [str(PYTHON), "-m", name, *arguments]


def check() -> None:
    """Every check of the source without running a test; all of them are run, then the failed ones are named."""
    manage = [str(PYTHON), "-W", "ignore::RuntimeWarning", "manage.py"]
    steps = [
        ("ruff format", python_module("ruff", "format", "--check", ".")),
        ("ruff check", python_module("ruff", "check", ".")),
        ("mypy", python_module("mypy")),
        ("lint-imports", [str(VENV / "bin" / "lint-imports")]),
        ("makemigrations", [*manage, "makemigrations", "--check", "--dry-run"]),
    ]
    if templates():
        steps.append(("djade", [str(VENV / "bin" / "djade"), "--check", *templates()]))
        steps.append(("djhtml", [str(VENV / "bin" / "djhtml"), "--check", *templates()]))
    failed = []
    for title, command in steps:
        started = time.monotonic()
        print(f"{title} ... ", end="", flush=True)
        done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        print(f"{'ok' if done.returncode == 0 else 'FAILED'}, {took(started)}", flush=True)
        if done.returncode != 0:
            failed.append(title)
            print(done.stdout.decode(errors="replace").rstrip(), flush=True)
    if failed:
        raise SetupError("These checks failed: " + ", ".join(failed) + ".")


def format_source() -> None:
    steps = [
        python_module("ruff", "check", "--fix", "--exit-zero", "--quiet", "."),
        python_module("ruff", "format", "."),
    ]
    if templates():
        steps += [[str(VENV / "bin" / name), *templates()] for name in ("djade", "djhtml")]
    for command in steps:
        # djade and djhtml report a changed file by their status, which is no failure here.
        subprocess.run(command, cwd=str(ROOT), check=False)


def lock() -> None:
    command = python_module("pip", "freeze", "--disable-pip-version-check")
    frozen = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
    kept = [line for line in frozen.splitlines() if "==" in line and not line.lower().startswith(LEFT_OUT_OF_LOCK)]
    LOCK.write_text(LOCK_HEADER + "\n".join(sorted(kept, key=str.lower)) + "\n")
    say(f"{LOCK.name}: {len(kept)} packages.")


REMOVE = """
import sys
from pathlib import Path
from webapp import embedded
try:
    embedded.remove(Path(sys.argv[1]))
except embedded.EmbeddedError as error:
    sys.exit(str(error))
"""


def reset(*, yes: bool) -> None:
    """Delete var/: everything that was made by running."""
    var = Path(os.environ.get("NETSPACE_VAR") or ROOT / "var").resolve()
    if not var.exists():
        say(f"There is no {var}: nothing to delete.")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise SetupError(f"This deletes {var}; say make reset YES=1 to do it without being asked.")
        answer = input(f"Delete {var} with its database, checkpoints, downloaded images and logs? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            say("Nothing was deleted.")
            return
    if PYTHON.exists():  # asks whether it is in use, and knows what lies elsewhere
        done = subprocess.run(
            [str(PYTHON), "-c", REMOVE, str(var)], cwd=str(ROOT), stderr=subprocess.PIPE, check=False, encoding="utf-8"
        )
        if done.returncode != 0:
            raise SetupError(done.stderr.strip().splitlines()[-1])
    else:
        shutil.rmtree(str(var))
    say(f"Deleted {var}.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Set Netspace up and check it; see `make help`.")
    commands = parser.add_subparsers(dest="command")
    purpose = commands.add_parser("setup").add_argument
    purpose("--for", dest="purpose", choices=("run", "demo", "test"), default="run")
    for name in ("check", "format", "lock"):
        commands.add_parser(name)
    commands.add_parser("reset").add_argument("--yes", action="store_true")
    arguments = parser.parse_args(sys.argv[1:] or ["setup"])
    try:
        use_a_supported_python()
        if arguments.command == "setup":
            set_up(arguments.purpose)
        elif arguments.command == "reset":
            reset(yes=arguments.yes)
        else:
            {"check": check, "format": format_source, "lock": lock}[arguments.command]()
    except SetupError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(why_it_failed(f"{error.filename or 'Set-up'}", str(error), 1) if error.errno else str(error))
    except KeyboardInterrupt:
        say("")
        sys.exit("Stopped; run make again to go on.")


if __name__ == "__main__":
    main()
