"""Pages of batches, and what can be done to a batch."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from engine.training.regimes import Regime as EngineRegime
from engine.training.regimes import regime_presets
from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import BatchState, DrawCause, FailureKind, Regime, Run, RunState, SampleBatch, Space, Worker

pytestmark = pytest.mark.django_db

OnCommit = Callable[..., Any]


@pytest.fixture
def batch() -> SampleBatch:
    made = rows.a_study(size=6)
    pages.finish(made, [30.0, FailureKind.DIVERGED, 32.0, FailureKind.TIMED_OUT])
    return made


@pytest.fixture
def client(batch: SampleBatch) -> Client:
    return pages.client_of(batch.created_by)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the views publish, at the queue's edge."""
    calls: list[Any] = []
    monkeypatch.setattr("webapp.views.batches.publish_draw", lambda: calls.append("draw"))
    monkeypatch.setattr("webapp.views.batches.publish_permits", lambda count: calls.append(count))
    return calls


def with_window(window: dict[str, Any]) -> EngineRegime:
    return EngineRegime.from_json(regime_presets()["Fashion-MNIST on CPU"].to_json() | {"window": window})


def states(batch: SampleBatch) -> list[str]:
    return list(Run.objects.filter(batch=batch).order_by("position").values_list("state", flat=True))


def test_a_batch_is_queued_and_its_draw_is_asked_for_once_committed(
    client: Client, batch: SampleBatch, published: list[Any], django_capture_on_commit_callbacks: OnCommit
) -> None:
    sent = pages.posted(client.get(f"/batches/new/?space={batch.space_id}&regime={batch.regime_id}").content.decode())
    assert (sent["space"], sent["regime"]) == (str(batch.space_id), str(batch.regime_id))
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post("/batches/new/", sent | {"size": "12", "seed": "5"})
        assert published == []
    new = SampleBatch.objects.latest("pk")
    assert response["Location"] == f"/batches/{new.pk}/"
    assert (new.size, new.seed, new.state, new.created_by) == (12, 5, BatchState.REQUESTED, batch.created_by)
    assert published == ["draw"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"size": "0"}, "at least 1"), ({"size": "1000000000"}, "10,000"), ({"seed": "-1"}, "seed must lie"),
     ({"size": "99999999999999999999"}, "within reason"), ({"size": "many"}, "must be a number"),
     ({"space": "0"}, "valid choice")],
)  # fmt: skip
def test_a_batch_that_makes_no_sense_is_refused_in_words(
    client: Client, batch: SampleBatch, changes: dict[str, str], said: str
) -> None:
    sent = {"space": batch.space_id, "regime": batch.regime_id, "size": "5", "seed": "1"} | changes
    response = client.post("/batches/new/", sent)
    assert response.status_code == 200
    assert said in response.content.decode()
    assert SampleBatch.objects.count() == 1


def test_without_a_space_or_a_regime_the_page_says_what_comes_first() -> None:
    team, user = rows.a_team()
    client = pages.client_of(user)
    assert "There is no space yet" in client.get("/batches/new/").content.decode()
    rows.a_space(team, user)
    assert "There is no regime yet" in client.get("/batches/new/").content.decode()


def test_pausing_and_resuming_tell_what_happens_and_publish_permits(
    client: Client, batch: SampleBatch, published: list[Any], django_capture_on_commit_callbacks: OnCommit
) -> None:
    text = client.post(f"/batches/{batch.pk}/pause/", follow=True).content.decode()
    assert "Paused: runs that have begun stop at their last finished epoch" in text
    batch.refresh_from_db()
    assert batch.paused
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"/batches/{batch.pk}/resume/")
    batch.refresh_from_db()
    assert not batch.paused
    assert published == [2]


def test_cancelling_ends_what_is_to_come_and_keeps_what_is_done(client: Client, batch: SampleBatch) -> None:
    text = client.get(f"/batches/{batch.pk}/").content.decode()
    assert "Cancel 2 runs" in text
    client.post(f"/batches/{batch.pk}/cancel/")
    assert states(batch) == ["done", "failed", "done", "failed", "cancelled", "cancelled"]
    assert "Queue 2 cancelled runs again" in client.get(f"/batches/{batch.pk}/").content.decode()
    client.post(f"/batches/{batch.pk}/retry/", {"cancelled": "1"})
    assert states(batch)[4:] == ["queued", "queued"]


def test_failures_are_retried_by_kind_or_all(
    client: Client, batch: SampleBatch, published: list[Any], django_capture_on_commit_callbacks: OnCommit
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"/batches/{batch.pk}/retry/", {"kind": "diverged", "next": "/"})
    assert states(batch) == ["done", "queued", "done", "failed", "queued", "queued"]
    client.post(f"/batches/{batch.pk}/retry/")
    assert RunState.FAILED not in states(batch)
    assert published == [1]


