"""What is kept of populations, so that lists need not count their samples again."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from webapp.models.spaces import Regime, Space


class KeptSummary(models.Model):
    """A population in a few numbers, as they were at one version of it (webapp.queries.summaries); errors in percent.

    ``used`` samples lie before the frontier of their batch; ``lowest``, ``mean`` and ``quantiles`` are of them alone.
    """

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+", db_index=False)
    regime = models.ForeignKey(Regime, on_delete=models.CASCADE, related_name="+")
    version = models.CharField(max_length=32, help_text="webapp.queries.population_versions")
    batches = models.PositiveIntegerField()
    designs = models.PositiveIntegerField()
    trained = models.PositiveIntegerField()
    mean_error = models.FloatField(null=True, help_text="of all that are trained")
    pending = models.PositiveIntegerField()
    failed = models.PositiveIntegerField(help_text="by their network's own doing")
    missing = models.PositiveIntegerField(help_text="ended without saying anything of their network")
    repeated = models.PositiveIntegerField(help_text="left out, since an older batch drew the same designs")
    used = models.PositiveIntegerField()
    lowest = models.FloatField(null=True)
    mean = models.FloatField(null=True)
    quantiles = ArrayField(models.FloatField(), help_text="evenly spaced, from the lowest error to the highest")

    class Meta:
        verbose_name_plural = "kept summaries"
        constraints = [models.UniqueConstraint(fields=["space", "regime"], name="kept_summary_once_a_population")]

    def __str__(self) -> str:
        return f"{self.space} under {self.regime}"
