"""The lines of the list of results: kept with the version of their populations, and computed anew after a change."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp import pages, rows
from webapp import queries
from webapp.analysis import analysis as house
from webapp.analysis.lines import fresh_line, line_of, result_lines
from webapp.analysis.saved import saved_analysis
from webapp.models import ResultPage
from webapp.views.results import COMPUTED_AT_ONCE

pytestmark = pytest.mark.django_db


class Study:
    def __init__(self, count: int) -> None:
        self.team, self.user = rows.a_team()
        self.client = pages.client_of(self.user)
        self.regime = rows.a_regime(self.team, self.user)
        self.spaces = [rows.a_space(self.team, self.user, name=f"Space {k}") for k in range(count)]
        for k, space in enumerate(self.spaces):
            pages.measured(space, self.regime, self.user, np.linspace(20 + k, 40 + k, 12).tolist())
        self.pages = [self.saved(k) for k in range(count)]

    def saved(self, k: int) -> ResultPage:
        query = f"p={self.spaces[k].pk}-{self.regime.pk}"
        self.client.post(f"/results/new/?{query}", {"title": f"Page {k}", "notes": ""})
        return ResultPage.objects.latest("pk")

    def listed(self) -> str:
        return self.client.get("/results/").content.decode().replace("\N{NO-BREAK SPACE}", " ")

    def all_current(self) -> None:
        for _ in self.pages:
            self.listed()


def without_tokens(page: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def no_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(**_: Any) -> None:
        raise AssertionError("samples were loaded")

    house.forget()
    monkeypatch.setattr(queries, "load_trained", loaded)
    monkeypatch.setattr(queries, "load_imported", loaded)


def test_a_list_of_current_lines_loads_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study(5)
    study.all_current()
    before = study.listed()
    assert re.findall(r"<td>median error ([\d.]+) % <", before) == ["34.0", "33.0", "32.0", "31.0", "30.0"]
    no_samples(monkeypatch)
    assert without_tokens(study.listed()) == without_tokens(before)
    assert "Page 4" in study.client.get("/").content.decode()


def test_the_statements_of_a_list_do_not_grow_with_its_pages() -> None:
    study, counts = Study(6), []
    study.all_current()
    for some in (study.pages[:1], study.pages):
        with CaptureQueriesContext(connection) as statements:
            result_lines(some, study.team, most=0)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 4


def test_lines_beyond_the_first_few_ask_for_themselves_and_say_what_they_are() -> None:
    study = Study(COMPUTED_AT_ONCE + 2)
    text = study.listed()
    asked = re.findall(r'hx-get="(/results/\d+/line/\?[^"]+)"', text)
    assert len(asked) == 2
    assert text.count("computing …") == 2
    row = study.client.get(asked[0].replace("&amp;", "&")).content.decode()
    assert re.search(r"<td>median error [\d.]+\s% <", row)
    assert "hx-get" not in row
    assert "computing …" not in row
    assert len(re.findall("hx-get=./results/", study.listed())) == 0


def test_a_line_follows_new_samples_and_equals_its_page() -> None:
    study = Study(1)
    assert "n 12" in study.listed()
    pages.measured(study.spaces[0], study.regime, study.user, [10.0, 11.0], seed=4)
    text = study.listed()
    assert "n 14" in text
    page = ResultPage.objects.get()
    (line,) = result_lines([page], study.team, most=0)
    expected = line_of(page, saved_analysis(page))
    assert (line.finding, line.note, line.curves) == (expected.finding, expected.note, tuple(expected.curves))
    assert line.curves[0].quantiles[0] == 10.0


def test_an_outdated_line_shows_what_it_was_before_the_change() -> None:
    study = Study(1)
    study.listed()
    pages.measured(study.spaces[0], study.regime, study.user, [10.0, 11.0], seed=4)
    (line,) = result_lines(ResultPage.objects.all(), study.team, most=0)
    assert line.outdated
    assert "30.0" in line.finding


def test_the_line_of_a_page_frozen_again_is_that_of_its_new_snapshot() -> None:
    study = Study(1)
    address = f"/results/{study.pages[0].pk}/"
    study.client.post(f"{address}freeze/")
    assert "n 12" in study.listed()
    pages.measured(study.spaces[0], study.regime, study.user, [10.0, 11.0], seed=4)
    assert "n 12" in study.listed()
    study.client.post(f"{address}thaw/")
    study.client.post(f"{address}freeze/")
    assert "n 14" in study.listed()


def test_a_line_computed_for_a_version_that_has_passed_is_computed_again() -> None:
    study = Study(1)
    page = study.pages[0]
    fresh_line(page, "a version of before")
    page.refresh_from_db()
    assert result_lines([page], study.team, most=0)[0].outdated
    assert not result_lines([page], study.team, most=1)[0].outdated


@pytest.mark.parametrize("query", ["low=x&high=1", "low=1&high=nan&x=1"])
def test_the_ends_of_a_row_must_be_numbers(query: str) -> None:
    study = Study(1)
    assert study.client.get(f"/results/{study.pages[0].pk}/line/?{query}").status_code == 400


def test_the_row_of_another_teams_page_is_not_found() -> None:
    study = Study(1)
    _, stranger = rows.a_team("Audio", "other@example.org")
    assert pages.client_of(stranger).get(f"/results/{study.pages[0].pk}/line/").status_code == 404


@pytest.mark.parametrize(
    "values",
    [
        {"p": ["bad"]}, {"error": ["x"]}, {"min_depth": ["nan"]}, {"min_gone": ["1"]}, {"what_if": ["a"] * 11},
        {"what_if": ["a" * 81]}, {"p": ["1-999999"]}, {"normalise": ["time"]}, {"unknown": ["1"]},
    ],
)  # fmt: skip
def test_a_page_that_asks_for_what_is_not_there_is_told_and_ends_no_list(values: dict[str, list[str]]) -> None:
    study = Study(2)
    page = study.pages[0]
    page.analysis["values"] |= values
    page.save()
    for address in ("/results/", "/", f"/results/{page.pk}/", f"/results/{page.pk}/line/"):
        assert study.client.get(address).status_code == 200, address
    assert "Page 1" in study.listed()
    for address in (f"/results/{page.pk}/parts/reach", f"/results/{page.pk}/edf.csv"):
        assert study.client.get(address).status_code in {200, 400, 404}, address
    assert study.client.post(f"/results/{page.pk}/duplicate/").status_code == 302
