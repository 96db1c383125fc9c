"""How numbers are written: the same everywhere, with a true minus and a space before the per cent sign."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

NBSP = "\N{NO-BREAK SPACE}"
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def fixed(value: float, digits: int = 1) -> str:
    """1,234.5 with a true minus; never a minus before zero."""
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 1) -> str:
    text = fixed(value, digits)
    zero = float(f"{value:.{digits}f}") == 0
    return text if zero or value < 0 else f"+{text}"


def between(interval: tuple[float, float], digits: int = 1) -> str:
    """The interval of an estimate, as it stands behind it: (22.0–24.5); an infinite end is open."""
    low, high = (fixed(end, digits) for end in interval)
    if math.isinf(interval[1]):
        return "(no interval yet)" if math.isinf(interval[0]) else f"({low}, no upper end)"
    return f"(at most {high})" if math.isinf(interval[0]) else f"({low}–{high})"


def within(interval: tuple[float, float]) -> str:
    """The same of an error in percent, which may not have one yet: too few samples leave it 0 to 100."""
    return between(interval) if says_something(interval) else "(no interval yet)"


def says_something(interval: tuple[float, float]) -> bool:
    """Whether the interval of an error in percent leaves anything out."""
    return interval[0] > 0.0 or interval[1] < 100.0


def signed_between(interval: tuple[float, float], digits: int = 1) -> str:
    """The interval of a difference: (−8.9, −7.1); an infinite end is open."""
    return f"({signed_ends(interval, digits, to=', ')})"


def signed_ends(interval: tuple[float, float], digits: int = 1, *, to: str = " to ") -> str:
    """−8.9 to +7.1; an infinite end is open."""
    low, high = (signed(end, digits) for end in interval)
    if math.isinf(interval[0]) and math.isinf(interval[1]):
        return "no interval yet"
    if math.isinf(interval[0]):
        return f"at most {high}"
    return f"at least {low}" if math.isinf(interval[1]) else f"{low}{to}{high}"


def share_words(share: float) -> str:
    """A share of one in whole percents without the sign; what rounds to all is over 99, to none below 1."""
    if 0.995 < share <= 1:
        return "over 99"
    return "below 1" if 0 <= share < 0.005 else f"{100 * share:.0f}"


def level_words(level: float, pairs: int = 1) -> str:
    """What stands before an interval that holds for so many pairs together."""
    alone = f"{100 * (1 - pairs * (1 - level)):.3g}{NBSP}%"
    return alone if pairs == 1 else f"{alone} for all {pairs} pairs together"


def percent(share: float, digits: int = 1) -> str:
    """A share of one as per cent."""
    return f"{fixed(100 * share, digits)}{NBSP}%"


def p_value(p: float) -> str:
    """As a cell of a column p."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_text(p: float) -> str:
    return f"p{NBSP}<{NBSP}0.001" if p < 0.001 else f"p{NBSP}={NBSP}{p_value(p)}"


def compact(value: float) -> str:
    """A value of a parameter: as short as it is exact enough to read."""
    if not math.isfinite(value):
        return "" if math.isnan(value) else "\N{MINUS SIGN}∞" if value < 0 else "∞"
    if abs(value) >= 1e15:
        return f"{value:.3g}".replace("e+", "e").replace("-", "\N{MINUS SIGN}")
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "\N{MINUS SIGN}")
    return f"{value:,.4g}".replace("-", "\N{MINUS SIGN}") if abs(value) < 1e4 else fixed(value, 0)


def significant(value: float, digits: int = 3) -> str:
    """A measured number with so many significant digits, whole numbers in full."""
    if value == 0 or abs(value) >= 10**digits:
        return fixed(value, 0)
    return fixed(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def large(count: float) -> str:
    """An integer as it is up to a million, else as 1.38 × 10¹³."""
    if abs(count) < 1e6:
        return f"{count:,.0f}"
    mantissa, exponent = f"{count:.2e}".split("e") if abs(count) < 1e300 else _of_digits(int(count))
    return f"{mantissa}{NBSP}×{NBSP}10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def _of_digits(count: int) -> tuple[str, str]:
    """For integers beyond a float's range: mantissa and exponent from the digits themselves."""
    exponent = max(0, int(count.bit_length() * 0.30103) - 1)
    while count >= 10 ** (exponent + 1):
        exponent += 1
    mantissa = count // 10 ** (exponent - 2)
    return f"{mantissa / 100:.2f}", str(exponent)


def plain(value: float) -> str:
    """A number as an address holds it: as short as it is, and read back as the same."""
    short = f"{value:.12g}"
    return short if float(short) == value else repr(float(value))


def open_range(low: float | None, high: float | None, write: Callable[[float], str], *, to: str = " to ") -> str:
    """From one number to another, in words where an end is open: 0.70 to 0.78, from 360, up to 20, any."""
    if low is None:
        return "any" if high is None else f"up to {write(high)}"
    return f"from {write(low)}" if high is None else f"{write(low)}{to}{write(high)}"


def duration(seconds: float) -> str:
    """45 s, 12 min, 6 h 45 min, 3 d 4 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NBSP}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}{NBSP}min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}{NBSP}h {minutes}{NBSP}min" if minutes else f"{hours}{NBSP}h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days}{NBSP}d {hours}{NBSP}h" if hours else f"{days}{NBSP}d"


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in words; a date beyond a week."""
    passed = now - at
    if passed < timedelta(seconds=45):
        return "just now"
    if passed < timedelta(days=7):
        return f"{duration(passed.total_seconds()).split(' ')[0]} ago"
    return f"{at.day} {at:%B %Y}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """1 run, 2 runs."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def joined(words: list[str], last: str = "and") -> str:
    """a, b and c."""
    return " ".join([", ".join(words[:-1]), last, words[-1]]) if len(words) > 1 else "".join(words)
