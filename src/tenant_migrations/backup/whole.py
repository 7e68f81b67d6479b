"""Rolling the whole database back: restored beside the live one, compared, then swapped by name.

Both renames are one transaction, after all connections were ended: whatever is killed when, the
name stands for the old database or for the new one. Before that nothing of the live database was
touched; a half restored one is a scratch database, which the next run drops. The old one is kept
under another name until somebody drops it.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import DatabaseError, connections
from django.db.models import Model
from django.utils import timezone

from tenant_migrations import conf, locks, maintenance
from tenant_migrations.backup import clients, facts, journal, manifest, outlook, scratch, verifying
from tenant_migrations.backup.clients import ClientFailed, Clients
from tenant_migrations.backup.deeds import MOST_NAMED, Deed, Outcome, Plan, Progress, Safety
from tenant_migrations.backup.opening import Opened
from tenant_migrations.database import one_line, public_schema, quote, reading, tenant_connection
from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet import tenants
from tenant_migrations.fleet.findings import named, plural
from tenant_migrations.fleet.graph import Code
from tenant_migrations.locks import FleetLock
from tenant_migrations.models import Backup, Rollback, Rollout
from tenant_migrations.rollout.retry import attempts

KEPT_MARK = "_tm_before_"
SWAP_ATTEMPTS = 6

TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = ANY(%s) AND pid <> pg_backend_pid()
"""

# Who owns the database, who may use it, and the settings that it carries for everybody.
PROPERTIES = """
    SELECT pg_get_userbyid(d.datdba),
           (SELECT json_agg(json_build_array(CASE WHEN a.grantee = 0 THEN ''
                            ELSE pg_get_userbyid(a.grantee) END, a.privilege_type))
              FROM aclexplode(d.datacl) a),
           coalesce((SELECT s.setconfig FROM pg_db_role_setting s
                      WHERE s.setdatabase = d.oid AND s.setrole = 0), '{}')
      FROM pg_database d WHERE d.datname = current_database()
"""


@dataclass(frozen=True)
class DatabaseDeed(Deed):
    """The database replaced by the backup's."""

    opened: Opened
    code: Code
    safety: Safety

    def plan(self, progress: Progress) -> Plan:
        content = self.opened.manifest
        _refuse_parts(self.opened)
        outlook.refuse_missing_roles(self.opened)
        for schema in {fact.ledger: name for name, fact in content.schemas.items()}.values():
            if content.schemas[schema].kind != facts.OTHER_KIND:
                outlook.refuse_older_code(self.opened, schema, self.code)
        self.opened.check()
        there = {tenant.schema_name for tenant in tenants.read_tenants() or []}
        losses = [
            outlook.loss_of(self.opened, name) for name in (*content.tenants, public_schema())
        ]
        return Plan("database", *self._described(losses, there))

    def _described(
        self, losses: Sequence[outlook.Loss], there: set[str]
    ) -> tuple[list[str], str, dict[str, Any]]:
        content = self.opened.manifest
        added = sorted(there - set(content.tenants))
        newer = {loss.schema: loss.newer_rows for loss in losses if loss.newer_rows}
        live = scratch.live_database()
        lines = [
            f"replaces the database {live} by the backup of {content.made:%Y-%m-%d %H:%M} UTC: "
            f"{plural(len(content.tenants), 'tenant')}; all connections are ended at the swap"
        ]
        if content.kind == manifest.PER_TENANT:
            lines.append("each tenant as of a moment of its own, from then on")
        if added:
            lines.append(f"made since and not in it: {named(added, MOST_NAMED)}")
        if newer:
            most = sorted(newer.items(), key=lambda item: -item[1])
            parts = [f"{name} {count:,}" for name, count in most]
            total = sum(newer.values())
            lines.append(f"{total:,} newer rows would be lost: {named(parts, MOST_NAMED)}")
        lines.append(f"code revision of the backup: {content.code_revision}")
        document = {"database": live, "tenants_added_since": added, "newer_rows": newer}
        return lines, live, document

    def perform(self, progress: Progress) -> Outcome:
        live = scratch.live_database()
        with FleetLock() as lock:
            entry = journal.begin("database", backup=str(self.opened.path))
            with journal.failing(entry), _all_under_maintenance():
                saved = self.safety.make(entry, [], self.code, progress)
                lock.holder.check(tenant_connection())
                with _restored(self.opened, progress) as fresh:
                    _carry_over(fresh, entry)
                    kept = swap(live, fresh)
        lines = [
            f"{live} is as in the backup; as it was before it is kept as {kept}",
            "when it is no longer needed: manage.py rollback_migrations --drop-kept",
        ]
        document = {"rollback": entry.pk, "database": live, "kept": kept}
        document |= {"safety_backup": saved or None}
        return Outcome(lines, document, behind=self._behind())

    def _behind(self) -> dict[str, int]:
        """By the manifest, which speaks of thousands of tenants by a handful of ledgers."""
        content = self.opened.manifest
        known = {
            fact.ledger: len(self.code.standing(content.ledger_of(name)).pending)
            for name, fact in content.schemas.items()
            if fact.kind != facts.OTHER_KIND
        }
        found = {
            name: known[fact.ledger]
            for name, fact in content.schemas.items()
            if fact.kind != facts.OTHER_KIND
        }
        return {name: count for name, count in found.items() if count}


