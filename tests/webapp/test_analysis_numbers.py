"""Every number that stands in a table of an analysis is the engine's for the same data."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import numpy as np
import pytest
from django.test import Client

from engine import statistics
from engine.designs import design_from_json
from engine.spaces import space_from_json
from engine.statistics.population import Population
from tests.webapp import pages, rows
from webapp import queries
from webapp.analysis.narrowing import narrowed
from webapp.models import Regime, Space, Team, User
from webapp.wording import compact, fixed, p_value, percent, signed, significant

pytestmark = pytest.mark.django_db

COSTS = ("flops", "params", "acts")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Table = list[dict[str, str]]


class Study:
    """Two populations of some size; the error of the second rises with w_m, so that there is something to suggest."""

    def __init__(self) -> None:
        self.team: Team
        self.user: User
        self.team, self.user = rows.a_team()
        self.regime: Regime = rows.a_regime(self.team, self.user)
        self.anynet = rows.a_space(self.team, self.user, name="AnyNetX-C", preset="AnyNetX-C-small")
        self.regnet = rows.a_space(self.team, self.user, name="RegNetX", preset="RegNetX-small")
        rng = np.random.default_rng(0)
        pages.measured(self.anynet, self.regime, self.user, rng.normal(45, 4, 40).tolist())
        batch = pages.measured(self.regnet, self.regime, self.user, [1.0] * 48)
        for sample in batch.samples.all():
            sample.error = 20 + 8 * (sample.drawn["w_m"] - 1.5) + float(rng.normal(0, 1))
            sample.save()
        self.client: Client = pages.client_of(self.user)

    def population(self, space: Space) -> Population:
        return queries.load_population(space=space, regime=self.regime)

    def page(self, *spaces: Space, more: str = "") -> str:
        query = "&".join(f"p={space.pk}-{self.regime.pk}" for space in spaces)
        response = self.client.get(f"/analyses/?{query}{more}")
        assert response.status_code == 200
        return words(response.content.decode())

    def tables(self, *spaces: Space, more: str = "") -> dict[str, Table]:
        text = self.page(*spaces, more=more)
        assert "nan" not in text.lower().replace("governance", "").split("data-plots")[0].split()
        return pages.tables(text)


@pytest.fixture
def study() -> Study:
    return Study()


def words(text: str) -> str:
    """As the tables are read: with plain spaces."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def interval(ends: tuple[float, float], write: Any = fixed, dash: str = "–") -> str:
    return f"({write(ends[0])}{dash}{write(ends[1])})"


def two(value: float) -> str:
    return fixed(value, 2)


def whole(share: float) -> str:
    return fixed(100 * share, 0)


def quantile(errors: np.ndarray, share: float) -> str:
    return f"{fixed(float(np.quantile(errors, share)))} {interval(statistics.quantile_interval(errors, share))}"


def test_populations_and_pairs(study: Study) -> None:
    found = study.tables(study.anynet, study.regnet)
    for line, space in zip(found["Populations"], (study.anynet, study.regnet), strict=True):
        population = study.population(space)
        mean, median = statistics.mean_interval(population), statistics.median_error(population)
        assert line == {
            "Space": space.name,
            "n": str(population.n),
            "Failed": "0",
            "Missing": "0",
            "Pending": "0",
            "Best of n (%)": fixed(population.errors.min()),
            "Median (%), 95 %": f"{fixed(median.value)} {interval(median.interval)}",
            "Mean error (%), 95 %": f"{fixed(mean.mean)} {interval(mean.interval)}",
        }
    both = study.population(study.regnet), study.population(study.anynet)
    test, shape = statistics.compare_errors(*both), statistics.ks_test(*(one.errors for one in both))
    assert test.verdict is statistics.Verdict.A_LOWER
    assert test.difference is not None
    assert test.difference_interval is not None
    means = statistics.mean_difference_interval(*(one.errors for one in both))
    difference = f"{signed(test.difference)} {interval(test.difference_interval, signed, ', ')}"
    assert found["Pairwise tests"] == [
        {
            "First against second": "RegNetX against AnyNetX-C",
            "Verdict": "RegNetX lower",
            "First beats second (% of pairs), 95 %": f"{whole(test.theta)} {interval(test.interval, whole)}",
            "Median difference (points), 95 %": difference,
            "p, Holm": p_value(test.p_value),
            "First failed": "0 of 48",
            "Second failed": "0 of 40",
            "KS D, 95 %": f"{fixed(shape.distance, 2)} {interval(shape.interval, two)}",
        }
    ]
    assert found["Differences of means"] == [
        {
            "First minus second": "RegNetX − AnyNetX-C",
            "Mean difference (points), 95 %": f"{signed(means.mean)} {interval(means.interval, signed, ', ')}",
        }
    ]


