"""The JSON of a request, refused with a sentence where it is ambiguous, endless, or holds what cannot be stored."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

DEEPEST = 20  # levels; the definition of a space has four
LONGEST_NUMBER = 40  # digits


class BadJsonError(ValueError):
    """Why a body is not read; the message is a sentence for whoever wrote the script."""


def read_json(body: bytes) -> dict[str, Any]:
    """The object of a body: no key twice, finite numbers, text that can be stored."""
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole, parse_float=_number
        )
    except UnicodeDecodeError as error:
        raise BadJsonError(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise BadJsonError(f"The body is not JSON: {error.msg} at character {error.pos}.") from error
    except RecursionError as error:
        raise BadJsonError(f"The body is nested too deeply; {DEEPEST} levels are allowed.") from error
    if not isinstance(value, dict):
        raise BadJsonError("The body must be a JSON object.")
    for text in _texts(value):
        if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise BadJsonError("The body holds text that cannot be stored.")
    return value


def _texts(value: Any) -> Iterator[str]:
    """Every key and text; the walk also measures the depth, without a recursion of its own."""
    waiting = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEEPEST:
            raise BadJsonError(f"The body is nested too deeply; {DEEPEST} levels are allowed.")
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from one
            waiting += [(inner, depth + 1) for inner in one.values()]
        elif isinstance(one, list):
            waiting += [(inner, depth + 1) for inner in one]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadJsonError(f"The body has the key {name[:60]!r} twice in one object.")
        found[name] = value
    return found


def _constant(word: str) -> float:
    raise BadJsonError(f"The body holds {word}, which is no number of JSON.")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise BadJsonError(f"The body holds a number of {len(digits):,} digits, which is too long to be meant.")
    return int(digits)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadJsonError(f"The body holds {text[:40]}, which is too large a number.")
    return number
