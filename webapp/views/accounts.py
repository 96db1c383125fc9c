"""Signing in and out, one's own account, a forgotten password."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import services
from webapp.forms import AccountForm, ChangePasswordForm, ForgottenPasswordForm, SetPasswordForm, SignInForm
from webapp.models import Concern, User
from webapp.wording import counted

PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"  # noqa: S105  (a path)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """By e-mail address and password; whatever is wrong is said in the same words."""
    target = _safe_target(request)
    if request.user.is_authenticated and request.method == "GET":
        return redirect(target)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = authenticate(request, username=form.cleaned_data["email"], password=form.cleaned_data["password"])
        if user is not None:
            login(request, user)
            return redirect(target)
        form.add_error(None, "No account has this e-mail address and password.")
    return render(request, "accounts/sign_in.html", {"form": form, "next": target})


def locked_out(request: HttpRequest, original: HttpResponse | None, credentials: dict[str, object]) -> HttpResponse:
    """What django-axes answers instead of the sign-in page after too many wrong passwords, account or not."""
    minutes = round(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    said = f"Too many wrong passwords for this e-mail address. Try again in {counted(minutes, 'minute')}."
    context = {"form": SignInForm(), "next": _safe_target(request), "locked": said}
    return render(request, "accounts/sign_in.html", context, status=429)


@require_GET
def sign_in_by_link(request: HttpRequest) -> HttpResponse:
    """By the one-time link that the launcher prints; the address is left at once, so that it is not kept."""
    user = authenticate(request, sesame=request.GET.get("sesame"))
    if user is None:
        context = {"form": SignInForm(), "next": _safe_target(request), "stale_link": True}
        return render(request, "accounts/sign_in.html", context, status=403)
    login(request, user)
    return redirect(_safe_target(request))


def _safe_target(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or "/"
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else "/"


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("sign-in")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    form = AccountForm(request.POST or None, initial=model_to_dict(user, AccountForm.base_fields))
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        services.update_account(user=user, name=chosen["name"], time_zone=chosen["time_zone"])
        services.choose_notifications(
            user=user, notify_of=Concern(chosen["notify_of"]), by_mail=chosen["notify_by_mail"]
        )
        messages.success(request, "Your account is changed.")
        return redirect("account")
    memberships = user.memberships.select_related("team").order_by("team__name")
    return render(request, "accounts/account.html", {"form": form, "memberships": memberships})


@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """Ends every other session. Whoever came in by a link only has no old password to give."""
    user = _user(request)
    form_class = ChangePasswordForm if user.has_usable_password() else SetPasswordForm
    form = form_class(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.change_password(user=user, password=form.cleaned_data["new_password1"])
        update_session_auth_hash(request, user)
        messages.success(request, "Your password is changed; you are signed out everywhere else.")
        return redirect("account")
    return render(request, "accounts/password.html", {"form": form, "title": "Change your password"})


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # login_required  # noqa: S101
    return request.user


forgotten_password = auth_views.PasswordResetView.as_view(
    form_class=ForgottenPasswordForm,
    template_name="accounts/forgotten_password.html",
    email_template_name="accounts/password_mail.txt",
    subject_template_name="accounts/password_mail_subject.txt",
    success_url=reverse_lazy("password-mail-sent"),
)
password_mail_sent = require_GET(
    auth_views.PasswordResetDoneView.as_view(template_name="accounts/password_mail_sent.html")
)
new_password = sensitive_post_parameters()(
    auth_views.PasswordResetConfirmView.as_view(
        form_class=SetPasswordForm,
        template_name="accounts/new_password.html",
        success_url=reverse_lazy("home"),
        post_reset_login=True,
        post_reset_login_backend=PASSWORD_BACKEND,
    )
)
