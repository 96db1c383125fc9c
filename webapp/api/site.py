"""The API put together: its operations, its reader of JSON, its answers to what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import ValidationError, ValidationErrorContext
from ninja.parser import Parser

from webapp.access import TeamRequest
from webapp.api import batches, imports, populations, regimes, spaces
from webapp.api.bodies import read_json
from webapp.api.errors import answer, register_errors
from webapp.api.schemas import Me, or_problem
from webapp.api.tokens import READER

View = Callable[..., HttpResponseBase]
M = TypeVar("M", bound=Any)

DESCRIPTION = """Spaces, regimes, batches, populations and analyses of one team, for scripts and notebooks.

Every request carries `Authorization: Bearer <token>`; a token is made on the page /account/tokens/ and works for one
person in one team, with that person's role. What goes wrong is answered by {"error", "parameter", "value"}."""


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> dict[str, object]:
        return read_json(request.body)


class Site(NinjaAPI):
    def validation_error_from_error_contexts(self, error_contexts: list[ValidationErrorContext[M]]) -> ValidationError:
        """As ninja's own, which leaves out the values that were refused."""
        values = [
            item.get("input")
            for context in error_contexts
            for item in context.pydantic_validation_error.errors(include_url=False)
        ]
        error = super().validation_error_from_error_contexts(error_contexts)
        for item, value in zip(error.errors, values, strict=True):
            item["input"] = value
        return error


# No pages of documentation: they would load scripts from another host.
api = Site(
    title="Netspace",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    openapi_url="/openapi.json",
    docs_url=None,
    parser=StrictParser(),
)
register_errors(api)
api.add_router("/spaces", spaces.router)
api.add_router("/regimes", regimes.router)
api.add_router("/batches", batches.router)
api.add_router("/imports", imports.router)
api.add_router("", populations.router)


@api.get("/me", response=or_problem(Me), auth=READER, tags=["token"])
def get_me(request: TeamRequest) -> dict[str, str]:
    """Whom the token works for."""
    return {"user": request.user.email, "team": request.team.name, "role": request.membership.role}


def api_urls() -> tuple[list[URLResolver | URLPattern], str, str]:
    """The addresses for webapp.urls."""
    patterns, name, namespace = api.urls
    for pattern in patterns:
        assert isinstance(pattern, URLPattern)  # noqa: S101  (ninja nests none)
        safe = pattern.name in {"openapi-json", "api-root"}
        pattern.callback = _in_json(require_safe(pattern.callback) if safe else pattern.callback)
    return patterns, name, namespace


def _in_json(view: View) -> View:
    """A method that an address does not have is answered as everything else is."""

    @csrf_exempt
    def wrapper(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        allowed = ", ".join(sorted(response["Allow"].split(", ")))
        refused = answer(405, f"{request.method} is not possible here, only {allowed}.")
        refused["Allow"] = allowed
        return refused

    return wrapper
