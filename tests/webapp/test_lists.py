"""Order and filters of every list, and the search: by the address, allow-listed, bounded, kept by the pager."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.webapp import pages, rows
from webapp import services
from webapp.models import FailureKind, ImportedPopulation, ResultPage, Role, Space, Team, User

pytestmark = pytest.mark.django_db

LISTS = {
    "/spaces/": {"name", "size", "used", "error", "created"},
    "/regimes/": {"name", "data_set", "batches", "created"},
    "/batches/": {"space", "regime", "priority", "size", "created"},
    "/results/": {"title", "by", "updated", "created"},
    "/imports/": {"name", "source", "rows", "created"},
    "/workers/": {"host", "device", "kind", "state", "speed", "memory", "seen", "started"},
    "/team/": {"name", "email", "role"},
    "/team/log/": {"when"},
}
RUN_SORTS = {"sample", "state", "device", "error", "time"}


@pytest.fixture
def team_and_owner() -> tuple[Team, User]:
    return rows.a_team()


@pytest.fixture
def client(team_and_owner: tuple[Team, User]) -> Client:
    """Of a person whose team has one row or more in every list."""
    team, user = team_and_owner
    regime = rows.a_regime(team, user)
    space, _ = pages.trained(team, user, regime, name="Alpha", preset="RegNetX-small", errors=[30.0, 40.0])
    pages.trained(team, user, regime, name="Beta", preset="AnyNetX-A-small", errors=[20.0, FailureKind.DIVERGED])
    rows.an_import(team, user, [30.0, 40.0], name="Elsewhere")
    a_result(team, user, "First look", f"{space.pk}-{regime.pk}")
    return pages.client_of(user)


def a_result(team: Team, user: User, title: str, *named: str, notes: str = "") -> ResultPage:
    analysis = {"schema": 1, "values": {"p": list(named)}}
    return services.create_result_page(team=team, title=title, notes=notes, analysis=analysis, actor=user)


def main_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode().split('<main id="main"', 1)[1]


def order_of(client: Client, address: str, names: list[str]) -> list[str]:
    text = main_of(client, address)
    return sorted((name for name in names if f">{name}</a>" in text), key=lambda name: text.index(f">{name}</a>"))


@pytest.mark.parametrize("address", LISTS)
def test_each_column_offered_sorts_both_ways_and_says_so(client: Client, address: str) -> None:
    for column in LISTS[address]:
        for sort, said in ((column, "ascending"), (f"-{column}", "descending")):
            text = main_of(client, f"{address}?sort={sort}")
            heads = re.findall(rf'<th scope="col"[^>]*aria-sort="{said}"><a href="([^"]*)"', text)
            if heads:  # some orders have no column of their own
                turned = column if sort.startswith("-") else f"-{column}"
                assert f"sort={turned}" in heads[0]
    offered = set(re.findall(r'<th scope="col"[^>]*><a href="\?[^"]*sort=-?(\w+)', main_of(client, address)))
    assert offered
    assert offered <= LISTS[address]


@pytest.mark.parametrize(
    "query",
    ["sort=password", "sort=created_by__password", "sort=name;drop", "sort=--name", "sort=team__id", "sort=?",
     "state=unknown", "role=admin", "family=mlp", "archived=yes", "tag=" + "x" * 31, "tag=%E2%80%AE", "page=two",
     "page=" + "9" * 40, "who=0", "about=everything", "month=2026-13"],
)  # fmt: skip
def test_what_a_list_does_not_offer_is_refused(client: Client, query: str) -> None:
    name = query.split("=")[0]
    having = {"state": {"/batches/", "/results/", "/workers/"}, "role": {"/team/"}, "family": {"/spaces/"}}
    having |= {key: {"/team/log/"} for key in ("who", "about", "month")}
    filed = {"/spaces/", "/regimes/", "/batches/", "/results/", "/imports/"}
    for address in having.get(name, filed if name in {"archived", "tag"} else LISTS):
        assert client.get(f"{address}?{query}").status_code == 400, address


def test_runs_are_sorted_and_filtered_by_state_and_failure(client: Client) -> None:
    batch = Space.objects.get(name="Beta").batches.get()
    positions = re.compile(r'<th scope="row"><a href="/samples/\d+/">(\d+)</a>')

    def shown(query: str) -> list[str]:
        return positions.findall(main_of(client, f"/batches/{batch.pk}/?{query}"))

    assert shown("sort=sample") == ["0", "1"]
    assert shown("sort=-sample") == ["1", "0"]
    assert shown("sort=error") == shown("sort=-error") == ["0", "1"]  # without an error: last, either way
    assert shown("state=failed&kind=diverged") == ["1"]
    assert shown("kind=out_of_memory") == []
    assert "No run matches this filter" in main_of(client, f"/batches/{batch.pk}/?kind=out_of_memory")
    for sort in RUN_SORTS:
        assert len(shown(f"sort={sort}")) == 2
    for wrong in ("sort=worker__host", "kind=lost", "sort=final_error"):
        assert client.get(f"/batches/{batch.pk}/?{wrong}").status_code == 400


def test_spaces_are_a_tree_until_another_order_is_asked_for(client: Client, team_and_owner: tuple[Team, User]) -> None:
    team, user = team_and_owner
    alpha = Space.objects.get(name="Alpha")
    preset = rows.presets.space("RegNetX-small")
    services.create_space(team=team, name="Zeta", space=preset, actor=user, parent=alpha, note="deeper is better")
    names = ["Alpha", "Beta", "Zeta"]
    assert order_of(client, "/spaces/", names) == ["Alpha", "Zeta", "Beta"]
    assert order_of(client, "/spaces/?sort=-name", names) == ["Zeta", "Beta", "Alpha"]
    assert order_of(client, "/spaces/?sort=error", names) == ["Beta", "Alpha", "Zeta"]
    assert order_of(client, "/spaces/?sort=-error", names) == ["Alpha", "Beta", "Zeta"]  # without one: last
    assert order_of(client, "/spaces/?family=anynet", names) == ["Beta"]
    assert order_of(client, "/spaces/?q=DEEPER", names) == ["Zeta"]


def test_batches_are_filtered_by_their_state(client: Client, team_and_owner: tuple[Team, User]) -> None:
    team, user = team_and_owner
    space = rows.a_space(team, user, name="Gamma")
    rows.a_batch(space, rows.a_regime(team, user, name="slow"), user, size=1)
    names = ["Alpha", "Beta", "Gamma"]
    assert set(order_of(client, "/batches/?state=done", names)) == {"Alpha", "Beta"}
    assert order_of(client, "/batches/?state=waiting", names) == ["Gamma"]
    assert order_of(client, "/batches/?q=slow", names) == ["Gamma"]
    assert order_of(client, "/batches/?sort=-space&state=done", names) == ["Beta", "Alpha"]
    nothing = main_of(client, "/batches/?state=paused&sort=space")
    assert nothing.count("matches this filter") == 2
    assert 'href="?sort=space"' in nothing  # clearing the filter keeps the order
    assert 'hx-get="/batches/?state=waiting"' in main_of(client, "/batches/?state=waiting")


def test_the_pager_and_the_filter_keep_what_was_asked_for(client: Client, team_and_owner: tuple[Team, User]) -> None:
    team, user = team_and_owner
    for number in range(25):
        a_result(team, user, f"Look {number:02}")
    text = main_of(client, "/results/?sort=title&q=look&state=live")
    assert "1–20 of 26" in text
    following = re.search(r'href="(\?[^"]*page=2[^"]*)">Next', text)
    assert following is not None
    address = following[1].replace("&amp;", "&")
    assert set(address[1:].split("&")) == {"sort=title", "q=look", "state=live", "page=2"}
    second = main_of(client, f"/results/{address}")
    assert "21–26 of 26" in second
    assert "Look 24" in second
    assert '<input type="hidden" name="sort" value="title">' in second
    assert not re.search(r'<input type="hidden" name="(page|q|state)"', second)
    assert '<option value="live" selected>' in second
    assert re.search(r'href="\?q=look&amp;state=live&amp;sort=-title"', second)  # another order: the first page again


def test_result_pages_are_filtered_by_their_state(client: Client, team_and_owner: tuple[Team, User]) -> None:
    team, user = team_and_owner
    shared = a_result(team, user, "Shown")
    services.share_result_page(page=shared, days=3, actor=user)
    names = ["First look", "Shown"]
    assert order_of(client, "/results/?state=shared", names) == ["Shown"]
    assert order_of(client, "/results/?state=frozen", names) == []
    assert order_of(client, "/results/?sort=title", names) == ["First look", "Shown"]


def test_people_and_workers_are_filtered(client: Client, team_and_owner: tuple[Team, User]) -> None:
    pages.a_member(team_and_owner[0], "viewer@example.org", Role.VIEWER)
    rows.a_worker(host="gpu-7")
    assert "viewer@example.org" in main_of(client, "/team/?role=viewer")
    assert "viewer@example.org" not in main_of(client, "/team/?role=owner")
    assert "gpu-7" in main_of(client, "/workers/?q=GPU-7&state=idle")
    assert "No worker matches" in main_of(client, "/workers/?q=gpu-8")


@pytest.mark.parametrize("address", ["/spaces/", "/regimes/", "/results/", "/imports/", "/batches/"])
def test_a_list_without_any_row_says_how_to_begin_and_not_that_a_filter_is_set(address: str) -> None:
    client = pages.client_of(rows.a_team()[1])
    assert "filter" not in main_of(client, address).replace('class="filters"', "").replace("Filter", "")
    assert "matches this filter" in main_of(client, f"{address}?q=nothing")


def test_imports_are_a_list_of_their_own(client: Client) -> None:
    row = ImportedPopulation.objects.get()
    assert f'href="/imports/{row.pk}/">Elsewhere</a>' in main_of(client, "/imports/")
    assert 'href="/imports/">1 imported population</a>' in main_of(client, "/results/")


@pytest.mark.parametrize(
    "page",
    [
        "/regimes/",
        "/batches/",
        "/imports/",
        "/results/?sort=title",
        "/",
        "/spaces/",
        "/team/log/",
        "/analyses/",
        "/spaces/{space}/",
        "/batches/{batch}/",
        "/batches/{batch}/progress/",
        "/imports/{imported}/",
    ],
)
def test_the_statements_of_a_list_or_page_do_not_grow_with_the_teams_rows(
    client: Client, team_and_owner: tuple[Team, User], page: str, django_assert_max_num_queries: Any
) -> None:
    team, user = team_and_owner
    batch = Space.objects.get(name="Alpha").batches.get()
    imported = ImportedPopulation.objects.get()
    address = page.format(space=batch.space_id, batch=batch.pk, imported=imported.pk)
    a_result(team, user, "Both kinds", f"{batch.space_id}-{batch.regime_id}", f"i{imported.pk}")
    assert client.get(address).status_code == 200  # counts what has changed, and keeps it
    with django_assert_max_num_queries(25) as before:
        client.get(address)
    allowed = len(before)
    for number in range(5):
        space, regime = rows.a_space(team, user, name=f"S{number}"), rows.a_regime(team, user, name=f"R{number}")
        services.cancel_batch(batch=rows.a_batch(space, regime, user, size=1), actor=user)
        imported = rows.an_import(team, user, [30.0, 40.0], name=f"I{number}")
        for row in (space, regime, imported):
            services.add_tag(row=row, tag=f"t{number}", actor=user)
        _, batch = pages.trained(team, user, regime, name=f"T{number}", preset="RegNetX-small", errors=[30.0, 31.0])
        a_result(team, user, f"Result {number}", f"{batch.space_id}-{regime.pk}", f"i{imported.pk}")
    for _ in range(3):  # the lines of result pages are computed a few at a look
        client.get(address)
    with django_assert_max_num_queries(allowed):
        client.get(address)


# The search


def found(client: Client, sought: str, **more: str) -> dict[str, list[str]]:
    text = main_of(client, f"/search/?{urlencode({'q': sought, **more})}")
    sections = re.findall(r'<section aria-label="([^"]*)">(.*?)</section>', text, flags=re.DOTALL)
    return {kind: re.findall(r'<a href="[^"]*">([^<]*)</a>', body) for kind, body in sections}


def test_the_search_finds_every_kind_by_text(client: Client, team_and_owner: tuple[Team, User]) -> None:
    team, user = team_and_owner
    a_result(team, user, "Second", notes="why depth matters")
    pages.a_member(team, "ada@example.org")
    assert found(client, "ALPH") == {"Spaces": ["Alpha"]}
    assert found(client, "quick") == {"Regimes": ["quick"]}
    assert found(client, "elsewh") == {"Imported populations": ["Elsewhere"]}
    assert found(client, "first lo") == {"Result pages": ["First look"]}
    assert found(client, "depth matters") == {"Result pages": ["Second"]}
    assert found(client, "ada@") == {"People": ["ada@example.org"]}


def test_the_search_finds_by_number_and_by_tag(client: Client, team_and_owner: tuple[Team, User]) -> None:
    batch = Space.objects.get(name="Alpha").batches.get()
    for sought in (str(batch.pk), f"batch {batch.pk}", f"#{batch.pk}"):
        assert found(client, sought)["Batches"] == [f"Batch {batch.pk}: Alpha under quick"]
    for row in (batch, batch.space, ResultPage.objects.get()):
        services.add_tag(row=row, tag="paper", actor=team_and_owner[1])
    for sought in ("paper", "#Paper"):
        kinds = found(client, sought)
        assert set(kinds) == {"Spaces", "Batches", "Result pages"}


def test_the_search_is_bounded_and_leads_to_the_whole_list(
    client: Client, team_and_owner: tuple[Team, User], django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        rows.a_space(*team_and_owner, name=f"Many {number:02}")
    text = main_of(client, "/search/?q=many")
    assert text.count(">Many ") == 10
    assert "Spaces, the first 10" in text
    assert 'href="/spaces/?q=many">All of them</a>' in text
    with django_assert_max_num_queries(12):
        panel = client.get("/search/?q=many", headers={"HX-Request": "true", "HX-Target": "finder"}).content.decode()
    assert panel.count(">Many ") == 4
    assert "<main" not in panel


@pytest.mark.parametrize("sought", ["paper", "#Paper"])
def test_the_search_by_a_tag_leads_to_lists_that_hold_all_of_them(
    client: Client, team_and_owner: tuple[Team, User], sought: str
) -> None:
    regime = rows.a_regime(*team_and_owner, name="other")
    for number in range(11):
        space = rows.a_space(*team_and_owner, name=f"Many {number:02}")
        for row in (space, rows.a_batch(space, regime, team_and_owner[1], size=1, drawn=False)):
            services.add_tag(row=row, tag="paper", actor=team_and_owner[1])
    text = main_of(client, f"/search/?{urlencode({'q': sought})}")
    links = re.findall(r'href="([^"]*)">All of them</a>', text)
    assert [link.split("?")[0] for link in links] == ["/spaces/", "/batches/"]
    for link in links:
        assert main_of(client, link).count(">Many ") == 11, link


def test_the_search_that_finds_nothing_says_what_to_do_next(client: Client) -> None:
    text = main_of(client, "/search/?q=nothing+such")
    assert "Look in the archive too" in text
    assert 'href="/spaces/"' in text
    assert "arrow keys" in main_of(client, "/search/")
    assert client.get("/search/", headers={"HX-Request": "true", "HX-Target": "finder"}).content == b""


def test_the_search_leaves_archived_ones_out_until_asked(client: Client, team_and_owner: tuple[Team, User]) -> None:
    services.archive(row=Space.objects.get(name="Alpha"), actor=team_and_owner[1])
    assert found(client, "alpha") == {}
    assert found(client, "alpha", archived="1") == {"Spaces": ["Alpha"]}


def test_the_search_stays_within_the_team(client: Client, team_and_owner: tuple[Team, User]) -> None:
    stranger = pages.client_of(rows.a_team("Audio", "stranger@example.org")[1])
    batch = Space.objects.get(name="Alpha").batches.get()
    for sought in ("Alpha", "quick", "Elsewhere", "First", "owner@", str(batch.pk), "%", "_", "'"):
        assert found(stranger, sought) == {}, sought


@pytest.mark.parametrize(
    "sought", ["%", "_", "\\", "'; drop table webapp_space; --", "<script>alert(1)</script>", "(", "\u202e"]
)
def test_strange_texts_are_only_texts(client: Client, sought: str) -> None:
    for address in (*LISTS, "/search/"):
        response = client.get(address, {"q": sought})
        assert response.status_code == 200
        assert "<script>alert" not in response.content.decode()
    assert found(client, sought) == {}
