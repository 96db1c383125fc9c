"""Files in a real browser: an upload becomes an analysis, and an exported analysis opens without any network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import open_window
from tests.browser.test_pages import HOSTILE, Study
from tests.webapp import rows

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_file_is_uploaded_previewed_imported_and_compared(
    windows: Any, settings: Any, tmp_path: Path, width: int, dark: bool
) -> None:
    settings.VAR = tmp_path
    _, user = rows.a_team()
    visitor = windows(user, width=width, dark=dark)
    page = visitor.go("/imports/new/")

    def is_fine(*, cut: bool = False) -> None:
        assert visitor.violations() == [], page.url
        assert visitor.overflow() <= 0, page.url
        assert cut or width < 1000 or visitor.cut_tables() == [], page.url

    is_fine()
    page.set_input_files("input[type=file]", EXAMPLES / "results.csv")
    page.click("text=Upload and preview")
    page.wait_for_selector("text=5 rows can be imported")
    is_fine(cut=True)  # the columns' first cells may scroll
    page.get_by_label("Unit of top1_acc").select_option("error-percent")
    page.click("button[name=preview]")
    page.wait_for_selector("text=becomes an error of 88.2 %")
    page.get_by_label("Unit of top1_acc").select_option("accuracy-percent")
    page.fill("[name=name]", "ResNets")
    page.click("button[name=confirm]")
    page.wait_for_selector("text=Imported: 5 rows as ResNets.")
    is_fine()
    page.click("text=See the error EDF")
    page.wait_for_selector("html[data-plots=drawn]")
    is_fine()
    visitor.go("/analyses/")
    is_fine()
    page.click("a:has-text('results.csv')")
    page.get_by_role("link", name="Delete").click()
    page.wait_for_selector("text=It cannot be brought back.")
    is_fine()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_selector("text=Deleted: ResNets")
    assert visitor.complaints == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_an_exported_analysis_opens_offline_is_accessible_and_asks_for_nothing(
    windows: Any, browser: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    study = Study(first=HOSTILE)
    imported = rows.an_import(study.team, study.user, [30.0, 31.0, 40.0], depth=[1, 2, 3])
    page = windows(study.user).go(
        f"/analyses/?p={study.anynet.pk}-{study.regime.pk}&p={study.regnet.pk}-{study.regime.pk}&p=i{imported.pk}"
    )
    page.click("summary:has-text('Export')")
    with page.expect_download() as download:
        page.click("text=The whole analysis, one HTML file")
    path = tmp_path / "analysis.html"
    download.value.save_as(path)

    reader = open_window(browser, "file:", width=width, dark=dark)
    reader.page.context.set_offline(True)
    opened = reader.go(path.as_uri().removeprefix("file:"))
    assert reader.violations() == []
    assert reader.overflow() <= 0
    assert opened.locator(".plot canvas, .plot > *").count() > 5
    opened.locator("button[data-curve]").first.click()
    for plot in opened.locator(".plot").all()[:2]:
        plot.hover()
    assert opened.evaluate("window.hacked") is None
    assert reader.complaints == []
    opened.context.close()
