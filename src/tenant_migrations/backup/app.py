"""Rolling back one app of a tenant: its tables, rows and ledger as in the backup, nothing else.

The backup's schema is restored beside the tenant's, inside one transaction. Then the app's tables
change places, with their indexes, sequences, triggers, views and trigger functions; foreign keys
that cross the border are made anew, and the ledger's rows of the app are exchanged. Before any of
this rows that would point to nothing are counted. It commits as a whole or not at all; what was
replaced is dropped afterwards.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from django.db import DatabaseError

from tenant_migrations import maintenance
from tenant_migrations.backup import clients, journal, outlook
from tenant_migrations.backup.app_objects import (
    Belongings,
    dangling,
    move,
    read_belongings,
    tables_of,
)
from tenant_migrations.backup.clients import Clients
from tenant_migrations.backup.deeds import (
    MOST_NAMED,
    Deed,
    Outcome,
    Plan,
    Progress,
    Safety,
)
from tenant_migrations.backup.opening import Opened
from tenant_migrations.backup.restoring import begun, restore, source_of
from tenant_migrations.backup.scratch import control
from tenant_migrations.backup.tenant import hold
from tenant_migrations.database import one_line, quote, reading
from tenant_migrations.exceptions import Refused, TenantMigrationsError
from tenant_migrations.fleet import ledger, tenants
from tenant_migrations.fleet.findings import named, plural
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.fleet.structure import ObjectMap, read_objects
from tenant_migrations.fleet.tenants import ASIDE_SCHEMA
from tenant_migrations.models import Rollback


class _Enough(Exception):
    """Ends a transaction that was only to look."""


@dataclass(frozen=True)
class Exchange:
    """One app of one tenant, exchanged."""

    rows_before: int
    rows_after: int
    tables: Sequence[str]


@dataclass(frozen=True)
class AppDeed(Deed):
    """One app of one tenant, or of all that the backup holds."""

    opened: Opened
    app: str
    names: Sequence[str]
    """Tenants; empty: all."""
    code: Code
    safety: Safety

    @property
    def chosen(self) -> Sequence[str]:
        everyone = tenants.read_tenants() or []
        if self.names:
            return [tenant.schema_name for tenant in tenants.select(everyone, self.names)]
        held = set(self.opened.manifest.tenants)
        return [tenant.schema_name for tenant in everyone if tenant.schema_name in held]

    def plan(self, progress: Progress) -> Plan:
        self.code.check_apps([self.app])
        tenants.check_apps([self.app])
        outlook.refuse_missing_roles(self.opened)
        chosen = self.chosen
        for name in chosen:
            outlook.facts_of(self.opened, name)
        self.opened.check(chosen)
        lines, document = [], []
        for done, name in enumerate(chosen):
            progress("tenants looked at", done, len(chosen))
            outlook.refuse_older_code(self.opened, name, self.code)
            would = self._exchange(name, None)
            lines.append(
                f"replaces {self.app} of {name} ({would.rows_before:,} rows) by the backup's "
                f"({would.rows_after:,} rows): {named([*would.tables], MOST_NAMED)}"
            )
            document.append(
                {"schema_name": name, "rows": would.rows_before, "backup_rows": would.rows_after}
            )
        phrase = self.names[0] if self.names else str(len(chosen))
        return Plan("app", lines or ["nothing"], phrase, {"app": self.app, "tenants": document})

    def perform(self, progress: Progress) -> Outcome:
        chosen = self.chosen
        lines, errors, document = [], {}, []
        for done, name in enumerate(chosen):
            progress("tenants", done, len(chosen))
            entry = journal.begin(
                "app", schema_name=name, app=self.app, backup=str(self.opened.path)
            )
            try:
                with (
                    journal.failing(entry),
                    maintenance.under_maintenance(
                        name, journal.MAINTENANCE_REASON, journal.MAINTENANCE_MINUTES
                    ),
                ):
                    saved = self.safety.make(entry, [name], self.code, progress)
                    did = self._exchange(name, entry)
                entry.aside = f"{ASIDE_SCHEMA}{entry.pk}"
                journal.drop_aside(entry)
            except (TenantMigrationsError, DatabaseError, psycopg.Error) as error:
                if len(chosen) == 1:
                    raise
                errors[name] = one_line(error)
                continue
            lines.append(f"{self.app} of {name} is as in the backup: {did.rows_after:,} rows")
            lines += [f"as it was before: {saved}"] if saved else []
            document.append(
                {"schema_name": name, "rows": did.rows_after, "safety_backup": saved or None}
            )
        lines += [f"{name} is as it was: {reason}" for name, reason in errors.items()]
        details: dict[str, Any] = {"app": self.app, "tenants": document, "errors": errors}
        behind = _behind([name for name in chosen if name not in errors], self.code)
        return Outcome(lines, details, failed=len(errors), behind=behind)

    def _exchange(self, name: str, entry: Rollback | None) -> Exchange:
        """Do it; without ``entry`` only look what would come of it."""
        with reading() as raw:
            found = clients.find(raw.info.server_version)
            recorded = frozenset(ledger.read_rows(raw, name).keys)
        work = _Exchange(self.opened, self.app, name, self.code, found, recorded, entry)
        with control() as wrapper:
            raw = wrapper.connection
            try:
                with raw.transaction():
                    done = work.run(raw)
                    if entry is None:
                        raise _Enough
            except _Enough:
                pass
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                raise Refused(
                    f"{name} could not be locked ({one_line(error)}): see who works on it in "
                    "pg_stat_activity, then try again"
                ) from error
        return done


@dataclass(frozen=True)
class _Exchange:
    """One exchange inside one transaction."""

    opened: Opened
    app: str
    schema: str
    code: Code
    clients: Clients
    recorded: frozenset[MigrationKey]
    """What the live ledger records."""
    entry: Rollback | None

    @property
    def aside(self) -> str:
        return f"{ASIDE_SCHEMA}{self.entry.pk if self.entry else 'look'}"

    @property
    def fresh(self) -> str:
        return f"{self.aside}_new"

    def run(self, raw: "psycopg.Connection[Any]") -> Exchange:
        self._refuse_inconsistent_ledger()
        fact = outlook.facts_of(self.opened, self.schema)
        # Only to look, nothing of other schemas is locked for foreign keys to them.
        source = source_of(self.opened, self.clients, self.schema)
        source = replace(source, is_alone=self.entry is None)
        with begun(source) as script:
            hold(raw, self.schema, self.aside, exclusively=self.entry is not None)
            restore(raw, source, script)
        raw.execute(f"ALTER SCHEMA {quote(self.schema)} RENAME TO {quote(self.fresh)}".encode())
        raw.execute(f"ALTER SCHEMA {quote(self.aside)} RENAME TO {quote(self.schema)}".encode())
        then = self.opened.manifest.ledger_of(self.schema)
        live = read_belongings(raw, self.schema, tables_of(self.code, self.recorded, self.app))
        backup = read_belongings(raw, self.fresh, tables_of(self.code, then, self.app))
        self._refuse_dangling(raw, live, backup)
        before = _count(raw, self.schema, live)
        if self.entry:
            self._change_places(raw, live, backup)
        after = sum(fact.rows.get(table, 0) for table in backup.tables)
        return Exchange(before, after, sorted({*live.tables, *backup.tables}))

    def _refuse_inconsistent_ledger(self) -> None:
        """Others' migrations may need what the app had later."""
        then = self.opened.manifest.ledger_of(self.schema)
        result = {key for key in self.recorded if key[0] != self.app}
        result |= {key for key in then if key[0] == self.app}
        known = set(self.code.standing(self.recorded).out_of_order)
        broken = [pair for pair in self.code.standing(result).out_of_order if pair not in known]
        if broken:
            child, parent = broken[0]
            raise Refused(
                f"{label(child)} of {self.schema} needs {label(parent)}, which the backup lacks: "
                "restore the tenant, or undo that first with --app --migrations-only"
            )

    def _refuse_dangling(
        self, raw: "psycopg.Connection[Any]", live: Belongings, backup: Belongings
    ) -> None:
        """Rows on either side of the border that would point to nothing."""
        lost = []
        for keys, inside, source, target in (
            (live.keys, live.tables, self.schema, self.fresh),
            (backup.keys, backup.tables, self.fresh, self.schema),
        ):
            for key in keys:
                # Keys of others into the app look at the backup's rows; the app's look at others'.
                points_in = key.table not in inside
                if points_in is not (source == self.schema):
                    continue
                if count := dangling(raw, key, source, target):
                    lost.append(f"{plural(count, 'row')} of {key.table} ({key.name})")
        if lost:
            raise Refused(
                f"{self.schema}: {named(lost, MOST_NAMED)} would point to rows that are not there "
                f"when {self.app} is as in the backup: delete or change them, or restore the tenant"
            )

    def _change_places(
        self, raw: "psycopg.Connection[Any]", live: Belongings, backup: Belongings
    ) -> None:
        others = self._others(raw, live, self.schema)
        wanted = self._own(raw, backup, self.fresh)
        incoming = [key for key in live.keys if key.table not in live.tables]
        outgoing = [key for key in backup.keys if key.table in backup.tables]
        for schema, keys in ((self.schema, live.keys), (self.fresh, backup.keys)):
            for key in keys:
                table = f"{quote(schema)}.{quote(key.table)}"
                raw.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quote(key.name)}".encode())
        raw.execute(f"CREATE SCHEMA {quote(self.aside)}".encode())
        move(raw, live, self.schema, self.aside)
        move(raw, backup, self.fresh, self.schema)
        raw.execute("SELECT set_config('search_path', %s, true)", (quote(self.schema),))
        for key in (*incoming, *outgoing):
            raw.execute(
                f"ALTER TABLE {quote(self.schema)}.{quote(key.table)}"
                f" ADD CONSTRAINT {quote(key.name)} {key.definition}".encode()
            )
        self._exchange_ledger(raw)
        if self._others(raw, backup, self.schema) != others:
            raise Refused(f"{self.schema}: something else than {self.app} would have changed")
        if self._own(raw, backup, self.schema) != wanted:
            raise Refused(f"{self.schema}: {self.app} would not be as in the backup")
        detail = {"app": self.app, "tables": sorted(backup.tables)}
        if self.entry:
            journal.note_done(raw, self.entry, self.aside, json.dumps(detail))

    def _exchange_ledger(self, raw: "psycopg.Connection[Any]") -> None:
        live, fresh = (f"{quote(name)}.{quote(LEDGER_TABLE)}" for name in (self.schema, self.fresh))
        raw.execute(f"DELETE FROM {live} WHERE app = %s".encode(), (self.app,))
        raw.execute(
            f"INSERT INTO {live} (app, name, applied)"
            f" SELECT app, name, applied FROM {fresh} WHERE app = %s ORDER BY id".encode(),
            (self.app,),
        )

    def _own(
        self, raw: "psycopg.Connection[Any]", belongings: Belongings, schema: str
    ) -> Mapping[str, str]:
        return _selected(_objects(raw, schema), belongings, own=True)

    def _others(
        self, raw: "psycopg.Connection[Any]", belongings: Belongings, schema: str
    ) -> Mapping[str, str]:
        return _selected(_objects(raw, schema), belongings, own=False)


