"""Analyses, samples and regimes; and names that try to be more than names."""

from __future__ import annotations

import csv
import json
from html import unescape
from typing import Any

import numpy as np
import pytest

from engine.statistics import compare_errors, median_error
from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import FailureKind, Regime, Sample, Space, Team, User
from webapp.pages.sections import SECTIONS
from webapp.wording import signed

pytestmark = pytest.mark.django_db

HOSTILE = "<img src=x onerror=alert(1)></script>@{error} $$\\frac{1}{2}$$ {{ 7 }} =cmd"


class Study:
    """AnyNet against RegNet, both ended: the second is clearly lower."""

    def __init__(self, first: str = "AnyNetX-A", second: str = "RegNetX", regime: str = "quick") -> None:
        self.team: Team
        self.user: User
        self.team, self.user = rows.a_team()
        self.client: pages.Reader = pages.client_of(self.user)
        self.regime: Regime = rows.a_regime(self.team, self.user, name=regime)
        rng = np.random.default_rng(0)
        high: list[float | FailureKind] = [float(x) for x in rng.normal(45, 3, 14)]
        low: list[float | FailureKind] = [float(x) for x in rng.normal(25, 2, 12)]
        make = (self.team, self.user, self.regime)
        self.anynet, _ = pages.trained(
            *make, name=first, preset="AnyNetX-A-small", errors=[*high, FailureKind.DIVERGED]
        )
        self.regnet, self.batch = pages.trained(*make, name=second, preset="RegNetX-small", errors=low)

    def url(self, *spaces: Space, more: str = "") -> str:
        return "/analyses/?" + "&".join(f"p={space.pk}-{self.regime.pk}" for space in spaces) + more

    def text(self, url: str) -> str:
        response = self.client.get(url)
        assert response.status_code == 200, url
        return response.content.decode().replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture
def study() -> Study:
    return Study()


def heading(text: str) -> str:
    return unescape(text.split('class="finding">')[1].split("</h1>")[0])


def under(text: str) -> str:
    """The sentences below the heading."""
    return unescape(text.split('class="finding">')[1].split("</h1>")[1].split("<p>")[1].split("</p>")[0])


def test_the_finding_names_the_lower_space_theta_the_difference_and_their_intervals(study: Study) -> None:
    text = study.text(study.url(study.anynet, study.regnet))
    low = queries.load_population(space=study.regnet, regime=study.regime).outcomes
    high = queries.load_population(space=study.anynet, regime=study.regime).outcomes
    test = compare_errors(low, high)
    assert test.difference is not None
    assert test.difference_interval is not None
    assert test.theta == 1
    assert heading(text) == (
        "RegNetX has lower errors than AnyNetX-A: a network of RegNetX beats one of AnyNetX-A in over 99 % of pairs "
        f"(95 %: {100 * test.interval[0]:.0f}–100 %), p < 0.001."
    )
    least, most = -test.difference_interval[1], -test.difference_interval[0]
    assert under(text) == (
        f"In the median pair the error of RegNetX is lower by {-test.difference:.1f} points ({least:.1f}–{most:.1f}); "
        "n = 12 and 15. 0 of 12 networks of RegNetX and 1 of 15 of AnyNetX-A failed and rank behind every error."
    )
    assert "AnyNetX-A: 14 used, 1 failed, 0 pending" in text
    assert "RegNetX: 12 used, 0 failed, 0 pending" in text
    assert "so far" not in heading(text)


def test_one_population_is_described_by_its_median_and_interval(study: Study) -> None:
    median = median_error(queries.load_population(space=study.regnet, regime=study.regime))
    low, high = median.interval
    assert heading(study.text(study.url(study.regnet))) == (
        f"Half of the 12 networks of RegNetX have an error of at most {median.value:.1f} % "
        f"(95 %: {low:.1f}–{high:.1f})."
    )


