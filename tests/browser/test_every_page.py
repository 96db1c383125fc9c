"""Every address that answers with a page: accessible in light and dark, no wider than a phone, quiet, no dead end.

The addresses are those of the access matrix and of OPEN_PAGES; a test fails where one of urls.py is in neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser import test_pages
from tests.browser.chromium import Visitor
from tests.browser.test_pages import missing
from tests.webapp import pages, rows
from tests.webapp.test_access import GETS, MATRIX, OPEN, Study
from webapp import services
from webapp.models import Role, Sample, User
from webapp.urls import urlpatterns

pytestmark = pytest.mark.django_db(transaction=True)

# What visitors may open, and what it looks like when it is there.
OPEN_PAGES = {
    "sign-in": "/sign-in/",
    "forgotten-password": "/password/forgotten/",
    "password-mail-sent": "/password/sent/",
    "new-password": "/password/new/MQ/stale/",
    "invitation": "/invitations/{invited}/",
    "shared": "/share/{shared}/",
}
# These answer with files, send on to another page, or are walked through in test_files.
NOT_PAGES = {
    "sign-in-by-link", "sign-out", "join-team", "choose-team", "revoke-api-token", "import-preview", "discard-import",
    "notification", "shared-report", "shared-edf-csv", "shared-figure", "shared-table", "shared-population",
    "shared-part",
}  # fmt: skip
NOT_THERE = ("/no-such-page/", "/share/unknown/", "/invitations/unknown/")
# Menus that are open and lie beyond an edge of the window.
OFF_SCREEN = """[...document.querySelectorAll('details.menu[open] > :not(summary)')]
    .map(one => [one.innerText.slice(0, 40), one.getBoundingClientRect()])
    .filter(([_, box]) => box.width && (box.left < 0 || box.right > innerWidth)).map(([words, _]) => words)"""
OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"
# What Tab stops at on the page as it is.
REACHABLE = """[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter(one => one.tabIndex >= 0 && !one.disabled && one.type !== 'hidden'
        && one.checkVisibility({visibilityProperty: true})).length"""
# What has the focus; null where the page has been passed through.
FOCUSED = """(() => {
    const one = document.activeElement;
    if (one === document.body || (window.passed && passed.has(one))) return null;
    if (window.passed) passed.add(one);
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    return {
        words: (one.ariaLabel || one.labels?.[0]?.innerText || one.innerText || one.name || one.tagName).trim(),
        seen: inside && (style.outlineStyle !== 'none' || style.boxShadow !== 'none'),
    };
})()"""
WINDOWS = [pytest.param(1280, False, id="wide-light"), pytest.param(360, True, id="narrow-dark")]


def test_every_address_is_looked_at() -> None:
    named = {pattern.name for pattern in urlpatterns if getattr(pattern, "name", None)}
    looked_at = {name for name, (kind, _) in MATRIX.items() if kind != OPEN}
    assert named == looked_at | set(OPEN_PAGES) | NOT_PAGES


@dataclass
class Full:
    """A team with something on every page."""

    owner: User
    inside: list[str]
    outside: list[str]
    keyboard: dict[str, str]


@pytest.fixture
def full() -> Full:
    made = test_pages.Study()
    team, owner = made.team, made.user
    _, invited = services.create_invitation(team=team, role=Role.MEMBER, label="A friend", actor=owner)
    populations = [f"{space.pk}-{made.regime.pk}" for space in (made.regnet, made.anynet)]
    page = services.create_result_page(
        team=team, title="Found", notes="# Head\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n`code`", actor=owner,
        analysis={"schema": 1, "values": {"p": populations}},
    )  # fmt: skip
    _, shared = services.share_result_page(page=page, days=30, actor=owner)
    pages.a_member(team, "mate@example.org")
    imported = rows.an_import(team, owner, [30.0, 40.0, 50.0], depth=[1, 2, 3])
    study = Study(team, owner, made.regnet, made.regime, made.second, imported)
    inside = [study.url(pattern) for kind, pattern in MATRIX.values() if kind in GETS]
    client, failed = pages.client_of(owner), Sample.objects.filter(batch=made.first).latest("position")
    more = [
        f"/analyses/?p={populations[0]}&p={populations[1]}&normalise=acts", f"/spaces/{made.child.pk}/refine/",
        f"/batches/{made.running.pk}/", f"/batches/{made.first.pk}/", f"/samples/{failed.pk}/", "/analyses/",
    ]  # fmt: skip
    outside = [path.format(invited=invited, shared=shared) for path in OPEN_PAGES.values()]
    keyboard = {
        "space form": "/spaces/new/", "analysis": f"/analyses/?p={populations[0]}&p={populations[1]}",
        "batch": f"/batches/{made.first.pk}/", "results": "/results/",
    }  # fmt: skip
    return Full(owner, [path for path in inside if is_page(client, path)] + more, outside, keyboard)


def is_page(client: pages.Reader, path: str) -> bool:
    """Whether a browser shows what is there: no file, no fragment that a page polls."""
    answer = client.get_page(path)
    return not answer.has_header("Content-Disposition") and answer.getvalue().lstrip().startswith(b"<!doctype html>")


def check(visitor: Visitor, path: str) -> None:
    """Of the page as it is, and with whatever folds or drops down open."""
    visitor.go(path)
    visitor.whole()
    if visitor.page.viewport_size == {"width": 1280, "height": 900}:
        assert visitor.cut_tables() == [], path
    assert visitor.overflow() <= 0, path
    visitor.page.evaluate(OPEN_ALL)
    visitor.whole()
    visitor.page.evaluate(OPEN_ALL)  # those of the parts that have come
    assert visitor.violations() == [], path
    assert visitor.overflow() <= 0, path
    assert visitor.page.evaluate(OFF_SCREEN) == [], path
    assert [one for one in visitor.complaints if not missing(one)] == [], path


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_every_page_is_accessible_quiet_and_whole(windows: Any, full: Full, width: int, dark: bool) -> None:
    inside, outside = (windows(user, width=width, dark=dark) for user in (full.owner, None))
    assert len(full.inside) > 30
    for visitor, paths in ((inside, full.inside), (outside, full.outside), (inside, NOT_THERE), (outside, NOT_THERE)):
        for path in paths:
            check(visitor, path)


def tab_stops(page: Page) -> list[str]:
    """Press Tab from the top of a page to its end: the words of what got the focus, in order."""
    page.evaluate("window.passed = new Set(); document.activeElement.blur()")
    stops: list[str] = []
    while True:
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None:
            return stops
        assert stop["seen"], f"nobody sees that the focus is on {stop['words']}"
        stops.append(stop["words"])


def press_tab_to(page: Page, words: str) -> None:
    for _ in range(150):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is not None and stop["words"].startswith(words):
            return
    pytest.fail(f"Tab does not lead to {words!r}.")


def test_tab_passes_everything_once_and_visibly_and_filters_an_analysis(windows: Any, full: Full) -> None:
    visitor = windows(full.owner)
    for path in full.keyboard.values():
        visitor.go(path)
        page = visitor.whole()
        reachable = page.evaluate(REACHABLE)
        stops = tab_stops(page)
        assert len(stops) == reachable, path
        assert stops[0] == "Skip to the content"
    page = visitor.go(full.keyboard["analysis"])
    press_tab_to(page, "Choose populations")
    page.keyboard.press("Enter")
    page.wait_for_selector("#choose form")
    press_tab_to(page, "Filter by parameter")
    page.keyboard.press("Enter")
    press_tab_to(page, "flops (M) to")
    page.keyboard.type("0.75")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "max_flops=0.75" in page.url
    assert "Only samples with" in page.get_by_role("main").inner_text()


def test_the_first_stop_of_a_page_skips_the_top_bar(windows: Any) -> None:
    page = windows(rows.a_team()[1]).go("/spaces/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_space_is_defined_by_keyboard_alone(windows: Any) -> None:
    page = windows(rows.a_team()[1]).go("/spaces/new/")
    press_tab_to(page, "Name")
    page.keyboard.type("By keyboard")
    press_tab_to(page, "Insight")
    page.keyboard.type("No mouse needed.")
    press_tab_to(page, "Save space")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "By keyboard saved." in page.get_by_role("status").first.inner_text()


def test_escape_closes_each_menu_and_gives_the_focus_back(windows: Any) -> None:
    page = windows(rows.a_team()[1]).go("/team/")
    menus = page.locator("details.menu > summary").all()
    assert len(menus) == 3
    for menu in menus:
        menu.focus()
        page.keyboard.press("Enter")
        assert page.locator("details.menu[open]").count() == 1
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        assert page.locator("details.menu[open]").count() == 0
        assert menu.evaluate("one => one === document.activeElement")
