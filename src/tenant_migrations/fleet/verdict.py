"""The three-way verdict: code, ledger and structure of one schema, judged. Pure functions.

What is judged is a *variant*: schemas of one kind with the same ledger and the same structure.
They share one verdict; what is a tenant's own (its domain, a quarantine) is added by the caller.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from tenant_migrations.fleet import findings
from tenant_migrations.fleet.comparison import Difference, describe, differences
from tenant_migrations.fleet.expectation import Expected, Reference
from tenant_migrations.fleet.findings import Finding
from tenant_migrations.fleet.graph import Code, MigrationKey, Standing, label
from tenant_migrations.fleet.ledger import LEDGER_TABLE, Ledger
from tenant_migrations.fleet.structure import ObjectMap
from tenant_migrations.fleet.tenants import PUBLIC_KIND
from tenant_migrations.vocabulary import FindingKind, TenantStatus

STATUS_OF = {
    FindingKind.UNREADABLE: TenantStatus.UNKNOWN,
    FindingKind.TENANT_TYPE_UNKNOWN: TenantStatus.UNKNOWN,
    FindingKind.SCHEMA_ABSENT: TenantStatus.MISSING,
    FindingKind.QUARANTINED: TenantStatus.QUARANTINED,
    FindingKind.APPLIED_BEFORE_DEPENDENCY: TenantStatus.INCONSISTENT,
    FindingKind.PRESENT_BUT_UNRECORDED: TenantStatus.INCONSISTENT,
    FindingKind.LEDGER_ABSENT: TenantStatus.INCONSISTENT,
    FindingKind.AHEAD: TenantStatus.AHEAD,
    FindingKind.PENDING: TenantStatus.PENDING,
    FindingKind.SCHEMA_EMPTY: TenantStatus.PENDING,
    FindingKind.SQUASH_UNRECORDED: TenantStatus.PENDING,
    FindingKind.CONTENT_TYPES_MISSING: TenantStatus.DRIFTED,
    FindingKind.PERMISSIONS_MISSING: TenantStatus.DRIFTED,
    **{kind: TenantStatus.DRIFTED for kind in FindingKind if "TM101" <= kind <= "TM133"},
}
"""The status that a finding stands for; the others leave it as it is."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one variant."""

    kind: str
    ledger: Ledger
    objects: ObjectMap | None = None
    """``None`` where the structure was not read."""
    in_hand: frozenset[MigrationKey] = frozenset()
    """Migrations that are half done under a journal: what they change is not judged."""


@dataclass(frozen=True)
class Scope:
    """What was asked for."""

    apps: frozenset[str] = frozenset()
    """Only these apps (and, for what is pending, what they depend on); empty: all."""
    ignore: Sequence[str] = ()


@dataclass(frozen=True)
class Verdict:
    """What the three facts say together, and what healing may act upon."""

    findings: tuple[Finding, ...] = ()
    pending: tuple[MigrationKey, ...] = ()
    differences: tuple[Difference, ...] = field(default=(), repr=False)
    expected: Expected | None = field(default=None, repr=False)
    unrecorded: tuple[MigrationKey, ...] = ()
    """Pending migrations that the structure proves applied."""

    def with_findings(self, more: Sequence[Finding]) -> "Verdict":
        """The same with findings of another reader added."""
        return replace(self, findings=(*self.findings, *more))


def status_of(found: Collection[Finding]) -> TenantStatus:
    """The gravest status that any of the findings stands for."""
    statuses = {STATUS_OF[finding.kind] for finding in found if finding.kind in STATUS_OF}
    return next((status for status in TenantStatus if status in statuses), TenantStatus.OK)


def judge(evidence: Evidence, code: Code, reference: Reference | None, scope: Scope) -> Verdict:
    """Compare what a variant records and what it has with what the code says it should have."""
    ledger = evidence.ledger
    standing = code.standing(ledger.keys, scope.apps)
    newer, leftover = _split_unknown(ledger, standing, code, reference)
    found = _ledger_findings(ledger, standing, newer, leftover)
    verdict = Verdict(tuple(found), standing.pending)
    if evidence.objects is None or reference is None:
        return verdict
    recorded = canonical(ledger.keys, code, reference) - frozenset(leftover)
    return _with_structure(verdict, recorded, evidence, code, reference, scope)


def canonical(
    ledger: Collection[MigrationKey], code: Code, reference: Reference
) -> frozenset[MigrationKey]:
    """The ledger in the words of the reference where squashed migrations are concerned.

    A reference passed either the squashed migration or those that it replaces; a ledger may record
    either or both.
    """
    recorded = set(ledger)
    for key, migration in code.loader.replacements.items():
        replaced = set(migration.replaces)
        if key not in recorded and not replaced <= recorded:
            continue
        if replaced <= reference.passed:
            recorded = (recorded | replaced) - ({key} - reference.passed)
        elif key in reference.passed:
            recorded = (recorded - replaced) | {key}
    gone = {key for key in recorded if key[0] not in code.loader.migrated_apps}
    return frozenset(recorded - (gone - reference.passed))