def test_a_verb_goes_back_to_the_page_it_was_used_on_and_nowhere_else(client: Client, batch: SampleBatch) -> None:
    assert client.post(f"/batches/{batch.pk}/pause/", {"next": "/batches/"})["Location"] == "/batches/"
    evil = client.post(f"/batches/{batch.pk}/resume/", {"next": "//evil.example"})
    assert evil["Location"] == f"/batches/{batch.pk}/"


@pytest.mark.parametrize(
    ("verb", "sent"), [("retry", {"kind": "made-up"}), ("priority", {"priority": "77"}), ("priority", {})]
)
def test_what_is_not_offered_is_answered_by_400(
    client: Client, batch: SampleBatch, verb: str, sent: dict[str, str]
) -> None:
    assert client.post(f"/batches/{batch.pk}/{verb}/", sent).status_code == 400


def test_priority_is_set_and_shown(client: Client, batch: SampleBatch) -> None:
    client.post(f"/batches/{batch.pk}/priority/", {"priority": "10"})
    batch.refresh_from_db()
    assert batch.priority == 10
    assert "Priority: high" in client.get(f"/batches/{batch.pk}/").content.decode()


def test_a_batch_is_extended_or_says_why_not(
    client: Client, batch: SampleBatch, published: list[Any], django_capture_on_commit_callbacks: OnCommit
) -> None:
    for size, said in (("3", "size must lie"), ("much", "must be a number"), ("", "required")):
        text = client.post(f"/batches/{batch.pk}/extend/", {"size": size}, follow=True).content.decode()
        assert "Not extended" in text
        assert said in text
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"/batches/{batch.pk}/extend/", {"size": "9"})
    batch.refresh_from_db()
    assert (batch.size, batch.state) == (9, BatchState.REQUESTED)
    assert published == ["draw"]


def test_the_page_says_where_the_batch_is_and_what_failed(client: Client, batch: SampleBatch) -> None:
    text = client.get(f"/batches/{batch.pk}/").content.decode()
    for part in (
        "2 used, 2 failed, 2 pending",
        "Failures: 2 in 2 groups",
        "It was diverged.",
        "Candidates",
        "data-plots",
    ):
        assert part in text, part
    assert 'hx-trigger="every 2s"' in text


def test_a_batch_that_has_ended_is_polled_no_more(client: Client, batch: SampleBatch) -> None:
    services.cancel_batch(batch=batch, actor=batch.created_by)
    text = client.get(f"/batches/{batch.pk}/").content.decode()
    assert text.count('hx-trigger="every') == 1  # the bell


def test_the_polled_fragment_asks_for_the_whole_page_when_the_state_changes(client: Client, batch: SampleBatch) -> None:
    url = f"/batches/{batch.pk}/progress/"
    assert "HX-Refresh" not in client.get(f"{url}?word=waiting")
    services.cancel_batch(batch=batch, actor=batch.created_by)
    assert client.get(f"{url}?word=waiting")["HX-Refresh"] == "true"


def test_the_polled_curve_is_sent_again_only_when_something_was_added(client: Client, batch: SampleBatch) -> None:
    url = f"/batches/{batch.pk}/edf/"
    text = client.get(url).content.decode()
    seen = text.split("?seen=")[1].split('"')[0]
    assert client.get(f"{url}?seen={seen}").status_code == 204
    pages.finish(batch, [33.0])
    assert client.get(f"{url}?seen={seen}").status_code == 200


@pytest.mark.parametrize("query", ["sort=design_key", "state=lost", "page=two", "sort=-error;drop"])
def test_runs_are_sorted_and_filtered_by_what_is_offered_only(client: Client, batch: SampleBatch, query: str) -> None:
    assert client.get(f"/batches/{batch.pk}/?{query}").status_code == 400


@pytest.mark.parametrize("query", ["sort=error", "sort=time", "sort=sample", "state=failed", "state=queued&page=3"])
def test_every_filter_that_is_offered_works(client: Client, batch: SampleBatch, query: str) -> None:
    assert client.get(f"/batches/{batch.pk}/?{query}").status_code == 200


def test_the_csv_of_runs_cannot_be_mistaken_for_formulas(client: Client, batch: SampleBatch) -> None:
    Run.objects.filter(failure_kind="diverged").update(failure_message="=HYPERLINK(1)")
    response = client.get(f"/batches/{batch.pk}/runs.csv")
    lines = list(csv.DictReader(b"".join(response).decode().splitlines()))
    assert len(lines) == 6
    assert lines[0]["final_error"] == "30"
    assert lines[1]["failure_message"] == "'=HYPERLINK(1)"
    assert response["Content-Disposition"] == f'attachment; filename="batch-{batch.pk}-runs.csv"'


