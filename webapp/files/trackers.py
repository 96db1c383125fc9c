"""Results straight from a tracker: an Optuna storage, an MLflow tracking store, the folder of a W&B export."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from webapp.files.json_tables import flat
from webapp.files.reading import MOST_COLUMNS_READ, MOST_ROWS
from webapp.files.table import Table, TableBuilder, UnreadableFile

RUNS_A_PAGE = 1_000


def read_tracker(source: str, study: str = "") -> Table:
    """The runs of a store as a table; the tracker's own library reads it, and is asked for where it is missing."""
    path = Path(source)
    if path.is_dir() and any(path.glob("**/config.json")):
        return _table(_wandb_runs(path), "a W&B export")
    if path.is_dir() or source.startswith(("http://", "https://", "file://")) or _has_experiments(source):
        return _table(_mlflow_runs(source, study), "an MLflow tracking store")
    return _table(_optuna_trials(source, study), "an Optuna storage")


def _has_experiments(source: str) -> bool:
    """Whether an SQLite file is a store of MLflow; Optuna's has studies instead."""
    path = Path(source.removeprefix("sqlite:///"))
    if not path.is_file() or path.suffix == ".log":
        return False
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone())
    except sqlite3.Error as error:
        raise UnreadableFile(f"{path.name} is no SQLite database: {error}.") from error


def _table(rows: Iterator[Mapping[str, Any]], words: str) -> Table:
    builder = TableBuilder(most_rows=MOST_ROWS, most_columns=MOST_COLUMNS_READ)
    for number, row in enumerate(rows, start=1):
        builder.add(number, flat(row))
    if not builder.lines:
        raise UnreadableFile(f"There is no run in {words.removeprefix('a ').removeprefix('an ')}.")
    return builder.finish(words=words, unit="row")


def _optuna_trials(source: str, study: str) -> Iterator[Mapping[str, Any]]:
    try:
        import optuna
    except ImportError as missing:
        raise UnreadableFile("Optuna is not installed: pip install 'netspace[optuna]', and try again.") from missing
    storage: Any = source if "://" in source else f"sqlite:///{source}"
    if source.endswith(".log"):
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(source))
    names = optuna.get_all_study_names(storage)
    chosen = study or (names[0] if len(names) == 1 else "")
    if chosen not in names:
        raise UnreadableFile(f"Say with --study which study is meant: {', '.join(names[:20]) or 'there is none'}.")
    for trial in optuna.load_study(study_name=chosen, storage=storage).get_trials(deepcopy=False):
        values = {f"values_{k}": value for k, value in enumerate(trial.values or ())}
        named = {"value": values["values_0"]} if len(values) == 1 else values
        parameters = {f"params_{name}": value for name, value in trial.params.items()}
        attributes = {f"user_attrs_{name}": value for name, value in trial.user_attrs.items()}
        yield {"number": trial.number, **named, **parameters, **attributes, "state": trial.state.name}


def _mlflow_runs(source: str, study: str) -> Iterator[Mapping[str, Any]]:
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as missing:
        raise UnreadableFile("MLflow is not installed: pip install 'netspace[mlflow]', and try again.") from missing
    if Path(source).is_dir():
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # newer versions read folders only where told to
    if Path(source).is_file():
        source = f"sqlite:///{Path(source).resolve()}"
    client = MlflowClient(tracking_uri=source)
    experiments = [one for one in client.search_experiments() if not study or one.name == study]
    if not experiments:
        raise UnreadableFile(f"The store has no experiment {study}." if study else "The store has no experiment.")
    token: str | None = None
    ids = [one.experiment_id for one in experiments]
    while True:
        page = client.search_runs(ids, max_results=RUNS_A_PAGE, page_token=token)
        for run in page:
            parameters = {f"params.{name}": _typed(text) for name, text in run.data.params.items()}
            metrics = {f"metrics.{name}": value for name, value in run.data.metrics.items()}
            yield {"run_id": run.info.run_id, "status": run.info.status, **metrics, **parameters}
        token = page.token
        if not token:
            return


def _typed(text: str) -> object:
    """MLflow keeps parameters as texts; a leading zero is no number's."""
    try:
        value = float(text)
    except ValueError:
        return text
    return text if text.lstrip("+-").startswith("0") and text.lstrip("+-")[1:2].isdecimal() else value


def _wandb_runs(folder: Path) -> Iterator[Mapping[str, Any]]:
    """One folder a run, with ``config.json`` and ``summary.json`` as W&B names them."""
    for config in sorted(folder.glob("**/config.json")):
        summary = next((config.parent / name for name in SUMMARIES if (config.parent / name).is_file()), None)
        row = {"name": config.parent.name, "config": _plain(_read(config))}
        results = _read(summary) if summary else {}
        state = _read(config.parent / "run.json") if (config.parent / "run.json").is_file() else {}
        measured = {key: value for key, value in results.items() if not key.startswith("_")}
        yield {**row, "summary": measured, **({"state": state["state"]} if "state" in state else {})}


SUMMARIES = ("summary.json", "wandb-summary.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path.parent.name}/{path.name} can't be read: {str(error)[:100]}.") from error
    return found if isinstance(found, dict) else {}


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """W&B wraps each value of its own files as {"value": ...}."""
    return {
        key: value["value"] if isinstance(value, dict) and "value" in value else value
        for key, value in config.items()
        if not key.startswith("_")
    }
