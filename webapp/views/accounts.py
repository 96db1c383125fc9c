"""Signing in and out, and the team that one works for."""

from __future__ import annotations

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import services
from webapp.forms import SignInForm, TeamForm
from webapp.middleware import TEAM_KEY
from webapp.models import Membership, User


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
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
@require_http_methods(["GET", "POST"])
def first_team(request: HttpRequest) -> HttpResponse:
    """For a person who is in no team yet, and for starting another."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)  # login_required  # noqa: S101
        team = services.create_team(name=form.cleaned_data["name"], owner=request.user)
        request.session[TEAM_KEY] = team.pk
        return redirect("home")
    return render(request, "accounts/first_team.html", {"form": form})


@login_required
@require_POST
def choose_team(request: HttpRequest, team_id: int) -> HttpResponse:
    membership = get_object_or_404(Membership, user_id=request.user.pk, team_id=team_id)
    request.session[TEAM_KEY] = membership.team_id
    return redirect("home")
