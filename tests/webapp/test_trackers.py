"""Results straight from a tracker: an Optuna storage, an MLflow store, the folder of a W&B export."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.webapp import rows
from webapp.models import ImportedPopulation


def imported(source: str, *options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("import", source, "--json", *options, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def a_run(folder: Path, name: str, config: dict[str, Any], summary: dict[str, Any], state: str = "finished") -> None:
    run = folder / name
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(config))
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "run.json").write_text(json.dumps({"state": state}))


def test_the_folder_of_a_wandb_export_comes_in(tmp_path: Path) -> None:
    a_run(tmp_path, "a", {"depth": {"value": 3}, "block": {"value": "mb"}}, {"val_acc": 0.9, "loss": 0.2, "_step": 9})
    a_run(tmp_path, "b", {"depth": {"value": 5}, "block": {"value": "conv"}}, {"val_acc": 0.8, "loss": "NaN"})
    a_run(tmp_path, "c", {"depth": {"value": 5}, "block": {"value": "conv"}}, {"val_acc": 0.1}, "crashed")
    a_run(tmp_path, "d", {"depth": {"value": 7}, "block": {"value": "conv"}}, {"val_acc": 0.3}, "running")
    told = imported(str(tmp_path), "--dry-run")
    assert (told["n"], told["failed"], told["left_out"]) == (2, 1, 1)
    assert told["mean"] == pytest.approx(15)
    names = ("config.depth", "config.block", "summary.loss", "state", "name")
    assert {name: told["roles"][name] for name in names} == {
        "config.depth": "parameter", "config.block": "parameter", "summary.loss": "outcome", "state": "status",
        "name": "name",
    }  # fmt: skip
    assert told["roles"]["summary.val_acc"] == "error"


@pytest.mark.django_db
def test_an_optuna_study_comes_in_and_again_with_what_came_later(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna", reason="Optuna is an optional extra")
    team, _ = rows.a_team()
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(study_name="depths", storage=url)

    def objective(trial: Any) -> float:
        depth = trial.suggest_int("depth", 1, 20)
        trial.suggest_categorical("block", ["conv", "mb"])
        if trial.number == 3:
            raise optuna.TrialPruned
        return 20.0 + depth

    for block in ("conv", "mb"):
        study.enqueue_trial({"depth": 3, "block": block})
    study.optimize(objective, n_trials=6)
    told = imported(url, "--team", team.name, "--name", "study")
    assert (told["n"], told["left_out"]) == (5, 1)
    assert told["roles"]["params_depth"] == told["roles"]["params_block"] == "parameter"
    study.optimize(objective, n_trials=4)
    assert imported(url, "--team", team.name, "--name", "study")["n"] == 9
    row = ImportedPopulation.objects.get()
    assert (row.n, row.version, row.left_out) == (9, 2, 1)


@pytest.mark.parametrize("store", ["mlruns", "sqlite:///{}/mlflow.db"])
def test_an_mlflow_store_comes_in(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    tracking = pytest.importorskip("mlflow.tracking", reason="MLflow is an optional extra")
    if store.startswith("sqlite"):
        pytest.importorskip("sqlalchemy", reason="MLflow's databases need SQLAlchemy")
    source = store.format(tmp_path) if store.startswith("sqlite") else str(tmp_path / store)
    client = tracking.MlflowClient(tracking_uri=source)
    experiment = client.create_experiment("depths")
    for depth, status in ((3, "FINISHED"), (5, "FINISHED"), (7, "FAILED")):
        run = client.create_run(experiment)
        client.log_param(run.info.run_id, "depth", depth)
        client.log_metric(run.info.run_id, "val_error", 20 + depth)
        client.set_terminated(run.info.run_id, status)
    told = imported(source, "--dry-run", "--study", "depths")
    assert (told["n"], told["failed"], told["mean"]) == (2, 1, 24)
    assert told["roles"]["params.depth"] == "parameter"


@pytest.mark.parametrize(
    ("library", "source", "said"),
    [
        ("optuna", "sqlite:///x.db", "netspace\\[optuna\\]"),
        ("mlflow.tracking", "http://127.0.0.1:1", "netspace\\[mlflow\\]"),
    ],
)
def test_a_library_that_is_missing_is_asked_for(
    library: str, source: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(CommandError, match=said):
        imported(source, "--dry-run")


@pytest.mark.django_db
def test_the_command_stores_and_replaces(tmp_path: Path) -> None:
    team, _ = rows.a_team()
    path = tmp_path / "runs.csv"
    path.write_text("depth,error\n1,20\n2,30\n")
    imported(str(path), "--data-set", "CIFAR-10", "--resolution", "32", "--epochs", "10")
    row = ImportedPopulation.objects.get()
    assert (row.team, row.name, row.n, row.data_set, row.resolution, row.epochs) == (
        team,
        "runs",
        2,
        "CIFAR-10",
        32,
        10,
    )
    path.write_text("depth,error\n1,20\n2,30\n3,40\n")
    imported(str(path))
    row.refresh_from_db()
    assert (row.n, row.version) == (3, 2)
    with pytest.raises(CommandError, match="There is no file"):
        imported(str(tmp_path / "none.csv"))
    with pytest.raises(CommandError, match="There is no team"):
        imported(str(path), "--team", "nobody")
