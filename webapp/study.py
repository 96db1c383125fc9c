"""The demo's study: AnyNetX-A against RegNetX on real images, small enough for a few minutes on a CPU.

Everything is found again by name, so a second call goes on where the first one ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from sesame.utils import get_query_string

from engine.errors import DataMissing
from engine.spaces import presets
from engine.training.datasets import DATA_SETS, find_data_set, obtain_data_set
from engine.training.regimes import regime_presets
from webapp import queries, services
from webapp.analysis import Selection, analyse
from webapp.analysis.selection import TrainedId
from webapp.models import NEVER_DRAWN, BatchState, Regime, SampleBatch, Space, Team, User
from webapp.queries import BatchProgress

EMAIL, TEAM = "you@localhost", "Vision"
SPACES = {"AnyNetX-A": "AnyNetX-A-small", "RegNetX": "RegNetX-small"}
SEED = 0


@dataclass(frozen=True)
class Study:
    """The demo's rows: one batch a space, under one regime, for one team."""

    user: User
    team: Team
    regime: Regime
    batches: list[SampleBatch]

    @property
    def result_path(self) -> str:
        pairs = [("p", f"{batch.space_id}-{batch.regime_id}") for batch in reversed(self.batches)]
        return f"{reverse('analyses')}?{urlencode(pairs)}"


@dataclass(frozen=True)
class Row:
    """One line of the demo's table; errors in percent."""

    name: str
    used: int
    failed: int
    best: float
    mean: float


@dataclass(frozen=True)
class Outcome:
    rows: list[Row]
    finding: str


def ensure_account() -> tuple[User, Team]:
    """The one person and team of a fresh installation; the account has no password until one is set."""
    user = User.objects.filter(email=EMAIL).first() or services.create_user(email=EMAIL, name="Demo", is_admin=True)
    team = user.teams.order_by("pk").first() or services.create_team(name=TEAM, owner=user)
    return user, team


def sign_in_link(user: User, address: str, path: str) -> str:
    """A link that signs in once, within SESAME_MAX_AGE, and opens ``path``."""
    user.refresh_from_db(fields=["last_login"])  # a sign-in since then has made older links void
    query = get_query_string(user)
    return f"{address}{reverse('sign-in-by-link')}{query}&{urlencode({'next': path})}"


def obtain_images() -> tuple[str, str]:
    """The name of the regime preset whose images could be had, and a sentence that says which and from where."""
    name = "fashion-mnist"
    found = find_data_set(name, data_folder=settings.DATA_FOLDER)
    if found is not None:
        return "Fashion-MNIST on CPU", f"Images: {DATA_SETS[name].title}, found in {found}."
    try:
        found = obtain_data_set(name, data_folder=settings.DATA_FOLDER)
    except DataMissing as error:
        return "Digits on CPU", (
            f"Images: Fashion-MNIST can't be had here ({error}), so the demo uses scikit-learn's bundled digits: "
            "1,797 images of 8 by 8 pixels. The errors are lower and the spaces closer than on Fashion-MNIST."
        )
    return "Fashion-MNIST on CPU", f"Images: {DATA_SETS[name].title}, downloaded to {found}."


def ensure_study(*, size: int, regime_name: str) -> Study:
    """The spaces, the regime and a batch of at least ``size`` samples from each space, made where they are missing."""
    user, team = ensure_account()
    regime = Regime.objects.filter(team=team, name=regime_name).first() or services.create_regime(
        team=team, name=regime_name, regime=regime_presets()[regime_name], actor=user
    )
    return Study(user, team, regime, [_ensure_batch(team, user, name, regime, size) for name in SPACES])


def _ensure_batch(team: Team, user: User, name: str, regime: Regime, size: int) -> SampleBatch:
    space = Space.objects.filter(team=team, name=name).first() or services.create_space(
        team=team, name=name, space=presets.space(SPACES[name]), actor=user, note="The demo's space."
    )
    drawn = SampleBatch.objects.filter(space=space, regime=regime, seed=SEED).exclude(state__in=NEVER_DRAWN)
    batch = drawn.order_by("pk").first()
    if batch is None:
        return services.create_sample_batch(space=space, regime=regime, size=size, seed=SEED, actor=user)
    if batch.size < size and batch.state == BatchState.READY:
        return services.extend_batch(batch=batch, size=size, actor=user)
    return batch


def progress(study: Study) -> list[tuple[SampleBatch, BatchProgress]]:
    found = queries.batch_progress([batch.pk for batch in study.batches])
    return [(batch, found[batch.pk]) for batch in study.batches]


def outcome(study: Study) -> Outcome:
    """What the table of the demo says; needs a finished sample in each batch."""
    ids = tuple(TrainedId(batch.space_id, study.regime.pk) for batch in study.batches)
    analysis = analyse(Selection(populations=ids), study.regime.team)
    rows = [Row(one.origin[0], one.networks, one.failed, one.edf.min, one.edf.mean) for one in analysis.populations]
    return Outcome(rows, analysis.finding.text)
