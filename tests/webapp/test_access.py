"""Who sees and changes what: owner, member, viewer, stranger, visitor, on every address with every method."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from tests.webapp import pages, rows
from webapp import services
from webapp.models import (
    FailureKind,
    ImportedPopulation,
    Invitation,
    KeptSummary,
    Membership,
    Regime,
    ResultPage,
    Role,
    SampleBatch,
    Space,
    Team,
    User,
)

pytestmark = pytest.mark.django_db

OWNER, MEMBER, VIEWER, STRANGER, VISITOR = "owner", "member", "viewer", "stranger", "visitor"
EVERYBODY = (OWNER, MEMBER, VIEWER, STRANGER, VISITOR)

# Kinds of addresses. A stranger is the owner of another team: what has no id in its address is his own team's page.
PAGE = "page that reads"  # every role
FORM = "page with a form"  # owners and members
VERB = "verb"  # POST, owners and members
OWN_VERB = "verb about oneself"  # POST, every role
OWNER_PAGE = "page for owners"
OWNER_VERB = "verb for owners"  # POST
SIGNED_IN = "page of an account"  # whoever is signed in, with or without a team
OPEN = "open to visitors"  # tested where it is at home: test_views_accounts, test_views_teams, test_views_results

MATRIX: dict[str, tuple[str, str]] = {
    "home": (PAGE, "/"),
    "home-running": (PAGE, "/running/"),
    "search": (PAGE, "/search/?q=Reg"),
    "notifications": (PAGE, "/notifications/"),
    "bell": (PAGE, "/notifications/bell/"),
    "mark-all-read": (OWN_VERB, "/notifications/read/"),
    "notification": (OPEN, ""),  # a person's own, in any of the person's teams: test_notifications
    "spaces": (PAGE, "/spaces/"),
    "space": (PAGE, "/spaces/{space}/"),
    "regimes": (PAGE, "/regimes/"),
    "regime": (PAGE, "/regimes/{regime}/"),
    "batches": (PAGE, "/batches/"),
    "batch": (PAGE, "/batches/{batch}/"),
    "batch-progress": (PAGE, "/batches/{batch}/progress/"),
    "batch-edf": (PAGE, "/batches/{batch}/edf/"),
    "batch-runs-csv": (PAGE, "/batches/{batch}/runs.csv"),
    "sample": (PAGE, "/samples/{sample}/"),
    "sample-design": (PAGE, "/samples/{sample}/design.json"),
    "analyses": (PAGE, "/analyses/?p={space}-{regime}"),
    "analysis-edf-csv": (PAGE, "/analyses/edf.csv?p={space}-{regime}"),
    "analysis-figure": (PAGE, "/analyses/figures/edf.svg?p={space}-{regime}"),
    "analysis-table": (PAGE, "/analyses/tables/populations.csv?p={space}-{regime}"),
    "analysis-part": (PAGE, "/analyses/parts/parameters?p={space}-{regime}"),
    "analysis-report": (PAGE, "/analyses/report.html?p={space}-{regime}&p=i{imported}"),
    "batch-figure": (PAGE, "/batches/{batch}/figures/edf.png"),
    "batch-table": (PAGE, "/batches/{batch}/tables/edf.csv"),
    "sample-table": (PAGE, "/samples/{sample}/tables/stages.json"),
    "sample-figure": (PAGE, "/samples/{sample}/figures/stages.svg"),
    "population-file": (PAGE, "/populations/{space}-{regime}.csv"),
    "imported": (PAGE, "/imports/{imported}/"),
    "imported-file": (PAGE, "/imports/{imported}.parquet"),
    "new-import": (FORM, "/imports/new/"),
    "imports": (PAGE, "/imports/"),
    "import-preview": (OPEN, ""),  # a person's own upload, for nobody else: test_views_imports
    "discard-import": (OPEN, ""),
    "workers": (PAGE, "/workers/"),
    "new-space": (FORM, "/spaces/new/"),
    "space-holds": (FORM, "/spaces/{space}/holds/"),
    "refine-space": (FORM, "/spaces/{space}/refine/"),
    "edit-space": (FORM, "/spaces/{space}/edit/"),
    "new-regime": (FORM, "/regimes/new/"),
    "new-batch": (FORM, "/batches/new/"),
    "start-from-presets": (VERB, "/start/"),
    "preview-space": (VERB, "/spaces/preview/"),
    "pause-batch": (VERB, "/batches/{batch}/pause/"),
    "resume-batch": (VERB, "/batches/{batch}/resume/"),
    "cancel-batch": (VERB, "/batches/{batch}/cancel/"),
    "retry-batch": (VERB, "/batches/{batch}/retry/"),
    "extend-batch": (VERB, "/batches/{batch}/extend/"),
    "prioritise-batch": (VERB, "/batches/{batch}/priority/"),
    "drain-worker": (VERB, "/workers/drain/"),
    "undrain-worker": (VERB, "/workers/undrain/"),
    "results": (PAGE, "/results/"),
    "result": (PAGE, "/results/{result}/"),
    "new-result": (FORM, "/results/new/?p={space}-{regime}"),
    "edit-result": (FORM, "/results/{result}/edit/"),
    "share-result": (FORM, "/results/{result}/share/"),
    "duplicate-result": (VERB, "/results/{result}/duplicate/"),
    "freeze-result": (VERB, "/results/{result}/freeze/"),
    "thaw-result": (VERB, "/results/{result}/thaw/"),
    "revoke-link": (VERB, "/results/{result}/links/{link}/revoke/"),
    "result-report": (PAGE, "/results/{result}/report.html"),
    "result-edf-csv": (PAGE, "/results/{result}/edf.csv"),
    "result-figure": (PAGE, "/results/{result}/figures/edf.svg"),
    "result-line": (PAGE, "/results/{result}/line/"),
    "result-part": (PAGE, "/results/{result}/parts/choose"),
    "result-table": (PAGE, "/results/{result}/tables/populations.csv"),
    "result-population": (PAGE, "/results/{result}/populations/{space}-{regime}.csv"),
    "shared": (OPEN, ""),  # and its files: test_result_files
    "shared-report": (OPEN, ""),
    "shared-edf-csv": (OPEN, ""),
    "shared-figure": (OPEN, ""),
    "shared-table": (OPEN, ""),
    "shared-part": (OPEN, ""),
    "shared-population": (OPEN, ""),
    "team": (PAGE, "/team/"),
    "team-log": (OWNER_PAGE, "/team/log/"),
    "rename-team": (OWNER_VERB, "/team/rename/"),
    "leave-team": (OWN_VERB, "/team/leave/"),
    "invite": (OWNER_VERB, "/team/invite/"),
    "revoke-invitation": (OWNER_VERB, "/team/invitations/{invitation}/revoke/"),
    "change-role": (OWNER_VERB, "/team/members/{membership}/role/"),
    "remove-member": (OWNER_VERB, "/team/members/{membership}/remove/"),
    "first-team": (SIGNED_IN, "/teams/new/"),
    "account": (SIGNED_IN, "/account/"),
    "change-password": (SIGNED_IN, "/account/password/"),
    "api-tokens": (SIGNED_IN, "/account/tokens/"),
    "revoke-api-token": (OPEN, ""),  # test_views_api_tokens
    "choose-team": (OPEN, ""),
    "sign-in": (OPEN, ""),
    "sign-in-by-link": (OPEN, ""),
    "sign-out": (OPEN, ""),
    "forgotten-password": (OPEN, ""),
    "password-mail-sent": (OPEN, ""),
    "new-password": (OPEN, ""),
    "invitation": (OPEN, ""),
    "join-team": (OPEN, ""),
}
FILED = {"space": "spaces", "regime": "regimes", "batch": "batches", "result": "results", "imported": "imports"}
for noun, folder in FILED.items():
    for verb in ("tag", "untag", "archive", "restore"):
        MATRIX[f"{verb}-{noun}"] = (VERB, f"/{folder}/{{{noun}}}/{verb}/")
    MATRIX[f"delete-{noun}"] = (FORM, f"/{folder}/{{{noun}}}/delete/")
GETS = {PAGE, FORM, OWNER_PAGE, SIGNED_IN}
POSTS = {FORM, VERB, OWN_VERB, OWNER_VERB, SIGNED_IN}
WRITERS, OWNERS = {FORM, VERB}, {OWNER_PAGE, OWNER_VERB}
# Posted to every address; a form that needs more shows itself again. No verb here may succeed for the wrong person.
ANYTHING = {
    "size": "9",
    "priority": "10",
    "name": "Renamed",
    "role": "viewer",
    "title": "Changed",
    "team": "1",
    "tag": "seen",
}


@dataclass
class Study:
    """The rows of one team, and people with every relation to it."""

    team: Team
    owner: User
    space: Space
    regime: Regime
    batch: SampleBatch
    imported: ImportedPopulation
    clients: dict[str, Client] = field(default_factory=dict)

    def url(self, pattern: str) -> str:
        sample = self.batch.samples.earliest("position")
        mate = Membership.objects.filter(team=self.team).exclude(user=self.owner).earliest("pk")
        invitation = Invitation.objects.filter(team=self.team).earliest("pk")
        page = ResultPage.objects.filter(team=self.team).earliest("pk")
        return pattern.format(
            result=page.pk, link=page.links.get().pk,
            space=self.space.pk, regime=self.regime.pk, batch=self.batch.pk, sample=sample.pk,
            membership=mate.pk, invitation=invitation.pk, imported=self.imported.pk,
        )  # fmt: skip


@pytest.fixture
def study() -> Study:
    batch = rows.a_study(size=4)
    pages.finish(batch, [30.0, FailureKind.DIVERGED])
    team, owner = batch.space.team, batch.created_by
    services.create_invitation(team=team, role=Role.MEMBER, label="A friend", actor=owner)
    analysis = {"schema": 1, "values": {"p": [f"{batch.space.pk}-{batch.regime.pk}"]}}
    page = services.create_result_page(team=team, title="Found", notes="", analysis=analysis, actor=owner)
    services.share_result_page(page=page, days=30, actor=owner)
    people = {
        OWNER: owner,
        MEMBER: pages.a_member(team, "mate@example.org"),
        VIEWER: pages.a_member(team, "viewer@example.org", Role.VIEWER),
        STRANGER: rows.a_team("Audio", "stranger@example.org")[1],
    }
    clients = {who: pages.client_of(user) for who, user in people.items()} | {VISITOR: Client()}
    imported = rows.an_import(team, owner, [30.0, 40.0])
    return Study(team, owner, batch.space, batch.regime, batch, imported, clients)


def state_of_everything() -> dict[str, object]:
    """Every row of ours but what pages keep of what they count."""
    models = [model for model in apps.get_app_config("webapp").get_models() if model is not KeptSummary]
    rows = {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}
    for page in rows["ResultPage"]:
        del page["line"], page["line_of"]
    return rows


def expected(who: str, method: str, kind: str, pattern: str) -> HTTPStatus | None:
    """What the rules say; None where the answer depends on what was posted."""
    if who == VISITOR and not (method == "GET" and kind not in GETS) and not (method == "POST" and kind not in POSTS):
        return HTTPStatus.FOUND
    if method not in (["GET"] if kind in GETS else []) + (["POST"] if kind in POSTS else []):
        return HTTPStatus.METHOD_NOT_ALLOWED
    if (who == VIEWER and kind in WRITERS) or (who in {MEMBER, VIEWER} and kind in OWNERS):
        return HTTPStatus.FORBIDDEN
    if who == STRANGER and "{" in pattern:
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.OK if method == "GET" else None


def test_every_address_of_the_product_is_in_the_matrix() -> None:
    from webapp.urls import urlpatterns

    named = {pattern.name for pattern in urlpatterns if getattr(pattern, "name", None)}
    assert named == set(MATRIX)


def ask(study: Study, who: str, method: str, url: str) -> Any:
    client = study.clients[who]
    return client.get(url) if method == "GET" else client.post(url, ANYTHING)


@pytest.mark.parametrize("name", [name for name, (kind, _) in MATRIX.items() if kind != OPEN])
def test_each_role_may_do_on_an_address_what_the_matrix_says_and_nothing_else(study: Study, name: str) -> None:
    kind, pattern = MATRIX[name]
    url, before = study.url(pattern), state_of_everything()
    asked = [(who, method, expected(who, method, kind, pattern)) for who in EVERYBODY for method in ("GET", "POST")]
    for who, method, wanted in asked:
        if wanted is not None:
            response = ask(study, who, method, url)
            assert response.status_code == wanted, (who, method)
            if wanted == HTTPStatus.FOUND:
                assert response["Location"].startswith("/sign-in/?next=")
    assert state_of_everything() == before
    allowed = {200, 302, 400}
    for who, method, wanted in reversed(asked):
        if wanted is None:
            assert ask(study, who, method, url).status_code in allowed, who
            allowed = {200, 302, 400, 404}  # what the first one deleted is gone for the others


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_no_other_method_is_taken(study: Study, method: str) -> None:
    before = state_of_everything()
    for name, (kind, pattern) in MATRIX.items():
        if kind != OPEN:
            status = getattr(study.clients[OWNER], method)(study.url(pattern)).status_code
            assert status == HTTPStatus.METHOD_NOT_ALLOWED, name
    assert state_of_everything() == before


def test_a_page_that_polls_is_sent_to_sign_in_as_a_whole(study: Study) -> None:
    url = study.url("/batches/{batch}/progress/")
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{study.url('/batches/{batch}/')}?page=2"}
    response = Client().get(url, headers=headers)
    assert response.status_code == 401
    assert response["HX-Redirect"] == f"/sign-in/?next=%2Fbatches%2F{study.batch.pk}%2F%3Fpage%3D2"


def test_a_viewer_is_offered_no_verb(study: Study) -> None:
    verbs = ("pause", "cancel", "retry", "extend", "priority", "refine", "new", "invite", "rename", "role", "remove",
             "edit", "share", "freeze", "thaw", "duplicate", "delete", "revoke",
             "tag", "untag", "archive", "restore")  # fmt: skip
    for kind, pattern in MATRIX.values():
        if kind == PAGE:
            response = study.clients[VIEWER].get(study.url(pattern))
            if response["Content-Type"].startswith("text/html"):
                text = response.content.decode().replace("/teams/new/", "")
                offered = [verb for verb in verbs if re.search(f'(href|action)="[^"]*/{verb}/', text)]
                assert offered == [], pattern


def test_another_teams_ids_in_a_form_are_refused(study: Study) -> None:
    other, stranger = Team.objects.get(name="Audio"), User.objects.get(email="stranger@example.org")
    own_space, own_regime = rows.a_space(other, stranger), rows.a_regime(other, stranger)
    client = study.clients[STRANGER]
    for space, regime in ((study.space, own_regime), (own_space, study.regime)):
        response = client.post("/batches/new/", {"space": space.pk, "regime": regime.pk, "size": 5, "seed": 1})
        assert response.status_code == 200
        assert "Select a valid choice" in response.content.decode()
    mixed = client.get(f"/analyses/?p={own_space.pk}-{study.regime.pk}")
    assert mixed.status_code == 404
    preview = client.post("/spaces/preview/", {"family": "regnet", "parent": study.space.pk})
    assert preview.status_code == 404
    assert SampleBatch.objects.count() == 1


def test_fields_that_a_form_does_not_have_are_ignored(study: Study) -> None:
    mate = User.objects.get(email="mate@example.org")
    more = {"is_staff": "1", "is_superuser": "1", "email": "else@example.org", "team": "1", "role": "owner", "id": "1"}
    study.clients[MEMBER].post("/account/", {"name": "Mate", "time_zone": "Europe/Zurich", "notify_of": "own", **more})
    after = User.objects.get(pk=mate.pk)
    assert (after.name, after.email, after.is_staff, after.is_superuser) == ("Mate", mate.email, False, False)
    assert Membership.objects.get(user=mate).role == Role.MEMBER


def test_a_post_without_its_token_is_refused_on_every_address(study: Study) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    before = state_of_everything()
    for name, (kind, pattern) in MATRIX.items():
        if kind in POSTS:
            response = client.post(study.url(pattern), ANYTHING)
            assert response.status_code == 403, name
            assert "Not sent" in response.content.decode()
    assert state_of_everything() == before


@pytest.mark.parametrize("number", ["0", "999999999999999999", "99999999999999999999", "1" * 400])
def test_ids_that_no_row_can_have_are_not_found(study: Study, number: str) -> None:
    for noun in ("spaces", "regimes", "batches", "samples"):
        assert study.clients[OWNER].get(f"/{noun}/{number}/").status_code == 404


def test_the_session_chooses_between_the_teams_of_a_person(study: Study) -> None:
    other, client = Team.objects.get(name="Audio"), study.clients[OWNER]
    assert client.post(reverse("choose-team", args=[other.pk])).status_code == 404
    own = services.create_team(name="Second", owner=study.owner)
    assert client.post(reverse("choose-team", args=[own.pk])).status_code == 302
    assert client.get(study.url("/spaces/{space}/")).status_code == 404
    assert "Second" in client.get("/").content.decode()


def test_a_person_without_a_team_can_start_one() -> None:
    user = services.create_user(email="new@example.org", password="correct horse battery")
    client = pages.client_of(user)
    assert client.get("/spaces/")["Location"] == "/teams/new/"
    assert client.get("/teams/new/").status_code == 200
    assert client.post("/teams/new/", {"name": "Mine"})["Location"] == "/"
    assert client.get("/spaces/").status_code == 200
