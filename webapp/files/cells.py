"""Columns of texts as numbers: how a whole column writes them, decided once for all of its cells."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute

FloatArray = npt.NDArray[np.float64]
Style = Literal["point", "comma"]  # what separates the decimals; the other one may group thousands

BLANK = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "\N{EN DASH}", "\N{EM DASH}", "?"})
INFINITE = 1e300  # 1.797e308 is how stores without infinity keep it
LONGEST_NUMBER = 40
MOST_EXACT = 2**53
PLAIN = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$"
UNGROUPED = r"^\s*[+-]?[0-9]*\.([0-9]{0,2}|[0-9]{4,})([eE][+-]?[0-9]+)?\s*$"  # its point separates decimals
GROUPED = {
    "point": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?"),
    "comma": re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?"),
}
DECIMALS = {"point": re.compile(r"[+-]?\d*\.\d*([eE][+-]?\d+)?"), "comma": re.compile(r"[+-]?\d*,\d*([eE][+-]?\d+)?")}
SPACED = re.compile(r"(?<=\d)[ '\u2019\u00a0\u2009\u202f](?=\d{3}(?:\D|$))")
FACTORS = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
SUFFIXED = re.compile(r"([+-]?[\d.,]+(?:[eE][+-]?\d+)?) ?([kKMGBT])")
SPREAD = re.compile(r"(.+?) ?(?:±|\+/-|\+-) ?(.+)|(.+?) ?\(([\d.,]+)\)")
WORDS = {"inf": math.inf, "+inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}


@dataclass(frozen=True, eq=False)
class Numbers:
    """``values`` of shape (n,), nan where a cell is empty or no number; ``spreads`` after ± where some cell has one."""

    values: FloatArray
    present: npt.NDArray[np.bool_]  # cells that are filled
    percent: bool  # whether the cells carry a percent sign
    spreads: FloatArray | None = None
    inexact: bool = False  # whether a whole number has more digits than a double

    @property
    def share(self) -> float:
        """Of the filled cells, those that are numbers."""
        filled = int(self.present.sum())
        return int((~np.isnan(self.values) & self.present).sum()) / filled if filled else 0.0


def is_identifier(column: pa.Array) -> bool:
    """Whether some cell starts with a zero that a number would lose: 0020."""
    found = compute.match_substring_regex(compute.unique(column.drop_null()), r"^\s*[+-]?0[0-9]")
    return bool(compute.any(found).as_py())


def styles_of(column: pa.Array, *, decimal_comma: bool = False) -> list[Style]:
    """How a column of texts may write its numbers, judged by all of its cells; two where it reads both ways.

    ``decimal_comma`` says that another column of the file has one for sure, so that points may group thousands.
    """
    words = compute.unique(column.drop_null())
    unusual = words.filter(compute.invert(compute.match_substring_regex(words, PLAIN)))
    if not len(unusual) and not decimal_comma:
        return ["point"]
    if compute.any(compute.match_substring_regex(words, UNGROUPED)).as_py():
        return ["point"]  # 1.5 can't be 15
    cells: list[str] = words.filter(compute.match_substring_regex(words, "[,.]")).to_pylist()
    texts = [part for cell in cells for part in _bare(cell) if part]
    styles: list[Style] = ["point", "comma"]
    possible = [style for style in styles if all(_fits(text, style) for text in texts)]
    if "point" in possible and "comma" in possible:
        if any("," in text for text in texts):
            return ["point", "comma"]
        grouped = [text for text in texts if GROUPED["comma"].fullmatch(text)]
        return ["point", "comma"] if grouped and decimal_comma else ["point"]
    return possible or ["point"]


def read_numbers(column: pa.Array, style: Style = "point") -> Numbers:
    """A column of doubles or texts as numbers."""
    if column.type == pa.float64():
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        return Numbers(_with_infinities(values), ~np.isnan(values), percent=False)
    encoded = column.dictionary_encode()
    words, places = encoded.dictionary, encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    plain = compute.match_substring_regex(words, PLAIN)
    if style == "comma":
        plain = compute.and_(plain, compute.invert(compute.match_substring(words, ".")))
    plain = plain.to_numpy(zero_copy_only=False)
    values, spreads = np.full(len(words) + 1, np.nan), np.full(len(words) + 1, np.nan)
    filled = np.ones(len(words) + 1, dtype=bool)
    filled[-1] = False  # an empty cell has place -1
    usual = compute.cast(compute.utf8_trim_whitespace(words.filter(pa.array(plain))), pa.float64())
    values[:-1][plain] = usual.to_numpy(zero_copy_only=False)
    percent = inexact = False
    for place in np.flatnonzero(~plain):
        text = words[place].as_py()
        filled[place] = text.strip().lower() not in BLANK
        if filled[place]:
            values[place], spreads[place], has_sign = parse(text, style)
            percent = percent or has_sign
    large = np.flatnonzero(np.abs(values[:-1]) >= MOST_EXACT)
    for place in large:
        text = words[place].as_py().strip().lstrip("+-")
        inexact = inexact or (text.isdecimal() and int(text[:LONGEST_NUMBER]) > MOST_EXACT)
    known = spreads[places] if np.isfinite(spreads).any() else None
    return Numbers(_with_infinities(values)[places], filled[places], percent, known, bool(inexact))


def parse(text: str, style: Style) -> tuple[float, float, bool]:
    """The number of a cell, its spread after ±, and whether it has a percent sign; nan for what is none."""
    cleaned = text.strip().replace("\N{MINUS SIGN}", "-").rstrip("*†‡").strip()
    if len(cleaned) > LONGEST_NUMBER:
        return math.nan, math.nan, False
    if cleaned.lower() in WORDS:
        return WORDS[cleaned.lower()], math.nan, False
    has_sign = "%" in cleaned
    cleaned = cleaned.replace("%", "").strip()
    if parts := SPREAD.fullmatch(cleaned):
        value, spread = parts.group(1) or parts.group(3), parts.group(2) or parts.group(4)
        return _number(value, style), _number(spread, style), has_sign
    return _number(cleaned, style), math.nan, has_sign


def _number(text: str, style: Style) -> float:
    bare = SPACED.sub("", text.strip())
    factor = 1.0
    if suffixed := SUFFIXED.fullmatch(bare):
        bare, factor = suffixed.group(1), FACTORS[suffixed.group(2)]
    if style == "comma":
        bare = bare.replace(".", "") if GROUPED["comma"].fullmatch(bare) else bare
        bare = bare.replace(",", ".") if "." not in bare else "no number"
    elif "," in bare:
        bare = bare.replace(",", "") if GROUPED["point"].fullmatch(bare) else "no number"
    try:
        return float(bare) * factor if "_" not in bare else math.nan
    except ValueError:
        return math.nan


def _bare(text: str) -> list[str]:
    """The numbers of a cell, without signs of percent and suffixes."""
    cleaned = SPACED.sub("", text.strip().replace("%", "").rstrip("*†‡").strip())
    parts = SPREAD.fullmatch(cleaned)
    found = [part.strip() for part in parts.groups() if part] if parts else [cleaned]
    return [match.group(1) if (match := SUFFIXED.fullmatch(part)) else part for part in found]


def _fits(text: str, style: Style) -> bool:
    """What is no number in either style decides nothing."""
    if not re.fullmatch(r"[+-]?[\d.,]+([eE][+-]?\d+)?", text) or not any(letter.isdecimal() for letter in text):
        return True
    return bool(DECIMALS[style].fullmatch(text) or GROUPED[style].fullmatch(text) or text.isdecimal())


def _with_infinities(values: FloatArray) -> FloatArray:
    large = np.abs(values) >= INFINITE
    return np.where(large, np.copysign(np.inf, values), values) if large.any() else values


def level_texts(column: pa.Array, *, is_bool: Mapping[str, str]) -> list[str | None]:
    """The cells of a category, blanks as None."""
    words: dict[str | None, str | None] = {None: None}
    for text in compute.unique(column).to_pylist():
        if text is not None:
            clean = text.strip()
            words[text] = None if clean.lower() in BLANK - {"-", "none", "?"} else is_bool.get(clean.lower(), clean)
    return [words[text] for text in column.to_pylist()]
