"""Forms for signing in and for teams."""

from __future__ import annotations

from django import forms

from webapp.forms.fields import NameField


class SignInForm(forms.Form):
    # No e-mail validation: a wrong address and a wrong password are answered in the same words.
    email = forms.CharField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        max_length=1000, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class TeamForm(forms.Form):
    name = NameField(label="Name of the team")
