"""`manage.py retrain`: a finished run trained again beside its record."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.forms.models import model_to_dict

from engine.training.loop import ResidentData, train_network
from tests.tasks.studies import Study, run_of
from tests.webapp import rows
from webapp import services
from webapp.models import Epoch, Run, SampleBatch

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch() -> SampleBatch:
    """A batch of one design whose run was really trained, for two epochs."""
    made = Study().queue("digits", size=1, seed=3, epochs=2)
    claim = rows.claim()
    assert claim is not None
    result = train_network(
        design=claim.design, recipe=claim.regime.recipe, data=ResidentData.load(claim.regime), seed=claim.seed,
        on_epoch=lambda epoch: services.record_epoch(claim, epoch),
    )  # fmt: skip
    assert services.record_result(claim, result, device_slots=1)
    return made


def retrain(run: Run, **options: Any) -> str:
    out = StringIO()
    call_command("retrain", run.pk, stdout=out, no_color=True, **options)
    return out.getvalue()


def refusal(run_id: int, **options: Any) -> CommandError:
    with pytest.raises(CommandError) as caught:
        call_command("retrain", run_id, stdout=StringIO(), **options)
    return caught.value


def test_a_finished_run_is_repeated_to_the_bit_and_its_record_stays(batch: SampleBatch) -> None:
    run = run_of(batch)
    before = (model_to_dict(run), list(Epoch.objects.values()))
    said = retrain(run)
    assert "Equal to the bit" in said
    assert f"final_error  {run.final_error:>11.4f}% {run.final_error:>11.4f}%      +0.0000" in said
    assert said.count("test error") == 2
    run.refresh_from_db()
    assert (model_to_dict(run), list(Epoch.objects.values())) == before
    assert Run.objects.count() == 1


def test_another_error_on_the_same_cpu_and_versions_ends_with_code_1(batch: SampleBatch) -> None:
    Epoch.objects.filter(number=2).update(train_loss=9.0)
    Run.objects.update(final_error=99.5)
    error = refusal(run_of(batch).pk)
    assert error.returncode == 1
    assert "Different from epoch 2 on: train_loss 9.0 then" in str(error)
    Epoch.objects.all().delete()
    assert "Different: final_error 99.5 then" in str(refusal(run_of(batch).pk))


def test_other_versions_are_named_and_may_differ(batch: SampleBatch) -> None:
    run = run_of(batch)
    Run.objects.update(best_error=0.5, versions=run.versions | {"torch": "1.0"})
    said = retrain(run_of(batch))
    assert "torch: 1.0 then, " in said
    assert "Other versions or another device may differ in rounding." in said


def test_what_cannot_be_compared_ends_with_code_2(batch: SampleBatch) -> None:
    waiting = Study.queue(_of(batch), "another", seed=4)
    for error, said in (
        (refusal(0), "There is no run 0."),
        (refusal(run_of(waiting).pk), "is waiting: only a finished run"),
        (refusal(run_of(batch).pk, device="cuda:7"), "cuda:7"),
    ):
        assert error.returncode == 2
        assert said in str(error)


def _of(batch: SampleBatch) -> Study:
    """The study that a batch belongs to, for queueing more."""
    study = Study.__new__(Study)
    study.team, study.user, study.space = batch.space.team, batch.created_by, batch.space
    return study