def test_a_draw_without_designs_shows_its_message(client: Client, batch: SampleBatch) -> None:
    empty = rows.a_batch(batch.space, batch.regime, batch.created_by, size=3, seed=9, drawn=False)
    claim = services.claim_draw()
    assert claim is not None
    services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message="Only 2 of 3 designs were found.")
    assert "Only 2 of 3 designs were found." in client.get(f"/batches/{empty.pk}/").content.decode()
    assert "not drawn" in client.get("/").content.decode()


def test_home_names_draws_that_ended_by_themselves_and_none_that_a_person_cancelled(batch: SampleBatch) -> None:
    team, user = batch.space.team, batch.created_by
    failed, cancelled = (
        rows.a_batch(batch.space, batch.regime, user, size=3, seed=seed, drawn=False) for seed in (8, 9)
    )
    services.cancel_batch(batch=cancelled, actor=user)
    claim = services.claim_draw()
    assert claim is not None
    services.fail_draw(claim=claim, cause=DrawCause.CODE_ERROR, message="Cancelled: the error's own word")
    assert list(queries.undrawable_batches(team)) == [failed]
    failed.refresh_from_db()
    cancelled.refresh_from_db()
    assert (failed.state, failed.cause) == (BatchState.FAILED, DrawCause.CODE_ERROR)
    assert (cancelled.state, cancelled.cause) == (BatchState.FAILED, DrawCause.CANCELLED)


@pytest.mark.parametrize(
    ("state", "cause"), [("failed", ""), ("failed", "exhausted"), ("exhausted", ""), ("exhausted", "cancelled"),
                         ("ready", "cancelled"), ("requested", "invalid"), ("failed", "made-up")],
)  # fmt: skip
def test_a_draw_has_a_cause_where_and_only_where_it_ended_without_designs(
    batch: SampleBatch, state: str, cause: str
) -> None:
    with pytest.raises(IntegrityError, match="batch_cause_only_without_designs"), transaction.atomic():
        SampleBatch.objects.filter(pk=batch.pk).update(state=state, cause=cause)


def test_the_queue_shows_the_waiting_and_the_ended(client: Client, batch: SampleBatch) -> None:
    text = client.get("/batches/").content.decode()
    assert "Waiting and running: 1 batch" in text
    services.cancel_batch(batch=batch, actor=batch.created_by)
    text = client.get("/batches/").content.decode()
    assert "Nothing is waiting" in text
    assert "Ended: 1 of 1" in text


def test_pages_take_a_bounded_number_of_statements(
    client: Client, batch: SampleBatch, django_assert_max_num_queries: Any
) -> None:
    for seed in range(1, 6):
        rows.a_batch(batch.space, batch.regime, batch.created_by, size=3, seed=seed)
    edf = f"/batches/{batch.pk}/edf/"
    seen = client.get(edf).content.decode().split("?seen=")[1].split('"')[0]
    for address, statements, status in (
        (f"/batches/{batch.pk}/", 22, 200),
        (f"/batches/{batch.pk}/progress/", 8, 200),
        (f"{edf}?seen={seen}", 5, 204),
        ("/batches/", 11, 200),
        ("/", 18, 200),
    ):
        client.get(address)  # counts what has changed, and keeps it
        with django_assert_max_num_queries(statements):
            assert client.get(address).status_code == status


def test_where_the_errors_lie_is_read_from_the_samples_only_when_these_have_changed(
    client: Client, batch: SampleBatch, django_assert_max_num_queries: Any
) -> None:
    url = f"/batches/{batch.pk}/progress/"
    rows.claim()
    client.get(url)
    with django_assert_max_num_queries(8) as statements:
        assert "Median error so far" in client.get(url).content.decode()
    assert not [query for query in statements.captured_queries if "webapp_sample " in query["sql"]]
    before = client.get(url).content.decode()
    services.cancel_batch(batch=batch, actor=batch.created_by)
    assert client.get(url).content.decode() != before


def test_home_begins_with_three_steps_and_creates_the_first_spaces_in_one_click() -> None:
    team, user = rows.a_team("New", "new@example.org")
    client = pages.client_of(user)
    assert "From nothing to a first error EDF in three steps." in client.get("/").content.decode()
    for _ in range(2):  # a second click adds nothing
        assert client.post("/start/")["Location"] == "/spaces/"
    assert sorted(Space.objects.filter(team=team).values_list("name", flat=True)) == ["AnyNetX-A", "RegNetX"]
    assert Regime.objects.filter(team=team).count() == 1


def test_home_shows_what_runs_what_failed_and_what_finished(client: Client, batch: SampleBatch) -> None:
    text = client.get("/").content.decode()
    assert "Running now: 1 batch" in text
    assert "2 runs of RegNetX: 1 diverged and 1 timed out" in text
    pages.finish(batch, [33.0, 34.0])
    text = client.get("/").content.decode()
    assert "Nothing is waiting and nothing is running." in text
    assert "n 6, 2 failed" in text