def _refuse_parts(opened: Opened) -> None:
    """Raise ``Refused`` for a backup that does not hold all that makes a database."""
    content = opened.manifest
    lacks = []
    if public_schema() not in content.schemas:
        lacks.append(f"the schema {public_schema()}")
    if content.kind == manifest.PER_TENANT:
        if content.large_objects:
            lacks.append(plural(content.large_objects, "large object"))
        lacks += content.unscoped
    if lacks:
        raise Refused(
            f"{opened.path} does not hold the whole database: it lacks {named(lacks)}; restore "
            f"its tenants one by one: --tenant=NAME, one of {named(content.tenants)}"
        )


@contextmanager
def _all_under_maintenance() -> Iterator[None]:
    """The marks are in the database that is replaced: after the swap there are none."""
    names = [tenant.schema_name for tenant in tenants.read_tenants() or []]
    for name in names:
        maintenance.begin(name, journal.MAINTENANCE_REASON, journal.MAINTENANCE_MINUTES)
    try:
        yield
    except BaseException:
        with suppress(DatabaseError):
            for name in names:
                maintenance.end(name)
        raise


@contextmanager
def _restored(opened: Opened, progress: Progress) -> Iterator[str]:
    """The backup in a database of its own, compared with the manifest; dropped on failure."""
    with reading() as connection:
        found = clients.find(connection.info.server_version)
        here = facts.read_source(connection)
    with scratch.control() as wrapper:
        name = scratch.prefix() + secrets.token_hex(6)
        locks.try_lock(wrapper, locks.SCRATCH, name)
        scratch.create(wrapper, name, here)
        try:
            _fill(opened, found, name, progress)
            verifying.compare(opened.manifest, name, progress)
            _give_properties(wrapper, name)
            yield name
        except BaseException:
            with suppress(DatabaseError, psycopg.Error):
                scratch.drop(name)
            raise


def _fill(opened: Opened, found: Clients, name: str, progress: Progress) -> None:
    try:
        verifying.fill(opened, found, name, progress, with_owners=True)
    except ClientFailed as error:
        if opened.manifest.kind != manifest.PER_TENANT:
            raise
        raise Refused(
            f"the archives of {opened.path}, each of a moment of its own, do not go together "
            f"({error}): restore its tenants one by one with --tenant=NAME"
        ) from error


def _give_properties(wrapper: Any, name: str) -> None:
    """Owner, grants and settings of the live database."""
    with wrapper.cursor() as cursor:
        cursor.execute(PROPERTIES)
        owner, grants, settings = cursor.fetchone()
        cursor.execute(f"ALTER DATABASE {quote(name)} OWNER TO {quote(owner)}")
        if grants is not None:
            cursor.execute(f"REVOKE ALL ON DATABASE {quote(name)} FROM PUBLIC")
        for grantee, privilege in grants or []:
            to = quote(grantee) if grantee else "PUBLIC"
            cursor.execute(f"GRANT {privilege} ON DATABASE {quote(name)} TO {to}")
        for setting in settings:
            key, _, value = setting.partition("=")
            cursor.execute(
                "SELECT format('ALTER DATABASE %%I SET %%s = %%L', %s, %s, %s)", (name, key, value)
            )
            cursor.execute(cursor.fetchone()[0])


