"""What several bodies share: names, notes, tags, and the choice between ways to define a thing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from webapp.api.errors import Rejected
from webapp.api.schemas import Strict
from webapp.forms.fields import NameField
from webapp.forms.tags import TagForm

LONGEST_NOTE = 2000


def checked_name(name: str) -> str:
    """By the same rules as a name typed into a form."""
    return _cleaned(NameField(), name, parameter="name")


def checked_note(note: str) -> str:
    return _cleaned(forms.CharField(required=False, max_length=LONGEST_NOTE), note, parameter="note")


def checked_tag(text: str, *, parameter: str) -> str:
    """As a form writes the tag that is meant."""
    form = TagForm({"tag": text})
    if not form.is_valid():
        said = " ".join(map(str, form.errors["tag"]))
        raise Rejected(f"{parameter}: {said}", parameter=parameter, value=text)
    return str(form.cleaned_data["tag"])


def _cleaned(field: forms.CharField, text: str, *, parameter: str) -> str:
    try:
        return str(field.clean(text))
    except ValidationError as error:
        raise Rejected(f"{parameter}: {' '.join(error.messages)}", parameter=parameter, value=text) from error


def exactly_one(body: Strict, *names: str) -> tuple[str, Any]:
    """The one of these parameters that is given, with its value."""
    given = [(name, value) for name in names if (value := getattr(body, name)) is not None]
    if len(given) != 1:
        found = ", ".join(name for name, _ in given) or "none"
        raise Rejected(f"Give exactly one of {', '.join(names)}; got {found}.", parameter=names[0])
    return given[0]
