"""A script with the client against a live server: define, queue, wait, read. The page's example runs as it stands."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import connection

from netspace_client import Client, ClientError, Progress
from tests.webapp import rows
from webapp import services
from webapp.models import DrawCause, FailureKind, SampleBatch

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = Path(settings.BASE_DIR) / "docs" / "api.md"
FAILED_POSITION = 1
TIED_POSITION = 2  # where a refinement is no better than its parent


@pytest.fixture
def token() -> str:
    team, user = rows.a_team()
    return services.create_api_token(user=user, team=team, name="notebook")[1]


@pytest.fixture
def machine() -> Iterator[None]:
    """Draws and "trains" whatever is queued, as a worker would, in a moment."""
    stop = threading.Event()

    def work() -> None:
        try:
            worker = rows.a_worker()
            while not stop.wait(0.02):
                rows.draw_requested()
                while (claim := rows.claim(worker)) is not None:
                    finish(claim)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join(60)


def finish(claim: services.Claim) -> None:
    run = rows.run_of(claim)
    if run.position == FAILED_POSITION:
        services.record_failure(claim, kind=FailureKind.DIVERGED, message="It was lost.")
        return
    error = 20.0 + run.position
    if run.sample.batch.space.parent and run.position != TIED_POSITION:
        error -= 10
    services.record_result(claim, rows.Result(final_error=error, best_error=error), device_slots=1)


def test_the_example_of_the_page_runs(
    live_server: Any, token: str, machine: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NETSPACE_ADDRESS", live_server.url)
    monkeypatch.setenv("NETSPACE_TOKEN", token)
    monkeypatch.setitem(Client.wait.__kwdefaults__, "poll_seconds", 0.05)
    code = "".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102  (our own page)
    printed = capsys.readouterr().out
    assert "inside its parent: proven" in printed
    assert "done: 7 of 8 done, 1 failed" in printed
    assert names["columns"]["error"].tolist() == [10, 22, 13, 14, 15, 16, 17]
    populations = names["found"]["populations"]
    assert [(one["n"], one["failed"], one["pending"]) for one in populations] == [(16, 1, 0), (16, 1, 0)]
    assert [batch.size for batch in SampleBatch.objects.all()] == [16, 16]
    verdict = {name: names["decided"][name] for name in ("verdict", "won", "lost", "tied")}
    assert verdict == {"verdict": "a_lower", "won": 14, "lost": 0, "tied": 2}
    assert printed.splitlines()[-1] == "['RegNetX, groups of 8 and 16', 'RegNetX'] []"


def test_a_script_follows_holds_and_extends_a_batch(live_server: Any, token: str) -> None:
    client = Client(live_server.url + "/", token)
    assert client.me()["role"] == "owner"
    regime = client.create_regime("quick", preset="Fashion-MNIST on CPU")
    space = client.create_space("X", preset="RegNetX-small")
    assert client.space(space) == client.space(space.id) == space
    assert client.regime(regime.id) == regime
    assert [one["name"] for one in client.spaces()] == ["X"]
    batch = client.queue_batch(space, regime, size=3)
    assert (batch.state, batch.progress.waiting) == ("requested", 3)
    rows.draw_requested()
    assert client.pause(batch).paused
    assert not client.resume(batch).paused
    assert client.extend(batch, size=4).size == 4
    rows.draw_requested()
    seen: list[Progress] = []

    def work(progress: Progress) -> None:
        seen.append(progress)
        if (claim := rows.claim()) is not None:
            finish(claim)

    ended = client.wait(batch, on_progress=work, poll_seconds=0.01, timeout=120)
    assert (ended.progress.done, ended.progress.failed) == (3, 1)
    assert [progress.done + progress.failed for progress in seen] == [0, 1, 2, 3, 4]
    samples = client.samples(batch)
    assert np.isnan(samples["error"]).tolist() == [False, True, False, False]
    population = client.population(space, regime)
    assert population["error"].tolist() == [20, 22, 23]
    assert population["depth"].dtype == np.int64
    assert [one.id for one in client.batches(space=space)] == [batch.id]
    assert not client.cancel(batch).progress.active


def test_a_script_files_what_it_made(live_server: Any, token: str) -> None:
    client = Client(live_server.url, token)
    space = client.create_space("X", preset="RegNetX-small")
    regime = client.create_regime("quick", preset="Fashion-MNIST on CPU")
    batch = client.queue_batch(space, regime, size=3)
    assert (space.tags, space.archived_at) == ([], None)
    assert client.set_tags(space, "Paper", " deep  nets").tags == ["deep nets", "paper"]
    assert client.set_tags(regime, "paper").tags == client.set_tags(batch, "paper").tags == ["paper"]
    lists: list[Any] = [client.spaces, client.regimes, client.batches]
    assert [len(listed(tag="PAPER")) for listed in lists] == [1, 1, 1]
    assert client.set_tags(space, "other").tags == ["other"]
    assert [len(listed(tag="paper")) for listed in lists] == [0, 1, 1]
    assert client.set_tags(regime).tags == []
    with pytest.raises(ClientError, match="still has runs to come"):
        client.archive(batch)
    client.cancel(batch)
    for one in (space, regime, batch):
        assert client.archive(one).archived_at is not None
    for listed in lists:
        assert (len(listed(archived=True)), len(listed(archived=False)), len(listed())) == (1, 0, 1)
    assert client.bring_back(space) == client.space(space)
    assert client.bring_back(batch).archived_at is None
    with pytest.raises(ClientError, match="tags: A tag has 1 to 30 characters, got 31") as raised:
        client.set_tags(space, "x" * 31)
    assert (raised.value.status, raised.value.parameter, raised.value.value) == (422, "tags", repr("x" * 31))


def test_what_the_server_refuses_is_raised_with_its_sentence(live_server: Any, token: str) -> None:
    client = Client(live_server.url, token)
    with pytest.raises(ClientError, match="There is no preset 'None such'") as raised:
        client.create_space("X", preset="None such")
    assert (raised.value.status, raised.value.parameter) == (422, "preset")
    with pytest.raises(ClientError, match="nothing with this id"):
        client.batch(1)
    with pytest.raises(ClientError, match="a token that works"):
        Client(live_server.url, "netspace_wrong").me()


def test_a_batch_without_designs_ends_the_waiting_with_the_reason(live_server: Any, token: str) -> None:
    client = Client(live_server.url, token)
    regime = client.create_regime("quick", preset="Fashion-MNIST on CPU")
    space = client.create_space("X", preset="RegNetX-small")
    batch = client.queue_batch(space, regime, size=3)
    claim = services.claim_draw()
    assert claim is not None
    services.fail_draw(claim=claim, cause=DrawCause.EXHAUSTED, message="The window is too narrow.")
    started = time.monotonic()
    with pytest.raises(ClientError, match=r"has no designs: The window is too narrow\."):
        client.wait(batch)
    assert time.monotonic() - started < 30
