"""The walk that docs/tour.md tells: three people and a visitor, a real worker, and pictures that show what is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator

from tests.browser.chromium import Visitor
from tests.browser.walk import OWNER, PASSWORD, Walk
from tests.tasks import fleet
from webapp import services
from webapp.models import Role, Run, RunState, Space, Team

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(__file__).parents[2] / "docs"


def test_a_team_gets_from_its_first_space_to_a_shared_page_and_back(windows: Any, tmp_path: Path) -> None:
    services.create_user(email=OWNER[1], password=PASSWORD, name=OWNER[0])
    shown: list[str] = []

    def look(name: str, window: Visitor, part: Locator | None) -> None:
        shown.append(name)
        assert window.overflow() <= 0, name
        assert part is None or part.is_visible(), name

    walk = Walk(window=lambda width: windows(None, width=width), picture=look, size=8, epochs=1)
    with fleet.worker(tmp_path / "log"):
        walk.run()

    team = Team.objects.get()
    assert {member.role for member in team.memberships.all()} == {Role.OWNER, Role.MEMBER, Role.VIEWER}
    child = Space.objects.get(parent__isnull=False)
    assert walk.restriction in child.note
    assert Run.objects.filter(state=RunState.DONE).count() == 16
    # What was meant to be refused, and a preview that a person does not wait for.
    expected = ("404", "403", "htmx:afterRequest", "htmx:sendAbort", "/spaces/preview/")
    for window in (walk.owner, walk.member, walk.viewer, walk.visitor):
        assert [one for one in window.complaints if not any(part in one for part in expected)] == []
    told = re.findall(r"\(tour/(\w+)\.png\)", (DOCS / "tour.md").read_text())
    assert told == shown
    assert {path.stem for path in (DOCS / "tour").glob("*.png")} == set(shown)
