"""Result pages: saved, edited, duplicated, frozen, listed, deleted; and the links that share them."""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from engine.statistics import compare_errors, compare_sequentially
from tests.webapp import pages, rows
from webapp import services
from webapp.models import Event, FailureKind, Regime, ResultPage, Role, SampleBatch, ShareLink, Space, Team, User

pytestmark = pytest.mark.django_db

ERRORS = [31.0, 35.5, 29.25, 40.0, 33.0, 36.0, 38.0, 30.0, FailureKind.DIVERGED]


@dataclass
class Study:
    team: Team
    owner: User
    regime: Regime
    space: Space
    batch: SampleBatch
    client: Client

    @property
    def query(self) -> str:
        return f"p={self.space.pk}-{self.regime.pk}"

    def saved(self, title: str = "What RegNetX does", notes: str = "**Look** at it.") -> ResultPage:
        response = self.client.post(f"/results/new/?{self.query}", {"title": title, "notes": notes})
        return ResultPage.objects.get(pk=int(response["Location"].split("/")[2]))

    def shared(self, page: ResultPage, days: int = 30) -> str:
        text = self.client.post(f"/results/{page.pk}/share/", {"days": str(days)}).content.decode()
        found = re.search(r'value="http://testserver(/share/[^"]+)"', text)
        assert found is not None
        return found[1]


@pytest.fixture
def study() -> Study:
    team, owner = rows.a_team()
    regime = rows.a_regime(team, owner)
    space, batch = pages.trained(
        team, owner, regime, name="RegNetX", preset="RegNetX-small", errors=ERRORS, size=len(ERRORS) + 2
    )
    return Study(team, owner, regime, space, batch, pages.client_of(owner))


def numbers(text: str) -> str:
    """The part of a page that holds findings, figures and tables."""
    shown = text.split('<h1 class="finding">')[1].split('<section id="notes"')[0]
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", shown)


def arrays(text: str) -> list[str]:
    """The numbers that the plots of a page draw."""
    return sorted(re.findall(r'"data":\s*"([^"]+)"', text.split("data-plots>")[1].split("</script>")[0]))


def test_an_analysis_is_saved_and_shows_as_it_did_under_a_title_with_its_notes(study: Study) -> None:
    analysis = study.client.get(f"/analyses/?{study.query}").content.decode()
    assert f"/results/new/?{study.query}" in analysis
    assert "RegNetX" in study.client.get(f"/results/new/?{study.query}").content.decode()
    page = study.saved()
    text = study.client.get(f"/results/{page.pk}/").content.decode()
    assert "What RegNetX does" in text
    assert "<strong>Look</strong> at it." in text
    assert analysis.split('<h1 class="finding">')[1].split("</h1>")[0] in text
    assert "live, updated just now" in text
    assert Event.objects.filter(verb="saved result").exists()


def test_a_live_page_follows_new_samples(study: Study) -> None:
    page = study.saved()
    before = study.client.get(f"/results/{page.pk}/").content.decode()
    pages.finish(study.batch, [33.3])
    after = study.client.get(f"/results/{page.pk}/").content.decode()
    assert "8 used" in before
    assert "9 used" in after


def test_a_frozen_page_never_changes_and_a_live_one_again_does(study: Study) -> None:
    page = study.saved()
    study.client.post(f"/results/{page.pk}/freeze/")
    before = study.client.get(f"/results/{page.pk}/").content.decode()
    assert "frozen on" in before
    pages.finish(study.batch, [33.3, 34.4])
    Space.objects.filter(pk=study.space.pk).update(name="Renamed")
    after = study.client.get(f"/results/{page.pk}/").content.decode()
    assert numbers(before) == numbers(after)
    assert arrays(before)
    assert arrays(before) == arrays(after)
    assert "8 used" in after
    study.client.post(f"/results/{page.pk}/thaw/")
    assert "10 used" in study.client.get(f"/results/{page.pk}/").content.decode()


