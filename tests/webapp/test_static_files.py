"""Static files: small on the wire, kept by browsers, and new after an upgrade."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import bokeh
import pytest
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.test import Client


@pytest.fixture(autouse=True)
def static_files_when_asked_for() -> None:
    """Not here: files are listed at the start, as in production."""


@pytest.mark.parametrize("name", ["site.css", "plots.js", "vendor/bokeh/bokeh.min.js"])
def test_the_address_of_a_file_holds_the_digest_of_what_it_serves(client: Client, name: str) -> None:
    address = static(name)
    assert re.fullmatch(rf"/static/{re.escape(name)}\?v=[0-9a-f]{{8}}", address)
    answer = client.get(address)
    assert b"".join(answer) == Path(finders.find(name)).read_bytes()  # type: ignore[arg-type]
    assert "immutable" in answer["Cache-Control"]


def test_what_styles_name_without_a_digest_is_not_kept_for_long(client: Client) -> None:
    assert client.get("/static/admin/css/widgets.css")["Cache-Control"] == "max-age=3600, public"


def test_bokeh_s_script_is_sent_compressed(client: Client) -> None:
    answer = client.get(static("vendor/bokeh/bokeh.min.js"), headers={"accept-encoding": "gzip"})
    body = b"".join(answer)
    script = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    assert answer["Content-Encoding"] == "gzip"
    assert len(body) < 500_000
    assert gzip.decompress(body) == script.read_bytes()