def test_workers_are_alive_or_silent_and_show_what_they_train(client: Client, batch: SampleBatch) -> None:
    worker = rows.a_worker(host="gpu-7")
    rows.claim(worker)
    text = client.get("/workers/").content.decode()
    assert "gpu-7" in text
    assert "sample 4 of RegNetX" in text
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE webapp_worker SET last_seen = now() - interval '10 minutes' WHERE id = %s", [str(worker)]
        )
    assert "silent" in client.get("/workers/").content.decode()
    assert "Worker gpu-7 cpu not heard of" in client.get("/").content.decode()
    _, stranger = rows.a_team("Audio", "stranger@example.org")
    text = pages.client_of(stranger).get("/workers/").content.decode()
    assert "a run of another team" in text
    assert "RegNetX" not in text
    Worker.objects.all().delete()
    assert "No worker has been heard of" in client.get("/workers/").content.decode()


def test_one_space_is_queued_under_several_regimes_at_once(
    client: Client, batch: SampleBatch, published: list[Any], django_capture_on_commit_callbacks: OnCommit
) -> None:
    second = rows.a_regime(batch.space.team, batch.created_by, name="second")
    page = client.get(f"/batches/new/?space={batch.space_id}&regime={batch.regime_id}&regime={second.pk}")
    assert page.content.decode().count(" checked>") == 2
    sent = {"space": batch.space_id, "regime": [batch.regime_id, second.pk], "size": "5", "seed": "3"}
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post("/batches/new/", sent)
    assert response["Location"] == f"/spaces/{batch.space_id}/"
    new = SampleBatch.objects.exclude(pk=batch.pk)
    assert sorted(new.values_list("regime", "size", "seed")) == [(batch.regime_id, 5, 3), (second.pk, 5, 3)]
    assert published == ["draw"]
    assert "5 designs of RegNetX under quick and second" in client.get(response["Location"]).content.decode()


def test_a_regime_that_is_ticked_twice_makes_one_batch(client: Client, batch: SampleBatch) -> None:
    sent = {"space": batch.space_id, "regime": [batch.regime_id] * 2, "size": "5", "seed": "3"}
    assert client.post("/batches/new/", sent).status_code == 302
    assert SampleBatch.objects.count() == 2


def test_one_regime_that_is_refused_leaves_none_queued(
    client: Client, batch: SampleBatch, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = rows.a_regime(batch.space.team, batch.created_by, name="second")
    foreign = rows.a_regime(*rows.a_team("Audio", "stranger@example.org"))
    sent: dict[str, Any] = {"space": batch.space_id, "size": "5", "seed": "3"}
    for regimes in ([second.pk, foreign.pk], [second.pk, "0"], [second.pk, "x"], []):
        response = client.post("/batches/new/", sent | {"regime": regimes})
        assert response.status_code == 200
        assert "note error" in response.content.decode()
    both = sent | {"regime": [batch.regime_id, second.pk]}
    assert "10,000" in client.post("/batches/new/", both | {"size": "1000000000"}).content.decode()
    monkeypatch.setattr("webapp.services.batches.WAITING_RUNS_A_TEAM", 9)  # 2 wait: one batch of 5 fits, two don't
    assert "The team has 7 runs and 1 draws waiting" in client.post("/batches/new/", both).content.decode()
    assert (SampleBatch.objects.count(), published) == (1, [])


def test_each_regime_says_what_its_window_lets_in_and_what_a_run_took(client: Client, batch: SampleBatch) -> None:
    team, user = batch.space.team, batch.created_by
    services.create_regime(team=team, name="open", regime=with_window({}), actor=user)
    services.create_regime(team=team, name="wide", regime=with_window({"flops": [10**12, None]}), actor=user)
    text = " ".join(client.get(f"/batches/new/?space={batch.space_id}").content.decode().split())
    for part in ("% in its window", "1.00 s a run, 100 designs 2 min on one slot", "no window", "hardly any"):
        assert part in text, part
    assert text.count("cost not measured yet") == 2


@pytest.mark.parametrize(
    "query", ["space=x", "space=0", "space=" + "9" * 40, "space=²", "regime=x&regime=", "regime=" + "9" * 40]
)
def test_an_address_that_names_nothing_still_shows_the_form(client: Client, query: str) -> None:
    response = client.get(f"/batches/new/?{query}")
    assert response.status_code == 200
    assert 'name="regime"' in response.content.decode()


def test_the_form_takes_as_many_statements_for_many_regimes(
    client: Client, batch: SampleBatch, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        rows.a_regime(batch.space.team, batch.created_by, name=f"regime {number}")
    with django_assert_max_num_queries(13):
        assert client.get(f"/batches/new/?space={batch.space_id}").status_code == 200
