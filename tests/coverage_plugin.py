"""pytest plugin (`-p tests.coverage_plugin`): with COVERAGE=1, the share of our lines and branches that the tests run.

Measured is what runs in the processes of the tests, live servers included; a worker, a demo or a command that a test
starts as a process of its own is not. SlipCover marks the code when it is imported, so this plugin comes before all
that import ours, and costs little; coverage.py would double the time on Python 3.11, where a trace function slows all
code. The numbers fail nothing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("engine", "webapp", "tasks", "netspace_client")
# Files below this percentage are named.
NAMED_BELOW = 80.0

measured: Any = None  # slipcover's object, where it measures in this process
others: list[dict[str, Any]] = []  # what the processes of -n have measured

if os.environ.get("COVERAGE") == "1":
    from slipcover import FileMatcher, ImportManager, Slipcover

    sources = [str(ROOT / package) for package in PACKAGES]
    measured = Slipcover(branch=True, source=sources)
    ImportManager(measured, FileMatcher(sources=sources)).__enter__()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if measured is not None and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["coverage"] = json.dumps(measured.get_coverage())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    coverage = getattr(node, "workeroutput", {}).get("coverage")
    if coverage is not None:
        others.append(json.loads(coverage))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if measured is None:
        return
    from slipcover import merge_coverage

    coverage = json.loads(json.dumps(measured.get_coverage()))
    for other in others:
        coverage = merge_coverage(coverage, other)
    total, files = coverage["summary"], {name: file["summary"] for name, file in coverage["files"].items()}
    terminalreporter.section("coverage")
    terminalreporter.line(f"{total['percent_covered']:.1f}%: {_parts(total, 'lines')}, {_parts(total, 'branches')}")
    low = {name: file for name, file in files.items() if file["percent_covered"] < NAMED_BELOW}
    for name, file in sorted(low.items(), key=lambda entry: entry[1]["percent_covered"]):
        terminalreporter.line(f"{file['percent_covered']:5.1f}%  {name}: {_parts(file, 'lines')}")
    terminalreporter.line(f"{NAMED_BELOW:.0f}% or more of the other {len(files) - len(low)} files")


def _parts(summary: dict[str, float], plural: str) -> str:
    covered, missing = summary.get(f"covered_{plural}", 0), summary.get(f"missing_{plural}", 0)
    return f"{covered:,} of {covered + missing:,} {plural}"
