"""The tables of people: users, teams, who is in which, invitations, tokens."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone


class Concern(models.TextChoices):
    """Whose batches a person is told about."""

    OWN = "own", "batches that I queued"
    TEAM = "team", "all batches of my teams"
    NONE = "none", "none"


class UserManager(BaseUserManager["User"]):
    """Accounts by e-mail address; there are no user names."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", help_text="in which this person reads times")
    notify_of = models.CharField(
        max_length=4, choices=Concern.choices, default=Concern.OWN, db_default=Concern.OWN.value,
        help_text="whose batches this person is told about",
    )  # fmt: skip
    notify_by_mail = models.BooleanField(
        default=True, db_default=True, help_text="unread notifications are mailed as well, where mail is configured"
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta(AbstractUser.Meta):
        constraints = [models.CheckConstraint(condition=Q(notify_of__in=Concern.values), name="user_notify_of_known")]

    def __str__(self) -> str:
        return self.name or self.email


class Role(models.TextChoices):
    OWNER = "owner", "owner"
    MEMBER = "member", "member"
    VIEWER = "viewer", "viewer"


class Team(models.Model):
    name = models.CharField(max_length=120)
    members: models.ManyToManyField[User, Membership] = models.ManyToManyField(
        User, through="Membership", related_name="teams"
    )
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.MEMBER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} as {self.role}"


class Invitation(models.Model):
    """A link that lets one person into a team; of its token only the digest is kept."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.MEMBER)
    label = models.CharField(max_length=120, blank=True, help_text="whom it was made for, in the owner's words")
    by_mail = models.BooleanField(
        default=False, db_default=False, help_text="made to be mailed, which counts towards a limit"
    )
    token_digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_known")]

    def __str__(self) -> str:
        return f"invitation to {self.team} as {self.role}"


class ApiToken(models.Model):
    """Lets a script work for one person in one team; of the token only the digest is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=120, help_text="what it is for, in the person's words")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="to the minute")
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"API token {self.name} of {self.user}"


class PasswordMail(models.Model):
    """One request for a mail with which a forgotten password is set anew, kept while it counts towards the limit."""

    email = models.CharField(max_length=254, help_text="as asked for, whether or not it has an account")
    client = models.GenericIPAddressField(null=True, blank=True, help_text="where the request came from")
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"password mail for {self.email}"
