"""The lineage: spaces as a tree with what was trained of each."""

from __future__ import annotations

import numpy as np
import pytest

from engine import presets
from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import Regime, Space, Team, User
from webapp.pages.lineage import lineage

pytestmark = pytest.mark.django_db


class Story:
    """A > B > C, the first two trained; and a space that has nothing to do with them."""

    def __init__(self) -> None:
        self.team: Team
        self.user: User
        self.team, self.user = rows.a_team()
        self.regime: Regime = rows.a_regime(self.team, self.user)
        self.first = rows.a_space(self.team, self.user, name="A", preset="AnyNetX-A-small")
        self.second = self.child("B", self.first, "One ratio is enough.")
        self.third = self.child("C", self.second, "One group width is enough.")
        self.other = rows.a_space(self.team, self.user, name="other")
        self.errors = {space: np.random.default_rng(space.pk).normal(40, 3, 12) for space in (self.first, self.second)}
        for space, errors in self.errors.items():
            pages.measured(space, self.regime, self.user, errors.tolist())

    def child(self, letter: str, parent: Space, note: str) -> Space:
        return services.create_space(
            team=self.team, name=letter, space=presets.space(f"AnyNetX-{letter}-small"), actor=self.user,
            parent=parent, note=note,
        )  # fmt: skip

    def text(self, url: str) -> str:
        return pages.client_of(self.user).get(url).content.decode().replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture
def story() -> Story:
    return Story()


def test_each_step_has_its_insight_size_n_and_errors(story: Story) -> None:
    lines = pages.tables(story.text("/spaces/"))["Lineage"]
    assert [line["Space"].lstrip("└ ") for line in lines] == ["A", "B", "C", "other"]
    for line, space in zip(lines, (story.first, story.second), strict=False):
        errors = story.errors[space]
        assert line["n used"] == "12"
        assert line["[min | mean] error (%)"] == f"[{errors.min():.1f} | {errors.mean():.1f}]"
    assert lines[1]["Insight"] == "One ratio is enough."
    assert lines[2]["[min | mean] error (%)"] == "–"
    assert "Compare these 2 populations" in story.text("/spaces/")


def test_outlines_are_the_numbers_of_the_population(story: Story) -> None:
    found = queries.population_outlines(story.team, story.regime)
    population = queries.load_population(space=story.first, regime=story.regime)
    outline = found[story.first.pk]
    assert outline.n == population.n
    assert (outline.min, outline.mean) == (population.errors.min(), pytest.approx(population.errors.mean()))
    assert (outline.quantiles[0], outline.quantiles[-1]) == (population.errors.min(), population.errors.max())
    assert set(found) == {story.first.pk, story.second.pk}


def test_only_the_finished_prefix_counts(story: Story) -> None:
    batch = rows.a_batch(story.third, story.regime, story.user, size=4)
    pages.finish(batch, [30.0])
    rows.claim()
    pages.finish(batch, [10.0])
    outline = queries.population_outlines(story.team, story.regime)[story.third.pk]
    assert (outline.n, outline.mean) == (1, 30.0)
    line = pages.tables(story.text("/spaces/"))["Lineage"][2]
    assert line["n used"] == "1 2 pending"


def test_a_spaces_page_shows_its_own_family_alone(story: Story) -> None:
    lines = pages.tables(story.text(f"/spaces/{story.second.pk}/"))["Lineage"]
    assert [line["Space"].lstrip("└ ") for line in lines] == ["A", "B", "C"]
    assert "Lineage" not in pages.tables(story.text(f"/spaces/{story.other.pk}/"))


def test_the_regime_is_a_choice(story: Story) -> None:
    other = rows.a_regime(story.team, story.user, name="another")
    assert lineage(story.team, asked=None).regime == story.regime
    lines = pages.tables(story.text(f"/spaces/?regime={other.pk}"))["Lineage"]
    assert {line["n used"] for line in lines} == {"0"}
    assert "trained under another regime" in story.text(f"/spaces/?regime={other.pk}")
    client = pages.client_of(story.user)
    assert client.get("/spaces/?regime=999999").status_code == 404
    assert client.get("/spaces/?regime=x").status_code == 400


def test_without_spaces_or_regimes_there_is_no_lineage() -> None:
    team, user = rows.a_team()
    assert lineage(team, asked=None).steps == []
    rows.a_space(team, user)
    found = lineage(team, asked=None)
    assert (found.regime, found.trained, found.low, found.high) == (None, 0, 0.0, 100.0)
    assert pages.client_of(user).get("/spaces/").status_code == 200
