"""Pages of spaces: define, refine, change, preview."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from engine.spaces import presets
from engine.spaces.sampling import draw_designs
from tests.webapp import pages, rows
from webapp.models import Regime, Space, Team, User
from webapp.pages import previews

pytestmark = pytest.mark.django_db


@pytest.fixture
def team_and_owner() -> tuple[Team, User]:
    return rows.a_team()


@pytest.fixture
def client(team_and_owner: tuple[Team, User]) -> Client:
    return pages.client_of(team_and_owner[1])


def fields(client: Client, url: str) -> dict[str, str]:
    return pages.posted(client.get(url).content.decode())


def test_the_preview_draws_designs_again_only_where_the_space_is_another_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = fields(client, "/spaces/new/?preset=AnyNetX-A-small") | {"widths_high": "136"}
    drawn: list[Any] = []
    monkeypatch.setattr(
        previews, "draw_designs", lambda space, **how: drawn.append(space) or draw_designs(space, **how)
    )
    for changes in ({}, {"name": "another"}, {"note": "The same space."}):
        assert "flops (M)" in client.post("/spaces/preview/", sent | changes).content.decode()
    assert len(drawn) == 1
    client.post("/spaces/preview/", sent | {"widths_high": "144"})
    assert len(drawn) == 2


@pytest.mark.parametrize("preset", ["AnyNetX-A-small", "RegNetX-small", "ResNeXt-B", "AnyNetV-E"])
def test_a_preset_is_saved_from_the_form_as_it_is(client: Client, preset: str) -> None:
    sent = fields(client, f"/spaces/new/?preset={preset}")
    response = client.post("/spaces/new/", sent)
    space = Space.objects.get()
    assert response["Location"] == f"/spaces/{space.pk}/"
    assert space.name == preset
    assert space.definition == presets.space(preset).to_json()


def test_a_refinement_has_its_parent_its_insight_and_its_proof(
    client: Client, team_and_owner: tuple[Team, User]
) -> None:
    parent = rows.a_space(*team_and_owner, name="C", preset="AnyNetX-C-small")
    url = f"/spaces/{parent.pk}/refine/"
    sent = fields(client, url) | {"name": "D", "note": "Widths increase.", "widths_non_decreasing": "on"}
    assert client.post(url, sent).status_code == 302
    child = Space.objects.get(name="D")
    assert (child.parent, child.note) == (parent, "Widths increase.")
    text = client.get(f"/spaces/{child.pk}/").content.decode()
    assert "yes, proven" in text
    assert "+ widths non-decreasing" in text
    assert "└" in client.get("/spaces/").content.decode()


def test_a_child_that_reaches_outside_is_saved_and_shows_a_design_that_lies_there(
    client: Client, team_and_owner: tuple[Team, User]
) -> None:
    parent = rows.a_space(*team_and_owner, name="A", preset="AnyNetX-A-small")
    url = f"/spaces/{parent.pk}/refine/"
    client.post(url, fields(client, url) | {"name": "wider", "widths_high": "512"})
    text = client.get(f"/spaces/{Space.objects.get(name='wider').pk}/").content.decode()
    assert '<span class="badge failed">no</span> This design of it lies outside: d ' in text
    assert "w_1 = 512 is not a value of its law: log-uniform, 8 to 256, step 8." in text
    assert "not inside A" in pages.tables(client.get("/spaces/").content.decode())["Lineage"][1]["Space"]


def test_what_is_not_proven_is_neither_called_a_no_nor_marked_as_one(
    client: Client, team_and_owner: tuple[Team, User]
) -> None:
    # Few designs keep so small a limit of params: nothing proves that none has another w_m, and none was found.
    parent = rows.a_space(*team_and_owner, name="R", preset="RegNetX-w_m-2-small")
    url = f"/spaces/{parent.pk}/refine/"
    changes = {"w_m_values": "2, 2.5", "params_limit_base": "0", "params_limit_slope": "0.001"}
    sent = fields(client, url) | {"name": "few", **changes}
    preview = client.post("/spaces/preview/", sent).content.decode()
    assert client.post(url, sent).status_code == 302
    page = client.get(f"/spaces/{Space.objects.get(name='few').pk}/").content.decode()
    for text in (preview, page):
        assert '<span class="badge waiting">not proven</span> The law here gives w_m = 2.5' in text
    assert "not proven inside R" in pages.tables(client.get("/spaces/").content.decode())["Lineage"][1]["Space"]


def test_a_range_read_off_a_plot_starts_the_refinement(client: Client, team_and_owner: tuple[Team, User]) -> None:
    regnet = rows.a_space(*team_and_owner, name="R")
    anynet = rows.a_space(*team_and_owner, name="A", preset="AnyNetX-A-small")
    assert fields(client, f"/spaces/{regnet.pk}/refine/?narrow=w_m:2.2:2.5")["w_m_low"] == "2.2"
    stage = fields(client, f"/spaces/{anynet.pk}/refine/?narrow=w_2:30:70")
    assert (stage["widths_2_low"], stage["widths_2_high"], stage["widths_low"]) == ("32", "64", "8")
    shared = fields(client, f"/spaces/{anynet.pk}/refine/?narrow=bottleneck_ratio:1:2")
    assert shared["bottleneck_ratios_values"] == "1, 2"
    for nonsense in ("w_m", "w_m:a:b", "w_m:nan:1", "made_up:1:2", "w_m:9:1", "d_9:1:2"):
        assert client.get(f"/spaces/{regnet.pk}/refine/?narrow={nonsense}").status_code == 200


def test_an_unused_space_can_be_changed_and_a_used_one_cannot(
    client: Client, team_and_owner: tuple[Team, User]
) -> None:
    space = rows.a_space(*team_and_owner)
    url = f"/spaces/{space.pk}/edit/"
    sent = fields(client, url) | {"w_m_high": "2.5"}
    assert client.post(url, sent).status_code == 302
    space.refresh_from_db()
    assert space.definition["w_m"]["high"] == 2.5
    rows.a_batch(space, rows.a_regime(*team_and_owner), team_and_owner[1], size=2)
    response = client.post(url, sent | {"w_m_high": "2.75"})
    assert response.status_code == 200
    assert "is fixed" in response.content.decode()


def test_a_name_that_is_taken_is_said_at_the_name(client: Client, team_and_owner: tuple[Team, User]) -> None:
    rows.a_space(*team_and_owner, name="Taken")
    sent = fields(client, "/spaces/new/?preset=RegNetX-small") | {"name": "Taken"}
    text = client.post("/spaces/new/", sent).content.decode()
    assert "The name Taken is taken in this team." in text


def test_errors_stand_at_their_inputs_and_nothing_is_saved(client: Client) -> None:
    sent = fields(client, "/spaces/new/?preset=AnyNetX-A-small") | {"widths_high": "250"}
    text = client.post("/spaces/new/", sent).content.decode()
    assert 'id="id_widths_high_error"' in text
    assert 'aria-describedby="id_widths_high_error"' in text
    assert not Space.objects.exists()


def test_fields_nobody_asked_for_are_ignored(client: Client, team_and_owner: tuple[Team, User]) -> None:
    other, _ = rows.a_team("Audio", "other@example.org")
    sent = fields(client, "/spaces/new/?preset=RegNetX-small")
    client.post("/spaces/new/", sent | {"team": str(other.pk), "slot": "7", "is_staff": "1", "created_by": "1"})
    space = Space.objects.get()
    assert (space.team, space.slot) == (team_and_owner[0], 1)


@pytest.mark.parametrize("query", ["family=made-up", "preset=made-up"])
def test_a_start_that_does_not_exist_is_answered_by_400(client: Client, query: str) -> None:
    assert client.get(f"/spaces/new/?{query}").status_code == 400


def test_the_preview_shows_size_window_proof_and_pictures(client: Client, team_and_owner: tuple[Team, User]) -> None:
    parent = rows.a_space(*team_and_owner, name="C", preset="AnyNetX-C-small")
    rows.a_regime(*team_and_owner)
    sent = fields(client, f"/spaces/{parent.pk}/refine/") | {"widths_non_decreasing": "on"}
    response = client.post("/spaces/preview/", sent)
    text = response.content.decode()
    assert response.status_code == 200
    assert f"exactly {presets.space('AnyNetX-D-small').size():,}" in text
    for part in ("yes, proven", "In the window", "Shaded: the window", "+ widths non-decreasing", "data-plots"):
        assert part in text
    assert text.count('<svg class="thumb') == 6


def test_the_preview_of_a_wrong_space_says_what_is_wrong_and_keeps_the_last_answer(client: Client) -> None:
    sent = fields(client, "/spaces/new/?preset=RegNetX-small") | {"w_m_low": "9"}
    response = client.post("/spaces/preview/", sent)
    assert response.status_code == 200
    assert response["HX-Retarget"] == "#live-problems"
    assert "low must not be above high" in response.content.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"w_0_low": "4000000000", "w_0_high": "4000000000"},
        {"fewest_stages": "8", "most_stages": "8"},
        {"w_a_step": "0.0000001"},
        {"depth_low": "1", "depth_high": "1", "fewest_stages": "4", "most_stages": "4"},
        {"w_m_low": "1.001", "w_m_high": "1.001", "w_m_step": "0.001"},
        {"stem_width": "1000000000"},
    ],
)
def test_the_preview_of_an_extreme_space_answers_in_words(
    client: Client, team_and_owner: tuple[Team, User], changes: dict[str, str]
) -> None:
    rows.a_regime(*team_and_owner)
    sent = fields(client, "/spaces/new/?preset=RegNetX-small")
    assert client.post("/spaces/preview/", sent | changes).status_code == 200


def test_a_window_no_design_meets_says_what_was_nearest(client: Client, team_and_owner: tuple[Team, User]) -> None:
    rows.a_regime(*team_and_owner)
    sent = fields(client, "/spaces/new/?preset=RegNetX") | {"regime": str(Regime.objects.get().pk)}
    text = client.post("/spaces/preview/", sent).content.decode()
    assert "too few" in text
    assert "nearest flops" in text


def test_without_javascript_the_preview_button_fills_the_page_and_saves_nothing(client: Client) -> None:
    sent = fields(client, "/spaces/new/?preset=AnyNetX-A-small") | {"preview": "1", "stages": "5"}
    text = client.post("/spaces/new/", sent).content.decode()
    assert "Complexity of" in text
    assert 'name="widths_5_law"' in text
    assert not Space.objects.exists()


def test_lists_and_pages_take_a_bounded_number_of_statements(
    client: Client, team_and_owner: tuple[Team, User], django_assert_max_num_queries
) -> None:
    regime = rows.a_regime(*team_and_owner)
    for name in ("A", "B", "C", "D"):
        pages.trained(*team_and_owner, regime, name=name, preset="RegNetX-small", errors=[30.0, 31.0])
    client.get("/spaces/")  # counts the populations, and keeps that
    with django_assert_max_num_queries(9):
        assert client.get("/spaces/").status_code == 200
    with django_assert_max_num_queries(15):
        assert client.get(f"/spaces/{Space.objects.get(name='A').pk}/").status_code == 200


def test_a_space_with_more_batches_than_its_page_shows_leads_to_the_others(
    client: Client, team_and_owner: tuple[Team, User]
) -> None:
    space, regime = rows.a_space(*team_and_owner, name="R & S"), rows.a_regime(*team_and_owner)
    for seed in range(21):
        rows.a_batch(space, regime, team_and_owner[1], size=1, seed=seed, drawn=False)
    text = client.get(f"/spaces/{space.pk}/").content.decode()
    assert "Batches: 20, the newest" in text
    assert 'href="/batches/?q=R%20%26%20S">Search the queue for the others</a>' in text
    assert client.get("/batches/?q=R%20%26%20S").content.decode().count("R &amp; S</a>") >= 21


def test_a_refinement_starts_with_a_free_name_its_range_and_what_supports_it(
    client: Client, team_and_owner: tuple[Team, User]
) -> None:
    regnet = rows.a_space(*team_and_owner, name="R")
    url = f"/spaces/{regnet.pk}/refine/?narrow=w_m:2.2:2.5&narrow=depth::99&note=Analysis of R: w_m 2.2–2.5."
    sent = fields(client, url)
    assert (sent["name"], sent["w_m_low"], sent["w_m_high"]) == ("R w_m 2.2–2.5", "2.2", "2.5")
    assert sent["note"] == "Analysis of R: w_m 2.2–2.5."
    assert client.post(url, sent).status_code == 302
    child = Space.objects.get(name="R w_m 2.2–2.5")
    assert child.note == sent["note"]
    assert fields(client, url)["name"] == "R w_m 2.2–2.5 2"
    assert fields(client, f"/spaces/{regnet.pk}/refine/")["name"] == ""
    long = rows.a_space(*team_and_owner, name="x" * 119)
    assert len(fields(client, f"/spaces/{long.pk}/refine/?narrow=w_m:2.2:2.5&note={'y' * 3000}")["name"]) <= 120
