"""What a report says, as frozen data that every format renders. No data is ``None``, never 0."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenant_migrations.observability.report.period import Period
from tenant_migrations.vocabulary import OutcomeState, TenantStatus


@dataclass(frozen=True)
class Standing:
    """How the fleet stood at the newest check of all of it."""

    taken_at: datetime
    is_old: bool
    """Older than ``HEALTH_MONITORING_MINUTES`` when the report, or its period, ended."""
    total: int
    by_status: Mapping[TenantStatus, int]
    """Gravest first."""
    public_status: str
    pending_total: int | None
    pending_by_app: Mapping[str, int] = field(default_factory=dict)
    not_ok: tuple[tuple[str, str, int], ...] = ()
    """Schema name, status and pending migrations of the first of them."""

    @property
    def ok(self) -> int:
        return self.by_status.get(TenantStatus.OK, 0)

    @property
    def is_well(self) -> bool:
        return self.ok == self.total and self.public_status == TenantStatus.OK


@dataclass(frozen=True)
class Counted:
    """Something that happened more than once."""

    what: str
    times: int


@dataclass(frozen=True)
class Checks:
    """Checks of the whole fleet in a period."""

    done: int = 0
    """With those that failed."""
    failed: int = 0
    expected: int | None = None
    """By ``CHECKS_EXPECTED_PER_DAY``; ``None`` before the first check ever."""
    average_seconds: float | None = None
    slowest_seconds: float | None = None
    failures: tuple[Counted, ...] = ()

    @property
    def coverage(self) -> float | None:
        """Share of the expected checks that gave an answer, at most 1."""
        if not self.expected:
            return None
        return min(1.0, (self.done - self.failed) / self.expected)


@dataclass(frozen=True)
class FailureCause:
    """Tenants that could not be healed for the same reason."""

    migration: str
    sqlstate: str
    message: str
    hint: str
    tenants: int
    names: tuple[str, ...]
    """The first few."""


@dataclass(frozen=True)
class Heals:
    """What rollouts of a period did."""

    rollouts: int = 0
    stopped: int = 0
    crashed: int = 0
    tenants: Mapping[OutcomeState, int] = field(default_factory=dict)
    """Schemas by what became of them; one that two rollouts were about counts twice."""
    causes: tuple[FailureCause, ...] = ()
    """Most tenants first."""

    def count(self, state: OutcomeState) -> int:
        return self.tenants.get(state, 0)

    @property
    def failed(self) -> int:
        return self.count(OutcomeState.FAILED) + self.count(OutcomeState.CRASHED)


@dataclass(frozen=True)
class Backups:
    """Backups that were made in a period, and what is known of restoring them."""

    made: int
    verified: int
    """Restored into a scratch database and compared."""
    not_restorable: int
    newest_at: datetime | None
    """Of the whole fleet, whenever it was made."""
    size_bytes: int | None
    last_restored_at: datetime | None
    restore_seconds: float | None
    rollbacks: int


@dataclass(frozen=True)
class Slow:
    """A tenant or a migration, and how long it took."""

    name: str
    seconds: float
    tenants: int = 1
    """Of how many it is the average."""
    migrations: int = 1


@dataclass(frozen=True)
class Mark:
    """One day of the period, or one hour."""

    start: datetime
    checks: int = 0
    failed_checks: int = 0
    not_ok: int | None = None
    """The most tenants that were not ok at once."""
    pending: int | None = None
    """The most pending migrations at once."""
    check_seconds: float | None = None
    """Average."""
    fixed: int = 0
    failed: int = 0


NEAR = 0.005
NEAR_SECONDS = 0.1
"""Differences that are none: of shares, and of durations in proportion."""


@dataclass(frozen=True)
class Comparison:
    """One figure of the period beside that of the period before."""

    what: str
    unit: str
    """Empty for numbers, ``s`` for seconds, ``%`` for shares from 0 to 1."""
    now: float | None
    before: float | None
    more_is_better: bool | None = False
    """``None``: neither is."""

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``more``, ``fewer``, ``same``; empty where one is not known."""
        if self.now is None or self.before is None:
            return ""
        near = NEAR_SECONDS * self.before if self.unit == "s" else NEAR
        if abs(self.now - self.before) <= near:
            return "same"
        rose = self.now > self.before
        if self.more_is_better is None:
            return "more" if rose else "fewer"
        return "better" if rose == self.more_is_better else "worse"


@dataclass(frozen=True)
class OpenAlert:
    """A problem that people were told of and that is not over."""

    severity: str
    title: str
    since: datetime
    times_sent: int


@dataclass(frozen=True)
class Advice:
    """Something to do, with what it follows from."""

    what: str
    command: str = ""
    urgent: bool = False
    """An action item; otherwise a recommendation."""


@dataclass(frozen=True)
class Report:
    """Everything that is reported."""

    source: str
    """What the fleet is called."""
    made_at: datetime
    period: Period
    standing: Standing | None
    checks: Checks
    checks_before: Checks
    heals: Heals
    heals_before: Heals
    comparisons: tuple[Comparison, ...] = ()
    marks: tuple[Mark, ...] = ()
    backups: Backups | None = None
    """``None`` where none was ever recorded."""
    slow_tenants: tuple[Slow, ...] = ()
    slow_migrations: tuple[Slow, ...] = ()
    alerts: tuple[OpenAlert, ...] = ()
    advice: tuple[Advice, ...] = ()

    @property
    def action_items(self) -> tuple[Advice, ...]:
        return tuple(advice for advice in self.advice if advice.urgent)

    @property
    def recommendations(self) -> tuple[Advice, ...]:
        return tuple(advice for advice in self.advice if not advice.urgent)

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do at once."""
        return self.standing is not None and not self.action_items
