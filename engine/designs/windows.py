"""Windows of complexity: limits of what the designs of a draw, and so of a regime, may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.checks import JsonObject, brief, finite_number, sequence, set_fields
from engine.errors import InvalidRegime

COMPLEXITIES = ("flops", "params", "acts")
# More than any complexity that can be counted.
BEYOND = 2**62

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class Window:
    """Limits of the complexity of the designs to draw, both ends included.

    Parameters
    ----------
    flops, params, acts : tuple of two numbers, optional
        The lowest and the highest value; None for an open end, or for no limit at all.

    Raises
    ------
    InvalidRegime
        Naming the parameter and the value.
    """

    flops: Bounds | None = None
    params: Bounds | None = None
    acts: Bounds | None = None

    def __post_init__(self) -> None:
        set_fields(self, **{name: _bounds(name, getattr(self, name)) for name in COMPLEXITIES})

    def limits(self) -> Iterator[tuple[str, float | None, float | None]]:
        """Name, lowest and highest value of each complexity that the window limits."""
        for name in COMPLEXITIES:
            bounds: Bounds | None = getattr(self, name)
            if bounds is not None:
                yield name, *bounds

    def to_json(self) -> JsonObject:
        """The window as JSON-able values."""
        return {name: None if getattr(self, name) is None else list(getattr(self, name)) for name in COMPLEXITIES}

    @classmethod
    def from_json(cls, data: object) -> Window:
        """The window that `to_json` wrote; raises `InvalidRegime` for unknown keys and bad values."""
        if not isinstance(data, Mapping):
            raise InvalidRegime(f"A window was expected, got {brief(data)}.", parameter="window", value=data)
        for key in data:
            if key not in COMPLEXITIES:
                raise InvalidRegime(f"{brief(key)} is no parameter of a window.", parameter=str(key), value=data[key])
        return cls(**data)


def _bounds(name: str, value: object) -> Bounds | None:
    if value is None:
        return None
    ends = sequence(value, parameter=name, error=InvalidRegime)
    if len(ends) != 2:
        raise InvalidRegime(
            f"{name} must be the lowest and the highest value, got {brief(value)}.", parameter=name, value=value
        )
    low, high = (None if end is None else _bound(name, end) for end in ends)
    if low is not None and high is not None and low > high:
        raise InvalidRegime(f"{name} must not fall from {low:g} to {high:g}.", parameter=name, value=value)
    return None if low is None and high is None else (low, high)


def _bound(name: str, value: object) -> float:
    number = finite_number(value, parameter=name, error=InvalidRegime)
    if not 0 <= number <= BEYOND:
        raise InvalidRegime(f"{name} must lie between 0 and 2**62, got {value}.", parameter=name, value=value)
    return int(number) if number.is_integer() else number
