"""Who sees and changes what: owner, member, viewer, stranger, visitor, on every address."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp import pages, rows
from webapp.models import Event, FailureKind, Regime, Role, Run, Sample, SampleBatch, Space, User

pytestmark = pytest.mark.django_db

READ = {
    "home": "/", "home-running": "/running/", "search": "/search/?q=Reg", "spaces": "/spaces/",
    "space": "/spaces/{space}/",
    "regimes": "/regimes/", "regime": "/regimes/{regime}/", "batches": "/batches/", "batch": "/batches/{batch}/",
    "batch-progress": "/batches/{batch}/progress/", "batch-edf": "/batches/{batch}/edf/",
    "batch-runs-csv": "/batches/{batch}/runs.csv", "sample": "/samples/{sample}/",
    "sample-design": "/samples/{sample}/design.json", "analyses": "/analyses/?p={space}-{regime}",
    "analysis-edf-csv": "/analyses/edf.csv?p={space}-{regime}", "population-csv": "/populations/{space}-{regime}.csv",
    "workers": "/workers/",
}  # fmt: skip
FORMS = {
    "new-space": "/spaces/new/", "refine-space": "/spaces/{space}/refine/", "edit-space": "/spaces/{space}/edit/",
    "new-regime": "/regimes/new/", "new-batch": "/batches/new/",
}  # fmt: skip
ACTIONS = {
    "start-from-presets": "/start/", "preview-space": "/spaces/preview/", "pause-batch": "/batches/{batch}/pause/",
    "resume-batch": "/batches/{batch}/resume/", "cancel-batch": "/batches/{batch}/cancel/",
    "retry-batch": "/batches/{batch}/retry/", "extend-batch": "/batches/{batch}/extend/",
    "prioritise-batch": "/batches/{batch}/priority/",
}  # fmt: skip
PERSONAL = {"sign-in", "sign-in-by-link", "sign-out", "first-team", "choose-team"}
OF_A_TEAM = [url for url in [*READ.values(), *FORMS.values(), *ACTIONS.values()] if "{" in url]


@dataclass
class Study:
    owner: User
    space: Space
    regime: Regime
    batch: SampleBatch

    def url(self, pattern: str) -> str:
        sample = Sample.objects.filter(batch=self.batch).earliest("position")
        return pattern.format(space=self.space.pk, regime=self.regime.pk, batch=self.batch.pk, sample=sample.pk)


@pytest.fixture
def study() -> Study:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, FailureKind.DIVERGED])
    return Study(batch.created_by, batch.space, batch.regime, batch)


def state_of_everything() -> tuple[object, ...]:
    return (
        list(Run.objects.order_by("pk").values()),
        list(SampleBatch.objects.order_by("pk").values()),
        list(Space.objects.order_by("pk").values()),
        Regime.objects.count(),
        Event.objects.count(),
    )


def test_every_address_of_the_product_is_in_these_tests() -> None:
    from webapp.urls import urlpatterns

    named = {pattern.name for pattern in urlpatterns if getattr(pattern, "name", None)}
    assert named == {*READ, *FORMS, *ACTIONS, *PERSONAL}


def test_a_member_sees_every_page(study: Study) -> None:
    client = pages.client_of(pages.a_member(study.space.team, "mate@example.org"))
    for pattern in [*READ.values(), *FORMS.values()]:
        assert client.get(study.url(pattern)).status_code == 200, pattern


def test_a_visitor_is_sent_to_sign_in(study: Study) -> None:
    for pattern in [*READ.values(), *FORMS.values(), *ACTIONS.values()]:
        url = study.url(pattern)
        response = Client().post(url) if pattern in ACTIONS.values() else Client().get(url)
        assert response.status_code == 302, pattern
        assert response["Location"].startswith("/sign-in/?next="), pattern


def test_a_page_that_polls_is_sent_to_sign_in_as_a_whole(study: Study) -> None:
    url = study.url("/batches/{batch}/progress/")
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{study.url('/batches/{batch}/')}"}
    response = Client().get(url, headers=headers)
    assert response.status_code == 401
    assert response["HX-Redirect"] == f"/sign-in/?next=%2Fbatches%2F{study.batch.pk}%2F"


def test_another_teams_things_are_not_found_and_not_changed(study: Study) -> None:
    _, stranger = rows.a_team("Audio", "stranger@example.org")
    client, before = pages.client_of(stranger), state_of_everything()
    for pattern in OF_A_TEAM:
        url = study.url(pattern)
        if pattern not in ACTIONS.values():
            assert client.get(url).status_code == 404, pattern
        if pattern not in READ.values():
            assert client.post(url, {"size": "9", "priority": "10"}).status_code == 404, pattern
    assert state_of_everything() == before


def test_a_viewer_changes_nothing(study: Study) -> None:
    client = pages.client_of(pages.a_member(study.space.team, "viewer@example.org", Role.VIEWER))
    before = state_of_everything()
    for pattern in [*FORMS.values(), *ACTIONS.values()]:
        assert client.post(study.url(pattern), {"size": "9", "priority": "10"}).status_code == 403, pattern
    assert state_of_everything() == before


def test_a_viewer_sees_every_page_and_no_verb(study: Study) -> None:
    client = pages.client_of(pages.a_member(study.space.team, "viewer@example.org", Role.VIEWER))
    for pattern in READ.values():
        response = client.get(study.url(pattern))
        assert response.status_code == 200, pattern
        if response["Content-Type"].startswith("text/html"):
            text = response.content.decode().replace("/teams/new/", "")
            for verb in ("pause", "cancel", "retry", "extend", "priority", "refine", "new"):
                assert f"/{verb}/" not in text, (pattern, verb)


def test_a_verb_needs_a_post_and_a_page_that_reads_takes_none(study: Study) -> None:
    client = pages.client_of(study.owner)
    for pattern in ACTIONS.values():
        assert client.get(study.url(pattern)).status_code == 405, pattern
    for pattern in READ.values():
        assert client.post(study.url(pattern)).status_code == 405, pattern


def test_another_teams_ids_in_a_form_are_refused(study: Study) -> None:
    other, stranger = rows.a_team("Audio", "stranger@example.org")
    own_space, own_regime = rows.a_space(other, stranger), rows.a_regime(other, stranger)
    client = pages.client_of(stranger)
    for space, regime in ((study.space, own_regime), (own_space, study.regime)):
        response = client.post("/batches/new/", {"space": space.pk, "regime": regime.pk, "size": 5, "seed": 1})
        assert response.status_code == 200
        assert "Select a valid choice" in response.content.decode()
    mixed = client.get(f"/analyses/?p={own_space.pk}-{study.regime.pk}")
    assert mixed.status_code == 404
    preview = client.post("/spaces/preview/", {"family": "regnet", "parent": study.space.pk})
    assert preview.status_code == 404
    assert SampleBatch.objects.count() == 1


def test_a_post_without_its_token_is_refused(study: Study) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post(study.url("/batches/{batch}/cancel/"))
    assert response.status_code == 403
    assert "Not sent" in response.content.decode()


@pytest.mark.parametrize("number", ["0", "999999999999999999", "99999999999999999999", "1" * 400])
def test_ids_that_no_row_can_have_are_not_found(study: Study, number: str) -> None:
    client = pages.client_of(study.owner)
    for noun in ("spaces", "regimes", "batches", "samples"):
        assert client.get(f"/{noun}/{number}/").status_code == 404


def test_the_session_chooses_between_the_teams_of_a_person(study: Study) -> None:
    other, _ = rows.a_team("Audio", "other@example.org")
    client = pages.client_of(study.owner)
    assert client.post(reverse("choose-team", args=[other.pk])).status_code == 404
    own = rows.services.create_team(name="Second", owner=study.owner)
    assert client.post(reverse("choose-team", args=[own.pk])).status_code == 302
    assert client.get(study.url("/spaces/{space}/")).status_code == 404
    assert "Second" in client.get("/").content.decode()


def test_a_person_without_a_team_can_start_one() -> None:
    user = rows.services.create_user(email="new@example.org", password="correct horse battery")
    client = pages.client_of(user)
    assert client.get("/spaces/")["Location"] == "/teams/new/"
    assert client.get("/teams/new/").status_code == 200
    assert client.post("/teams/new/", {"name": "Mine"})["Location"] == "/"
    assert client.get("/spaces/").status_code == 200
