"""Forms: text in, engine values out. The engine holds the rules; a form shows its complaints where they belong."""

from webapp.forms.accounts import SignInForm, TeamForm
from webapp.forms.batches import BatchForm, ExtendForm, PriorityForm, RetryForm, RunFilterForm, fresh_seed
from webapp.forms.regimes import RegimeForm, regime_initial
from webapp.forms.spaces import FORMS, AnyNetForm, RegNetForm, SpaceForm, form_of, space_initial

__all__ = [
    "FORMS",
    "AnyNetForm",
    "BatchForm",
    "ExtendForm",
    "PriorityForm",
    "RegNetForm",
    "RegimeForm",
    "RetryForm",
    "RunFilterForm",
    "SignInForm",
    "SpaceForm",
    "TeamForm",
    "form_of",
    "fresh_seed",
    "regime_initial",
    "space_initial",
]
