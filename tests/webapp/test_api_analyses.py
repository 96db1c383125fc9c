"""Analyses through the API: the numbers and the sentence that their page shows, and what may be looked at when."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import pytest

from engine import statistics
from engine.statistics.intervals import median_error
from engine.statistics.sequential import anytime_median
from tests.webapp import pages, rows
from tests.webapp.api_calls import Caller, caller
from webapp.analysis import statistics as remembered
from webapp.models import FailureKind, Regime, Space

pytestmark = pytest.mark.django_db

FIRST_LINES = re.compile(r'<h1 class="finding">(.*?)</h1>\s*<p>(.*?)</p>', re.DOTALL)


class Study:
    """A team with a regime; populations of it have the errors they are given."""

    def __init__(self) -> None:
        self.team, self.user = rows.a_team()
        self.regime = rows.a_regime(self.team, self.user)
        self.script, self.client = caller(self.user, self.team), pages.client_of(self.user)

    def population(self, name: str, errors: Any, *, regime: Regime | None = None) -> str:
        space = rows.a_space(self.team, self.user, name=name, preset="RegNetX-small")
        pages.measured(space, regime or self.regime, self.user, list(errors))
        return f"{space.pk}-{(regime or self.regime).pk}"

    def trained(self, name: str, errors: list[float | FailureKind]) -> str:
        """With a run each, which may fail."""
        space, _ = pages.trained(self.team, self.user, self.regime, name=name, preset="RegNetX-small", errors=errors)
        return f"{space.pk}-{self.regime.pk}"

    def answer(self, *populations: str, more: str = "") -> dict[str, Any]:
        status, answer = self.script.get(f"/analyses?p={'&p='.join(populations)}{more}")
        assert status == 200, answer
        found: dict[str, Any] = answer
        return found

    def page(self, *populations: str, more: str = "") -> str:
        response = self.client.get(f"/analyses/?p={'&p='.join(populations)}{more}")
        assert response.status_code == 200
        return response.content.decode()

    def wait_for_more(self, population: str) -> None:
        """A run to come."""
        space, regime = population.split("-")
        rows.a_batch(Space.objects.get(pk=space), Regime.objects.get(pk=regime), self.user, size=1, seed=1)


@pytest.fixture
def study() -> Study:
    return Study()


def normal(seed: int, n: int, mean: float = 40.0) -> Any:
    return np.random.default_rng(seed).normal(mean, 3, n).round(3)


def ends(interval: dict[str, float]) -> list[float]:
    return [interval["value"], interval["low"], interval["high"]]


def finding_on(page: str) -> str:
    """The headline and the sentences under it."""
    (found,) = FIRST_LINES.findall(page)
    return html.unescape(" ".join(found))


def test_numbers_are_the_engines_for_all_pairs_together(study: Study) -> None:
    errors = {name: normal(k, 20, 38 + 3 * k) for k, name in enumerate("ABC")}
    names = {study.population(name, values): name for name, values in errors.items()}
    answer = study.answer(*names)
    for one in answer["populations"]:
        own = errors[names[one["population"]]]
        mean, median = statistics.mean_interval(own), median_error(own)
        assert ends(one["mean"]) == pytest.approx([mean.mean, *mean.interval])
        assert ends(one["median"]) == pytest.approx([median.value, *median.interval])
        assert one["name"] == names[one["population"]]
    together = dict(zip(("AB", "AC", "BC"), statistics.compare_all(list(errors.values())), strict=True))
    shapes = {both: statistics.ks_test(*(errors[name] for name in both)) for both in together}
    shape_p = dict(zip(together, statistics.holm([shape.p_value for shape in shapes.values()]), strict=True))
    assert [pair["p_value"] for pair in answer["pairs"]] == sorted(one.p_adjusted for one in together.values())
    for pair in answer["pairs"]:
        first, second = names[pair["first"]], names[pair["second"]]
        both = min(first, second) + max(first, second)
        test = together[both] if first < second else together[both].mirrored()
        assert pair["verdict"] == test.verdict == statistics.Verdict.A_LOWER
        assert not pair["at_every_look"]
        assert ends(pair["theta"]) == pytest.approx([test.theta, *test.interval])
        assert ends(pair["median_difference"]) == pytest.approx([test.difference, *test.difference_interval])
        assert (pair["n"], pair["failed"], pair["left_out"]) == ([20, 20], [0, 0], [0, 0])
        means = statistics.mean_difference_interval(errors[first], errors[second])
        assert ends(pair["mean_difference"]) == pytest.approx([means.mean, *means.interval])
        assert ends(pair["ks_distance"]) == pytest.approx([shapes[both].distance, *shapes[both].interval])
        assert pair["ks_p_value_holm"] == pytest.approx(shape_p[both])
        levels = {name: one["confidence"] for name, one in pair.items() if isinstance(one, dict)}
        for name in ("theta", "median_difference"):
            assert levels.pop(name) == pytest.approx(1 - 0.05 / 3)
        assert levels == {"ks_distance": 0.95, "mean_difference": 0.95}
    for one in answer["in_order"]:
        first, second = (errors[names[one[end]]] for end in ("first", "second"))
        expected = statistics.compare_sequentially(first, second, alpha=0.05 / 3, budget=2_000)
        assert (one["verdict"], one["decided_at"]) == (expected.verdict, expected.decided_at)
        assert ends(one["theta"]) == pytest.approx([expected.theta, *expected.interval])
        assert one["theta"]["confidence"] == pytest.approx(1 - 0.05 / 3)
        assert one["p_value"] == pytest.approx(min(1.0, 3 * expected.p_value))
    surest = [one["p_value"] for one in answer["in_order"]]
    assert len(surest) == 3
    assert surest == sorted(surest)


def test_while_runs_are_to_come_the_intervals_hold_at_every_look(study: Study) -> None:
    many, few = normal(0, 60), normal(1, 20)
    chosen = study.population("Many", many), study.population("Few", few)
    for one in chosen:
        study.wait_for_more(one)
    found = {one["name"]: one for one in study.answer(*chosen)["populations"]}
    assert {one["pending"] for one in found.values()} == {1}
    median = anytime_median(many)
    assert ends(found["Many"]["mean"]) == [pytest.approx(many.mean()), None, None]
    assert ends(found["Many"]["median"]) == pytest.approx([median.value, *median.interval])
    assert 0 < found["Many"]["median"]["low"] < found["Many"]["median"]["high"] < 100
    assert ends(found["Few"]["median"])[1:] == [0, 100]
    (pair,) = study.answer(*chosen)["pairs"]
    (in_order,) = study.answer(*chosen)["in_order"]
    assert pair["at_every_look"]
    assert (pair["verdict"], pair["p_value"]) == (in_order["verdict"], in_order["p_value"])


def test_the_sentence_is_that_of_the_page(study: Study) -> None:
    low, high = study.population("Low & <deep>", normal(0, 12, 30)), study.population("High", normal(1, 12))
    second = rows.a_regime(study.team, study.user, name="Another")
    elsewhere = study.population("Third", normal(2, 12, 50), regime=second)
    said = {study.answer(low)["finding"]}
    assert f'<h1 class="finding">{html.escape(said.copy().pop())}</h1>' in study.page(low)
    for chosen in ([low, high], [high, elsewhere], [low, high, elsewhere]):
        sentence = study.answer(*chosen)["finding"]
        assert sentence == finding_on(study.page(*chosen))
        said.add(sentence)
    assert any("Third, Another" in sentence for sentence in said)
    assert any("for all 3 pairs together" in sentence for sentence in said)
    study.wait_for_more(low)
    sentence = study.answer(low)["finding"]
    assert sentence not in said
    assert f'<h1 class="finding">{html.escape(sentence)}</h1>' in study.page(low)
    sentence = study.answer(low, high)["finding"]
    assert sentence == finding_on(study.page(low, high)) not in said
    assert sentence.startswith("Low & <deep> has lower errors than High so far: Low & <deep> wins ")


def test_filters_count_as_on_the_page(study: Study) -> None:
    chosen = study.population("A", normal(0, 30, 30)), study.population("B", normal(1, 30))
    plain, filtered = study.answer(*chosen), study.answer(*chosen, more="&max_depth=8")
    assert 0 < filtered["populations"][0]["n"] < plain["populations"][0]["n"]
    assert filtered["finding"] == finding_on(study.page(*chosen, more="&max_depth=8")) != plain["finding"]
    (pair,), (in_order,) = filtered["pairs"], filtered["in_order"]
    assert pair["n"] == [one["n"] for one in filtered["populations"]]
    assert in_order["pairs"] == min(pair["n"])
    assert filtered["finding"].endswith(
        "The filter was chosen by hand: p is as if it had been chosen before the errors were seen."
    )
    assert "chosen by hand" not in plain["finding"]
    status, refused = study.script.get(f"/analyses?p={chosen[0]}&min_nothing=1")
    assert status == 400
    assert "nothing" in refused["error"]


def test_in_draw_order_every_pair_is_counted_and_the_verdict_stands(study: Study) -> None:
    first = study.trained("A", [30.0, FailureKind.DIVERGED, 31.0, 30.0])
    second = study.trained("B", [40.0, 41.0, FailureKind.CODE_ERROR, 30.0])
    (one,) = study.answer(second, first)["in_order"]
    assert (one["first"], one["second"]) == (first, second)
    counts = {name: one[name] for name in ("pairs", "won", "lost", "tied", "left_out")}
    assert counts == {"pairs": 4, "won": 1, "lost": 1, "tied": 1, "left_out": 1}
    assert (one["verdict"], one["decided_at"], one["theta"]["value"]) == ("open", None, 0.5)
    assert one["p_value"] == pytest.approx(1)

    better, worse = study.population("C", np.full(9, 20.0)), study.population("D", np.full(9, 50.0))
    (one,) = study.answer(worse, better)["in_order"]
    assert (one["first"], one["verdict"], one["won"]) == (better, "a_lower", 9)
    decided_at = statistics.compare_sequentially(np.full(9, 20.0), np.full(9, 50.0)).decided_at
    assert one["decided_at"] == decided_at is not None
    assert one["theta"]["low"] >= 0.5
    assert one["p_value"] < 0.05


def test_who_wins_more_often_is_lower_also_where_the_mean_is_higher(study: Study) -> None:
    rare, steady = study.population("Rare", [*[41.0] * 11, 1.0]), study.population("Steady", [40.0] * 12)
    answer = study.answer(rare, steady)
    (pair,), (one,) = answer["pairs"], answer["in_order"]
    assert (pair["first"], pair["verdict"]) == (steady, "a_lower")
    assert pair["mean_difference"]["value"] > 0
    assert pair["median_difference"]["value"] == -1
    assert (one["first"], one["verdict"], one["won"]) == (steady, "a_lower", 11)


def test_where_the_draw_order_is_not_known_nothing_is_compared_in_it(study: Study) -> None:
    imported = rows.an_import(study.team, study.user, [30.0, 31.0, 32.0])
    own = study.population("Own", [40.0, 41.0, 42.0])
    answer = study.answer(own, f"i{imported.pk}")
    assert answer["in_order"] == []
    assert [pair["first"] for pair in answer["pairs"]] == [f"i{imported.pk}"]
    assert answer["finding"] == finding_on(study.page(own, f"i{imported.pk}"))


def test_what_its_page_has_computed_is_not_computed_again(study: Study, monkeypatch: Any) -> None:
    chosen = study.population("A", normal(0, 12)), study.population("B", normal(1, 12, 45))
    study.page(*chosen)
    for name in ("compare_all", "compare_sequentially", "mean_interval", "ks_test"):
        monkeypatch.setattr(remembered, name, None)  # would fail if it were asked again
    assert len(study.answer(*chosen)["pairs"]) == 1


def test_the_schema_says_what_each_verdict_means(study: Study) -> None:
    schemas = Caller(None).get("/openapi.json")[1]["components"]["schemas"]
    assert schemas["Verdict"]["enum"] == [str(verdict) for verdict in statistics.Verdict]
    explained = {}
    for name in ("PairOut", "InOrderOut"):
        verdict = schemas[name]["properties"]["verdict"]
        assert verdict["$ref"] == "#/components/schemas/Verdict"
        explained[name] = re.findall(r"(\w+): ", verdict["description"])
    assert set(explained["PairOut"]) == set(statistics.Verdict) - {"b_lower"}  # first is the lower one
    assert set(explained["InOrderOut"]) == {"a_lower", "b_lower", "alike", "open", "budget_used"}
    assert set(schemas["AnalysisOut"]["properties"]) == {"error", "finding", "populations", "pairs", "in_order"}
    for name in ("SpaceOut", "SpaceLine", "RegimeOut", "RegimeLine", "BatchOut"):
        assert {"tags", "archived_at"} <= set(schemas[name]["properties"])
