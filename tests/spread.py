"""pytest plugin (`-p tests.spread`): hand the longest tests out first when several processes share them (`-n`).

A process takes the next test when it has one left, so with the short ones last all end together. Tests don't depend on
each other, but for those of the files in TOGETHER, which stay in one process and in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

TOGETHER = ("tests/test_demo.py",)
# In this order, before all others, which keep theirs.
LONGEST = (
    "tests/test_demo.py",
    "tests/chaos/",
    "tests/browser/test_tour.py",
    "tests/tasks/",
    "tests/browser/",
    "tests/webapp/test_result_files.py",
    "tests/webapp/test_exports.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Spread(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            """What is handed out as one: a test, or the whole file."""
            file = nodeid.partition("::")[0]
            return file if file in TOGETHER else nodeid

    config.option.loadscopereorder = False  # the order is ours
    return Spread(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    yield
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)  # after pytest-django, which has an order of its own


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, place in enumerate(LONGEST) if item.nodeid.startswith(place)), len(LONGEST))
