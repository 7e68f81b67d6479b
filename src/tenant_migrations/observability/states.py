"""The state of each tenant as the newest check found it: what pages show without asking again.

Cheap where little changes: one statement reads what is known, and only rows that differ are
written. Recording is an extra and never makes a command fail.
"""

import hashlib
import json
import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db import Error
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.database import one_line, sqlstate
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.fleet.survey import Question
from tenant_migrations.logs import event
from tenant_migrations.models import Incident, TenantState
from tenant_migrations.observability.own_records import NOT_WRITABLE, WRITE_TIMEOUTS_MS, own_records
from tenant_migrations.vocabulary import TenantStatus

logger = logging.getLogger(__name__)

MOST_FINDINGS = 200
"""Findings that are kept of one schema at most."""

OTHER = ""
"""Stands for findings that belong to no app."""

WRITTEN = (
    "kind", "domain", "status", "since", "variant", "pending", "apps", "findings", "error",
    "digest", "checked_at",
)  # fmt: skip


def keep(report: FleetReport, question: Question) -> None:
    """Keep what a check found of each schema, and close the incidents of those that are ok.

    Answers on some apps only, or without structures, are not kept: they do not tell all. After a
    check of the whole fleet, tenants that are gone are forgotten. One transaction in public under
    short timeouts; never raises for the database.
    """
    if question.apps or not question.structure:
        return
    try:
        with own_records(WRITE_TIMEOUTS_MS):
            _write(report, whole=not question.tenants)
    except Error as error:
        reason = NOT_WRITABLE.get(sqlstate(error))
        level = logging.DEBUG if reason else logging.WARNING
        event(logger, level, "states_not_written", why=reason or one_line(error))


def state_of(schema: SchemaReport, now: datetime) -> TenantState:
    """One schema's row, not saved."""
    found: dict[str, Any] = {
        "kind": schema.kind,
        "domain": schema.domain or "",
        "status": schema.status.value,
        "variant": schema.variant,
        "pending": len(schema.verdict.pending),
        "apps": _by_app(schema),
        "findings": [
            {
                "id": finding.kind.value,
                "severity": finding.severity.value,
                "object": finding.object,
                "message": finding.message,
                "hint": finding.hint,
            }
            for finding in schema.findings[:MOST_FINDINGS]
        ],
        "error": schema.error or "",
    }
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    return TenantState(
        schema_name=schema.schema_name, since=now, digest=digest, checked_at=now, **found
    )


def _by_app(schema: SchemaReport) -> dict[str, list[int]]:
    """Per app, how many of its migrations wait and how many other findings there are."""
    pending = Counter(app for app, _ in schema.verdict.pending)
    others = Counter(
        finding.migration.partition(".")[0] or OTHER
        for finding in schema.findings
        if finding.kind.value != "TM001"
    )
    return {app: [pending[app], others[app]] for app in sorted(pending | others)}


def _write(report: FleetReport, *, whole: bool) -> None:
    now = timezone.now()
    known = {
        name: (digest, status, since)
        for name, digest, status, since in TenantState.objects.values_list(
            "schema_name", "digest", "status", "since"
        )
    }
    changed = []
    for schema in (report.public, *report.tenants):
        state = state_of(schema, now)
        digest, status, since = known.pop(schema.schema_name, ("", "", now))
        if digest != state.digest or not whole:
            state.since = since if status == state.status else now
            changed.append(state)
    TenantState.objects.bulk_create(
        changed,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["schema_name"],
        update_fields=WRITTEN,
    )
    if whole and known:
        TenantState.objects.filter(schema_name__in=[*known]).delete()
    _close_incidents(report, now, whole=whole)


def _close_incidents(report: FleetReport, now: datetime, *, whole: bool) -> None:
    """Those of tenants that are ok now, and of tenants that are gone; old ones are forgotten."""
    open_ones = Incident.objects.filter(resolved_at=None)
    concerned = set(open_ones.values_list("schema_name", flat=True).distinct())
    well = {t.schema_name for t in report.tenants if t.status is TenantStatus.OK}
    gone = concerned - {t.schema_name for t in report.tenants} if whole else set()
    if over := (concerned & well) | gone:
        open_ones.filter(schema_name__in=over).update(resolved_at=now)
    oldest = now - timedelta(days=conf.get().HISTORY_DAYS)
    Incident.objects.filter(resolved_at__lt=oldest).delete()
