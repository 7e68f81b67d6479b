"""What is particular to a fleet of tenants: migrations, references, orphans, who watches."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Max
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.backup.records import VERIFIED_WITHIN, practice
from tenant_migrations.cli.printable import printable
from tenant_migrations.database import public_schema, reading, schema_in_use
from tenant_migrations.fleet import ledger, tenants
from tenant_migrations.fleet.findings import VERIFY, Finding, named, plural
from tenant_migrations.fleet.graph import label
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.fleet.survey import Question, orphans_among, survey, survey_public
from tenant_migrations.health.asking import Asking
from tenant_migrations.health.report import Answer, healthy, unhealthy, warning
from tenant_migrations.models import Quarantine, Sample
from tenant_migrations.redaction import redacted
from tenant_migrations.vocabulary import Severity, TenantStatus

MOST_NAMED = 5
"""Tenants that an answer names at most."""


def migrations(asking: Asking) -> Answer:
    """Whether public is at the code, by its ledger: what all hosts rest on."""
    with asking.database():
        public = survey_public(asking.code())
    pending = [label(key) for key in public.verdict.pending]
    details = {"pending_count": len(pending), "pending_migrations": pending[:MOST_NAMED]}
    if public.status is TenantStatus.OK:
        return healthy(f"{public.schema_name} is at the code", **details)
    first = _gravest(public)
    return unhealthy(f"{public.schema_name}: {first.message}", first.hint, **details)


def tenant_migrations(asking: Asking) -> Answer:
    """The three-way verdict over the fleet, with the references as they stand."""
    with asking.database():
        references = {kept.kind: kept.reference for kept in asking.references() if kept.reference}
        report = survey(asking.code(), references, Question(structure=bool(references)))
    not_well = [
        schema for schema in (report.public, *report.not_ok) if schema.status is not TenantStatus.OK
    ]
    details = {
        "total_tenants": len(report.tenants),
        "tenants_ok": len(report.tenants) - len(report.not_ok),
        "tenants_with_issues": len(report.not_ok),
        "by_status": {status.value: count for status, count in report.by_status.items()},
        "structure_compared": report.structure_compared,
        "first_not_ok": [_described(schema) for schema in not_well[:MOST_NAMED]],
    }
    if not not_well:
        return healthy(_counts(report), **details)
    make = warning if _only_pending(not_well) else unhealthy
    names = named([printable(schema.schema_name) for schema in not_well], MOST_NAMED)
    hint = f"{VERIFY} --fix" if _only_pending(not_well) else VERIFY
    return make(f"{_counts(report)}: {names}", hint, **details)


def reference(asking: Asking) -> Answer:
    """Whether every reference schema is there and at the code."""
    with asking.database():
        kept = asking.references()
    absent = [one.kind for one in kept if one.reference is None]
    behind = [one for one in kept if one.pending]
    details = {
        "absent": absent,
        "behind": {one.kind: [label(key) for key in one.pending] for one in behind},
    }
    if not absent and not behind:
        return healthy("at the code", **details)
    found = [f"no usable reference for {named(absent)}"] if absent else []
    found += [f"{one.kind} lacks {named([*map(label, one.pending)])}" for one in behind]
    return warning("; ".join(found), f"build or bring it forward: {VERIFY}", **details)


def orphans(asking: Asking) -> Answer:
    """Whether a schema with a ledger belongs to no tenant."""
    with asking.database(), reading() as raw:
        schemas = ledger.read_schemas(raw)
        found = orphans_among(schemas.values(), tenants.read_tenants() or [])
    if not found:
        return healthy("none", count=0)
    return warning(
        f"{plural(len(found), 'schema')} without a tenant: {_names(found)}",
        "give it back its tenant row, or back it up and drop it; "
        "IGNORE_SCHEMAS in the settings silences this",
        count=len(found),
        first=list(found[:MOST_NAMED]),
    )


def quarantine(asking: Asking) -> Answer:
    """Whether a tenant is left alone until somebody releases it."""
    with asking.database(), schema_in_use(public_schema()):
        found = dict(
            Quarantine.objects.order_by("schema_name").values_list("schema_name", "reason")
        )
    if not found:
        return healthy("none", count=0)
    return unhealthy(
        f"{plural(len(found), 'tenant')} left alone until released: {_names([*found])}",
        f"look at it, then: {VERIFY} --fix --retry-quarantined",
        count=len(found),
        first=[
            {"schema_name": name, "reason": redacted(reason)}
            for name, reason in [*found.items()][:MOST_NAMED]
        ],
    )


def monitoring(asking: Asking) -> Answer:
    """When the whole fleet was last verified."""
    allowed = timedelta(minutes=conf.get().HEALTH_MONITORING_MINUTES)
    with asking.database(), schema_in_use(public_schema()):
        whole = Sample.objects.filter(whole_fleet=True)
        newest = whole.order_by("-taken_at").first()
        succeeded = whole.filter(succeeded=True).aggregate(at=Max("taken_at"))["at"]
    hint = f"verify it now, and regularly by cron: {VERIFY}"
    details = {
        "last_verified": succeeded.isoformat() if succeeded else None,
        "last_succeeded": newest.succeeded if newest else None,
    }
    if newest and not newest.succeeded:
        return warning(f"the last check failed: {redacted(newest.error)}", hint, **details)
    if succeeded is None:
        return warning("the fleet was never verified", hint, **details)
    age = timezone.now() - succeeded
    message = f"the fleet was last verified {_ago(age)} ago"
    return healthy(message, **details) if age <= allowed else warning(message, hint, **details)


def backups(asking: Asking) -> Answer:
    """Age and verification of the newest, where ``HEALTH_BACKUP_HOURS`` says that one is
    expected."""
    hours = conf.get().HEALTH_BACKUP_HOURS
    hint = "make one: manage.py backup_database"
    with asking.database(), schema_in_use(public_schema()):
        known = practice()
    if known is None:
        none = f"{hint}; HEALTH_BACKUP_HOURS = 0 in the settings says that none is expected"
        return unhealthy("no backups are recorded", none, expected_every_hours=hours)
    now = timezone.now()
    verified = known.last_verified_at
    details = {
        "expected_every_hours": hours,
        "newest": known.name,
        "made_at": known.made_at.isoformat(),
        "size_bytes": known.size_bytes,
        "verified": known.is_verified,
        "last_verified": verified.isoformat() if verified else None,
        "restore_seconds": known.restore_seconds,
    }
    message = f"the newest was made {_ago(now - known.made_at)} ago"
    if known.verify_error:
        why = f"the newest can't be restored: {redacted(known.verify_error)}"
        return unhealthy(why, hint, **details)
    if now - known.made_at > timedelta(hours=hours):
        return unhealthy(f"{message}, {hours} hours are allowed", hint, **details)
    if verified is None or now - verified > VERIFIED_WITHIN:
        tried = f"{_ago(now - verified)} ago" if verified else "never"
        practise = "try it, and every week: manage.py rollback_migrations --rehearse"
        return warning(f"{message}; restoring was last tried {tried}", practise, **details)
    return healthy(f"{message}; restoring was last tried {_ago(now - verified)} ago", **details)


def _gravest(schema: SchemaReport) -> Finding:
    return min(schema.findings, key=lambda finding: [*Severity].index(finding.severity))


def _described(schema: SchemaReport) -> dict[str, str]:
    """One schema that is not well, and what to type."""
    first = _gravest(schema)
    return {
        "schema_name": schema.schema_name,
        "status": schema.status.value,
        "finding": first.kind.value,
        "message": redacted(first.message),
        "hint": first.hint,
    }


def _counts(report: FleetReport) -> str:
    ok = len(report.tenants) - len(report.not_ok)
    compared = "" if report.structure_compared else "; structure not compared"
    return f"{ok} of {plural(len(report.tenants), 'tenant')} ok{compared}"


def _only_pending(schemas: Sequence[SchemaReport]) -> bool:
    return all(schema.status is TenantStatus.PENDING for schema in schemas)


def _names(names: Sequence[str]) -> str:
    return named([*map(printable, names)], MOST_NAMED)


def _ago(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return plural(minutes, "minute")
    hours = minutes // 60
    return plural(hours, "hour") if hours < 48 else plural(hours // 24, "day")
