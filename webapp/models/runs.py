"""Runs, what their epochs measured, and the workers that train them."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from webapp.models.batches import Sample, SampleBatch


class RunState(models.TextChoices):
    QUEUED = "queued", "waiting"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


class FailureKind(models.TextChoices):
    LOST_WORKER = "lost_worker", "lost worker"
    OUT_OF_MEMORY = "out_of_memory", "out of memory"
    DIVERGED = "diverged", "diverged"
    TIMED_OUT = "timed_out", "timed out"
    INVALID_DESIGN = "invalid_design", "invalid design"
    DATA_MISSING = "data_missing", "data missing"
    BAD_CHECKPOINT = "bad_checkpoint", "bad checkpoint"
    CODE_ERROR = "code_error", "code error"

    @property
    def is_own_doing(self) -> bool:
        """Whether the network itself failed: it ranks behind every error. Any other failure says nothing of it."""
        return self in OWN_DOING


OWN_DOING = (
    FailureKind.DIVERGED,
    FailureKind.OUT_OF_MEMORY,
    FailureKind.TIMED_OUT,
    FailureKind.INVALID_DESIGN,
)


class Worker(models.Model):
    """One training slot from its start to its end; a re-used host name or process id is another worker."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    slot = models.PositiveSmallIntegerField(default=0)
    device = models.CharField(max_length=40, help_text="cpu or cuda:<index>")
    device_kind = models.CharField(max_length=120, help_text="the processor's or the card's name")
    device_slots = models.PositiveSmallIntegerField(default=1, help_text="slots that share the device")
    data_sets = models.JSONField(default=list, help_text="names of the data sets found on this machine")
    versions = models.JSONField(default=dict)
    draining = models.BooleanField(default=False, db_default=False, help_text="finishes its run and takes no more")
    memory = models.PositiveBigIntegerField(null=True, blank=True, help_text="bytes, at the last sign of life")
    started_at = models.DateTimeField(default=timezone.now)
    last_seen = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["last_seen"], condition=Q(ended_at=None), name="worker_alive")]

    def __str__(self) -> str:
        return f"{self.host} {self.device} slot {self.slot}"


class Run(models.Model):
    """One training of one sample: the unit of work in the queue (docs/architecture.md has the table of transitions)."""

    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="runs")
    replicate = models.PositiveSmallIntegerField(default=0)
    # Copies of the sample's batch and position, so that the claim reads one index and no other table's rows.
    batch = models.ForeignKey(SampleBatch, on_delete=models.CASCADE, related_name="runs")
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=RunState.choices, default=RunState.QUEUED)
    attempt = models.PositiveIntegerField(default=0, help_text="the fence: + 1 at each claim, never lowered")
    lost_workers = models.PositiveSmallIntegerField(default=0)
    errors = models.PositiveSmallIntegerField(default=0)
    worker = models.ForeignKey(Worker, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs")
    lease_until = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    final_error = models.FloatField(null=True, blank=True, help_text="top-1 error of the last epoch, percent")
    best_error = models.FloatField(null=True, blank=True, help_text="lowest top-1 error of any epoch, percent")
    train_images_per_second = models.FloatField(null=True, blank=True)
    test_images_per_second = models.FloatField(null=True, blank=True)
    peak_memory = models.PositiveBigIntegerField(null=True, blank=True, help_text="bytes")
    train_seconds = models.FloatField(null=True, blank=True, help_text="seconds spent in training and evaluation")
    device_kind = models.CharField(max_length=120, blank=True)
    device_slots = models.PositiveSmallIntegerField(null=True, blank=True)
    versions = models.JSONField(default=dict, blank=True)
    failure_kind = models.CharField(max_length=14, choices=FailureKind.choices, blank=True)
    failure_message = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "replicate"], name="run_once_a_replicate"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="run_state_known"),
            models.CheckConstraint(
                condition=Q(state="running", lease_until__isnull=False) | ~Q(state="running") & Q(lease_until=None),
                name="run_lease_only_while_running",
            ),
            models.CheckConstraint(
                condition=Q(state="done", final_error__isnull=False, best_error__isnull=False)
                | ~Q(state="done") & Q(final_error=None, best_error=None),
                name="run_error_only_when_done",
            ),
            models.CheckConstraint(
                condition=Q(final_error=None) | Q(final_error__gte=0, final_error__lte=100, best_error__gte=0),
                name="run_error_in_percent",
            ),
            models.CheckConstraint(
                condition=Q(state="failed") & ~Q(failure_kind="") | ~Q(state="failed") & Q(failure_kind=""),
                name="run_failure_kind_only_when_failed",
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "position", "replicate"], condition=Q(state="queued"), name="run_queued"),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="run_running"),
            models.Index(fields=["batch", "state"], name="run_states_of_a_batch"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of {self.sample}"


class Epoch(models.Model):
    """What one finished epoch of one attempt measured; errors in percent."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="epochs")
    attempt = models.PositiveIntegerField()
    number = models.PositiveIntegerField(help_text="from 1")
    train_loss = models.FloatField()
    train_error = models.FloatField()
    test_error = models.FloatField()
    seconds = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="epoch_once_a_run")]

    def __str__(self) -> str:
        return f"epoch {self.number} of {self.run}"
