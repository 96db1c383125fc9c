"""Trained rows and signed-in clients for tests of pages."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import unescape
from html.parser import HTMLParser
from typing import Any

from django.test import Client

from tests.webapp import rows
from webapp import services
from webapp.models import FailureKind, Membership, Regime, Role, Sample, SampleBatch, Space, Team, User

PART = re.compile(r'data-part="([^"]+)"(?:[^>]*)>(.*?)<p [^>]*data-to-come>.*?</p>', re.DOTALL)


class Reader(Client):
    """A client that reads pages as a person does: the parts that a page asks for later are in their place."""

    def get(self, path: str, *args: Any, **kwargs: Any) -> Any:
        response = super().get(path, *args, **kwargs)
        if response.headers.get("Content-Type", "").startswith("text/html") and response.status_code == 200:
            text = response.content.decode()
            if "data-to-come" in text:
                whole = PART.sub(self._part, text).encode()
                response.read = whole  # what `content` of a streamed page gives, see conftest
                if not response.streaming:
                    response.content = whole
        return response

    def get_page(self, path: str, **kwargs: Any) -> Any:
        """What one request answers, without the parts that the page asks for later."""
        return super().get(path, **kwargs)

    def _part(self, placeholder: re.Match[str]) -> str:
        answer = super().get(unescape(placeholder[1]))
        assert answer.status_code == 200, placeholder[1]
        return f'data-read="{placeholder[1]}">{placeholder[2]}{answer.content.decode()}'


def documents(page: str) -> list[Any]:
    """The Bokeh documents of a page, with the elements that their figures are drawn in."""
    return [json.loads(text) for text in re.findall(r"<script[^>]* data-plots>(.*?)</script>", page, re.DOTALL)]


def elements(page: str) -> set[str]:
    """The elements of a page that have a figure."""
    return {element for document in documents(page) for element in document["items"][0]["roots"].values()}


def client_of(user: User) -> Reader:
    client = Reader()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def finish(batch: SampleBatch, errors: Sequence[float | FailureKind]) -> None:
    """Train the next waiting runs of the one active batch: an error in percent each, or the kind of its failure."""
    worker = rows.a_worker()
    for error in errors:
        claim = rows.claim(worker)
        assert claim is not None
        assert claim.batch_id == batch.pk
        if isinstance(error, FailureKind):
            services.record_failure(claim, kind=error, message=f"It was {error.label}.")
            continue
        services.record_epoch(claim, rows.EpochOf(test_error=error))
        result = rows.Result(final_error=error, best_error=max(0.0, error - 1))
        services.record_result(claim, result, device_slots=1)


def trained(
    team: Team,
    user: User,
    regime: Regime,
    *,
    name: str,
    preset: str,
    errors: Sequence[float | FailureKind],
    size: int = 0,
) -> tuple[Space, SampleBatch]:
    """A space with a batch of ``size`` designs, of which the first are trained."""
    space = rows.a_space(team, user, name=name, preset=preset)
    batch = rows.a_batch(space, regime, user, size=size or len(errors))
    finish(batch, errors)
    return space, batch


def measured(
    space: Space, regime: Regime, user: User, errors: Sequence[float], *, seed: int | None = None
) -> SampleBatch:
    """A drawn batch whose samples simply have these errors, without a run each: for populations of some size."""
    batch = rows.a_batch(space, regime, user, size=len(errors), seed=seed)
    samples = list(Sample.objects.filter(batch=batch).order_by("position"))
    for sample, error in zip(samples, errors, strict=True):
        sample.error, sample.best_error = error, error
    Sample.objects.bulk_update(samples, ["error", "best_error"])
    batch.runs.all().delete()
    return batch


class _Tables(HTMLParser):
    """Rows of cells of every table, by the label of the box it scrolls in."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.label = ""
        self.in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "div" and given.get("class") == "scroll":
            self.label = given.get("aria-label") or ""
        elif tag == "tr":
            self.tables.setdefault(self.label, []).append([])
        elif tag in ("td", "th"):
            self.tables[self.label][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, data: str) -> None:
        if self.in_cell:
            self.tables[self.label][-1][-1] += data


def tables(page: str) -> dict[str, list[dict[str, str]]]:
    """Every table of a page: its rows as words by the head of their column."""
    reader = _Tables()
    reader.feed(page)
    found = {}
    for label, (head, *body) in reader.tables.items():
        words = [[" ".join(cell.split()) for cell in row] for row in (head, *body)]
        found[label] = [dict(zip(words[0], row, strict=True)) for row in words[1:]]
    return found


def a_member(team: Team, email: str, role: Role = Role.MEMBER) -> User:
    user = services.create_user(email=email, password="correct horse battery")
    Membership.objects.create(team=team, user=user, role=role)
    return user


def posted(form_page: str) -> dict[str, str]:
    """The values of every field of a page's main form, as a browser would send them."""

    class Reader(HTMLParser):
        values: dict[str, str]
        select: str
        chosen: bool
        textarea: str

        def __init__(self) -> None:
            super().__init__()
            self.values, self.select, self.chosen, self.textarea = {}, "", False, ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            name = given.get("name") or ""
            if tag == "select":
                self.select, self.chosen = name, False
            elif tag == "textarea":
                self.values[name], self.textarea = "", name
            elif tag == "option" and self.select and ("selected" in given or not self.chosen):
                self.chosen = self.chosen or "selected" in given
                if "selected" in given or self.select not in self.values:
                    self.values[self.select] = given.get("value") or ""
            elif tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
                self.values[name] = given.get("value") or ("on" if given.get("type") == "checkbox" else "")

        def handle_data(self, data: str) -> None:
            if self.textarea:  # a browser leaves out the line break that the tag begins with
                self.values[self.textarea] += data.removeprefix("\n")

        def handle_endtag(self, tag: str) -> None:
            if tag == "select":
                self.select = ""
            elif tag == "textarea":
                self.textarea = ""

    reader = Reader()
    main = form_page.split('<main id="main"', 1)[1]
    reader.feed(main)
    return reader.values
