"""Uploads between upload and confirmation: tables on disk, a person's own, gone after a day."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404

from webapp.files.reading import read_in_bounds
from webapp.files.table import Table, UnreadableFile, load_table
from webapp.models import Team, User

TOKEN = re.compile(r"[0-9a-f]{32}")
KEPT_SECONDS = 86_400
MOST_KEPT = 5  # of one person in one team; the oldest goes first


@dataclass(frozen=True)
class Draft:
    token: str
    path: Path  # of the table that was read from it
    name: str  # of the file, as the browser said it

    @property
    def table(self) -> Table:
        return load_table(self.path)


def keep_upload(*, team: Team, user: User, file: UploadedFile[Any]) -> Draft:
    """Read an upload, once and within bounds, and keep its table under a name that cannot be guessed."""
    _forget_old()
    folder = _folder(team, user)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = sorted(folder.glob("*.data"), key=lambda path: path.stat().st_mtime)
    for path in kept[: max(0, len(kept) - MOST_KEPT + 1)]:
        _remove(path)
    path = folder / f"{secrets.token_hex(16)}.data"
    upload = path.with_suffix(".upload")
    try:
        with upload.open("xb") as target:
            for piece in file.chunks():
                target.write(piece)
        read_in_bounds(upload, path)
    except UnreadableFile:
        _remove(path)
        raise
    finally:
        for left in (upload, path.with_suffix(".unpacked")):
            left.unlink(missing_ok=True)
    name = "".join(letter for letter in (file.name or "") if letter.isprintable())[-200:] or "a file"
    path.with_suffix(".json").write_text(json.dumps({"name": name}))
    return Draft(path.stem, path, name)


def find_draft(*, team: Team, user: User, token: str) -> Draft:
    """The person's own upload of that token, or 404."""
    path = _folder(team, user) / f"{token}.data"
    if not TOKEN.fullmatch(token) or not path.is_file():
        raise Http404("No such upload, or it was confirmed or is older than a day.")
    return Draft(token, path, json.loads(path.with_suffix(".json").read_text())["name"])


def drop_draft(draft: Draft) -> None:
    _remove(draft.path)


def _root() -> Path:
    return Path(settings.VAR) / "imports"


def _folder(team: Team, user: User) -> Path:
    return _root() / f"{team.pk}-{user.pk}"


def _forget_old() -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in _root().glob("*/*.data"):
        try:
            if path.stat().st_mtime < oldest:
                _remove(path)
        except FileNotFoundError:  # another request was quicker
            continue


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(".json").unlink(missing_ok=True)
