"""How things are filed: tags, and put away in the archive. Spaces, regimes, batches, results and imports share it."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

LONGEST_TAG = 30
MOST_TAGS = 12


class Filed(models.Model):
    """A row that carries tags and can be put away.

    Tags are an array and no table of their own: they come with the row, so that no list asks for them apart, they go
    with it, and none is left that nothing carries. They are kept as `webapp.forms.tags` writes them, small and sorted.
    """

    tags = ArrayField(models.CharField(max_length=LONGEST_TAG), default=list, db_default=[], blank=True)
    archived_at = models.DateTimeField(null=True, blank=True, help_text="when it was put away; analyses still count it")

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(tags__len__lte=MOST_TAGS), name="%(class)s_has_few_tags"),
        ]
        indexes: ClassVar = [GinIndex(fields=["tags"], name="%(class)s_tags")]
