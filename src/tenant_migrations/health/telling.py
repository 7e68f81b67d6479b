"""Telling people of what is not healthy, by the same alerts as problems of the fleet."""

from collections.abc import Sequence
from contextlib import suppress

from django.db import DatabaseError

from tenant_migrations.database import tenant_connection
from tenant_migrations.health.report import CheckResult, HealthReport
from tenant_migrations.observability.alerts.channels import Channel
from tenant_migrations.observability.alerts.problems import HEALTH, Problem
from tenant_migrations.observability.alerts.telling import tell
from tenant_migrations.vocabulary import AlertSeverity, AlertSubject, CheckStatus

DATABASE = "database"

ASKED_OF_THE_DATABASE = {"backups", "connections", "locks", "monitoring"}
"""Checks that say nothing of their own while the database does not answer."""

TOLD_OF_THE_FLEET = {"migrations", "orphans", "quarantine", "reference", "tenant_migrations"}
"""Checks whose problems the monitor tells, tenant by tenant and with what to type."""

SEVERITIES = {
    CheckStatus.UNHEALTHY: AlertSeverity.CRITICAL,
    CheckStatus.WARNING: AlertSeverity.WARNING,
}


def tell_health(report: HealthReport, channels: Sequence[Channel], *, full: bool) -> list[str]:
    """Tell of the checks that are not healthy, and of those that are healthy again.

    With ``full`` a check that is made no longer is over too. Returns warnings, as ``tell``, and
    never raises.
    """
    answered = _answered(report)
    known = {
        result.name
        for result in report.results
        if answered or result.name not in ASKED_OF_THE_DATABASE
    }
    found = [
        _problem(result)
        for result in report.results
        if result.name in known - TOLD_OF_THE_FLEET
        and result.answer.status is not CheckStatus.HEALTHY
    ]
    if answered:
        # The checks had connections of their own; what was told is remembered over this one.
        with suppress(DatabaseError):
            tenant_connection().ensure_connection()

    def may_be_over(key: str) -> bool:
        name = key.removeprefix(HEALTH)
        return name in known or (full and (answered or name not in ASKED_OF_THE_DATABASE))

    return tell(AlertSubject.HEALTH, found, channels, may_be_over)


def _answered(report: HealthReport) -> bool:
    """Whether the database did; where it was not asked, it is taken to."""
    return all(
        result.answer.status is not CheckStatus.UNHEALTHY
        for result in report.results
        if result.name == DATABASE
    )


def _problem(result: CheckResult) -> Problem:
    answer = result.answer
    return Problem(
        f"{HEALTH}{result.name}",
        SEVERITIES[answer.status],
        f"Health check {result.name}: {answer.status}",
        causes=(answer.message,),
        hint=answer.hint,
        command="manage.py health_check --full",
    )