def test_no_difference_is_said_where_none_is_shown(study: Study) -> None:
    twin, _ = pages.trained(
        study.team, study.user, study.regime, name="Twin", preset="RegNetX-small",
        errors=[float(x) for x in np.random.default_rng(1).normal(25, 2, 12)],
    )  # fmt: skip
    text = study.text(study.url(twin, study.regnet))
    both = [queries.load_population(space=space, regime=study.regime) for space in (study.regnet, twin)]
    test = compare_errors(*both)
    assert test.theta > 0.5
    low, high = (f"{100 * end:.0f}" for end in test.interval)
    assert heading(text) == (
        f"No difference between RegNetX and Twin is shown: a network of RegNetX beats one of Twin in "
        f"{100 * test.theta:.0f} % of pairs (95 %: {low}–{high} %), p = {test.p_value:.2f}."
    )
    assert test.difference is not None
    assert under(text).startswith(f"The median difference, RegNetX minus Twin, is {signed(test.difference)} points (")


def test_every_parameter_and_complexity_has_a_plot_a_table_and_the_page_one_document(study: Study) -> None:
    text = study.text(study.url(study.regnet))
    elements = pages.elements(text)
    assert {"edf", "by-depth", "by-w_0", "by-w_a", "by-w_m", "by-flops", "by-params", "by-acts"} <= elements
    for element in elements:
        assert f'id="{element}"' in text
    assert text.count("As a table") == len(elements)
    assert json.dumps(pages.documents(text)).count('"name": "population"') == 1


def test_the_figures_source_holds_the_population(study: Study) -> None:
    population = queries.load_population(space=study.regnet, regime=study.regime)
    text = study.text(study.url(study.regnet))
    assert f"n {population.n} [{population.errors.min():.1f} | {population.errors.mean():.1f}]" in text


def test_while_runs_are_to_come_the_page_says_so_and_counts_what_is_ahead(study: Study) -> None:
    space = rows.a_space(study.team, study.user, name="Running")
    batch = rows.a_batch(space, study.regime, study.user, size=5)
    pages.finish(batch, [25.0, 26.0])
    rows.claim()
    pages.finish(batch, [27.0])
    text = study.text(study.url(space, study.anynet))
    assert "Running: 2 used, 0 failed, 2 pending, 1 finished ahead" in text
    assert heading(text) == (
        "No difference between Running and AnyNetX-A is shown so far: Running wins 2 of 2 pairs, 100 % (95 % at every "
        "look: 14–100 %), p = 0.76 at every look."
    )
    assert under(text) == (
        "2 runs to come; n = 2 pairs in draw order. "
        "0 of 2 networks of Running and 1 of 15 of AnyNetX-A failed and rank behind every error."
    )
    assert "Runs are still to come" in text


def test_without_samples_the_page_says_what_to_do(study: Study) -> None:
    assert "Choose one to see its error EDF" in study.text("/analyses/")
    space = rows.a_space(study.team, study.user, name="Waiting")
    rows.a_batch(space, study.regime, study.user, size=3)
    assert "Waiting: 0 used, 0 failed, 3 pending" in study.text(study.url(space))
    _, other = rows.a_team("Audio", "other@example.org")
    assert "Nothing has been trained yet" in pages.client_of(other).get("/analyses/").content.decode()


def test_the_best_epochs_error_is_a_choice_in_the_address(study: Study) -> None:
    text = study.text(study.url(study.regnet, more="&error=best"))
    assert "error: best epoch" in text


def test_the_population_looked_at_can_be_chosen(study: Study) -> None:
    both = study.url(study.anynet, study.regnet)
    assert "Parameters against error: RegNetX" in study.text(both)
    text = study.text(f"{both}&of={study.anynet.pk}-{study.regime.pk}")
    assert "Parameters against error: AnyNetX-A" in text
    assert 'id="by-d_1"' in text


