"""One request to the server and its answer, by the standard library alone."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from netspace_client.errors import ClientError

TRIES = 4  # of a request that only reads, while nobody answers
PAUSE = 0.5  # seconds before the second try; doubled for each further one


class _NoRedirects(HTTPRedirectHandler):
    """Following one would send the token to whatever address it names."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> Request | None:
        raise ClientError(f"{req.full_url} leads on to {newurl}: give the client that address.", status=code)


class Transport:
    def __init__(self, address: str, token: str, *, timeout: float) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ClientError(f"The address must start with http:// or https://, got {address!r}.")
        if not token or not token.isascii() or not token.isprintable():
            raise ClientError("The token must be one that the page /account/tokens/ shows.")
        self.root = f"{address.rstrip('/')}/api"
        self.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self.timeout = timeout
        self.opener = build_opener(_NoRedirects)

    def get(self, path: str, **query: object) -> Any:
        chosen = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
        request = Request(f"{self.root}{path}{'?' if chosen else ''}{chosen}", headers=self.headers)  # noqa: S310
        for attempt in range(1, TRIES):
            try:
                return self._answer(request)
            except ClientError as error:
                if error.status is not None and error.status < 500:
                    raise
                time.sleep(PAUSE * 2 ** (attempt - 1))
        return self._answer(request)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        return self._write("POST", path, body)

    def put(self, path: str, body: Mapping[str, object]) -> Any:
        return self._write("PUT", path, body)

    def _write(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        """Never tried again by itself: what it asks for may have happened although no answer came."""
        given = {name: value for name, value in (body or {}).items() if value is not None}
        request = Request(  # noqa: S310  (the scheme is checked above)
            f"{self.root}{path}",
            data=json.dumps(given, allow_nan=False).encode(),
            headers={**self.headers, "Content-Type": "application/json"},
            method=method,
        )
        return self._answer(request)

    def _answer(self, request: Request) -> Any:
        try:
            with self.opener.open(request, timeout=self.timeout) as response:
                return json.load(response)
        except HTTPError as error:
            raise _refusal(error) from error
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ClientError(f"{self.root} does not answer: {reason}.") from error
        except ValueError as error:
            raise ClientError(f"{self.root} answers something that is not JSON: is it Netspace?") from error


def _refusal(error: HTTPError) -> ClientError:
    try:
        said = json.load(error)
        return ClientError(said["error"], status=error.code, parameter=said.get("parameter"), value=said.get("value"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ClientError(f"The server answered {error.code} {error.reason}.", status=error.code)
