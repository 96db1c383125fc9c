"""Batches of drawn designs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from webapp.models.filing import Filed
from webapp.models.people import User
from webapp.models.spaces import Regime, Space


class BatchState(models.TextChoices):
    REQUESTED = "requested", "requested"
    DRAWING = "drawing", "drawing"
    READY = "ready", "ready"
    EXHAUSTED = "exhausted", "exhausted"
    FAILED = "failed", "failed"


NEVER_DRAWN = (BatchState.EXHAUSTED, BatchState.FAILED)  # without designs, for good


class DrawCause(models.TextChoices):
    """Why a draw ended without designs."""

    EXHAUSTED = "exhausted", "too few designs in the window"
    CANCELLED = "cancelled", "cancelled"
    LOST_WORKER = "lost_worker", "lost worker"
    INVALID = "invalid", "invalid space or regime"
    CODE_ERROR = "code_error", "code error"


CAUSES_OF_FAILED = [cause for cause in DrawCause.values if cause != "exhausted"]


class SampleBatch(Filed):
    """n designs drawn from one space under one regime with one seed. A draw is leased like a run.

    The three give the same designs again, so that each is queued once, unless it ended without designs. Databases from
    before that rule may hold doubles: all but the oldest are an ``old_double``.
    """

    space = models.ForeignKey(Space, on_delete=models.PROTECT, related_name="batches")
    regime = models.ForeignKey(Regime, on_delete=models.PROTECT, related_name="batches")
    size = models.PositiveIntegerField()
    seed = models.PositiveBigIntegerField()
    old_double = models.BooleanField(
        default=False, db_default=False, editable=False,
        help_text="queued before seeds were unique, and an older batch draws the same designs",
    )  # fmt: skip
    priority = models.SmallIntegerField(default=0, help_text="higher goes first")
    paused = models.BooleanField(default=False)
    finish_running = models.BooleanField(
        default=False, db_default=False, help_text="while paused: runs that have begun go on to their end"
    )
    state = models.CharField(max_length=10, choices=BatchState.choices, default=BatchState.REQUESTED)
    attempt = models.PositiveIntegerField(default=0, help_text="the fence of the draw: + 1 at each claim")
    lease_until = models.DateTimeField(null=True, blank=True)
    lost_workers = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="how often the process that drew it was lost"
    )
    report = models.JSONField(default=dict, blank=True, help_text="statistics of the draw (engine.spaces.sampling)")
    cause = models.CharField(
        max_length=11, choices=DrawCause.choices, blank=True, default="", db_default="",
        help_text="why the draw ended without designs",
    )  # fmt: skip
    message = models.TextField(blank=True, help_text="the same in words, or why it could not be extended")
    end_told = models.BooleanField(
        default=False, db_default=False, help_text="people were told that it ended; false again when more is to come"
    )
    failures_told = models.BooleanField(
        default=False, db_default=False, help_text="people were told that many of its runs fail"
    )
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "sample batches"
        constraints = [
            *Filed.Meta.constraints,
            models.UniqueConstraint(
                fields=["space", "regime", "seed"],
                condition=Q(old_double=False, state__in=["requested", "drawing", "ready"]),
                name="batch_once_a_seed",
            ),
            models.CheckConstraint(condition=Q(state__in=BatchState.values), name="batch_state_known"),
            models.CheckConstraint(
                condition=Q(state="exhausted", cause="exhausted")
                | Q(state="failed", cause__in=CAUSES_OF_FAILED)
                | Q(state__in=["requested", "drawing", "ready"], cause=""),
                name="batch_cause_only_without_designs",
            ),
            models.CheckConstraint(condition=Q(size__gte=1), name="batch_size_positive"),
            models.CheckConstraint(
                condition=Q(state="drawing", lease_until__isnull=False) | ~Q(state="drawing") & Q(lease_until=None),
                name="batch_lease_only_while_drawing",
            ),
            models.CheckConstraint(
                condition=Q(paused=True) | Q(finish_running=False), name="batch_finish_running_only_while_paused"
            ),
        ]
        indexes = [
            *Filed.Meta.indexes,
            models.Index(fields=["id"], condition=Q(state__in=["requested", "drawing"]), name="batch_to_draw"),
            models.Index(fields=["id"], condition=Q(end_told=False), name="batch_end_to_tell"),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk} of {self.space}"


class Sample(models.Model):
    """One drawn design with its complexity and, once its runs are done, its error in percent."""

    batch = models.ForeignKey(SampleBatch, on_delete=models.CASCADE, related_name="samples")
    position = models.PositiveIntegerField()
    drawn = models.JSONField(help_text="the parameters as drawn, before group compatibility")
    design = models.JSONField(help_text="the adjusted design, which the network is built from")
    design_key = models.CharField(max_length=400)
    flops = models.PositiveBigIntegerField()
    params = models.PositiveBigIntegerField()
    acts = models.PositiveBigIntegerField()
    error = models.FloatField(null=True, blank=True, help_text="mean final error of its runs, percent")
    best_error = models.FloatField(null=True, blank=True, help_text="mean lowest error of its runs, percent")
    error_std = models.FloatField(null=True, blank=True, help_text="spread between replicates, percent")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "position"], name="sample_once_a_position"),
            models.UniqueConstraint(fields=["batch", "design_key"], name="sample_network_once_a_batch"),
            models.CheckConstraint(
                condition=Q(error=None, best_error=None)
                | Q(error__gte=0, error__lte=100, best_error__gte=0, best_error__lte=100),
                name="sample_errors_in_percent",
            ),
        ]

    def __str__(self) -> str:
        return f"sample {self.position} of {self.batch}"


class BatchVersion(models.Model):
    """How often a batch, its samples and the ends of its runs have changed: what is computed from them is kept by it.

    The version is the sum over a few rows, so that runs of one batch that end at the same time seldom wait for each
    other. Triggers alone write them (migration 0013), in the transaction of the change, so that no way of writing
    leaves them behind. A run that is claimed, renewed or given back is as much to come as before and does not count.
    """

    # Without a constraint, whose check would let a worker wait for whoever holds the batch.
    batch = models.ForeignKey(
        SampleBatch, on_delete=models.CASCADE, related_name="versions", db_constraint=False, db_index=False
    )
    stripe = models.PositiveSmallIntegerField()
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "stripe"], name="batch_version_once_a_stripe")]

    def __str__(self) -> str:
        return f"{self.batch}: {self.version} changes in stripe {self.stripe}"
