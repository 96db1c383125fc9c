"""An owner, a person who is invited, and a visitor with a link, in real browsers."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_analyses import POPULATION
from tests.browser.test_pages import HOSTILE, Study, missing
from webapp import services
from webapp.models import Membership, ResultPage, Role

pytestmark = pytest.mark.django_db(transaction=True)

NOTES = "# Head\n\nRegNetX is **better**; see [the paper](https://example.org/).\n\n| a | b |\n|---|---|\n| 1 | 2 |"


def a_result(study: Study) -> ResultPage:
    values = {"p": [f"{space.pk}-{study.regime.pk}" for space in (study.regnet, study.anynet)]}
    return services.create_result_page(
        team=study.team, title="RegNetX against AnyNetX-A", notes=NOTES, analysis={"schema": 1, "values": values},
        actor=study.user,
    )  # fmt: skip


def test_an_owner_saves_and_shares_an_analysis_and_a_visitor_sees_that_page_only(windows: Any) -> None:
    study = Study()
    owner, visitor = windows(study.user), windows(None)
    page = owner.go(f"/analyses/?p={study.regnet.pk}-{study.regime.pk}&p={study.anynet.pk}-{study.regime.pk}")
    page.click(".head >> text=Save")
    page.fill("[name=title]", "What we found")
    page.fill("[name=notes]", NOTES)
    page.click("main button[type=submit]")
    owner.settle()  # who leaves before the rest of a page has come is noted as a request that failed
    page.click(".head >> text=Share")
    page.click("text=Make a link")
    link = page.input_value("#share-link")
    assert page.is_visible("[data-copy]")

    seen = visitor.go(link.removeprefix(visitor.address))
    assert "What we found" in seen.inner_text("main")
    assert "RegNetX is better" in seen.inner_text(".prose")
    links = "[...document.querySelectorAll('main a:not(.prose a), header a')]"  # notes lead where their writer says
    leads = visitor.whole().evaluate(f"{links}.map(a => a.getAttribute('href'))")
    own = (link.removeprefix(visitor.address), "#")
    assert [address for address in leads if not address.startswith(own)] == []
    assert seen.locator("form, a.button").count() == 0
    seen.click("summary:has-text('Export')")
    with seen.expect_download() as started:
        seen.click("text=one HTML file")
    assert started.value.suggested_filename == "what-we-found.html"
    button = seen.locator("button[data-curve]").first
    button.click()
    assert button.get_attribute("aria-pressed") == "false"

    owner.go(f"/results/{ResultPage.objects.get().pk}/share/").click("text=Revoke")
    expect(page.locator("main")).to_contain_text("shows nothing any more")
    assert "Nothing here" in visitor.go(link.removeprefix(visitor.address)).inner_text("main")
    # To Chromium a download is a page that never came.
    assert [one for one in visitor.complaints if not missing(one) and not one.endswith("/report.html")] == []
    assert owner.complaints == []


def test_designs_marked_on_a_shared_page_are_listed_without_addresses(windows: Any) -> None:
    study = Study()
    _, token = services.share_result_page(page=a_result(study), days=3, actor=study.user)
    visitor = windows(None)
    visitor.go(f"/share/{token}/")
    page = visitor.whole()
    page.evaluate(f"{POPULATION}.selected.indices = [0, 1]")
    page.wait_for_selector("[data-selection]:not([hidden]) li span")
    assert page.locator("[data-selection] li a").count() == 0


def test_a_person_comes_in_by_an_invitation_and_reads(windows: Any) -> None:
    study = Study(first=HOSTILE)
    owner, ada = windows(study.user), windows(None)
    page = owner.go("/team/")
    page.fill("[name=label]", "Ada")
    page.select_option("form[action='/team/invite/'] [name=role]", "viewer")
    page.click("text=Make a link")
    theirs = ada.go(page.input_value("#invitation-link").removeprefix(ada.address))
    assert theirs.url.endswith("/join/")  # the token is left behind
    theirs.fill("[name=name]", "Ada")
    theirs.fill("[name=email]", "ada@example.org")
    theirs.fill("[name=password]", "correct horse battery")
    theirs.click("main button[type=submit]")
    theirs.wait_for_selector("text=You are in Vision now, as viewer.")
    assert theirs.locator("text=Queue a batch").count() == 0
    assert Membership.objects.get(user__email="ada@example.org").role == Role.VIEWER
    assert ada.complaints == []
