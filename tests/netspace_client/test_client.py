"""The client against servers that are away, lead elsewhere, or are something else."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from netspace_client import Client, ClientError, Timeout
from netspace_client import transport as transport_module

Answer = tuple[int, dict[str, str], bytes]
BATCH = {
    "id": 3, "space": 1, "regime": 2, "size": 4, "seed": 0, "priority": 0, "paused": False, "state": "ready",
    "message": "", "tags": [], "archived_at": None, "created_at": "2030-01-01T00:00:00Z", "something new": 1,
    "progress": {
        "word": "running", "active": True, "runs": 4, "waiting": 3, "running": 1, "done": 0, "failed": 0,
        "cancelled": 0, "rate_per_hour": 0.0, "seconds_left": None, "ended_at": None,
    },
}  # fmt: skip


class Asked(list[tuple[str, str, dict[str, str], bytes]]):
    """The requests that a server got: method, path, headers, body."""


@contextmanager
def server(answer: Callable[[int, str], Answer]) -> Iterator[tuple[str, Asked]]:
    """A server that answers the n-th request, from 0, as told."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, dict(self.headers), body))
            status, headers, content = answer(len(asked) - 1, self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", asked
        finally:
            listening.shutdown()
            thread.join()


def of(value: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_token_is_never_sent_on_to_another_address() -> None:
    with (
        server(lambda n, path: of({"user": "u"})) as (elsewhere, asked_elsewhere),
        server(lambda n, path: (302, {"Location": f"{elsewhere}/api/me"}, b"")) as (address, asked),
        pytest.raises(ClientError, match="leads on to"),
    ):
        Client(address, "netspace_a").me()
    assert asked[0][2]["Authorization"] == "Bearer netspace_a"
    assert asked_elsewhere == []


def test_a_read_is_tried_again_while_the_server_restarts() -> None:
    with server(lambda n, path: of({"user": "u"}) if n == 2 else of({}, 503)) as (address, asked):
        assert Client(address, "t").me() == {"user": "u"}
    assert len(asked) == 3


def test_a_write_is_never_sent_twice() -> None:
    with server(lambda n, path: of({}, 503)) as (address, asked), pytest.raises(ClientError, match="503"):
        Client(address, "t").queue_batch(1, 2, size=3)
    assert len(asked) == 1
    method, path, _, body = asked[0]
    assert (method, path, json.loads(body)) == (
        "POST", "/api/batches", {"space": 1, "regime": 2, "size": 3, "priority": 0},
    )  # fmt: skip


def test_tags_are_sent_once_and_only_for_what_says_what_it_is() -> None:
    with server(lambda n, path: of(BATCH if n == 0 else {}, 200 if n == 0 else 503)) as (address, asked):
        client = Client(address, "t")
        batch = client.batch(3)
        with pytest.raises(ClientError, match="503"):
            client.set_tags(batch, "a", "b")
        with pytest.raises(ClientError, match="Give a space, a regime or a batch, got 3"):
            client.archive(3)  # type: ignore[type-var]
    assert len(asked) == 2
    method, path, _, body = asked[1]
    assert (method, path, json.loads(body)) == ("PUT", "/api/batches/3/tags", {"tags": ["a", "b"]})


def test_a_refusal_is_not_tried_again_and_carries_what_the_server_named() -> None:
    said = {"error": "size must be at least 1, got 0.", "parameter": "size", "value": "0"}
    with server(lambda n, path: of(said, 422)) as (address, asked), pytest.raises(ClientError) as raised:
        Client(address, "t").batch(1)
    assert len(asked) == 1
    error = raised.value
    assert (str(error), error.status, error.parameter, error.value) == (said["error"], 422, "size", "0")


def test_something_else_at_the_address_is_said() -> None:
    with server(lambda n, path: (200, {}, b"<html>")) as (address, _), pytest.raises(ClientError, match="not JSON"):
        Client(address, "t").me()
    with pytest.raises(ClientError, match="does not answer"):
        Client("http://127.0.0.1:1", "t").me()


@pytest.mark.parametrize("address", ["localhost:8000", "file:///etc/passwd", "ftp://host", "http://", ""])
def test_only_addresses_of_the_web_are_taken(address: str) -> None:
    with pytest.raises(ClientError, match="must start with http"):
        Client(address, "t")


@pytest.mark.parametrize("token", ["", "a\nb", "ü", "a\r\nHost: b"])
def test_a_token_that_can_be_none_is_refused(token: str) -> None:
    with pytest.raises(ClientError, match="The token must be"):
        Client("http://localhost", token)


def test_waiting_ends_in_time_and_says_how_far_the_batch_is() -> None:
    with server(lambda n, path: of(BATCH)) as (address, asked), pytest.raises(Timeout, match="0 of 4 done"):
        Client(address, "t").wait(3, poll_seconds=0.01, timeout=1)
    assert len(asked) > 1


def test_a_large_population_is_read_part_by_part() -> None:
    def part(n: int, path: str) -> Answer:
        columns = {"depth": [12, 13], "error": [20.5, 21.0]} if n == 0 else {"depth": [14], "error": [22.0]}
        return of({"n": 3, "columns": columns})

    with server(part) as (address, asked):
        columns = Client(address, "t").population(1, 2, error="best")
    assert columns["depth"].dtype == np.int64
    assert columns["error"].tolist() == [20.5, 21.0, 22.0]
    paths = [path for _, path, _, _ in asked]
    assert paths == [f"/api/populations/1-2?error=best&offset={offset}" for offset in (0, 2)]


def test_an_empty_population_has_empty_columns() -> None:
    with server(lambda n, path: of({"n": 0, "columns": {"error": []}})) as (address, _):
        assert Client(address, "t").population(1, 2)["error"].tolist() == []


def test_without_pandas_a_dataframe_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ClientError, match=r"pandas is not installed.*population\(\)"):
        Client("http://localhost", "t").dataframe(1, 2)


def test_with_pandas_a_dataframe_has_the_samples_as_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frame:
        def __init__(self, columns: Any) -> None:
            self.columns = columns

        def set_index(self, name: str) -> tuple[str, list[str]]:
            return name, list(self.columns)

    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=Frame))
    answer = {"n": 1, "columns": {"error": [20.5], "sample_id": [7]}}
    with server(lambda n, path: of(answer)) as (address, _):
        assert Client(address, "t").dataframe(1, 2) == ("sample_id", ["error", "sample_id"])


def test_lists_are_asked_for_what_is_filed_as_told() -> None:
    with server(lambda n, path: of({"items": [], "total": 0})) as (address, asked):
        client = Client(address, "t")
        client.spaces(tag="deep nets")
        client.regimes(archived=True)
        client.batches(space=1, tag="a&b", archived=False)
    assert [path.partition("offset=0")[2] for _, path, _, _ in asked] == [
        "&tag=deep+nets", "&archived=True", "&tag=a%26b&archived=False&space=1",
    ]  # fmt: skip


def test_lists_are_read_to_their_end() -> None:
    def part(n: int, path: str) -> Answer:
        return of({"items": [{"id": n}], "total": 3})

    with server(part) as (address, asked):
        assert [one["id"] for one in Client(address, "t").spaces()] == [0, 1, 2]
    assert asked[-1][1] == "/api/spaces?limit=1000&offset=2"
