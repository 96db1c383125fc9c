"""An analysis in parts: each figure, table and section alone, for members and for visitors, and remembered."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.spaces import presets
from tests.webapp import pages, rows
from tests.webapp.api_calls import Caller
from webapp import queries, services
from webapp.analysis import Selection, analyse
from webapp.analysis import analysis as house
from webapp.analysis.narrowing import restricted
from webapp.models import FailureKind, ResultPage, Role, Space
from webapp.pages import rendering
from webapp.pages.analysis_figures import FIGURES
from webapp.pages.analysis_tables import TABLES
from webapp.pages.sections import SECTIONS

pytestmark = pytest.mark.django_db


class Study:
    """Two spaces and an import, compared at equal flops, with a failed run and designs on fronts."""

    def __init__(self) -> None:
        self.team, self.user = rows.a_team()
        self.client = pages.client_of(self.user)
        self.regime = rows.a_regime(self.team, self.user)
        rng = np.random.default_rng(0)
        errors: list[float | FailureKind] = [*rng.normal(45, 3, 20).tolist(), FailureKind.DIVERGED]
        make = (self.team, self.user, self.regime)
        self.anynet, _ = pages.trained(*make, name="=AnyNet", preset="AnyNetX-A-small", errors=errors)
        self.regnet, self.batch = pages.trained(
            *make, name="RegNet", preset="RegNetX-small", errors=rng.normal(40, 3, 24).tolist()
        )
        flops = [float(sample.flops) for sample in self.batch.samples.all()]
        self.imported = rows.an_import(
            self.team, self.user, rng.normal(42, 2, 24).tolist(), name="-2+3", depth=list(range(24)), flops=flops
        )

    @property
    def query(self) -> str:
        pairs = "&".join(f"p={space.pk}-{self.regime.pk}" for space in (self.anynet, self.regnet))
        return f"?{pairs}&p=i{self.imported.pk}&of={self.regnet.pk}-{self.regime.pk}&normalise=flops"

    def saved(self) -> ResultPage:
        self.client.post(f"/results/new/{self.query}", {"title": "Who wins?", "notes": ""})
        return ResultPage.objects.latest("pk")

    def link(self, page: ResultPage) -> str:
        _, token = services.share_result_page(page=page, days=1, actor=self.user)
        return f"/share/{token}/"


@pytest.fixture
def study() -> Study:
    house.forget()
    return Study()


def tables_of(study: Study) -> list[str]:
    """The names of all tables that the page links, found on the whole page."""
    text = study.client.get(f"/analyses/{study.query}&what_if=w_m::2.5").content.decode()
    return sorted(set(re.findall(r'href="/analyses/tables/([^"]+)\.csv\?', text)))


def test_every_table_of_an_analysis_is_read_by_pandas_into_numbers(study: Study) -> None:
    names = tables_of(study)
    assert {"populations", "pairwise-tests", "best", "worst", "edf", "by-depth", "suggested-refinements"} <= set(names)
    assert {"compared-in-draw-order", "at-equal-flops", "random-search", "spread-params", "what-if"} <= set(names)
    words = {"space", "regime", "first", "second", "population", "column", "restriction", "verdict", "front_of"}
    for name in names:
        content = study.client.get(f"/analyses/tables/{name}.csv{study.query}&what_if=w_m::2.5").getvalue()
        frame = pd.read_csv(io.BytesIO(content))
        assert len(frame), name
        assert frame.columns.is_unique, name
        for column in frame.columns:
            numeric = pd.api.types.is_numeric_dtype(frame[column])
            assert numeric != (column in {*words, "widths_per_block"}), (name, column)


def test_a_table_keeps_the_precision_that_its_words_round(study: Study) -> None:
    content = study.client.get(f"/analyses/tables/populations.csv{study.query}").getvalue()
    frame = pd.read_csv(io.BytesIO(content), float_precision="round_trip")
    population = queries.load_population(space=study.regnet, regime=study.regime)
    line = frame[frame["space"] == "RegNet"].iloc[0]
    assert line["mean_percent"] == population.errors.mean()
    assert line["median_percent"] == np.median(population.errors)
    assert line["median_low_percent"] < line["median_percent"] < line["median_high_percent"]
    assert frame["space"].tolist() == ["'=AnyNet", "RegNet", "'-2+3"]  # the formula guard


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_table_has_the_same_values_in_every_format_and_in_the_api(study: Study, kind: str) -> None:
    read: dict[str, Any] = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}
    content = study.client.get(f"/analyses/tables/pairwise-tests.{kind}{study.query}").getvalue()
    frame = read[kind](io.BytesIO(content))
    _, token = services.create_api_token(user=study.user, team=study.team, name="tables")
    status, answer = Caller(token).get(f"/analyses/tables/pairwise-tests{study.query}")
    assert status == 200
    assert list(answer["columns"]) == list(frame.columns)
    for name, values in answer["columns"].items():
        if name == "verdict":
            guarded = "'-2+3 lower" if kind == "csv" else "-2+3 lower"  # the formula guard
            assert frame[name].tolist() == [guarded if value == "-2+3 lower" else value for value in values]
        elif name not in {"first", "second"}:
            assert frame[name].tolist() == pytest.approx(values), name
    assert "-2+3 lower" in answer["columns"]["verdict"]


def test_every_figure_table_and_section_of_the_page_can_be_asked_for_alone(study: Study) -> None:
    for name in SECTIONS:
        assert study.client.get(f"/analyses/parts/{name}{study.query}").status_code == 200, name
    for element in [*FIGURES, "by-depth", "by-flops"]:
        house.forget()
        address = f"/analyses/figures/{element}.svg{study.query}&what_if=w_m::2.5"
        assert study.client.get(address)["Content-Type"] == "image/svg+xml", element
    equal = {"at-equal-flops", "differences-at-equal-flops"}
    for slug in [name for name in TABLES if "-equal-" not in name or name in equal]:
        house.forget()
        assert study.client.get(f"/analyses/tables/{slug}.csv{study.query}").status_code == 200, slug


@pytest.mark.parametrize(
    "path", ["figures/none.svg", "figures/by-none.png", "tables/none.csv", "tables/by-none.parquet", "parts/none"]
)
def test_a_name_that_no_analysis_has_is_not_found_before_anything_is_loaded(
    study: Study, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    page = study.saved()
    link = study.link(page)

    def loaded(**_: Any) -> None:
        raise AssertionError("samples were loaded")

    monkeypatch.setattr(queries, "load_trained", loaded)
    monkeypatch.setattr(queries, "load_imported", loaded)
    house.forget()
    for address in (f"/analyses/{path}{study.query}", f"/results/{page.pk}/{path}", f"{link}{path}"):
        assert study.client.get(address).status_code == 404, address


def test_one_figure_computes_none_of_the_other_parts(study: Study) -> None:
    selection = Selection.read({"p": [f"{space.pk}-{study.regime.pk}" for space in (study.anynet, study.regnet)]})
    analysis = analyse(selection, study.team)
    query = "&".join(f"p={one.token}" for one in selection.populations)
    assert study.client.get(f"/analyses/figures/random-search.svg?{query}").status_code == 200
    assert analyse(selection, study.team) is analysis
    computed = set(vars(analysis)) - {"selection", "populations", "version"}
    assert computed == {"compared", "used"}  # which populations there are
    assert all("depth" not in one.samples for one in analysis.populations)  # no parameter was loaded


def test_an_analysis_is_remembered_until_one_of_its_populations_changes(study: Study) -> None:
    selection = Selection.read({"p": [f"{study.regnet.pk}-{study.regime.pk}"]})
    first = analyse(selection, study.team)
    assert analyse(selection, study.team) is first
    pages.measured(study.regnet, study.regime, study.user, [20.0, 21.0], seed=3)
    second = analyse(selection, study.team)
    assert (first.used[0].n, second.used[0].n) == (24, 26)
    Space.objects.filter(pk=study.regnet.pk).update(name="Renamed")
    assert analyse(selection, study.team).used[0].name == "Renamed"


def test_what_is_remembered_is_never_served_to_another_team(study: Study) -> None:
    study.client.get(f"/analyses/{study.query}")
    _, stranger = rows.a_team("Audio", "other@example.org")
    other = pages.client_of(stranger)
    for path in ("", "parts/parameters", "figures/edf.svg", "tables/best.csv", "edf.csv", "report.html"):
        assert other.get(f"/analyses/{path}{study.query}").status_code == 404, path


def test_sections_are_remembered_apart_for_whoever_may_write_and_whoever_may_not(study: Study) -> None:
    viewer = pages.client_of(pages.a_member(study.team, "viewer@example.org", Role.VIEWER))
    address = f"/analyses/parts/parameters{study.query}"
    for _ in range(2):
        assert "/refine/?narrow=" in study.client.get(address).content.decode()
        assert "/refine/" not in viewer.get(address).content.decode()


def test_the_second_view_draws_nothing_again(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    first = study.client.get(f"/analyses/{study.query}").content
    monkeypatch.setattr(rendering, "_rendered", None)  # would fail if a section were rendered again
    monkeypatch.setattr(queries, "load_trained", None)
    second = study.client.get(f"/analyses/{study.query}").content
    assert len(second) == len(first)


def test_a_visitors_page_is_rendered_without_ways_out_of_it(study: Study) -> None:
    page = study.saved()
    link = study.link(page)
    text = pages.Reader().get(link).content.decode()
    hrefs = {unescape(href) for href in re.findall(r'href="([^"]+)"', text.split("<body>")[1])}
    own = {href for href in hrefs if href.startswith(link)}
    assert own
    assert all(href.startswith("#") for href in hrefs - own)
    assert not re.search(r"<form|<select|csrfmiddlewaretoken|hx-get|/analyses/|/samples/|/spaces/", text)
    assert {name for name in SECTIONS if f'data-read="{link}parts/{name}"' in text} == set(SECTIONS)


def test_the_parts_of_a_shared_page_end_with_its_link(study: Study) -> None:
    page = study.saved()
    link = study.link(page)
    part = f"{link}parts/parameters"
    answer = pages.Reader().get(part)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    services.revoke_link(link=page.links.get(), actor=study.user)
    assert pages.Reader().get(part).status_code == 404


def test_a_part_says_of_which_version_it_is(study: Study) -> None:
    address = f"/analyses/parts/reach{study.query}"
    before = study.client.get(address)["X-Analysis-Version"]
    assert study.client.get(address)["X-Analysis-Version"] == before
    assert f'data-version="{before}"' in study.client.get_page(f"/analyses/{study.query}").content.decode()
    pages.measured(study.regnet, study.regime, study.user, [20.0], seed=3)
    assert study.client.get(address)["X-Analysis-Version"] != before


# What a hostile or an unlucky reader finds


def test_columns_of_equal_names_stay_apart_in_every_file(study: Study) -> None:
    twin = rows.an_import(
        study.team,
        study.user,
        np.linspace(30, 40, 12).tolist(),
        name="RegNet_low",  # as the lower ends of the other population
        rank=list(range(12)),
        error_percent=[7.0] * 12,
    )
    query = f"?p={study.regnet.pk}-{study.regime.pk}&p=i{twin.pk}&of=i{twin.pk}"
    frame = pd.read_csv(io.BytesIO(study.client.get(f"/analyses/tables/edf.csv{query}").getvalue()))
    assert {"RegNet_low_percent", "RegNet_low_2_percent"} <= set(frame.columns)
    best = pd.read_csv(io.BytesIO(study.client.get(f"/analyses/tables/best.csv{query}").getvalue()))
    assert best["rank"].tolist() == list(range(1, 11))
    assert best["rank_2"].tolist() == list(range(10))
    assert best["error_percent"].iloc[0] == 30.0
    assert set(best["error_percent_2"]) == {7}


def test_the_csv_of_the_edf_holds_the_curves_that_are_drawn(study: Study) -> None:
    plain = study.client.get(f"/analyses/edf.csv{study.query.replace('&normalise=flops', '')}").getvalue()
    weighted = study.client.get(f"/analyses/edf.csv{study.query}").getvalue()
    assert plain != weighted
    text = study.client.get(f"/analyses/{study.query}").content.decode()
    assert f'href="/analyses/edf.csv{study.query.replace("&", "&amp;")}"' in text


def test_bounds_are_kept_to_the_last_digit() -> None:
    values = {"p": ["1-2"], "min_x": ["0.1234567890123455"], "max_flops": ["1234567.890133"]}
    selection = Selection.read(values)
    kept: dict[str, list[str]] = {}
    for name, value in selection.values:
        kept.setdefault(name, []).append(value)
    assert Selection.read(kept) == selection


@pytest.mark.parametrize(
    "asked", ["w_m:inf:", "w_m:nan:nan", "w_m:1e400:", "w_m:-inf:inf", "w_m:1:2:3", "::", "x" * 80]
)
def test_restrictions_that_are_odd_are_answered(study: Study, asked: str) -> None:
    for path in ("", "parts/next", "report.html"):
        assert study.client.get(f"/analyses/{path}{study.query}&what_if={asked}").status_code == 200, path


def test_a_frozen_page_of_a_space_without_free_parameters_reads_its_own_copy(study: Study) -> None:
    drawn = queries.samples_by_id([study.batch.samples.earliest("position").pk])
    (sample,) = drawn.values()
    start = presets.space("RegNetX-small")
    one = {name: f"{name}:{sample.drawn[name]}:{sample.drawn[name]}" for name in start.parameter_paths()}
    fixed = restricted(start, one.values())
    assert not fixed.parameter_paths()
    space = services.create_space(team=study.team, name="Fixed", space=fixed, actor=study.user)
    pages.measured(space, study.regime, study.user, [30.0])
    query = f"p={space.pk}-{study.regime.pk}"
    study.client.post(f"/results/new/?{query}", {"title": "Fixed", "notes": ""})
    page = ResultPage.objects.latest("pk")
    study.client.post(f"/results/{page.pk}/freeze/")
    pages.measured(space, study.regime, study.user, [10.0], seed=1)
    house.forget()
    frame = pd.read_csv(io.BytesIO(study.client.get(f"/results/{page.pk}/tables/best.csv").getvalue()))
    assert frame["error_percent"].tolist() == [30.0]


def test_the_focus_has_the_samples_of_the_rest_of_its_analysis(study: Study) -> None:
    selection = Selection.read({"p": [f"{study.regnet.pk}-{study.regime.pk}"]})
    analysis = analyse(selection, study.team)
    pages.measured(study.regnet, study.regime, study.user, [1.0, 2.0], seed=3)
    assert analysis.focus.n == analysis.focused.n == 24
    assert analysis.focus.errors.tolist() == analysis.focused.errors.tolist()


def test_an_imports_own_column_e_fit_is_drawn_as_it_is(study: Study) -> None:
    imported = rows.an_import(study.team, study.user, np.linspace(30, 40, 12).tolist(), name="F", e_fit=list(range(12)))
    text = study.client.get(f"/analyses/?p=i{imported.pk}").content.decode()
    assert text.count('id="by-e_fit"') == 1


def test_a_visitor_learns_nobodys_name_or_address(study: Study) -> None:
    study.user.name = ""
    study.user.save()
    page = study.saved()
    ResultPage.objects.filter(pk=page.pk).update(notes="**Look**")
    link = study.link(page)
    for path in ("", "report.html"):
        content = pages.Reader().get(f"{link}{path}").content.decode()
        assert "Look" in content
        assert study.user.email not in content.split("<script>")[0]
