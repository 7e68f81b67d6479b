"""The fleet in numbers, for every output: from one sample and a few small statements.

Nothing here looks at a tenant. Numbers that nobody has are ``None``, never 0.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from django.utils import timezone

from tenant_migrations.backup.records import Practice, practice
from tenant_migrations.database import public_schema
from tenant_migrations.fleet.findings import plural
from tenant_migrations.models import Rollout, Sample
from tenant_migrations.observability import history
from tenant_migrations.observability.tally import heals_ever, outcomes_of
from tenant_migrations.vocabulary import FindingKind, OutcomeState, RolloutState, TenantStatus

STUCK_AFTER = timedelta(minutes=15)
"""A running rollout that has been silent for longer is stuck, or its process is gone."""

TRIGGER = "metrics"
"""Trigger of the checks that are made for the sake of the numbers."""

MONITOR_SILENT_AFTER = timedelta(minutes=35)
"""The fleet is to be checked every 15 minutes; after two checks missed it is not monitored."""

WITH_ERRORS = (
    TenantStatus.UNKNOWN,
    TenantStatus.MISSING,
    TenantStatus.INCONSISTENT,
    TenantStatus.AHEAD,
)
"""Statuses that neither migrating nor repairing mends. With ``ok``, ``pending``, ``drifted`` and
``quarantined`` they make up the fleet: each tenant is counted once."""


class Health(StrEnum):
    """How something is, best first."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class RolloutFacts:
    """The running rollout, else the newest."""

    id: int
    state: RolloutState
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None
    outcomes: Mapping[OutcomeState, int] = field(default_factory=dict)
    """Schemas by what it did to them."""

    @property
    def is_running(self) -> bool:
        return self.state is RolloutState.RUNNING

    @property
    def duration_seconds(self) -> float | None:
        """From its start to its end; ``None`` while it runs and where it crashed."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


@dataclass(frozen=True)
class Metrics:
    """What is known of the fleet at one moment."""

    taken_at: datetime
    check: Sample | None = None
    """The newest check of the whole fleet that succeeded."""
    failed_check: Sample | None = None
    """The newest check, where that one failed."""
    monitor_seen_at: datetime | None = None
    heals: Mapping[OutcomeState, int] = field(default_factory=dict)
    """Schemas that rollouts were about, ever, by what became of them."""
    rollout: RolloutFacts | None = None
    backup: Practice | None = None
    """The newest backup of the whole fleet, and when restoring was last tried."""
    collection_seconds: float = 0.0

    def tenants(self, *statuses: TenantStatus) -> int | None:
        """How many tenants have one of these statuses."""
        if self.check is None:
            return None
        return sum(int(self.check.by_status.get(status.value, 0)) for status in statuses)

    @property
    def is_monitored(self) -> bool:
        """Whether the fleet is checked as often as it should, not only for these numbers."""
        seen = self.monitor_seen_at
        return seen is not None and self.taken_at - seen < MONITOR_SILENT_AFTER

    @property
    def average_pending(self) -> float | None:
        if self.check is None or not self.check.total_tenants:
            return None
        return round((self.check.pending_total or 0) / self.check.total_tenants, 3)

    @cached_property
    def issues(self) -> tuple[str, ...]:
        """What is not well, a sentence each."""
        return (*self._issues_of_the_fleet, *self._issues_of_the_system)

    @cached_property
    def _issues_of_the_fleet(self) -> tuple[str, ...]:
        if self.check is None:
            return ()
        found = [
            f"{plural(self.check.by_status[status.value], 'tenant')} {status.value}"
            for status in TenantStatus
            if status is not TenantStatus.OK and self.check.by_status.get(status.value)
        ]
        if self._public_is_not_ok:
            found.insert(0, f"{public_schema()} is {self.check.public_status}")
        return tuple(found)

    @cached_property
    def _issues_of_the_system(self) -> tuple[str, ...]:
        found = []
        if self.failed_check:
            found.append(f"the newest check failed: {self.failed_check.error}")
        elif self.check is None:
            found.append("the whole fleet was never checked: run verify_tenant_migrations")
        if self.rollout and self.is_rollout_stuck:
            found.append(f"rollout {self.rollout.id} has given no sign of life for 15 minutes")
        known = self.check.findings if self.check else {}
        if FindingKind.REFERENCE_UNAVAILABLE in known:
            found.append("there is no reference to compare structures with")
        if FindingKind.CODE_OLDER in known:
            found.append("the code is older than what a newer deploy has recorded")
        return tuple(found)

    @property
    def is_rollout_stuck(self) -> bool:
        return (
            self.rollout is not None
            and self.rollout.is_running
            and self.taken_at - self.rollout.heartbeat_at > STUCK_AFTER
        )

    @property
    def system_health(self) -> Health | None:
        """Whether the fleet is watched as it should be; ``None`` where it never was checked."""
        if self.failed_check:
            return Health.UNHEALTHY
        if self.check is None:
            return None
        return Health.DEGRADED if self._issues_of_the_system else Health.HEALTHY

    @property
    def overall_health(self) -> Health | None:
        """The worse of the fleet's own and ``system_health``."""
        if self._public_is_not_ok or self.system_health is Health.UNHEALTHY:
            return Health.UNHEALTHY
        if self.system_health is None:
            return None
        return Health.DEGRADED if self.issues else Health.HEALTHY

    @property
    def _public_is_not_ok(self) -> bool:
        return self.check is not None and self.check.public_status != TenantStatus.OK


def gather(check: Sample | None = None) -> Metrics:
    """The numbers as they stand; with ``check``, as a check that was made just now found them.

    A few small statements in one transaction that only reads. Raises ``DatabaseUnavailable``.
    """
    started = time.monotonic()
    now = timezone.now()

    def read() -> Metrics:
        newest, failed = check, None
        if newest is None:
            newest, failed = history.newest(succeeded=True), history.newest(succeeded=False)
        if failed and newest and failed.taken_at < newest.taken_at:
            failed = None
        return Metrics(
            taken_at=now,
            check=newest,
            failed_check=failed,
            monitor_seen_at=history.last_seen(but_for=TRIGGER),
            heals=heals_ever(),
            rollout=_rollout(),
            backup=practice(),
        )

    found = history.from_records(read, Metrics(now, check))
    return replace(found, collection_seconds=round(time.monotonic() - started, 3))


def _rollout() -> RolloutFacts | None:
    """Only one can be running, and it is the newest but for those that crashed."""
    rollouts = Rollout.objects.brief().order_by("-id")
    newest = rollouts.filter(state=RolloutState.RUNNING).first() or rollouts.first()
    if newest is None:
        return None
    return RolloutFacts(
        id=newest.pk,
        state=RolloutState(newest.state),
        started_at=newest.started_at,
        heartbeat_at=newest.heartbeat_at,
        finished_at=newest.finished_at,
        outcomes=outcomes_of(newest),
    )