def test_quantiles_of_the_edf(study: Study) -> None:
    found = study.tables(study.anynet, study.regnet)["Quantiles of the error"]
    assert [line["Share of designs"] for line in found] == [words(percent(share, 0)) for share in QUANTILES]
    for space in (study.anynet, study.regnet):
        errors = study.population(space).errors
        assert [line[f"{space.name}, error (%), 95 %"] for line in found] == [quantile(errors, p) for p in QUANTILES]


def test_importance_and_correlations(study: Study) -> None:
    population = study.population(study.regnet)
    parameters = [name for name in population.names if name not in (*COSTS, "error", "sample_id")]
    varying = [name for name in parameters if np.ptp(population[name]) > 0]
    shares = {one.parameter: one for one in statistics.parameter_importance(population, parameters=varying).parameters}
    columns = [*varying, *COSTS]
    rho = {name: statistics.rank_correlation(population[name], population) for name in columns}
    adjusted = dict(zip(columns, statistics.holm([rho[name].p_value for name in columns]), strict=True))
    found = study.tables(study.anynet, study.regnet)["Importance and rank correlations"]
    assert {line["Column"] for line in found} == set(columns)
    for line in found:
        name = line["Column"]
        assert line["Spearman rho"] == signed(rho[name].coefficient, 2)
        assert line["p of rho, Holm"] == p_value(float(adjusted[name]))
        if name in shares:
            assert line["Importance (%)"] == fixed(100 * shares[name].share, 0)
            assert line["p, for all parameters"] == p_value(shares[name].p_value)
    evidence = [shares[line["Column"]].evidence for line in found if line["Column"] in shares]
    assert evidence == sorted(evidence, reverse=True)


def test_suggested_refinements(study: Study) -> None:
    population = study.population(study.regnet)
    parameters = [name for name in population.names if name not in (*COSTS, "error", "sample_id")]
    found = study.tables(study.regnet)["Suggested refinements"]
    search = statistics.suggest_refinements(population, parameters=parameters)
    best = next(one for one in search.refinements if one.parameter == "w_m")
    line = next(line for line in found if line["Restriction"].startswith("w_m"))
    assert line["Inside beats outside (% of pairs)"] == fixed(100 * best.theta, 0)
    assert line["Change of the mean error (points)"] == signed(best.mean_difference)
    assert line["Networks kept"] == f"{best.n} of {best.n_parent}"
    assert line["p, for all tried"] == p_value(best.p_search)
    first = search.refinements[0]
    assert search.p_search <= 0.05
    assert first.parameter == "w_m"
    text = words(study.client.get(f"/analyses/?p={study.regnet.pk}-{study.regime.pk}").content.decode())
    assert re.search(r"<strong>W_m [^<]+ is better supported than chance:</strong> networks inside beat those", text)
    assert (
        f"allowing for all {search.candidates} restrictions tried. The figure is optimistic, being the best of "
        f"{search.candidates}; a fresh batch of the narrowed space tells."
    ) in text


def test_where_no_restriction_is_supported_the_page_says_how_many_networks_would_show_one(study: Study) -> None:
    space = rows.a_space(study.team, study.user, name="Noise")
    pages.measured(space, study.regime, study.user, np.random.default_rng(8).normal(40, 3, 32).tolist())
    search = statistics.suggest_refinements(
        study.population(space),
        parameters=[name for name in study.population(space).names if name not in (*COSTS, "error", "sample_id")],
    )
    text = words(study.client.get(f"/analyses/?p={space.pk}-{study.regime.pk}").content.decode())
    assert search.p_search > 0.05
    assert "<strong>No restriction is supported by these 32 networks</strong>" in text
    assert f"allowing for all {search.candidates} restrictions tried); the best of them is" in text
    assert f"About {search.needed:,} more would show a drop of 2 points." in text


def test_best_and_worst_designs(study: Study) -> None:
    population = study.population(study.regnet)
    order = population.best_to_worst()
    found = study.tables(study.regnet)
    for label, chosen in (("Best designs", order[:10]), ("Worst designs", order[::-1][:10])):
        assert len(found[label]) == 10
        for line, row in zip(found[label], chosen, strict=True):
            assert line["Rank"] == str(int((population.errors < population.errors[row]).sum()) + 1)
            assert line["Error (%)"] == fixed(population.errors[row])
            assert line["w_m"] == compact(population["w_m"][row])
            assert line["flops (M)"] == significant(population["flops"][row] / 1e6)


