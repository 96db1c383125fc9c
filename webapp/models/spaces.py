"""Spaces, and the regimes under which their designs are trained."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from webapp.models.filing import Filed
from webapp.models.people import Team, User


class Family(models.TextChoices):
    ANYNET = "anynet", "AnyNet"
    REGNET = "regnet", "RegNet"


class Space(Filed):
    """A design space of a team; immutable once a batch has been drawn from it (services hold that)."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="spaces")
    name = models.CharField(max_length=120)
    family = models.CharField(max_length=8, choices=Family.choices)
    definition = models.JSONField(help_text="engine.spaces JSON, with its schema version")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    note = models.TextField(blank=True, help_text="the insight behind the refinement")
    slot = models.PositiveSmallIntegerField(default=1, help_text="colour and dash on every page, 1 to 7")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            *Filed.Meta.constraints,
            models.UniqueConstraint(fields=["team", "name"], name="space_name_once_a_team"),
            models.CheckConstraint(condition=Q(slot__range=(1, 7)), name="space_slot_1_to_7"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="space_not_its_own_parent"
            ),
        ]
        indexes = Filed.Meta.indexes

    def __str__(self) -> str:
        return self.name


class Regime(Filed):
    """Everything that fixes how a design becomes an error; immutable once used."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="regimes")
    name = models.CharField(max_length=120)
    definition = models.JSONField(help_text="engine.training.regimes JSON, with its schema version")
    data_set = models.CharField(max_length=120, help_text="copied from the definition, for the claim")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            *Filed.Meta.constraints,
            models.UniqueConstraint(fields=["team", "name"], name="regime_name_once_a_team"),
        ]
        indexes = Filed.Meta.indexes

    def __str__(self) -> str:
        return self.name
