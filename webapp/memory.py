"""What a process remembers of what it computed: bounded, and never served under another key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Result = TypeVar("Result")


def _one(result: object) -> int:
    return 1


class Memory(Generic[Result]):
    """Results by key, the least recently used forgotten first once their sizes together exceed ``most``."""

    def __init__(self, most: int, *, size: Callable[[Result], int] = _one) -> None:
        self.most = most
        self._size = size
        self._results: OrderedDict[Hashable, tuple[Result, int]] = OrderedDict()
        self._total = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Result | None:
        """None where it is not remembered."""
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return self._results[key][0]

    def put(self, key: Hashable, result: Result) -> None:
        """One that is larger than all may be is not kept."""
        size = self._size(result)
        if size > self.most:
            return
        with self._lock:
            self._total += size - self._results.pop(key, (result, 0))[1]
            self._results[key] = (result, size)
            while self._total > self.most:
                _, (_, freed) = self._results.popitem(last=False)
                self._total -= freed

    def recall(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """The result of the key, computed where it is not remembered; None is never remembered."""
        result = self.get(key)
        if result is None:
            result = compute()  # outside of the lock: two threads may compute the same, none waits
            if result is not None:
                self.put(key, result)
        return result

    def clear(self) -> None:
        with self._lock:
            self._results.clear()
            self._total = 0

    def __len__(self) -> int:
        return len(self._results)