def test_a_frozen_page_keeps_its_comparison_in_draw_order_and_what_it_was_filtered_by(study: Study) -> None:
    other = rows.a_space(study.team, study.owner, name="Other", preset="RegNetX-small")
    pages.measured(other, study.regime, study.owner, [50.0 + k for k in range(12)])
    query = f"{study.query}&p={other.pk}-{study.regime.pk}"
    for more in ("", "&max_flops=100"):
        response = study.client.post(f"/results/new/?{query}{more}", {"title": "Both"})
        study.client.post(f"{response['Location']}freeze/")
        before = study.client.get(response["Location"]).content.decode()
        pages.finish(study.batch, [58.0])
        after = study.client.get(response["Location"]).content.decode()
        assert numbers(before) == numbers(after)
        assert ("Only samples with flops (M) up to 100" in after) == bool(more)
        (compared,) = pages.tables(after)["Compared in draw order"]
        assert compared["First lower"] == ("9" if more else "8")  # the first page was frozen one network earlier
        assert compared["Second lower"] == "1"  # the diverged one


def test_a_draw_order_without_a_pair_yet_is_frozen_as_one(study: Study) -> None:
    other = rows.a_space(study.team, study.owner, name="Other", preset="RegNetX-small")
    rows.a_batch(other, study.regime, study.owner, size=2)
    pages.measured(other, study.regime, study.owner, [50.0, 51.0], seed=1)  # the batch before has nothing yet
    response = study.client.post(f"/results/new/?{study.query}&p={other.pk}-{study.regime.pk}", {"title": "Both"})
    before = study.client.get(response["Location"]).content.decode()
    study.client.post(f"{response['Location']}freeze/")
    after = study.client.get(response["Location"]).content.decode()
    assert "Still open after 0 pairs" in before
    assert "Still open after 0 pairs" in after


def test_a_page_that_was_frozen_before_the_draw_order_was_kept_says_that_it_is_not_known(study: Study) -> None:
    other = rows.a_space(study.team, study.owner, name="Other", preset="RegNetX-small")
    pages.measured(other, study.regime, study.owner, [50.0, 51.0])
    response = study.client.post(f"/results/new/?{study.query}&p={other.pk}-{study.regime.pk}", {"title": "Both"})
    study.client.post(f"{response['Location']}freeze/")
    page = ResultPage.objects.get()
    content = json.loads(zlib.decompress(bytes(page.snapshot or b"")))
    for one in content["populations"]:
        del one["in_order"], one["ranges"]
    ResultPage.objects.update(snapshot=zlib.compress(json.dumps(content).encode()))
    text = study.client.get(response["Location"]).content.decode()
    assert "The order in which samples were drawn is not known of RegNetX and Other" in text


def test_a_page_is_frozen_once(study: Study) -> None:
    page = study.saved()
    for _ in range(2):
        study.client.post(f"/results/{page.pk}/freeze/")
    assert "frozen already" in study.client.get(f"/results/{page.pk}/").content.decode()
    assert Event.objects.filter(verb="froze result").count() == 1


def test_the_focus_and_the_filters_of_the_address_are_kept(study: Study) -> None:
    response = study.client.post(f"/results/new/?{study.query}&error=best&min_flops=0.1&junk=1", {"title": "Best"})
    text = study.client.get(response["Location"]).content.decode()
    assert "best epoch" in text
    values = ResultPage.objects.get().analysis["values"]
    assert values == {"p": [f"{study.space.pk}-{study.regime.pk}"], "error": ["best"], "min_flops": ["0.1"]}


def test_another_view_of_a_result_page_is_an_analysis_of_its_own(study: Study) -> None:
    page = study.saved()
    response = study.client.get(f"/results/{page.pk}/?{study.query}&normalise=flops")
    assert response["Location"] == f"/analyses/?{study.query.replace(' ', '+')}&normalise=flops"


def test_an_analysis_that_is_none_cannot_be_saved(study: Study) -> None:
    assert study.client.get("/results/new/")["Location"] == "/analyses/"
    assert study.client.post("/results/new/?p=x", {"title": "x"}).status_code == 400
    many = "&".join(f"what_if=w_m:{k}:9" for k in range(200))
    assert study.client.post(f"/results/new/?{study.query}&{many}", {"title": "x"}).status_code == 400
    assert not ResultPage.objects.exists()


