"""Forms about batches: queue one, extend one, reorder the queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from webapp import queries
from webapp.forms.fields import NumberField
from webapp.models import FailureKind, Regime, Space, Team
from webapp.wording import joined

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

    same_seed = forms.IntegerField(required=False)  # the seed that was warned of, where a person insists on it
    seed_to_confirm: int | None = None

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

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if {"space", "regime", "seed"} <= data.keys() and data.get("same_seed") != data["seed"]:
            warning = related_seed_warning(data["space"], data["regime"], data["seed"])
            if warning:
                self.seed_to_confirm = data["seed"]
                self.add_error(
                    "seed", f"{warning} Choose another seed, or queue the batch again to insist on this one."
                )
        return data


def related_seed_warning(space: Space, regimes: Sequence[Regime], seed: int) -> str:
    """Which batches of the lineage have the same seed, and why that matters; empty where none has."""
    drawn = [f"batch {row.pk} of {row.space} under {row.regime}" for row in queries.related_draws(space, regimes, seed)]
    if not drawn:
        return ""
    return (
        f"Seed {seed} is also that of {joined(drawn)}, of the same lineage as {space}: some of the designs may be the "
        "same networks, so that the populations are not independent."
    )


class ExtendForm(forms.Form):
    size = NumberField(label="New size", whole=True)


class PriorityForm(forms.Form):
    priority = forms.TypedChoiceField(coerce=int, choices=list(PRIORITIES.items()))


class PauseForm(forms.Form):
    finish_running = forms.BooleanField(required=False)


class RetryForm(forms.Form):
    kind = forms.ChoiceField(choices=[("", "all"), *FailureKind.choices], required=False)
    cancelled = forms.BooleanField(required=False)
