"""What was planned before anybody could see a result."""

from __future__ import annotations

from django.db import models

from webapp.models.spaces import Regime, Space


class Plan(models.Model):
    """The designs of a space under a regime that were planned when the first of their runs ended with an outcome.

    Whoever adds designs or cancels some after that may have seen results (docs/statistics.md). Batches that are larger
    now than ``designs`` says, or are not named there, were added; what was taken away instead is told by ``changed``.
    """

    # Without constraints, whose checks would let a worker wait for whoever holds the space. Neither can be deleted
    # while it has a batch.
    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    regime = models.ForeignKey(Regime, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    designs = models.JSONField(help_text="the size of each batch at that moment, by its id")
    changed = models.BooleanField(
        default=False, db_default=False,
        help_text="designs were cancelled or deleted after that moment, or cancelled ones queued again",
    )  # fmt: skip

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "regime"], name="plan_once_a_population")]

    def __str__(self) -> str:
        return f"{self.planned_at_first_end} designs of {self.space} under {self.regime}"

    @property
    def planned_at_first_end(self) -> int:
        return sum(self.designs.values())
