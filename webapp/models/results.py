"""The tables of result pages and of the links that share them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from webapp.models.filing import Filed
from webapp.models.imports import ImportedPopulation
from webapp.models.people import Team, User
from webapp.models.spaces import Regime, Space


class ResultPage(Filed):
    """A saved analysis with a title and notes: live, or frozen with the populations it was frozen with."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="results")
    title = models.CharField(max_length=120)
    notes = models.TextField(blank=True, help_text="Markdown")
    analysis = models.JSONField(help_text="webapp.analysis.Selection: the values of its address, with a schema version")
    snapshot = models.BinaryField(null=True, blank=True, help_text="webapp.analysis.snapshots; null while live")
    frozen_at = models.DateTimeField(null=True, blank=True)
    line = models.JSONField(null=True, blank=True, help_text="what the list of results shows of it, once computed")
    line_of = models.TextField(
        default="", db_default="", blank=True, help_text="the version of its populations that the line was computed at"
    )
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            *Filed.Meta.constraints,
            models.CheckConstraint(
                condition=Q(snapshot=None, frozen_at=None) | Q(snapshot__isnull=False, frozen_at__isnull=False),
                name="result_page_snapshot_only_when_frozen",
            ),
        ]
        indexes = [*Filed.Meta.indexes, models.Index(fields=["team", "-updated_at"], name="result_page_latest")]

    def __str__(self) -> str:
        return self.title


class ResultPopulation(models.Model):
    """One population that a live result page reads. A frozen page has none: it reads its own copy."""

    page = models.ForeignKey(ResultPage, on_delete=models.CASCADE, related_name="populations", db_index=False)
    space = models.ForeignKey(Space, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    regime = models.ForeignKey(Regime, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    imported = models.ForeignKey(ImportedPopulation, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["page", "space", "regime", "imported"],
                nulls_distinct=False,
                name="result_population_once_a_page",
            ),
            models.CheckConstraint(
                condition=Q(space__isnull=False, regime__isnull=False, imported=None)
                | Q(space=None, regime=None, imported__isnull=False),
                name="result_population_trained_or_imported",
            ),
        ]

    def __str__(self) -> str:
        return str(self.imported or f"{self.space} under {self.regime}")


class ShareLink(models.Model):
    """A link that shows one result page to whoever has it; of its token only the digest is kept."""

    page = models.ForeignKey(ResultPage, on_delete=models.CASCADE, related_name="links")
    token_digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    views = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"link to {self.page}"
