"""The tables: what must never be false is a named constraint here, not a habit elsewhere.

Every write goes through webapp.services, every read that spans rows through webapp.queries.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from webapp.filing import Filed
from webapp.notifications import Notification as Notification
from webapp.notifications import NotificationKind as NotificationKind
from webapp.people import ApiToken as ApiToken
from webapp.people import Concern as Concern
from webapp.people import Invitation as Invitation
from webapp.people import Membership as Membership
from webapp.people import PasswordMail as PasswordMail
from webapp.people import Role as Role
from webapp.people import Team as Team
from webapp.people import User as User
from webapp.sharing import ResultPage as ResultPage
from webapp.sharing import ShareLink as ShareLink


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
    definition = models.JSONField(help_text="engine.regimes JSON, with its schema version")
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


class BatchState(models.TextChoices):
    REQUESTED = "requested", "requested"
    DRAWING = "drawing", "drawing"
    READY = "ready", "ready"
    EXHAUSTED = "exhausted", "exhausted"
    FAILED = "failed", "failed"


class SampleBatch(Filed):
    """n designs drawn from one space under one regime with one seed. A draw is leased like a run."""

    space = models.ForeignKey(Space, on_delete=models.PROTECT, related_name="batches")
    regime = models.ForeignKey(Regime, on_delete=models.PROTECT, related_name="batches")
    size = models.PositiveIntegerField()
    seed = models.PositiveBigIntegerField()
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
    report = models.JSONField(default=dict, blank=True, help_text="statistics of the draw (engine.sampling)")
    message = models.TextField(blank=True, help_text="why the draw ended without designs")
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
            models.CheckConstraint(condition=Q(state__in=BatchState.values), name="batch_state_known"),
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
    """One column: float64 little-endian for numbers, compressed JSON for text and designs. Never a pickle."""

    population = models.ForeignKey(ImportedPopulation, on_delete=models.CASCADE, related_name="columns")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=6, choices=ColumnKind.choices)
    values = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["population", "name"], name="imported_column_name_once"),
            models.UniqueConstraint(fields=["population", "position"], name="imported_column_position_once"),
            models.CheckConstraint(condition=Q(kind__in=ColumnKind.values), name="imported_column_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.population}"


class Event(models.Model):
    """Who did what, append only, written by the services."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="events")
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    verb = models.CharField(max_length=40)
    subject = models.CharField(max_length=200, help_text="what it was done to, in words that outlive it")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["team", "-at"], name="event_latest")]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"