def _split_unknown(
    ledger: Ledger, standing: Standing, code: Code, reference: Reference | None
) -> tuple[list[MigrationKey], list[MigrationKey]]:
    """Rows that the code does not know: those of newer code, and leftovers of older code.

    A row that the reference passed, or that was written after every known row of its app, is of
    newer code: a rollback of the code looks like that. An older one is what squashing left behind.
    """
    last_known: dict[str, int] = {}
    for row_id, key in ledger.rows:
        if key in code.known:
            last_known[key[0]] = max(row_id, last_known.get(key[0], 0))
    position = {key: row_id for row_id, key in ledger.rows}
    newer: list[MigrationKey] = []
    leftover: list[MigrationKey] = []
    for key in standing.unknown:
        passed = reference is not None and key in reference.passed
        is_newer = passed or position[key] > last_known.get(key[0], 0)
        (newer if is_newer else leftover).append(key)
    return newer, leftover


def _ledger_findings(
    ledger: Ledger,
    standing: Standing,
    newer: Sequence[MigrationKey],
    leftover: Sequence[MigrationKey],
) -> list[Finding]:
    found = []
    if standing.contradiction:
        found.append(findings.contradiction(standing.contradiction))
    found += [
        findings.applied_before_dependency(label(key), label(parent))
        for key, parent in standing.out_of_order
    ]
    if newer:
        found.append(findings.ahead([label(key) for key in newer]))
    if standing.pending:
        found.append(findings.pending([label(key) for key in standing.pending]))
    found += [findings.squash_unrecorded(label(key)) for key in standing.squash_unrecorded]
    found += [findings.squash_partly_recorded(label(key)) for key in standing.squash_partly]
    found += [
        findings.duplicate_row(label(key), row_id, LEDGER_TABLE)
        for row_id, key in ledger.duplicates
    ]
    if leftover or standing.gone_apps:
        found.append(findings.leftover_rows([label(k) for k in (*leftover, *standing.gone_apps)]))
    return found


def _with_structure(
    verdict: Verdict,
    recorded: frozenset[MigrationKey],
    evidence: Evidence,
    code: Code,
    reference: Reference,
    scope: Scope,
) -> Verdict:
    actual = evidence.objects or {}
    settled = [key for key in verdict.pending if key not in evidence.in_hand]
    unrecorded = _present_but_unrecorded(settled, recorded, actual, reference, scope)
    expected = reference.expect(recorded | frozenset(unrecorded))
    for key in evidence.in_hand:
        expected = expected.without(changed for changed, _, _ in reference.changes_of(key))
    found = list(verdict.findings)
    if expected.unknown:
        reason = f"the reference never passed {findings.named([*map(label, expected.unknown)])}"
        return verdict.with_findings([findings.structure_not_compared(reason)])
    if unrecorded:
        provable = all(code.is_structural(key) for key in unrecorded)
        found = [finding for finding in found if finding.kind is not FindingKind.PENDING]
        found.append(findings.present_but_unrecorded([*map(label, unrecorded)], provable))
        rest = [label(key) for key in verdict.pending if key not in unrecorded]
        found += [findings.pending(rest)] if rest else []
        unrecorded = unrecorded if provable else ()
    elif any(f.kind is FindingKind.APPLIED_BEFORE_DEPENDENCY for f in found):
        reason = "its ledger contradicts the graph"
        return verdict.with_findings([findings.structure_not_compared(reason)])
    different = [
        difference
        for difference in differences(
            expected, actual, ignore=scope.ignore, foreign_tables=evidence.kind == PUBLIC_KIND
        )
        if not scope.apps or expected.origin.get(difference.key, ("", ""))[0] in scope.apps
    ]
    found += describe(different, expected, actual, reference)
    return Verdict(tuple(found), verdict.pending, tuple(different), expected, tuple(unrecorded))


def _present_but_unrecorded(
    pending: Sequence[MigrationKey],
    recorded: frozenset[MigrationKey],
    actual: ObjectMap,
    reference: Reference,
    scope: Scope,
) -> tuple[MigrationKey, ...]:
    """The longest run of pending migrations, from the first, whose changes are all in place.

    The structure must be exactly that of the ledger with them, and each must have changed it:
    what leaves no trace can't be seen.
    """
    for count in range(len(pending), 0, -1):
        run = pending[:count]
        if not reference.structural.issuperset(run):
            continue
        expected = reference.expect(recorded.union(run))
        if not expected.unknown and not differences(expected, actual, ignore=scope.ignore):
            return tuple(run)
    return ()
