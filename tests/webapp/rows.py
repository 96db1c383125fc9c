"""Rows for tests, made through the services wherever there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import numpy as np

from engine.spaces import presets
from engine.spaces.sampling import draw_designs
from engine.training.regimes import Regime as EngineRegime
from engine.training.regimes import regime_presets
from webapp import services
from webapp.models import ColumnKind, ImportedPopulation, Regime, Run, SampleBatch, Space, Team, User
from webapp.models.columns import Column

DATA_SETS = ("fashion-mnist", "digits")


@dataclass(frozen=True)
class Result:
    """What engine.training.loop returns, as far as the services read it; spares these tests the import of torch."""

    final_error: float = 30.0
    best_error: float = 29.0
    train_images_per_second: float = 1000.0
    test_images_per_second: float = 4000.0
    peak_memory: int = 1
    seconds: float = 1.0
    device_kind: str = "a processor"
    versions: tuple[tuple[str, str], ...] = (("torch", "2"),)
    epochs: tuple[EpochOf, ...] = ()


@dataclass(frozen=True)
class EpochOf:
    """As engine.training.EpochResult."""

    number: int = 1
    train_loss: float = 2.0
    train_error: float = 50.0
    test_error: float = 40.0
    seconds: float = 0.5


def a_team(name: str = "Vision", email: str = "owner@example.org") -> tuple[Team, User]:
    user = services.create_user(email=email, password="correct horse battery", name="Owner")
    return services.create_team(name=name, owner=user), user


def a_space(team: Team, user: User, *, name: str = "RegNetX", preset: str = "RegNetX-small") -> Space:
    return services.create_space(team=team, name=name, space=presets.space(preset), actor=user)


def a_regime(team: Team, user: User, *, name: str = "quick", replicates: int = 1) -> Regime:
    definition = regime_presets()["Fashion-MNIST on CPU"].to_json() | {"replicates": replicates}
    return services.create_regime(team=team, name=name, regime=EngineRegime.from_json(definition), actor=user)


def an_import(
    team: Team, user: User, errors: Sequence[float], *, name: str = "Elsewhere", **columns: Sequence[float]
) -> ImportedPopulation:
    found = [
        Column(key, ColumnKind.NUMBER, np.array(values, dtype=float))
        for key, values in {**columns, "error": errors}.items()
    ]
    return services.create_imported_population(
        team=team, name=name, origin=services.Origin("results.csv", "error"), columns=found, actor=user
    )


def a_batch(
    space: Space, regime: Regime, user: User, *, size: int = 4, seed: int | None = None, drawn: bool = True
) -> SampleBatch:
    """Of the seed 0, or where no other is given the next that the space has not used under the regime."""
    if seed is None:
        seed = SampleBatch.objects.filter(space=space, regime=regime).count()
    batch = services.create_sample_batch(space=space, regime=regime, size=size, seed=seed, actor=user)
    if drawn:
        draw_requested()
        batch.refresh_from_db()
    return batch


def an_old_double(space: Space, regime: Regime, user: User, *, size: int, seed: int = 0) -> SampleBatch:
    """A batch of a seed that an older one has, as versions before took it; not drawn yet."""
    return SampleBatch.objects.create(
        space=space, regime=regime, size=size, seed=seed, created_by=user, old_double=True
    )


def draw_requested() -> int:
    """Draw whatever waits, as tasks.sampling does; returns how many runs became claimable."""
    claimable = 0
    while (claim := services.claim_draw()) is not None:
        draw = draw_designs(
            claim.space,
            size=claim.size,
            seed=claim.seed,
            window=claim.regime.window,
            resolution=claim.regime.resolution,
            in_channels=claim.regime.in_channels,
            num_classes=claim.regime.num_classes,
        )
        claimable += services.store_samples(claim=claim, draw=draw)
    return claimable


def a_study(*, size: int = 4, replicates: int = 1) -> SampleBatch:
    team, user = a_team()
    return a_batch(a_space(team, user), a_regime(team, user, replicates=replicates), user, size=size)


STRIPES = 8  # of a batch's version (migration 0013): two connections that count in the same one wait for each other


def stripe() -> int:
    """The one in which this connection counts changes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0]) % STRIPES


def leave_stripe(taken: int) -> None:
    """Connect anew until this connection counts in another stripe than one whose holder has not committed."""
    from django.db import connection

    while stripe() == taken:
        connection.close()


def a_worker(*, host: str = "machine", slot: int = 0) -> UUID:
    worker_id = uuid4()
    services.register_worker(
        worker_id=worker_id,
        host=host,
        pid=1,
        slot=slot,
        device="cpu",
        device_kind="a processor",
        device_slots=1,
        data_sets=DATA_SETS,
        versions={"torch": "2"},
    )
    return worker_id


def claim(worker_id: UUID | None = None) -> services.Claim | None:
    return services.claim_run(worker_id=worker_id or a_worker(), data_sets=DATA_SETS)


def end_lease(run_id: int) -> None:
    """Let a run's lease be over, by the database's own clock."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE webapp_run SET lease_until = now() - interval '1 second' WHERE id = %s", [run_id])


def run_of(claim: services.Claim) -> Run:
    return Run.objects.get(pk=claim.run_id)
