"""`manage.py retrain RUN`: train a finished run again beside its record, and compare."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from engine.designs import AnyNetDesign
from engine.errors import EngineError
from engine.training.regimes import Regime as EngineRegime
from webapp.models import Epoch, Run, RunState
from webapp.services.runs import run_seed

if TYPE_CHECKING:  # torch takes seconds to load
    from engine.training.loop import EpochResult, TrainingResult

DIFFERENT, NOT_COMPARED = 1, 2  # exit codes
ERRORS = ("final_error", "best_error")
CURVES = ("train_loss", "train_error", "test_error")


class Command(BaseCommand):
    help = (
        "Train a finished run again from its stored design, recipe and seed, and compare both errors. Nothing is "
        "written. Exit code 1 where they differ on the same CPU and versions, 2 where they can't be compared."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="number of the run, as its sample's page shows it")
        parser.add_argument("--device", default="cpu", help="cpu, cuda:0 and the like (default cpu)")

    def handle(self, *args: object, run: int, device: str, **options: object) -> None:
        recorded = _finished_run(run)
        self._say_what(recorded)
        try:
            again = _train(recorded, device, self._say_epoch)
        except EngineError as error:
            raise CommandError(f"Not compared: {error}", returncode=NOT_COMPARED) from error
        self.stdout.write(f"{'':12} {'recorded':>12} {'again':>12} {'difference':>12}")
        for name in ERRORS:
            before, after = getattr(recorded, name), getattr(again, name)
            self.stdout.write(f"{name:12} {before:>11.4f}% {after:>11.4f}% {after - before:>+12.4f}")
        changed = _changed_surroundings(recorded, again)
        for line in changed:
            self.stdout.write(line)
        self._conclude(_first_difference(recorded, again), changed, on_cpu=device == "cpu")

    def _say_what(self, run: Run) -> None:
        batch = run.batch
        self.stdout.write(
            f"Run {run.pk}: sample {run.position} of {batch.space.name} in batch {batch.pk}, replicate "
            f"{run.replicate + 1}, under {batch.regime.name}; seed {_seed(run)}."
        )

    def _say_epoch(self, epoch: EpochResult) -> None:
        self.stdout.write(f"epoch {epoch.number}: test error {epoch.test_error:.4f}%, {epoch.seconds:.1f} s")

    def _conclude(self, difference: str, changed: list[str], *, on_cpu: bool) -> None:
        if not difference:
            self.stdout.write(self.style.SUCCESS("Equal to the bit: every epoch's loss and errors, and both errors."))
        elif changed:
            self.stdout.write(f"{difference} Other versions or another device may differ in rounding.")
        elif not on_cpu:
            self.stdout.write(f"{difference} A GPU does not add in the same order every time.")
        else:
            raise CommandError(f"{difference} On the same CPU and versions both should be equal.", returncode=DIFFERENT)


def _finished_run(number: int) -> Run:
    run = Run.objects.select_related("sample", "batch__space", "batch__regime").filter(pk=number).first()
    if run is None:
        raise CommandError(f"There is no run {number}.", returncode=NOT_COMPARED)
    if run.state != RunState.DONE:
        said = f"Run {number} is {run.get_state_display()}: only a finished run has an error to compare with."
        raise CommandError(said, returncode=NOT_COMPARED)
    return run


def _seed(run: Run) -> int:
    return run_seed(batch_seed=run.batch.seed, position=run.position, replicate=run.replicate)


def _train(run: Run, device: str, on_epoch: Callable[[EpochResult], None]) -> TrainingResult:
    """The same training once more, without the time limit: this machine may be a slower one."""
    import torch

    from engine.training.loop import ResidentData, train_network

    # As many threads as then: another number adds in another order.
    torch.set_num_threads(int(run.versions.get("threads", 1)))
    regime = EngineRegime.from_json(run.batch.regime.definition)
    return train_network(
        design=AnyNetDesign.from_json(run.sample.design),
        recipe=regime.recipe,
        data=ResidentData.load(regime, device=device, data_folder=settings.DATA_FOLDER),
        seed=_seed(run),
        device=device,
        on_epoch=on_epoch,
    )


def _changed_surroundings(run: Run, again: TrainingResult) -> list[str]:
    """One line for each version, and for the device, that is another one now."""
    before = {"device": run.device_kind, **run.versions}
    after = {"device": again.device_kind, **again.versions}
    names = dict.fromkeys([*before, *after])
    return [
        f"{name}: {before.get(name, 'unknown')} then, {after.get(name, 'unknown')} now"
        for name in names
        if before.get(name) != after.get(name)
    ]


def _first_difference(run: Run, again: TrainingResult) -> str:
    """The sentence that says where both went apart; empty where they are equal to the bit."""
    recorded = {epoch.number: epoch for epoch in Epoch.objects.filter(run=run)}
    for epoch in again.epochs:
        for name in CURVES if epoch.number in recorded else ():
            before, after = getattr(recorded[epoch.number], name), getattr(epoch, name)
            if before != after:
                return f"Different from epoch {epoch.number} on: {name} {before!r} then, {after!r} now."
    for name in ERRORS:
        if getattr(run, name) != getattr(again, name):
            return f"Different: {name} {getattr(run, name)} then, {getattr(again, name)} now."
    return ""
