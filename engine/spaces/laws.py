"""Laws of one parameter: finitely many values with exact probabilities (docs/method.md, section 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from scipy.special import ndtr

from engine.checks import JsonObject, brief, finite_number, one_of, positive_number, sequence
from engine.designs.stages import Floats, Numbers
from engine.errors import InvalidSpace

# Every kind of law, and what people read for it.
KIND_WORDS = {
    "uniform": "uniform",
    "log_uniform": "log-uniform",
    "power_of_two": "powers of two",
    "power_of_two_or_log_uniform": "powers of two or log-uniform",
    "choice": "choice",
    "normal": "normal",
    "log_normal": "log-normal",
}
KINDS = tuple(KIND_WORDS)
STEPPED_KINDS = ("uniform", "log_uniform", "power_of_two_or_log_uniform", "normal", "log_normal")
MOST_VALUES = 100_000
LARGEST_VALUE = 2**40

Array = TypeVar("Array", bound=Numbers)


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law of one parameter: its values are multiples of ``step`` from ``low`` to ``high``, or a list.

    Made by `uniform`, `log_uniform`, `power_of_two`, `power_of_two_or_log_uniform`, `normal`, `log_normal`, `choice`.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    low, high : float, optional
        The closed range, for every kind but ``choice``.
    step : float, optional
        Distance of the values; every kind but ``choice`` and ``power_of_two`` needs it.
    listed : sequence of float
        The values of a ``choice``.
    weights : sequence of float
        Their weights, which need not sum to 1; empty for equal ones.

    Raises
    ------
    InvalidSpace
        Naming the parameter and the value.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    listed: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.kind, KINDS, parameter="kind", error=InvalidSpace)
        if self.kind == "choice":
            self._check_choice()
        else:
            self._check_range()

    @cached_property
    def values(self) -> Numbers:
        """The values that have a probability above 0, ascending; whole numbers as int64, others as float64."""
        return _frozen(self._table[0])

    @cached_property
    def probabilities(self) -> Floats:
        """The probability of each of ``values``; they sum to 1."""
        return _frozen(self._table[1])

    @property
    def is_uniform(self) -> bool:
        """Whether all values have the same probability."""
        return bool(np.allclose(self.probabilities, self.probabilities[0], rtol=1e-12, atol=0))

    def position(self, value: float) -> int | None:
        """Where the value stands among ``values``, or None."""
        index = int(np.searchsorted(self.values, value))
        return index if index < len(self.values) and self.values[index] == value else None

    def describe(self) -> str:
        """The law in words, such as "uniform, 1 to 16, step 1"."""
        if self.kind == "choice":
            weights = f", weights {_number_words(self.weights)}" if self.weights else ""
            return f"choice of {_number_words(self.listed)}{weights}"
        step = f", step {_number_words([self._step])}" if self.step is not None else ""
        return f"{KIND_WORDS[self.kind]}, {_number_words([self._low])} to {_number_words([self._high])}{step}"

    def to_json(self) -> JsonObject:
        """The law as JSON-able values: kind with low, high and step, or with values and weights."""
        if self.kind == "choice":
            weights = {"weights": list(self.weights)} if self.weights else {}
            return {"kind": self.kind, "values": list(self.listed), **weights}
        step = {"step": self.step} if self.step is not None else {}
        return {"kind": self.kind, "low": self.low, "high": self.high, **step}

    @classmethod
    def from_json(cls, data: object) -> Law:
        """The law that `to_json` wrote; raises `InvalidSpace` for unknown or missing keys and for bad values."""
        if not isinstance(data, Mapping):
            raise InvalidSpace(f"A law was expected, got {brief(data)}.", parameter="kind", value=data)
        kind = one_of(data.get("kind"), KINDS, parameter="kind", error=InvalidSpace)
        known = {"kind", "values", "weights"} if kind == "choice" else {"kind", "low", "high", "step"}
        for key in data:
            if key not in known:
                raise InvalidSpace(
                    f"{brief(key)} is no parameter of a {kind} law.", parameter=str(key), value=data[key]
                )
        unchecked = dict(data)
        if kind == "choice":
            unchecked["listed"] = unchecked.pop("values", ())
        return cls(**unchecked)

    @cached_property
    def _table(self) -> tuple[Numbers, Floats]:
        if self.kind == "choice":
            values, weights = _listed(self.listed, self.weights)
        elif self.kind == "power_of_two":
            values = _powers_of_two(self._low, self._high, self.step)
            weights = np.ones(len(values))
        elif self.kind == "power_of_two_or_log_uniform":
            values, weights = _power_of_two_or_log_uniform(self._low, self._high, self._step)
        else:
            values = _multiples(self._low, self._high, self._step)
            weights = _WEIGHTS[self.kind](values, self._step)
        if np.all(values == np.rint(values)):
            values = values.astype(np.int64)
        return values, weights / weights.sum()

    @property
    def _low(self) -> float:
        return float(self.low or 0)

    @property
    def _high(self) -> float:
        return float(self.high or 0)

    @property
    def _step(self) -> float:
        return float(self.step or 1)

    def _check_choice(self) -> None:
        listed = tuple(
            _plain(_bounded("values", value)) for value in sequence(self.listed, parameter="values", error=InvalidSpace)
        )
        if not listed:
            raise InvalidSpace("values must list at least one value, got none.", parameter="values", value=self.listed)
        if len(listed) > MOST_VALUES:
            raise InvalidSpace(f"values must list at most {MOST_VALUES:,} values.", parameter="values")
        for value, following in pairwise(sorted(listed)):
            if value == following:
                raise InvalidSpace(f"values must differ, got {value:g} twice.", parameter="values", value=value)
        object.__setattr__(self, "listed", listed)
        object.__setattr__(self, "weights", _checked_weights(self.weights, len(listed)))

    def _check_range(self) -> None:
        bounds = {"low": self.low, "high": self.high, "step": self.step}
        if self.step is None and self.kind == "power_of_two":
            del bounds["step"]
        for name, value in bounds.items():
            object.__setattr__(self, name, _plain(_bounded(name, value)))
        if "step" in bounds:
            positive_number(self.step, parameter="step", error=InvalidSpace)
        if self._low > self._high:
            raise InvalidSpace(
                f"low must not be above high, got {self.low:g} and {self.high:g}.", parameter="low", value=self.low
            )
        if self.kind not in ("uniform", "normal") and self._low <= 0:
            raise InvalidSpace(
                f"low must be above 0 for a {self.kind} law, got {self.low:g}.", parameter="low", value=self.low
            )
        if self.kind in STEPPED_KINDS:
            self._check_multiples()
        if len(self.values) == 0:
            raise InvalidSpace(
                f"There is no power of two from {self.low:g} to {self.high:g}.", parameter="low", value=self.low
            )

    def _check_multiples(self) -> None:
        low, step = self._low, self._step
        if self.kind == "power_of_two_or_log_uniform":
            step = min(self._high, step)
            low = max(low, step)
        for name, value in (("low", low), ("high", self._high)):
            if (_exact(value) / _exact(step)).denominator != 1:
                raise InvalidSpace(
                    f"{name} must be a multiple of step = {step:g}, got {value:g}.", parameter=name, value=value
                )
        if (self._high - low) / step >= MOST_VALUES:
            raise InvalidSpace(
                f"step must leave at most {MOST_VALUES:,} values, got {step:g}.", parameter="step", value=step
            )


def uniform(*, low: float, high: float, step: float = 1) -> Law:
    """Every multiple of ``step`` from ``low`` to ``high`` with equal probability."""
    return Law(kind="uniform", low=low, high=high, step=step)


def log_uniform(*, low: float, high: float, step: float = 1) -> Law:
    """Multiples of ``step``, each with the share of ln that lies between it and the one before."""
    return Law(kind="log_uniform", low=low, high=high, step=step)


def power_of_two(*, low: float, high: float) -> Law:
    """Every power of two from ``low`` to ``high`` with equal probability."""
    return Law(kind="power_of_two", low=low, high=high)


def power_of_two_or_log_uniform(*, low: float, high: float, step: float) -> Law:
    """An equal share for each power of two; the shares from ``step`` on are pooled and spread log-uniformly."""
    return Law(kind="power_of_two_or_log_uniform", low=low, high=high, step=step)


def choice(values: Sequence[float], weights: Sequence[float] | None = None) -> Law:
    """The listed values, with equal probability or in proportion to the weights."""
    given: dict[str, Any] = {"listed": values, "weights": () if weights is None else weights}
    return Law(kind="choice", **given)


def normal(*, low: float, high: float, step: float = 1) -> Law:
    """A normal law about the middle of the range, sigma a sixth of it, rounded to multiples of ``step``."""
    return Law(kind="normal", low=low, high=high, step=step)


def log_normal(*, low: float, high: float, step: float = 1) -> Law:
    """As `normal`, in the logarithm of the value."""
    return Law(kind="log_normal", low=low, high=high, step=step)


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array


def _plain(number: float) -> float:
    """Whole numbers as ints, so that JSON and messages show 8 and not 8.0."""
    return int(number) if number.is_integer() else number


def _number_words(numbers: Sequence[float]) -> str:
    """Whole numbers in full, others to four digits."""
    return ", ".join(f"{n:,.0f}" if float(n).is_integer() or abs(n) >= 1e4 else f"{n:,.4g}" for n in numbers)


def _bounded(name: str, value: object) -> float:
    number = finite_number(value, parameter=name, error=InvalidSpace)
    if abs(number) > LARGEST_VALUE:
        raise InvalidSpace(f"{name} must be at most {LARGEST_VALUE}, got {value}.", parameter=name, value=value)
    return number


def _exact(number: float) -> Fraction:
    """The decimal that the float stands for: 0.1 is a tenth."""
    return Fraction(repr(float(number)))


def _multiples(low: float, high: float, step: float) -> Floats:
    """All multiples of step from low to high, each the float nearest to its decimal."""
    exact = _exact(step)
    first, last = (int(_exact(bound) / exact) for bound in (low, high))
    return np.arange(first, last + 1, dtype=np.float64) * float(exact.numerator) / float(exact.denominator)


def _powers_of_two(low: float, high: float, step: float | None) -> Floats:
    exponents = np.arange(math.floor(math.log2(low)) - 1, math.ceil(math.log2(high)) + 2)
    powers = np.asarray(np.exp2(exponents), dtype=np.float64)
    powers = powers[(powers >= low) & (powers <= high)]
    return powers if step is None else powers[np.mod(powers, step) == 0]


def _log_uniform(values: Floats, step: float) -> Floats:
    low = values[0]
    below = np.concatenate([[low - min(step, low / 2)], values[:-1]])
    weights: Floats = np.log(values / below)
    return weights


def _power_of_two_or_log_uniform(low: float, high: float, step: float) -> tuple[Floats, Floats]:
    step = min(high, step)
    powers = _powers_of_two(low, high, None)
    single = powers[powers < step]
    pooled = len(powers) - len(single)
    if not pooled:
        return single, np.ones(len(single))
    spread = _multiples(max(low, step), high, step)
    weights = _log_uniform(spread, step)
    return np.concatenate([single, spread]), np.concatenate([np.ones(len(single)), pooled * weights / weights.sum()])


def _normal(values: Floats, step: float) -> Floats:
    low, high = values[0], values[-1]
    return _normal_masses(np.clip(values - step / 2, low, high), np.clip(values + step / 2, low, high))


def _log_normal(values: Floats, step: float) -> Floats:
    low, high = values[0], values[-1]
    below, above = np.clip(values - step / 2, low, high), np.clip(values + step / 2, low, high)
    return _normal_masses(np.log(below), np.log(above))


def _normal_masses(below: Floats, above: Floats) -> Floats:
    """Mass of each interval under a normal law about the middle of all, sigma a sixth of their range."""
    if len(below) == 1:
        return np.ones(1)
    middle, sigma = (below[0] + above[-1]) / 2, (above[-1] - below[0]) / 6
    masses: Floats = ndtr((above - middle) / sigma) - ndtr((below - middle) / sigma)
    return masses


_WEIGHTS = {
    "uniform": lambda values, step: np.ones(len(values)),
    "log_uniform": _log_uniform,
    "normal": _normal,
    "log_normal": _log_normal,
}


def _checked_weights(weights: object, count: int) -> tuple[float, ...]:
    checked = tuple(
        _bounded("weights", weight) for weight in sequence(weights, parameter="weights", error=InvalidSpace)
    )
    if not checked:
        return ()
    if len(checked) != count:
        raise InvalidSpace(
            f"weights must have one entry for each of the {count} values, got {len(checked)}.",
            parameter="weights",
            value=checked,
        )
    for weight in checked:
        if weight < 0:
            raise InvalidSpace(f"weights must be at least 0, got {weight:g}.", parameter="weights", value=weight)
    if sum(checked) <= 0:
        raise InvalidSpace("weights must sum to something above 0.", parameter="weights", value=checked)
    return checked


def _listed(listed: tuple[float, ...], weights: tuple[float, ...]) -> tuple[Floats, Floats]:
    values = np.array(listed, dtype=np.float64)
    shares = np.array(weights or (1.0,) * len(listed), dtype=np.float64)
    order = np.argsort(values)
    order = order[shares[order] > 0]
    return values[order], shares[order]
