"""What was planned when the first run ended, and whether the plan was kept; each in the transaction of the change."""

from __future__ import annotations

from django.db import connection

from webapp.models import Plan, SampleBatch

# Of two first ends at once the second waits for the first and then does nothing. A batch that is queued or extended
# at this very moment is in the plan where it was committed before, and is larger than the plan says otherwise.
KEEP_PLAN = """
INSERT INTO webapp_plan (space_id, regime_id, designs)
SELECT batch.space_id, batch.regime_id, jsonb_object_agg(batch.id, batch.size)
FROM webapp_samplebatch AS ended
JOIN webapp_samplebatch AS batch ON batch.space_id = ended.space_id AND batch.regime_id = ended.regime_id
WHERE ended.id = %s AND batch.state NOT IN ('exhausted', 'failed') AND NOT EXISTS (
    SELECT 1 FROM webapp_plan AS plan WHERE plan.space_id = ended.space_id AND plan.regime_id = ended.regime_id
)
GROUP BY batch.space_id, batch.regime_id
ON CONFLICT (space_id, regime_id) DO NOTHING
"""


def keep_plan(batch_id: int) -> None:
    """For whoever ends a run of the batch with an outcome: where it is the first one, keep what is planned now."""
    with connection.cursor() as cursor:
        cursor.execute(KEEP_PLAN, [batch_id])


def change_plan(batch: SampleBatch) -> None:
    """For whoever cancels designs of the batch or queues cancelled ones again; nothing before the first end."""
    Plan.objects.filter(space=batch.space_id, regime=batch.regime_id).update(changed=True)


def leave_plan(batch: SampleBatch) -> None:
    """For whoever deletes the batch: the plan goes with the last one, and is changed by any other that has designs."""
    others = SampleBatch.objects.filter(space=batch.space_id, regime=batch.regime_id).exclude(pk=batch.pk)
    if not others.exists():
        Plan.objects.filter(space=batch.space_id, regime=batch.regime_id).delete()
    elif batch.samples.exists():
        change_plan(batch)
