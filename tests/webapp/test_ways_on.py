"""No page is a dead end: what is empty or went wrong offers the next step; a deeper page says where it belongs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests.webapp import pages, rows
from tests.webapp.test_access import GETS, MATRIX, OWNER, Study, study
from webapp import queries
from webapp.models import Role

__all__ = ["study"]  # a fixture
pytestmark = pytest.mark.django_db

# Pages that the top bar leads to, or that stand before everything else; every other one has a breadcrumb.
TOP = {
    "home", "search", "spaces", "regimes", "batches", "results", "workers", "team", "account", "notifications",
    "first-team",
}  # fmt: skip


def main_of(html: str) -> str:
    return html.split('<main id="main"', 1)[1].split("</main>", 1)[0]


def offers(html: str) -> list[str]:
    """Links and buttons of a page's own part."""
    return re.findall(r"<(?:a [^>]*href|button)", main_of(html))


def is_page(answer: Any) -> bool:
    return not answer.has_header("Content-Disposition") and b'<main id="main"' in answer.content


@pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER, Role.VIEWER])
def test_every_page_of_an_empty_team_offers_a_next_step(role: Role) -> None:
    team, owner = rows.a_team()
    user = owner if role == Role.OWNER else pages.a_member(team, "mate@example.org", role)
    client = pages.client_of(user)
    seen, dead_ends = 0, []
    for name, (kind, pattern) in MATRIX.items():
        answer = client.get(pattern) if kind in GETS and "{" not in pattern else None
        if answer is not None and answer.status_code == 200 and is_page(answer):
            seen += 1
            if not offers(answer.content.decode()):
                dead_ends.append(name)
    assert dead_ends == []
    assert seen >= 10
    assert offers(client.get("/search/?q=nothing").content.decode())


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("path", ["/no-such-page/", "/share/unknown/", "/invitations/unknown/", "/spaces/?q=%00"])
def test_what_is_missing_or_unreadable_offers_a_next_step(path: str, signed_in: bool) -> None:
    client = pages.client_of(rows.a_team()[1]) if signed_in else Client()
    answer = client.get(path)
    assert answer.status_code in {400, 404}
    assert offers(answer.content.decode())


def test_what_a_role_may_not_do_says_who_may(study: Study) -> None:
    viewer = study.clients["viewer"].get("/spaces/new/")
    assert viewer.status_code == 403
    assert 'href="/team/"' in main_of(viewer.content.decode())


def test_a_mistake_of_ours_and_a_form_from_elsewhere_offer_a_next_step(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(queries, "worker_lines", broken)
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    mistake, stale = client.get("/workers/"), client.post("/spaces/new/")
    assert (mistake.status_code, stale.status_code) == (500, 403)
    assert offers(mistake.content.decode())
    assert offers(stale.content.decode())


def test_every_page_below_another_has_a_breadcrumb(study: Study) -> None:
    below = []
    for name, (kind, pattern) in MATRIX.items():
        if kind in GETS and name not in TOP:
            answer = study.clients[OWNER].get_page(study.url(pattern))
            if is_page(answer):
                crumb = re.search(r'<p class="crumb[^>]*>.*?<a href', answer.content.decode(), re.DOTALL)
                assert crumb, name
                below.append(name)
    assert len(below) >= 15
