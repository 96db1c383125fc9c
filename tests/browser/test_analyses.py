"""The analysis page and the refine form in a real browser: choices, suggestions, what-if."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.webapp import pages, rows

pytestmark = pytest.mark.django_db(transaction=True)


class Study:
    """Two populations of 40; narrow ratios are better in the first."""

    def __init__(self) -> None:
        self.team, self.user = rows.a_team()
        self.regime = rows.a_regime(self.team, self.user)
        self.anynet = rows.a_space(self.team, self.user, name="AnyNetX-B", preset="AnyNetX-B-small")
        self.regnet = rows.a_space(self.team, self.user, name="RegNetX", preset="RegNetX-small")
        rng = np.random.default_rng(0)
        batch = pages.measured(self.anynet, self.regime, self.user, [1.0] * 40)
        for sample in batch.samples.all():
            sample.error = 30 + 3 * sample.drawn["bottleneck_ratios"][0] + float(rng.normal(0, 0.5))
            sample.save()
        pages.measured(self.regnet, self.regime, self.user, rng.normal(27, 2, 40).tolist())

    def url(self, more: str = "") -> str:
        p = "&".join(f"p={space.pk}-{self.regime.pk}" for space in (self.anynet, self.regnet))
        return f"/analyses/?{p}&of={self.anynet.pk}-{self.regime.pk}{more}"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_every_choice_is_accessible_quiet_and_whole(windows: Any, width: int, dark: bool) -> None:
    study = Study()
    visitor = windows(study.user, width=width, dark=dark)
    for more in ("", "&normalise=acts&min_bottleneck_ratio=1&max_bottleneck_ratio=2&what_if=widths_non_decreasing"):
        page = visitor.go(study.url(more))
        assert visitor.violations() == [], more
        assert visitor.overflow() <= 0, more
        assert page.evaluate("document.querySelectorAll('*').length") < 5_000
    if width > 1_000:
        assert visitor.cut_tables() == []
    assert visitor.complaints == []


def test_a_filter_is_typed_and_stands_in_the_address(windows: Any) -> None:
    study = Study()
    page = windows(study.user).go(study.url())
    page.click("summary:has-text('Choose populations')")
    page.click("summary:has-text('Filter by parameter')")
    page.fill("[name=max_bottleneck_ratio]", "2")
    page.click("button:has-text('Compare')")
    page.wait_for_selector("text=Only samples with bottleneck_ratio up to 2")
    assert "max_bottleneck_ratio=2" in page.url
    page.click("text=Use all samples")
    page.wait_for_selector("text=AnyNetX-B: 40 used")


def test_a_suggestion_opens_the_form_filled_in_and_with_what_the_samples_say(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    page = visitor.go(study.url())
    assert "bottleneck_ratio" in page.locator("#next tbody tr").first.inner_text()
    page.locator("#next tbody a:has-text('Refine with this')").first.click()
    page.wait_for_selector("#live #what-if canvas, #live #what-if .bk-Figure, #live #what-if div", timeout=20_000)
    assert page.input_value("[name=bottleneck_ratios_values]") in ("1", "1, 2")
    assert "of the 40 samples of AnyNetX-B lie inside" in page.locator("#live").inner_text()
    page.fill("[name=widths_high]", "64")
    page.wait_for_selector("#live:has-text('Width w_i: log-uniform, 8 to 64')", timeout=20_000)
    assert "40 samples of AnyNetX-B" in page.locator("#live").inner_text()
    assert visitor.complaints == []


def test_a_marked_point_is_listed_with_its_link(windows: Any) -> None:
    study = Study()
    page = windows(study.user).go(study.url())
    page.locator("#by-bottleneck_ratio").scroll_into_view_if_needed()
    picked = page.evaluate(
        """() => {
            const source = Bokeh.documents[0].get_model_by_name("population");
            source.selected.indices = [3];
            return source.data.url[3];
        }"""
    )
    page.wait_for_selector("[data-selection]:not([hidden]) li a")
    assert page.locator("[data-selection] li a").first.get_attribute("href") == picked
