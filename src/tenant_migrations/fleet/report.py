"""The answer: what is known of the fleet, as frozen data that every output renders."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tenant_migrations.fleet.findings import Finding
from tenant_migrations.fleet.tenants import PUBLIC_KIND
from tenant_migrations.fleet.verdict import Verdict, status_of
from tenant_migrations.vocabulary import ExitCode, Severity, TenantStatus


@dataclass(frozen=True)
class SchemaReport:
    """One schema: the verdict of its variant and what is its own."""

    schema_name: str
    kind: str
    verdict: Verdict = field(default=Verdict(), repr=False)
    own: tuple[Finding, ...] = ()
    """Findings that it does not share with its variant."""
    domain: str | None = None
    variant: str = ""
    """Identifies the variant within the report; empty where it could not be read."""
    ledger_digest: str = ""
    error: str | None = None
    """Why it could not be checked."""

    def with_own(self, finding: Finding, error: str | None = None) -> "SchemaReport":
        """The same with one more finding of its own."""
        return replace(self, own=(*self.own, finding), error=error)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        found = (*self.own, *self.verdict.findings)
        if self.kind == PUBLIC_KIND:
            return tuple(finding.for_all() for finding in found)
        return tuple(finding.for_schema(self.schema_name) for finding in found)

    @cached_property
    def status(self) -> TenantStatus:
        return status_of((*self.own, *self.verdict.findings))


@dataclass(frozen=True)
class Variant:
    """Tenants with the same ledger, the same structure and so the same verdict."""

    id: str
    status: TenantStatus
    schema_names: tuple[str, ...]


@dataclass(frozen=True)
class FleetReport:
    """The whole fleet, or the tenants that were asked for."""

    code_revision: str
    public: SchemaReport
    tenants: tuple[SchemaReport, ...] = ()
    orphans: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What concerns the fleet and no single tenant."""
    structure_compared: bool = True
    duration_seconds: float = 0.0

    @cached_property
    def by_status(self) -> Mapping[TenantStatus, int]:
        """Number of tenants of each status that occurs, gravest first."""
        counts = Counter(tenant.status for tenant in self.tenants)
        return {status: counts[status] for status in TenantStatus if counts[status]}

    @cached_property
    def not_ok(self) -> tuple[SchemaReport, ...]:
        return tuple(t for t in self.tenants if t.status is not TenantStatus.OK)

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """Variants, the largest first."""
        members: dict[str, list[SchemaReport]] = {}
        for tenant in self.tenants:
            if tenant.variant:
                members.setdefault(tenant.variant, []).append(tenant)
        found = [
            Variant(name, status_of(some[0].verdict.findings), tuple(t.schema_name for t in some))
            for name, some in members.items()
        ]
        return tuple(sorted(found, key=lambda v: (-len(v.schema_names), v.schema_names)))

    @property
    def is_clean(self) -> bool:
        grave = any(finding.severity is Severity.ERROR for finding in self.findings)
        return not (self.not_ok or grave) and self.public.status is TenantStatus.OK

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.CLEAN if self.is_clean else ExitCode.FINDINGS
