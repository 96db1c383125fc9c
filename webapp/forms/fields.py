"""Fields that several forms share: names, whole numbers, numbers with units, lists of numbers."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

LARGEST_COLUMN = 2**63 - 1
LONGEST_NUMBER = 40  # characters; nobody types more, and Python slows down with longer integers
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(name: str, *, what: str = "The name") -> None:
    """A name must be seen as what it is: no control or direction characters, and something visible."""
    for letter in name:
        if unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} or letter in BIDI_CONTROLS:
            raise ValidationError(f"{what} must not hold the invisible character U+{ord(letter):04X}.")
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in name):
        raise ValidationError(f"{what} must hold something visible.")


class NameField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=120, validators=[check_name], **kwargs)
        self.widget.attrs["autocomplete"] = "off"


def parse_number(text: str, *, name: str) -> int | float:
    """A finite number as typed: ``16`` is an int, ``0.1`` and ``1e6`` are floats, ``1,024`` and ``1 024`` ints."""
    compact = "".join(text.split()).replace("\N{MINUS SIGN}", "-")
    if THOUSANDS.fullmatch(compact):  # any other comma may be meant as a decimal point, and is refused
        compact = compact.replace(",", "")
    if len(compact) > LONGEST_NUMBER:
        raise ValidationError(f"{name} is a number too long to be meant.")
    try:
        number: int | float = int(compact)
    except ValueError:
        try:
            number = float(compact)
        except ValueError:
            raise ValidationError(f"{name} must be a number, got {text[:40]}.") from None
    if not math.isfinite(number) or abs(number) > LARGEST_COLUMN:
        raise ValidationError(f"{name} must be a number within reason, got {text[:40]}.")
    return number


class NumberField(forms.CharField):
    """A number with the engine's own limits; ``scale`` is the unit that the form shows (1e6 for millions)."""

    widget = forms.TextInput(attrs={"class": "num", "inputmode": "decimal", "autocomplete": "off"})

    def __init__(self, *, whole: bool = False, scale: int = 1, **kwargs: Any) -> None:
        self.whole, self.scale = whole, scale
        super().__init__(max_length=60, **kwargs)

    def to_python(self, value: object) -> Any:
        text = super().to_python(value) or ""
        if text in self.empty_values:
            return None
        number = parse_number(text, name=str(self.label or "This"))
        if self.scale != 1:
            return self._in_units(number, text)
        if self.whole and number != int(number):
            raise ValidationError(f"{self.label or 'This'} must be a whole number, got {text[:40]}.")
        return int(number) if self.whole else number

    def _in_units(self, number: int | float, text: str) -> int:
        scaled = number * self.scale
        if not abs(scaled) <= LARGEST_COLUMN:
            raise ValidationError(f"{self.label} must be a number within reason, got {text[:40]}.")
        return round(scaled)

    def run_validators(self, value: object) -> None:
        """The engine checks numbers; the validators of a text's length were for the text."""

    def validate(self, value: object) -> None:
        if self.required and value is None:
            raise ValidationError(self.error_messages["required"], code="required")


class NumbersField(forms.CharField):
    """Numbers separated by commas or spaces, as a tuple."""

    widget = forms.TextInput(attrs={"autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=2000, **kwargs)

    def to_python(self, value: object) -> Any:
        text = super().to_python(value) or ""
        words = text.replace(",", " ").split()
        if len(words) > 200:
            raise ValidationError(f"{self.label or 'This'} must hold at most 200 numbers, got {len(words)}.")
        return tuple(parse_number(word, name=str(self.label or "A value")) for word in words)

    def run_validators(self, value: object) -> None:
        """As for a single number."""

    def validate(self, value: object) -> None:
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")


def number_text(number: float | None, *, scale: int = 1) -> str:
    """A number as a form shows it again: parse_number gives the same number back."""
    if number is None:
        return ""
    scaled = number / scale if scale != 1 else number
    return str(int(scaled)) if scaled == int(scaled) and abs(scaled) < 1e15 else repr(float(scaled))
