"""Result pages and the links that share them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from webapp.models import (
    EventKind,
    ImportedPopulation,
    Regime,
    ResultPage,
    ResultPopulation,
    ShareLink,
    Space,
    Team,
    User,
)
from webapp.services.errors import Refused
from webapp.services.events import record_event
from webapp.services.filing import locked_row
from webapp.services.tokens import new_token, token_digest

MOST_OPEN_LINKS = 50
LONGEST_SHARE_DAYS = 365
LARGEST_SNAPSHOT = 50_000_000  # bytes, compressed


def open_links() -> QuerySet[ShareLink]:
    """Those that still show their page."""
    return ShareLink.objects.filter(revoked_at=None, expires_at__gt=timezone.now())


@transaction.atomic
def create_result_page(*, team: Team, title: str, notes: str, analysis: dict[str, object], actor: User) -> ResultPage:
    page = ResultPage.objects.create(
        team=team, title=title, notes=notes, analysis=analysis, created_by=actor, updated_by=actor
    )
    if not _read_populations(page):
        raise Refused("One of the populations of this analysis has been deleted.")
    record_event(team=team, actor=actor, kind=EventKind.RESULTS, verb="saved result", subject=title)
    return page


@transaction.atomic
def update_result_page(*, page: ResultPage, title: str, notes: str, actor: User) -> None:
    _change(page, actor, title=title, notes=notes)
    record_event(team=page.team, actor=actor, kind=EventKind.RESULTS, verb="changed result", subject=title)


@transaction.atomic
def duplicate_result_page(*, page: ResultPage, actor: User) -> ResultPage:
    """A live copy that is nobody else's to see: links stay with the original."""
    title = f"{page.title[:110]} (copy)"
    return create_result_page(team=page.team, title=title, notes=page.notes, analysis=page.analysis, actor=actor)


@transaction.atomic
def freeze_result_page(*, page: ResultPage, snapshot: bytes, actor: User) -> None:
    if len(snapshot) > LARGEST_SNAPSHOT:
        raise Refused(f"The data of this page take {len(snapshot):,} bytes; {LARGEST_SNAPSHOT:,} can be kept.")
    if locked_row(page).frozen_at:
        raise Refused("This page is frozen already.")
    _change(page, actor, snapshot=snapshot, frozen_at=timezone.now())
    page.populations.all().delete()
    record_event(team=page.team, actor=actor, kind=EventKind.RESULTS, verb="froze result", subject=page.title)


@transaction.atomic
def thaw_result_page(*, page: ResultPage, actor: User) -> None:
    if not locked_row(page).frozen_at:
        raise Refused("This page is live already.")
    if not _read_populations(page):
        raise Refused("One of its populations has been deleted; the frozen numbers are all that is left of it.")
    _change(page, actor, snapshot=None, frozen_at=None)
    record_event(team=page.team, actor=actor, kind=EventKind.RESULTS, verb="made result live", subject=page.title)


@transaction.atomic
def share_result_page(*, page: ResultPage, days: int, actor: User) -> tuple[ShareLink, str]:
    """A link with its token, which is known here and never again."""
    if not 1 <= days <= LONGEST_SHARE_DAYS:
        raise Refused(f"A link works from 1 to {LONGEST_SHARE_DAYS} days, got {days}.")
    locked_row(page)  # so that it is not deleted meanwhile, and the limit holds
    if open_links().filter(page=page).count() >= MOST_OPEN_LINKS:
        raise Refused(f"A page can have {MOST_OPEN_LINKS} links that work; revoke some first.")
    token = new_token()
    expires_at = timezone.now() + timedelta(days=days)
    link = ShareLink.objects.create(
        page=page, token_digest=token_digest(token), created_by=actor, expires_at=expires_at
    )
    record_event(
        team=page.team,
        actor=actor,
        kind=EventKind.RESULTS,
        verb="shared result",
        subject=f"{page.title} for {days} days",
    )
    return link, token


@transaction.atomic
def revoke_link(*, link: ShareLink, actor: User) -> None:
    if not open_links().filter(pk=link.pk).update(revoked_at=timezone.now()):
        raise Refused("This link was revoked or has expired already.")
    record_event(team=link.page.team, actor=actor, kind=EventKind.RESULTS, verb="revoked link", subject=link.page.title)


def open_shared_page(token: str) -> ResultPage | None:
    """The page that a link shows, counted as seen; nothing where the link shows none."""
    if not open_links().filter(token_digest=token_digest(token)).update(views=F("views") + 1):
        return None
    return find_shared_page(token)


def find_shared_page(token: str) -> ResultPage | None:
    """The same for one of its files, which is no view."""
    links = open_links().select_related("page__team", "page__created_by", "page__updated_by")
    link = links.filter(token_digest=token_digest(token)).first()
    return link.page if link else None


def _read_populations(page: ResultPage) -> bool:
    """Store which populations a page that becomes live reads, by its saved address; False where some are gone.

    They are locked, so that none of them, and no batch of theirs, is deleted before this transaction ends.
    """
    try:
        trained, imported = _named_populations(page.analysis)
    except ValueError:  # an address that is none, such as an older version may have kept
        return False
    wanted: list[tuple[type[Space | Regime | ImportedPopulation], set[int]]] = [
        (Space, {space for space, _ in trained}),
        (Regime, {regime for _, regime in trained}),
        (ImportedPopulation, imported),
    ]
    for model, ids in wanted:
        rows = model._default_manager.select_for_update(no_key=True).filter(team=page.team_id, pk__in=ids)
        if len(rows.order_by("pk")) < len(ids):
            return False
    read = [ResultPopulation(page=page, space_id=space, regime_id=regime) for space, regime in trained]
    read += [ResultPopulation(page=page, imported_id=pk) for pk in imported]
    ResultPopulation.objects.bulk_create(read)
    return True


def _named_populations(analysis: Mapping[str, Any]) -> tuple[set[tuple[int, int]], set[int]]:
    """What the values ``p`` of an address name: pairs of a space and a regime such as 1-2, imports such as i3."""
    trained, imported = set[tuple[int, int]](), set[int]()
    for text in analysis["values"].get("p", []):
        if text.startswith("i"):
            imported.add(int(text[1:]))
        elif text:
            space, regime = text.split("-")
            trained.add((int(space), int(regime)))
    return trained, imported


def keep_result_line(*, page: ResultPage, line: dict[str, object], version: str) -> bool:
    """Keep what the list shows of a page with the version it was computed at; it changes nothing that people see.

    Of two that computed it at once the later wins: a line that is older than its version is computed anew.
    """
    return bool(ResultPage.objects.filter(pk=page.pk).update(line=line, line_of=version))


def _change(page: ResultPage, actor: User, **values: object) -> None:
    if not ResultPage.objects.filter(pk=page.pk).update(updated_by=actor, updated_at=timezone.now(), **values):
        raise Refused(f"{page} was deleted a moment ago.")
    page.refresh_from_db()
