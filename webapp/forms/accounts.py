"""Forms for signing in, for accounts, and for teams and their people."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from webapp import services
from webapp.clients import client_address
from webapp.forms.fields import NameField
from webapp.models import Concern, Role

PASSWORD_RULE = "At least 10 characters, not only digits, and none of the common ones."  # noqa: S105  (a sentence)


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


class InvitationForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)
    label = NameField(label="For whom", required=False, help_text="A name to tell invitations apart.")
    email = forms.EmailField(
        label="E-mail address", required=False, max_length=120, help_text="Where given, the link is mailed there."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.MAIL_CONFIGURED:
            del self.fields["email"]


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class JoinForm(forms.Form):
    """A new account for a person who was invited."""

    name = NameField(label="Your name")
    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        max_length=1000,
        strip=False,
        help_text=PASSWORD_RULE,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password)
        return password


def time_zone_choices() -> list[tuple[str, str]]:
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class AccountForm(forms.Form):
    name = NameField(label="Your name")
    time_zone = forms.ChoiceField(choices=time_zone_choices, help_text="Times are shown in it.")
    notify_of = forms.ChoiceField(
        label="Notify me of",
        choices=Concern.choices,
        help_text="When a batch ends, when many of its runs fail, and when its designs cannot be drawn.",
    )
    notify_by_mail = forms.BooleanField(
        label="By mail too", required=False, help_text="What you have not seen here after a minute is mailed to you."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.MAIL_CONFIGURED:
            self.fields["notify_by_mail"].help_text = "No mail server is configured here, so nothing is mailed yet."


class _NewPassword:
    """What the two forms below share: the rule in one sentence, where Django puts a list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields = self.fields  # type: ignore[attr-defined]
        fields["new_password1"].help_text = PASSWORD_RULE
        fields["new_password1"].label = "New password"
        fields["new_password2"].help_text = ""
        fields["new_password2"].label = "The same again"


class SetPasswordForm(_NewPassword, auth_forms.SetPasswordForm):  # type: ignore[type-arg]
    """A new password for a person who has shown in another way who they are."""


class ChangePasswordForm(_NewPassword, auth_forms.PasswordChangeForm):
    """A new password for a person who knows the old one."""

    def clean_old_password(self) -> str:
        if not self.user.check_password(self.cleaned_data["old_password"]):
            raise ValidationError("This is not your password.")
        return str(self.cleaned_data["old_password"])


class ForgottenPasswordForm(auth_forms.PasswordResetForm):
    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def save(self, *args: Any, **options: Any) -> None:
        """Send the mail, within the limits; the page says the same either way."""
        client = client_address(options["request"])
        if services.allow_password_mail(email=self.cleaned_data["email"], client=client):
            super().save(*args, **options)