def test_populations_of_different_regimes_are_compared_with_a_warning(study: Study) -> None:
    other = rows.a_regime(study.team, study.user, name="another")
    batch = rows.a_batch(study.regnet, other, study.user, size=3, seed=4)
    pages.finish(batch, [20.0, 21.0, 22.0])
    text = study.text(study.url(study.regnet) + f"&p={study.regnet.pk}-{other.pk}")
    assert "come from different regimes" in text
    assert "RegNetX, another" in text


@pytest.mark.parametrize(
    "query", ["p=1", "p=a-b", "p=1-2-3", "error=worst", "of=x", "&".join(f"p={k}-1" for k in range(8))]
)
def test_an_address_that_is_no_analysis_is_answered_by_400(study: Study, query: str) -> None:
    assert study.client.get(f"/analyses/?{query}").status_code == 400


def test_the_csv_of_a_population_holds_every_used_sample(study: Study) -> None:
    response = study.client.get(f"/populations/{study.regnet.pk}-{study.regime.pk}.csv")
    lines = list(csv.DictReader(b"".join(response).decode().splitlines()))
    samples = Sample.objects.filter(batch=study.batch).order_by("position")
    assert [int(line["sample_id"]) for line in lines] == [sample.pk for sample in samples]
    assert [float(line["error"]) for line in lines] == [sample.error for sample in samples]
    assert [float(line["w_a"]) for line in lines] == [sample.drawn["w_a"] for sample in samples]


def test_the_csv_of_the_edf_has_one_row_an_error(study: Study) -> None:
    response = study.client.get(study.url(study.regnet, study.anynet).replace("/analyses/", "/analyses/edf.csv"))
    lines = list(csv.DictReader(b"".join(response).decode().splitlines()))
    assert len(lines) == 26
    assert lines[11]["fraction"] == "1"


def test_an_analysis_takes_a_bounded_number_of_statements(study: Study, django_assert_max_num_queries: Any) -> None:
    address = study.url(study.anynet, study.regnet)
    study.client.get_page(address)  # counts the populations, and keeps that
    with django_assert_max_num_queries(20):
        assert study.client.get_page(address).status_code == 200
    for name in SECTIONS:
        with django_assert_max_num_queries(12):
            assert study.client.get_page(address.replace("/?", f"/parts/{name}?")).status_code == 200


def test_a_sample_shows_its_rank_its_code_and_its_exact_complexity(study: Study) -> None:
    sample = Sample.objects.filter(batch=study.batch).order_by("error").first()
    assert sample is not None
    text = study.text(f"/samples/{sample.pk}/")
    assert f"rank 1 of 12 in {study.regnet.name}" in text
    assert f"{sample.flops:,}" in text
    assert f"depth={sample.drawn['depth']}" in text
    assert "e_fit" in text
    stored = study.client.get(f"/samples/{sample.pk}/design.json").json()
    assert stored["drawn"] == sample.drawn


def test_the_code_of_a_sample_builds_the_design_that_was_drawn(study: Study) -> None:
    from engine.designs import AnyNetDesign, RegNetDesign, Trunk, design_from_json

    for space in (study.anynet, study.regnet):
        sample = Sample.objects.filter(batch__space=space).earliest("position")
        code = unescape(study.text(f"/samples/{sample.pk}/").split("<pre")[1].split("<code>")[1].split("</code>")[0])
        names: dict[str, Any] = {"AnyNetDesign": AnyNetDesign, "RegNetDesign": RegNetDesign, "Trunk": Trunk}
        exec(code[code.index("trunk = ") : code.index("network = ")], names)  # noqa: S102
        assert names["design"] == design_from_json(sample.drawn)


def test_a_sample_without_an_error_says_why(study: Study) -> None:
    failed = Sample.objects.get(batch__space=study.anynet, error=None)
    assert "has no error: 1 run failed (diverged)" in study.text(f"/samples/{failed.pk}/")
    waiting = rows.a_batch(study.regnet, study.regime, study.user, size=1, seed=7)
    sample = Sample.objects.get(batch=waiting)
    assert "has no error yet: its run is waiting" in study.text(f"/samples/{sample.pk}/")


