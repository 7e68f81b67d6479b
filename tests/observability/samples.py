"""Records as checks and rollouts leave them, some hours old."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tenant_migrations.models import Rollout, Sample, TenantOutcome
from tenant_migrations.vocabulary import OutcomeState, RolloutState

WELL: dict[str, Any] = {
    "trigger": "monitor",
    "succeeded": True,
    "whole_fleet": True,
    "total_tenants": 4,
    "by_status": {"ok": 4},
    "public_status": "ok",
    "pending_total": 0,
    "pending_max": 0,
    "duration_seconds": 1.0,
}


def add_check(hours_ago: float = 0, **values: Any) -> Sample:
    """A recorded check; unless told otherwise, of four healthy tenants."""
    sample = Sample.objects.create(**{**WELL, **values})
    sample.taken_at = timezone.now() - timedelta(hours=hours_ago)
    sample.save(update_fields=["taken_at"])
    return sample


def add_rollout(
    hours_ago: float = 0,
    state: RolloutState = RolloutState.FINISHED,
    outcomes: dict[OutcomeState, int] | None = None,
    **values: Any,
) -> Rollout:
    """A recorded rollout that was about as many schemas as `outcomes` says."""
    rollout = Rollout.objects.create(
        **{"trigger": "monitor", "code_revision": "sha256:0", "host": "h", "process": 1}
        | {"state": state}
        | values
    )
    then = timezone.now() - timedelta(hours=hours_ago)
    Rollout.objects.filter(pk=rollout.pk).update(started_at=then, heartbeat_at=then)
    for outcome, count in (outcomes or {}).items():
        TenantOutcome.objects.bulk_create(
            TenantOutcome(
                rollout=rollout,
                schema_name=f"{outcome.name.lower()}_{number}",
                state=outcome,
                status_before="pending",
            )
            for number in range(count)
        )
    return rollout