def test_random_search_and_the_number_of_samples(study: Study) -> None:
    found = study.tables(study.regnet, study.anynet)
    for space in (study.regnet, study.anynet):
        population = study.population(space)
        for line in found["Random search"]:
            m = int(line["Samples"])
            cell = line[f"{space.name}, reached by half of all searches (%), 95 %"]
            if m > population.n:
                assert cell == line[f"{space.name}, on average (%)"] == "–"
                continue
            best = statistics.best_of(population, m)
            known = m <= statistics.largest_m(population.n)
            ends = interval(best.interval) if known else f"(at most {fixed(best.high)})"
            assert cell == f"{fixed(best.estimate)} {ends}"
            assert line[f"{space.name}, on average (%)"] == fixed(statistics.random_search_curve(population).at(m), 2)
    population = study.population(study.regnet)
    sizes = [1, 2, 4, 8, 16]
    found_sizes = found["Is n enough"]
    result = statistics.sample_size_study(population, sizes=sizes, repeats=50)
    assert [line["Samples"] for line in found_sizes] == [str(m) for m in sizes]
    for line, distance, width in zip(found_sizes, result.distance, result.band_half_width, strict=True):
        assert line["KS distance to all, 95 %"].startswith(fixed(distance, 3))
        assert line["Band, ±"] == fixed(width, 3)


def test_populations_at_equal_complexity(study: Study) -> None:
    both = [study.population(space) for space in (study.anynet, study.regnet)]
    limits = statistics.common_limits(*(population["acts"] for population in both))
    edfs = [statistics.normalised_edf(population, population["acts"], limits=limits) for population in both]
    found = study.tables(study.anynet, study.regnet, more="&normalise=acts")
    for line, edf in zip(found["At equal acts"], edfs, strict=True):
        assert line["n inside"] == str(edf.n)
        assert line["Left out"] == str(edf.left_out)
        assert line["Bins used"] == f"{edf.bins_used} of 10"
        assert line["Effective n"] == fixed(edf.effective_n)
        median = float(edf.errors[np.argmax(edf.fractions >= 0.5 - 1e-12)])
        ends = statistics.normalised_band(edf).quantile_interval(0.5)
        assert line["Median (%), 95 %"] == f"{fixed(median)} {interval(ends)}"
        assert line["Mean error (%)"] == fixed(edf.mean)
    middle = found["Quantiles of the error at equal acts"][2]
    assert middle["RegNetX, error (%), 95 %"] == f"{fixed(median)} {interval(ends)}"
    test = statistics.compare_at_equal_cost(both[1], both[1]["acts"], both[0], both[0]["acts"])
    low, high = (fixed(100 * end, 0) for end in test.interval or ())
    means = f"{signed(test.difference or 0)} {interval(test.difference_interval or (0, 0), signed, ', ')}"
    assert found["Differences at equal acts"] == [
        {
            "First against second": "RegNetX against AnyNetX-C",
            "First beats second (% of pairs), 95 %": f"{fixed(100 * (test.theta or 0), 0)} ({low}–{high})",
            "Mean difference (points), 95 %": means,
            "Strata": str(test.strata),
            "n of first": str(test.used[0]),
            "n of second": str(test.used[1]),
        }
    ]


def test_the_spread_of_each_complexity(study: Study) -> None:
    found = study.tables(study.anynet, study.regnet)
    for cost in COSTS:
        for line, space in zip(found[f"Spread of {cost} (M)"], (study.anynet, study.regnet), strict=True):
            column = study.population(space)[cost] / 1e6
            assert line["n"] == str(len(column))
            assert line["Half"] == significant(float(np.median(column)))
            assert line["Most"] == significant(float(column.max()))


