"""`manage.py worker`: all that is needed to add a machine."""

from __future__ import annotations

import signal
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from tasks.slot_plans import plan_slots
from tasks.supervisor import Supervisor


class Command(BaseCommand):
    help = "Train queued runs on this machine's GPUs, or on its CPU: one process a slot, until Ctrl-C."
    requires_system_checks = ()  # none: a worker serves no pages
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--devices", default="auto", help="auto, cpu, or a list such as cuda:0,cuda:1 (default auto)"
        )
        parser.add_argument(
            "--slots-per-device",
            type=int,
            help="trainings that share a device (default one a GPU, one a core on the CPU)",
        )

    def handle(self, *args: object, devices: str, slots_per_device: int | None, **options: object) -> None:
        try:
            slots = plan_slots(devices=devices, slots_per_device=slots_per_device)
        except ValueError as error:
            raise CommandError(str(error)) from error
        supervisor = Supervisor(slots)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stop.set())
        names = ", ".join(sorted({slot.device for slot in slots}))
        self.stdout.write(f"{len(slots)} training slot{'s' if len(slots) > 1 else ''} on {names}; Ctrl-C stops.")
        supervisor.run()
