"""Which worker a verb is about."""

from __future__ import annotations

from django import forms


class WorkerForm(forms.Form):
    worker = forms.UUIDField()
