"""Planning: what healing would do to each tenant of a report. Pure functions.

The dry run and the real run share this plan.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from tenant_migrations.fleet.comparison import Difference
from tenant_migrations.fleet.expectation import Expected
from tenant_migrations.fleet.graph import Code, MigrationKey
from tenant_migrations.fleet.remedies import Remedy, completing, in_order, remedy
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.vocabulary import FindingKind, ObjectKind, TenantStatus

REGISTRATIONS = {FindingKind.CONTENT_TYPES_MISSING, FindingKind.PERMISSIONS_MISSING}
REGISTRIES = {"django_content_type", "auth_permission"}
"""Tables that are empty when they are made again, and have to be filled."""

Group = tuple[Any, ...]
"""Tasks of one group are done alike."""


@dataclass(frozen=True)
class Options:
    """What the healer may do beyond applying migrations and creating what is absent."""

    reconcile: bool = False
    retry_quarantined: bool = False


@dataclass(frozen=True)
class Task:
    """What is to be done to one schema."""

    schema_name: str
    kind: str
    status: TenantStatus
    ledger_digest: str
    """The ledger that the plan was made for; empty for a schema without one."""
    variant: str
    pending: tuple[MigrationKey, ...] = ()
    record: tuple[MigrationKey, ...] = ()
    """Migrations to record without running them, as the structure proves them applied."""
    remedies: tuple[Remedy, ...] = field(default=(), repr=False)
    registrations: bool = False
    """Content types or permissions are missing and are to be created."""

    @property
    def group(self) -> Group:
        """What tenants have in common for whom the same has to be done from the same ledger."""
        return (
            self.kind,
            self.ledger_digest,
            self.pending,
            self.record,
            self.remedies,
            self.registrations,
        )


@dataclass(frozen=True)
class Skip:
    """A tenant that is not well and that healing leaves alone."""

    schema_name: str
    status: TenantStatus
    reason: str
    hint: str


@dataclass(frozen=True)
class Plan:
    """Tasks in the order in which they are run, and what is left alone."""

    tasks: tuple[Task, ...] = ()
    skips: tuple[Skip, ...] = ()

    def variants(self) -> list[tuple[Task, list[str]]]:
        """One task of each variant with the names of all tenants that share it."""
        ordered = sorted(self.tasks, key=lambda task: (task.variant, task.schema_name))
        groups = [list(group) for _, group in groupby(ordered, key=lambda task: task.variant)]
        return [(group[0], [task.schema_name for task in group]) for group in groups]


def plan_for(
    report: FleetReport, code: Code, options: Options, canaries: Sequence[str] = ()
) -> Plan:
    """What healing does to the tenants of a report; canaries come first."""
    tasks, skips = [], []
    for tenant in report.not_ok:
        planned = plan_schema(tenant, code, options)
        if isinstance(planned, Task):
            tasks.append(planned)
        else:
            skips.append(planned)
    first = {name: position for position, name in enumerate(canaries)}
    tasks.sort(key=lambda task: first.get(task.schema_name, len(first)))
    return Plan(tuple(tasks), tuple(skips))


def plan_schema(report: SchemaReport, code: Code, options: Options) -> Task | Skip:
    """The task for one schema that is not well, or why there is none."""
    verdict = report.verdict
    record = verdict.unrecorded if options.reconcile else ()
    if reason := _obstacle(report, bool(record), options):
        return _skip(report, reason)
    pending = tuple(key for key in verdict.pending if key not in record)
    kinds = {finding.kind for finding in verdict.findings}
    squash = FindingKind.SQUASH_UNRECORDED in kinds
    remedies = _remedies(verdict.differences, verdict.expected)
    made_again = {made.key.name for made in remedies if made.key.kind is ObjectKind.TABLE}
    registrations = bool(kinds & REGISTRATIONS or made_again & REGISTRIES)
    if not (pending or record or remedies or registrations or squash):
        return _skip(report, "nothing of what is wrong can be proven safe to change")
    return Task(
        report.schema_name,
        report.kind,
        report.status,
        report.ledger_digest,
        report.variant,
        pending,
        record,
        remedies,
        registrations,
    )


def _obstacle(report: SchemaReport, reconciled: bool, options: Options) -> str:
    """Why a schema must be left alone, if it must."""
    match report.status:
        case TenantStatus.UNKNOWN:
            return "it could not be checked"
        case TenantStatus.MISSING:
            return "it has no schema; none is created unasked"
        case TenantStatus.QUARANTINED if not options.retry_quarantined:
            return "it is in quarantine"
        case TenantStatus.AHEAD:
            return "its ledger is ahead of this code, and healing only moves forward"
        case TenantStatus.INCONSISTENT if not reconciled:
            return "its ledger and its structure contradict each other"
    return ""


def _skip(report: SchemaReport, reason: str) -> Skip:
    hint = next((finding.hint for finding in report.findings if finding.hint), "")
    return Skip(report.schema_name, report.status, reason, hint)


def _remedies(differences: Iterable[Difference], expected: Expected | None) -> tuple[Remedy, ...]:
    """How to create what is absent, in an order in which one finds what another creates."""
    if expected is None:
        return ()
    found: list[Remedy] = []
    for difference in differences:
        if difference.expected is None:
            continue
        made = remedy(difference.key, difference.expected, difference.actual, expected.objects)
        if made is None:
            continue
        found.append(made)
        if difference.key.kind is ObjectKind.TABLE:
            found += completing(difference.key.relation, expected.objects)
    return tuple(in_order(found, expected.objects))
