"""Files of an analysis: figures in print size, tables and populations, and one page for offline reading."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from engine import statistics
from tests.webapp import pages, rows
from webapp import queries
from webapp.files.exports import table_response
from webapp.models import Sample
from webapp.pages import reports

pytestmark = pytest.mark.django_db

HOSTILE = "<img src=x onerror=alert(1)></script>@{error} $$\\frac{1}{2}$$ =cmd"


class Study:
    def __init__(self, first: str = "AnyNetX-A", second: str = "RegNetX") -> None:
        self.team, self.user = rows.a_team()
        self.client = pages.client_of(self.user)
        self.regime = rows.a_regime(self.team, self.user)
        make = (self.team, self.user, self.regime)
        rng = np.random.default_rng(0)
        self.anynet, _ = pages.trained(
            *make, name=first, preset="AnyNetX-A-small", errors=[float(x) for x in rng.normal(45, 3, 14)]
        )
        self.regnet, self.batch = pages.trained(
            *make, name=second, preset="RegNetX-small", errors=[float(x) for x in rng.normal(25, 2, 12)]
        )
        self.imported = rows.an_import(
            self.team, self.user, [30.0, 31.0, 35.5], name="-2+3", depth=[4, 5, 9], flops=[1e6, 2e6, 3e6]
        )

    @property
    def query(self) -> str:
        pairs = [f"p={space.pk}-{self.regime.pk}" for space in (self.anynet, self.regnet)]
        return "?" + "&".join([*pairs, f"p=i{self.imported.pk}"])

    def get(self, url: str) -> Any:
        response = self.client.get(url)
        assert response.status_code == 200, (url, response.status_code)
        return response

    def table(self, url: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.get(url).getvalue().decode())))


@pytest.fixture
def study() -> Study:
    return Study()


def figures_of(page: str) -> list[str]:
    return re.findall(r'<div class="plot [^"]*" id="([^"]+)"', page)


def test_every_figure_of_the_page_prints_as_svg_and_as_png(study: Study) -> None:
    page = study.get(f"/analyses/{study.query}").content.decode()
    elements = figures_of(page)
    assert {"edf", "by-depth", "by-flops"} <= set(elements)
    for element in elements:
        address = f"/analyses/figures/{element}"
        assert f'href="{address}.svg{study.query.replace("&", "&amp;")}"' in page
        drawn = ElementTree.fromstring(study.get(f"{address}.svg{study.query}").content)  # noqa: S314  (our own file)
        assert drawn.attrib["width"] == "252pt"
    image = Image.open(io.BytesIO(study.get(f"/analyses/figures/edf.png{study.query}").content))
    assert image.width == 1050
    assert round(image.info["dpi"][0]) == 300


def test_figures_of_batches_and_samples_print_too(study: Study) -> None:
    sample = Sample.objects.filter(batch=study.batch).earliest("position")
    for page_url in (f"/batches/{study.batch.pk}/", f"/samples/{sample.pk}/"):
        elements = figures_of(study.get(page_url).content.decode())
        assert elements
        for element in elements:
            assert study.get(f"{page_url}figures/{element}.svg")["Content-Type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path", ["figures/none.svg", "figures/edf.pdf", "figures/..%2f..%2fx.svg", "tables/none.csv", "figures/edf.svg.png"]
)
def test_what_the_page_does_not_have_is_not_found(study: Study, path: str) -> None:
    assert study.client.get(f"/analyses/{path}{study.query}").status_code == 404


def test_without_a_population_there_is_nothing_to_export(study: Study) -> None:
    for path in ("figures/edf.svg", "tables/edf.csv", "report.html"):
        assert study.client.get(f"/analyses/{path}").status_code == 404


def test_the_table_of_populations_holds_the_engines_numbers(study: Study) -> None:
    head, *lines = study.table(f"/analyses/tables/populations.csv{study.query}")
    assert head[:6] == ["space", "regime", "n", "failed", "missing", "pending"]
    population = queries.load_population(space=study.regnet, regime=study.regime)
    regnet = next(line for line in lines if line[0] == "RegNetX")
    assert [int(cell) for cell in regnet[2:6]] == [population.n, 0, 0, 0]
    assert float(regnet[6]) == population.errors.min()
    median = statistics.median_error(population)
    assert [float(cell) for cell in regnet[7:10]] == pytest.approx([median.value, *median.interval])
    assert float(regnet[10]) == pytest.approx(population.errors.mean())
    assert lines[2][0] == "'-2+3"


def test_every_table_of_the_page_is_a_file(study: Study) -> None:
    page = study.get(f"/analyses/{study.query}").content.decode()
    linked = re.findall(r'href="/analyses/tables/([^"]+)\.csv\?', page)
    assert {"edf", "by-depth", "pairwise-tests", "populations", "best"} <= set(linked)
    for element in linked:
        head, *lines = study.table(f"/analyses/tables/{element}.csv{study.query}")
        assert lines
        assert all(len(line) == len(head) for line in lines), element
        assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for line in lines for cell in line)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_population_leaves_in_three_formats_with_the_same_values(study: Study, kind: str) -> None:
    population = queries.load_population(space=study.regnet, regime=study.regime)
    content = study.get(f"/populations/{study.regnet.pk}-{study.regime.pk}.{kind}").getvalue()
    found = rows_of(kind, content)
    assert set(found[0]) == set(population.names)
    for name in population.names:
        assert [float(row[name]) for row in found] == population[name].tolist()
    assert type(found[0]["depth"]) is (str if kind == "csv" else int)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_filtered_population_leaves_filtered_and_says_so_in_its_name_and_rows(study: Study, kind: str) -> None:
    population = queries.load_population(space=study.regnet, regime=study.regime, error="best")
    low, high = (float(x) for x in np.quantile(population["w_m"], (0.25, 0.75), method="inverted_cdf"))
    kept = population.filter({"w_m": (low, high), "flops": (None, 5e6)})
    query = f"{study.query}&error=best&min_w_m={low:g}&max_w_m={high:g}&max_flops=5"
    page = unescape(study.get(f"/analyses/{query}").content.decode())
    url = re.search(rf'href="(/populations/{study.regnet.pk}-{study.regime.pk}\.{kind}\?[^"]+)"', page)
    assert url is not None
    response = study.get(url[1])
    named = f"population-{study.regnet.pk}-{study.regime.pk}-best-error-w_m-{low:g}-to-{high:g}-flops-any-to-5.{kind}"
    assert response["Content-Disposition"] == f'attachment; filename="{named}"'
    found = rows_of(kind, response.getvalue())
    assert 0 < len(found) == kept.n < population.n
    for name in population.names:
        assert [float(row[name]) for row in found] == kept[name].tolist()
    assert {row["only_samples_with"] for row in found} == {f"w_m {low:g}–{high:g}; flops (M) up to 5"}


def test_an_imported_population_leaves_filtered_too(study: Study) -> None:
    page = unescape(study.get(f"/analyses/{study.query}&max_flops=2").content.decode())
    url = re.search(rf'href="(/imports/{study.imported.pk}\.csv\?[^"]+)"', page)
    assert url is not None
    response = study.get(url[1])
    assert f"population-i{study.imported.pk}-flops-any-to-2.csv" in response["Content-Disposition"]
    found = rows_of("csv", response.getvalue())
    assert [row["flops"] for row in found] == ["1000000", "2000000"]
    assert {row["only_samples_with"] for row in found} == {"flops (M) up to 2"}


def test_a_filter_that_a_population_does_not_have_is_refused(study: Study) -> None:
    url = f"/populations/{study.regnet.pk}-{study.regime.pk}.csv?min_nothing=1"
    assert study.client.get(url).status_code == 400


def rows_of(kind: str, content: bytes) -> list[dict[str, Any]]:
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(content.decode())))
    found: list[dict[str, Any]] = (
        json.loads(content) if kind == "json" else parquet.read_table(io.BytesIO(content)).to_pylist()
    )
    return found


def test_text_that_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe_and_numbers_none() -> None:
    columns = {"=a": ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "x"], "b": np.array([-1.5, 2, 3, 4, 5, 6, 7])}
    text = table_response("csv", "x", columns).getvalue().decode()  # type: ignore[attr-defined]
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert [line[0] for line in lines] == ["'=a", "'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "x"]
    assert lines[1][1] == "-1.5"


def test_the_report_holds_everything_and_asks_for_nothing(study: Study) -> None:
    response = study.get(f"/analyses/report.html{study.query}")
    page = response.content.decode()
    assert response["Content-Disposition"] == 'attachment; filename="analysis.html"'
    assert '<h1 class="finding">RegNetX has lower errors than ' in page
    assert f'content="{reports.POLICY.replace(chr(39), "&#x27;")}"' in page
    assert "Bokeh" in page
    assert re.findall(r'<(?:link|script|img|iframe)[^>]+(?:src|href)="(?!data:)', page) == []
    for left_out in ("<form", "csrfmiddlewaretoken", "hx-get", "/refine/", 'class="actions"', "data-live"):
        assert left_out not in page.split("<script>")[0], left_out
    links = re.findall(r'href="([^"]+)"', page.split("<body>")[1].split("<script>")[0])
    assert all(link.startswith(("http://testserver/", "#")) for link in links)
    drawn = json.dumps(pages.documents(page.split("<script>")[0]))
    assert '"http://testserver/samples/' in drawn


def test_nothing_in_our_scripts_and_styles_can_end_its_tag() -> None:
    for text in (reports.scripts(), reports.styles()):
        assert not re.search(r"</(script|style)|<!--", text, re.IGNORECASE)


def test_names_that_try_to_be_more_stay_text_in_every_file() -> None:
    study = Study(first=HOSTILE)
    page = study.get(f"/analyses/report.html{study.query}").content.decode()
    assert "<img" not in page.split("<script>")[0]
    drawn = study.get(f"/analyses/figures/edf.svg{study.query}").content.decode()
    assert ElementTree.fromstring(drawn) is not None  # noqa: S314  (our own file)
    assert "<img" not in drawn
    assert study.get(f"/analyses/figures/edf.png{study.query}").content[:4] == b"\x89PNG"
    table = study.table(f"/analyses/tables/populations.csv{study.query}")
    assert table[1][0] == HOSTILE
