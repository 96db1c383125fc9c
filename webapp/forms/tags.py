"""Tags: short words of people, the same however they are typed."""

from __future__ import annotations

import unicodedata

from django import forms
from django.core.exceptions import ValidationError

from webapp.filing import LONGEST_TAG
from webapp.forms.fields import check_name


def read_tag(text: str) -> str:
    """The tag that is meant: small letters, single spaces, look-alikes of one letter made one."""
    tag = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if not 1 <= len(tag) <= LONGEST_TAG:
        raise ValidationError(f"A tag has 1 to {LONGEST_TAG} characters, got {len(tag)}.")
    check_name(tag, what="The tag")
    for letter in tag:
        if unicodedata.category(letter) == "Cf":  # two tags that look alike would be two
            raise ValidationError(f"The tag must not hold the invisible character U+{ord(letter):04X}.")
    return tag


class TagForm(forms.Form):
    tag = forms.CharField(max_length=4 * LONGEST_TAG)

    def clean_tag(self) -> str:
        return read_tag(self.cleaned_data["tag"])
