"""`manage.py up`: the app on one machine, without a demo."""

from __future__ import annotations

import time
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from webapp import study
from webapp.embedded import EmbeddedError
from webapp.launcher import Interrupted, Launcher, LaunchError


class Command(BaseCommand):
    help = "Start PostgreSQL, Redis, the web app and a worker on this machine, until Ctrl-C."
    requires_system_checks = ()  # none: the gate runs them
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the web app (default 8000)")

    def handle(self, *args: object, port: int, **options: object) -> None:
        launcher = Launcher(
            port=port,
            say=self.stdout.write,
            on_line=lambda name, line: self.stdout.write(f"{name:<6} | {line}"),
        )
        try:
            with launcher:
                user, _ = study.ensure_account()
                self.stdout.write(f"Netspace is open. Sign in, once: {study.sign_in_link(user, launcher.address, '/')}")
                self.stdout.write("Ctrl-C stops everything.")
                while True:
                    launcher.check()
                    time.sleep(1)
        except Interrupted:
            self.stdout.write("Stopped.")
        except (LaunchError, EmbeddedError) as error:
            raise CommandError(str(error)) from error
