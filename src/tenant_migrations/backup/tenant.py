"""Rolling a tenant back: its schema replaced by the backup's in one transaction.

In that transaction writers of the tenant are shut out, its schema gets another name, the backup is
restored under the tenant's own, rows and structure are compared with the manifest, and the journal
is told. Whatever is killed when, the tenant is as before or as in the backup. Readers see the old
one until the new one is there; other tenants notice nothing. The old schema is dropped afterwards.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from tenant_migrations import conf, locks
from tenant_migrations.backup import journal
from tenant_migrations.backup.outlook import outside_of
from tenant_migrations.backup.restoring import Source, begun, restore
from tenant_migrations.backup.scratch import control
from tenant_migrations.database import quote
from tenant_migrations.exceptions import Busy, Refused
from tenant_migrations.fleet.findings import named
from tenant_migrations.fleet.tenants import ASIDE_SCHEMA
from tenant_migrations.locks import second_key
from tenant_migrations.models import Rollback
from tenant_migrations.rollout.retry import attempts

OWN_TABLES = """
    SELECT format('%%I.%%I', n.nspname, c.relname)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relkind IN ('r', 'p')
  ORDER BY c.oid
"""


@dataclass(frozen=True)
class Restored:
    """What came of it."""

    schema: str
    rows: int
    seconds: float
    """For the restore, its verification and the end of what was replaced."""
    aside_dropped: bool


def replace(
    source: Source, entry: Rollback, told: Callable[[int], None] = lambda rows: None
) -> Restored:
    """Replace the schema by the backup's; ``entry`` says that it is done when this returns.

    A lock that is not to be had within ``LOCK_TIMEOUT_MS`` is tried for ``LOCK_ATTEMPTS`` times.
    Raises what ``restore`` raises, ``Busy`` where another run works on the tenant, and ``Refused``
    where something outside rests on it; nothing has changed then.
    """
    aside = f"{ASIDE_SCHEMA}{entry.pk}"
    started = time.monotonic()
    failure: psycopg.Error | None = None
    for _ in attempts(conf.get().LOCK_ATTEMPTS):
        try:
            with begun(source) as script, control() as wrapper:
                raw: psycopg.Connection[Any] = wrapper.connection
                with raw.transaction():
                    if rests := outside_of(raw, source.schema):
                        raise Refused(f"{named(rests)} rests on {source.schema}: drop it first")
                    existed = hold(raw, source.schema, aside)
                    restore(raw, source, script, told)
                    detail = {"rows": source.facts.total_rows, "backup": str(source.archive)}
                    journal.note_done(raw, entry, aside if existed else "", json.dumps(detail))
            break
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            failure = error
    else:
        raise Refused(
            f"{source.schema} could not be locked ({str(failure).splitlines()[0]}): see who works "
            "on it in pg_stat_activity, then try again"
        )
    entry.aside = aside if existed else ""
    is_dropped = journal.drop_aside(entry)
    seconds = round(time.monotonic() - started, 3)
    return Restored(source.schema, source.facts.total_rows, seconds, is_dropped)


def hold(
    raw: "psycopg.Connection[Any]", schema: str, aside: str, *, exclusively: bool = True
) -> bool:
    """Give the schema another name, inside the open transaction; False where it is not there.

    ``exclusively`` shuts writers out; readers go on. Raises ``Busy`` where another run works on it.
    """
    raw.execute(f"SET LOCAL lock_timeout = {conf.get().LOCK_TIMEOUT_MS}")
    raw.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    raw.execute("SET LOCAL statement_timeout = 0")
    lock = raw.execute(
        "SELECT pg_try_advisory_xact_lock(%s, %s)", (locks.TENANT, second_key(schema))
    ).fetchone()
    if not lock or not lock[0]:
        raise Busy(f"another run is working on {schema}; nothing was done: try again later")
    there = raw.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,))
    if there.fetchone() is None:
        return False
    if exclusively:
        _shut_writers_out(raw, schema)
    raw.execute(f"ALTER SCHEMA {quote(schema)} RENAME TO {quote(aside)}")
    return True


def _shut_writers_out(raw: "psycopg.Connection[Any]", schema: str) -> None:
    tables = [name for (name,) in raw.execute(OWN_TABLES, (schema,))]
    if tables:
        raw.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE".encode())
