"""Forms: text in, engine values out. The engine holds the rules; a form shows its complaints where they belong."""

from webapp.forms.accounts import (
    AccountForm,
    ChangePasswordForm,
    ForgottenPasswordForm,
    InvitationForm,
    JoinForm,
    RoleForm,
    SetPasswordForm,
    SignInForm,
    TeamForm,
)
from webapp.forms.batches import BatchForm, ExtendForm, PauseForm, PriorityForm, RetryForm, related_seed_warning
from webapp.forms.regimes import RegimeForm, regime_initial
from webapp.forms.spaces import FORMS, AnyNetForm, RegNetForm, SpaceForm, form_of, space_initial
from webapp.forms.workers import WorkerForm

__all__ = [
    "FORMS",
    "AccountForm",
    "AnyNetForm",
    "BatchForm",
    "ChangePasswordForm",
    "ExtendForm",
    "ForgottenPasswordForm",
    "InvitationForm",
    "JoinForm",
    "PauseForm",
    "PriorityForm",
    "RegNetForm",
    "RegimeForm",
    "RetryForm",
    "RoleForm",
    "SetPasswordForm",
    "SignInForm",
    "SpaceForm",
    "TeamForm",
    "WorkerForm",
    "form_of",
    "regime_initial",
    "related_seed_warning",
    "space_initial",
]
