"""The lineage: spaces as a tree with what was trained of each."""

from __future__ import annotations

import numpy as np
import pytest

from engine.spaces import presets
from tests.webapp import pages, rows
from webapp import queries, services
from webapp.models import Regime, Space, Team, User
from webapp.pages.lineage import lineage
from webapp.pages.previews import _size

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


def spaces_of(story: Story, url: str) -> list[str]:
    return [line["Space"].lstrip("└ ") for line in pages.tables(story.text(url))["Lineage"]]


def test_a_page_of_the_tree_begins_with_what_its_first_space_was_refined_from(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.views.spaces.A_PAGE", 2)
    assert spaces_of(story, "/spaces/") == ["A", "B"]
    first = story.text("/spaces/")
    assert "More that was refined from A follows on the next page." in first
    assert "1–2 of 4" in first
    assert spaces_of(story, "/spaces/?page=2") == ["A continued", "B continued", "C", "other"]
    second = story.text("/spaces/?page=2")
    assert "follows on the next page" not in second
    assert "3–4 of 4" in second
    levels = [line["Space"].startswith("└") for line in pages.tables(second)["Lineage"]]
    assert levels == [False, True, True, False]


def test_another_order_and_a_filter_go_on_from_page_to_page(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.views.spaces.A_PAGE", 2)
    assert spaces_of(story, "/spaces/?sort=-name") == ["other", "C"]
    assert 'href="?sort=-name&amp;page=2">Next' in story.text("/spaces/?sort=-name")
    assert spaces_of(story, "/spaces/?sort=-name&page=2") == ["B", "A"]
    assert spaces_of(story, "/spaces/?family=anynet&page=2") == ["A continued", "B continued", "C"]
    assert "1–2 of 3" in story.text("/spaces/?family=anynet")
    assert spaces_of(story, "/spaces/?sort=size&page=99") == spaces_of(story, "/spaces/?sort=size&page=2")


def test_small_edfs_have_the_same_ends_on_every_page(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.views.spaces.A_PAGE", 1)

    def ends(page: int) -> str:
        head = pages.tables(story.text(f"/spaces/?page={page}"))["Lineage"][0]
        return next(name for name in head if name.startswith("EDF"))

    assert ends(1) == ends(2)


def test_a_spaces_page_shows_the_part_of_its_family_that_it_stands_in(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.views.spaces.A_PAGE", 2)
    assert spaces_of(story, f"/spaces/{story.first.pk}/") == ["A", "B"]
    url = f"/spaces/{story.third.pk}/"
    assert spaces_of(story, url) == ["A continued", "B continued", "C"]
    assert spaces_of(story, f"{url}?page=1") == ["A", "B"]
    text = story.text(url)
    assert "Lineage: 3 spaces" in text
    assert 'href="?page=1#lineage">Previous' in text


def test_only_the_sizes_of_the_page_are_counted(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.views.spaces.A_PAGE", 2)
    _size.cache_clear()
    story.text("/spaces/")
    assert _size.cache_info().misses == 2


def test_without_spaces_or_regimes_there_is_no_lineage() -> None:
    team, user = rows.a_team()
    assert lineage(team, asked=None).steps == []
    rows.a_space(team, user)
    found = lineage(team, asked=None)
    assert (found.regime, found.trained, found.low, found.high) == (None, 0, 0.0, 100.0)
    assert pages.client_of(user).get("/spaces/").status_code == 200
