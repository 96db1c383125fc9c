"""Populations that were imported, column by column."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from webapp.models.filing import Filed
from webapp.models.people import Team, User


class ImportedPopulation(Filed):
    """Results from elsewhere, as columns: what a file held, once a person had looked at it and confirmed."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="imported_populations")
    name = models.CharField(max_length=120)
    source = models.CharField(max_length=200, help_text="name of the file")
    error_origin = models.CharField(max_length=200, help_text="how its column of errors came about, in words")
    n = models.PositiveIntegerField(help_text="rows that are kept, failed ones too")
    failed = models.PositiveIntegerField(default=0, help_text="of these: without an error by their own doing")
    left_out = models.PositiveIntegerField(default=0, help_text="rows of the file that could not be used")
    data_set = models.CharField(max_length=80, blank=True, help_text="what the networks were trained on")
    resolution = models.PositiveIntegerField(null=True, blank=True, help_text="of the images, in pixels a side")
    epochs = models.FloatField(null=True, blank=True, help_text="how long each network was trained")
    shape = models.CharField(max_length=64, blank=True, help_text="digest of the names of the file's columns")
    choices = models.JSONField(default=dict, blank=True, help_text="what the person said of the file's columns")
    version = models.PositiveIntegerField(default=1, help_text="grows whenever its rows are replaced")
    slot = models.PositiveSmallIntegerField(default=1, help_text="colour and dash on every page, 1 to 7")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            *Filed.Meta.constraints,
            models.UniqueConstraint(fields=["team", "name"], name="imported_name_once_a_team"),
            models.CheckConstraint(condition=Q(n__gte=1), name="imported_has_rows"),
            models.CheckConstraint(condition=Q(failed__lt=F("n")), name="imported_has_errors"),
            models.CheckConstraint(condition=Q(slot__range=(1, 7)), name="imported_slot_1_to_7"),
        ]
        indexes = (*Filed.Meta.indexes, models.Index(fields=["team", "shape"], name="imported_by_shape"))

    def __str__(self) -> str:
        return self.name


class ColumnKind(models.TextChoices):
    NUMBER = "number", "number"
    TEXT = "text", "text"
    DESIGN = "design", "design"
    CATEGORY = "category", "category"


class ColumnRole(models.TextChoices):
    """What a column of a file is to the statistics."""

    PARAMETER = "parameter", "design parameter"
    COMPLEXITY = "complexity", "complexity"
    ERROR = "error", "error"
    BEST_ERROR = "best_error", "error of the best epoch"
    OUTCOME = "outcome", "measured outcome"
    STATUS = "status", "status"
    EPOCH_REACHED = "epoch_reached", "epoch reached"
    EPOCHS_PLANNED = "epochs_planned", "epochs planned"
    NAME = "name", "name"
    DATA_SET = "data_set", "data set or task"
    GROUP = "group", "group"
    DESIGN = "design", "whole design"
    LEFT_OUT = "left_out", "left out"


class ImportedColumn(models.Model):
    """One column, never a pickle.

    Numbers are float64, little-endian, nan where a cell is empty; a category is the place of each cell's level in
    ``levels``, as numbers; text and designs are blocks of compressed JSON.
    """

    population = models.ForeignKey(ImportedPopulation, on_delete=models.CASCADE, related_name="columns")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=ColumnKind.choices)
    role = models.CharField(max_length=16, choices=ColumnRole.choices, default=ColumnRole.PARAMETER)
    levels = ArrayField(models.CharField(max_length=1000), default=list, blank=True, help_text="of a category")
    values = models.BinaryField()
    ends = ArrayField(
        models.PositiveIntegerField(), default=list, blank=True, help_text="where each block of text or designs ends"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["population", "name"], name="imported_column_name_once"),
            models.UniqueConstraint(fields=["population", "position"], name="imported_column_position_once"),
            models.CheckConstraint(condition=Q(kind__in=ColumnKind.values), name="imported_column_kind_known"),
            models.CheckConstraint(condition=Q(role__in=ColumnRole.values), name="imported_column_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.population}"
