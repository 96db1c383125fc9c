"""Files of the preview of a space that isn't saved yet: its figures in print size, and their numbers."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from django.test import Client

from tests.webapp import pages, rows
from webapp import queries
from webapp.models import Regime, Space, Team, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def team_and_owner() -> tuple[Team, User]:
    return rows.a_team()


@pytest.fixture
def parent(team_and_owner: tuple[Team, User]) -> Space:
    regime = rows.a_regime(*team_and_owner)
    errors = [float(x) for x in np.random.default_rng(0).normal(30, 3, 12)]
    return pages.trained(*team_and_owner, regime, name="R", preset="RegNetX-small", errors=errors)[0]


@pytest.fixture
def client(team_and_owner: tuple[Team, User]) -> Client:
    return pages.client_of(team_and_owner[1])


def narrowed(client: Client, parent: Space) -> tuple[str, dict[str, str]]:
    """A child's form, filled in by what the middle of the parent's samples has."""
    population = queries.load_population(space=parent, regime=Regime.objects.get())
    middle = int(np.median(population["depth"]))
    url = f"/spaces/{parent.pk}/refine/"
    return url, pages.posted(client.get(url).content.decode()) | {"depth_high": str(middle)}


def table(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.getvalue().decode())))


def test_every_figure_of_the_preview_has_its_files_and_nothing_is_saved(client: Client, parent: Space) -> None:
    url, sent = narrowed(client, parent)
    page = client.post("/spaces/preview/", sent).content.decode()
    offered = re.findall(r'name="export" value="([^"]+)"', page)
    elements = ("spread-flops", "spread-params", "spread-acts", "what-if")
    assert offered == [f"{element}.{kind}" for element in elements for kind in ("svg", "png", "csv")]
    for asked in offered:
        response = client.post(url, sent | {"export": asked})
        assert response["Content-Disposition"] == f'attachment; filename="{asked}"', asked
        if asked.endswith("svg"):
            assert ElementTree.fromstring(response.content).attrib["width"] == "252pt"  # noqa: S314  (our own file)
        elif asked.endswith("png"):
            assert response.content.startswith(b"\x89PNG")
    assert Space.objects.get() == parent


def test_the_numbers_of_a_histogram_are_the_drawn_designs_of_the_form_as_it_stands(
    client: Client, parent: Space
) -> None:
    url, sent = narrowed(client, parent)
    head, *lines = table(client.post(url, sent | {"export": "spread-flops.csv"}))
    assert head == ["depth", "w_0", "w_a", "w_m", "bottleneck_ratio", "group_width", "flops"]
    assert len(lines) == 400
    assert max(int(line[0]) for line in lines) <= int(sent["depth_high"])
    assert all(int(line[-1]) > 0 for line in lines)


def test_the_numbers_of_the_what_if_are_the_steps_of_both_curves(client: Client, parent: Space) -> None:
    url, sent = narrowed(client, parent)
    population = queries.load_population(space=parent, regime=Regime.objects.get())
    inside = population["depth"] <= int(sent["depth_high"])
    head, *lines = table(client.post(url, sent | {"export": "what-if.csv"}))
    assert head == ["samples", "error_percent", "fraction"]
    for name, errors in (("inside", population.errors[inside]), ("R", population.errors)):
        steps = [(float(error), float(share)) for one, error, share in lines if one == name]
        assert [error for error, _ in steps] == pytest.approx(np.sort(errors))
        assert steps[-1][1] == 1


@pytest.mark.parametrize("preset", ["AnyNetX-A-small", "RegNetX-small", "ResNeXt-B"])
def test_a_space_without_a_parent_and_without_a_name_has_files_too(client: Client, preset: str) -> None:
    url = f"/spaces/new/?preset={preset}"
    sent = pages.posted(client.get(url).content.decode()) | {"name": "", "export": "spread-acts.csv"}
    assert len(table(client.post("/spaces/new/", sent))) == 401


@pytest.mark.parametrize(
    "asked", ["what-if.svg", "spread-flops.pdf", "spread-flops", "../x.svg", ".csv", "spread-.csv"]
)
def test_a_file_that_the_preview_does_not_have_gives_the_form_again(client: Client, asked: str) -> None:
    sent = pages.posted(client.get("/spaces/new/?preset=RegNetX-small").content.decode())
    response = client.post("/spaces/new/", sent | {"export": asked})
    assert response.status_code == 200
    assert "Content-Disposition" not in response
    assert "Live preview" in response.content.decode()
    assert not Space.objects.exists()


def test_a_wrong_space_gives_the_form_with_what_is_wrong(client: Client, parent: Space) -> None:
    url, sent = narrowed(client, parent)
    response = client.post(url, sent | {"depth_low": "99", "export": "spread-flops.svg"})
    assert 'id="id_depth_low_error"' in response.content.decode()
    assert Space.objects.count() == 1


def test_another_teams_parent_has_no_files(client: Client, parent: Space) -> None:
    url, sent = narrowed(client, parent)
    stranger = pages.client_of(rows.a_team("Audio", "stranger@example.org")[1])
    assert stranger.post(url, sent | {"export": "what-if.csv"}).status_code == 404