def test_title_and_notes_are_edited_and_a_copy_is_live_and_unshared(study: Study) -> None:
    page = study.saved()
    study.shared(page)
    study.client.post(f"/results/{page.pk}/freeze/")
    study.client.post(f"/results/{page.pk}/edit/", {"title": "Other", "notes": "- one\n- two"})
    text = study.client.get(f"/results/{page.pk}/").content.decode()
    assert "<li>one</li>" in text
    assert "frozen on" in text
    study.client.post(f"/results/{page.pk}/duplicate/")
    copy = ResultPage.objects.latest("pk")
    assert (copy.title, copy.notes, copy.frozen_at) == ("Other (copy)", "- one\n- two", None)
    assert not copy.links.exists()


def test_a_deleted_page_and_its_links_are_gone_and_the_samples_stay(study: Study) -> None:
    page = study.saved()
    url = study.shared(page)
    assert study.client.post(f"/results/{page.pk}/delete/")["Location"] == "/results/"
    assert study.client.get(f"/results/{page.pk}/").status_code == 404
    assert Client().get(url).status_code == 404
    assert study.batch.samples.count() == len(ERRORS) + 2


def test_the_list_shows_curve_finding_state_and_finds_by_title_and_notes(study: Study) -> None:
    page, other = study.saved(), study.saved("Second look", "about depth")
    study.client.post(f"/results/{page.pk}/freeze/")
    study.shared(other)
    text = study.client.get("/results/").content.decode()
    assert text.count('class="spark"') == 2
    assert text.replace("\xa0", " ").count('median error 35.5 % so far <span class="ci">(no interval yet; n 9)') == 2
    assert "frozen" in text
    assert "<span>shared</span>" in text
    found = study.client.get("/results/?q=DEPTH").content.decode()
    assert "Second look" in found
    assert "What RegNetX does" not in found
    assert "No result page matches this filter" in study.client.get("/results/?q=nothing such").content.decode()
    home = study.client.get("/").content.decode()
    assert "Latest results: 2 of 2" in home


def test_two_populations_are_told_apart_in_the_list(study: Study) -> None:
    pages.finish(study.batch, [31.0, 32.0])
    other, _ = pages.trained(
        study.team, study.owner, study.regime, name="AnyNetX-A", preset="AnyNetX-A-small",
        errors=[60.0, 61.0, 65.0, 62.0, 66.0, 64.0, 63.0, 67.0],
    )  # fmt: skip
    study.client.post(f"/results/new/?{study.query}&p={other.pk}-{study.regime.pk}", {"title": "Against"})
    text = study.client.get("/results/").content.decode().replace("\xa0", " ")
    own = [math.inf if isinstance(error, FailureKind) else error for error in ERRORS]
    test = compare_errors([*own, 31.0, 32.0], [60.0, 61.0, 65.0, 62.0, 66.0, 64.0, 63.0, 67.0])
    low, high = (f"{100 * end:.0f}" for end in test.interval)
    assert (
        f"<td>RegNetX lower in {100 * test.theta:.0f} % of pairs "
        f'<span class="ci">({low}–{high} %; p = {test.p_value:.3f}; n 11 and 8)</span>'
    ) in text


def test_the_list_says_so_far_what_holds_at_every_look_while_runs_are_to_come(study: Study) -> None:
    services.pause_batch(batch=study.batch, actor=study.owner)
    other, _ = pages.trained(
        study.team, study.owner, study.regime, name="AnyNetX-A", preset="AnyNetX-A-small",
        errors=[60.0, 61.0, 65.0], size=4,
    )  # fmt: skip
    study.saved()
    study.client.post(f"/results/new/?{study.query}&p={other.pk}-{study.regime.pk}", {"title": "Against"})
    text = study.client.get("/results/").content.decode().replace("\xa0", " ")
    assert '<td>median error 35.5 % so far <span class="ci">(no interval yet; n 9)</span>' in text
    p_value = compare_sequentially([31.0, 35.5, 29.25], [60.0, 61.0, 65.0]).p_value
    assert (
        f'<td>no difference shown so far <span class="ci">(p = {p_value:.2f} at every look; n 9 and 3)</span>'
    ) in text


