"""Pages of regimes: what they cost, which data sets they need and who has them, folders of images."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from engine.training.datasets import DATA_SETS
from engine.training.regimes import regime_presets
from tests.webapp import pages, rows
from tests.webapp.api_calls import caller
from webapp import queries, services
from webapp.models import Regime, Run, SampleBatch, Team, User, Worker
from webapp.pages.data_sets import WHERE

pytestmark = pytest.mark.django_db


@pytest.fixture
def team_and_owner() -> tuple[Team, User]:
    return rows.a_team()


@pytest.fixture
def client(team_and_owner: tuple[Team, User]) -> Client:
    return pages.client_of(team_and_owner[1])


def words(response: Any) -> str:
    return " ".join(html.unescape(strip_tags(response.content.decode())).split())


def timed(batch: SampleBatch, seconds: list[float]) -> None:
    pages.finish(batch, [30.0] * len(seconds))
    for run, took in zip(Run.objects.filter(batch=batch).order_by("position"), seconds, strict=True):
        Run.objects.filter(pk=run.pk).update(train_seconds=took)


def sent(client: Client, **changes: str) -> dict[str, str]:
    fields = pages.posted(client.get("/regimes/new/?preset=Fashion-MNIST on CPU").content.decode())
    return fields | {"name": "Another"} | changes


def test_the_cost_of_a_run_is_the_median_of_what_was_measured_and_counts_every_replicate(
    client: Client, team_and_owner: tuple[Team, User]
) -> None:
    regime = rows.a_regime(*team_and_owner, replicates=2)
    assert queries.regime_cost(regime) is None
    row = pages.tables(client.get("/regimes/").content.decode())["Regimes"][0]
    assert (row["A run"], row["100 designs"]) == ("not measured yet", "–")
    batch = rows.a_batch(rows.a_space(*team_and_owner), regime, team_and_owner[1], size=2)
    timed(batch, [1.0, 2.0, 3.0, 30.0])
    cost = queries.regime_cost(regime)
    assert cost is not None
    assert (cost.median, cost.mean, cost.runs, cost.hundred) == (2.5, 9.0, 4, 1800.0)
    row = pages.tables(client.get("/regimes/").content.decode())["Regimes"][0]
    assert (row["A run"], row["100 designs"]) == ("2.50 s", "30 min")
    assert "2.50 s (median of 4 runs), 100 designs about 30 min" in words(client.get(f"/regimes/{regime.pk}/"))


def test_each_data_set_says_where_it_must_lie_and_which_workers_have_it(client: Client) -> None:
    assert set(WHERE) == set(DATA_SETS)
    lines = pages.tables(client.get("/regimes/").content.decode())["Data sets"]
    assert {line["Workers that have it"] for line in lines[:-1]} == {"no worker is alive"}
    rows.a_worker(host="here")
    gone = rows.a_worker(host="gone")
    services.end_worker(gone)
    lines = pages.tables(client.get("/regimes/").content.decode())["Data sets"]
    found = {line["Data set"]: line["Workers that have it"] for line in lines}
    assert found["Fashion-MNIST"] == "here 1 of 1 slot"
    assert found["CIFAR-10"] == "none"
    assert next(line for line in lines if line["Data set"] == "CIFAR-10")["Must lie in"] == "cifar-10/"


def test_a_regime_whose_data_set_no_worker_has_says_so(client: Client, team_and_owner: tuple[Team, User]) -> None:
    regime = rows.a_regime(*team_and_owner)
    rows.a_worker()
    assert "no worker has it" not in words(client.get("/regimes/"))
    Worker.objects.update(data_sets=["digits"])
    assert "no worker has it" in words(client.get("/regimes/"))
    assert "Found on no living worker" in words(client.get(f"/regimes/{regime.pk}/"))


def test_folders_that_workers_found_are_offered_and_a_regime_can_use_them(client: Client) -> None:
    rows.a_worker(host="here")
    Worker.objects.update(data_sets=["image-folder:flowers"])
    assert '<option value="flowers">' in client.get("/regimes/new/").content.decode()
    assert "Images in flowers" in words(client.get("/regimes/"))
    changes = {"data_set": "image-folder", "folder": "flowers", "train_images": "", "test_images": ""}
    assert client.post("/regimes/new/", sent(client, **changes, num_classes="5")).status_code == 302
    assert Regime.objects.get().data_set == "image-folder:flowers"
    answer = client.post("/regimes/new/", sent(client, **changes, num_classes=""))
    assert "num_classes must be at least 2" in words(answer)


@pytest.mark.parametrize(
    "folder",
    ["../x", "..", "%2e%2e%2fx", "..%2fx", "/etc", "a/../../b", "a\\..\\b", "~root", "\u2025/x", " ", "a\nb", "x" * 65],
)
def test_a_folder_outside_the_data_folder_is_refused_and_nothing_is_saved(
    client: Client, team_and_owner: tuple[Team, User], folder: str
) -> None:
    answer = client.post("/regimes/new/", sent(client, data_set="image-folder", folder=folder, num_classes="5"))
    assert answer.status_code == 200
    assert 'id="id_folder_error"' in answer.content.decode()
    definition = regime_presets()["Fashion-MNIST on CPU"].to_json() | {"num_classes": 5}
    body = {"name": "x", "definition": definition | {"data_set": f"image-folder:{folder}"}}
    assert caller(team_and_owner[1], team_and_owner[0]).post("/regimes", body)[0] == 422
    assert not Regime.objects.exists()


def test_the_form_estimates_a_run_from_comparable_regimes_and_says_where_there_are_none(
    client: Client, team_and_owner: tuple[Team, User]
) -> None:
    assert "What a run will take is not known" in words(client.get("/regimes/new/?preset=Fashion-MNIST on CPU"))
    regime = rows.a_regime(*team_and_owner)  # of 2 epochs
    timed(rows.a_batch(rows.a_space(*team_and_owner), regime, team_and_owner[1], size=3), [4.0, 5.0, 6.0])
    ask = sent(client, estimate="1")
    assert "About 5.00 s a run on one slot, 8 min for 100 designs: from 3 runs under quick" in words(
        client.post("/regimes/new/", ask)
    )
    assert "About 25.0 s a run" in words(client.post("/regimes/new/", ask | {"epochs": "10", "name": ""}))
    assert "50 min for 100 designs" in words(client.post("/regimes/new/", ask | {"replicates": "6"}))
    for change in ({"resolution": "28"}, {"flops_high": "1"}, {"precision": "bfloat16"}):
        assert "is not known" in words(client.post("/regimes/new/", ask | change)), change
    assert "once every field is right" in words(client.post("/regimes/new/", ask | {"epochs": "0"}))
    assert Regime.objects.count() == 1


def test_an_estimate_speaks_of_the_own_team_only(client: Client) -> None:
    other, stranger = rows.a_team("Audio", "stranger@example.org")
    timed(rows.a_batch(rows.a_space(other, stranger), rows.a_regime(other, stranger), stranger, size=2), [4.0, 5.0])
    assert "is not known" in words(client.get("/regimes/new/?preset=Fashion-MNIST on CPU"))


def test_the_lists_take_a_bounded_number_of_statements(
    client: Client, team_and_owner: tuple[Team, User], django_assert_max_num_queries: Any
) -> None:
    rows.a_worker()
    for name in "abcdef":
        rows.a_regime(*team_and_owner, name=name)
    with django_assert_max_num_queries(14):
        assert client.get("/regimes/").status_code == 200
    with django_assert_max_num_queries(10):
        assert client.get("/regimes/new/").status_code == 200
