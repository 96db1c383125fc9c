"""Forms about batches: queue one, extend one, reorder the queue."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms

from webapp import queries
from webapp.forms.fields import NumberField
from webapp.models import FailureKind, Regime, Space, Team

LARGEST_SEED = 2**31 - 1
PRIORITIES = {10: "high", 0: "normal", -10: "low"}


class BatchForm(forms.Form):
    space: forms.ModelChoiceField[Space] = forms.ModelChoiceField(queryset=Space.objects.none(), empty_label=None)
    regime: forms.ModelMultipleChoiceField[Regime] = forms.ModelMultipleChoiceField(
        label="Regimes",
        queryset=Regime.objects.none(),
        error_messages={"required": "Choose at least one regime."},
    )
    size = NumberField(
        label="Size", whole=True, help_text="Designs to draw and train. About 100 show the shape of an error EDF."
    )
    seed = NumberField(
        label="Seed", whole=True, help_text="The same space, regime and seed give the same designs, in the same order."
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spaces, self.regimes = queries.team_spaces(team).filter(archived_at=None), queries.team_regimes(team)
        for name, rows in (("space", self.spaces), ("regime", self.regimes)):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
            field.queryset = rows

    def clean_size(self) -> int:
        size: int = self.cleaned_data["size"]
        if size < 1:
            raise forms.ValidationError(f"size must be at least 1, got {size}.")
        return size

    def clean_seed(self) -> int:
        seed: int = self.cleaned_data["seed"]
        if not 0 <= seed <= LARGEST_SEED:
            raise forms.ValidationError(f"seed must lie between 0 and {LARGEST_SEED:,}, got {seed}.")
        return seed


def fresh_seed() -> int:
    """A seed nobody chose, short enough to be read aloud."""
    return secrets.randbelow(10_000)


class ExtendForm(forms.Form):
    size = NumberField(label="New size", whole=True)


class PriorityForm(forms.Form):
    priority = forms.TypedChoiceField(coerce=int, choices=list(PRIORITIES.items()))


class PauseForm(forms.Form):
    finish_running = forms.BooleanField(required=False)


class RetryForm(forms.Form):
    kind = forms.ChoiceField(choices=[("", "all"), *FailureKind.choices], required=False)
    cancelled = forms.BooleanField(required=False)