def _objects(raw: "psycopg.Connection[Any]", schema: str) -> ObjectMap:
    row = raw.execute("SELECT %s::regnamespace::oid", (quote(schema),)).fetchone()
    return read_objects(raw, row[0], schema) if row else {}


def _selected(objects: ObjectMap, belongings: Belongings, *, own: bool) -> dict[str, str]:
    """Definitions of what is, or is not, the app's."""
    mine = {*belongings.tables, *(name for _, name in belongings.views), *belongings.functions}
    return {
        f"{key.kind} {key.relation} {key.name}": text
        for key, text in objects.items()
        if (key.relation in mine) is own
    }


def _behind(schemas: Sequence[str], code: Code) -> dict[str, int]:
    """How many migrations the code has that these lack, where it has any; as their ledgers say."""
    with reading() as connection:
        recorded = {name: ledger.read_rows(connection, name).keys for name in schemas}
    found = {name: len(code.standing(keys).pending) for name, keys in recorded.items()}
    return {name: count for name, count in found.items() if count}


def _count(raw: "psycopg.Connection[Any]", schema: str, belongings: Belongings) -> int:
    total = 0
    for table in belongings.tables:
        row = raw.execute(f"SELECT count(*) FROM {quote(schema)}.{quote(table)}".encode())
        total += next(iter(row))[0]
    return total