def _carry_over(fresh: str, entry: Rollback) -> None:
    """What is known of backups and rollbacks outlives the rollback; this one is done there."""
    with (
        scratch.control() as wrapper,
        wrapper.cursor() as live,
        scratch.connected(fresh) as new,
        new.transaction(),
    ):
        rollouts = _ids(new, Rollout)
        for model in (Backup, Rollback):
            if _ids(new, model) is None:
                continue  # It was made before there was such a table.
            table = _table(model)
            live.execute(f"SELECT coalesce(json_agg(t)::text, '[]') FROM {table} t")
            rows = json.loads(live.fetchone()[0])
            for row in rows:
                if row.get("rollout_id") not in (rollouts or ()):
                    row["rollout_id"] = None
                if model is Rollback and row["id"] == entry.pk:
                    row |= {"state": journal.DONE, "finished_at": timezone.now().isoformat()}
            new.execute(f"DELETE FROM {table}".encode())
            new.execute(
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM"
                f" json_populate_recordset(NULL::{table}, %s)".encode(),
                (json.dumps(rows),),
            )
            new.execute(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), greatest(%s, 1))",
                (table, max((row["id"] for row in rows), default=1)),
            )


def _table(model: type[Model]) -> str:
    return f"{quote(public_schema())}.{quote(model._meta.db_table)}"


def _ids(connection: "psycopg.Connection[Any]", model: type[Model]) -> set[int] | None:
    """Of all rows; ``None`` where there is no such table."""
    table = _table(model)
    there = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
    if there is None or there[0] is None:
        return None
    return {pk for (pk,) in connection.execute(f"SELECT id FROM {table}".encode())}


def swap(live: str, fresh: str) -> str:
    """Give a database the name of the live one, in one transaction; the name that that one gets.

    Ends every connection to both, this process's too. Raises ``Refused`` where others keep coming
    back, with everything as it was.
    """
    failure: Exception | None = None
    connections[tenant_connection().alias].close()
    for _ in attempts(SWAP_ATTEMPTS):
        with _maintenance_database() as raw:
            try:
                raw.execute(f"SET lock_timeout = {conf.get().LOCK_TIMEOUT_MS}".encode())
                kept = _free_name(raw)
                raw.execute(TERMINATE, ([live, fresh],))
                with raw.transaction():
                    raw.execute(f"ALTER DATABASE {quote(live)} RENAME TO {quote(kept)}".encode())
                    raw.execute(f"ALTER DATABASE {quote(fresh)} RENAME TO {quote(live)}".encode())
                return kept
            except (psycopg.errors.ObjectInUse, psycopg.errors.LockNotAvailable) as error:
                failure = error
    raise Refused(
        f"{live} is in use all the time ({one_line(failure or Exception())}): "
        "stop what connects to it, then try again; nothing was changed"
    )


def _free_name(raw: "psycopg.Connection[Any]") -> str:
    """A name that says when the database was replaced."""
    moment = datetime.now(UTC)
    while True:
        name = scratch.prefix(KEPT_MARK) + moment.strftime("%Y%m%d%H%M%S")
        if not raw.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return name
        moment += timedelta(seconds=1)


@contextmanager
def _maintenance_database() -> Iterator["psycopg.Connection[Any]"]:
    for name in ("postgres", "template1"):
        try:
            with scratch.connected(name) as raw:
                yield raw
            return
        except DatabaseError:
            if name == "template1":
                raise


def drop_kept() -> list[str]:
    """Drop the databases that earlier rollbacks kept; their names."""
    pattern = scratch.prefix(KEPT_MARK).replace("\\", r"\\").replace("_", r"\_").replace("%", r"\%")
    with scratch.control() as wrapper, wrapper.cursor() as cursor:
        cursor.execute(scratch.LEFT, (pattern + "%",))
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        scratch.drop(name)
    return names
