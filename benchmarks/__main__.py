"""`make bench`: every benchmark in turn; each prints ours, a baseline and the ratio.

`python -m benchmarks NAME` runs one.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time

from benchmarks.timing import TookLonger

NAMES = (
    "engine",
    "statistics",
    "coverage",
    "imports",
    "training",
    "same_errors",
    "queue",
    "polling",
    "pages",
    "lists",
    "paints",
    "demo",
)

RUN_ONE = "import sys; from benchmarks.__main__ import run_one; run_one(sys.argv[1])"


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"There is no benchmark {unknown[0]}; choose from {', '.join(NAMES)}.")
    failed = []
    for name in names or NAMES:
        print(f"\n== {name} ==", flush=True)
        started = time.perf_counter()
        if len(names) == 1:
            run_one(name)
        # Django can be set up for one database only, so each has a process of its own.
        elif subprocess.run([sys.executable, "-c", RUN_ONE, name], check=False).returncode != 0:
            failed.append(name)
        print(f"({time.perf_counter() - started:.0f} s)", flush=True)
    if failed:
        sys.exit(f"These failed: {', '.join(failed)}.")


def run_one(name: str) -> None:
    try:
        importlib.import_module(f"benchmarks.{name}").main()
    except TookLonger as late:
        print(f"{name} {late}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
