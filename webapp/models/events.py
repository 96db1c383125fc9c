"""The team's log."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from webapp.models.people import Team, User


class EventKind(models.TextChoices):
    """What an event was about."""

    SPACES = "spaces", "spaces"
    REGIMES = "regimes", "regimes"
    BATCHES = "batches", "batches"
    RESULTS = "results", "result pages"
    IMPORTS = "imports", "imported populations"
    TAGS = "tags", "tags"
    PEOPLE = "people", "people"
    TOKENS = "tokens", "API tokens"
    WORKERS = "workers", "workers"


class Event(models.Model):
    """Who did what, append only, written by the services."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="events")
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=7, choices=EventKind.choices)
    verb = models.CharField(max_length=40, help_text="in words, for people alone")
    subject = models.CharField(max_length=200, help_text="what it was done to, in words that outlive it")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="event_kind_known")]
        indexes = [
            models.Index(fields=["team", "-at"], name="event_latest"),
            models.Index(fields=["team", "kind", "-at"], name="event_latest_of_a_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"
