"""Units of errors and complexities: what a column's name and values say, and what a value becomes."""

from __future__ import annotations

import re

import numpy as np

from webapp.files.cells import FloatArray, Numbers

ERROR_UNITS = {
    "error-percent": "error, %",
    "error-fraction": "error, 0 to 1",
    "accuracy-percent": "accuracy, %",
    "accuracy-fraction": "accuracy, 0 to 1",
}
FACTORS = {"1": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
COMPLEXITIES = ("flops", "params", "acts")
OPERATIONS = "operations"  # a multiply-add counts twice
COMPLEXITY_UNITS = {
    **{f"{name}-{unit}": f"{name}, {unit}" for name in COMPLEXITIES for unit in FACTORS},
    **{f"flops-{unit}-{OPERATIONS}": f"flops, {unit}, operations (2 a multiply-add)" for unit in FACTORS},
}
NAMES = {
    "flops": re.compile(r"flops?|macs?|madds?|mult_adds?|multiply_adds|(num|n|total|count)_flops|gops|mops|operations"),
    "params": re.compile(
        r"params?|parameters?|weights|((num|n|total|count|model|trainable)_)+(params?|parameters)|params?_(count|num|total)"
    ),
    "acts": re.compile(r"acts?|activations|((num|n|total)_)(acts|activations)"),
}
UNIT_WORDS = {
    "g": "G",
    "b": "G",
    "m": "M",
    "k": "k",
    "giga": "G",
    "mega": "M",
    "millions": "M",
    "million": "M",
    "billions": "G",
}


def guess_complexity(word: str, numbers: Numbers) -> tuple[str, str] | None:
    """The unit, such as ``flops-G``, and why; None for a name of no complexity."""
    parts = word.split("_")
    unit = next((UNIT_WORDS[part] for part in (parts[-1], parts[0]) if part in UNIT_WORDS and len(parts) > 1), "")
    bare = "_".join(part for k, part in enumerate(parts) if not (part in UNIT_WORDS and k in (0, len(parts) - 1)))
    if not unit and (glued := re.fullmatch(r"([gmk])(flops?|macs?|madds?|params?|ops)", bare)):
        unit, bare = UNIT_WORDS[glued.group(1)], glued.group(2)
    name = next((name for name, pattern in NAMES.items() if pattern.fullmatch(bare)), "ops" if bare == "ops" else "")
    if not name:
        return None
    end = f"-{OPERATIONS}" if name == "ops" or bare in ("gops", "mops", "operations") else ""
    name = "flops" if name == "ops" else name
    if unit:
        return f"{name}-{unit}{end}", "by its name, with its unit"
    unit, why = _unit_of(name, numbers.values)
    return f"{name}-{unit}{end}", f"by its name; {why}"


def _unit_of(name: str, values: FloatArray) -> tuple[str, str]:
    """Networks have between ten thousand and some billion of each."""
    known = np.abs(values[np.isfinite(values)])
    if not len(known):
        return "1", "no value says its unit"
    median, are_counts = float(np.median(known)), bool(np.all(known == np.rint(known))) and known.max() >= 1000
    if median >= 1e5 or are_counts:
        return "1", "as large as counts"
    if name == "flops" and median < 50:
        return "G", "too small for millions"
    return "M", "too small for counts"


def guess_error_unit(name: str, numbers: Numbers) -> str:
    text = name.lower()
    says_error = re.search(r"err|loss|wrong", text) is not None
    says_accuracy = re.search(r"acc|top[-_ ]?1|correct", text) is not None
    known = numbers.values[np.isfinite(numbers.values)]
    is_fraction = len(known) > 0 and bool(np.all((known >= 0) & (known <= 1))) and not numbers.percent
    measure = "accuracy" if says_accuracy and not says_error else "error"
    return f"{measure}-{'fraction' if is_fraction else 'percent'}"


def to_error(values: FloatArray, unit: str) -> FloatArray:
    """Errors in percent. Ten digits are more than any error has, and spare the reader 27.474000000000004."""
    measure, scale = unit.split("-")
    percent = 100 * values if scale == "fraction" else values
    return np.round(100 - percent if measure == "accuracy" else percent, 10)


def to_counts(values: FloatArray, unit: str) -> FloatArray:
    """Counts of multiply-adds, parameters or activations."""
    parts = unit.split("-")
    counts = values * FACTORS[parts[1]] / (2 if OPERATIONS in parts else 1)
    return np.round(counts, 3)


def error_words(source: str, unit: str) -> str:
    """How an error comes about, in words."""
    measure, scale = unit.split("-")
    share = scale == "fraction"
    if measure == "accuracy":
        return f"{'100 × (1 − ' if share else '100 − '}{source}{')' if share else ''}"
    return f"100 × {source}" if share else source
