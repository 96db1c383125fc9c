"""The administration site."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from tests.webapp import pages, rows
from webapp import services
from webapp.models import FailureKind

pytestmark = pytest.mark.django_db


def test_every_table_is_registered() -> None:
    assert {model for model in apps.get_app_config("webapp").get_models() if model not in admin.site._registry} == set()


def test_an_administrator_sees_every_list_and_form_and_others_none() -> None:
    batch = rows.a_study(size=2)
    pages.finish(batch, [30.0, FailureKind.DIVERGED])
    boss = services.create_user(email="boss@example.org", password="correct horse battery", is_admin=True)
    client, other = pages.client_of(boss), pages.client_of(batch.created_by)
    for model in apps.get_app_config("webapp").get_models():
        name = f"admin:webapp_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_changelist")).status_code == 200, model
        assert client.get(reverse(f"{name}_add")).status_code == 200, model
        row = model._default_manager.first()
        if row is not None:
            assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200, model
        assert other.get(reverse(f"{name}_changelist")).status_code == 302, model
