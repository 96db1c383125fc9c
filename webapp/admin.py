"""The administration site: every table, for looking and for repair; the product itself writes through the services."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm

from webapp.models import (
    ApiToken,
    BatchVersion,
    Epoch,
    Event,
    ImportedColumn,
    ImportedPopulation,
    Invitation,
    KeptSummary,
    Membership,
    Notification,
    PasswordMail,
    Plan,
    Regime,
    ResultPage,
    ResultPopulation,
    Run,
    Sample,
    SampleBatch,
    ShareLink,
    Space,
    Team,
    User,
    Worker,
)


class UserCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]  # generic in the stubs only
    class Meta:
        model = User
        fields = ("email", "name")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    add_form = UserCreationForm
    list_display = ("email", "name", "is_staff", "is_active", "last_login")
    search_fields: ClassVar[Any] = ("email", "name")
    ordering: ClassVar[Any] = ("email",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("email", "password", "name")}),
        ("Notifications", {"fields": ("notify_of", "notify_by_mail")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets: Any = (
        (None, {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")}),
    )


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


TABLES: dict[type[Any], dict[str, Any]] = {
    Team: {"list_display": ("name", "created_at"), "search_fields": ("name",), "inlines": (MembershipInline,)},
    Membership: {
        "list_display": ("user", "team", "role"),
        "list_filter": ("role",),
        "list_select_related": ("user", "team"),
    },
    Invitation: {
        "list_display": ("team", "role", "label", "by_mail", "created_by", "expires_at", "revoked_at", "accepted_by"),
        "list_select_related": ("team", "created_by", "accepted_by"),
        "raw_id_fields": ("team", "created_by", "accepted_by"),
        "exclude": ("token_digest",),
    },
    ApiToken: {
        "list_display": ("name", "user", "team", "created_at", "last_used_at", "revoked_at"),
        "list_select_related": ("user", "team"),
        "raw_id_fields": ("user", "team"),
        "exclude": ("digest",),
    },
    Space: {
        "list_display": ("name", "team", "family", "parent", "slot", "created_at"),
        "list_filter": ("family",),
        "list_select_related": ("team", "parent"),
        "search_fields": ("name",),
        "raw_id_fields": ("parent", "created_by", "team"),
    },
    Regime: {
        "list_display": ("name", "team", "data_set", "created_at"),
        "list_filter": ("data_set",),
        "list_select_related": ("team",),
        "search_fields": ("name",),
        "raw_id_fields": ("created_by", "team"),
    },
    SampleBatch: {
        "list_display": ("id", "space", "regime", "size", "seed", "state", "cause", "paused", "priority", "created_at"),
        "list_filter": ("state", "cause", "paused"),
        "list_select_related": ("space", "regime"),
        "raw_id_fields": ("space", "regime", "created_by"),
    },
    Sample: {
        "list_display": ("id", "batch", "position", "flops", "params", "acts", "error", "best_error"),
        "list_select_related": ("batch__space",),
        "raw_id_fields": ("batch",),
        "show_full_result_count": False,
    },
    BatchVersion: {
        "list_display": ("batch", "stripe", "version"),
        "list_select_related": ("batch__space",),
        "raw_id_fields": ("batch",),
    },
    Plan: {
        "list_display": ("space", "regime", "planned_at_first_end", "changed"),
        "list_select_related": ("space", "regime"),
        "raw_id_fields": ("space", "regime"),
    },
    KeptSummary: {
        "list_display": ("space", "regime", "trained", "pending", "failed", "version"),
        "list_select_related": ("space", "regime"),
        "raw_id_fields": ("space", "regime"),
    },
    Run: {
        "list_display": ("id", "batch", "position", "replicate", "state", "attempt", "final_error", "failure_kind"),
        "list_filter": ("state", "failure_kind"),
        "list_select_related": ("batch__space",),
        "raw_id_fields": ("sample", "batch", "worker"),
        "show_full_result_count": False,
    },
    ImportedPopulation: {
        "list_display": ("name", "team", "source", "n", "left_out", "created_by", "created_at"),
        "list_select_related": ("team", "created_by"),
        "search_fields": ("name", "source"),
        "raw_id_fields": ("team", "created_by"),
    },
    ImportedColumn: {
        "list_display": ("name", "population", "position", "kind"),
        "list_select_related": ("population",),
        "raw_id_fields": ("population",),
    },
    ResultPage: {
        "list_display": ("title", "team", "updated_by", "updated_at", "frozen_at"),
        "list_select_related": ("team", "updated_by"),
        "search_fields": ("title",),
        "raw_id_fields": ("team", "created_by", "updated_by"),
    },
    ResultPopulation: {
        "list_display": ("page", "space", "regime", "imported"),
        "list_select_related": ("page", "space", "regime", "imported"),
        "raw_id_fields": ("page", "space", "regime", "imported"),
    },
    ShareLink: {
        "list_display": ("page", "created_by", "expires_at", "revoked_at", "views"),
        "list_select_related": ("page", "created_by"),
        "raw_id_fields": ("page", "created_by"),
        "exclude": ("token_digest",),
    },
    Notification: {
        "list_display": ("at", "user", "team", "batch_id", "kind", "read_at", "mail_due_at", "mailed_at"),
        "list_select_related": ("user", "team"),
        "raw_id_fields": ("user", "team", "batch"),
        "show_full_result_count": False,
    },
    PasswordMail: {"list_display": ("at", "email", "client")},
    Epoch: {
        "list_display": ("run_id", "attempt", "number", "train_loss", "train_error", "test_error", "seconds"),
        "raw_id_fields": ("run",),
        "show_full_result_count": False,
    },
    Worker: {
        "list_display": ("host", "device", "slot", "device_kind", "started_at", "last_seen", "ended_at"),
        "list_filter": ("device_kind",),
        "search_fields": ("host",),
    },
    Event: {
        "list_display": ("at", "team", "actor", "kind", "verb", "subject"),
        "list_filter": ("kind",),
        "list_select_related": ("team", "actor"),
        "raw_id_fields": ("actor", "team"),
        "show_full_result_count": False,
    },
}
for model, options in TABLES.items():
    admin.site.register(model, admin.ModelAdmin, **options)
