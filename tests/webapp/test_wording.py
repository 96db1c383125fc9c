"""How numbers are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from webapp import wording


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(1234.56, 1, "1,234.6"), (-0.04, 1, "0.0"), (-8.04, 1, "−8.0"), (0.5, 0, "0")]
)
def test_fixed_has_a_true_minus_and_none_before_zero(value: float, digits: int, text: str) -> None:
    assert wording.fixed(value, digits) == text


def test_intervals_stand_in_brackets() -> None:
    assert wording.between((22.04, 24.5)) == "(22.0–24.5)"
    assert wording.between((0.316, 1), 2) == "(0.32–1.00)"
    assert wording.within((0.0, 100.0)) == "(no interval yet)"
    assert wording.within((0.0, 99.0)) == "(0.0–99.0)"
    assert wording.signed_between((-8.94, 0.01)) == "(−8.9, 0.0)"


def test_signed_shows_a_plus_but_none_before_zero() -> None:
    assert [wording.signed(value) for value in (8.04, -8.04, 0.01, -0.01)] == ["+8.0", "−8.0", "0.0", "0.0"]


def test_significant_keeps_three_digits_and_whole_numbers() -> None:
    shown = [wording.significant(value) for value in (0.0203, 0.7, 12.34, 397.678, 5157.5, 0)]
    assert shown == ["0.0203", "0.700", "12.3", "398", "5,158", "0"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(17, "17"), (999_999, "999,999"), (13_821_510_942_720, "1.38 × 10¹³"), (9 * 10**400 + 1, "9.00 × 10⁴⁰⁰")],
)
def test_large_counts_are_rounded_to_a_power_of_ten(count: int, text: str) -> None:
    assert plain(wording.large(count)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (90, "2 min"),
        (3599, "1 h"),
        (6 * 3600 + 45 * 60, "6 h 45 min"),
        (100_000, "1 d 4 h"),
    ],
)
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert plain(wording.duration(seconds)) == text


def test_ago_is_words_for_a_week_and_a_date_after() -> None:
    now = datetime(2026, 3, 20, 12, tzinfo=UTC)
    shown = [plain(wording.ago(now - timedelta(seconds=s), now)) for s in (5, 120, 7200, 3 * 86400, 10 * 86400)]
    assert shown == ["just now", "2 min ago", "2 h ago", "3 d ago", "10 March 2026"]


@pytest.mark.parametrize(("p", "cell"), [(0.0001, "< 0.001"), (0.0123, "0.012"), (0.41, "0.41"), (1.0, "1.00")])
def test_p_values_are_never_zero(p: float, cell: str) -> None:
    assert wording.p_value(p) == cell


def test_counted_and_joined_make_sentences() -> None:
    assert (wording.counted(1, "batch", "batches"), wording.counted(2, "batch", "batches")) == ("1 batch", "2 batches")
    assert wording.joined(["a", "b", "c"]) == "a, b and c"
    assert wording.joined([]) == ""


def test_compact_is_as_short_as_it_is_exact_enough() -> None:
    assert [wording.compact(value) for value in (24.0, 24.48, 1024, 0.25, -3)] == ["24", "24.48", "1,024", "0.25", "−3"]
    assert not math.isnan(float(wording.compact(2.54)))
