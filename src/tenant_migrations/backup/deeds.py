"""Rollbacks as a command sees them: first what would be done, then, with consent, the deed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.db import DatabaseError

from tenant_migrations import maintenance
from tenant_migrations.backup import clients, facts, journal, outlook, tenant
from tenant_migrations.backup.folder import SET_MANIFEST, Folder
from tenant_migrations.backup.making import make
from tenant_migrations.backup.opening import Opened
from tenant_migrations.backup.orders import Order as BackupOrder
from tenant_migrations.backup.restoring import source_of
from tenant_migrations.database import one_line, public_schema, reading, schema_in_use
from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.fleet import tenants
from tenant_migrations.fleet.findings import named
from tenant_migrations.fleet.graph import Code, label
from tenant_migrations.models import Rollback

Progress = Callable[[str, int, int], None]

MOST_NAMED = 10


@dataclass(frozen=True)
class Plan:
    """What a rollback would do."""

    scope: str
    lines: Sequence[str]
    phrase: str
    """What has to be typed to agree: the name, or the number, of what is replaced."""
    document: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a rollback did."""

    lines: Sequence[str]
    document: dict[str, Any] = field(default_factory=dict)
    failed: int = 0
    """Tenants that are as they were, because of an error."""
    behind: Mapping[str, int] = field(default_factory=dict)
    """How many migrations the code has that a schema now lacks, where it has any."""


class Deed(ABC):
    """One rollback, looked at before it is done."""

    @abstractmethod
    def plan(self, progress: Progress) -> Plan:
        """What it would do; changes nothing. Raises ``Refused`` where it must not be done."""

    @abstractmethod
    def perform(self, progress: Progress) -> Outcome:
        """Do it. What holds when it is killed is said by the module that does the work."""


@dataclass(frozen=True)
class Safety:
    """The backup that is made of what is about to be replaced."""

    folder: Folder | None
    """``None``: it was declined."""

    def make(self, entry: Rollback, names: Sequence[str], code: Code, progress: Progress) -> str:
        """Its path, noted in the journal; empty where there is none."""
        if self.folder is None:
            return ""
        path = str(make(BackupOrder(self.folder, names), code, progress).path)
        with schema_in_use(public_schema()):
            Rollback.objects.filter(pk=entry.pk).update(safety_backup=path)
        return path


def folder_beside(backup: Path) -> Path:
    """The folder that a backup is kept in."""
    return backup.parent.parent if backup.name == SET_MANIFEST else backup.parent


@dataclass(frozen=True)
class TenantDeed(Deed):
    """A tenant's schema replaced by the backup's."""

    opened: Opened
    schema: str
    code: Code
    safety: Safety

    def plan(self, progress: Progress) -> Plan:
        tenants.select(tenants.read_tenants() or [], [self.schema])
        outlook.facts_of(self.opened, self.schema)
        outlook.refuse_missing_roles(self.opened)
        behind = outlook.refuse_older_code(self.opened, self.schema, self.code)
        with ThreadPoolExecutor(1) as pool:  # Of a fleet's archive, reading every byte takes time.
            checked = pool.submit(self.opened.check, [self.schema])
            loss = outlook.loss_of(self.opened, self.schema, behind)
            checked.result()
        outlook.refuse_outside(loss)
        return Plan("tenant", _lines(self.opened, loss), self.schema, _document(loss))

    def perform(self, progress: Progress) -> Outcome:
        fact = outlook.facts_of(self.opened, self.schema)
        with reading() as connection:
            found = clients.find(connection.info.server_version)
            exists = facts.read_schemas(connection).get(self.schema) is not None
        entry = journal.begin("tenant", schema_name=self.schema, backup=str(self.opened.path))
        with (
            journal.failing(entry),
            # Begun before the safety backup: what visitors wrote after it would be in neither.
            maintenance.under_maintenance(
                self.schema, journal.MAINTENANCE_REASON, journal.MAINTENANCE_MINUTES
            ),
        ):
            saved = self.safety.make(entry, [self.schema], self.code, progress) if exists else ""
            source = source_of(self.opened, found, self.schema)
            done = tenant.replace(
                source, entry, lambda rows: progress("rows restored", rows, fact.total_rows)
            )
        lines = [f"{self.schema} is as in the backup: {done.rows:,} rows, structure as recorded"]
        lines += [f"as it was before: {saved}"] if saved else []
        if not done.aside_dropped:
            lines.append("what was replaced could not be locked: the next rollback drops it")
        document: dict[str, Any] = {"rollback": entry.pk, "schema_name": self.schema}
        document |= {"rows": done.rows, "restore_seconds": done.seconds}
        document |= {"safety_backup": saved or None}
        pending = self.code.standing(self.opened.manifest.ledger_of(self.schema)).pending
        return Outcome(lines, document, behind={self.schema: len(pending)} if pending else {})


@dataclass(frozen=True)
class SeveralDeeds(Deed):
    """One after the other; one that fails costs the others nothing."""

    scope: str
    deeds: Sequence[TenantDeed]
    phrase: str

    def plan(self, progress: Progress) -> Plan:
        plans = [deed.plan(progress) for deed in self.deeds]
        lines = [line for plan in plans for line in plan.lines] or ["nothing"]
        document = {"tenants": [plan.document for plan in plans]}
        return Plan(self.scope, lines, self.phrase, document)

    def perform(self, progress: Progress) -> Outcome:
        lines: list[str] = []
        documents, errors, pending = [], {}, dict[str, int]()
        for deed in self.deeds:
            try:
                outcome = deed.perform(progress)
            except (TenantMigrationsError, DatabaseError, psycopg.Error) as error:
                errors[deed.schema] = one_line(error)
                lines.append(f"{deed.schema} is as it was: {errors[deed.schema]}")
                continue
            lines += outcome.lines
            documents.append(outcome.document)
            pending |= outcome.behind
        document = {"tenants": documents, "errors": errors}
        return Outcome(lines, document, failed=len(errors), behind=pending)


def _lines(opened: Opened, loss: outlook.Loss) -> list[str]:
    content = opened.manifest
    there = f"{loss.live_rows:,} rows" if loss.exists else "nothing, it has no schema"
    lines = [
        f"replaces {loss.schema} ({there}) by the backup of {content.made:%Y-%m-%d %H:%M} UTC "
        f"({loss.backup_rows:,} rows)",
    ]
    if loss.newer:
        tables = [f"{table} {count:,}" for table, count in sorted(loss.newer.items())]
        lines.append(f"{loss.newer_rows:,} newer rows would be lost: {named(tables, MOST_NAMED)}")
    if loss.behind:
        names = named([*map(label, loss.behind)], MOST_NAMED)
        lines.append(f"it was made with older code, without {names}")
    lines.append(f"code revision of the backup: {content.code_revision}")
    return lines


def _document(loss: outlook.Loss) -> dict[str, Any]:
    return {
        "schema_name": loss.schema,
        "exists": loss.exists,
        "live_rows": loss.live_rows,
        "backup_rows": loss.backup_rows,
        "newer_rows": dict(loss.newer),
        "behind": [*map(label, loss.behind)],
    }
