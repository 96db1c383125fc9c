"""`make bench`: every benchmark in turn; each prints ours, a baseline and the ratio.

`python -m benchmarks NAME` runs one.
"""

from __future__ import annotations

import importlib
import sys
import time

NAMES = ("engine", "statistics", "training", "queue", "demo")


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"There is no benchmark {unknown[0]}; choose from {', '.join(NAMES)}.")
    for name in names or NAMES:
        print(f"\n== {name} ==", flush=True)
        started = time.perf_counter()
        importlib.import_module(f"benchmarks.{name}").main()
        print(f"({time.perf_counter() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
