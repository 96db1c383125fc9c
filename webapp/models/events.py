"""The team's log."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from webapp.models.people import Team, User


class Event(models.Model):
    """Who did what, append only, written by the services."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="events")
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    verb = models.CharField(max_length=40)
    subject = models.CharField(max_length=200, help_text="what it was done to, in words that outlive it")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["team", "-at"], name="event_latest")]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"
