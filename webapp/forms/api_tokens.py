"""The form with which a person makes an API token."""

from __future__ import annotations

from typing import Any

from django import forms

from webapp.forms.fields import NameField
from webapp.models import Team, User


class ApiTokenForm(forms.Form):
    name = NameField(label="What for", help_text="Tells your tokens apart, such as the notebook that uses it.")
    team: forms.ModelChoiceField[Team] = forms.ModelChoiceField(
        queryset=Team.objects.none(), empty_label=None, help_text="The token sees this team only, with your role in it."
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["team"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = user.teams.order_by("name")
