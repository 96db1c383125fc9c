"""The parts of an analysis in a real browser: they come when they are wanted, and wherever the page is read."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.chromium import PATIENCE, Visitor
from tests.browser.test_analyses import POPULATION, Study
from tests.webapp import pages
from webapp import services

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = {"in-order-of-drawing", "parameters", "drivers", "next", "designs", "reach", "complexity"}
WHAT_IF = "&what_if=widths_non_decreasing"
# Whether a place is in the window, nothing is being fetched or drawn any more, and the place stays where it is.
IS_AT = """(id) => {
    const { parts, plots } = document.documentElement.dataset;
    const top = document.getElementById(id)?.getBoundingClientRect().top;
    return parts !== "loading" && plots === "drawn" && top >= 0 && top < innerHeight / 2;
}"""
UNDRAWN = (
    '[...document.querySelectorAll("section .plot")].filter((plot) => !plot.childElementCount).map((plot) => plot.id)'
)
DRAWN_TWICE = (
    '[...document.querySelectorAll(".plot")].filter((plot) => plot.childElementCount !== 1).map((plot) => plot.id)'
)
# How many documents draw a curve, and whether they show it.
CURVE = """(curve) => Bokeh.documents.map((doc) => doc.roots().flatMap((plot) => plot.renderers ?? [])
    .filter((one) => one.name === curve)).filter((all) => all.length).map((all) => all.every((one) => one.visible))"""


def watch(visitor: Visitor) -> list[str]:
    """The parts that the window asks for, in order."""
    asked: list[str] = []

    def note(request: Any) -> None:
        path = urlsplit(request.url).path
        if "/parts/" in path:
            asked.append(path.rpartition("/")[2])

    visitor.page.on("request", note)
    return asked


def rested(page: Page) -> None:
    """Wait until no part is being fetched."""
    page.wait_for_selector("html:not([data-parts=loading])")


def test_a_part_is_asked_for_once_and_only_when_it_comes_near_the_window(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    asked = watch(visitor)
    page = visitor.go(study.url())
    rested(page)
    assert "complexity" not in asked
    assert page.evaluate("document.documentElement.dataset.parts") == "some"
    page.locator("#complexity").scroll_into_view_if_needed()
    page.wait_for_selector("#complexity .plot > *")
    visitor.whole()
    assert page.evaluate("document.documentElement.dataset.parts") == "all"
    assert sorted(asked) == sorted(PARTS)
    page.click("summary:has-text('Choose populations')")
    page.wait_for_selector("#choose form")
    assert asked[-1] == "choose"
    assert visitor.complaints == []


def test_a_folded_part_of_a_phone_is_asked_for_when_its_fold_is_opened(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user, width=390)
    asked = watch(visitor)
    visitor.go(study.url())
    page = visitor.whole()
    assert asked == ["parameters"]  # the one that starts open
    page.locator("#designs > details > summary").click()
    expect(page.locator("#designs table").first).to_be_visible()
    rested(page)
    assert "complexity" not in asked
    page.click("[data-unfold]")
    visitor.whole()
    assert page.locator("section [data-to-come]").count() == 0
    assert sorted(asked) == sorted(PARTS)
    assert visitor.overflow() <= 0
    assert visitor.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("more", "place"), [("", "designs"), (WHAT_IF, "what-if-of"), ("", "by-e_fit")])
def test_an_address_leads_to_its_place_in_a_part_that_is_still_to_come(
    windows: Any, width: int, more: str, place: str
) -> None:
    study = Study()
    visitor = windows(study.user, width=width)
    page = visitor.go(study.url(f"{more}#{place}"))
    page.wait_for_function(IS_AT, arg=place)
    assert page.locator(f"#{place}").is_visible()
    assert page.locator(f"section:has(#{place}) [data-to-come], #{place} [data-to-come]").count() == 0
    assert visitor.complaints == []


def test_a_part_that_fails_says_so_and_comes_when_it_is_tried_again(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    visitor.page.route("**/parts/designs?*", lambda route: route.abort(), times=1)
    page = visitor.go(study.url())
    page.locator("#designs").scroll_into_view_if_needed()
    expect(page.locator("#designs")).to_contain_text("This part could not be loaded.")
    assert visitor.violations() == []
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#designs table").first).to_be_visible()
    visitor.whole()
    assert [re.sub(r"\?.*", "", one) for one in visitor.complaints if one.startswith("failed")] == [
        f"failed: {visitor.address}/analyses/parts/designs"
    ]


def test_who_was_signed_out_meanwhile_signs_in_and_comes_back_to_the_same_analysis(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    page = visitor.go(study.url())
    rested(page)
    page.context.clear_cookies()
    page.locator("#complexity").scroll_into_view_if_needed()
    page.wait_for_url(re.compile("/sign-in/"))
    assert parse_qs(urlsplit(page.url).query)["next"] == [study.url()]
    page.fill("[name=email]", study.user.email)
    page.fill("[name=password]", "correct horse battery")
    page.click("main button[type=submit]")
    page.wait_for_url(visitor.address + study.url())
    visitor.whole()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_print_has_every_part_and_every_figure(windows: Any, width: int) -> None:
    study = Study()
    visitor = windows(study.user, width=width)
    page = visitor.go(study.url())
    rested(page)
    before_printing = f"dispatchEvent(new Event('beforeprint')); {UNDRAWN}"  # at once: printing waits for nothing
    assert page.evaluate(before_printing) == []
    assert page.locator("section [data-to-come]").count() == 0
    assert page.locator("details[data-fold]").evaluate_all("all => all.every(one => one.open)")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    visitor.whole()
    assert page.evaluate(DRAWN_TWICE) == []
    page.emulate_media(media="print")
    assert visitor.overflow() <= 0
    assert page.pdf().startswith(b"%PDF")


def test_without_javascript_the_whole_page_is_there(browser: Browser, live_server: Any) -> None:
    study = Study()
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    session = pages.client_of(study.user).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + study.url())
    page.wait_for_url("**/analyses/?*parts=all*")
    for name in PARTS:
        assert page.locator(f"#{name} figcaption, #{name} table").count() > 0, name
    assert page.locator("[data-to-come]").count() == 0
    assert page.locator("#choose form").count() == 1
    context.close()


def test_a_curve_that_is_hidden_in_one_part_is_hidden_in_those_that_come_later(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    page = visitor.go(study.url())
    first = page.locator("#errors button[data-curve]").first
    curve = first.get_attribute("data-curve")
    first.click()
    visitor.whole()
    shown = page.evaluate(CURVE, curve)
    assert len(shown) > 1
    assert not any(shown)
    buttons = page.locator(f"button[data-curve='{curve}']")
    assert buttons.count() > 1
    assert {one.get_attribute("aria-pressed") for one in buttons.all()} == {"false"}
    buttons.last.click()
    assert all(page.evaluate(CURVE, curve))
    assert first.get_attribute("aria-pressed") == "true"
    assert visitor.complaints == []


def test_a_change_of_theme_draws_every_part_again_and_keeps_what_is_marked(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    visitor.go(study.url())
    page = visitor.whole()
    page.evaluate(f"window.before = [...Bokeh.documents]; {POPULATION}.selected.indices = [3, 5]")
    labels = "Bokeh.documents.map((doc) => doc.roots()[0].left[0].major_label_text_color)"
    light = page.evaluate(labels)
    changes = (
        "document.documentElement.dataset.theme = 'dark'",
        "document.documentElement.dataset.theme = 'light'",
        "for (const one of ['dark', 'light', 'dark']) document.documentElement.dataset.theme = one",
    )
    for change in changes:
        page.evaluate(change)
        page.wait_for_function("Bokeh.documents.every((doc) => !before.includes(doc))")
        page.wait_for_selector("html[data-plots=drawn]")
        assert page.evaluate("Bokeh.documents.length === before.length")
        assert page.evaluate(DRAWN_TWICE) == []
        assert page.evaluate(f"{POPULATION}.selected.indices") == [3, 5]
        assert page.locator("[data-count]").inner_text() == "2"
        page.evaluate("window.before = [...Bokeh.documents]")
    dark = page.evaluate(labels)
    assert len(dark) == len(light)
    assert not set(dark) & set(light)
    assert visitor.complaints == []


def test_a_shared_page_asks_for_its_parts_by_its_own_link_and_leads_nowhere_else(windows: Any) -> None:
    study = Study()
    values = {"p": [f"{space.pk}-{study.regime.pk}" for space in (study.anynet, study.regnet)]}
    result = services.create_result_page(
        team=study.team, title="Shared", notes="", analysis={"schema": 1, "values": values}, actor=study.user
    )
    _, token = services.share_result_page(page=result, days=3, actor=study.user)
    visitor, own = windows(None), f"/share/{token}/"
    paths: list[str] = []
    visitor.page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    visitor.go(own)
    page = visitor.whole()
    assert {path for path in paths if path.startswith(f"{own}parts/")} == {f"{own}parts/{name}" for name in PARTS}
    assert [path for path in paths if path and not path.startswith((own, "/static/"))] == []
    leads = page.evaluate("[...document.querySelectorAll('a')].map((link) => link.getAttribute('href'))")
    assert [address for address in leads if not address.startswith((own, "#"))] == []
    assert visitor.complaints == []


def test_beside_a_slow_part_the_page_stays_usable_and_says_that_it_computes(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    held: list[Route] = []
    visitor.page.route("**/parts/parameters?*", lambda route: held.append(route))
    page = visitor.go(study.url())
    page.locator("#parameters").scroll_into_view_if_needed()
    expect(page.locator("#parameters").get_by_role("status")).to_have_text("Computing this part …")
    page.locator("#designs").scroll_into_view_if_needed()
    expect(page.locator("#designs table").first).to_be_visible()
    button = page.locator("button[data-curve]").first
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert page.evaluate("document.documentElement.dataset.parts") == "loading"
    assert visitor.violations() == []
    assert len(held) == 1
    held[0].continue_()
    page.wait_for_selector("#parameters .plot > *")
    visitor.whole()
    assert visitor.complaints == []