def test_what_if_of_a_restriction_in_the_address(study: Study) -> None:
    population = study.population(study.regnet)
    result = statistics.what_if(population, population["w_m"] <= 2)
    text = study.client.get(f"/analyses/?p={study.regnet.pk}-{study.regime.pk}&what_if=w_m::2").content.decode()
    assert result.comparison.verdict is statistics.Verdict.A_LOWER
    low, high = (fixed(100 * end, 0) for end in result.comparison.interval)
    expected = (
        f"{result.n} of the 48 samples of RegNetX lie inside. It has lower errors than the rest: inside beats outside "
        f"in {fixed(100 * result.comparison.theta, 0)} % of pairs ({low}–{high} %), "
    )
    assert expected in words(text)
    against = f"Mean error {fixed(result.edf.mean)} %, {signed(result.effect or 0)} against all of them"
    assert against in words(text)
    inside = pages.tables(text)["What if: quantiles of the error"]
    assert inside[2]["Inside, error (%), 95 %"] == quantile(result.errors, 0.5)
    assert inside[2]["RegNetX, error (%), 95 %"] == quantile(population.errors, 0.5)


def test_filtered_populations_give_the_numbers_of_what_is_left(study: Study) -> None:
    whole = study.population(study.regnet)
    kept = whole.filter({"w_m": (1.8, 2.4)})
    found = study.tables(study.regnet, more="&min_w_m=1.8&max_w_m=2.4")
    assert 0 < kept.n < whole.n
    assert found["Populations"][0]["n"] == str(kept.n)
    median, mean = statistics.median_error(kept), statistics.mean_interval(kept)
    assert found["Populations"][0]["Median (%), 95 %"] == f"{fixed(median.value)} {interval(median.interval)}"
    assert found["Populations"][0]["Mean error (%), 95 %"] == f"{fixed(mean.mean)} {interval(mean.interval)}"


def test_medians_of_the_quarters_of_a_column(study: Study) -> None:
    population = study.population(study.regnet)
    values = population["w_m"]
    edges = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    found = study.tables(study.regnet)["Error by w_m"]
    for k, line in enumerate(found):
        kept = population.errors[(values > edges[k] if k else values >= edges[0]) & (values <= edges[k + 1])]
        assert line["n"] == str(len(kept))
        assert line["Best error (%)"] == fixed(kept.min())
        assert line["Median error (%), 95 %"] == quantile(kept, 0.5)


def test_fronts_of_error_against_each_cost(study: Study) -> None:
    population = study.population(study.regnet)
    found = iter(study.tables(study.regnet)["Fronts of error against cost"])
    text = study.client.get(f"/analyses/?p={study.regnet.pk}-{study.regime.pk}").content.decode()
    for cost in COSTS:
        front = statistics.error_cost_front(population, population[cost])
        for row in front.rows:
            line, sample = next(found), int(population["sample_id"][row])
            assert line["Sample id"] == str(sample)
            assert f'<a href="/samples/{sample}/">{sample}</a>' in text
            assert line["On the front of"] == cost
            assert line["Cost (M)"] == significant(population[cost][row] / 1e6)
            assert line["Error (%)"] == fixed(population.errors[row])
            assert line["w_m"] == compact(population["w_m"][row])
        ends = [f"{fixed(front.errors[k])} % at {significant(front.costs[k] / 1e6)} M" for k in (0, -1)]
        said = f"the front, {len(front.rows)} designs of 48 that no other beats in error and {cost}, from {ends[0]} to "
        assert f"{said}{ends[1]}." in words(text)
    assert next(found, None) is None


def test_the_comparison_in_draw_order(study: Study) -> None:
    in_order = [queries.load_trained(space=one, regime=study.regime).in_order for one in (study.regnet, study.anynet)]
    result = statistics.compare_sequentially(*in_order)
    assert result.verdict is statistics.Verdict.A_LOWER
    found = study.tables(study.anynet, study.regnet)
    assert result.interval[0] >= 0.5
    share = f"{whole(result.theta)} {interval(result.interval, whole)}"
    assert found["Compared in draw order"] == [
        {
            "In draw order": "RegNetX against AnyNetX-C",
            "Verdict": "RegNetX lower",
            "Decided after": str(result.decided_at),
            "Pairs": "40",
            "First lower": str(result.won),
            "Second lower": str(result.lost),
            "Tied": str(result.tied),
            "Left out": "0",
            "First lower (%), at every look": share,
            "p at every look": p_value(result.p_value),
        }
    ]
    last = found["Share after so many pairs"][-1]
    assert last["Pairs"] == "40"
    assert last["Share (%), at every look"] == interval(result.interval, whole)


