"""What runs took so far: the seconds of finished runs by their regime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from webapp.models import Regime

NEWEST_BATCHES = 10
NEWEST_RUNS = 1000


@dataclass(frozen=True)
class RegimeCost:
    """Seconds of a run on one slot, as measured over ``runs`` finished ones; a design takes ``replicates`` of them."""

    median: float
    mean: float
    runs: int
    replicates: int

    @property
    def hundred(self) -> float:
        """Seconds that a hundred designs take on one slot."""
        return 100 * self.replicates * self.mean


# Bounded by the newest batches of a regime, so that a regime in use for years costs no more to look at.
COSTS = """
SELECT regime.id, percentile_cont(0.5) WITHIN GROUP (ORDER BY run.train_seconds), avg(run.train_seconds)::float8,
    count(*)::int, coalesce((regime.definition ->> 'replicates')::int, 1)
FROM webapp_regime regime
CROSS JOIN LATERAL (
    SELECT id FROM webapp_samplebatch WHERE regime_id = regime.id ORDER BY id DESC LIMIT %(batches)s
) AS batch
CROSS JOIN LATERAL (
    SELECT train_seconds FROM webapp_run
    WHERE batch_id = batch.id AND state = 'done' AND train_seconds IS NOT NULL ORDER BY id DESC LIMIT %(runs)s
) AS run
WHERE regime.id = ANY(%(ids)s)
GROUP BY regime.id
"""


def regime_costs(regimes: Sequence[Regime]) -> dict[int, RegimeCost]:
    """From the newest thousand finished runs of each of a regime's ten newest batches; without any it is left out."""
    values: dict[str, Any] = {"ids": [row.pk for row in regimes], "batches": NEWEST_BATCHES, "runs": NEWEST_RUNS}
    with connection.cursor() as cursor:
        cursor.execute(COSTS, values)
        return {regime: RegimeCost(*numbers) for regime, *numbers in cursor.fetchall()}


def regime_cost(regime: Regime) -> RegimeCost | None:
    """The same of one regime; None before its first finished run."""
    return regime_costs([regime]).get(regime.pk)
