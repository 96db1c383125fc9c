"""Tags: short words of people, the same however they are typed."""

from __future__ import annotations

import unicodedata

from django import forms
from django.core.exceptions import ValidationError

from webapp.forms.fields import check_name
from webapp.models.filing import LONGEST_TAG


def read_tag(text: str) -> str:
    """The tag that is meant: small letters, single spaces, look-alikes of one letter made one."""
    small = unicodedata.normalize("NFKC", text).casefold()
    tag = " ".join(unicodedata.normalize("NFKC", small).split())  # small letters may compose anew
    if not 1 <= len(tag) <= LONGEST_TAG:
        raise ValidationError(f"A tag has 1 to {LONGEST_TAG} characters, got {len(tag)}.")
    check_name(tag, what="The tag")
    for letter in tag:
        if unicodedata.category(letter) == "Cf":  # two tags that look alike would be two
            raise ValidationError(f"The tag must not hold the invisible character U+{ord(letter):04X}.")
    return tag


def tag_in_text(text: str) -> str:
    """The tag that a text to search for may mean, with or without a # before it; empty where it can be none."""
    try:
        return read_tag(text.removeprefix("#"))
    except ValidationError:
        return ""


class TagForm(forms.Form):
    tag = forms.CharField(max_length=4 * LONGEST_TAG)

    def clean_tag(self) -> str:
        return read_tag(self.cleaned_data["tag"])
