"""What the address of an analysis chooses: filters, normalisation, what-if; and the honest edges of small samples."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import numpy as np
import pytest
from django.test import Client

from engine.training.regimes import Regime as EngineRegime
from tests.webapp import pages, rows
from webapp import services
from webapp.models import FailureKind, Regime, Space, Team, User

pytestmark = pytest.mark.django_db


class Study:
    def __init__(self) -> None:
        self.team: Team
        self.user: User
        self.team, self.user = rows.a_team()
        self.regime: Regime = rows.a_regime(self.team, self.user)
        self.client: Client = pages.client_of(self.user)

    def measured(self, name: str, errors: list[float], *, preset: str = "RegNetX-small") -> Space:
        space = rows.a_space(self.team, self.user, name=name, preset=preset)
        pages.measured(space, self.regime, self.user, errors)
        return space

    def text(self, *spaces: Space, more: str = "", regime: Regime | None = None) -> str:
        query = "&".join(f"p={space.pk}-{(regime or self.regime).pk}" for space in spaces)
        response = self.client.get(f"/analyses/?{query}{more}")
        assert response.status_code == 200, more
        return unescape(response.content.decode()).replace("\N{NO-BREAK SPACE}", " ")


STATEMENTS = 64  # of a page with all of its parts, each a request of its own


@pytest.fixture
def study() -> Study:
    return Study()


def head(text: str) -> str:
    return text.split('class="finding">')[1].split("</h1>")[0]


def assert_no_nan(text: str) -> None:
    visible = re.sub(r"<script.*?</script>|<[^>]+>", " ", text, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf)\b", visible, flags=re.IGNORECASE)


def test_filters_leave_samples_out_everywhere_and_say_so(study: Study) -> None:
    regnet = study.measured("R", np.linspace(20, 30, 20).tolist())
    anynet = study.measured("A", np.linspace(30, 40, 12).tolist(), preset="AnyNetX-A-small")
    text = study.text(regnet, anynet, more="&min_w_m=1.5&max_w_m=2.5")
    used = int(re.search(r"R: (\d+) of 20 used", text)[1])  # type: ignore[index]
    assert 0 < used < 20
    assert "Only samples with w_m 1.5–2.5" in text
    assert "A has no w_m: not filtered by it" in text
    assert "A: 12 used" in text
    assert f"All {used} points drawn" in text
    assert 'name="min_w_m" value="1.5"' in text
    assert f"n {used} [" in text


def test_ends_left_empty_are_taken_out_of_the_address(study: Study) -> None:
    space = study.measured("R", [20.0, 30.0])
    response = study.client.get(f"/analyses/?p={space.pk}-{study.regime.pk}&min_w_m=&max_w_m=3&normalise=")
    assert response["Location"] == f"/analyses/?p={space.pk}-{study.regime.pk}&max_w_m=3"


def test_complexities_are_filtered_in_millions(study: Study) -> None:
    regnet = study.measured("R", np.linspace(20, 30, 12).tolist())
    assert "R: 12 of 12 used" in study.text(regnet, more="&min_flops=0.7&max_flops=0.78")
    text = study.text(regnet, more="&min_flops=5")
    assert "R: 0 of 12 used" in text
    assert "No sample is left with flops (M) from 5" in text
    assert "Use all samples" in text


@pytest.mark.parametrize(
    "query",
    [
        "min_error=1",
        "min_made_up=1",
        "max_w_m=abc",
        "min_w_m=nan",
        "min_w_m=inf",
        "min_w_m=3&max_w_m=2",
        "normalise=error",
    ],
)
def test_a_filter_that_is_none_is_answered_by_400(study: Study, query: str) -> None:
    space = study.measured("R", [20.0, 30.0])
    assert study.client.get(f"/analyses/?p={space.pk}-{study.regime.pk}&{query}").status_code == 400


def test_normalised_populations_have_their_own_curves_and_sentence(study: Study) -> None:
    first = study.measured("R", np.linspace(20, 30, 16).tolist())
    second = study.measured("A", np.linspace(30, 40, 16).tolist(), preset="AnyNetX-A-small")
    text = study.text(first, second, more="&normalise=flops")
    assert "At equal flops R has lower errors than A: a network of R beats one of A in over 99" in text
    assert "Normalised by flops: every tenth of the common range" in text
    assert re.search(r"left out: \d+ of 16 of R and \d+ of 16 of A", text)


def test_nothing_is_normalised_where_complexities_do_not_meet(study: Study) -> None:
    first, second = study.measured("R", [20.0]), study.measured("A", [30.0], preset="AnyNetX-A-small")
    text = study.text(first, second, more="&normalise=acts")
    assert "have no acts in common" in text
    assert_no_nan(text)


def test_a_restriction_in_the_address_shows_the_samples_inside(study: Study) -> None:
    space = study.measured("A", np.linspace(20, 40, 30).tolist(), preset="AnyNetX-A-small")
    text = study.text(space, more="&what_if=widths_non_decreasing&what_if=d_1::5")
    assert re.search(r"of the 30 samples of A lies? inside", text)
    assert "What if: widths non-decreasing and d_1 up to 5" in text
    refine = f"/spaces/{space.pk}/refine/?narrow=widths_non_decreasing&narrow=d_1::5"
    assert f"{refine}&note=Analysis+of+A+under+quick%2C+n+%3D+30:+what+if+widths" in text
    assert "what-if" in pages.elements(text)


def test_a_restriction_that_holds_no_sample_or_changes_nothing_says_so(study: Study) -> None:
    space = study.measured("R", np.linspace(20, 40, 12).tolist())
    other = study.text(space, more="&what_if=w_m:1.5:9")
    assert "narrow=w_m:1.5:9" not in other
    assert "changes nothing in R" in other or "All of the 12 samples of R lie inside" in other
    drawn = {float(s.drawn["w_m"]) for s in space.batches.get().samples.all()}
    free = next(value / 1000 for value in range(1500, 3000) if value / 1000 not in drawn)
    text = study.text(space, more=f"&what_if=w_m:{free}:{free}")
    assert "None of the 12 samples of R lies inside" in text
    assert "what-if" not in pages.elements(text)
    assert "changes nothing in R" in study.text(space, more="&what_if=nonsense:::")


def test_one_sample_inside_has_no_interval(study: Study) -> None:
    space = study.measured("R", np.linspace(20, 40, 12).tolist())
    drawn = sorted(float(sample.drawn["w_m"]) for sample in space.batches.get().samples.all())
    lowest = drawn[0]
    text = study.text(space, more=f"&what_if=w_m:{lowest}:{lowest}")
    assert "1 of the 12 samples of R lies inside" in text
    assert "inside beats outside in" in text
    assert "too few for an interval of the mean" in text
    assert_no_nan(text)


def test_the_refine_form_shows_what_the_parents_samples_say(study: Study) -> None:
    space = study.measured("A", np.linspace(20, 40, 30).tolist(), preset="AnyNetX-A-small")
    url = f"/spaces/{space.pk}/refine/"
    text = study.client.get(f"{url}?narrow=widths_non_decreasing").content.decode()
    assert "of the 30 samples of A" in text
    assert "what-if" in pages.elements(text)
    assert "All of the 30 samples of A lie inside" in study.client.get(url).content.decode()
    empty = rows.a_space(study.team, study.user, name="empty")
    assert "No sample of empty is used" in study.client.get(f"/spaces/{empty.pk}/refine/").content.decode()


def test_a_limit_that_only_stages_show_is_asked_of_each_design(study: Study) -> None:
    space = study.measured("R", np.linspace(20, 40, 12).tolist())
    url = f"/spaces/{space.pk}/refine/"
    sent = pages.posted(study.client.get(url).content.decode()) | {"stage_width_limit": "64", "preview": "1"}
    text = study.client.post(url, sent).content.decode()
    assert "12 samples of R" in text


def test_a_limit_of_complexity_is_asked_for_the_images_of_the_regime(study: Study) -> None:
    space = study.measured("R", np.linspace(20, 40, 12).tolist())
    ratios = [s.acts / 1e6 / np.sqrt(s.flops / 1e9) for s in space.batches.get().samples.all()]
    url = f"/spaces/{space.pk}/refine/"
    sent = pages.posted(study.client.get(url).content.decode())
    sent |= {"acts_limit": f"{np.sort(ratios)[5] * 1.000001:.9f}", "preview": "1"}
    # The columns answer the first; a wider stage limit leaves the second to the designs.
    for limit in (sent["stage_width_limit"], "10000"):
        text = study.client.post(url, sent | {"stage_width_limit": limit}).content.decode()
        assert "6 of the 12 samples of R lie inside" in text


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_samples_give_a_whole_page(study: Study, n: int) -> None:
    space = study.measured("R", np.linspace(20, 21, n).tolist())
    other = study.measured("A", [30.0], preset="AnyNetX-A-small")
    for text in (study.text(space), study.text(space, other), study.text(space, other, more="&normalise=flops")):
        assert_no_nan(text)
        assert "It takes 8 samples of different errors to say" in text
        assert "sample-size" not in pages.elements(text)


def test_equal_errors_and_ties_are_no_difference_and_no_correlation(study: Study) -> None:
    first, second = study.measured("R", [30.0] * 12), study.measured("S", [30.0] * 12)
    text = study.text(first, second)
    assert_no_nan(text)
    assert head(text) == "All 24 networks of R and S have the same error, 30.0 %."
    assert "<p>Nothing tells them apart.</p>" in text
    (pair,) = pages.tables(text)["Pairwise tests"]
    assert (pair["Verdict"], pair["p, Holm"]) == ("all tied", "–")
    assert "It takes 8 samples of different errors to say; there are 12 samples" in text
    tied = study.text(study.measured("T", [20.0] * 6 + [40.0] * 6))
    assert_no_nan(tied)
    best = pages.tables(tied)["Best designs"]
    assert [line["Rank"] for line in best] == ["1"] * 6 + ["7"] * 4


def test_failed_and_pending_runs_are_counted_and_end_the_curve_below_its_top(study: Study) -> None:
    space, _ = pages.trained(
        study.team, study.user, study.regime, name="F", preset="RegNetX-small", size=6,
        errors=[30.0, FailureKind.DIVERGED, 31.0, 32.0],
    )  # fmt: skip
    text = study.text(space)
    assert "F: 3 used, 1 failed, 2 pending" in text
    assert "Failed, which rank behind every error and keep a curve from its top: 1 of 4 of F." in text
    assert "Hatched" not in text  # where a failure ranks is known
    shares = {
        line["Share of designs"]: line["F, error (%), 95 %"] for line in pages.tables(text)["Quantiles of the error"]
    }
    assert shares["50 %"].startswith("31.5 ")
    assert shares["95 %"] == "among the failed"
    assert_no_nan(text)


def test_runs_that_say_nothing_bound_the_curve(study: Study) -> None:
    space, _ = pages.trained(
        study.team, study.user, study.regime, name="F", preset="RegNetX-small",
        errors=[30.0, FailureKind.CODE_ERROR, 31.0, FailureKind.DIVERGED],
    )  # fmt: skip
    text = study.text(space)
    assert "F: 2 used, 1 failed, 0 pending, 1 missing" in text
    assert (
        "Hatched: where the EDF would lie, whatever the missing ones had given (1 of 4 of F, ± 0.250 at most)" in text
    )
    assert_no_nan(text)


def test_regimes_that_differ_are_named_with_what_differs(study: Study) -> None:
    definition = study.regime.definition
    longer = EngineRegime.from_json(definition | {"recipe": definition["recipe"] | {"epochs": 7}})
    other = services.create_regime(team=study.team, name="longer", regime=longer, actor=study.user)
    space = study.measured("R", [20.0, 21.0, 22.0])
    pages.measured(space, other, study.user, [18.0, 19.0], seed=1)
    text = study.text(space, more=f"&p={space.pk}-{other.pk}")
    assert "What differs: epochs: 2 and 7." in text


def test_populations_of_different_complexity_are_a_warning(study: Study) -> None:
    first = study.measured("R", np.linspace(20, 30, 40).tolist())
    second = study.measured("A", np.linspace(20, 30, 40).tolist(), preset="AnyNetX-A-small")
    first.batches.get().samples.update(acts=10)
    text = study.text(first, second)
    assert re.search(r"differ in complexity \((\w+( and |, ))*acts", text)
    assert "KS D = 1.00 (0.70–1.00), p < 0.001 after Holm" in text


def test_e_fit_is_shown_for_anynets_only(study: Study) -> None:
    anynet = study.measured("A", np.linspace(20, 40, 12).tolist(), preset="AnyNetX-A-small")
    text = study.text(anynet)
    assert "by-e_fit" in pages.elements(text)
    assert "closest quantised linear function; Spearman rho" in text
    assert "by-e_fit" not in pages.elements(study.text(study.measured("R", [20.0, 30.0])))


def test_the_number_of_statements_does_not_grow_with_n(study: Study, django_assert_num_queries: Any) -> None:
    few = study.measured("few", np.linspace(20, 30, 10).tolist(), preset="AnyNetX-A-small")
    many = study.measured("many", np.linspace(20, 30, 60).tolist(), preset="AnyNetX-A-small")
    study.text(few, many)  # counts the populations, and keeps that
    for space in (few, many):
        with django_assert_num_queries(STATEMENTS):
            study.text(space)


def test_points_beyond_two_thousand_are_thinned_for_drawing_only(study: Study, monkeypatch: Any) -> None:
    from webapp.analysis import populations

    monkeypatch.setattr(populations, "DRAWN_AT_MOST", 10)
    space = study.measured("R", np.linspace(20, 40, 30).tolist())
    assert json.dumps(pages.documents(study.text(space))).count("/samples/") == 10
    assert "n 30 [20.0 | 30.0]" in study.text(space)


def test_of_few_networks_no_difference_is_found_and_the_mean_has_no_interval(study: Study) -> None:
    few, enough = study.measured("few", [30.0, 31.0]), study.measured("enough", np.linspace(20, 25, 5).tolist())
    text = study.text(few, enough)
    assert head(text) == "Too few networks to tell enough and few apart: 5 and 2 of them ended."
    assert "<p>With 1 comparison at least 4 of each are needed.</p>" in text
    more = study.text(study.measured("more", np.linspace(30, 32, 15).tolist()), enough)
    assert head(more).startswith("enough has lower errors than more: ")
    assert [line["Mean error (%), 95 %"] for line in pages.tables(more)["Populations"]] == [
        "31.0 (too few for an interval)",
        "22.5 (too few for an interval)",
    ]
