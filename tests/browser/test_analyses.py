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
        visitor.unfolded()
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
    page.wait_for_selector("text=AnyNetX-B: 40 used >> visible=true")


def test_a_suggestion_opens_the_form_filled_in_and_with_what_the_samples_say(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    visitor.go(study.url())
    page = visitor.whole()
    assert "bottleneck_ratio" in page.locator("#next tbody tr").first.inner_text()
    page.locator("#next tbody a:has-text('Refine with this')").first.click()
    page.wait_for_selector("#live #what-if canvas, #live #what-if .bk-Figure, #live #what-if div")
    assert page.input_value("[name=bottleneck_ratios_values]") in ("1", "1, 2")
    assert "of the 40 samples of AnyNetX-B lie inside" in page.locator("#live").inner_text()
    page.fill("[name=widths_high]", "64")
    page.wait_for_selector("#live:has-text('Width w_i: log-uniform, 8 to 64')")
    assert "40 samples of AnyNetX-B" in page.locator("#live").inner_text()
    assert visitor.complaints == []


# The source of the designs that can be marked.
POPULATION = """Bokeh.documents.map((doc) => doc.get_model_by_name("population")).find((source) => source)"""


def test_a_marked_point_is_listed_with_its_link(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    visitor.go(study.url())
    page = visitor.whole()
    page.locator("#by-bottleneck_ratio").scroll_into_view_if_needed()
    picked = page.evaluate(
        f"""() => {{
            const source = {POPULATION};
            source.selected.indices = [3];
            return source.data.url[3];
        }}"""
    )
    page.wait_for_selector("[data-selection]:not([hidden]) li a")
    assert page.locator("[data-selection] li a").first.get_attribute("href") == picked


PLACE = """([element, index]) => {
    const root = document.getElementById(element);
    const doc = Bokeh.documents.find((one) => one.get_model_by_name("population"));
    const source = doc.get_model_by_name("population");
    const plot = doc.roots().find((one) => root.contains(Bokeh.index.find_one(one)?.el));
    const { frame, el } = Bokeh.index.find_one(plot);
    const box = el.getBoundingClientRect();
    const column = element.slice(3);
    return {
        x: box.left + frame.bbox.left + frame.x_scale.compute(source.data[column][index]) - frame.x_scale.compute(plot.x_range.start),
        y: box.top + frame.bbox.top + frame.y_scale.compute(source.data.error[index]) - frame.y_scale.compute(plot.y_range.end),
        left: box.left + frame.bbox.left, right: box.left + frame.bbox.right,
        top: box.top + frame.bbox.top, bottom: box.top + frame.bbox.bottom,
    };
}"""  # noqa: E501  (where one point lies on the screen, and the frame of its plot)
MARKED = f"{POPULATION}.selected.indices.slice().sort((a, b) => a - b)"
SHOWN_IN_ALL = """() => new Set(Bokeh.documents.flatMap((doc) => doc.roots()).flatMap((plot) => plot.renderers ?? [])
    .filter((one) => one.data_source?.name === "population").map((one) => one.data_source.id)).size"""


def place(page: Any, element: str, index: int = 0) -> dict[str, float]:
    page.locator(f"#{element}").scroll_into_view_if_needed()
    before, found = None, page.evaluate(PLACE, [element, index])
    while found != before:  # until nothing moves any more
        page.wait_for_timeout(200)
        before, found = found, page.evaluate(PLACE, [element, index])
    return dict(found)


def marked_links(page: Any) -> list[str]:
    links = page.locator("[data-selection] li a")
    return [links.nth(k).get_attribute("href") for k in range(links.count())]


def drag(page: Any, spots: list[tuple[float, float]]) -> None:
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot, steps=8)
    page.mouse.up()


def test_a_box_a_lasso_and_a_tap_mark_designs_in_every_plot_and_list_them(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user)
    visitor.go(study.url())
    page = visitor.whole()
    urls = page.evaluate(f"{POPULATION}.data.url")
    assert page.evaluate(SHOWN_IN_ALL) == 1  # one source, so one selection, for all scatters

    frame = place(page, "by-w_1")
    low = frame["bottom"] - 0.4 * (frame["bottom"] - frame["top"])
    corners = [(frame["left"] + 2, low), (frame["right"] - 2, low), (frame["right"] - 2, frame["bottom"] - 1)]
    drag(page, [corners[0], corners[2]])
    page.wait_for_selector("[data-selection]:not([hidden])")
    in_box = page.evaluate(MARKED)
    assert 0 < len(in_box) < 40
    errors = page.evaluate(f"Array.from({POPULATION}.data.error)")
    assert max(errors[k] for k in in_box) < min(errors[k] for k in range(40) if k not in in_box)
    best_first = sorted(in_box, key=lambda k: errors[k])
    assert marked_links(page) == [urls[k] for k in best_first[:10]]
    page.click("[data-clear]")
    assert page.evaluate(MARKED) == []
    assert page.locator("[data-selection]").is_hidden()

    page.click("[data-mark=LassoSelectTool]")
    frame = place(page, "by-w_1")
    low = frame["bottom"] - 0.4 * (frame["bottom"] - frame["top"])
    around = [(frame["left"] + 2, low), (frame["right"] - 2, low), (frame["right"] - 2, frame["bottom"] - 1)]
    drag(page, [*around, (frame["left"] + 2, frame["bottom"] - 1), around[0]])
    assert page.evaluate(MARKED) == in_box

    page.click("[data-clear]")
    spot = place(page, "by-w_1", index=best_first[0])
    page.mouse.click(spot["x"], spot["y"])
    page.wait_for_selector("[data-selection]:not([hidden])")
    assert urls[best_first[0]] in marked_links(page)
    assert len(page.evaluate(MARKED)) < 5
    assert visitor.complaints == []


def test_a_phone_starts_with_the_parts_folded_and_opens_them_by_link_by_button_and_for_print(windows: Any) -> None:
    study = Study()
    visitor = windows(study.user, width=390)
    visitor.go(study.url())
    page = visitor.whole()
    assert page.locator("#parameters .plot:visible").count() == 3
    assert page.locator("summary:has-text('more, by falling evidence')").is_visible()
    folds = page.locator("details[data-fold]")
    assert folds.evaluate_all("all => all.filter(one => one.open).length") == 0
    page.click(".toc a[href='#reach']")
    page.wait_for_selector("#sample-size:visible")
    assert page.evaluate("document.getElementById('sample-size').firstElementChild.getBoundingClientRect().width") > 200
    page.click("[data-unfold]")
    assert folds.evaluate_all("all => all.every(one => one.open)")
    assert page.locator("[data-unfold]").is_hidden()
    visitor.whole()
    assert page.locator("#parameters .plot:visible").count() > 8
    assert visitor.overflow() <= 0
    folds.evaluate_all("all => all.forEach(one => one.open = false)")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folds.evaluate_all("all => all.every(one => one.open)")
    assert visitor.complaints == []


def test_an_address_that_leads_into_a_folded_part_opens_it(windows: Any) -> None:
    study = Study()
    page = windows(study.user, width=390).go(study.url("#drivers"))
    assert page.locator("#drivers > details").evaluate("one => one.open")
    assert not page.locator("#designs > details").evaluate("one => one.open")


def test_everything_is_open_on_a_wide_screen(windows: Any) -> None:
    study = Study()
    page = windows(study.user).go(study.url())
    assert page.locator("details[data-fold]").evaluate_all("all => all.every(one => one.open)")
    assert page.locator("[data-unfold]").is_hidden()
