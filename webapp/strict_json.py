"""JSON from elsewhere without what the standard library would let pass: keys given twice, NaN, endless integers."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable


class AmbiguousJsonError(ValueError):
    """The message is part of a sentence: what cannot be meant like this."""


def storable(text: str) -> bool:
    """Whether the database can keep it and a page can show it: no NUL, no lone surrogate."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def lenient_decoder(*, most_digits: int) -> json.JSONDecoder:
    """As `strict_decoder`, but what is no usable number costs only its value: NaN, infinities, too many digits."""

    def whole(digits: str) -> int | float:
        return int(digits) if len(digits) <= most_digits else float("inf")

    return json.JSONDecoder(object_pairs_hook=_object, parse_int=whole)


def strict_decoder(*, most_digits: int, parse_float: Callable[[str], float] = float) -> json.JSONDecoder:
    def whole(digits: str) -> int:
        if len(digits) > most_digits:
            raise AmbiguousJsonError(f"a number of {len(digits):,} digits is too long to be meant")
        return int(digits)

    return json.JSONDecoder(
        object_pairs_hook=_object, parse_constant=_constant, parse_int=whole, parse_float=parse_float
    )


def finite_float(text: str) -> float:
    """For ``parse_float``, where nobody looks at the number again."""
    number = float(text)
    if not math.isfinite(number):
        raise AmbiguousJsonError(f"{text[:40]} is too large a number")
    return number


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise AmbiguousJsonError(f"it has the key {twice[:60]!r} twice")
    return found


def _constant(word: str) -> float:
    raise AmbiguousJsonError(f"{word} is no number that can be used")
