"""manage.py import FILE: what the pages do with a file of results, from the shell."""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp import queries, services
from webapp.files.imports import (
    Choices,
    Imported,
    origin_of,
    problem_of,
    read_import,
    shape_of,
    usual_choices,
    with_roles,
)
from webapp.files.reading import read_in_bounds
from webapp.files.table import Table, UnreadableFile
from webapp.files.trackers import read_tracker
from webapp.models import ImportedPopulation, Team, User
from webapp.services import Conditions, Refused
from webapp.wording import counted


class Command(BaseCommand):
    help = "Import results: a file, an Optuna storage, an MLflow tracking store or the folder of a W&B export."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="a file, a folder, or the URL of a store")
        parser.add_argument("--team", help="name of the team; needed where there are several")
        parser.add_argument("--name", help="of the population; the file's name where left out")
        parser.add_argument(
            "--study", default="", help="study of Optuna or experiment of MLflow, where there are several"
        )
        parser.add_argument("--role", action="append", default=[], metavar="COLUMN=ROLE[:UNIT]",
                            help="what a column is, such as score=error:accuracy-percent")  # fmt: skip
        parser.add_argument("--status", action="append", default=[], metavar="WORD=END",
                            help="finished, failed or left_out, for a word of the status")  # fmt: skip
        parser.add_argument("--data-set", default="", help="what the networks were trained on")
        parser.add_argument("--resolution", type=int)
        parser.add_argument("--epochs", type=float)
        parser.add_argument("--dry-run", action="store_true", help="store nothing")
        parser.add_argument("--json", action="store_true", help="say what comes in as JSON")

    def handle(self, *, source: str, **options: Any) -> None:
        try:
            table = _table(source, options["study"])
            team = None if options["dry_run"] and not options["team"] else _team(options["team"])
            before = queries.import_of_shape(team, shape_of(table)) if team else None
            choices = with_roles(table, usual_choices(table, before.choices if before else None),
                                 _pairs(options["role"]), _pairs(options["status"]))  # fmt: skip
            if problem := problem_of(table, choices):
                raise CommandError(problem)
            imported = read_import(table, choices)
            if not options["dry_run"]:
                name = options["name"] or Path(source.split("?")[0].rstrip("/")).stem[:120] or "import"
                conditions = Conditions(options["data_set"], options["resolution"], options["epochs"])
                _store(_team(options["team"]), name, origin_of(source, table, choices, imported), imported, conditions)
        except (UnreadableFile, Refused) as error:
            raise CommandError(str(error)) from error
        told = summary(imported, choices)
        self.stdout.write(json.dumps(told, allow_nan=False) if options["json"] else _words(told, imported))


def summary(imported: Imported, choices: Choices) -> dict[str, Any]:
    """What comes in, in numbers: errors in percent, null where no row has one."""
    errors = imported.errors
    return {
        "n": len(errors),
        "failed": imported.failed,
        "left_out": imported.left_out,
        "min": float(errors.min()) if len(errors) else None,
        "mean": float(errors.mean()) if len(errors) else None,
        "roles": {name: str(choice.role) for name, choice in choices.columns.items()},
        "units": {name: choice.unit for name, choice in choices.columns.items() if choice.unit},
        "missing": {name: count for name, count in imported.missing.items() if count},
        "reasons": [{"reason": one.reason, "rows": one.rows, "mean_with": one.mean_with} for one in imported.reasons],
    }


def _table(source: str, study: str) -> Table:
    path = Path(source)
    if "://" in source or path.is_dir() or path.suffix in (".db", ".sqlite", ".sqlite3", ".log"):
        return read_tracker(source, study)
    if not path.is_file():
        raise CommandError(f"There is no file {source}.")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "file"
        copy.symlink_to(path.resolve())
        return read_in_bounds(copy, Path(folder) / "table")


def _team(name: str | None) -> Team:
    teams = list(Team.objects.filter(**({"name": name} if name else {})).order_by("pk")[:2])
    if len(teams) == 1:
        return teams[0]
    raise CommandError(f"There is no team {name}." if name else "Say with --team whose import it is.")


def _store(team: Team, name: str, origin: services.Origin, imported: Imported, conditions: Conditions) -> None:
    """A new population; or, where the same source was imported under that name before, its rows anew."""
    actor = User.objects.filter(memberships__team=team).order_by("memberships__role", "pk").first()
    if actor is None:
        raise CommandError(f"The team {team.name} has no member.")
    before = ImportedPopulation.objects.filter(team=team, name=name, source=origin.source[:200]).first()
    if before is not None:
        services.replace_imported_population(row=before, origin=origin, columns=imported.columns, actor=actor)
    else:
        services.create_imported_population(
            team=team, name=name, origin=origin, columns=imported.columns, conditions=conditions, actor=actor
        )


def _pairs(given: list[str]) -> dict[str, str]:
    if wrong := next((pair for pair in given if "=" not in pair), ""):
        raise CommandError(f"{wrong} must have the form NAME=VALUE.")
    return {pair.rsplit("=", 1)[0]: pair.rsplit("=", 1)[1] for pair in given}


def _words(told: dict[str, Any], imported: Imported) -> str:
    lines = [f"{counted(told['n'], 'result')}, {told['failed']} failed, {told['left_out']} left out"]
    if told["n"]:
        lines.append(f"error {told['min']:.4g} % at the lowest, {told['mean']:.4g} % on average")
    lines += [f"  {one.rows} left out: {one.reason}" for one in imported.reasons[:20]]
    lines += [f"  {name}: {role}" for name, role in told["roles"].items()]
    return "\n".join(lines)
