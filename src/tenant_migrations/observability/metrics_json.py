"""The fleet in numbers as the JSON document that other programs rely on."""

from datetime import datetime
from typing import Any

import psycopg
from django.core.management import get_commands
from django.utils import timezone
from psycopg import sql

from tenant_migrations import conf
from tenant_migrations.database import public_schema, reading
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.models import Sample
from tenant_migrations.observability.metrics import WITH_ERRORS, Metrics
from tenant_migrations.observability.past import Past
from tenant_migrations.vocabulary import TenantStatus


def metrics_document(
    metrics: Metrics, past: Past, report: FleetReport | None = None
) -> dict[str, Any]:
    """The whole document; ``details`` hold every tenant of the report, else those not ok."""
    check = metrics.check
    return {
        "status": "issues" if metrics.issues else "ok",
        "error": None,
        "timestamp": metrics.taken_at.isoformat(),
        "window_hours": past.hours,
        "collection_duration_seconds": metrics.collection_seconds,
        "checked_at": _iso(check.taken_at if check else None),
        "tenant_metrics": {
            "total_tenants": check.total_tenants if check else None,
            "tenants_healthy": metrics.tenants(TenantStatus.OK),
            "tenants_with_pending": metrics.tenants(TenantStatus.PENDING),
            "tenants_with_errors": metrics.tenants(*WITH_ERRORS),
            "tenants_drifted": metrics.tenants(TenantStatus.DRIFTED),
            "tenants_quarantined": metrics.tenants(TenantStatus.QUARANTINED),
            "details": _details(check, report),
        },
        "aggregated_metrics": {
            "total_pending_migrations": check.pending_total if check else None,
            "avg_pending_per_tenant": metrics.average_pending,
            "max_pending_migrations": check.pending_max if check else None,
            "avg_check_duration_seconds": past.average_duration,
            "max_check_duration_seconds": max(past.durations, default=None),
            "newest_migration_date": _iso(newest_migration_at(report) if report else None),
        },
        "performance_metrics": {
            "verification_command_available": "verify_tenant_migrations" in get_commands(),
            "health_check_available": "health_check" in get_commands(),
            "automated_monitoring_active": metrics.is_monitored,
        },
        "health_metrics": {
            "overall_health": metrics.overall_health,
            "migration_system_health": metrics.system_health,
            "issues_detected": list(metrics.issues),
        },
        "history": _history(past),
    }


def error_document(message: str) -> dict[str, Any]:
    """The same shape where nothing could be asked: all that is not known is null."""
    document = metrics_document(Metrics(timezone.now()), Past(0))
    document["performance_metrics"]["automated_monitoring_active"] = None
    document["health_metrics"]["issues_detected"] = [message]
    return document | {
        "status": "error",
        "error": message,
        "window_hours": None,
        "collection_duration_seconds": None,
        "history": None,
    }


def newest_migration_at(report: FleetReport) -> datetime | None:
    """When a migration was last recorded, in public or in any tenant that could be read.

    In batches; one in which a tenant was dropped meanwhile is left out.
    """
    names = [public_schema(), *(t.schema_name for t in report.tenants if t.ledger_digest)]
    size = conf.get().LEDGER_BATCH
    found: list[datetime] = []
    with reading() as connection:
        for start in range(0, len(names), size):
            statement = sql.SQL(" UNION ALL ").join(
                sql.SQL("SELECT max(applied) FROM {}").format(sql.Identifier(name, LEDGER_TABLE))
                for name in names[start : start + size]
            )
            try:
                found += [at for (at,) in connection.execute(statement) if at]
            except psycopg.Error:
                if connection.broken:
                    return None
    return max(found, default=None)


def _details(check: Sample | None, report: FleetReport | None) -> list[dict[str, Any]]:
    if report is None:
        named = check.not_ok if check else []
        return [
            {"schema_name": name, "status": status, "pending_count": pending}
            for name, status, pending in named
        ]
    return [
        {
            "schema_name": tenant.schema_name,
            "domain": tenant.domain,
            "status": tenant.status.value,
            "pending_count": len(tenant.verdict.pending),
            "findings": sorted({finding.kind.value for finding in tenant.findings}),
            "error": tenant.error,
        }
        for tenant in report.tenants
    ]


def _history(past: Past) -> dict[str, Any]:
    answers = past.answers
    return {
        "checks": len(past.checks),
        "checks_failed": len(past.checks) - len(answers),
        "first_check_at": _iso(past.checks[0].taken_at if past.checks else None),
        "last_check_at": _iso(past.checks[-1].taken_at if past.checks else None),
        "healthy_share": past.healthy_share,
        "pending_first": answers[0].pending_total if answers else None,
        "pending_last": answers[-1].pending_total if answers else None,
        "pending_max": max((sample.pending_total or 0 for sample in answers), default=None),
        "rollouts": past.rollouts,
        "heals": {state.value.replace(" ", "_"): count for state, count in past.heals.items()},
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
