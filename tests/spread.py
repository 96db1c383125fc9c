"""pytest plugin (`-p tests.spread`): hand the longest tests out first when several processes share them (`-n`).

A process takes the next test when it has one left, so with the short ones last all end together. Tests don't depend on
each other, but for those of the files in TOGETHER, which stay in one process and in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
TOGETHER = (TESTS / "test_demo.py",)
# In this order, before all others, which keep theirs.
LONGEST = (
    TESTS / "test_demo.py",
    TESTS / "chaos",
    TESTS / "browser" / "test_tour.py",
    TESTS / "tasks",
    TESTS / "browser",
    TESTS / "webapp" / "test_result_files.py",
    TESTS / "webapp" / "test_exports.py",
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        if item.path in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))  # before xdist reads it
    yield
    if hasattr(items[0].config if items else None, "workerinput"):
        items.sort(key=_rank)  # after pytest-django's own order


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, place in enumerate(LONGEST) if item.path.is_relative_to(place)), len(LONGEST))
