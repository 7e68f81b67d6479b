"""Problems: what is wrong, one for each cause; of the fleet however many tenants have it."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tenant_migrations.fleet.findings import VERIFY, Finding
from tenant_migrations.fleet.graph import label
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.fleet.verdict import STATUS_OF
from tenant_migrations.models import Rollout, TenantOutcome
from tenant_migrations.vocabulary import (
    AlertSeverity,
    AlertSubject,
    FindingKind,
    OutcomeState,
    RolloutState,
    TenantStatus,
)

HEAL_ALL = f"{VERIFY} --fix"

CHECK_FAILED = "check:failed"
HEAL_REFUSED = "heal:refused"
ENDED_EARLY = (RolloutState.STOPPED, RolloutState.CRASHED)

ROLLOUT_STOPPED = "rollout:stopped"

HEALTH = f"{AlertSubject.HEALTH}:"
"""What the keys of problems of health begin with; all others are the fleet's."""

WORDS = {
    TenantStatus.UNKNOWN: "could not be checked",
    TenantStatus.MISSING: "without a schema",
    TenantStatus.QUARANTINED: "in quarantine",
    TenantStatus.INCONSISTENT: "with a ledger that contradicts code or structure",
    TenantStatus.AHEAD: "ahead of the code",
    TenantStatus.DRIFTED: "drifted",
    TenantStatus.PENDING: "with pending migrations",
}
WARNINGS = (TenantStatus.DRIFTED, TenantStatus.AHEAD)
"""Statuses that nobody is called at night for; the others are critical."""

COMMANDS = {
    TenantStatus.PENDING: HEAL_ALL,
    TenantStatus.DRIFTED: HEAL_ALL,
}


@dataclass(frozen=True)
class Problem:
    """One cause of trouble, with everybody who has it."""

    key: str
    """The same problem has the same key in every run."""
    severity: AlertSeverity
    what: str
    """What is wrong, in a few words, such as ``in quarantine`` after ``3 tenants``."""
    tenants: tuple[str, ...] = ()
    migration: str = ""
    sqlstate: str = ""
    causes: tuple[str, ...] = ()
    hint: str = ""
    command: str = VERIFY
    """What to type next."""


def problems_of(
    report: FleetReport,
    outcomes: Mapping[str, TenantOutcome] | None = None,
    rollout: Rollout | None = None,
) -> tuple[Problem, ...]:
    """The problems that a report of the whole fleet shows, gravest first.

    ``outcomes`` has, by schema name, what the newest heal did to tenants that are not well, and
    ``rollout`` is the newest run: a failure that lasts is told with its SQLSTATE also by a run
    that only looks. Tenants that a stopped run did not come to are part of what stopped it.
    """
    outcomes = outcomes or {}
    stopped = rollout if rollout and rollout.state in ENDED_EARLY else None
    failed: dict[tuple[str, str], list[TenantOutcome]] = {}
    others: dict[tuple[TenantStatus, FindingKind], list[SchemaReport]] = {}
    for tenant in report.not_ok:
        outcome = outcomes.get(tenant.schema_name)
        if outcome and stopped and _waits_for(stopped, outcome, tenant):
            continue
        if outcome and _explains(outcome, tenant):
            failed.setdefault((outcome.sqlstate, outcome.migration), []).append(outcome)
        else:
            others.setdefault((tenant.status, _deciding(tenant).kind), []).append(tenant)
    found = [_failure(some) for some in failed.values()]
    found += [_status(status, kind, some) for (status, kind), some in others.items()]
    if report.public.status is not TenantStatus.OK:
        found.append(_public(report.public))
    if stopped and not failed:
        found.append(_stopped(stopped))
    found += _fleet(report.findings)
    order = list(AlertSeverity)
    return tuple(sorted(found, key=lambda problem: (order.index(problem.severity), problem.key)))


def check_failed(error: str, *, refused: bool = False) -> Problem:
    """The fleet could not be asked, or a heal was refused before it touched a tenant."""
    return Problem(
        HEAL_REFUSED if refused else CHECK_FAILED,
        AlertSeverity.CRITICAL,
        "Healing was refused" if refused else "The fleet could not be checked",
        causes=(error,),
        hint="mend the cause; until then nobody knows how the tenants are",
    )


def subject_of(key: str) -> AlertSubject:
    """What the problem with this key is a problem of."""
    return AlertSubject.HEALTH if key.startswith(HEALTH) else AlertSubject.FLEET


