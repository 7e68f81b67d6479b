"""Telling: from problems, a report, or a check that failed, to people. Never stops the work.

Everything here returns warnings instead of raising, for a line each on stderr.
"""

from collections.abc import Callable, Sequence

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.database import one_line
from tenant_migrations.exceptions import Busy, Refused, TenantMigrationsError, WrongUse
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.models import Alert, Rollout, TenantOutcome
from tenant_migrations.observability.alerts import problems
from tenant_migrations.observability.alerts.channels import REPORT, Channel
from tenant_migrations.observability.alerts.delivery import Failures, Parcel, deliver
from tenant_migrations.observability.alerts.memory import Memory, remembered
from tenant_migrations.observability.alerts.messages import Message, headline, over, told
from tenant_migrations.observability.alerts.problems import Problem
from tenant_migrations.observability.alerts.schedule import Telling, due
from tenant_migrations.observability.history import from_records
from tenant_migrations.vocabulary import (
    AlertSeverity,
    AlertSubject,
    FindingKind,
    RolloutState,
    TenantStatus,
)


def tell_report(report: FleetReport, channels: Sequence[Channel]) -> list[str]:
    """Tell of the problems that a report of the whole fleet shows, and of those that are over."""
    try:
        outcomes, rollout = _newest_heal(report)
    except (DatabaseError, TenantMigrationsError) as error:
        return [f"nobody was told: the records can't be read: {one_line(error)}"]
    found = problems.problems_of(report, outcomes, rollout)
    return tell(AlertSubject.FLEET, found, channels, _over_by_report(report, rollout))


def tell_failure(error: Exception, channels: Sequence[Channel]) -> list[str]:
    """Tell that the fleet could not be checked or healed.

    Wrong use and a run that another one kept away are no problems of the fleet.
    """
    if isinstance(error, (WrongUse, Busy, ImproperlyConfigured)):
        return []
    refused = isinstance(error, Refused)
    found = problems.check_failed(one_line(error), refused=refused)
    return tell(AlertSubject.FLEET, (found,), channels, lambda key: False)


def send_report(message: Message, channels: Sequence[Channel]) -> Failures:
    """Send the weekly report to those who get it; says which channels it did not reach.

    Raises ``WrongUse`` where nobody gets it.
    """
    receivers = tuple(channel for channel in channels if channel.takes(REPORT))
    if not receivers:
        raise WrongUse(
            "nobody gets the report: name a URL in ALERT_URLS, or in ALERT_URLS['report'], "
            "that does not page people"
        )
    (failures,) = deliver([Parcel(message, receivers)], conf.get().ALERT_TIMEOUT_SECONDS)
    return failures


def tell(
    subject: AlertSubject,
    found: Sequence[Problem],
    channels: Sequence[Channel],
    may_be_over: Callable[[str], bool],
) -> list[str]:
    """Tell of the problems of a subject that were found, and of those that are over.

    ``may_be_over`` says of the key of a problem that was not found whether that means anything.
    One process at a time tells of a subject; what another one keeps from being told comes with the
    next run.
    """
    now = timezone.now()
    with remembered(subject) as memory:
        if memory is None:
            return []
        before = set(memory.alerts)
        tellings = due(found, memory.alerts, now, may_be_over)
        parcels = [_parcel(telling, channels) for telling in tellings]
        failures = deliver(parcels, conf.get().ALERT_TIMEOUT_SECONDS)
        for telling, parcel, failed in zip(tellings, parcels, failures, strict=True):
            _note(telling, parcel, failed)
        changed = [telling.alert for telling in tellings]
        seen = {problem.key for problem in found} & before
        changed += [memory.alerts[key] for key in seen if memory.alerts[key] not in changed]
        return [*_undelivered(failures), *_unsaved(memory, changed)]


def _parcel(telling: Telling, channels: Sequence[Channel]) -> Parcel:
    alert, problem = telling.alert, telling.problem
    severity = problem.severity if problem else AlertSeverity(alert.severity)
    to = [channel for channel in channels if channel.takes(severity)]
    if telling.only is not None:
        to = [channel for channel in to if channel.name in telling.only]
    if problem:
        return Parcel(told(problem, alert.first_at, alert.times_sent), tuple(to))
    ended = alert.resolved_at or timezone.now()
    heard = to if alert.times_sent else []
    return Parcel(over(alert.key, alert.title, alert.first_at, ended), tuple(heard))


def _note(telling: Telling, parcel: Parcel, failed: Failures) -> None:
    """Write down in the alert what came of its message."""
    alert, problem = telling.alert, telling.problem
    alert.undelivered = sorted(failed)
    alert.delivery_error = "; ".join(f"{name}: {reason}" for name, reason in sorted(failed.items()))
    if problem is None:
        return
    alert.severity = problem.severity
    alert.title = headline(problem)
    alert.body = parcel.message.body
    reached = len(failed) < len(parcel.channels)
    if reached and telling.only is None:
        alert.last_sent_at = timezone.now()
        alert.times_sent += 1
        alert.tenants = len(problem.tenants)
    if alert.last_sent_at is None:
        alert.undelivered = []  # It is due as a whole, and so for every channel.


def _undelivered(failures: Sequence[Failures]) -> list[str]:
    """A warning for each channel and reason, however many messages it was."""
    reasons = {(name, reason) for failed in failures for name, reason in failed.items()}
    return [
        f"alert not delivered to {name}: {reason}; the next run tries again"
        for name, reason in sorted(reasons)
    ]


def _unsaved(memory: Memory, changed: Sequence[Alert]) -> list[str]:
    reason = memory.save(changed)
    return [reason] if reason else []


def _newest_heal(report: FleetReport) -> tuple[dict[str, TenantOutcome], Rollout | None]:
    """The newest outcome of each tenant that is not well, and the newest rollout."""
    names = [tenant.schema_name for tenant in report.not_ok]
    outcomes = TenantOutcome.objects.filter(schema_name__in=names)
    newest = outcomes.order_by("schema_name", "-rollout_id").distinct("schema_name")
    nothing: list[TenantOutcome] = []
    found = from_records(lambda: list(newest), nothing)
    rollout = from_records(Rollout.objects.brief().first, None)
    return {outcome.schema_name: outcome for outcome in found}, rollout


def _over_by_report(report: FleetReport, rollout: Rollout | None) -> Callable[[str], bool]:
    """Which problems are over when a report does not show them."""
    running = rollout is not None and rollout.state == RolloutState.RUNNING
    compared = all(
        finding.kind is not FindingKind.REFERENCE_UNAVAILABLE for finding in report.findings
    )

    def may_be_over(key: str) -> bool:
        if key == problems.ROLLOUT_STOPPED and running:
            return False
        if key == problems.HEAL_REFUSED:
            return report.is_clean or (rollout is not None and not rollout.error)
        return compared or not key.startswith((TenantStatus.DRIFTED, TenantStatus.INCONSISTENT))

    return may_be_over
