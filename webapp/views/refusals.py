"""What a service refuses, told to the person on the page that the verb leads to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest

from webapp.services import Refused


@contextmanager
def refusals_told(request: HttpRequest) -> Iterator[None]:
    """Ends its block at the first refusal, so that what says the success comes last in it."""
    try:
        yield
    except Refused as refusal:
        messages.error(request, str(refusal))
