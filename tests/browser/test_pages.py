"""What pages do in a real browser: they follow, mark, hide, close, and take names for what they are."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.webapp import pages, rows
from webapp import services
from webapp.models import FailureKind

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "<img src=x onerror=window.hacked=1></script>@{error} $$x$$"


class Study:
    """Two ended populations and a batch that still runs."""

    def __init__(self, *, first: str = "AnyNetX-A", second: str = "RegNetX") -> None:
        self.team, self.user = rows.a_team()
        self.regime = rows.a_regime(self.team, self.user, name="Fashion-MNIST on CPU")
        rng = np.random.default_rng(0)
        make = (self.team, self.user, self.regime)
        high = [float(x) for x in rng.normal(40, 6, 15)]
        low = [float(x) for x in rng.normal(27, 3, 16)]
        self.anynet, self.first = pages.trained(
            *make, name=first, preset="AnyNetX-A-small", errors=[*high, FailureKind.DIVERGED]
        )
        self.regnet, self.second = pages.trained(*make, name=second, preset="RegNetX-small", errors=low)
        self.child = services.create_space(
            team=self.team, name="AnyNetX-B", space=rows.presets.space("AnyNetX-B-small"), actor=self.user,
            parent=self.anynet, note="One b is enough.",
        )  # fmt: skip
        self.running = rows.a_batch(self.child, self.regime, self.user, size=6)
        pages.finish(self.running, [30.0, 31.0])
        rows.claim()
        pages.finish(self.running, [29.0])


def missing(complaint: str) -> bool:
    """The browser's own words about the page that is meant to be missing."""
    return "404" in complaint


def test_names_that_try_to_be_more_do_nothing_in_a_browser(windows: Any) -> None:
    study = Study(first=HOSTILE, second="$$y$$ @{w_m}")
    visitor = windows(study.user)
    p = f"p={study.anynet.pk}-{study.regime.pk}&p={study.regnet.pk}-{study.regime.pk}"
    for address in ("/", f"/batches/{study.first.pk}/", f"/analyses/?{p}", f"/spaces/{study.anynet.pk}/"):
        visitor.go(address)
        page = visitor.whole()
        for canvas in page.locator(".plot").all()[:3]:
            canvas.hover()
        assert page.evaluate("window.hacked") is None, address
    assert visitor.complaints == []


def test_a_running_batch_changes_by_itself_and_tells_when_it_has_ended(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    page = visitor.go(f"/batches/{study.running.pk}/")
    assert page.locator("#live .counts").inner_text().split()[:2] == ["done", "3"]
    pages.finish(study.running, [33.0])
    expect(page.locator("#live .counts li").first).to_have_text(re.compile("done 4"))
    services.cancel_batch(batch=study.running, actor=study.user)
    expect(page.locator("#live .badge").first).to_have_text("done")
    page.wait_for_selector("text=Queue 2 cancelled runs again")
    assert visitor.complaints == []


def test_the_preview_follows_what_is_typed(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    page = visitor.go(f"/spaces/{study.child.pk}/refine/")
    assert "yes, proven" in page.locator("#live").inner_text()
    page.fill("[name=widths_high]", "512")
    page.wait_for_selector("#live .badge.failed")
    assert "Width w_i" in page.locator("#live").inner_text()
    page.fill("[name=widths_high]", "500")
    page.wait_for_selector("#live-problems .message")
    assert "multiple of step" in page.locator("#live-problems").inner_text()
    assert "Complexity of" in page.locator("#live").inner_text()
    page.fill("[name=widths_high]", "128")
    page.wait_for_selector("#live .badge.done")
    assert page.locator("#live-problems .message").count() == 0
    assert page.evaluate("document.activeElement.name") == "widths_high"
    assert visitor.complaints == []


def test_the_inputs_of_a_law_follow_its_kind(windows: Any) -> None:
    study = Study()
    page = windows(study.user).go("/spaces/new/?preset=AnyNetX-A-small")
    assert page.is_visible("[name=widths_low]")
    assert not page.is_visible("[name=widths_values]")
    page.select_option("[name=widths_law]", "choice")
    assert page.is_visible("[name=widths_values]")
    assert not page.is_visible("[name=widths_low]")
    page.select_option("[name=widths_law]", "power_of_two")
    assert not page.is_visible("[name=widths_step]")


def test_designs_marked_in_one_plot_are_listed_and_marked_in_all(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    visitor.go(f"/analyses/?p={study.regnet.pk}-{study.regime.pk}")
    page = visitor.whole()
    box = page.locator("#by-w_m").bounding_box()
    assert box is not None
    page.locator("#by-w_m").scroll_into_view_if_needed()
    box = page.locator("#by-w_m").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 30, box["y"] + box["height"] - 60, steps=6)
    page.mouse.up()
    page.wait_for_selector("[data-selection]:not([hidden]) li a")
    assert int(page.locator("[data-count]").inner_text()) > 0
    link = page.locator("[data-selection] li a").first
    assert link.inner_text().startswith("sample ")
    link.click()
    page.wait_for_url("**/samples/*/")


def test_a_legend_hides_its_curve_from_the_keyboard(windows: Any) -> None:
    study = Study()
    page = windows(study.user).go(f"/analyses/?p={study.regnet.pk}-{study.regime.pk}")
    button = page.locator("button[data-curve]").first
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    visible = "Bokeh.documents[0].roots()[0].renderers.filter(r => r.name).every(r => !r.visible)"
    assert page.evaluate(visible)


def test_the_search_is_reached_by_a_key_and_menus_close_by_one(windows: Any) -> None:
    study = Study()
    page = windows(study.user).go("/spaces/")
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.name") == "q"
    page.click("summary:has-text('Account')")
    page.keyboard.press("Escape")
    assert page.locator("details.menu[open]").count() == 0


def test_a_newcomer_gets_from_sign_in_to_a_queued_batch(windows: Any, live_server: Any, browser: Any) -> None:
    _, user = rows.a_team("New", "new@example.org")
    context = browser.new_context()
    page = context.new_page()
    page.goto(live_server.url)
    page.fill("[name=email]", user.email)
    page.fill("[name=password]", "correct horse battery")
    page.click("main button[type=submit]")
    page.click("text=Create AnyNetX-A, RegNetX and the regime")
    page.click("[aria-label='Queue a batch of RegNetX']")
    page.fill("[name=size]", "5")
    page.click("text=Queue the batch")
    page.wait_for_selector("text=Queued: 5 designs of RegNetX")
    rows.draw_requested()
    expect(page.locator("#live dd small").first).to_have_text("for a free slot")
    context.close()


def test_what_the_search_finds_is_reached_by_keys_alone(windows: Any) -> None:
    study = Study(first=HOSTILE)
    visitor = windows(study.user)
    page = visitor.go("/regimes/")
    page.keyboard.press("Control+k")
    page.keyboard.type("net")
    expect(page.locator("#finder a").first).to_be_visible(timeout=10_000)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.press("Escape")
    expect(page.locator("#finder")).to_be_hidden()
    page.keyboard.press("Control+k")
    page.keyboard.type("onerror")
    expect(page.locator("#finder a").first).to_have_text(HOSTILE)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/spaces/{study.anynet.pk}/")
    assert page.evaluate("window.hacked") is None
    assert visitor.complaints == []
