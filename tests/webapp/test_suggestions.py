"""Restrictions in words and in addresses."""

from __future__ import annotations

import numpy as np
import pytest

from webapp import plots
from webapp.analysis.populations import range_words
from webapp.analysis.suggestions import restriction_words


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("w_m:2.26:2.55", "w_m 2.26–2.55"),
        ("depth::20", "depth up to 20"),
        ("w_a:8:", "w_a from 8"),
        ("widths_non_decreasing", "widths non-decreasing"),
        ("nonsense", "nonsense"),
        ("w_m:a:b", "w_m:a:b"),
        ("w_m:1:2:3", "w_m:1:2:3"),
    ],
)
def test_a_restriction_of_an_address_is_said_in_words(asked: str, words: str) -> None:
    assert restriction_words(asked) == words


def test_a_range_from_zero_keeps_its_end() -> None:
    assert range_words("w_a", 0, None) == "w_a from 0"


def test_steps_of_large_populations_are_drawn_to_a_thousandth() -> None:
    fractions = np.arange(1, 20_001) / 20_000
    kept = plots.drawn_steps(fractions)
    assert len(kept) <= 1_002
    drawn = fractions[kept]
    assert drawn[-1] == 1
    assert np.diff(drawn).max() <= 0.0011
    assert plots.drawn_steps(fractions[:1_000]).tolist() == list(range(1_000))


def test_an_outline_draws_ties_as_one_step() -> None:
    picture = plots.quantile_sparkline([(3, [20.0] * 25 + [30.0] * 24, 1.0)], x_range=(10.0, 40.0))
    assert picture.startswith('<svg class="spark"')
    assert 'class="k3"' in picture
    same = plots.quantile_sparkline([(1, [20.0] * 49, 1.0)], x_range=(20.0, 20.0))
    assert "nan" not in same
