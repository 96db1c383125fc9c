"""What all tests share."""

from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Let a test's own transaction idle: on a busy machine one that trains in between takes longer than a lease."""
    options = connection.settings_dict["OPTIONS"]
    connection.settings_dict["OPTIONS"] = options | {
        "options": f"{options['options']} -c idle_in_transaction_session_timeout=0"
    }