def test_a_sample_with_replicates_shows_their_spread() -> None:
    batch = rows.a_study(size=1, replicates=3)
    pages.finish(batch, [30.0, 31.0, 32.0])
    sample = Sample.objects.get(batch=batch)
    text = pages.client_of(batch.created_by).get(f"/samples/{sample.pk}/").content.decode()
    assert "the standard deviation of its 3 runs is 1.00" in text


def test_a_sample_takes_a_bounded_number_of_statements(study: Study, django_assert_max_num_queries: Any) -> None:
    sample = Sample.objects.filter(batch=study.batch).earliest("position")
    with django_assert_max_num_queries(11):
        study.text(f"/samples/{sample.pk}/")


def test_a_regime_is_saved_from_its_form_and_shown(study: Study) -> None:
    sent = pages.posted(study.text("/regimes/new/?preset=CIFAR-10%20quick"))
    response = study.client.post("/regimes/new/", sent | {"team": "1"})
    regime = Regime.objects.get(name="CIFAR-10 quick")
    assert response["Location"] == f"/regimes/{regime.pk}/"
    assert "8 to 10" in study.text(f"/regimes/{regime.pk}/").replace(".00", "").replace("10.0", "10")
    again = study.client.post("/regimes/new/", sent).content.decode()
    assert "is taken in this team" in again


def test_regimes_are_offered_where_there_are_none() -> None:
    _, user = rows.a_team()
    text = pages.client_of(user).get("/regimes/").content.decode()
    assert "Fashion-MNIST on CPU" in text


def test_search_finds_names_and_numbers_within_the_team(study: Study) -> None:
    assert "RegNetX" in study.text("/search/?q=regnet")
    assert f"Batch {study.batch.pk}" in study.text(f"/search/?q={study.batch.pk}")
    assert "Nothing found" in study.text("/search/?q=zzz")
    assert study.client.get(f"/search/?q={'9' * 400}").status_code == 200
    _, other = rows.a_team("Audio", "other@example.org")
    assert "Nothing found" in pages.client_of(other).get("/search/?q=RegNet").content.decode()


def test_names_that_try_to_be_more_stay_names_on_every_page() -> None:
    study = Study(first=HOSTILE, second="$$x$$ @{y}", regime="<script>alert(2)</script>")
    study.user.name = "<b>bold</b>"
    study.user.save()
    study.team.name = "<i>team</i>"
    study.team.save()
    services.register_worker(
        worker_id=rows.uuid4(), host="<u>host</u>", pid=1, slot=0, device="<s>cpu</s>", device_kind="<b>x</b>",
        device_slots=1, data_sets=[], versions={},
    )  # fmt: skip
    sample = Sample.objects.filter(batch__space=study.anynet).earliest("position")
    addresses = [
        "/", "/spaces/", f"/spaces/{study.anynet.pk}/", f"/spaces/{study.anynet.pk}/refine/", "/regimes/",
        f"/regimes/{study.regime.pk}/", "/batches/", "/batches/new/", f"/batches/{study.batch.pk}/",
        f"/samples/{sample.pk}/", study.url(study.anynet, study.regnet), "/workers/", "/search/?q=%3Cimg", "/analyses/",
    ]  # fmt: skip
    for address in addresses:
        text = study.text(address)
        for tag in ("<img", "<script>alert", "<b>bold", "<b>x", "<i>team", "<u>", "<s>"):
            assert tag not in text, (address, tag)
        if "data-plots" in text:
            figures = json.dumps(pages.documents(text))
            assert "@{y}" not in figures, address
            assert "$$" not in figures, address
            assert "onerror" not in figures, address


def test_a_name_is_kept_out_of_headers(study: Study) -> None:
    study.regnet.name = "a\r\nSet-Cookie: x=1"
    study.regnet.save()
    response = study.client.get(f"/populations/{study.regnet.pk}-{study.regime.pk}.csv")
    assert "Set-Cookie" not in response["Content-Disposition"]