def _waits_for(stopped: Rollout, outcome: TenantOutcome, tenant: SchemaReport) -> bool:
    """Whether a tenant lacks nothing but what a run that ended early did not come to."""
    return (
        tenant.status is TenantStatus.PENDING
        and outcome.rollout_id == stopped.pk
        and outcome.state == OutcomeState.NOT_ATTEMPTED
    )


def _explains(outcome: TenantOutcome, tenant: SchemaReport) -> bool:
    """Whether a tenant is not well because of what the heal met there, and not by something new."""
    if outcome.state not in (OutcomeState.FAILED, OutcomeState.CRASHED):
        return False
    if tenant.status is TenantStatus.QUARANTINED:
        return False
    if outcome.migration:
        return outcome.migration in map(label, tenant.verdict.pending)
    return outcome.status_after == tenant.status


def _failure(outcomes: Sequence[TenantOutcome]) -> Problem:
    first = outcomes[0]
    where = f" in {first.migration}" if first.migration else ""
    code = f" (SQLSTATE {first.sqlstate})" if first.sqlstate else ""
    return Problem(
        f"failed:{first.sqlstate or '-'}:{first.migration or '-'}",
        AlertSeverity.CRITICAL,
        f"failed{where}{code}",
        tenants=tuple(outcome.schema_name for outcome in outcomes),
        migration=first.migration,
        sqlstate=first.sqlstate,
        causes=_first_few(outcome.message for outcome in outcomes),
        hint=_for_all(first) if len(outcomes) > 1 else first.hint,
        command=_ask_for(first.schema_name),
    )


def _for_all(outcome: TenantOutcome) -> str:
    return outcome.hint.replace(f" --tenant={outcome.schema_name}", "")


def _status(status: TenantStatus, kind: FindingKind, tenants: Sequence[SchemaReport]) -> Problem:
    deciding = [_deciding(tenant) for tenant in tenants]
    name = tenants[0].schema_name
    first = deciding[0].for_all() if len(tenants) > 1 else deciding[0].for_schema(name)
    return Problem(
        f"{status}:{kind}",
        AlertSeverity.WARNING if status in WARNINGS else AlertSeverity.CRITICAL,
        f"{WORDS[status]} ({kind})",
        tenants=tuple(tenant.schema_name for tenant in tenants),
        migration=first.migration,
        causes=_first_few(finding.message for finding in deciding),
        hint=first.hint,
        command=COMMANDS.get(status, _ask_for(name)),
    )


def _public(public: SchemaReport) -> Problem:
    deciding = _deciding(public).for_all()
    return Problem(
        f"public:{public.status}",
        AlertSeverity.CRITICAL,
        f"The shared schema is {public.status} ({deciding.kind})",
        migration=deciding.migration,
        causes=(deciding.message,),
        hint=deciding.hint,
        command=HEAL_ALL,
    )


def _stopped(rollout: Rollout) -> Problem:
    return Problem(
        ROLLOUT_STOPPED,
        AlertSeverity.CRITICAL,
        f"Rollout {rollout.pk} {rollout.state} before every tenant was tried",
        causes=(rollout.error,),
        hint="mend the cause, then heal again: what was done stays done",
        command=HEAL_ALL,
    )


def _fleet(findings: Iterable[Finding]) -> list[Problem]:
    """Findings that concern no single tenant, one problem for each kind."""
    by_kind: dict[FindingKind, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    titles = {
        FindingKind.ORPHAN_SCHEMA: "There are schemas without a tenant",
        FindingKind.REFERENCE_UNAVAILABLE: "Structures were not compared",
        FindingKind.CODE_OLDER: "This code is older than the newest deployed",
    }
    return [
        Problem(
            f"fleet:{kind}",
            AlertSeverity.INFO if kind is FindingKind.ORPHAN_SCHEMA else AlertSeverity.WARNING,
            f"{titles.get(kind, 'The fleet has a finding')} ({kind})",
            migration=some[0].migration,
            causes=_first_few(finding.message for finding in some),
            hint=some[0].hint,
        )
        for kind, some in by_kind.items()
    ]


def _deciding(schema: SchemaReport) -> Finding:
    """The finding that the schema's status comes from."""
    found = (*schema.own, *schema.verdict.findings)
    return next(finding for finding in found if STATUS_OF.get(finding.kind) is schema.status)


def _ask_for(schema_name: str) -> str:
    return f"{VERIFY} --tenant={shlex.quote(schema_name)}"


def _first_few(texts: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Different texts in the order they came, and how many more there are."""
    different = [text for text in dict.fromkeys(texts) if text]
    more = len(different) - most
    return (*different[:most], *([f"and {more} more"] if more > 0 else []))
