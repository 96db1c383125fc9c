"""A page in one response but two parts: its top at once, and what takes long after it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from gzip import GzipFile
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.middleware.gzip import re_accepts_gzip
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.safestring import mark_safe
from django.utils.text import StreamingBuffer

log = logging.getLogger("django.request")

CUT = mark_safe("<!-- the rest -->")
LONGEST_NAME = 100
BROKEN = """
<div class="message failed" role="alert"><p>The rest of this page could not be made. Nothing was changed; load the page
again, and tell whoever runs Netspace if that does not help: the reason is in the log of the web app.</p></div>
</main></body></html>
"""


def rendered_in_parts(
    template: str, early: dict[str, Any], rest: Callable[[], dict[str, Any]], request: HttpRequest | None = None
) -> Iterator[str]:
    """The page of ``template``, cut where it says ``{{ cut }}``.

    ``early`` is all that stands before the cut and in the blocks of the base template above it; the template has to
    leave out what stands after the cut as long as the names of ``rest()`` are missing. A page that is the same for
    everybody is rendered without a request.
    """
    early = {**early, "cut": CUT}
    yield render_to_string(template, early, request).partition(CUT)[0]
    yield render_to_string(template, early | rest(), request).partition(CUT)[2]


def sent_in_parts(request: HttpRequest, parts: Iterator[str]) -> StreamingHttpResponse:
    """The response of such a page.

    The first part is made before this returns: what fails in it, such as a wrong address, gets its usual answer, and
    cookies and messages are seen to. What fails afterwards is logged and told on the page, below what was sent.
    """
    first, zone = next(parts), timezone.get_current_timezone()

    def texts() -> Iterator[bytes]:
        yield first.encode()
        try:
            with timezone.override(zone):  # the middleware that set it has ended by now
                text = "".join(parts)
        except Exception:
            log.exception("Internal Server Error: %s", request.path, extra={"status_code": 500, "request": request})
            text = BROKEN
        yield text.encode()

    # Django's own compression would hold the first part back until it has more, and a proxy may do so too.
    packed = re_accepts_gzip.search(request.headers.get("Accept-Encoding", ""))
    response = StreamingHttpResponse(_compressed(texts()) if packed else texts(), headers={"X-Accel-Buffering": "no"})
    if packed:
        response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """As Django does it, with a name of random length, so that a page's length doesn't tell what is in it (BREACH)."""
    buffer = StreamingBuffer()
    name = "x" * secrets.randbelow(LONGEST_NAME)
    with GzipFile(filename=name, mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as packer:
        for part in parts:
            packer.write(part)
            packer.flush()
            yield buffer.read()
    yield buffer.read()
