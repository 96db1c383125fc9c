"""How long something takes, and what is said where it takes too long."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class TookLonger(Exception):
    """A measurement did not end within its time; its row says so, and the others go on."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"took longer than {seconds:g} s")


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of ``repeats`` after one to warm up where there are several."""
    if repeats > 1:
        work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def cpu_seconds(process: int) -> float | None:
    """Processor time of a process and those that it started, in user code and in the kernel; None without /proc."""
    if not Path("/proc/self/stat").exists():
        return None
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()  # from the state, field 3, on
        except OSError:  # it has ended meanwhile
            continue
        if process in (int(stat.parent.name), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_until(condition: Callable[[], bool], *, within: float) -> None:
    """Look twenty times a second; raises TookLonger."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TookLonger(within)
        time.sleep(0.05)


def outputs(commands: Sequence[Sequence[str]], *, within: float, environment: dict[str, str]) -> list[str]:
    """What some processes print that run beside each other; raises TookLonger once all were ended."""
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for command in commands]
    deadline = time.monotonic() + within
    try:
        printed = [process.communicate(timeout=max(0.0, deadline - time.monotonic()))[0] for process in running]
    except subprocess.TimeoutExpired:
        raise TookLonger(within) from None
    finally:
        for process in running:
            process.kill()
            process.wait()
    for process in running:
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return printed


def end(process: subprocess.Popen[bytes], *, within: float = 60.0) -> None:
    """Ask a process to end, and kill it where it does not."""
    process.terminate()
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def row_within(name: str, seconds: float, late: type[Exception] = TookLonger) -> Iterator[None]:
    """What is measured and printed inside is one row; where ``late`` is raised instead, the row says that."""
    try:
        yield
    except late:
        print(f"{name} {TookLonger(seconds)}", flush=True)
