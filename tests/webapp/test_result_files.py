"""Files of result pages: figures, tables, samples and the whole page; of frozen pages, and by a link."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone
from pyarrow import parquet

from tests.webapp import pages, rows
from webapp import services
from webapp.analysis import snapshots
from webapp.analysis.analysis import forget
from webapp.models import FailureKind, ResultPage, Run, Sample, ShareLink, Space, User

pytestmark = pytest.mark.django_db

ERRORS = [31.0, 35.5, 29.25, 40.0, 33.0, 36.0, 38.0, 30.0, FailureKind.DIVERGED]
KINDS = ("csv", "json", "parquet")


class Study:
    """A result page of an AnyNet space and an import, and the client of its owner."""

    def __init__(self) -> None:
        self.team, self.owner = rows.a_team()
        self.client = pages.client_of(self.owner)
        self.regime = rows.a_regime(self.team, self.owner)
        make = (self.team, self.owner, self.regime)
        self.anynet, self.batch = pages.trained(
            *make, name="AnyNetX-A", preset="AnyNetX-A-small", errors=ERRORS, size=len(ERRORS) + 2
        )
        self.imported = rows.an_import(self.team, self.owner, [70.0, 71.0, 75.5], name="Older", depth=[4, 5, 9])
        self.pairs = [f"{self.anynet.pk}-{self.regime.pk}", f"i{self.imported.pk}"]
        query = "&".join(f"p={pair}" for pair in self.pairs)
        response = self.client.post(f"/results/new/?{query}", {"title": "Who wins?", "notes": "**Look** at *depth*."})
        self.page = ResultPage.objects.get(pk=int(response["Location"].split("/")[2]))
        self.address = f"/results/{self.page.pk}/"

    def link(self) -> str:
        text = self.client.post(f"{self.address}share/", {"days": "30"}).content.decode()
        found = re.search(r'value="http://testserver(/share/[^"]+)"', text)
        assert found is not None
        return found[1]

    def freeze(self) -> None:
        self.client.post(f"{self.address}freeze/")
        self.page.refresh_from_db()
        assert self.page.frozen_at

    def change_everything_measured(self) -> None:
        """More samples, another name, another result of a run, and then nothing left of the space at all."""
        pages.finish(self.batch, [12.5, 13.5])
        Space.objects.filter(pk=self.anynet.pk).update(name="Renamed")
        services.retry_failed_runs(batch=self.batch, actor=self.owner)
        Sample.objects.filter(batch=self.batch, position=0).update(error=99.0)

    def delete_samples(self) -> None:
        Run.objects.filter(sample__batch=self.batch).delete()
        Sample.objects.filter(batch=self.batch).delete()


@pytest.fixture
def study() -> Study:
    return Study()


def body_of(response: Any) -> bytes:
    content: bytes = response.getvalue() if response.streaming else response.content
    return content


def files_on(client: Client, address: str) -> list[str]:
    """Every file that a page offers."""
    text = client.get(address).content.decode()
    return sorted(set(re.findall(rf'href="({re.escape(address)}[^"]+\.(?:svg|png|csv|json|parquet|html))"', text)))


# One file of each kind that a page has; e_fit and the best designs are what needs the designs themselves.
SOME = ("edf.csv", "tables/best.csv", "figures/by-e_fit.svg", "populations/{0}.json", "populations/{1}.csv")


def contents(client: Client, study: Study, address: str = "", paths: Sequence[str] = SOME) -> dict[str, bytes]:
    """What some files of the page hold, without what differs between any two downloads."""
    found = {}
    for path in (path.format(*study.pairs) for path in paths):
        response = client.get((address or study.address) + path)
        assert response.status_code == 200, path
        assert response["Content-Disposition"].startswith("attachment"), path
        # The random ids of Bokeh and of SVG, and the time of drawing.
        found[path] = re.sub(rb'id="[^"]+"|#\w+|<dc:date>.*', b"", body_of(response))
    return found


def test_a_result_page_offers_every_figure_table_and_population_and_itself_below_its_own_address(study: Study) -> None:
    for freeze in (False, True):
        if freeze:
            study.freeze()
        offered = [address.removeprefix(study.address) for address in files_on(study.client, study.address)]
        text = study.client.get(study.address).content.decode()
        figures = re.findall(r'<div class="plot [^"]*" id="([^"]+)"', text)
        assert {"edf", "by-d_1", "by-e_fit", "by-flops"} <= set(figures)
        wanted = {f"figures/{figure}.{kind}" for figure in figures for kind in ("svg", "png")}
        wanted |= {f"tables/{figure}.csv" for figure in figures}
        wanted |= {"report.html", "edf.csv", "tables/populations.csv", "tables/best.csv", "tables/pairwise-tests.csv"}
        wanted |= {f"populations/{pair}.{kind}" for pair in study.pairs for kind in KINDS}
        assert wanted <= set(offered)
        assert not re.findall(r'href="/(?:analyses|populations|imports)/[^"]*\.(?:svg|png|csv|json|parquet|html)', text)


def test_the_files_of_each_kind_can_be_downloaded_and_read(study: Study) -> None:
    for path, content in contents(study.client, study).items():
        if path.endswith(".csv"):
            head, *lines = csv.reader(io.StringIO(content.decode()))
            assert lines, path
            assert {len(line) for line in lines} == {len(head)}
    drawn = study.client.get(f"{study.address}figures/by-d_1.svg").content
    assert ElementTree.fromstring(drawn).attrib["width"] == "252pt"  # noqa: S314  (our own file)
    assert study.client.get(f"{study.address}figures/edf.png").content[:4] == b"\x89PNG"


def test_the_samples_of_a_page_leave_in_three_formats_after_its_filters(study: Study) -> None:
    query = f"p={study.pairs[0]}&min_d_1=2"
    address = study.client.post(f"/results/new/?{query}", {"title": "Deep"})["Location"]
    files = {kind: body_of(study.client.get(f"{address}populations/{study.pairs[0]}.{kind}")) for kind in KINDS}
    read = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    assert 0 < len(read) < 8
    assert min(int(row["d_1"]) for row in read) >= 2
    assert len(read) == len(json.loads(files["json"]))
    for line, record in zip(read, json.loads(files["json"]), strict=True):
        assert line["only_samples_with"] == record["only_samples_with"] == "d_1 from 2"
        assert all(float(line[name]) == value for name, value in record.items() if name != "only_samples_with")
    assert parquet.read_table(io.BytesIO(files["parquet"])).to_pylist() == json.loads(files["json"])


def test_what_the_page_does_not_have_is_not_found(study: Study) -> None:
    paths = ("figures/none.svg", "figures/edf.pdf", "tables/none.csv", "populations/9-9.csv", "populations/i1.xml",
             "populations/..%2f1.csv", "report.pdf")  # fmt: skip
    for address in (study.address, study.link()):
        assert {path: study.client.get(f"{address}{path}").status_code for path in paths} == dict.fromkeys(paths, 404)


def test_a_page_that_shows_nothing_has_no_files(study: Study) -> None:
    space = rows.a_space(study.team, study.owner, name="New")
    rows.a_batch(space, study.regime, study.owner, size=2)
    query = f"p={space.pk}-{study.regime.pk}"
    address = study.client.post(f"/results/new/?{query}", {"title": "Early"})["Location"]
    for path in ("report.html", "figures/edf.svg", "tables/populations.csv"):
        assert study.client.get(f"{address}{path}").status_code == 404
    assert files_on(study.client, address) == []


def test_the_files_of_a_frozen_page_never_change(study: Study) -> None:
    live = contents(study.client, study)
    study.freeze()
    offered = files_on(study.client, study.address)
    assert contents(study.client, study) == live
    study.change_everything_measured()
    study.delete_samples()
    assert contents(study.client, study) == live
    assert files_on(study.client, study.address) == offered
    assert b"29.25" in live["edf.csv"]


def test_the_files_of_a_live_page_follow_new_samples(study: Study) -> None:
    before = contents(study.client, study, paths=("edf.csv", "tables/populations.csv"))
    study.change_everything_measured()
    after = contents(study.client, study, paths=list(before))
    assert all(after[path] != before[path] for path in before)
    assert b"Renamed" in after["edf.csv"]


def test_a_page_frozen_before_designs_were_kept_shows_what_is_left_of_them(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_kept_to_json", lambda kept: None)
    monkeypatch.setattr(snapshots, "_kept_from_json", lambda content: None)
    study.freeze()
    before = contents(study.client, study)
    study.delete_samples()
    forget()  # what this process remembers of the frozen page
    assert contents(study.client, study, paths=["edf.csv"])["edf.csv"] == before["edf.csv"]
    assert contents(study.client, study, paths=["tables/best.csv"])["tables/best.csv"] != before["tables/best.csv"]
    assert study.client.get(study.address).status_code == 200


def test_the_report_is_the_page_with_its_notes_and_asks_for_nothing(study: Study) -> None:
    response = study.client.get(f"{study.address}report.html")
    page = response.content.decode()
    assert response["Content-Disposition"] == 'attachment; filename="who-wins.html"'
    assert "<strong>Look</strong> at <em>depth</em>." in page
    assert "Who wins?" in page
    assert re.findall(r'<(?:link|script|img|iframe)[^>]+(?:src|href)="(?!data:)', page) == []
    before_script = page.split("<script>")[0]
    for left_out in ("<form", "csrfmiddlewaretoken", "/edit/", "/share/", 'class="actions"', ".svg"):
        assert left_out not in before_script, left_out
    assert f'href="http://testserver{study.address}"' in before_script
    assert pages.documents(before_script)


def test_the_report_of_a_frozen_page_says_since_when(study: Study) -> None:
    study.freeze()
    study.change_everything_measured()
    page = study.client.get(f"{study.address}report.html").content.decode()
    assert "frozen on" in page
    assert "8 used, 1 failed" in page
    assert "Renamed" not in page.split("<script>")[0]


# --- by a link -------------------------------------------------------------------------------------------------------


def test_a_link_offers_the_same_files_with_its_token_in_each_address(study: Study) -> None:
    link = study.link()
    of_team = {address.removeprefix(study.address) for address in files_on(study.client, study.address)}
    offered = files_on(pages.Reader(), link)
    assert {address.removeprefix(link) for address in offered} == of_team
    some = ("edf.csv", "tables/best.csv", "populations/{0}.json")
    assert contents(Client(), study, link, some) == contents(study.client, study, paths=some)
    assert ShareLink.objects.get().views == 1  # files are no views


def test_files_of_a_link_are_neither_kept_nor_found_nor_told_of(study: Study) -> None:
    link = study.link()
    for path in ("edf.csv", "tables/best.csv", "figures/by-e_fit.svg", "populations/{1}.parquet", "report.html"):
        response = Client().get(link + path.format(*study.pairs))
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"
        assert "noindex" in response["X-Robots-Tag"]


def test_after_a_link_ended_each_file_seen_earlier_is_not_found_like_one_that_never_was(study: Study) -> None:
    revoked, expired = study.link(), study.link()
    first, second = ShareLink.objects.order_by("pk")
    seen = [link + path.format(*study.pairs) for link in (revoked, expired) for path in (*SOME, "report.html")]
    assert [Client().get(address).status_code for address in seen[::5]] == [200, 200, 200]
    study.client.post(f"{study.address}links/{first.pk}/revoke/")
    ShareLink.objects.filter(pk=second.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    of_nobody = [address.replace(revoked.split("/")[2], token) for address in seen[:3] for token in ("x", "x" * 3000)]
    cut = seen[0].replace(revoked.split("/")[2], revoked.split("/")[2][:-1])
    assert {study.client.get(address).status_code for address in seen} == {404}
    answers = [Client().get(address) for address in (*seen, *of_nobody, cut)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1


def test_a_link_reaches_the_files_of_its_page_only_and_reads_only(study: Study) -> None:
    other = study.client.post(f"/results/new/?p={study.pairs[0]}", {"title": "Other"})["Location"]
    link = study.link()
    token = link.split("/")[2]
    hidden = rows.an_import(study.team, study.owner, [1.0, 2.0], name="Hidden")
    assert Client().get(f"{link}populations/i{hidden.pk}.csv").status_code == 404
    for path in (path.format(*study.pairs) for path in (*SOME, "report.html")):
        assert Client().post(link + path).status_code == 405
        for url in (study.address + path, other + path, f"{other}{path}?token={token}"):
            assert Client().get(url)["Location"].startswith("/sign-in/")
    for query in (f"?p=i{hidden.pk}", f"?of=i{hidden.pk}"):
        assert b"Hidden" not in body_of(Client().get(f"{link}edf.csv{query}"))


def test_the_report_of_a_link_leads_nowhere_and_names_neither_link_nor_samples(study: Study) -> None:
    link = study.link()
    for client in (Client(), study.client):
        page = client.get(f"{link}report.html").content.decode()
        body = page.split("<body>")[1].split("<script>")[0]
        assert "Who wins?" in body
        assert re.findall(r'href="(?!#)[^"]*"', body) == []
        for hidden in (link.split("/")[2], "testserver", "/samples/", "/spaces/", "Sign out"):
            assert hidden not in body, hidden


def test_a_viewer_has_the_files_and_a_stranger_has_none(study: Study) -> None:
    viewer = pages.client_of(pages.a_member(study.team, "viewer@example.org", "viewer"))
    stranger: User = rows.a_team("Audio", "stranger@example.org")[1]
    contents(viewer, study, paths=SOME[:2])
    for path in SOME:
        address = study.address + path.format(*study.pairs)
        assert pages.client_of(stranger).get(address).status_code == 404
