"""Forms for result pages and their links."""

from __future__ import annotations

from typing import Any

from django import forms

from webapp.forms.fields import NameField, NumberField

LONGEST_NOTES = 20_000
SHARE_DAYS = 30


class ResultForm(forms.Form):
    title = NameField()
    notes = forms.CharField(
        required=False,
        max_length=LONGEST_NOTES,
        help_text="Markdown: # heading, **bold**, - list, [link](https://…). Images are not shown.",
        widget=forms.Textarea(attrs={"rows": 10}),
    )


class ShareForm(forms.Form):
    days = NumberField(label="Works for (days)", whole=True, initial=SHARE_DAYS, help_text="1 to 365")

    def clean_days(self) -> int:
        days: Any = self.cleaned_data["days"]
        if not 1 <= days <= 365:
            raise forms.ValidationError(f"A link works from 1 to 365 days, got {days}.")
        return int(days)
