"""The tables: what must never be false is a named constraint here, not a habit elsewhere.

Every write goes through webapp.services, every read that spans rows through webapp.queries.
"""

from __future__ import annotations

from webapp.models.batches import NEVER_DRAWN, BatchState, BatchVersion, DrawCause, Sample, SampleBatch
from webapp.models.events import Event, EventKind
from webapp.models.filing import Filed
from webapp.models.imports import ColumnKind, ColumnRole, ImportedColumn, ImportedPopulation
from webapp.models.notifications import Notification, NotificationKind
from webapp.models.people import ApiToken, Concern, Invitation, Membership, PasswordMail, Role, Team, User, UserManager
from webapp.models.plans import Plan
from webapp.models.results import ResultPage, ResultPopulation, ShareLink
from webapp.models.runs import OWN_DOING, Epoch, FailureKind, Run, RunState, Worker
from webapp.models.spaces import Family, Regime, Space
from webapp.models.summaries import KeptSummary

__all__ = [
    "NEVER_DRAWN",
    "OWN_DOING",
    "ApiToken",
    "BatchState",
    "BatchVersion",
    "ColumnKind",
    "ColumnRole",
    "Concern",
    "DrawCause",
    "Epoch",
    "Event",
    "EventKind",
    "FailureKind",
    "Family",
    "Filed",
    "ImportedColumn",
    "ImportedPopulation",
    "Invitation",
    "KeptSummary",
    "Membership",
    "Notification",
    "NotificationKind",
    "PasswordMail",
    "Plan",
    "Regime",
    "ResultPage",
    "ResultPopulation",
    "Role",
    "Run",
    "RunState",
    "Sample",
    "SampleBatch",
    "ShareLink",
    "Space",
    "Team",
    "User",
    "UserManager",
    "Worker",
]