def test_a_what_if_asks_the_samples_of_all_spaces_of_the_page_where_that_is_wanted(study: Study) -> None:
    wide = rows.a_space(study.team, study.user, name="AnyNetX-B", preset="AnyNetX-B-small")
    batch = pages.measured(wide, study.regime, study.user, np.random.default_rng(1).normal(47, 4, 40).tolist())
    address = f"/analyses/?p={study.anynet.pk}-{study.regime.pk}&p={wide.pk}-{study.regime.pk}&p={study.regnet.pk}-"
    address += f"{study.regime.pk}&of={study.anynet.pk}-{study.regime.pk}&what_if=d_1::3"
    text = words(study.client.get(address).content.decode())
    assert "Ask those of all spaces of this page" in text
    both = [(study.anynet, study.anynet.batches.get()), (wide, batch)]
    sources = [
        statistics.Source(
            [sample.error for sample in batch.samples.order_by("position")],
            [design_from_json(sample.drawn) for sample in batch.samples.order_by("position")],
            space_from_json(space.definition),
            accepted=round(batch.report["acceptance"] * batch.report["tried"]),
            drawn=batch.report["tried"],
        )
        for space, batch in both
    ]
    result = statistics.reweight(sources, narrowed(space_from_json(study.anynet.definition), "d_1::3"))
    text = words(study.client.get(f"{address}&pool=1").content.decode())
    assert (
        words(
            f"The samples of AnyNetX-C and AnyNetX-B together, reweighted to what the child would draw: median error "
            f"{fixed(result.median)} % {interval(result.median_interval)}, in brackets 95 %; mean "
            f"{fixed(result.mean)} %. {result.n} of 80 samples lie inside the child; they are worth "
            f"{fixed(result.effective_n)} of its own. A batch has to confirm it."
        )
        in text
    )
    assert "Ask those of all spaces" not in text


def test_numbers_of_a_running_batch_hold_at_every_look() -> None:
    study = Study()
    space = rows.a_space(study.team, study.user, name="Running")
    errors = np.random.default_rng(3).normal(30, 3, 60)
    batch = pages.measured(space, study.regime, study.user, errors.tolist())
    rows.a_batch(space, study.regime, study.user, size=2, seed=9)
    assert batch.samples.count() == 60
    median = statistics.anytime_median(errors)
    found = study.tables(space, study.regnet)
    line = found["Populations"][0]
    assert line["Median (%), 95 %"] == f"{fixed(median.value)} {interval(median.interval)}"
    assert line["Mean error (%), 95 %"] == f"{fixed(errors.mean())} (no interval yet)"
    result = statistics.compare_sequentially(study.population(study.regnet).errors, errors)
    text = words(study.client.get(f"/analyses/?p={space.pk}-{study.regime.pk}&p={study.regnet.pk}-{study.regime.pk}")
                 .content.decode())  # fmt: skip
    head = text.split('class="finding">')[1].split("</h1>")[0]
    assert result.verdict is statistics.Verdict.A_LOWER
    assert unescape(head) == (
        f"RegNetX has lower errors than Running so far: RegNetX wins {result.won} of 48 pairs, {whole(result.theta)} % "
        f"(95 % at every look: {whole(result.interval[0])}–{whole(result.interval[1])} %), p < 0.001 at every look."
    )
    assert result.p_value < 0.001
    assert "<p>2 runs to come; n = 48 pairs in draw order.</p>" in text
    (pair,) = found["Pairwise tests"]
    test = statistics.compare_errors(study.population(study.regnet).errors, errors)
    assert pair["Verdict"] == "RegNetX lower"
    assert pair["First beats second (% of pairs), 95 %, not allowing for looking"].startswith(whole(test.theta))
    assert pair["p at every look"] == "< 0.001"
    assert "p, Holm" not in pair


def test_only_what_holds_at_every_look_is_said_to_do_so(study: Study) -> None:
    rows.a_batch(study.regnet, study.regime, study.user, size=2, seed=9)
    address = f"/analyses/?p={study.anynet.pk}-{study.regime.pk}&p={study.regnet.pk}-{study.regime.pk}"
    whole, part, one = (
        study.client.get(query).content.decode()
        for query in (address, f"{address}&max_flops=100", f"/analyses/?p={study.regnet.pk}-{study.regime.pk}")
    )
    for text in (whole, part, one):
        assert (
            "You may look at any time: the finding, the comparison in draw order, the bands and the medians hold at "
            "every look"
        ) in text
        assert "Every other p-value and interval holds at its level only once the batches have ended." in text
    for text in (whole, part):
        assert "at every look." in text.split('class="finding">')[1].split("</h1>")[0]
    assert "at every look" not in study.client.get(f"/analyses/?p={study.anynet.pk}-{study.regime.pk}").content.decode()
