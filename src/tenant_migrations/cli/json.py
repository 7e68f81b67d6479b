"""The fleet's answer as the JSON document that other programs rely on."""

from collections.abc import Sequence
from typing import Any

from tenant_migrations.cli.forecast import variant_document
from tenant_migrations.fleet.findings import Finding
from tenant_migrations.fleet.graph import label
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.rollout.forecast import Forecast
from tenant_migrations.rollout.planning import Plan
from tenant_migrations.rollout.running import Summary


def empty_document() -> dict[str, Any]:
    """The shape of the answer with nothing in it."""
    return {
        "total_tenants": 0,
        "tenants_ok": 0,
        "tenants_with_issues": 0,
        "status": "ok",
        "error": None,
        "code_revision": None,
        "variants": [],
        "tenants": [],
        "public": None,
        "orphans": [],
        "findings": [],
    }


def report_document(report: FleetReport) -> dict[str, Any]:
    """A report in the shape of ``empty_document``."""
    issues = len(report.not_ok)
    return empty_document() | {
        "total_tenants": len(report.tenants),
        "tenants_ok": len(report.tenants) - issues,
        "tenants_with_issues": issues,
        "status": "ok" if report.is_clean else "issues",
        "code_revision": report.code_revision,
        "structure_compared": report.structure_compared,
        "duration_seconds": report.duration_seconds,
        "variants": [
            {"id": v.id, "tenants": len(v.schema_names), "status": v.status.value}
            for v in report.variants
        ],
        "tenants": [_schema(tenant, tenants_own=True) for tenant in report.tenants],
        "public": _schema(report.public, tenants_own=False),
        "orphans": list(report.orphans),
        "findings": [_finding(finding) for finding in report.findings],
    }


def summary_document(summary: Summary) -> dict[str, Any]:
    """What a heal did, as ``fix`` of the answer."""
    return {
        "rollout": summary.rollout,
        "fixed": summary.fixed,
        "failed": summary.failed,
        "skipped": summary.skipped,
        "not_attempted": summary.not_attempted,
        "stopped": summary.stopped or None,
        "outcomes": [
            {
                "schema_name": outcome.schema_name,
                "state": outcome.state,
                "applied": outcome.applied,
                "repaired": outcome.repaired,
                "attempts": outcome.attempts,
                "duration_seconds": outcome.duration_seconds,
                "migration": outcome.migration or None,
                "sqlstate": outcome.sqlstate or None,
                "message": outcome.message or None,
                "hint": outcome.hint or None,
            }
            for outcome in summary.outcomes
        ],
    }


def preflight_document(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """What was noticed of the server before a heal, as ``preflight`` of the answer."""
    return [_finding(finding) for finding in found]


def plan_document(
    plan: Plan, statements: dict[str, list[str]], forecast: Forecast
) -> list[dict[str, Any]]:
    """What a heal would do, per variant, with the SQL of each and what is to be expected of it."""
    return [
        {
            "variant": task.variant,
            "tenants": names,
            "migrations": [label(key) for key in task.pending],
            "record": [label(key) for key in task.record],
            "create": [f"{made.key.kind} {made.key.display}" for made in task.remedies],
            "statements": statements[task.schema_name],
            "forecast": variant_document(forecast.variants[task.schema_name]),
        }
        for task, names in plan.variants()
    ]


def _schema(report: SchemaReport, *, tenants_own: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"schema_name": report.schema_name}
    if tenants_own:
        document |= {"domain": report.domain, "kind": report.kind, "variant": report.variant}
    return document | {
        "status": report.status.value,
        "pending_count": len(report.verdict.pending),
        "pending_migrations": [{"app": app, "name": name} for app, name in report.verdict.pending],
        "findings": [_finding(finding) for finding in report.findings],
        "error": report.error,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.kind.value,
        "severity": finding.severity.value,
        "object": finding.object or None,
        "migration": finding.migration or None,
        "message": finding.message,
        "hint": finding.hint,
    }
