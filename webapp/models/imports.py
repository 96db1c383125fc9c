"""Populations that were imported, column by column."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from webapp.models.filing import Filed
from webapp.models.people import Team, User


class ImportedPopulation(Filed):
    """Results from elsewhere, as columns: what a file held, once a person had looked at it and confirmed."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="imported_populations")
    name = models.CharField(max_length=120)
    source = models.CharField(max_length=200, help_text="name of the file")
    error_origin = models.CharField(max_length=200, help_text="how its column of errors came about, in words")
    n = models.PositiveIntegerField(help_text="rows, all used")
    left_out = models.PositiveIntegerField(default=0, help_text="rows of the file that could not be used")
    slot = models.PositiveSmallIntegerField(default=1, help_text="colour and dash on every page, 1 to 7")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            *Filed.Meta.constraints,
            models.UniqueConstraint(fields=["team", "name"], name="imported_name_once_a_team"),
            models.CheckConstraint(condition=Q(n__gte=1), name="imported_has_rows"),
            models.CheckConstraint(condition=Q(slot__range=(1, 7)), name="imported_slot_1_to_7"),
        ]
        indexes = Filed.Meta.indexes

    def __str__(self) -> str:
        return self.name


class ColumnKind(models.TextChoices):
    NUMBER = "number", "number"
    TEXT = "text", "text"
    DESIGN = "design", "design"


class ImportedColumn(models.Model):
    """One column: float64 little-endian for numbers, blocks of compressed JSON for text and designs. Never a pickle."""

    population = models.ForeignKey(ImportedPopulation, on_delete=models.CASCADE, related_name="columns")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=6, choices=ColumnKind.choices)
    values = models.BinaryField()
    ends = ArrayField(
        models.PositiveIntegerField(), default=list, blank=True, help_text="where each block of text or designs ends"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["population", "name"], name="imported_column_name_once"),
            models.UniqueConstraint(fields=["population", "position"], name="imported_column_position_once"),
            models.CheckConstraint(condition=Q(kind__in=ColumnKind.values), name="imported_column_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.population}"
