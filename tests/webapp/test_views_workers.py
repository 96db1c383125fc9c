"""The page of workers, and what the page of a batch says about machines."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import Event, Run, SampleBatch, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch() -> SampleBatch:
    return rows.a_study(size=3)


@pytest.fixture
def client(batch: SampleBatch) -> Client:
    return pages.client_of(batch.created_by)


def text_of(client: Client, address: str = "/workers/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def word_of(batch: SampleBatch, worker_id: object) -> str:
    return next(line.word for line in queries.worker_lines(batch.space.team) if line.id == worker_id)


def test_the_page_says_what_each_slot_trains_how_fast_and_with_how_much_memory(
    batch: SampleBatch, client: Client
) -> None:
    worker = rows.a_worker(host="anvil")
    services.touch_worker(worker, data_sets=rows.DATA_SETS, memory=300_000_000)
    claim = rows.claim(worker)
    assert claim is not None
    for number in (1, 2):
        services.record_epoch(claim, rows.EpochOf(number=number, seconds=0.5))
    text = text_of(client)
    assert "anvil" in text
    assert "sample 0 of RegNetX</a>" in text
    assert "epoch 3" in text
    assert ">120.0<" in text
    assert ">300<" in text


def test_a_slot_is_idle_training_draining_drained_silent_or_ended(batch: SampleBatch, client: Client) -> None:
    worker = rows.a_worker()
    assert word_of(batch, worker) == "idle"
    claim = rows.claim(worker)
    assert claim is not None
    assert word_of(batch, worker) == "training"
    client.post("/workers/drain/", {"worker": str(worker)})
    assert word_of(batch, worker) == "draining"
    assert "Put back" in text_of(client)
    services.release_run(claim)
    assert word_of(batch, worker) == "drained"
    client.post("/workers/undrain/", {"worker": str(worker)})
    assert word_of(batch, worker) == "idle"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webapp_worker SET last_seen = now() - interval '1 hour'")
    assert word_of(batch, worker) == "silent"
    services.end_worker(worker)
    assert word_of(batch, worker) == "ended"
    assert list(Event.objects.order_by("-id").values_list("verb", flat=True)[:2]) == ["put back to work", "drained"]


def test_a_worker_that_lacks_a_data_set_for_which_runs_wait_says_so(batch: SampleBatch, client: Client) -> None:
    worker = rows.a_worker()
    assert "lacks" not in text_of(client).replace("One that lacks", "")
    services.touch_worker(worker, data_sets=["digits"])
    assert "lacks fashion-mnist" in text_of(client)


@pytest.mark.parametrize("worker", ["", "7", "x" * 300, "\u200b"])
def test_a_verb_about_no_worker_is_a_bad_request(client: Client, worker: str) -> None:
    assert client.post("/workers/drain/", {"worker": worker}).status_code == 400


def test_an_unknown_or_ended_worker_is_not_found(client: Client) -> None:
    worker = rows.a_worker()
    services.end_worker(worker)
    for key in (worker, uuid4()):
        assert client.post("/workers/drain/", {"worker": str(key)}).status_code == 404
    assert not Worker.objects.filter(draining=True).exists()


def test_the_page_costs_as_many_statements_with_ten_workers_as_with_one(
    batch: SampleBatch, client: Client, django_assert_max_num_queries: object
) -> None:
    for slot in range(10):
        rows.claim(rows.a_worker(slot=slot))
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        text_of(client)


def test_a_batch_is_paused_at_once_or_after_its_current_runs(batch: SampleBatch, client: Client) -> None:
    rows.claim()
    client.post(f"/batches/{batch.pk}/pause/", {"finish_running": "1"})
    batch.refresh_from_db()
    assert (batch.paused, batch.finish_running) == (True, True)
    text = text_of(client, f"/batches/{batch.pk}/")
    assert "after 1 current run" in text
    assert "Stop the 1 running run too" in text
    client.post(f"/batches/{batch.pk}/pause/")
    batch.refresh_from_db()
    assert (batch.paused, batch.finish_running) == (True, False)


def test_a_batch_trained_on_different_devices_or_versions_says_so(batch: SampleBatch, client: Client) -> None:
    pages.finish(batch, [30.0, 31.0])
    assert "Trained on: 1 kind" in text_of(client, f"/batches/{batch.pk}/")
    Run.objects.filter(position=1).update(device_kind="another processor", versions={"torch": "1.13"})
    text = text_of(client, f"/batches/{batch.pk}/")
    assert "Trained on: 2 kinds" in text
    assert "another processor, torch 1.13: 1 run" in text
    assert "can differ in rounding" in text


def test_a_list_that_ends_before_the_last_slot_says_so(batch: SampleBatch, client: Client) -> None:
    for slot in range(queries.WORKERS_SHOWN):
        rows.a_worker(slot=slot)
    assert "Only the first" not in text_of(client)
    rows.a_worker(slot=queries.WORKERS_SHOWN)
    assert f"Only the first {queries.WORKERS_SHOWN} slots are listed" in text_of(client)
    assert "Only the first" in text_of(client, "/workers/?q=nowhere")