def test_a_page_whose_first_sample_is_to_come_says_so(study: Study) -> None:
    space = rows.a_space(study.team, study.owner, name="New")
    rows.a_batch(space, study.regime, study.owner, size=2)
    study.client.post(f"/results/new/?p={space.pk}-{study.regime.pk}", {"title": "Early"})
    page = ResultPage.objects.get()
    assert "No error to show yet" in study.client.get(f"/results/{page.pk}/").content.decode()
    shared = Client().get(study.shared(page)).content.decode()
    assert "No error to show yet" in shared
    assert "no sample used yet" in study.client.get("/results/").content.decode()


NASTY = """# Head <img src=x onerror=alert(1)>
[js](javascript:alert(1)) [data](data:text/html,x) [web](https://example.org/)
![pixel](https://evil.example/p.png) <script>alert(1)</script> <svg onload=alert(1)> <style>*{}</style>
<a href="https://example.org" style="x" onclick="y">raw</a>
"""


def test_notes_can_do_nothing(study: Study) -> None:
    page = study.saved(notes=NASTY)
    text = study.client.get(f"/results/{page.pk}/").content.decode()
    notes = text.split('<div class="prose">')[1].split("</div>")[0]
    for tag in (
        "<img",
        "<script",
        "<svg",
        "<style",
        'href="javascript',
        'href="data',
        '<a href="https://example.org" ',
    ):
        assert tag not in notes
    assert "evil.example/p.png" not in notes.replace("&quot;", "")
    assert '<a href="https://example.org/" rel="noopener noreferrer nofollow">web</a>' in notes
    assert "<h3>Head" in notes


def test_a_hostile_title_is_inert_text_everywhere(study: Study) -> None:
    page = study.saved(title="<img src=x onerror=1>$$x$$")
    url = study.shared(page)
    for client, address in ((study.client, f"/results/{page.pk}/"), (study.client, "/results/"), (study.client, "/"),
                            (study.client, f"/results/{page.pk}/share/"), (Client(), url)):  # fmt: skip
        assert "<img" not in client.get(address).content.decode()


# --- sharing ---------------------------------------------------------------------------------------------------------


def test_a_link_shows_the_page_and_no_way_to_anywhere_else(study: Study) -> None:
    url = study.shared(study.saved())
    for client in (Client(), study.client):
        response = client.get(url)
        text = response.content.decode()
        assert response.status_code == 200
        assert "What RegNetX does" in text
        assert "8 used" in text
        body = text.split("<body>")[1]
        files = rf"{url}[^\"]+\.(?:svg|png|csv|json|parquet|html)"  # test_result_files
        assert [link for link in re.findall(r'href="(?!#)([^"]*)"', body) if not re.fullmatch(files, link)] == []
        words = ("<form", "<input", "hx-get", "/samples/", "/spaces/", "/batches/", "/analyses/", "Sign out")
        assert [word for word in words if word in text] == []
        assert "data-plots" in body


def test_a_link_is_for_its_page_only(study: Study) -> None:
    page, other = study.saved(), study.saved("Other")
    token = study.shared(page).split("/")[2]
    client = Client()
    for address in (f"/results/{page.pk}/", f"/results/{other.pk}/", "/analyses/", f"/batches/{study.batch.pk}/",
                    f"/populations/{study.space.pk}-{study.regime.pk}.csv", f"/results/{page.pk}/edit/"):  # fmt: skip
        for url in (address, f"{address}?token={token}", f"{address}?share={token}"):
            assert client.get(url)["Location"].startswith("/sign-in/")
    for address in ("edit/", "delete/", "data/", "results/1/", "links/1/revoke/", "share/"):
        assert client.get(f"/share/{token}/{address}").status_code == 404
        assert client.post(f"/share/{token}/{address}").status_code == 404
    assert client.post(f"/share/{token}/").status_code == 405
    assert ResultPage.objects.count() == 2


