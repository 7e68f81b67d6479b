"""The monitor: one unattended look at the fleet, healing where that helps, and telling people.

Cron, systemd timers, Celery's beat and ``manage.py monitor`` all come here.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from tenant_migrations import locks
from tenant_migrations.database import one_line
from tenant_migrations.exceptions import Busy
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.fleet.survey import Question, no_progress
from tenant_migrations.logs import event
from tenant_migrations.observability import history
from tenant_migrations.observability.alerts.channels import Channel
from tenant_migrations.observability.alerts.telling import tell_failure, tell_report
from tenant_migrations.observability.heals import heal_on_record
from tenant_migrations.rollout.planning import Options, Task, plan_for, plan_schema
from tenant_migrations.rollout.running import Hands, Order, Summary
from tenant_migrations.rollout.verifying import verify
from tenant_migrations.vocabulary import ExitCode, FindingKind, TenantStatus

TRIGGER = "monitor"
"""What samples and rollouts of the monitor say that they came from."""

logger = logging.getLogger("tenant_migrations.monitor")


@dataclass(frozen=True)
class Cycle:
    """What one look at the fleet came to."""

    report: FleetReport
    """How the fleet stands at the end."""
    healing: Summary | None = None
    """What was healed; ``None`` where there was nothing that healing may do."""
    warnings: Sequence[str] = field(default=())
    """Alerts that did not go out, a sentence each."""

    @property
    def exit_code(self) -> ExitCode:
        return self.report.exit_code


def look_once(
    channels: Sequence[Channel],
    *,
    may_heal: bool = True,
    max_failures: str = "",
    hands: Hands | None = None,
) -> Cycle:
    """Verify the whole fleet, heal it if that would help, and tell of what is wrong or over.

    One monitor at a time looks at a database, on whatever machine: raises ``Busy`` where another
    one is looking or another run is healing. Healing is ``rollout.running.heal`` with its
    guarantees; it is left out where nothing may be done unattended, and where this code is older
    than the newest recorded. Every look leaves a sample, and every step an event in the log. What
    stops a look is logged, told and raised as ``verify`` and ``heal`` raise it. Safe to repeat.
    """
    event(logger, logging.INFO, "monitor_started")
    try:
        with locks.alone(locks.MONITOR, "monitor", "another monitor is looking at this fleet"):
            report, healing = _look(may_heal, max_failures, hands)
    except Busy as busy:
        event(logger, logging.INFO, "monitor_busy", why=one_line(busy))
        raise
    except Exception as error:
        event(logger, logging.ERROR, "monitor_failed", error=one_line(error))
        if channels:
            _undelivered(tell_failure(error, channels))
        raise
    warnings = tell_report(report, channels) if channels else []
    _undelivered(warnings)
    event(
        logger,
        logging.INFO if report.is_clean else logging.WARNING,
        "monitor_ended",
        status="ok" if report.is_clean else "issues",
        healed=healing.fixed if healing else 0,
        **_counts(report),
    )
    return Cycle(report, healing, warnings)


def _look(
    may_heal: bool, max_failures: str, hands: Hands | None
) -> tuple[FleetReport, Summary | None]:
    code, question = Code(), Question()
    with history.recorded(trigger=TRIGGER, question=question):
        report = verify(question, code, no_progress)
    history.record(report, trigger=TRIGGER, question=question)
    event(
        logger,
        logging.INFO,
        "monitor_verified",
        public=report.public.status.value,
        duration=report.duration_seconds,
        **_counts(report),
    )
    if not may_heal or not would_help(report, code):
        return report, None
    order = Order(question, max_failures=max_failures, trigger=TRIGGER, hands=hands)
    report, healing = heal_on_record(order, code, no_progress)
    event(
        logger,
        logging.WARNING if healing.failed or healing.stopped else logging.INFO,
        "monitor_healed",
        run=healing.rollout,
        fixed=healing.fixed,
        failed=healing.failed,
        skipped=healing.skipped,
        stopped=healing.stopped,
    )
    return report, healing


def would_help(report: FleetReport, code: Code) -> bool:
    """Whether a heal would change anything, and this code may heal.

    Without this, a tenant that only a person can help would get a rollout at every look.
    """
    if report.is_clean:
        return False
    older = [found for found in report.findings if found.kind is FindingKind.CODE_OLDER]
    if older:
        event(logger, logging.WARNING, "monitor_left_alone", why=older[0].message)
        return False
    options = Options()
    public = report.public
    if public.status is not TenantStatus.OK and isinstance(
        plan_schema(public, code, options), Task
    ):
        return True
    plan = plan_for(report, code, options)
    if plan.tasks:
        return True
    for skip in plan.skips:
        event(
            logger,
            logging.WARNING,
            "monitor_left_alone",
            tenant=skip.schema_name,
            why=skip.reason,
        )
    return False


def _counts(report: FleetReport) -> dict[str, int]:
    return {"tenants": len(report.tenants)} | {
        status.value: count for status, count in report.by_status.items()
    }


def _undelivered(warnings: Sequence[str]) -> None:
    for warning in warnings:
        event(logger, logging.WARNING, "alert_not_delivered", why=warning)
