"""Gathering: the records of a period, read once. Reads only."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.backup.records import practice
from tenant_migrations.models import Alert, Backup, Rollback, Sample
from tenant_migrations.observability.alerts.messages import source
from tenant_migrations.observability.history import from_records
from tenant_migrations.observability.report.advice import advise
from tenant_migrations.observability.report.comparing import compare, not_ok
from tenant_migrations.observability.report.data import (
    Backups,
    Checks,
    Counted,
    Heals,
    Mark,
    OpenAlert,
    Report,
    Standing,
)
from tenant_migrations.observability.report.healing import (
    FAILED,
    heals_of,
    outcomes_of,
    slow_migrations_of,
    slow_tenants_of,
)
from tenant_migrations.observability.report.period import Period
from tenant_migrations.vocabulary import OutcomeState, TenantStatus

MOST_ERRORS = 5
"""Different errors of failed checks that are listed."""


def gather(period: Period, now: datetime) -> Report:
    """All that the records say of a period.

    Raises ``DatabaseUnavailable`` where they can't be read; before their tables exist there is
    nothing in them.
    """
    nothing = Report(source(), now, period, None, Checks(), Checks(), Heals(), Heals())
    return from_records(lambda: _report(nothing), nothing)


def _report(nothing: Report) -> Report:
    period, now = nothing.period, nothing.made_at
    samples, samples_before = _samples(period), _samples(period.before)
    first_ever = Sample.objects.order_by("taken_at").values_list("taken_at", flat=True).first()
    report = replace(
        nothing,
        standing=_standing(min(period.end, now)),
        checks=_checks(samples, period, now, first_ever),
        checks_before=_checks(samples_before, period.before, now, first_ever),
        heals=heals_of(period),
        heals_before=heals_of(period.before),
        marks=_marks(period, samples, now),
        backups=_backups(period),
        slow_tenants=slow_tenants_of(period),
        slow_migrations=slow_migrations_of(period),
        alerts=_alerts(),
    )
    report = replace(report, comparisons=compare(report, samples, samples_before))
    return replace(report, advice=advise(report))


def _backups(period: Period) -> Backups | None:
    if not Backup.objects.exists():
        return None
    made = Backup.objects.filter(made_at__gte=period.start, made_at__lt=period.end)
    rollbacks = Rollback.objects.filter(
        started_at__gte=period.start, started_at__lt=period.end, state="done"
    )
    known = practice()
    return Backups(
        made=made.count(),
        verified=made.exclude(verified_at=None).count(),
        not_restorable=made.exclude(verify_error="").count(),
        newest_at=known.made_at if known else None,
        size_bytes=known.size_bytes if known else None,
        last_restored_at=known.last_verified_at if known else None,
        restore_seconds=known.restore_seconds if known else None,
        rollbacks=rollbacks.count(),
    )


def _samples(period: Period) -> list[Sample]:
    within = Sample.objects.filter(taken_at__gte=period.start, taken_at__lt=period.end)
    return list(within.filter(whole_fleet=True).order_by("taken_at"))


def _standing(end: datetime) -> Standing | None:
    newest = Sample.objects.filter(whole_fleet=True, succeeded=True, taken_at__lt=end).first()
    if newest is None:
        return None
    by_status = {
        status: newest.by_status[status.value]
        for status in TenantStatus
        if newest.by_status.get(status.value)
    }
    oldest = end - timedelta(minutes=conf.get().HEALTH_MONITORING_MINUTES)
    return Standing(
        taken_at=newest.taken_at,
        is_old=newest.taken_at < oldest,
        total=newest.total_tenants or 0,
        by_status=by_status,
        public_status=newest.public_status,
        pending_total=newest.pending_total,
        pending_by_app=_most_first(newest.pending_by_app),
        not_ok=tuple((name, status, pending) for name, status, pending in newest.not_ok),
    )


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _checks(
    samples: Sequence[Sample], period: Period, now: datetime, first_ever: datetime | None
) -> Checks:
    """Expected is what would have been done since the first check ever, or in the whole period."""
    until = min(period.end, now)
    expected = None
    if first_ever is not None and first_ever < until:
        days = (until - max(period.start, first_ever)) / timedelta(days=1)
        expected = max(1, round(days * conf.get().CHECKS_EXPECTED_PER_DAY))
    seconds = [sample.duration_seconds for sample in samples if sample.succeeded]
    errors = Counter(sample.error for sample in samples if not sample.succeeded)
    return Checks(
        done=len(samples),
        failed=errors.total(),
        expected=expected,
        average_seconds=_average(seconds),
        slowest_seconds=max(seconds, default=None),
        failures=tuple(Counted(*found) for found in errors.most_common(MOST_ERRORS)),
    )


def _average(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(sum(known) / len(known), 3) if known else None


def _alerts() -> tuple[OpenAlert, ...]:
    open_ones = Alert.objects.filter(Q(resolved_at=None) & ~Q(times_sent=0)).order_by("first_at")
    return tuple(
        OpenAlert(alert.severity, alert.title, alert.first_at, alert.times_sent)
        for alert in open_ones
    )


def _marks(period: Period, samples: Sequence[Sample], now: datetime) -> tuple[Mark, ...]:
    starts = [start for start in period.marks() if start <= now]
    ends = [*starts[1:], period.end]
    outcomes = outcomes_of(period).filter(state__in=(OutcomeState.FIXED, *FAILED))
    ended = list(outcomes.values_list("rollout__started_at", "state"))
    found = []
    for start, end in zip(starts, ends, strict=True):
        within = [sample for sample in samples if start <= sample.taken_at < end]
        states = Counter(state for moment, state in ended if start <= moment < end)
        found.append(_mark(start, within, states))
    return tuple(found)


def _mark(start: datetime, samples: Sequence[Sample], states: Mapping[str, int]) -> Mark:
    answers = [sample for sample in samples if sample.succeeded]
    pending = [sample.pending_total for sample in answers if sample.pending_total is not None]
    return Mark(
        start=timezone.localtime(start),
        checks=len(samples),
        failed_checks=len(samples) - len(answers),
        not_ok=max(map(not_ok, answers), default=None),
        pending=max(pending, default=None),
        check_seconds=_average(sample.duration_seconds for sample in answers),
        fixed=states.get(OutcomeState.FIXED, 0),
        failed=sum(states.get(state, 0) for state in FAILED),
    )
