"""The survey: reads code, ledgers and structures of the fleet and has each variant judged.

Reads only, in bounded batches: what it costs grows with the fleet, what it holds in memory with the
number of variants.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import psycopg
from django.db import DatabaseError

from tenant_migrations import conf
from tenant_migrations.database import (
    one_line,
    public_schema,
    reading,
    schema_in_use,
    sqlstate,
)
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet import expectation, findings, ledger, permissions, tenants
from tenant_migrations.fleet.expectation import Reference
from tenant_migrations.fleet.findings import Finding
from tenant_migrations.fleet.fingerprints import Fingerprints, read_fingerprints
from tenant_migrations.fleet.graph import Code, MigrationKey
from tenant_migrations.fleet.ledger import Ledger, SchemaFact
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.fleet.structure import ObjectMap, read_objects
from tenant_migrations.fleet.tenants import PUBLIC_KIND, Tenant
from tenant_migrations.fleet.verdict import Evidence, Scope, Verdict, judge
from tenant_migrations.logs import event
from tenant_migrations.models import Quarantine, StepJournal

logger = logging.getLogger("tenant_migrations.fleet")

Progress = Callable[[str, int, int], None]
"""Told what is being read, how much of it is done, and how much there is in all."""


def no_progress(what: str, done: int, total: int) -> None:
    """For callers who do not want to be told."""


@dataclass(frozen=True)
class Question:
    """What is asked of the fleet."""

    tenants: Sequence[str] = ()
    """Schema names; empty: all tenants."""
    apps: Sequence[str] = ()
    """App labels; empty: all apps."""
    structure: bool = True
    """Whether structures, content types and permissions are read too."""
    jobs: int = field(default_factory=lambda: conf.get().JOBS)


def who_is_asked_about(question: Question, code: Code) -> tuple[list[Tenant], list[Tenant]]:
    """All tenants, and those of the question.

    Raises ``WrongUse`` for a tenant or app that does not exist; ask before anything is written.
    """
    code.check_apps(question.apps)
    tenants.check_apps(question.apps)
    everyone = tenants.read_tenants() or []
    return everyone, tenants.select(everyone, question.tenants)


def survey(
    code: Code,
    references: Mapping[str, Reference],
    question: Question,
    *,
    fleet_findings: Sequence[Finding] = (),
    progress: Progress = no_progress,
) -> FleetReport:
    """Answer the question.

    A schema that can't be read becomes ``unknown`` with the reason; it costs no other its answer.
    Raises ``WrongUse`` for a tenant or app that does not exist and ``DatabaseUnavailable`` where
    nothing can be asked at all.
    """
    started = time.monotonic()
    everyone, chosen = who_is_asked_about(question, code)
    try:
        with reading() as connection:
            surveyor = _Surveyor(connection, code, references, question, progress)
            public = surveyor.public()
            reports = surveyor.tenants(chosen)
            orphans = surveyor.orphans(everyone)
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"the database could not be read: {one_line(error)}") from error
    report = FleetReport(
        code_revision=code.revision,
        public=public,
        tenants=tuple(reports),
        orphans=orphans,
        findings=(*fleet_findings, *map(findings.orphan_schema, orphans)),
        structure_compared=question.structure,
        duration_seconds=round(time.monotonic() - started, 3),
    )
    event(
        logger,
        logging.INFO,
        "survey_ended",
        tenants=len(reports),
        public=public.status,
        duration=report.duration_seconds,
        **{status.value: count for status, count in report.by_status.items()},
    )
    return report


def survey_public(
    code: Code,
    apps: Iterable[str] = (),
    references: Mapping[str, Reference] = MappingProxyType({}),
) -> SchemaReport:
    """The shared schema alone; with no references, its ledger only. Errors as ``survey``."""
    question = Question(apps=tuple(apps))
    try:
        with reading() as connection:
            return _Surveyor(connection, code, references, question, no_progress).public()
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"the database could not be read: {one_line(error)}") from error


def orphans_among(schemas: Iterable[SchemaFact], everyone: Iterable[Tenant]) -> tuple[str, ...]:
    """Schemas that look like a tenant's and belong to none."""
    known = {public_schema(), *(tenant.schema_name for tenant in everyone)}
    return tuple(
        sorted(
            fact.name
            for fact in schemas
            if fact.has_ledger
            and fact.name not in known
            and not tenants.is_ignored_schema(fact.name)
        )
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """How one schema looks from outside; schemas that look alike are judged once."""

    kind: str
    ledger: str
    fingerprint: str
    registrations: str
    in_hand: frozenset[MigrationKey] = frozenset()


class _Surveyor:
    """One survey: its connection, and what it has read so far."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        code: Code,
        references: Mapping[str, Reference],
        question: Question,
        progress: Progress,
    ) -> None:
        self.connection = connection
        self.code = code
        self.references = references if question.structure else {}
        self.question = question
        self.progress = progress
        self.options = conf.get()
        self.scope = Scope(frozenset(question.apps), self.options.IGNORE_OBJECTS)
        self.schemas = ledger.read_schemas(connection)
        self.prints = Fingerprints()
        self.judged: dict[_Look, tuple[str, Verdict]] = {}
        self.ledgers: dict[str, Ledger] = {}
        self.registries: dict[str, permissions.Registry] = {}

    def public(self) -> SchemaReport:
        """The shared schema, always read object by object, as no other schema is like it."""
        name = public_schema()
        fact = self.schemas.get(name)
        if fact is None or not fact.has_ledger:
            nothing = Evidence(PUBLIC_KIND, Ledger())
            return SchemaReport(name, PUBLIC_KIND, judge(nothing, self.code, None, self.scope))
        digests, errors = ledger.read_digests(self.connection, [name], batch=1)
        if errors:
            return _unreadable(SchemaReport(name, PUBLIC_KIND), errors[name])
        look = _Look(
            PUBLIC_KIND, digests[name], name, self._registrations(PUBLIC_KIND, [name])[name]
        )
        return self._report(SchemaReport(name, PUBLIC_KIND), fact, look)

    def tenants(self, chosen: Sequence[Tenant]) -> list[SchemaReport]:
        """Every tenant's report, in the order given."""
        digests, errors = self._digests(chosen)
        self.prints = self._fingerprints(digests)
        registrations: dict[str, str] = {}
        for kind in tenants.kinds():
            some = [t.schema_name for t in chosen if t.kind == kind and t.schema_name in digests]
            registrations |= self._registrations(kind, some)
        quarantined, in_hand = _read_quarantined(), _read_in_hand()
        reports = []
        for tenant in chosen:
            name = tenant.schema_name
            own = _own_findings(tenant, quarantined.get(name))
            report = SchemaReport(name, tenant.kind, own=own, domain=tenant.domain)
            if tenant.kind not in tenants.kinds():
                reports.append(report)
            elif name in errors:
                reports.append(_unreadable(report, errors[name]))
            elif name not in digests:
                reports.append(self._without_ledger(report))
            else:
                fact = self.schemas[name]
                look = _Look(
                    tenant.kind,
                    digests[name],
                    self.prints[fact.oid],
                    registrations[name],
                    in_hand.get(name, frozenset()),
                )
                reports.append(self._report(report, fact, look))
        return reports

    def orphans(self, everyone: Sequence[Tenant]) -> tuple[str, ...]:
        """Schemas without a tenant, also now: one made meanwhile has its row by then."""
        if not orphans_among(self.schemas.values(), everyone):
            return ()
        return orphans_among(self.schemas.values(), tenants.read_tenants() or everyone)

    def _digests(self, chosen: Sequence[Tenant]) -> tuple[dict[str, str], dict[str, str]]:
        names = [
            tenant.schema_name
            for tenant in chosen
            if (fact := self.schemas.get(tenant.schema_name)) and fact.has_ledger
        ]
        return ledger.read_digests(
            self.connection,
            names,
            batch=self.options.LEDGER_BATCH,
            jobs=self.question.jobs,
            progress=lambda done, total: self.progress("reading ledgers", done, total),
        )

    def _fingerprints(self, names: Mapping[str, str]) -> Fingerprints:
        """Of these schemas and of the reference schemas, in one pass."""
        if not self.references or not names:
            return Fingerprints()
        references = [r.schema_name for r in self.references.values()]
        oids = [self.schemas[name].oid for name in (*names, *references) if name in self.schemas]
        return read_fingerprints(
            oids,
            jobs=self.question.jobs,
            slice_size=self.options.READ_BATCH,
            progress=lambda done, total: self.progress("comparing structures", done, total),
        )

    def _registrations(self, kind: str, names: Sequence[str]) -> dict[str, str]:
        """Digests of content types and permissions; empty where they are not looked at."""
        found = dict.fromkeys(names, "")
        registry = self.registries.setdefault(kind, permissions.Registry.of(kind))
        if self.question.structure and registry.has_content_types and names:
            found |= permissions.read_digests(
                self.connection,
                names,
                registry,
                batch=self.options.LEDGER_BATCH,
                jobs=self.question.jobs,
            )
        return found

    def _report(self, report: SchemaReport, fact: SchemaFact, look: _Look) -> SchemaReport:
        if look not in self.judged:
            try:
                self.judged[look] = self._judge(fact, look)
            except psycopg.Error as error:
                if self.connection.broken:
                    raise
                return _unreadable(report, one_line(error))
        variant, verdict = self.judged[look]
        return SchemaReport(
            report.schema_name,
            report.kind,
            verdict,
            report.own,
            report.domain,
            variant,
            look.ledger,
        )

    def _judge(self, fact: SchemaFact, look: _Look) -> tuple[str, Verdict]:
        """Read out one schema of a look; its variant and verdict are those of all that look so."""
        if look.ledger not in self.ledgers:
            self.ledgers[look.ledger] = ledger.read_rows(self.connection, fact.name)
        rows = self.ledgers[look.ledger]
        reference = self.references.get(look.kind)
        objects = self._objects(fact, look, reference)
        evidence = Evidence(look.kind, rows, objects, look.in_hand)
        verdict = judge(evidence, self.code, reference, self.scope)
        if look.registrations and not verdict.pending and not self.question.apps:
            registry = self.registries[look.kind]
            more = permissions.read_findings(self.connection, fact.name, registry)
            verdict = verdict.with_findings(more)
        shape = expectation.digest_of(objects) if objects is not None else ""
        traits = "\n".join((look.kind, look.ledger, shape, look.registrations))
        return hashlib.sha256(traits.encode()).hexdigest()[:8], verdict

    def _objects(
        self, fact: SchemaFact, look: _Look, reference: Reference | None
    ) -> ObjectMap | None:
        if reference is None:
            return None
        twin = self.schemas.get(reference.schema_name)
        if twin and look.fingerprint == self.prints[twin.oid]:
            return reference.expect(reference.passed).objects
        return read_objects(self.connection, fact.oid, fact.name)

    def _without_ledger(self, report: SchemaReport) -> SchemaReport:
        """A tenant without a schema, or with one that was never finished."""
        fact = self.schemas.get(report.schema_name)
        if fact is None:
            return report.with_own(findings.schema_absent())
        if objects := read_objects(self.connection, fact.oid, fact.name):
            return report.with_own(findings.ledger_absent(len(objects)))
        report = report.with_own(findings.schema_empty())
        empty = judge(Evidence(report.kind, Ledger()), self.code, None, self.scope)
        return SchemaReport(report.schema_name, report.kind, empty, report.own, report.domain)


def _own_findings(tenant: Tenant, quarantine: str | None) -> tuple[Finding, ...]:
    found = []
    if tenant.kind not in tenants.kinds():
        found.append(findings.tenant_type_unknown(tenant.kind, list(tenants.kinds())))
    if quarantine is not None:
        found.append(findings.quarantined(quarantine))
    if not tenant.has_primary_domain:
        found.append(findings.no_primary_domain(tenant.domain is not None))
    return tuple(found)


def _unreadable(report: SchemaReport, reason: str) -> SchemaReport:
    return report.with_own(findings.unreadable(reason), error=reason)


def _read_quarantined() -> dict[str, str]:
    """Reason by schema name."""
    return dict(_own_rows(Quarantine.objects.values_list("schema_name", "reason")))


def _read_in_hand() -> dict[str, frozenset[MigrationKey]]:
    """Migrations that are half done under a journal, by schema name."""
    found: dict[str, frozenset[MigrationKey]] = {}
    for name, *key in _own_rows(StepJournal.objects.values_list("schema_name", "app", "name")):
        found[name] = found.get(name, frozenset()) | {(key[0], key[1])}
    return found


def _own_rows(rows: Iterable[Any]) -> list[Any]:
    """Rows of the app's own tables; none before these exist."""
    try:
        with schema_in_use(public_schema()):
            return list(rows)
    except DatabaseError as error:
        if sqlstate(error) == "42P01":
            return []
        raise DatabaseUnavailable(f"the records can't be read: {one_line(error)}") from error
