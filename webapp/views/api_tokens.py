"""The page of a person's API tokens."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from webapp import queries, services
from webapp.forms.api_tokens import ApiTokenForm
from webapp.models import ApiToken, User
from webapp.services import Refused
from webapp.views.refusals import refusals_told


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """Answered with the page itself when posted: the token is shown once, since only its digest is kept."""
    user = _user(request)
    team = getattr(request, "team", None)
    form = ApiTokenForm(request.POST or None, user=user, initial={"team": team.pk if team else None})
    if request.method == "POST" and form.is_valid():
        try:
            made, text = services.create_api_token(user=user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return _page(request, ApiTokenForm(user=user, initial={"team": made.team_id}), made=made, text=text)
    return _page(request, form)


def _page(request: HttpRequest, form: ApiTokenForm, **more: object) -> HttpResponse:
    user = _user(request)
    context = {
        "form": form,
        "tokens": queries.account_tokens(user),
        "has_team": user.memberships.exists(),
        "address": request.build_absolute_uri("/"),
    }
    return render(request, "accounts/api_tokens.html", context | more)


@login_required
@require_POST
def revoke_api_token(request: HttpRequest, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.select_related("team", "user"), pk=token_id, user=_user(request))
    with refusals_told(request):
        services.revoke_api_token(token=token)
        messages.success(request, f"The token {token.name} is revoked; no script gets in with it any more.")
    return redirect("api-tokens")


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # login_required  # noqa: S101
    return request.user
