"""`manage.py demo`: from nothing to a first result on real images, with everything running on this machine."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Sequence

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from engine.errors import EngineError
from webapp import study
from webapp.embedded import EmbeddedError
from webapp.launcher import Interrupted, Launcher, LaunchError
from webapp.models import BatchState, SampleBatch
from webapp.queries import BatchProgress

TICK_SECONDS = 1.0
LINE_EVERY = 15.0  # seconds between lines where the output is no terminal
SUPERVISOR_LINES = " tasks.supervisor: "


def time_left(progress: BatchProgress) -> str:
    if not progress.active:
        return ""
    if progress.paused:
        return "paused"
    if progress.seconds_left is None:
        return "time left: not known yet"
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    return f"about {minutes} min {seconds:02d} s left" if minutes else f"about {seconds} s left"


def counts(progress: BatchProgress) -> str:
    return f"{progress.done} done, {progress.running} running, {progress.failed} failed of {progress.runs}"


class Command(BaseCommand):
    help = "Train a small study of AnyNetX-A against RegNetX on this machine and open its result page."
    requires_system_checks = ()  # none: the gate runs them
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--size", type=int, default=16, help="samples a space (default 16)")
        parser.add_argument("--port", type=int, default=8000, help="port of the web app (default 8000)")
        parser.add_argument("--exit", action="store_true", help="leave after the table instead of serving on")

    def handle(self, *args: object, size: int, port: int, **options: object) -> None:
        if not 2 <= size <= 1000:
            raise CommandError(f"size must lie between 2 and 1000, got {size}.")
        self.console = Console(highlight=False, soft_wrap=True)
        launcher = Launcher(port=port, say=self.say, on_line=self._on_line)
        try:
            with launcher:
                failed = self._run(launcher, size=size)
                if not options["exit"]:
                    self.say("Serving on; Ctrl-C stops everything.")
                    while True:
                        launcher.check()
                        time.sleep(TICK_SECONDS)
        except Interrupted:
            self.say("Stopped. The same command goes on where this one ended.")
            if options["exit"]:
                raise CommandError("The demo was stopped before its end.", returncode=130) from None
            return
        except (LaunchError, EmbeddedError, EngineError) as error:
            raise CommandError(str(error)) from error
        if failed:
            raise CommandError(f"{failed} runs failed; the result page says why.")

    def say(self, sentence: str) -> None:
        self.console.print(sentence, markup=False)

    def _on_line(self, name: str, line: str) -> None:
        """Of the parts' output only what the supervisor says about its processes concerns the person watching."""
        if name == "worker" and SUPERVISOR_LINES in line:
            self.say(line.split(SUPERVISOR_LINES, 1)[1])

    def _run(self, launcher: Launcher, *, size: int) -> int:
        """The study from start to table; returns how many runs failed."""
        regime_name, sentence = study.obtain_images()
        self.say(sentence)
        started = time.monotonic()
        work = study.ensure_study(size=size, regime_name=regime_name)
        live = study.sign_in_link(work.user, launcher.address, f"/batches/{work.batches[0].pk}/")
        self.say(f"{size} designs from each of {' and '.join(study.SPACES)} train under {regime_name!r}.")
        self.say(f"Watch it live (the link signs you in, once): {live}")
        self._show_progress(launcher, work)
        self.say(f"Finished in {time.monotonic() - started:.0f} s.")
        failed = sum(progress.failed for _, progress in study.progress(work))
        self._show_table(study.outcome(work))
        self.say(f"The result page (the link signs you in, once): "
                 f"{study.sign_in_link(work.user, launcher.address, work.result_path)}")  # fmt: skip
        return failed

    def _show_progress(self, launcher: Launcher, work: study.Study) -> None:
        columns = [TextColumn("{task.description:<10}"), BarColumn(30), TextColumn("{task.fields[counts]}")]
        with Progress(*columns, TextColumn("{task.fields[left]}"), console=self.console) as bars:
            tasks = [bars.add_task(batch.space.name, counts="", left="") for batch in work.batches]
            line_at = time.monotonic()
            while True:
                launcher.check()
                now = self._ask(work)
                self._update(bars, tasks, now)
                if now and not any(progress.active for _, progress in now):
                    return
                if now and not self.console.is_terminal and time.monotonic() >= line_at:
                    line_at = time.monotonic() + LINE_EVERY
                    self.say("; ".join(f"{b.space.name}: {counts(p)}, {time_left(p)}" for b, p in now))
                time.sleep(TICK_SECONDS)

    def _ask(self, work: study.Study) -> list[tuple[SampleBatch, BatchProgress]]:
        """How far the batches are; nothing while PostgreSQL is away, which the launcher starts again."""
        try:
            now = study.progress(work)
        except OperationalError:
            connection.close()
            return []
        for batch, progress in now:
            if progress.state in {BatchState.FAILED, BatchState.EXHAUSTED}:
                batch.refresh_from_db()
                raise CommandError(f"No designs could be drawn from {batch.space.name}: {batch.message}")
        return now

    def _update(
        self, bars: Progress, tasks: Sequence[TaskID], now: Sequence[tuple[SampleBatch, BatchProgress]]
    ) -> None:
        for task, (_, progress) in zip(tasks, now, strict=False):
            bars.update(
                task,
                total=max(progress.runs, 1),
                completed=progress.ended,
                counts=counts(progress),
                left=time_left(progress),
            )

    def _show_table(self, outcome: study.Outcome) -> None:
        table = Table(title="Top-1 error after the last epoch, in percent", title_justify="left")
        for heading in ("space", "n", "failed", r"\[min | mean]"):
            table.add_column(heading, justify="left" if heading == "space" else "right")
        for row in outcome.rows:
            errors = f"\\[{row.best:.1f} | {row.mean:.1f}]" if row.used > row.failed else "none finished"
            table.add_row(row.name, str(row.used), str(row.failed), errors)
        self.console.print(table)
        self.say(outcome.finding)
