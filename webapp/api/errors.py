"""What the API answers when it does not do what was asked: always {"error", "parameter", "value"} with a status."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as BadParameters

from engine.checks import brief
from engine.errors import EngineError
from webapp.api.bodies import BadJsonError
from webapp.services import Refused

logger = logging.getLogger(__name__)

NO_TOKEN = "Send a token that works, as in Authorization: Bearer netspace_…; /account/tokens/ makes one."  # noqa: S105
NOT_FOUND = "There is nothing with this id in the team of this token."
# Words for pydantic's kinds of complaint; {…} stand for the limits it names.
COMPLAINTS = {
    "missing": "{name} is missing.",
    "extra_forbidden": "{name} is not known here.",
    "greater_than_equal": "{name} must be at least {ge}, got {value}.",
    "less_than_equal": "{name} must be at most {le}, got {value}.",
    "int_type": "{name} must be a whole number, got {value}.",
    "int_parsing": "{name} must be a whole number, got {value}.",
    "int_from_float": "{name} must be a whole number, got {value}.",
    "bool_parsing": "{name} must be true or false, got {value}.",
    "bool_type": "{name} must be true or false, got {value}.",
    "string_type": "{name} must be text, got {value}.",
    "list_type": "{name} must be a list, got {value}.",
    "too_long": "{name} must have at most {max_length} items, got {actual_length}.",
    "dict_type": "{name} must be an object, got {value}.",
    "literal_error": "{name} must be {expected}, got {value}.",
}


class Rejected(Exception):
    """A value that the request should not have, with the name it stands under."""

    def __init__(self, message: str, *, parameter: str, value: object = None, status: int = 422) -> None:
        super().__init__(message)
        self.parameter, self.value, self.status = parameter, value, status


def answer(status: int, said: str, *, parameter: str | None = None, value: object = None) -> JsonResponse:
    body = {
        "error": said,
        "parameter": parameter or None,
        "value": None if value is None else brief(value),
    }
    return JsonResponse(body, status=status)


def register_errors(api: NinjaAPI) -> None:
    """Every kind of failure that an operation may end with."""
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Rejected: _rejected,
        EngineError: _engine_error,
        BadParameters: _bad_parameters,
        Refused: lambda request, error: answer(422, str(error)),
        ValidationError: lambda request, error: answer(422, " ".join(error.messages)),
        HttpError: _http_error,
        Http404: lambda request, error: answer(404, NOT_FOUND),
        PermissionDenied: lambda request, error: answer(403, str(error)),
        BadRequest: lambda request, error: answer(400, str(error)),
        RequestDataTooBig: lambda request, error: answer(413, "The body is larger than 2.5 MB."),
        RawPostDataException: lambda request, error: answer(400, "The body must be JSON, not a form."),
        Exception: _mistake,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def _rejected(request: HttpRequest, error: Rejected) -> HttpResponse:
    return answer(error.status, str(error), parameter=error.parameter, value=error.value)


def _engine_error(request: HttpRequest, error: EngineError) -> HttpResponse:
    return answer(422, str(error), parameter=error.parameter, value=error.value)


def _bad_parameters(request: HttpRequest, error: BadParameters) -> HttpResponse:
    """The first complaint, named by the path of the value inside the body, the query or the address."""
    first = error.errors[0]
    source, *path = first["loc"]
    steps = path[1:] if source in {"body", "query"} and len(path) > 1 else path
    name = ".".join(str(step) for step in steps)
    words = COMPLAINTS.get(first["type"], "{name}: {message}.")
    value = first.get("input")
    said = words.format(name=name, value=brief(value), message=first["msg"], **first.get("ctx", {}))
    return answer(422, said, parameter=name, value=None if first["type"] == "missing" else value)


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if error.status_code == 401:
        response = answer(401, NO_TOKEN)
        response["WWW-Authenticate"] = "Bearer"
        return response
    cause = error.__cause__
    return answer(error.status_code, str(cause) if isinstance(cause, BadJsonError) else str(error))


def _mistake(request: HttpRequest, error: Exception) -> HttpResponse:
    number = secrets.token_hex(4)
    logger.exception("The API ended %s in the error %s.", request.path, number, exc_info=error)
    return answer(500, f"Netspace made a mistake. Quote {number} when you report it.")
