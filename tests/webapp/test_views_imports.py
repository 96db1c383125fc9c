"""Imports as people do them: upload, preview, confirm, look, delete; and uploads that mean harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from pyarrow import parquet

from engine.statistics import compare_errors
from tests.webapp import pages, rows
from webapp.files import drafts, uploads
from webapp.models import Event, ImportedPopulation, Role, User

pytestmark = pytest.mark.django_db

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
HOSTILE = "<img src=x onerror=alert(1)></script>@{error} $$x$$"


class Person:
    """A client that uploads, previews and confirms as a browser does."""

    def __init__(self, user: User) -> None:
        self.user, self.client = user, pages.client_of(user)

    def upload(self, content: bytes | str, name: str = "results.csv") -> HttpResponse:
        data = content if isinstance(content, bytes) else content.encode()
        return self.client.post("/imports/new/", {"file": SimpleUploadedFile(name, data)})  # type: ignore[return-value]

    def preview(self, content: bytes | str, name: str = "results.csv") -> tuple[str, str]:
        response = self.upload(content, name)
        assert response.status_code == 302, response.content.decode()
        address = response["Location"]
        return address, self.client.get(address).content.decode()

    def confirm(self, address: str, **changes: Any) -> HttpResponse:
        fields = pages.posted(self.client.get(address).content.decode()) | {"confirm": "1", **changes}
        return self.client.post(address, fields)  # type: ignore[return-value]


@pytest.fixture
def person(settings: Any, tmp_path: Path) -> Person:
    settings.VAR = tmp_path
    _, user = rows.a_team()
    return Person(user)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("imports/*/*"))


def test_from_a_csv_file_to_an_analysis(person: Person, tmp_path: Path) -> None:
    address, text = person.preview((EXAMPLES / "results.csv").read_bytes())
    assert "5 rows can be imported" in text
    assert "1 line will be left out" in text
    assert "top1_acc is empty" in text
    assert "top1_acc 88.2 becomes an error of 11.8" in text
    assert not ImportedPopulation.objects.exists()
    response = person.confirm(address, name="ResNets of the paper")
    row = ImportedPopulation.objects.get()
    assert response["Location"] == f"/imports/{row.pk}/"
    assert (row.n, row.left_out, row.error_origin) == (5, 1, "100 − top1_acc")
    assert kept(tmp_path) == []
    page = person.client.get(response["Location"]).content.decode()
    assert "Imported: 5 rows as ResNets of the paper." in page
    assert "error = 100 − top1_acc" in page
    analysis = person.client.get(f"/analyses/?p=i{row.pk}").content.decode().replace("\N{NO-BREAK SPACE}", " ")
    assert (
        '<h1 class="finding">Half of the 5 networks of ResNets of the paper have an error of at most 7.5 % '
        "(no interval yet).</h1>"
    ) in analysis
    assert "5 used, 0 failed, 0 pending, 1 of its file left out" in analysis
    assert 'id="by-depth"' in analysis
    assert 'id="by-flops"' in analysis
    assert "/refine/" not in analysis
    assert Event.objects.filter(verb="imported", subject="ResNets of the paper").exists()


def test_an_import_is_compared_with_what_was_trained_here(person: Person) -> None:
    team = person.user.teams.get()
    regime = rows.a_regime(team, person.user)
    space, _ = pages.trained(
        team, person.user, regime, name="RegNetX", preset="RegNetX-small", errors=[20.0, 21.0, 22.0, 23.0, 24.0]
    )
    imported = rows.an_import(team, person.user, [40.0, 41.0, 42.0, 43.0, 44.0], depth=[1, 2, 3, 4, 5])
    text = person.client.get(f"/analyses/?p={space.pk}-{regime.pk}&p=i{imported.pk}&of=i{imported.pk}")
    page = text.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    test = compare_errors([20.0, 21.0, 22.0, 23.0, 24.0], [40.0, 41.0, 42.0, 43.0, 44.0])
    assert (
        '<h1 class="finding">RegNetX has lower errors than Elsewhere: a network of RegNetX beats one of Elsewhere in '
        f"over 99 % of pairs (95 %: {100 * test.interval[0]:.0f}–100 %), p = 0.008.</h1>"
    ) in page
    assert test.difference_interval is not None
    least, most = -test.difference_interval[1], -test.difference_interval[0]
    assert (
        f"In the median pair the error of RegNetX is lower by 20.0 points ({least:.1f}–{most:.1f}); n = 5 and 5."
    ) in page
    assert f"/imports/{imported.pk}/?row=1#rows" in page
    table = person.client.get(f"/analyses/edf.csv?p=i{imported.pk}").getvalue().decode()
    assert table.splitlines()[1].startswith("Elsewhere,imported from results.csv,40")


def test_a_sweep_and_a_parquet_file_import_directly(person: Person, tmp_path: Path) -> None:
    address, text = person.preview((EXAMPLES / "sweep.json").read_bytes(), "sweep.json")
    assert "a sweep of pycls, with its designs" in text
    assert person.confirm(address).status_code == 302
    sweep = ImportedPopulation.objects.get(name="sweep")
    page = person.client.get(f"/analyses/?p=i{sweep.pk}").content.decode()
    assert 'class="thumb' in page
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"depth": [1, 2], "error": [0.2, 0.3]}), path)
    address, text = person.preview(path.read_bytes(), "x.parquet")
    assert "error 0.2 becomes an error of 20" in text
    assert person.confirm(address).status_code == 302
    assert ImportedPopulation.objects.get(name="x").error_origin == "100 × error"


def test_the_choices_change_what_is_imported(person: Person) -> None:
    address, text = person.preview("depth,score,width\n1,0.9,8\n2,0.8,x\n")
    assert "Which column is the error?" in text
    fields = pages.posted(text)
    fields |= {"role_1": "error", "unit_1": "accuracy-fraction", "role_2": "left_out"}
    again = person.client.post(address, fields | {"preview": "1"}).content.decode()
    assert "2 rows can be imported" in again
    assert "10.0 to 20.0 %" in again
    assert not ImportedPopulation.objects.exists()
    assert person.client.post(address, fields | {"confirm": "1"}).status_code == 302
    row = ImportedPopulation.objects.get()
    assert list(row.columns.order_by("position").values_list("name", flat=True)) == ["depth", "error"]


def test_the_uploads_own_files_come_back_as_they_were(person: Person) -> None:
    imported = rows.an_import(person.user.teams.get(), person.user, [20.5, 30.0], depth=[1, 2])
    for kind in ("csv", "json", "parquet"):
        content = person.client.get(f"/imports/{imported.pk}.{kind}").getvalue()
        address, text = person.preview(content, f"again.{kind}")
        assert "2 rows can be imported" in text, kind
        assert person.confirm(address, name=f"again {kind}").status_code == 302
        again = ImportedPopulation.objects.get(name=f"again {kind}")
        assert person.client.get(f"/imports/{again.pk}.json").getvalue() == (
            person.client.get(f"/imports/{imported.pk}.json").getvalue()
        )


@pytest.mark.parametrize("name", ["\u200b\u200b", "a\u202eb", "", "x" * 121, "a\x00b"])
def test_a_name_nobody_could_read_is_refused(person: Person, name: str) -> None:
    address, _ = person.preview("depth,error\n1,20\n2,30\n")
    assert person.confirm(address, name=name).status_code in (200, 400)
    assert not ImportedPopulation.objects.exists()


def test_a_taken_name_is_said_and_the_upload_stays(person: Person) -> None:
    rows.an_import(person.user.teams.get(), person.user, [20.0], name="results")
    address, _ = person.preview("depth,error\n1,20\n2,30\n")
    assert "The name results is taken" in person.confirm(address).content.decode()
    assert person.confirm(address, name="other").status_code == 302


def test_posted_fields_that_no_form_has_are_ignored(person: Person) -> None:
    other, _ = rows.a_team("Audio", "other@example.org")
    address, _ = person.preview("depth,error\n1,20\n2,30\n")
    person.confirm(address, team=other.pk, slot=99, n=1_000_000, created_by=0, is_staff="on")
    row = ImportedPopulation.objects.get()
    assert (row.team, row.n, row.created_by) == (person.user.teams.get(), 2, person.user)


@pytest.mark.parametrize("field", ["role_0", "unit_0", "role_1", "unit_1"])
def test_a_choice_that_is_not_offered_is_refused(person: Person, field: str) -> None:
    address, _ = person.preview("depth,error\n1,20\n2,30\n")
    assert person.confirm(address, **{field: "no such thing"}).status_code == 200
    assert not ImportedPopulation.objects.exists()


def test_a_discarded_upload_is_gone(person: Person, tmp_path: Path) -> None:
    address, _ = person.preview("depth,error\n1,20\n2,30\n")
    assert len(kept(tmp_path)) == 2
    assert person.client.post(f"{address}discard/").status_code == 302
    assert kept(tmp_path) == []
    assert person.client.get(address).status_code == 404


def test_an_upload_belongs_to_one_person_in_one_team(person: Person) -> None:
    address, _ = person.preview("depth,error\n1,20\n2,30\n")
    team = person.user.teams.get()
    _, stranger = rows.a_team("Audio", "other@example.org")
    for user in (stranger, pages.a_member(team, "mate@example.org")):
        client = pages.client_of(user)
        assert client.get(address).status_code == 404
        assert client.post(address, {"confirm": "1", "name": "x", "error": "error"}).status_code == 404
        assert client.post(f"{address}discard/").status_code == 404
    assert Client().get(address).status_code == 302
    viewer = pages.client_of(pages.a_member(team, "viewer@example.org", Role.VIEWER))
    assert viewer.get(address).status_code == 403
    assert viewer.post("/imports/new/", {"file": SimpleUploadedFile("a.csv", b"error,x\n1,1\n")}).status_code == 403


@pytest.mark.parametrize("token", ["..", "0" * 32, "%2e%2e%2f%2e%2e", "x" * 32, "../../secret_key", "a" * 31 + "%00"])
def test_a_token_is_no_path(person: Person, token: str) -> None:
    assert person.client.get(f"/imports/new/{token}/").status_code in (400, 404)


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/passwd", "a\r\nSet-Cookie: x=1.csv", "..\\evil", HOSTILE])
def test_a_files_name_is_neither_a_path_nor_a_header(person: Person, tmp_path: Path, name: str) -> None:
    address, text = person.preview("depth,error\n1,20\n2,30\n", name)
    assert "<img" not in text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.parent.parent == tmp_path / "imports" for path in files)
    assert person.confirm(address, name="fine").status_code == 302
    row = ImportedPopulation.objects.get()
    assert "\n" not in row.source
    assert "<img" not in person.client.get(f"/imports/{row.pk}/").content.decode()
    assert "<img" not in person.client.get(f"/analyses/?p=i{row.pk}").content.decode()


def test_hostile_names_and_cells_are_inert_text_everywhere(person: Person) -> None:
    cell = HOSTILE.replace('"', "")
    address, text = person.preview(f'"{cell}",error,"{cell} b"\n=cmd,20,1\n"{cell}",30,2\n')
    assert "<img" not in text
    assert person.confirm(address, name=HOSTILE).status_code == 302
    row = ImportedPopulation.objects.get()
    assert list(row.columns.order_by("position").values_list("name", flat=True)) == [
        "img_src_x_onerror_alert_1_script_error_x", "img_src_x_onerror_alert_1_script_error_x_b", "error",
    ]  # fmt: skip
    for url in ("/", "/analyses/", f"/imports/{row.pk}/", f"/analyses/?p=i{row.pk}"):
        page = person.client.get(url).content.decode()
        assert "<img" not in page
        assert "onerror=alert(1)></script>" not in page
    document = page.split("data-plots>")[1].split("</script>")[0]
    assert "$$" not in document
    assert "@{error}" not in document
    table = person.client.get(f"/imports/{row.pk}.csv").getvalue().decode()
    assert table.splitlines()[1] == "'=cmd,1,20"


def test_files_are_bounded_and_taken_by_one_form_only(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LARGEST_FILE", 1_000)
    text = person.upload("depth,error\n" + "1,20\n" * 1_000).content.decode()
    assert "which is the limit" in text
    assert kept(tmp_path) == []
    answer = person.client.post("/start/", {"file": SimpleUploadedFile("a.csv", b"x" * 100)})
    assert answer.status_code == 302
    two = {"file": SimpleUploadedFile("a.csv", b"a"), "more": SimpleUploadedFile("b.csv", b"b")}
    assert person.client.post("/imports/new/", two).status_code == 400
    assert person.client.post("/imports/new/", {}).status_code == 200


def test_more_fields_or_more_text_than_a_form_has_are_refused(person: Person) -> None:
    address, _ = person.preview("depth,error\n1,20\n2,30\n")
    assert person.client.post(address, {f"x{k}": "1" for k in range(1_001)}).status_code == 400
    assert person.client.post(address, {"name": "x" * 3_000_000}).status_code in (400, 413)


@pytest.mark.parametrize(
    "content",
    [
        '[{"error": ' + "[" * 100_000, '[{"error": ' + "x" * 5_000 + "}]",
        '[{"error": 1, "error": 2}]', "", "1,2\n3,4\n", b"\xff\xfe\x00", b"PAR1" + b"\x00" * 100,
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_answered_by_a_sentence(person: Person, tmp_path: Path, content: Any) -> None:
    response = person.upload(content)
    assert response.status_code == 200
    assert "Not read:" in response.content.decode()
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ('[{"note": "\\ud800", "error": 20}, {"note": "a", "error": 30}]', 302),
        ('[{"error": "\\ud800", "depth": 1}, {"error": 30, "depth": 2}]', 302),
        ('[{"\\ud800": 1, "error": 20}]', 302),
        ('[{"a\\u0000": 1, "error": 20}]', 302),
        ('[{"\\ud800": 1, "\\ud800": 2}]', 200),
        ("depth\0,error\n1,20\n", 302),
    ],
)
def test_text_that_no_page_could_show_is_answered_and_never_an_error(person: Person, content: str, status: int) -> None:
    response = person.upload(content, "results.json")
    assert response.status_code == status
    if status == 302:
        address = response["Location"]
        assert person.confirm(address).status_code == 302
        assert ImportedPopulation.objects.get().n >= 1


def test_a_file_that_breaks_off_later_is_said_too(person: Person) -> None:
    response = person.upload("depth,error\n" + "1,20\n" * 10 + '"broken,1\n')
    assert "Line 12 can&#x27;t be read" in response.content.decode()


def test_uploads_are_forgotten(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(drafts.MOST_KEPT + 2):
        person.preview("depth,error\n1,20\n2,30\n")
    assert len(kept(tmp_path)) == 2 * drafts.MOST_KEPT
    monkeypatch.setattr(drafts, "KEPT_SECONDS", -1)
    person.preview("depth,error\n1,20\n2,30\n")
    assert len(kept(tmp_path)) == 2


def test_another_teams_import_is_not_found(person: Person) -> None:
    other, stranger = rows.a_team("Audio", "other@example.org")
    foreign = rows.an_import(other, stranger, [20.0])
    for url in (f"/imports/{foreign.pk}/", f"/imports/{foreign.pk}.csv", f"/analyses/?p=i{foreign.pk}"):
        assert person.client.get(url).status_code == 404
    assert person.client.post(f"/imports/{foreign.pk}/delete/").status_code == 404
    assert ImportedPopulation.objects.filter(pk=foreign.pk).exists()
    assert "Elsewhere" not in person.client.get("/analyses/").content.decode()


def test_only_a_post_by_a_writer_deletes(person: Person) -> None:
    team = person.user.teams.get()
    row = rows.an_import(team, person.user, [20.0])
    viewer = pages.client_of(pages.a_member(team, "viewer@example.org", Role.VIEWER))
    assert "Delete" not in viewer.get(f"/imports/{row.pk}/").content.decode()
    assert viewer.post(f"/imports/{row.pk}/delete/").status_code == 403
    assert "its 1 row, for the whole team" in person.client.get(f"/imports/{row.pk}/delete/").content.decode()
    assert ImportedPopulation.objects.exists()
    assert person.client.post(f"/imports/{row.pk}/delete/")["Location"] == "/imports/"
    assert not ImportedPopulation.objects.exists()


@pytest.mark.parametrize("query", ["row=0", "row=3", "row=x", "row=" + "9" * 400, "page=x", "page=99"])
def test_a_row_or_page_that_does_not_exist_is_no_error(person: Person, query: str) -> None:
    row = rows.an_import(person.user.teams.get(), person.user, [20.0, 30.0])
    assert person.client.get(f"/imports/{row.pk}/?{query}").status_code == 200


def test_a_row_is_found_on_its_page(person: Person) -> None:
    row = rows.an_import(person.user.teams.get(), person.user, [20.0 + k / 10 for k in range(120)])
    page = person.client.get(f"/imports/{row.pk}/?row=101").content.decode()
    assert "Rows: 101–120 of 120" in page
    assert '<tr aria-current="true">' in page


def test_json_of_an_import_is_a_list_of_records(person: Person) -> None:
    row = rows.an_import(person.user.teams.get(), person.user, [20.5, 30.0], depth=[1, 2])
    records = json.loads(person.client.get(f"/imports/{row.pk}.json").getvalue())
    assert records == [{"depth": 1, "error": 20.5}, {"depth": 2, "error": 30.0}]
