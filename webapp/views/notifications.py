"""What a person was told about batches: the bell, the list, and the way to the batch."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render

from webapp import queries, services
from webapp.access import TeamRequest, notification_of, own_action, team_page
from webapp.middleware import TEAM_KEY
from webapp.wording import counted

NOTIFICATIONS_A_PAGE = 25


@team_page
def notification_list(request: TeamRequest) -> HttpResponse:
    page = Paginator(queries.notification_lines(request.user), NOTIFICATIONS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "notifications/list.html", {"page": page})


@team_page
def bell(request: TeamRequest) -> HttpResponse:
    """The bell alone, for polling."""
    return render(request, "notifications/bell.html")


@team_page
def open_notification(request: TeamRequest, notification_id: int) -> HttpResponse:
    """To the batch, in the team that it belongs to; the batch's page marks what was said about it as read."""
    notification = notification_of(request.user, notification_id)
    request.session[TEAM_KEY] = notification.team_id
    return redirect("batch", notification.batch_id)


@own_action
def mark_all_read(request: TeamRequest) -> HttpResponse:
    count = services.mark_read(user=request.user)
    messages.success(request, f"Marked {counted(count, 'notification')} as read.")
    return redirect("notifications")
