"""The table of notifications, which is the outbox of their mails as well."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from webapp.models.people import Team, User


class NotificationKind(models.TextChoices):
    ENDED = "ended", "ended"
    CANCELLED = "cancelled", "cancelled"
    FAILING = "failing", "failing"
    NOT_DRAWN = "not_drawn", "not drawn"

    @property
    def state(self) -> str:
        """The state whose colour its badge has."""
        return {"ended": "done", "cancelled": "cancelled"}.get(self.value, "failed")


class Notification(models.Model):
    """What one person is told about one batch, once an event."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    batch = models.ForeignKey("webapp.SampleBatch", on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=9, choices=NotificationKind.choices)
    said = models.TextField(help_text="what happened, in words with the numbers of that moment")
    at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True, blank=True)
    mail_due_at = models.DateTimeField(
        null=True, blank=True, help_text="when its mail is tried (again); null: none is to be sent any more"
    )
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=NotificationKind.values), name="notification_kind_known"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notification_latest"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notification_unread"),
            models.Index(fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="notification_to_mail"),
        ]

    @property
    def kind_of(self) -> NotificationKind:
        return NotificationKind(self.kind)

    def __str__(self) -> str:
        return f"{self.batch} {self.kind}, for {self.user}"
