"""The JSON of a request, refused with a sentence where it is ambiguous, endless, or holds what cannot be stored."""

from __future__ import annotations

import json
from collections.abc import Iterator

from webapp.strict_json import AmbiguousJsonError, finite_float, storable, strict_decoder

DEEPEST = 20  # levels; the definition of a space has four
DECODER = strict_decoder(most_digits=40, parse_float=finite_float)


class BadJsonError(ValueError):
    """Why a body is not read; the message is a sentence for whoever wrote the script."""


def read_json(body: bytes) -> dict[str, object]:
    """The object of a body: no key twice, finite numbers, text that can be stored."""
    try:
        value = DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise BadJsonError(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise BadJsonError(f"The body is not JSON: {error.msg} at character {error.pos}.") from error
    except AmbiguousJsonError as error:
        raise BadJsonError(f"The body can't be read: {error}.") from error
    except RecursionError as error:
        raise BadJsonError(f"The body is nested too deeply; {DEEPEST} levels are allowed.") from error
    if not isinstance(value, dict):
        raise BadJsonError("The body must be a JSON object.")
    for text in _texts(value):
        if not storable(text):
            raise BadJsonError("The body holds text that cannot be stored.")
    return value


def _texts(value: object) -> Iterator[str]:
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
