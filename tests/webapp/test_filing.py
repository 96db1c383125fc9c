"""Tags, the archive and deletion: what they do, what they refuse, and what they leave alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import IntegrityError, connection, transaction
from django.db.models.deletion import ProtectedError
from django.test import Client

from tests.webapp import pages, rows
from webapp import queries, services
from webapp.forms.tags import read_tag
from webapp.models import (
    Epoch,
    Event,
    ImportedPopulation,
    Regime,
    ResultPage,
    ResultPopulation,
    Role,
    Run,
    Sample,
    SampleBatch,
    Space,
    Team,
    User,
)
from webapp.models.filing import MOST_TAGS, Filed
from webapp.services import Refused
from webapp.views.filing import FINDERS

pytestmark = pytest.mark.django_db

FOLDERS: dict[type[Filed], str] = {
    Space: "spaces", Regime: "regimes", SampleBatch: "batches", ResultPage: "results", ImportedPopulation: "imports",
}  # fmt: skip


class Study:
    """A team with one row of every kind that can be filed; its batch has ended."""

    def __init__(self) -> None:
        batch = rows.a_study(size=2)
        pages.finish(batch, [30.0, 40.0])
        self.batch, self.space, self.regime = batch, batch.space, batch.regime
        self.team, self.user = batch.space.team, batch.created_by
        self.imported = rows.an_import(self.team, self.user, [30.0, 40.0])
        self.page = a_page(self.team, self.user, f"{self.space.pk}-{self.regime.pk}")
        self.client = pages.client_of(self.user)
        self.everything: list[Any] = [self.space, self.regime, self.batch, self.page, self.imported]


@pytest.fixture
def study() -> Study:
    return Study()


def a_page(team: Team, user: User, *populations: str, title: str = "Found") -> ResultPage:
    analysis = {"schema": 1, "values": {"p": list(populations)}}
    return services.create_result_page(team=team, title=title, notes="", analysis=analysis, actor=user)


def url(row: Filed, verb: str = "") -> str:
    return f"/{FOLDERS[type(row)]}/{row.pk}/" + (f"{verb}/" if verb else "")


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def tags_of(row: Any) -> list[str]:
    tags: list[str] = type(row).objects.get(pk=row.pk).tags
    return tags


def told(response: Any, client: Client) -> str:
    """The page that an answer leads to, which says what happened."""
    return text_of(client, response["Location"])


# Tags


def test_a_tag_is_added_shown_filtered_by_and_taken_off_on_every_kind_of_row(study: Study) -> None:
    for row in study.everything:
        assert study.client.post(url(row, "tag"), {"tag": "Paper"})["Location"] == url(row)
        assert tags_of(row) == ["paper"]
        assert f'/{FOLDERS[type(row)]}/?tag=paper">paper</a>' in text_of(study.client, url(row))
        assert url(row) in text_of(study.client, f"/{FOLDERS[type(row)]}/?tag=paper")
        assert f'"{url(row)}"' not in text_of(study.client, f"/{FOLDERS[type(row)]}/?tag=other")
        study.client.post(url(row, "untag"), {"tag": "paper"})
        assert tags_of(row) == []


def test_the_same_word_is_the_same_tag_however_it_is_typed(study: Study) -> None:
    for typed in ("Deep  Nets", "deep nets", " DEEP NETS ", "ｄeep nets"):
        study.client.post(url(study.space, "tag"), {"tag": typed})
    assert tags_of(study.space) == ["deep nets"]
    assert study.client.get("/spaces/?tag=DEEP+nets").content.decode().count(url(study.space)) > 0


def test_a_tag_read_again_is_the_same_tag() -> None:
    for typed in ("\u1fa1\u0343", "\u0130\u05a4", "\u1e9e", "\ufb01"):  # small letters that compose or reorder anew
        assert read_tag(read_tag(typed)) == read_tag(typed)


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("", "required"),
        ("x" * 31, "1 to 30 characters, got 31"),
        ("a\u200bb", "invisible character U+200B"),
        ("a\u202eb", "invisible character U+202E"),
        ("a\u2066b", "invisible character U+2066"),
        ("a\u0007b", "invisible character U+0007"),
        ("a\u00adb", "invisible character U+00AD"),
        ("\u200b\u200b", "something visible"),
    ],
)
def test_what_is_no_word_is_no_tag(study: Study, tag: str, said: str) -> None:
    page = told(study.client.post(url(study.space, "tag"), {"tag": tag}), study.client)
    assert "Not tagged" in page
    assert said in page
    assert tags_of(study.space) == []


def test_a_nul_in_a_tag_is_refused_before_it_reaches_anything(study: Study) -> None:
    assert study.client.post(url(study.space, "tag"), {"tag": "a\x00b"}).status_code == 400
    assert study.client.get("/spaces/?tag=a%00b").status_code == 400


def test_a_row_carries_so_many_tags_and_no_more(study: Study) -> None:
    for number in range(MOST_TAGS):
        services.add_tag(row=study.space, tag=f"tag {number:02}", actor=study.user)
    page = told(study.client.post(url(study.space, "tag"), {"tag": "one more"}), study.client)
    assert f"{MOST_TAGS} are the most" in page
    assert len(tags_of(study.space)) == MOST_TAGS
    with pytest.raises(IntegrityError), transaction.atomic():
        Space.objects.filter(pk=study.space.pk).update(tags=[str(number) for number in range(MOST_TAGS + 1)])


def test_two_people_who_tag_at_once_both_succeed(study: Study) -> None:
    first, second = Space.objects.get(pk=study.space.pk), Space.objects.get(pk=study.space.pk)
    services.add_tag(row=first, tag="one", actor=study.user)
    services.add_tag(row=second, tag="two", actor=study.user)
    assert tags_of(study.space) == ["one", "two"]


HOSTILE_TAGS = [
    "<script>alert(1)</script>", "'; drop table webapp_space; --", '"><img src=x>', "{{ 7 }}", "a%b_c\\",
]  # fmt: skip


def test_tags_are_texts_wherever_they_show(study: Study) -> None:
    for row in study.everything:
        for tag in HOSTILE_TAGS:
            study.client.post(url(row, "tag"), {"tag": tag})
        assert tags_of(row) == sorted(HOSTILE_TAGS)
        folder = f"/{FOLDERS[type(row)]}/"
        shown = [study.client.get(folder, {"tag": tag}).content.decode() for tag in HOSTILE_TAGS]
        assert all(url(row) in page for page in shown)
        for page in (*shown, text_of(study.client, url(row))):
            assert "<script>alert" not in page
            assert "<img src=x>" not in page
    for tag in HOSTILE_TAGS:
        found = study.client.get("/search/", {"q": tag}).content.decode()
        assert "<script>alert" not in found
        assert url(study.space) in found
    assert url(study.space) not in study.client.get("/spaces/", {"tag": "a%"}).content.decode()


def test_a_viewer_sees_tags_and_no_way_to_change_them(study: Study) -> None:
    services.add_tag(row=study.space, tag="paper", actor=study.user)
    viewer = pages.client_of(pages.a_member(study.team, "viewer@example.org", Role.VIEWER))
    page = text_of(viewer, url(study.space))
    assert ">paper</a>" in page
    assert "/untag/" not in page
    assert viewer.post(url(study.space, "tag"), {"tag": "mine"}).status_code == 403


def test_tags_of_another_team_are_neither_offered_nor_found(study: Study) -> None:
    services.add_tag(row=study.space, tag="secret", actor=study.user)
    other, stranger = rows.a_team("Audio", "stranger@example.org")
    rows.a_space(other, stranger, name="Theirs")
    client = pages.client_of(stranger)
    assert "secret" not in text_of(client, "/spaces/")
    assert url(study.space) not in text_of(client, "/spaces/?tag=secret")
    assert url(study.space) not in text_of(client, "/search/?q=secret")
    assert client.post(url(study.space, "tag"), {"tag": "mine", "team": other.pk}).status_code == 404
    assert tags_of(study.space) == ["secret"]


# The archive


def test_what_is_archived_leaves_lists_choices_home_and_search_and_comes_back(study: Study) -> None:
    places: dict[Any, list[str]] = {
        study.space: ["/spaces/", "/search/?q=RegNetX", "/analyses/", "/batches/new/"],
        study.regime: ["/regimes/", "/search/?q=quick", "/analyses/", "/batches/new/"],
        study.batch: ["/batches/", f"/search/?q={study.batch.pk}", "/"],
        study.page: ["/results/", "/search/?q=Found", "/"],
        study.imported: ["/imports/", "/search/?q=Elsewhere", "/analyses/"],
    }
    seen: dict[Any, str] = {
        study.space: f'{study.space.name}</a>|{study.space.name}</span>|>{study.space.name}</option>',
        study.regime: f"{study.regime.name}</a>|<span>{study.regime.name}</span>|<td>{study.regime.name}</td>",
    }  # fmt: skip
    for row, addresses in places.items():
        marks = seen.get(row, f'"{url(row)}"').split("|")
        if isinstance(row, ImportedPopulation):
            marks.append(f'value="i{row.pk}"')

        def shows(address: str, marks: list[str] = marks) -> bool:
            main = text_of(study.client, address).split('<main id="main"', 1)[1]
            return any(mark in main for mark in marks)

        assert [address for address in addresses if not shows(address)] == [], row
        page = told(study.client.post(url(row, "archive")), study.client)
        assert "was archived" in page
        assert [address for address in addresses if shows(address)] == [], row
        folder = f"/{FOLDERS[type(row)]}/"
        assert shows(f"{folder}?archived=1")
        study.client.post(url(row, "restore"))
        assert [address for address in addresses if not shows(address)] == [], row


def test_the_samples_of_what_is_archived_count_on_in_analyses(study: Study) -> None:
    for row in study.everything:
        services.archive(row=row, actor=study.user)
    assert queries.load_population(space=study.space, regime=study.regime).n == 2
    page = text_of(study.client, f"/analyses/?p={study.space.pk}-{study.regime.pk}&p=i{study.imported.pk}")
    assert "2 used" in page
    assert text_of(study.client, url(study.page))


def test_a_batch_with_runs_to_come_is_not_archived(study: Study) -> None:
    batch = rows.a_batch(study.space, study.regime, study.user, size=2, seed=1)
    page = told(study.client.post(url(batch, "archive")), study.client)
    assert "still has runs to come" in page
    batch.refresh_from_db()
    assert batch.archived_at is None


@pytest.mark.parametrize("again", ["extend", "retry"])
def test_an_archived_batch_that_is_put_to_work_again_is_back_in_the_queues_sight(study: Study, again: str) -> None:
    Run.objects.filter(batch=study.batch, position=1).update(
        state="failed", failure_kind="diverged", final_error=None, best_error=None
    )
    services.archive(row=study.batch, actor=study.user)
    if again == "extend":
        services.extend_batch(batch=study.batch, size=3, actor=study.user)
    else:
        services.retry_failed_runs(batch=study.batch, actor=study.user)
    study.batch.refresh_from_db()
    assert study.batch.archived_at is None


def test_a_space_whose_parent_is_archived_still_shows(study: Study) -> None:
    child = services.create_space(
        team=study.team, name="Child", space=rows.presets.space("RegNetX-small"), actor=study.user, parent=study.space
    )
    services.archive(row=study.space, actor=study.user)
    page = text_of(study.client, "/spaces/")
    assert f'"{url(child)}"' in page
    assert f'"{url(study.space)}"' not in page


def test_an_archived_space_or_regime_is_no_choice_for_a_new_batch(study: Study) -> None:
    services.archive(row=study.regime, actor=study.user)
    rows.a_regime(study.team, study.user, name="other")
    form = {"space": study.space.pk, "regime": study.regime.pk, "size": 2, "seed": 1}
    assert "Select a valid choice" in study.client.post("/batches/new/", form).content.decode()


# Deletion


def test_the_page_before_a_deletion_says_what_goes_and_deletes_nothing(study: Study) -> None:
    study.page.delete()
    page = text_of(study.client, url(study.batch, "delete"))
    for part in ("its 2 designs", "its 2 runs, 2 with a result", "the 2 epochs", "whose numbers change"):
        assert part in page
    assert SampleBatch.objects.filter(pk=study.batch.pk).exists()


def test_a_batch_goes_with_its_samples_runs_and_epochs_and_leaves_the_others(study: Study) -> None:
    study.page.delete()
    other = rows.a_batch(study.space, study.regime, study.user, size=2, seed=1)
    assert study.client.post(url(study.batch, "delete"), {"state": "x", "team": "1"})["Location"] == "/batches/"
    assert set(SampleBatch.objects.all()) == {other}
    assert set(Sample.objects.values_list("batch", flat=True)) == {other.pk}
    assert set(Run.objects.values_list("batch", flat=True)) == {other.pk}
    assert Epoch.objects.count() == 0
    assert Event.objects.filter(verb="deleted batch", actor=study.user).count() == 1


def test_what_nothing_needs_is_deleted_of_every_kind(study: Study) -> None:
    in_order = [study.page, study.batch, study.space, study.regime, study.imported]
    for row in in_order:
        assert "cannot be deleted" not in text_of(study.client, url(row, "delete"))
        assert study.client.post(url(row, "delete"))["Location"] == f"/{FOLDERS[type(row)]}/"
        assert study.client.get(url(row)).status_code == 404
    assert Event.objects.filter(verb__startswith="deleted").count() == len(in_order)


def refused(study: Study, row: Filed, because: str, *needing: Filed) -> None:
    page = text_of(study.client, url(row, "delete"))
    assert because in page
    for one in needing:
        assert f'"{url(one)}"' in page
    assert f'action="{url(row, "delete")}"' not in page
    again = told(study.client.post(url(row, "delete")), study.client)
    assert "Not deleted" in again
    assert type(row)._default_manager.filter(pk=row.pk).exists()
    assert not Event.objects.filter(verb__startswith="deleted").exists()


def test_a_space_with_children_batches_or_pages_that_name_it_stays(study: Study) -> None:
    child = services.create_space(
        team=study.team, name="Child", space=rows.presets.space("RegNetX-small"), actor=study.user, parent=study.space
    )
    refused(study, study.space, "1 space refined from it", child, study.batch, study.page)


def test_a_regime_with_batches_stays(study: Study) -> None:
    refused(study, study.regime, "1 batch queued under it", study.batch, study.page)


def test_a_batch_whose_samples_a_live_page_uses_stays_and_a_frozen_page_keeps_its_own(study: Study) -> None:
    refused(study, study.batch, "1 result page using its samples", study.page)
    study.client.post(url(study.page, "freeze"))
    services.delete(row=study.batch, actor=study.user)
    services.delete(row=study.space, actor=study.user)
    assert "2 used" in text_of(study.client, url(study.page))
    assert "frozen numbers are all that is left" in told(study.client.post(url(study.page, "thaw")), study.client)
    study.page.refresh_from_db()
    assert study.page.frozen_at is not None


def test_a_batch_that_runs_or_waits_stays(study: Study) -> None:
    batch = rows.a_batch(study.space, study.regime, study.user, size=2, seed=1, drawn=False)
    refused(study, batch, "1 batch itself, with runs to come")


def test_an_import_that_a_live_page_names_stays_whatever_the_zeros_of_its_address(study: Study) -> None:
    page = a_page(study.team, study.user, f"i0{study.imported.pk}", title="Imported")
    refused(study, study.imported, "1 result page using it", page)


def test_a_page_that_reads_other_populations_is_not_in_the_way(study: Study) -> None:
    study.page.delete()
    study.batch.delete()
    other_space = rows.a_space(study.team, study.user, name="Other")
    other_regime = rows.a_regime(study.team, study.user, name="other")
    other_import = rows.an_import(study.team, study.user, [30.0], name="Other import")
    a_page(study.team, study.user, f"{other_space.pk}-{other_regime.pk}", f"i{other_import.pk}")
    for row in (study.space, study.regime, study.imported):
        assert services.obstacles(row) == []


def test_a_page_reads_nothing_of_another_team(study: Study) -> None:
    other, stranger = rows.a_team("Audio", "stranger@example.org")
    for named in (f"{study.space.pk}-{study.regime.pk}", f"i{study.imported.pk}"):
        with pytest.raises(Refused, match="has been deleted"):
            a_page(other, stranger, named)


def read_by(page: ResultPage) -> set[tuple[int | None, int | None, int | None]]:
    return set(ResultPopulation.objects.filter(page=page).values_list("space", "regime", "imported"))


def test_a_live_page_holds_what_it_reads_through_every_change_of_its_state(study: Study) -> None:
    pair = f"{study.space.pk}-{study.regime.pk}"
    page = a_page(study.team, study.user, f"0{pair}", "", f"i00{study.imported.pk}", pair)
    reads = {(study.space.pk, study.regime.pk, None), (None, None, study.imported.pk)}
    assert read_by(page) == reads
    assert read_by(services.duplicate_result_page(page=page, actor=study.user)) == reads
    services.freeze_result_page(page=page, snapshot=b"frozen", actor=study.user)
    assert read_by(page) == set()
    assert read_by(services.duplicate_result_page(page=page, actor=study.user)) == reads
    services.thaw_result_page(page=page, actor=study.user)
    assert read_by(page) == reads
    services.delete(row=page, actor=study.user)
    assert not ResultPopulation.objects.filter(page=page.pk).exists()


def test_what_a_live_page_reads_is_not_deleted_by_any_other_way_either(study: Study) -> None:
    study.page.delete()
    study.batch.delete()
    page = a_page(study.team, study.user, f"{study.space.pk}-{study.regime.pk}", f"i{study.imported.pk}")
    for row in (study.space, study.regime, study.imported):
        with pytest.raises(ProtectedError):
            row.delete()
    both = {"space": study.space, "regime": study.regime, "imported": study.imported}
    for values in ({}, {"space": study.space}, {"regime": study.regime}, both, {"imported": study.imported}):
        with pytest.raises(IntegrityError, match="result_population_"), transaction.atomic():
            ResultPopulation.objects.create(page=page, **values)


def test_of_two_people_who_thaw_or_freeze_a_page_one_is_told_that_it_is_done(study: Study) -> None:
    services.freeze_result_page(page=study.page, snapshot=b"frozen", actor=study.user)
    stale = ResultPage.objects.get(pk=study.page.pk)
    services.thaw_result_page(page=study.page, actor=study.user)
    with pytest.raises(Refused, match="live already"):
        services.thaw_result_page(page=stale, actor=study.user)
    stale = ResultPage.objects.get(pk=study.page.pk)
    services.freeze_result_page(page=study.page, snapshot=b"frozen", actor=study.user)
    with pytest.raises(Refused, match="frozen already"):
        services.freeze_result_page(page=stale, snapshot=b"again", actor=study.user)


def test_an_analysis_of_what_was_deleted_is_not_saved(study: Study) -> None:
    pair = f"{study.space.pk}-{study.regime.pk}"
    with pytest.raises(Refused, match="has been deleted"):
        a_page(study.team, study.user, pair, "i999999")


def test_verbs_on_a_batch_that_was_deleted_a_moment_ago_say_so(study: Study) -> None:
    gone = SampleBatch.objects.select_related("space__team").get(pk=study.batch.pk)
    study.page.delete()
    services.delete(row=study.batch, actor=study.user)
    verbs: list[Callable[..., object]] = [
        services.cancel_batch, services.retry_failed_runs, lambda **given: services.extend_batch(size=9, **given)
    ]  # fmt: skip
    for verb in verbs:
        with pytest.raises(Refused, match="deleted a moment ago"):
            verb(batch=gone, actor=study.user)


def test_changes_of_a_page_that_was_deleted_a_moment_ago_say_so(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = ResultPage.objects.select_related("team").get(pk=study.page.pk)
    study.page.delete()
    monkeypatch.setattr("webapp.views.results.result_of", lambda *_: gone)
    monkeypatch.setitem(FINDERS, "result", lambda *_: gone)
    for verb, values in {"edit": {"title": "New"}, "share": {"days": "7"}}.items():
        answer = study.client.post(f"/results/{gone.pk}/{verb}/", values)
        assert "was deleted a moment ago" in answer.content.decode(), verb
    for verb in ("freeze", "untag"):
        answer = study.client.post(f"/results/{gone.pk}/{verb}/", {"tag": "paper"})
        assert "was deleted a moment ago" in " ".join(map(str, get_messages(answer.wsgi_request))), verb


def meanwhile(first: Callable[[], object], second: Callable[[], object]) -> list[BaseException | None]:
    """Run two writes of which the second begins while the first has not committed; what each was refused with."""
    begun, errors = threading.Event(), [None, None]

    def run(place: int, write: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                write()
                if place == 0:
                    begun.set()
                    threading.Event().wait(0.3)  # the other one is at the lock by now, or will be: both are right
        except Exception as error:  # looked at by the test
            errors[place] = error  # type: ignore[call-overload]
        finally:
            begun.set()
            connection.close()

    threads = [threading.Thread(target=run, args=(0, first))]
    threads[0].start()
    begun.wait(60)
    threads.append(threading.Thread(target=run, args=(1, second)))
    threads[1].start()
    for thread in threads:
        thread.join(60)
    return list(errors)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deleted_first", [True, False])
@pytest.mark.parametrize("other", ["batch", "child", "page", "reader", "retry"])
def test_a_deletion_and_what_needs_the_row_never_both_succeed(other: str, *, deleted_first: bool) -> None:
    team, user = rows.a_team()
    space, regime = rows.a_space(team, user), rows.a_regime(team, user)
    batch = rows.a_batch(space, regime, user, size=1)
    services.cancel_batch(batch=batch, actor=user)
    row: Filed = batch if other in {"page", "retry"} else space
    if row == space:
        services.delete(row=batch, actor=user)
    needs: dict[str, Callable[[], object]] = {
        "batch": lambda: services.create_sample_batch(space=space, regime=regime, size=1, seed=1, actor=user),
        "child": lambda: services.create_space(
            team=team, name="Child", space=rows.presets.space("RegNetX-small"), actor=user, parent=space
        ),
        "page": lambda: a_page(team, user, f"{space.pk}-{regime.pk}"),
        "reader": lambda: a_page(team, user, f"{space.pk}-{regime.pk}"),
        "retry": lambda: services.retry_failed_runs(batch=batch, actor=user, cancelled=True),
    }
    delete = lambda: services.delete(row=row, actor=user)  # noqa: E731
    writes = (delete, needs[other]) if deleted_first else (needs[other], delete)
    first, second = meanwhile(*writes)
    assert first is None
    if other == "page" and deleted_first:  # the space and the regime are still there: the page is empty, not wrong
        assert second is None
        return
    assert isinstance(second, Refused), second
    assert type(row)._default_manager.filter(pk=row.pk).exists() is not deleted_first
