"""`make chaos N=1000`: a real fleet, N faults in a seeded order, and what the tables say afterwards.

`python -m tests.chaos --faults 25 --seed 7`; the same seed gives the same faults in the same order, though not at the
same instructions of the processes that they befall.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.machines import LEASE_SECONDS, Machine, Services

if TYPE_CHECKING:
    from tests.chaos.faults import Fleet

EPOCHS = 20
BATCH_SIZE = 3
WORK_AHEAD = 5  # runs that wait or train while the faults go on
# Two leases, and for what waits at the end of the faults: processes that start anew, and its own training.
END_SECONDS = 2 * LEASE_SECONDS + 300.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=25, help="how many (default 25)")
    parser.add_argument("--minutes", type=float, default=90.0, help="stop earlier after so long (default 90)")
    parser.add_argument("--seed", type=int, default=None, help="of the order of the faults (default: a new one)")
    parser.add_argument("--machines", type=int, default=2, help="with one slot each (default 2)")
    parser.add_argument("--only", default="", help="names of faults, separated by commas (default: all)")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    with tempfile.TemporaryDirectory(prefix="netspace-chaos-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another account, which has to come to its data
        servers = Services(folder)
        try:
            _set_up(servers, folder)
            return _run(servers, folder, options)
        finally:
            servers.stop()


def _set_up(servers: Services, folder: Path) -> None:
    running = servers.start()
    os.environ |= {
        "DATABASE_URL": running.database_url,
        "REDIS_URL": running.redis_url,
        "SECRET_KEY": "only-for-the-chaos-" + "0123456789" * 4,
        "NETSPACE_VAR": str(folder / "web"),
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "PGAPPNAME": "chaos",
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _run(servers: Services, folder: Path, options: argparse.Namespace) -> int:
    from tests.chaos import audit
    from tests.chaos.faults import FAULTS, Fleet
    from tests.tasks.studies import Study

    seed, only = options.seed, [word for word in options.only.split(",") if word]
    unknown = set(only) - set(FAULTS)
    if unknown:
        sys.exit(f"There is no fault {unknown.pop()}; choose from {', '.join(FAULTS)}.")
    audit.install()
    study = Study()
    study.queue("chaos", size=BATCH_SIZE, epochs=EPOCHS, drawn=False)
    machines = [Machine(number, folder) for number in range(options.machines)]
    fleet = Fleet(servers, machines, folder / "checkpoints", study.team, study.user, random.Random(seed))
    words = f"{options.faults} faults for {len(machines)} machines with leases of {LEASE_SECONDS:g} s"
    print(f"seed {seed}: {words}", flush=True)
    started = time.monotonic()
    try:
        for machine in machines:
            machine.start()
        _wait_for_first_epoch(started)
        until = started + 60 * options.minutes
        done, hits = _inflict(fleet, only or list(FAULTS), faults=options.faults, until=until)
        seconds_to_end = _let_it_end(fleet)
    finally:
        for machine in machines:
            machine.stop()
    broken = _report(done, hits, seconds_to_end, minutes=(time.monotonic() - started) / 60, seed=seed)
    if broken:
        print("\n".join(_last_words(machines)), file=sys.stderr)
    return int(broken)


def _wait_for_first_epoch(started: float) -> None:
    from webapp.models import Epoch

    while not Epoch.objects.exists():
        if time.monotonic() - started > 300:
            sys.exit("No machine has trained anything within five minutes.")
        time.sleep(0.2)


def _inflict(
    fleet: Fleet, names: list[str], *, faults: int, until: float
) -> tuple[Counter[str], list[tuple[str, float, int]]]:
    """The faults that were done, and which run each hit when. Every round holds each fault once, in a new order."""
    from django.db import connection

    from tests.chaos.faults import FAULTS

    done: Counter[str] = Counter()
    hits: list[tuple[str, float, int]] = []
    left: list[str] = []
    while sum(done.values()) < faults and time.monotonic() < until:
        left = left or fleet.random.sample(names, len(names))
        name = left.pop()
        for told in fleet.servers.bring_back():
            print(f"  by itself: {told}", flush=True)
        _keep_busy(fleet)
        fleet.hit = []
        FAULTS[name](fleet)
        connection.close()  # the fault may have ended it
        done[name] += 1
        hits += [(name, fleet.hit_at, run) for run in fleet.hit]
        for machine in fleet.machines:
            machine.ensure_running()
        time.sleep(fleet.random.uniform(0.1, 1.5))
        if sum(done.values()) % 50 == 0:
            print(f"  {sum(done.values())} faults", flush=True)
    return done, hits


def _keep_busy(fleet: Fleet) -> None:
    """Always the same designs with the same seeds, so that all results of one position must be equal to the bit."""
    from engine.spaces import space_from_json
    from webapp import services
    from webapp.models import Run, RunState, SampleBatch

    left = Run.objects.filter(state__in=[RunState.QUEUED, RunState.RUNNING]).count()
    undrawn = SampleBatch.objects.filter(state__in=["requested", "drawing"]).count()
    if left + undrawn * BATCH_SIZE < WORK_AHEAD:
        first = SampleBatch.objects.select_related("space", "regime").earliest("id")
        again = services.create_space(
            team=first.space.team,
            name=f"{first.space.name} {SampleBatch.objects.count() + 1}",
            space=space_from_json(first.space.definition),
            actor=fleet.user,
        )
        services.create_sample_batch(
            space=again, regime=first.regime, size=BATCH_SIZE, seed=first.seed, actor=fleet.user
        )


def _let_it_end(fleet: Fleet) -> float | None:
    """Seconds from the last fault until nothing was left to do; None where something is stuck."""
    from webapp.models import Run, RunState, SampleBatch

    started = time.monotonic()
    while time.monotonic() - started < END_SECONDS:
        left = Run.objects.filter(state__in=[RunState.QUEUED, RunState.RUNNING]).exists()
        undrawn = SampleBatch.objects.filter(state__in=["requested", "drawing"]).exists()
        if not left and not undrawn:
            return time.monotonic() - started
        for machine in fleet.machines:
            machine.ensure_running()
        time.sleep(0.2)
    return None


def _report(
    done: Counter[str], hits: Sequence[tuple[str, float, int]], seconds_to_end: float | None, *, minutes: float,
    seed: int,
) -> bool:  # fmt: skip
    """Print what was found; True where any rule was broken."""
    from tests.chaos import audit
    from webapp import queries
    from webapp.models import Run, SampleBatch

    broken = audit.broken_rules(epochs=EPOCHS)
    progress = queries.batch_progress(SampleBatch.objects.values_list("id", flat=True))
    counted = Counter(Run.objects.values_list("batch_id", "state"))
    states = ("queued", "running", "done", "failed", "cancelled")
    broken["counters that differ from a recount (15)"] = sum(
        getattr(shown, state) != counted[key, state] for key, shown in progress.items() for state in states
    )
    totals = audit.totals()
    waits = [audit.seconds_until_progress(run, at) for _name, at, run in hits]
    recovery = sorted(wait for wait in waits if wait is not None)
    number = sum(done.values())
    print("\nfaults: " + ", ".join(f"{name} {count}" for name, count in sorted(done.items())))
    for words, count in broken.items():
        print(f"{count:6,}  {words}")
    lost, doubled = broken["runs lost: neither ended nor in the queue (2)"], broken["results duplicated (3)"]
    stale = sum(count for words, count in broken.items() if words.startswith("stale"))
    print(
        f"\n{number} faults over {totals.runs} runs in {minutes:.0f} min, seed {seed}: "
        f"{lost} lost, {doubled} duplicated, {stale} stale writes accepted, "
        f"{'0' if seconds_to_end is not None else 'some'} stuck; "
        f"{totals.done} done, {totals.failed} failed after losing their worker three times, "
        f"{totals.cancelled} cancelled; {totals.attempts} attempts, {totals.lost} leases reaped; "
        f"{totals.epochs} epochs, {totals.repeated} of them repeated."
    )
    if recovery:
        p99 = recovery[min(len(recovery) - 1, int(0.99 * len(recovery)))]
        print(
            f"A run that was hit had made progress again after {statistics.median(recovery):.1f} s in the median, "
            f"p99 {p99:.1f} s, at most {recovery[-1]:.1f} s ({len(recovery)} runs hit)."
        )
    if seconds_to_end is not None:
        print(f"After the last fault everything had ended within {seconds_to_end:.1f} s.")
    return seconds_to_end is None or any(broken.values())


def _last_words(machines: Sequence[Machine]) -> list[str]:
    return [f"{machine.name} said last:\n{machine.log.read_text(errors='replace')[-6000:]}" for machine in machines]


if __name__ == "__main__":
    sys.exit(main())
