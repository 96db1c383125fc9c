"""What differs between regimes, in words: for the warning where populations of several are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.wording import compact, joined, open_range

LEFT_OUT = frozenset({"kind", "schema"})


def regime_differences(definitions: Sequence[Mapping[str, object]]) -> list[str]:
    """One line for each setting in which stored regimes differ, such as "epochs: 2 and 10"; in their order."""
    flat = [_flattened(definition) for definition in definitions]
    names = list(dict.fromkeys(name for one in flat for name in one))
    lines = []
    for name in names:
        values = list(dict.fromkeys(_words(one.get(name)) for one in flat))
        if len(values) > 1:
            lines.append(f"{name.replace('_', ' ')}: {joined(values)}")
    return lines


def _flattened(definition: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Settings by name; those of the recipe without a prefix, because their names are their own."""
    settings: dict[str, Any] = {}
    for name, value in definition.items():
        if name in LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            settings |= _flattened(value, "" if name == "recipe" else f"{name} ")
        else:
            settings[prefix + name] = value
    return settings


def _words(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return compact(value)
    if isinstance(value, list | tuple):
        low, high = value
        return open_range(low, high, compact)
    return str(value)
