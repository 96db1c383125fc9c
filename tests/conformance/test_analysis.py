"""The authors' analysis of synthetic populations, repeated: EDF, filters, order, empirical bootstrap."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.statistics import empirical_bootstrap, error_edf
from engine.statistics.bootstrap import best_drawn_law, weighted_percentiles
from engine.statistics.population import Population

ORACLES = Path(os.environ.get("NETSPACE_ORACLES", Path(__file__).parents[2] / ".." / "shared" / "oracles"))
COLUMNS = {"regnet_depth": "depth", "regnet_w0": "w0", "regnet_wa": "wa", "regnet_wm": "wm", "regnet_gw": "group_w"}
SCALES = {"flops": 1e9, "params": 1e6, "acts": 1e6}


def cases() -> list[dict[str, Any]]:
    path = ORACLES / "analysis.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


def population(case: dict[str, Any]) -> Population:
    """The columns under the authors' names and in their units."""
    models = case["models"]
    columns = {name: [model[key] for model in models] for name, key in COLUMNS.items()}
    columns |= {name: [model[name] / scale for model in models] for name, scale in SCALES.items()}
    columns |= {name: [math.log10(model[name]) for model in models] for name in ("lr", "wd")}
    columns["lr_wd"] = [math.log10(model["lr"]) + math.log10(model["wd"]) for model in models]
    columns |= {"done": [model["done"] for model in models], "error": [model["error"] for model in models]}
    return Population.from_columns(columns)


def bootstraps() -> Iterator[Any]:
    for case in cases():
        for bootstrap in case["bootstrap"]:
            yield pytest.param(case, bootstrap, id=f"{case['id']}-{bootstrap['sample']}-{bootstrap['alpha']}")


pytestmark = pytest.mark.skipif(not cases(), reason=f"no analysis.json under {ORACLES}")


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_the_edf_is_the_authors(case: dict[str, Any]) -> None:
    edf = error_edf(population(case))
    assert edf.errors.tolist() == case["edf"]["errors"]
    assert edf.fractions.tolist() == pytest.approx(case["edf"]["cumulative"])
    assert (edf.min, edf.mean) == (case["edf"]["min"], pytest.approx(case["edf"]["mean"]))
    assert f"{edf.n:3}|{edf.min:.1f}|{edf.mean:.1f}" == case["edf"]["summary_label"]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_filters_keep_the_authors_samples(case: dict[str, Any]) -> None:
    whole = population(case)
    names = [model["name"] for model in case["models"]]
    numbered = Population.from_columns({**whole.columns, "row": np.arange(whole.n)})
    for applied in case["apply_filters"]:
        kept = numbered.filter({name: (low, high) for name, (low, _, high) in applied["filters"].items()})
        assert [names[int(row)] for row in kept["row"]] == applied["kept"]


@pytest.mark.parametrize("case", [case for case in cases() if not case["ties"]], ids=lambda case: case["id"])
def test_best_to_worst_is_the_authors_order(case: dict[str, Any]) -> None:
    names = [model["name"] for model in case["models"]]
    assert [names[row] for row in population(case).best_to_worst()] == case["best_to_worst"]


@pytest.mark.parametrize(("case", "bootstrap"), list(bootstraps()))
def test_the_exact_bootstrap_is_the_limit_of_the_authors_simulation(
    case: dict[str, Any], bootstrap: dict[str, Any]
) -> None:
    samples = population(case)
    rows, weights = best_drawn_law(samples.errors, bootstrap["n_sample"])
    probabilities = tuple(percentile / 100 for percentile in bootstrap["percentiles"])
    for name, expected in bootstrap["filters"].items():
        percentiles = weighted_percentiles(samples[name][rows], weights, probabilities)
        assert percentiles == pytest.approx(expected["limit"])
        spread = zip(expected["lowest_of_12"], percentiles, expected["highest_of_12"], strict=True)
        assert all(low - 1e-9 <= value <= high + 1e-9 for low, value, high in spread)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_the_default_bootstrap_draws_a_quarter_as_the_authors_do(case: dict[str, Any]) -> None:
    samples, expected = population(case), case["bootstrap"][0]
    for name, percentiles in expected["filters"].items():
        result = empirical_bootstrap(samples[name], samples)
        assert result.drawn == expected["n_sample"]
        assert [result.low, result.median, result.high] == pytest.approx(percentiles["limit"])
