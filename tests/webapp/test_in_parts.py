"""Pages that come in two parts: the top at once, the rest when it is made."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import connection, transaction
from django.http import HttpRequest, StreamingHttpResponse
from django.test import RequestFactory
from django.utils import timezone

from tests.webapp import pages, rows
from webapp import services
from webapp.views.in_parts import BROKEN, CUT, sent_in_parts


@pytest.fixture
def request_of_nobody(rf: RequestFactory) -> HttpRequest:
    return rf.get("/analyses/", headers={"accept-encoding": "br, gzip"})


def streamed(client: pages.Reader, url: str, **headers: str) -> Iterator[bytes]:
    response = client.get_page(url, headers=headers)
    assert response.status_code == 200
    assert isinstance(response, StreamingHttpResponse)
    return iter(response.streaming_content)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def addresses(db: None) -> tuple[pages.Reader, list[str]]:
    """An analysis, the page it was saved as, and the link of that."""
    team, user = rows.a_team()
    regime = rows.a_regime(team, user)
    space = rows.a_space(team, user, name="Found here", preset="RegNetX-small")
    pages.measured(space, regime, user, np.linspace(20, 30, 15).tolist())
    analysis = {"schema": 1, "values": {"p": [f"{space.pk}-{regime.pk}"]}}
    page = services.create_result_page(team=team, title="Found here", notes="", analysis=analysis, actor=user)
    _, token = services.share_result_page(page=page, days=1, actor=user)
    urls = [f"/analyses/?p={space.pk}-{regime.pk}", f"/results/{page.pk}/", f"/share/{token}/"]
    return pages.client_of(user), urls


def test_the_top_of_an_analysis_comes_before_anything_is_computed(addresses: tuple[pages.Reader, list[str]]) -> None:
    client, urls = addresses
    for url in urls:
        top, rest = (part.decode() for part in streamed(client, url) if part)
        assert "Found here" in top, url
        assert "computing the comparison" in top
        assert "<h1" not in top
        assert rest.count("<h1") == (top + rest).count("</html>") == (top + rest).count("</head>") == 1
        assert CUT not in top + rest
        assert "data-plots" in rest


def test_each_part_of_a_compressed_page_can_be_read_when_it_comes(addresses: tuple[pages.Reader, list[str]]) -> None:
    client, urls = addresses
    for url in urls:
        unpacker = zlib.decompressobj(wbits=31)
        parts = [unpacker.decompress(part) for part in streamed(client, url, accept_encoding="gzip")]
        assert b"computing the comparison" in parts[0], url
        assert parts[1].rstrip().endswith(b"</html>")
        assert unpacker.eof


def test_the_length_of_a_compressed_page_does_not_tell_what_is_in_it(request_of_nobody: HttpRequest) -> None:
    lengths = {len(b"".join(sent_in_parts(request_of_nobody, iter(["top", "rest"])))) for _ in range(30)}  # type: ignore[arg-type]
    assert len(lengths) > 5


def test_a_wrong_address_has_its_usual_answer(addresses: tuple[pages.Reader, list[str]]) -> None:
    client, urls = addresses
    assert client.get(f"{urls[0]}&min_nothing=1").status_code == 400
    assert client.get("/analyses/?p=999999-999999").status_code == 404


def test_what_fails_in_the_rest_is_logged_and_told_below_the_top(
    request_of_nobody: HttpRequest, caplog: pytest.LogCaptureFixture
) -> None:
    def parts() -> Iterator[str]:
        yield "<main>the top"
        raise ValueError("a figure cannot be drawn")

    content = zlib.decompress(b"".join(sent_in_parts(request_of_nobody, parts())), wbits=31).decode()  # type: ignore[arg-type]
    assert content == "<main>the top" + BROKEN
    (record,) = caplog.records
    assert record.getMessage() == "Internal Server Error: /analyses/"
    assert record.exc_info is not None
    assert "cannot be drawn" in str(record.exc_info[1])


def test_a_database_that_fails_between_the_parts_is_told_on_the_page(addresses: tuple[pages.Reader, list[str]]) -> None:
    client, urls = addresses
    for url in urls[:2]:
        parts = streamed(client, url)
        assert b"computing the comparison" in next(parts)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE webapp_notification RENAME TO elsewhere")
            assert b"".join(parts) == BROKEN.encode()
            transaction.set_rollback(True)


def test_what_fails_in_the_top_is_not_sent_at_all(request_of_nobody: HttpRequest) -> None:
    def parts() -> Iterator[str]:
        raise ValueError("no top")
        yield ""

    with pytest.raises(ValueError, match="no top"):
        sent_in_parts(request_of_nobody, parts())


def test_both_parts_have_the_times_of_the_viewer(rf: RequestFactory) -> None:
    def parts() -> Iterator[str]:
        yield timezone.get_current_timezone_name()
        yield timezone.get_current_timezone_name()

    with timezone.override(ZoneInfo("Asia/Tokyo")):
        response = sent_in_parts(rf.get("/"), parts())
    assert list(response) == [b"Asia/Tokyo", b"Asia/Tokyo"]
    assert response["X-Accel-Buffering"] == "no"