def test_links_that_show_nothing_are_answered_alike(study: Study) -> None:
    page = study.saved()
    good, expired, revoked, of_deleted = (study.shared(page) for _ in range(4))
    by_age = list(ShareLink.objects.order_by("pk"))
    ShareLink.objects.filter(pk=by_age[1].pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    study.client.post(f"/results/{page.pk}/links/{by_age[2].pk}/revoke/")
    by_age[3].delete()
    urls = (expired, revoked, of_deleted, "/share/", "/share//", "/share/x/", good[:-2] + "/", f"/share/{'x' * 3000}/",
            good.upper(), "/no-such-page/")  # fmt: skip
    answers = [Client().get(url) for url in urls]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1
    assert Client().get(good).status_code == 200


def test_revoking_ends_a_link_at_once(study: Study) -> None:
    page = study.saved()
    url, client = study.shared(page), Client()
    assert client.get(url).status_code == 200
    study.client.post(f"/results/{page.pk}/links/{ShareLink.objects.get().pk}/revoke/")
    assert client.get(url).status_code == 404


def test_a_token_is_strong_kept_as_a_digest_and_shown_once(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    page = study.saved()
    token = study.shared(page).split("/")[2]
    assert len(token) >= 32  # of 64 letters: 192 bits
    stored = str(list(ShareLink.objects.values())) + str(list(Event.objects.values()))
    assert token not in stored
    assert token not in study.client.get(f"/results/{page.pk}/share/").content.decode()
    Client().get(f"/share/{token}/")
    Client().get(f"/share/{token[:-1]}/")
    assert token[:-1] not in caplog.text


def test_a_shared_page_is_neither_kept_nor_found_nor_told_of(study: Study) -> None:
    response = Client().get(study.shared(study.saved()))
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response["X-Robots-Tag"]
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert '<meta name="robots" content="noindex, nofollow">' in response.content.decode()


def test_a_link_expires_after_thirty_days_unless_said_otherwise_and_never_not(study: Study) -> None:
    page = study.saved()
    study.shared(page)
    left = ShareLink.objects.get().expires_at - timezone.now()
    assert timedelta(days=29) < left <= timedelta(days=30)
    assert 'value="30"' in study.client.get(f"/results/{page.pk}/share/").content.decode()
    for days in ("0", "-1", "366", "", "1e9", "soon"):
        response = study.client.post(f"/results/{page.pk}/share/", {"days": days})
        assert response.status_code == 200
        assert "testserver/share/" not in response.content.decode()
    assert ShareLink.objects.count() == 1


def test_views_are_counted(study: Study) -> None:
    page = study.saved()
    url = study.shared(page)
    for _ in range(2):
        Client().get(url)
    assert ShareLink.objects.get().views == 2


def test_a_frozen_page_is_shared_frozen(study: Study) -> None:
    page = study.saved()
    url = study.shared(page)
    study.client.post(f"/results/{page.pk}/freeze/")
    pages.finish(study.batch, [33.3, 34.4])
    text = Client().get(url).content.decode()
    assert "8 used" in text
    assert "frozen on" in text


def test_what_a_signed_in_visitor_is_told_elsewhere_does_not_show_on_a_shared_page(study: Study) -> None:
    url = study.shared(study.saved())
    assert "Saved." not in study.client.get(url).content.decode()


def test_a_link_of_another_page_is_not_revoked_through_this_one(study: Study) -> None:
    page, other = study.saved(), study.saved("Other")
    study.shared(page)
    link = ShareLink.objects.get()
    assert study.client.post(f"/results/{other.pk}/links/{link.pk}/revoke/").status_code == 404
    link.refresh_from_db()
    assert link.revoked_at is None


def test_a_viewer_reads_result_pages_and_is_offered_no_verb(study: Study) -> None:
    page = study.saved()
    client = pages.client_of(pages.a_member(study.team, "viewer@example.org", Role.VIEWER))
    text = client.get(f"/results/{page.pk}/").content.decode()
    for verb in ("share", "freeze", "edit", "delete", "duplicate"):
        assert f"/{verb}/" not in text
        assert client.post(f"/results/{page.pk}/{verb}/").status_code == 403


def test_there_is_an_end_to_links(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.services.results.MOST_OPEN_LINKS", 1)
    page = study.saved()
    study.shared(page)
    assert "revoke some first" in study.client.post(f"/results/{page.pk}/share/", {"days": "3"}).content.decode()


def test_services_refuse_what_the_forms_do(study: Study) -> None:
    page = study.saved()
    arguments: dict[str, Any] = {"page": page, "actor": study.owner}
    with pytest.raises(services.Refused):
        services.share_result_page(days=0, **arguments)
    with pytest.raises(services.Refused):
        services.thaw_result_page(**arguments)
